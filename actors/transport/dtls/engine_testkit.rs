//! Two engines on virtual time over a simulated link, for tests.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proto::Machine;
use proto::dtls::{Certificate, Config, Event, Fingerprint, Role, State};
use proto::random::Random;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::engine::Engine;
use crate::base::config::DtlsEngine;

pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;
pub(super) const DELAY: Duration = Duration::from_millis(20);

/// Each engine in each role.
pub(super) const COMBINATIONS: [[DtlsEngine; 2]; 4] = [
    [DtlsEngine::Dimpl, DtlsEngine::Dimpl],
    [DtlsEngine::Dimpl, DtlsEngine::WebrtcDtls],
    [DtlsEngine::WebrtcDtls, DtlsEngine::Dimpl],
    [DtlsEngine::WebrtcDtls, DtlsEngine::WebrtcDtls],
];

/// Runs on virtual time.
pub(super) fn virtual_time<T>(test: impl Future<Output = T>) -> T {
    virtual_runtime().block_on(test)
}

pub(super) fn virtual_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

pub(super) fn certificate(seed: u64) -> Certificate {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut random = Random::from_number(seed);
    Certificate::generate(&mut random, now, Certificate::DEFAULT_VALIDITY).unwrap()
}

/// What happens to a datagram: delivered after each of these delays.
pub(super) type Link = Box<dyn FnMut(usize, &[u8]) -> Vec<Duration>>;

pub(super) fn perfect() -> Link {
    Box::new(|_, _| vec![DELAY])
}

/// Loses, doubles and reorders.
pub(super) fn lossy(seed: u64, loss: f64) -> Link {
    let mut random = Random::from_number(seed);
    Box::new(move |_, _| {
        if random.fraction() < loss {
            return Vec::new();
        }
        let jitter = DELAY.mul_f64(random.fraction());
        if random.fraction() < 0.05 {
            vec![DELAY, DELAY + jitter]
        } else {
            vec![DELAY + jitter]
        }
    })
}

/// Client and server, and the datagrams between them.
pub(super) struct Pair {
    pub(super) engines: [Engine; 2],
    pub(super) certificates: [Certificate; 2],
    pub(super) events: [Vec<Event>; 2],
    /// All that each has sent.
    pub(super) sent: [Vec<Vec<u8>>; 2],
    pub(super) link: Link,
    wake: Arc<Notify>,
    in_flight: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    count: u64,
}

impl Pair {
    pub(super) fn new(kinds: [DtlsEngine; 2], link: Link) -> Pair {
        Pair::with(kinds, Config::default(), link)
    }

    pub(super) fn with(kinds: [DtlsEngine; 2], config: Config, link: Link) -> Pair {
        let wake = Arc::new(Notify::new());
        let certificates = [certificate(1), certificate(2)];
        let engine = |end: usize| {
            let wake = wake.clone();
            let wake = Arc::new(move || wake.notify_one());
            Engine::new(kinds[end], config.clone(), certificates[end].clone(), wake)
        };
        Pair {
            engines: [engine(CLIENT), engine(SERVER)],
            certificates,
            events: Default::default(),
            sent: Default::default(),
            link,
            wake,
            in_flight: BTreeMap::new(),
            count: 0,
        }
    }

    pub(super) fn start(&mut self) {
        for end in [SERVER, CLIENT] {
            let remote = self.certificates[1 - end].fingerprints();
            self.start_with(end, &remote);
        }
    }

    pub(super) fn start_with(&mut self, end: usize, remote: &[Fingerprint]) {
        let role = if end == CLIENT {
            Role::Client
        } else {
            Role::Server
        };
        self.engines[end].start(now(), role, remote).unwrap();
        self.drain(end);
    }

    pub(super) async fn connected(mut self) -> Pair {
        self.start();
        self.run(Duration::from_secs(30), |p| p.both(State::Connected))
            .await;
        assert!(self.both(State::Connected), "{:?}", self.events);
        self.run(Duration::from_secs(2), |_| false).await;
        self.events = Default::default();
        self
    }

    pub(super) fn both(&self, state: State) -> bool {
        self.engines.iter().all(|e| e.state() == state)
    }

    pub(super) fn drain(&mut self, end: usize) {
        while let Some(segments) = self.engines[end].poll_transmit(now()) {
            for datagram in segments.iter() {
                for delay in (self.link)(end, &datagram) {
                    self.count += 1;
                    let key = (Instant::now() + delay, self.count);
                    self.in_flight.insert(key, (1 - end, datagram.to_vec()));
                }
                self.sent[end].push(datagram.to_vec());
            }
        }
        while let Some(event) = self.engines[end].poll_event() {
            self.events[end].push(event);
        }
    }

    /// Hands a datagram in without the link.
    pub(super) fn inject(&mut self, end: usize, datagram: &[u8]) {
        self.engines[end].handle_datagram(now(), datagram);
        self.drain(end);
    }

    pub(super) fn send(&mut self, end: usize, payload: &[u8]) {
        self.engines[end].send(now(), payload).unwrap();
        self.drain(end);
    }

    pub(super) fn close(&mut self, end: usize) {
        self.engines[end].close(now());
        self.drain(end);
    }

    /// Runs until `done`, or for this time.
    pub(super) async fn run(&mut self, time: Duration, done: impl Fn(&Pair) -> bool) {
        let end = Instant::now() + time;
        loop {
            for end in [CLIENT, SERVER] {
                self.engines[end].handle_timeout(now());
                self.drain(end);
            }
            while let Some(entry) = self.in_flight.first_entry() {
                if entry.key().0 > Instant::now() {
                    break;
                }
                let (to, datagram) = entry.remove();
                self.inject(to, &datagram);
            }
            if done(self) || Instant::now() >= end {
                return;
            }
            let arrival = self.in_flight.keys().next().map(|(at, _)| *at);
            let timeout = self
                .engines
                .iter_mut()
                .filter_map(Machine::poll_timeout)
                .min();
            let next = [arrival, timeout.map(Instant::from_std), Some(end)];
            let next = next.into_iter().flatten().min().unwrap();
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// The payloads that came.
    pub(super) fn data(&self, end: usize) -> Vec<&[u8]> {
        let mut payloads = Vec::new();
        for event in &self.events[end] {
            if let Event::ApplicationData(payload) = event {
                payloads.push(&payload[..]);
            }
        }
        payloads
    }

    /// Both send and both receive.
    pub(super) async fn assert_alive(&mut self) {
        self.events = Default::default();
        for end in [CLIENT, SERVER] {
            self.send(end, b"are you there?");
            self.run(Duration::from_secs(1), |p| !p.data(1 - end).is_empty())
                .await;
            assert_eq!(self.data(1 - end), [b"are you there?"]);
        }
        assert!(self.both(State::Connected));
    }
}

pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A record of DTLS 1.2 form.
pub(super) fn record(content_type: u8, epoch: u16, sequence: u64, body: &[u8]) -> Vec<u8> {
    let mut r = vec![content_type, 254, 253];
    r.extend(epoch.to_be_bytes());
    r.extend(&sequence.to_be_bytes()[2..]);
    r.extend((body.len() as u16).to_be_bytes());
    r.extend(body);
    r
}

/// Datagrams that anybody can send to either side.
pub(super) fn spoofed() -> Vec<(&'static str, Vec<u8>)> {
    let handshake = |message: u8, body: &[u8]| {
        let len = (body.len() as u32).to_be_bytes();
        let mut h = vec![
            message, len[1], len[2], len[3], 0, 0, 0, 0, 0, len[1], len[2], len[3],
        ];
        h.extend(body);
        record(22, 0, 900, &h)
    };
    vec![
        ("fatal alert", record(21, 0, 900, &[2, 40])),
        ("close_notify", record(21, 0, 901, &[1, 0])),
        ("warning", record(21, 0, 902, &[1, 90])),
        ("empty alert", record(21, 0, 903, &[])),
        ("plaintext data", record(23, 0, 904, b"evil")),
        ("change cipher spec", record(20, 0, 905, &[1])),
        ("wrong change cipher spec", record(20, 0, 905, &[2])),
        ("change cipher spec of epoch 1", record(20, 1, 905, &[1])),
        ("client hello", handshake(1, &[7; 60])),
        ("server hello", handshake(2, &[7; 60])),
        ("hello verify request", handshake(3, &[254, 255, 2, 1, 2])),
        ("hello request", handshake(0, &[])),
        ("finished", handshake(20, &[7; 12])),
        ("truncated handshake", record(22, 0, 906, &[1, 0, 4])),
        ("ack", record(26, 0, 907, &[0, 0])),
        ("data of epoch 1", record(23, 1, 5, &[9; 60])),
        ("alert of epoch 1", record(21, 1, 6, &[9; 60])),
        ("handshake of epoch 1", record(22, 1, 7, &[9; 60])),
        ("empty record of epoch 1", record(23, 1, 8, &[])),
        ("short record of epoch 1", record(23, 1, 8, &[9; 23])),
        ("data of epoch 2", record(23, 2, 5, &[9; 60])),
        ("data of epoch 65535", record(23, 65_535, 5, &[9; 60])),
        (
            "dtls 1.3 record",
            [&[0b0010_1111, 0, 9, 0, 40][..], &[9; 40]].concat(),
        ),
        ("unknown type", record(30, 0, 908, &[2; 20])),
        ("garbage", vec![22; 100]),
        ("one byte", vec![22]),
        ("nothing", vec![]),
        (
            "more than the reader's buffer",
            record(23, 1, 9, &[9; 9_000]),
        ),
    ]
}
