//! The SCTP machine alone: two associations in memory, the work of both sides counted.
//!
//! `memory` is without a network: what a batch holds is what the sender makes in one go, as it
//! would be with a socket that segments. The tables are printed: goodput and CPU on simulated
//! bottlenecks with a queue of 50 ms, the delay of a small channel beside a bulk one, and what
//! very many channels and messages cost.

mod link;
mod pair;
mod shared;
mod tables;

use std::time::Duration;

use actix_rtc_proto::sctp::{Config, SctpEngine};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pair::Pair;

fn memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("memory");
    let sizes = [
        ("64 KiB", 65_536, 256),
        ("1 KiB", 1024, 4096),
        ("100 B", 100, 20_000),
    ];
    for engine in [SctpEngine::SctpProto, SctpEngine::Native] {
        for (name, size, count) in sizes {
            let message = Bytes::from(vec![7; size]);
            let config = Config::default().sctp_engine(engine);
            group.throughput(Throughput::Bytes((size * count) as u64));
            let name = format!("{}: {count} messages of {name}", engine.as_str());
            group.bench_function(name, |bencher| {
                let mut pair = Pair::with(&config, 1);
                pair.transfer(&message, 10);
                bencher.iter(|| pair.transfer(&message, count));
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(2));
    targets = tables::links, tables::real_links, tables::sharing, tables::fairness, tables::volume, memory
}
criterion_main!(benches);
