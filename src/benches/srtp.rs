//! What protecting and unprotecting a packet of 1,200 bytes costs, for each profile, in batches as
//! the network has them. `cargo bench -p actix-rtc-proto --bench srtp`; all times are CPU time, and
//! so packets per second are those of one core, whatever else the machine does.

#![allow(missing_docs, reason = "criterion_group! makes functions without any")]

use std::hint::black_box;
use std::time::Duration;

use actix_rtc_proto::net::Coalescer;
use actix_rtc_proto::srtp::{Config, Contexts, Side, SrtpKeyingMaterial, SrtpProfile};
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nix::time::{ClockId, clock_gettime};

/// As many as leave in one segmented send.
const BATCH: usize = 50;
const PACKET: usize = 1_200;

/// The CPU time of this thread.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
    }

    fn end(&self, start: Duration) -> Duration {
        self.start().saturating_sub(start)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

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

fn packets(c: &mut Criterion<CpuTime>) {
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

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = packets
}
criterion_main!(benches);
