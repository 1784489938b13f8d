//! The whole chain of machines in memory: ICE, DTLS and SCTP of both sides on one thread, without
//! sockets and actors. What a transfer costs beyond this is the price of those.

#[path = "../../tests/stack/peer.rs"]
mod peer;

use std::time::{Duration, Instant};

use actix_rtc::proto::sctp::{ChannelId, ChannelOptions, Event, Message};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use peer::Peer;

/// How many bytes one iteration moves.
const BYTES: usize = 1 << 20;

/// How much is kept in flight: what a fast link needs, and not more.
const AHEAD: usize = 256 << 10;

struct Pair {
    now: Instant,
    peers: [Peer; 2],
    channel: ChannelId,
    remote: Option<ChannelId>,
}

impl Pair {
    fn connected() -> Pair {
        let now = Instant::now();
        let mut peers = Peer::pair(now, 1);
        let options = ChannelOptions::default();
        let channel = peers[0]
            .sctp
            .open(now, "bench".into(), options)
            .expect("a fresh association");
        let mut pair = Pair {
            now,
            peers,
            channel,
            remote: None,
        };
        while pair.remote.is_none() {
            pair.now += Duration::from_millis(5);
            pair.peers
                .iter_mut()
                .for_each(|p| p.handle_timeout(pair.now));
            pair.exchange();
            pair.remote = pair.peers[1].events.iter().find_map(|event| match event {
                Event::ChannelIncoming(id) => Some(*id),
                _ => None,
            });
        }
        pair
    }

    /// Carries datagrams to and fro until nobody has any.
    fn exchange(&mut self) {
        loop {
            let mut sent = 0;
            for side in 0..2 {
                let mut flying = Vec::new();
                let (now, from) = (self.now, self.peers[side].base());
                self.peers[side].drain(now, &mut |_, datagram| flying.push(datagram));
                sent += flying.len();
                for datagram in flying {
                    self.peers[1 - side].receive(now, from, datagram);
                }
            }
            if sent == 0 {
                return;
            }
        }
    }

    fn transfer(&mut self, message: &Bytes) {
        let (mut sent, mut received) = (0, 0);
        while received < BYTES {
            while sent < BYTES && self.peers[0].sctp.buffered_amount(self.channel) < AHEAD {
                let message = Message::Binary(message.clone());
                sent += message.len();
                self.peers[0]
                    .sctp
                    .send(self.now, self.channel, message)
                    .expect("there is room");
            }
            self.exchange();
            let remote = self.remote.expect("connected");
            while let Some(message) = self.peers[1].sctp.recv(self.now, remote) {
                received += message.len();
            }
            // Time goes on, as it would: delayed acknowledgements become due.
            self.now += Duration::from_micros(200);
            for peer in &mut self.peers {
                if peer.timeout().is_some_and(|due| due <= self.now) {
                    peer.handle_timeout(self.now);
                }
            }
        }
    }
}

fn chain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chain");
    group
        .sample_size(10)
        .throughput(Throughput::Bytes(BYTES as u64));
    for size in [65_536, 1_200, 100] {
        let message = Bytes::from(vec![0x5a; size]);
        let mut pair = Pair::connected();
        group.bench_function(format!("{size}_byte_messages"), |bencher| {
            bencher.iter(|| pair.transfer(&message));
        });
    }
    group.finish();
}

criterion_group!(benches, chain);
criterion_main!(benches);
