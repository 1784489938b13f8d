//! The DTLS engines side by side, both ends of a connection on one thread: what a handshake costs,
//! what a record costs to seal and to open, and how often memory is allocated for one.

use actix_rtc::DtlsEngine;
use actix_rtc::internals::DtlsLoop;
use actix_rtc::proto::dtls::{Certificate, Config, Versions};
use allocation_counter::AllocationInfo;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;

/// What SCTP puts into a record.
const PAYLOAD: usize = 1_150;

/// A batch: what one wake of a socket brings.
const RECORDS: usize = 64;

const ENGINES: [(&str, DtlsEngine, Versions); 3] = [
    ("dimpl, DTLS 1.3", DtlsEngine::Dimpl, Versions::Only13),
    ("dimpl, DTLS 1.2", DtlsEngine::Dimpl, Versions::Only12),
    (
        "webrtc-dtls, DTLS 1.2",
        DtlsEngine::WebrtcDtls,
        Versions::Only12,
    ),
];

struct Bench {
    runtime: Runtime,
    certificates: [Certificate; 2],
}

impl Bench {
    fn new() -> Bench {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let certificates = DtlsLoop::certificates().expect("certificates");
        Bench {
            runtime,
            certificates,
        }
    }

    fn connected(&self, kind: DtlsEngine, versions: Versions) -> DtlsLoop {
        let config = Config::default().versions(versions);
        let mut pair = DtlsLoop::new(kind, &config, &self.certificates);
        assert!(self.runtime.block_on(pair.connect()), "connected");
        pair
    }

    /// One batch from client to server.
    fn transfer(&self, pair: &mut DtlsLoop) {
        pair.seal(&[7; PAYLOAD], RECORDS);
        self.open(pair);
    }

    fn open(&self, pair: &mut DtlsLoop) {
        for segments in pair.sent(0) {
            pair.receive(1, &segments);
        }
        let opened = self.runtime.block_on(pair.opened(RECORDS));
        assert_eq!(opened, RECORDS, "no record is lost");
    }

    /// Allocations for each record of a batch, to seal and to open.
    fn allocations(&self, pair: &mut DtlsLoop) -> [AllocationInfo; 2] {
        self.transfer(pair);
        let sealed = allocation_counter::measure(|| pair.seal(&[7; PAYLOAD], RECORDS));
        let opened = allocation_counter::measure(|| self.open(pair));
        [sealed, opened]
    }
}

fn dtls(c: &mut Criterion) {
    let bench = Bench::new();
    let mut group = c.benchmark_group("dtls handshake");
    for (name, kind, versions) in ENGINES {
        group.bench_function(name, |b| b.iter(|| bench.connected(kind, versions)));
    }
    group.finish();

    let mut group = c.benchmark_group("dtls records");
    group.throughput(Throughput::Elements(RECORDS as u64));
    for (name, kind, versions) in ENGINES {
        let mut pair = bench.connected(kind, versions);
        group.bench_function(name, |b| b.iter(|| bench.transfer(&mut pair)));
    }
    group.finish();

    println!("allocations for each record of {PAYLOAD} bytes, in batches of {RECORDS}");
    for (name, kind, versions) in ENGINES {
        let mut pair = bench.connected(kind, versions);
        let [sealed, opened] = bench.allocations(&mut pair);
        let each = |info: AllocationInfo| {
            let records = RECORDS as f64;
            let (count, bytes) = (info.count_total as f64, info.bytes_total as f64);
            format!("{:.2} ({:.0} bytes)", count / records, bytes / records)
        };
        println!("  {name}: seal {}, open {}", each(sealed), each(opened));
    }
}

criterion_group!(benches, dtls);
criterion_main!(benches);
