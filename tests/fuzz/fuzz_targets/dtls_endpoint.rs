//! A DTLS endpoint and a stranger, in each state of the endpoint.
//!
//! The first byte chooses versions, role and how far the handshake has come when the stranger
//! begins; what follows are datagrams, each with a length before it. Some are made of genuine ones
//! of the peer with some bytes changed. Whatever comes, an endpoint that was connected stays so, a
//! failed or closed one says nothing any more, and no certificate is believed but the peer's.
#![no_main]

use std::time::{Duration, Instant, SystemTime};

use actix_rtc_proto::Machine;
use actix_rtc_proto::dtls::{Certificate, Config, Endpoint, Event, Role, State, Versions};
use actix_rtc_proto::random::Random;
use libfuzzer_sys::fuzz_target;

const CLIENT: usize = 0;
const SERVER: usize = 1;

thread_local! {
    static CERTIFICATES: [Certificate; 2] = {
        let mut random = Random::from_number(1);
        let mut make = || {
            let now = SystemTime::now();
            Certificate::generate(&mut random, now, Certificate::DEFAULT_VALIDITY).unwrap()
        };
        [make(), make()]
    };
}

struct Fuzz {
    now: Instant,
    ends: [Endpoint; 2],
    certificates: [Certificate; 2],
    /// What each end has sent, and how much of it was delivered.
    sent: [Vec<Vec<u8>>; 2],
    delivered: [usize; 2],
    events: [Vec<Event>; 2],
}

impl Fuzz {
    fn new(versions: Versions) -> Fuzz {
        let certificates = CERTIFICATES.with(Clone::clone);
        let config = Config::default().versions(versions);
        let end = |at: usize| Endpoint::new(config.clone(), certificates[at].clone());
        Fuzz {
            now: Instant::now(),
            ends: [end(CLIENT), end(SERVER)],
            certificates,
            sent: Default::default(),
            delivered: [0; 2],
            events: Default::default(),
        }
    }

    /// `deceived` expects another certificate than the peer has.
    fn start(&mut self, deceived: Option<usize>) {
        for (at, role) in [(SERVER, Role::Server), (CLIENT, Role::Client)] {
            let of = if deceived == Some(at) { at } else { 1 - at };
            let remote = self.certificates[of].fingerprints();
            self.ends[at].start(self.now, role, &remote).unwrap();
            self.drain(at);
        }
    }

    fn drain(&mut self, at: usize) {
        while let Some(segments) = self.ends[at].poll_transmit(self.now) {
            self.sent[at].extend(segments.iter().map(|datagram| datagram.to_vec()));
        }
        while let Some(event) = self.ends[at].poll_event() {
            self.events[at].push(event);
        }
    }

    /// Delivers so many datagrams, in turns, as far as there are any.
    fn exchange(&mut self, mut count: usize) {
        let mut idle = 0;
        while count > 0 && idle < 2 {
            idle += 1;
            for from in [CLIENT, SERVER] {
                if let Some(datagram) = self.sent[from].get(self.delivered[from]).cloned()
                    && count > 0
                {
                    self.delivered[from] += 1;
                    self.receive(1 - from, &datagram);
                    (count, idle) = (count - 1, 0);
                }
            }
        }
    }

    fn receive(&mut self, at: usize, datagram: &[u8]) {
        self.ends[at].handle_datagram(self.now, datagram);
        self.drain(at);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        for at in [CLIENT, SERVER] {
            self.ends[at].handle_timeout(self.now);
            self.drain(at);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let [first, second, rest @ ..] = data else {
        return;
    };
    let versions = [Versions::Only12, Versions::Only13, Versions::Auto][usize::from(first % 3)];
    let at = usize::from(first >> 2 & 1);
    let mut fuzz = Fuzz::new(versions);
    // Not started; somewhere in the handshake; connected; failed; closed.
    match first >> 3 & 7 {
        0 => {}
        1..=3 => {
            fuzz.start(None);
            fuzz.exchange(usize::from(second % 12));
        }
        4 | 5 => {
            fuzz.start(None);
            fuzz.exchange(100);
        }
        6 => {
            fuzz.start(Some(at));
            fuzz.exchange(100);
        }
        _ => {
            fuzz.start(None);
            fuzz.exchange(100);
            fuzz.ends[at].close(fuzz.now);
            fuzz.drain(at);
        }
    }
    let before = fuzz.ends[at].state();
    let events = fuzz.events[at].len();
    strangers(&mut fuzz, at, rest);

    let after = fuzz.ends[at].state();
    let said = &fuzz.events[at][events..];
    match before {
        State::Connected => {
            assert_eq!(after, State::Connected);
            assert!(said.is_empty(), "{said:?}");
            // The other side may have been one flight behind.
            for _ in 0..8 {
                fuzz.exchange(100);
                fuzz.wait(Duration::from_secs(1));
            }
            let now = fuzz.now;
            for from in [CLIENT, SERVER] {
                fuzz.ends[from].send(now, b"are you there?").unwrap();
                fuzz.drain(from);
            }
            fuzz.exchange(100);
            for at in [CLIENT, SERVER] {
                let data = Event::ApplicationData(b"are you there?"[..].into());
                assert!(fuzz.events[at].contains(&data));
            }
        }
        State::Failed | State::Closed => assert!(after == before && said.is_empty()),
        State::New => assert!(after == State::New && fuzz.sent[at].is_empty()),
        State::Connecting => {}
    }
    if let Some(certificate) = fuzz.ends[at].peer_certificate() {
        assert_eq!(&certificate[..], fuzz.certificates[1 - at].der());
    }
    if after == State::Failed {
        assert!(fuzz.ends[at].srtp_keying_material().is_none());
    }
});

/// What the stranger sends.
fn strangers(fuzz: &mut Fuzz, at: usize, mut rest: &[u8]) {
    // Less than the deadline of a handshake.
    let mut patience = Duration::from_secs(10);
    while let [what, len, after @ ..] = rest {
        let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        match what % 8 {
            // His own.
            0..=2 => fuzz.receive(at, bytes),
            // The peer's, or our own, changed in some places.
            3..=6 => {
                let from = if what % 8 == 6 { at } else { 1 - at };
                let sent = &fuzz.sent[from];
                let [which, changes @ ..] = bytes else {
                    continue;
                };
                let Some(mut datagram) = sent.get(usize::from(*which) % sent.len().max(1)).cloned()
                else {
                    continue;
                };
                for change in changes.chunks_exact(2) {
                    let place = usize::from(change[0]) % datagram.len();
                    datagram[place] ^= change[1];
                }
                // An unchanged record that has not arrived yet is the peer's word.
                if !fuzz.sent[from].contains(&datagram) {
                    fuzz.receive(at, &datagram);
                }
            }
            _ => {
                let time = Duration::from_millis(u64::from(*len)).min(patience);
                patience -= time;
                fuzz.wait(time);
            }
        }
    }
}
