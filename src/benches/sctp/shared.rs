//! Two associations through one bottleneck, each sending all it can.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::sctp::{Config, Event};
use bytes::Bytes;

use crate::link::OVERHEAD;
use crate::pair::Pair;

/// What each got in bits per second, and how long the queue was in the mean.
#[derive(Debug)]
pub(crate) struct Shares {
    pub(crate) rates: [f64; 2],
    pub(crate) queue: Duration,
}

impl Shares {
    /// Jain's index: 1 if all get the same, one half if one of two gets everything.
    pub(crate) fn fairness(&self) -> f64 {
        let [a, b] = self.rates;
        (a + b).powi(2) / (2.0 * (a * a + b * b))
    }
}

/// The second begins three seconds after the first; what comes in the minute after the first ten
/// seconds counts.
pub(crate) fn share(configs: [&Config; 2], rate: f64, delay: Duration, queue: Duration) -> Shares {
    let mut pairs = configs.map(|config| Pair::with(config, 1));
    let start = pairs[0].now;
    let message = Bytes::from(vec![7; 16 << 10]);
    let mut packets = BinaryHeap::new();
    let mut busy = [start; 2];
    let (mut sequence, mut received) = (0u64, [0usize; 2]);
    let (mut waited, mut sent) = (Duration::ZERO, 0u32);
    let (begin, end) = (
        start + Duration::from_secs(10),
        start + Duration::from_secs(70),
    );
    let mut now = start;
    while now < end {
        for (flow, pair) in pairs.iter_mut().enumerate() {
            pair.now = now;
            if now >= start + flow as u32 * Duration::from_secs(3) {
                let mut left = usize::MAX;
                pair.send(&message, &mut left);
            }
            for (from, busy) in busy.iter_mut().enumerate() {
                while let Some(packet) = pair.sides[from].poll_transmit(now) {
                    let free = (*busy).max(now);
                    if free - now > queue {
                        continue;
                    }
                    if from == 0 {
                        waited += free - now;
                        sent += 1;
                    }
                    let bits = (packet.len() + OVERHEAD) as f64 * 8.0;
                    *busy = free + Duration::from_secs_f64(bits / rate);
                    sequence += 1;
                    packets.push(Reverse((*busy + delay, sequence, flow, 1 - from, packet)));
                }
            }
        }
        let timers = pairs.iter_mut().flat_map(|pair| pair.sides.iter_mut());
        let timers = timers.filter_map(Machine::poll_timeout);
        let arrival = packets.peek().map(|Reverse((at, ..))| *at);
        let next: Option<Instant> = timers.chain(arrival).min();
        now = now.max(next.unwrap_or(end)).min(end);
        for pair in &mut pairs {
            pair.now = now;
            pair.expire();
        }
        while let Some(Reverse((at, ..))) = packets.peek()
            && *at <= now
        {
            let Some(Reverse((_, _, flow, to, packet))) = packets.pop() else {
                break;
            };
            let side = &mut pairs[flow].sides[to];
            side.handle_packet(now, packet);
            while let Some(event) = side.poll_event() {
                if let Event::Readable(id) = event {
                    while let Some(message) = side.recv(now, id) {
                        if now >= begin {
                            received[flow] += message.len();
                        }
                    }
                }
            }
        }
    }
    Shares {
        rates: received.map(|bytes| bytes as f64 * 8.0 / (end - begin).as_secs_f64()),
        queue: waited / sent.max(1),
    }
}
