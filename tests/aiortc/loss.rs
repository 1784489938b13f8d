//! What each reliability promises, on a path between aiortc and us that loses datagrams.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_rtc::{DataChannel, DataChannelOptions, DtlsEngine, Message, SctpTransportState};
use serde_json::json;

use super::answerer::Answerer;
use super::channels::{is_reliable, open, reliabilities};
use super::{WITHIN, connect_through, runtime, wait};

/// While the path is lossy, it loses each such DTLS record of each direction. It has no factor in
/// common with the number of channels, which send by turns.
const EVERY: usize = 11;

/// The least size of a datagram with one of the messages below.
const FULL: usize = 900;

/// The numbers of the messages that a channel sends meanwhile. The two before are lost on purpose.
const NUMBERS: std::ops::Range<usize> = 2..62;

/// The only path between two sides: each knows the other by an address of this.
struct Path {
    /// Facing us, and facing aiortc.
    sockets: Arc<[UdpSocket; 2]>,
    /// Ours, and aiortc's, as far as their descriptions have passed.
    ends: Vec<SocketAddr>,
    lossy: Arc<AtomicBool>,
    /// Whether the next full record of ours is lost, and of aiortc's.
    doomed: Arc<[AtomicBool; 2]>,
    /// Records of ours that were lost, and of aiortc's.
    lost: Arc<[AtomicUsize; 2]>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Path {
    fn new() -> Path {
        let socket = || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let look_up = Some(Duration::from_millis(50));
            socket.set_read_timeout(look_up).unwrap();
            socket
        };
        Path {
            sockets: Arc::new([socket(), socket()]),
            ends: Vec::new(),
            lossy: Arc::default(),
            doomed: Arc::default(),
            lost: Arc::default(),
            stop: Arc::default(),
            threads: Vec::new(),
        }
    }

    /// A description on its way to the other side: of its candidates the one on loopback is left,
    /// with an address of this. With the second one the path is there.
    fn pass(&mut self, description: &str) -> String {
        let side = self.ends.len();
        let ours = self.sockets[1 - side].local_addr().unwrap();
        let mut out = String::new();
        for line in description.lines() {
            let Some(candidate) = line.strip_prefix("a=candidate:") else {
                out += &format!("{line}\r\n");
                continue;
            };
            // foundation component transport priority address port …
            let fields: Vec<&str> = candidate.split(' ').collect();
            let is_udp = fields[2].eq_ignore_ascii_case("udp");
            if self.ends.len() == side && is_udp && fields[4] == "127.0.0.1" {
                let port: u16 = fields[5].parse().unwrap();
                self.ends.push((Ipv4Addr::LOCALHOST, port).into());
                let port = ours.port();
                out += &format!("a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\n");
            }
        }
        assert_eq!(self.ends.len(), side + 1, "none on loopback: {description}");
        if side == 1 {
            self.threads = vec![self.forward(0), self.forward(1)];
        }
        out
    }

    fn forward(&self, side: usize) -> JoinHandle<()> {
        let (sockets, lost) = (self.sockets.clone(), self.lost.clone());
        let (lossy, stop) = (self.lossy.clone(), self.stop.clone());
        let doomed = self.doomed.clone();
        let (from, to) = (self.ends[side], self.ends[1 - side]);
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            let mut records = 0;
            while !stop.load(Ordering::Acquire) {
                let Ok((size, source)) = sockets[side].recv_from(&mut buffer) else {
                    continue;
                };
                if size > FULL && doomed[side].swap(false, Ordering::AcqRel) {
                    continue;
                }
                // RFC 7983: 20 to 63 is DTLS. The path itself stays: STUN is not lost.
                if lossy.load(Ordering::Acquire) && (20..=63).contains(&buffer[0]) {
                    records += 1;
                    if records % EVERY == 0 {
                        lost[side].fetch_add(1, Ordering::AcqRel);
                        continue;
                    }
                }
                if source == from {
                    let _ = sockets[1 - side].send_to(&buffer[..size], to);
                }
            }
        })
    }

    /// Loses the next full record of a side: returns when `send` has made it send one.
    async fn lose_one(&self, side: usize, send: impl Future<Output = ()>) {
        self.doomed[side].store(true, Ordering::Release);
        send.await;
        while self.doomed[side].load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn set_lossy(&self, lossy: bool) {
        self.lossy.store(lossy, Ordering::Release);
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Nearly a packet, and its size tells its number, too.
fn message(number: usize) -> Message {
    Message::text(format!("{number:03} {}", "x".repeat(900 + number)))
}

fn number(bytes: usize) -> usize {
    bytes - 904
}

const AFTER: &str = "after";

/// The numbers of the messages that come back, until `enough` of them.
async fn numbers(channel: &DataChannel, enough: impl Fn(&[usize]) -> bool) -> Vec<usize> {
    let mut got = Vec::new();
    while !enough(&got) {
        let back = channel.recv().await.unwrap();
        if back == Message::text(AFTER) {
            break;
        }
        got.push(number(back.len()));
        assert!(back == message(number(back.len())), "another came back");
    }
    got
}

/// In order where they must be, none twice.
fn keeps_its_order(got: &[usize], ordered: bool) -> bool {
    let distinct: BTreeSet<usize> = got.iter().copied().collect();
    let in_order = got.is_sorted() || !ordered;
    in_order && distinct.len() == got.len() && distinct.iter().all(|n| *n < NUMBERS.end)
}

#[test]
fn every_reliability_keeps_its_promise_with_aiortc_while_datagrams_are_lost() {
    let Some(mut peer) = Answerer::start() else {
        return;
    };
    let rtc = runtime(DtlsEngine::Dimpl);
    let mut path = Path::new();
    let (session, _channel) = connect_through(&mut peer, &rtc, |sdp| path.pass(&sdp));
    let channels: Vec<(&str, DataChannelOptions, DataChannel)> = reliabilities()
        .into_iter()
        .map(|(label, options)| {
            let channel = open(&mut peer, &session, label, &options);
            (label, options, channel)
        })
        .collect();

    wait(async {
        let once = channels.iter().find(|c| c.1.max_retransmits == Some(0));
        let (_, _, once) = once.unwrap();
        for (number, side) in [(0, 0), (1, 1)] {
            let send = async { once.send(message(number)).await.unwrap() };
            path.lose_one(side, send).await;
        }
    });
    path.set_lossy(true);
    wait(async {
        for number in NUMBERS {
            for (_, _, channel) in &channels {
                channel.send(message(number)).await.unwrap();
            }
        }
    });
    // What must arrive does so in spite of the losses. aiortc needs a second for some of them.
    for (label, options, channel) in channels.iter().filter(|c| is_reliable(&c.1)) {
        let mut got = Vec::new();
        while got.len() < NUMBERS.len() {
            got.extend(wait(numbers(channel, |got| got.len() == 1)));
        }
        if !options.ordered {
            got.sort_unstable();
        }
        assert!(got.iter().copied().eq(NUMBERS), "{label}: {got:?}");
    }
    path.set_lossy(false);

    for (label, options, channel) in &channels {
        // What comes after the losses is not held up by them. On a busy machine it may itself
        // have become too old.
        let back = wait(async {
            let back = numbers(channel, |_| false);
            tokio::pin!(back);
            loop {
                channel.send(AFTER).await.unwrap();
                let again = tokio::time::sleep(Duration::from_secs(1));
                tokio::select! {
                    got = &mut back => break got,
                    () = again => {}
                }
            }
        });
        peer.until("the message after the losses", |line| {
            line["on"] == *label && line["bytes"] == AFTER.len()
        });
        let arrived: Vec<usize> = peer
            .seen()
            .iter()
            .filter(|line| line["on"] == *label && line["bytes"] != AFTER.len())
            .map(|line| number(line["bytes"].as_u64().unwrap() as usize))
            .collect();
        let said = format!("{label}: {arrived:?} arrived, {back:?} came back");
        eprintln!(
            "{label}: {} arrived, {} came back",
            arrived.len(),
            back.len()
        );
        assert!(keeps_its_order(&arrived, options.ordered), "{said}");
        if is_reliable(options) {
            assert!(arrived.len() == NUMBERS.len() && back.is_empty(), "{said}");
            continue;
        }
        assert!(keeps_its_order(&back, options.ordered), "{said}");
        assert!(back.iter().all(|number| arrived.contains(number)), "{said}");
        if options.max_retransmits == Some(0) {
            assert!(!arrived.contains(&0), "it was sent again, {said}");
            assert!(arrived.contains(&1), "it was held up, {said}");
            assert!(!back.contains(&1), "its echo was sent again, {said}");
            assert!(!back.is_empty(), "all lost, {said}");
        }
    }
    let lost = [0, 1].map(|side| path.lost[side].load(Ordering::Acquire));
    peer.say(&json!({ "forwardTsn": true }));
    let forwarded = peer.until("its count", |line| line["forwardTsn"].is_object());
    eprintln!("lost {lost:?}, {forwarded}");
    assert!(lost.iter().all(|lost| *lost > 0), "{lost:?}");
    for way in ["sent", "received"] {
        assert!(
            forwarded["forwardTsn"][way].as_u64() > Some(0),
            "{forwarded}"
        );
    }
    assert_eq!(session.sctp().state(), SctpTransportState::Connected);
    let ended = |line: &&serde_json::Value| {
        line["of"].is_string()
            && !["connected", "completed"].contains(&line["state"].as_str().unwrap())
    };
    let connected = peer
        .seen()
        .iter()
        .position(|line| line["of"] == "sctp" && line["state"] == "connected");
    let ended = peer.seen()[connected.unwrap()..].iter().find(ended);
    assert_eq!(ended, None);
    wait(session.close());
    peer.end();
    assert!(wait(rtc.shutdown(WITHIN)));
}
