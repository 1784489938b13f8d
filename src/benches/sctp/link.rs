//! Two associations with a bottleneck between them, on virtual time: each packet comes by itself.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::random::Random;
use actix_rtc_proto::sctp::{ChannelId, Config, Event, Message};
use bytes::Bytes;

use crate::pair::Pair;

/// What DTLS, UDP and IP add to a packet on the wire.
pub(crate) const OVERHEAD: usize = 37 + 8 + 20;

/// The same in both directions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions {
    /// Bits per second.
    pub(crate) rate: f64,
    pub(crate) delay: Duration,
    /// What may wait in front of the bottleneck, at its rate.
    pub(crate) queue: Duration,
    pub(crate) loss: f64,
    /// For so long once a second everything is lost.
    pub(crate) gap: Duration,
}

pub(crate) struct Link {
    pub(crate) pair: Pair,
    conditions: Conditions,
    random: Random,
    start: Instant,
    busy: [Instant; 2],
    packets: BinaryHeap<Reverse<(Instant, u64, usize, Bytes)>>,
    sequence: u64,
}

impl Link {
    pub(crate) fn new(conditions: Conditions) -> Link {
        Link::with(&Config::default(), conditions, 1)
    }

    pub(crate) fn with(config: &Config, conditions: Conditions, seed: u64) -> Link {
        let pair = Pair::with(config, seed);
        let busy = [pair.now; 2];
        Link {
            start: pair.now,
            pair,
            conditions,
            random: Random::from_number(seed),
            busy,
            packets: BinaryHeap::new(),
            sequence: 0,
        }
    }

    fn drain(&mut self) {
        let now = self.pair.now;
        for from in 0..2 {
            while let Some(packet) = self.pair.sides[from].poll_transmit(now) {
                let free = self.busy[from].max(now);
                let since = (now - self.start).subsec_nanos();
                let lost = self.random.fraction() < self.conditions.loss
                    || since < self.conditions.gap.subsec_nanos();
                if lost || free - now > self.conditions.queue {
                    continue;
                }
                let bits = (packet.len() + OVERHEAD) as f64 * 8.0;
                self.busy[from] = free + Duration::from_secs_f64(bits / self.conditions.rate);
                self.sequence += 1;
                let at = self.busy[from] + self.conditions.delay;
                self.packets
                    .push(Reverse((at, self.sequence, 1 - from, packet)));
            }
        }
    }

    /// Goes to the next moment at which something happens, `limit` at the latest, and gives what
    /// arrives to `arrived`.
    pub(crate) fn step(
        &mut self,
        limit: Option<Instant>,
        mut arrived: impl FnMut(Instant, ChannelId, Message),
    ) {
        self.drain();
        let sides = self.pair.sides.iter_mut();
        let timers = sides.filter_map(Machine::poll_timeout);
        let arrival = self.packets.peek().map(|Reverse((at, ..))| *at);
        let next = timers.chain(arrival).chain(limit).min();
        self.pair.now = self.pair.now.max(next.expect("something is under way"));
        let now = self.pair.now;
        self.pair.expire();
        while let Some(Reverse((at, ..))) = self.packets.peek()
            && *at <= now
        {
            let Some(Reverse((_, _, to, packet))) = self.packets.pop() else {
                break;
            };
            let side = &mut self.pair.sides[to];
            side.handle_packet(now, packet);
            while let Some(event) = side.poll_event() {
                if let Event::Readable(id) = event {
                    while let Some(message) = side.recv(now, id) {
                        arrived(now, id, message);
                    }
                }
            }
        }
    }

    /// Moves so many messages; returns how long it took on the virtual clock.
    pub(crate) fn transfer(&mut self, message: &Bytes, count: usize) -> Duration {
        self.transfer_within(message, count, Duration::MAX).1
    }

    /// The same for at most so long; returns how many arrived, too.
    pub(crate) fn transfer_within(
        &mut self,
        message: &Bytes,
        count: usize,
        most: Duration,
    ) -> (usize, Duration) {
        let start = self.pair.now;
        let (mut left, mut received) = (count, 0);
        while received < count && self.pair.now - start < most {
            self.pair.send(message, &mut left);
            self.step(None, |_, _, _| received += 1);
        }
        (received, self.pair.now - start)
    }
}
