//! What protecting and unprotecting a packet of 1,200 bytes costs, for each profile, in batches as
//! the network has them. `cargo bench -p actix-rtc-proto --bench srtp`; packets per second are
//! those of one core.

#![allow(missing_docs, reason = "criterion_group! makes functions without any")]

use std::hint::black_box;

use actix_rtc_proto::net::Coalescer;
use actix_rtc_proto::srtp::{Config, Contexts, Side, SrtpKeyingMaterial, SrtpProfile};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// As many as leave in one segmented send.
const BATCH: usize = 50;
const PACKET: usize = 1_200;

fn contexts(profile: SrtpProfile, side: Side) -> Contexts {
    let bytes = vec![7; profile.keying_material_len()];
    let material = SrtpKeyingMaterial::new(profile, bytes).expect("of the right length");
    Contexts::new(&material, side, Config::default()).expect("keys of the right length")
}

/// Packets that go on where the last batch ended.
struct Source {
    sequence_number: u16,
}

impl Source {
    fn next(&mut self, packet: &mut [u8]) {
        self.sequence_number = self.sequence_number.wrapping_add(1);
        packet[..2].copy_from_slice(&[0x80, 96]);
        packet[2..4].copy_from_slice(&self.sequence_number.to_be_bytes());
        packet[8..12].copy_from_slice(&[1, 2, 3, 4]);
    }
}

fn packets(c: &mut Criterion) {
    for profile in SrtpProfile::ALL {
        let mut group = c.benchmark_group(profile.as_str());
        group.throughput(Throughput::Elements(BATCH as u64));
        let segment = PACKET + profile.rtp_overhead();

        let mut send = contexts(profile, Side::Client).send;
        let mut source = Source { sequence_number: 0 };
        let mut batch = vec![0; segment * BATCH];
        group.bench_function("protect in place", |b| {
            b.iter(|| {
                for packet in batch.chunks_mut(segment) {
                    source.next(packet);
                    send.protect(black_box(packet), PACKET).expect("room");
                }
            });
        });
        group.bench_function("protect into a send buffer", |b| {
            b.iter(|| {
                let mut out = Coalescer::default();
                for _ in 0..BATCH {
                    send.protect_with(PACKET, &mut out, |packet| source.next(packet))
                        .expect("room");
                }
                out.take()
            });
        });

        // What was opened once is a replay: each batch is another.
        let mut send = contexts(profile, Side::Client).send;
        let mut receive = contexts(profile, Side::Server).receive;
        let mut source = Source { sequence_number: 0 };
        let mut opened = Vec::with_capacity(BATCH);
        group.bench_function("unprotect in place", |b| {
            b.iter_batched_ref(
                || {
                    let mut batch = vec![0; segment * BATCH];
                    for packet in batch.chunks_mut(segment) {
                        source.next(packet);
                        send.protect(packet, PACKET).expect("room");
                    }
                    batch
                },
                |batch| {
                    opened.clear();
                    receive.unprotect_batch(black_box(batch), segment, &mut opened);
                    assert_eq!(opened.len(), BATCH);
                },
                BatchSize::SmallInput,
            );
        });
        let mut forged = vec![0x80; segment * BATCH];
        group.bench_function("refuse forged packets", |b| {
            b.iter(|| {
                opened.clear();
                receive.unprotect_batch(black_box(&mut forged), segment, &mut opened);
                assert!(opened.is_empty());
            });
        });
        group.finish();
    }
}

criterion_group!(benches, packets);
criterion_main!(benches);
