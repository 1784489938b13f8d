//! A wire between two peers: virtual time, a delay, and seeded loss, duplication and reordering.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_rtc_proto::random::Random;
use bytes::Bytes;

use crate::peer::Peer;

/// What the wire does to datagrams. Probabilities are from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quality {
    pub(crate) delay: Duration,
    /// Up to so much is added to the delay, which reorders.
    pub(crate) jitter: Duration,
    pub(crate) loss: f64,
    pub(crate) duplicate: f64,
}

/// In flight: when it arrives, a number that keeps the order, to which side, and from where.
type Flying = Reverse<(Instant, u64, usize, SocketAddr, Bytes)>;

pub(crate) struct Wire {
    pub(crate) now: Instant,
    pub(crate) peers: [Peer; 2],
    pub(crate) quality: Quality,
    random: Random,
    flying: BinaryHeap<Flying>,
    count: u64,
}

impl Wire {
    pub(crate) fn new(now: Instant, quality: Quality, seed: u64) -> Wire {
        let peers = Peer::pair(now, seed);
        let random = Random::from_number(seed ^ 0x77);
        Wire {
            now,
            peers,
            quality,
            random,
            flying: BinaryHeap::new(),
            count: 0,
        }
    }

    /// Runs until `done`, at most `limit` of virtual time; whether it was done.
    pub(crate) fn run(&mut self, limit: Duration, mut done: impl FnMut(&mut Wire) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            self.drain();
            if done(self) {
                // What was done may have something to send.
                self.drain();
                return true;
            }
            let arrival = self.flying.peek().map(|Reverse(f)| f.0);
            let timeouts = self.peers.iter_mut().filter_map(Peer::timeout);
            let Some(next) = timeouts.chain(arrival).min() else {
                return false;
            };
            self.now = self.now.max(next);
            if self.now > end {
                return false;
            }
            while self.flying.peek().is_some_and(|Reverse(f)| f.0 <= self.now) {
                if let Some(Reverse((_, _, to, from, datagram))) = self.flying.pop() {
                    self.peers[to].receive(self.now, from, datagram);
                }
            }
            for peer in &mut self.peers {
                if peer.timeout().is_some_and(|t| t <= self.now) {
                    peer.handle_timeout(self.now);
                }
            }
        }
    }

    fn drain(&mut self) {
        for side in 0..2 {
            let mut sent = Vec::new();
            self.peers[side].drain(self.now, &mut |path, datagram| sent.push((path, datagram)));
            for (path, datagram) in sent {
                let to = 1 - side;
                assert_eq!(path.remote, self.peers[to].base(), "there is nobody else");
                self.carry(to, path.local, datagram);
            }
        }
    }

    fn carry(&mut self, to: usize, from: SocketAddr, datagram: Bytes) {
        let copies = match (
            self.chance(self.quality.loss),
            self.chance(self.quality.duplicate),
        ) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        for _ in 0..copies {
            let jitter = self.quality.jitter.mul_f64(self.random.fraction());
            self.count += 1;
            let arrival = self.now + self.quality.delay + jitter;
            self.flying
                .push(Reverse((arrival, self.count, to, from, datagram.clone())));
        }
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.random.fraction() < probability
    }
}
