//! Two endpoints on virtual time over a simulated link, for tests.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use super::*;
use crate::machine::Machine;
use crate::random::Random;

pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;

/// Where virtual time begins.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant cannot be made from nothing"
)]
pub(super) fn beginning() -> Instant {
    Instant::now()
}

pub(super) fn certificate(seed: u64) -> Certificate {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut random = Random::from_number(seed);
    Certificate::generate(&mut random, now, Certificate::DEFAULT_VALIDITY).unwrap()
}

/// What happens to a datagram: delivered after each of these delays.
pub(super) type Link = Box<dyn FnMut(usize, &[u8]) -> Vec<Duration>>;

pub(super) const DELAY: Duration = Duration::from_millis(20);

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
    pub(super) now: Instant,
    pub(super) ends: [Endpoint; 2],
    pub(super) events: [Vec<Event>; 2],
    /// All that each has sent.
    pub(super) sent: [Vec<Vec<u8>>; 2],
    pub(super) link: Link,
    in_flight: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    count: u64,
}

impl Pair {
    /// Not yet started.
    pub(super) fn new(config: [Config; 2], link: Link) -> Pair {
        let [client, server] = config;
        Pair {
            now: beginning(),
            ends: [
                Endpoint::new(client, certificate(1)),
                Endpoint::new(server, certificate(2)),
            ],
            events: Default::default(),
            sent: Default::default(),
            link,
            in_flight: BTreeMap::new(),
            count: 0,
        }
    }

    pub(super) fn of(client: Versions, server: Versions, link: Link) -> Pair {
        let config = |versions| Config {
            versions,
            ..Config::default()
        };
        Pair::new([config(client), config(server)], link)
    }

    pub(super) fn start(&mut self) {
        for end in [SERVER, CLIENT] {
            let remote = self.ends[1 - end].certificate().fingerprints();
            self.start_with(end, &remote).unwrap();
        }
    }

    pub(super) fn start_with(
        &mut self,
        end: usize,
        remote: &[Fingerprint],
    ) -> Result<(), StartError> {
        let role = if end == CLIENT {
            Role::Client
        } else {
            Role::Server
        };
        let result = self.ends[end].start(self.now, role, remote);
        self.drain(end);
        result
    }

    pub(super) fn connected(mut self) -> Pair {
        self.start();
        self.run(Duration::from_secs(30), |p| p.both(State::Connected));
        assert!(self.both(State::Connected), "{:?}", self.events);
        self.run(Duration::from_secs(2), |_| false);
        self.events = Default::default();
        self
    }

    pub(super) fn both(&self, state: State) -> bool {
        self.ends.iter().all(|e| e.state() == state)
    }

    pub(super) fn drain(&mut self, end: usize) {
        while let Some(segments) = self.ends[end].poll_transmit(self.now) {
            for datagram in segments.iter() {
                for delay in (self.link)(end, &datagram) {
                    self.count += 1;
                    let key = (self.now + delay, self.count);
                    self.in_flight.insert(key, (1 - end, datagram.to_vec()));
                }
                self.sent[end].push(datagram.to_vec());
            }
        }
        while let Some(event) = self.ends[end].poll_event() {
            self.events[end].push(event);
        }
    }

    /// Hands a datagram in without the link.
    pub(super) fn inject(&mut self, end: usize, datagram: &[u8]) {
        self.ends[end].handle_datagram(self.now, datagram);
        self.drain(end);
    }

    pub(super) fn send(&mut self, end: usize, payload: &[u8]) {
        self.ends[end].send(self.now, payload).unwrap();
        self.drain(end);
    }

    pub(super) fn close(&mut self, end: usize) {
        self.ends[end].close(self.now);
        self.drain(end);
    }

    /// Runs until nothing is to be done, until `done`, or for this time.
    pub(super) fn run(&mut self, time: Duration, done: impl Fn(&Pair) -> bool) {
        let end = self.now + time;
        while !done(self) {
            let arrival = self.in_flight.keys().next().map(|(at, _)| *at);
            let timeout = self.ends.iter_mut().filter_map(Machine::poll_timeout).min();
            let Some(next) = crate::timer::earlier(arrival, timeout).filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            while let Some(entry) = self.in_flight.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                let (to, datagram) = entry.remove();
                self.inject(to, &datagram);
            }
            for end in [CLIENT, SERVER] {
                self.ends[end].handle_timeout(self.now);
                self.drain(end);
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
    pub(super) fn assert_alive(&mut self) {
        self.events = Default::default();
        for end in [CLIENT, SERVER] {
            self.send(end, b"are you there?");
            self.run(Duration::from_secs(1), |p| !p.data(1 - end).is_empty());
            assert_eq!(self.data(1 - end), [b"are you there?"]);
        }
        assert!(self.both(State::Connected));
    }
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

/// Each pair of configured versions, and what comes of it.
pub(super) const COMBINATIONS: [(Versions, Versions, Version); 7] = [
    (Versions::Auto, Versions::Auto, Version::Dtls13),
    (Versions::Auto, Versions::Only12, Version::Dtls12),
    (Versions::Auto, Versions::Only13, Version::Dtls13),
    (Versions::Only12, Versions::Auto, Version::Dtls12),
    (Versions::Only13, Versions::Auto, Version::Dtls13),
    (Versions::Only12, Versions::Only12, Version::Dtls12),
    (Versions::Only13, Versions::Only13, Version::Dtls13),
];

/// Splits a datagram with one plaintext handshake message into so many with a part of it.
pub(super) fn fragments(datagram: &[u8], count: usize) -> Vec<Vec<u8>> {
    let (header, message) = datagram.split_at(13);
    let (head, body) = message.split_at(12);
    let size = body.len().div_ceil(count);
    let parts = body.chunks(size).enumerate();
    parts
        .map(|(at, part)| {
            let mut message = head[..6].to_vec();
            message.extend(&((at * size) as u32).to_be_bytes()[1..]);
            message.extend(&(part.len() as u32).to_be_bytes()[1..]);
            message.extend(part);
            // Numbers that the client itself is far from.
            let number = 1_000 + u64::from(header[10]) * 100 + at as u64;
            record(22, 0, number, &message)
        })
        .collect()
}
