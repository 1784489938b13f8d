//! The SCTP machine alone: two associations in memory, the work of both sides counted.
//!
//! `memory` is without a network: what a batch holds is what the sender makes in one go, as it
//! would be with a socket that segments. `link` is a simulated bottleneck with a queue of 50 ms on
//! virtual time, where each packet comes by itself; the simulator's own work is in the figures.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::random::Random;
use actix_rtc_proto::sctp::{Association, ChannelId, ChannelOptions, Config, Event, Message};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// What DTLS, UDP and IP add to a packet on the wire.
const OVERHEAD: usize = 37 + 8 + 20;
const QUEUE: Duration = Duration::from_millis(50);

struct Pair {
    sides: [Association; 2],
    channel: ChannelId,
    now: Instant,
}

impl Pair {
    fn new() -> Pair {
        #[expect(
            clippy::disallowed_methods,
            reason = "virtual time has to begin somewhere"
        )]
        let now = Instant::now();
        let config = Config::default();
        let mut sides =
            [1, 2].map(|seed| Association::new(config.clone(), Random::from_number(seed)));
        for (side, association) in sides.iter_mut().enumerate() {
            association.start(now, side == 0, config.capabilities(), config.local_port);
        }
        let channel = sides[0].open(now, "bench".to_owned(), ChannelOptions::default());
        Pair {
            sides,
            channel: channel.expect("it is the first"),
            now,
        }
    }

    /// Queues as many messages as there is room for.
    fn send(&mut self, message: &Bytes, left: &mut usize) {
        while *left > 0 {
            let message = Message::Binary(message.clone());
            if self.sides[0].send(self.now, self.channel, message).is_err() {
                break;
            }
            *left -= 1;
        }
    }

    /// Reads what has arrived.
    fn read(&mut self, side: usize) -> usize {
        let mut received = 0;
        while let Some(event) = self.sides[side].poll_event() {
            if let Event::Readable(id) = event {
                while let Some(message) = self.sides[side].recv(self.now, id) {
                    received += 1;
                    black_box(message);
                }
            }
        }
        received
    }

    fn expire(&mut self) {
        for side in &mut self.sides {
            if side.poll_timeout().is_some_and(|due| due <= self.now) {
                side.handle_timeout(self.now);
            }
        }
    }

    /// One batch in each direction; returns how many messages arrived.
    fn exchange(&mut self) -> usize {
        // A round trip of 100 us, as between two processes of one machine.
        self.now += Duration::from_micros(100);
        let mut received = 0;
        for from in 0..2 {
            let mut batch = Vec::new();
            while let Some(packet) = self.sides[from].poll_transmit(self.now) {
                batch.push(packet);
            }
            self.sides[1 - from].handle_packets(self.now, batch);
            received += self.read(1 - from);
        }
        self.expire();
        received
    }

    /// Moves so many messages without a network.
    fn transfer(&mut self, message: &Bytes, count: usize) {
        let (mut left, mut received) = (count, 0);
        while received < count {
            self.send(message, &mut left);
            received += self.exchange();
        }
    }
}

/// A bottleneck of so many bits per second, the same in both directions.
struct Link {
    pair: Pair,
    rate: f64,
    delay: Duration,
    busy: [Instant; 2],
    packets: BinaryHeap<Reverse<(Instant, u64, usize, Bytes)>>,
    sequence: u64,
}

impl Link {
    fn new(rate: f64, delay: Duration) -> Link {
        let pair = Pair::new();
        let busy = [pair.now; 2];
        Link {
            pair,
            rate,
            delay,
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
                if free - now > QUEUE {
                    continue;
                }
                let bits = (packet.len() + OVERHEAD) as f64 * 8.0;
                self.busy[from] = free + Duration::from_secs_f64(bits / self.rate);
                self.sequence += 1;
                let at = self.busy[from] + self.delay;
                self.packets
                    .push(Reverse((at, self.sequence, 1 - from, packet)));
            }
        }
    }

    /// Moves so many messages; returns how long it took on the virtual clock.
    fn transfer(&mut self, message: &Bytes, count: usize) -> Duration {
        let start = self.pair.now;
        let (mut left, mut received) = (count, 0);
        while received < count {
            self.pair.send(message, &mut left);
            self.drain();
            let timers = self
                .pair
                .sides
                .iter_mut()
                .filter_map(Machine::poll_timeout)
                .min();
            let arrival = self.packets.peek().map(|Reverse((at, ..))| *at);
            let next = timers
                .into_iter()
                .chain(arrival)
                .min()
                .expect("something is under way");
            self.pair.now = self.pair.now.max(next);
            self.pair.expire();
            while let Some(Reverse((at, ..))) = self.packets.peek()
                && *at <= self.pair.now
            {
                let Some(Reverse((_, _, to, packet))) = self.packets.pop() else {
                    break;
                };
                self.pair.sides[to].handle_packet(self.pair.now, packet);
                received += self.pair.read(to);
            }
        }
        self.pair.now - start
    }
}

fn memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("memory");
    for (name, size, count) in [
        ("64 KiB", 65_536, 256),
        ("1 KiB", 1024, 4096),
        ("100 B", 100, 20_000),
    ] {
        let message = Bytes::from(vec![7; size]);
        group.throughput(Throughput::Bytes((size * count) as u64));
        group.bench_function(format!("{count} messages of {name}"), |bencher| {
            let mut pair = Pair::new();
            pair.transfer(&message, 10);
            bencher.iter(|| pair.transfer(&message, count));
        });
    }
    group.finish();
}

fn link(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("link");
    let message = Bytes::from(vec![7; 65_536]);
    for (megabits, rtt) in [(20, 50), (100, 50), (100, 100)] {
        let count = 10 * megabits;
        group.throughput(Throughput::Bytes((count * message.len()) as u64));
        let took = Cell::new(Duration::ZERO);
        let mut best: f64 = 0.0;
        group.bench_function(format!("{megabits} Mbit/s, RTT {rtt} ms"), |bencher| {
            let delay = Duration::from_millis(rtt / 2);
            let mut link = Link::new(megabits as f64 * 1e6, delay);
            bencher.iter(|| took.set(link.transfer(&message, count)));
            let bits = (count * message.len()) as f64 * 8.0;
            best = best.max(bits / took.get().as_secs_f64() / 1e6);
        });
        println!("{megabits} Mbit/s, RTT {rtt} ms: goodput {best:.1} Mbit/s on the virtual clock");
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(2));
    targets = memory, link
}
criterion_main!(benches);
