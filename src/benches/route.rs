//! What finding a datagram's session costs with 20,000 sessions on one port.

#![allow(missing_docs, reason = "criterion_group! makes functions without any")]

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use actix_rtc_proto::demux::Kind;
use actix_rtc_proto::net::Path;
use actix_rtc_proto::random::Random;
use actix_rtc_proto::route::{Asker, Routes, Tables};
use actix_rtc_proto::stun::binding::{self, Check, RoleClaim};
use actix_rtc_proto::stun::{Key, TransactionId};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};

const SESSIONS: u32 = 20_000;

fn remote(session: u32) -> SocketAddr {
    let ip = Ipv4Addr::from(0x0A00_0000 + session % 97);
    SocketAddr::new(ip.into(), 10_000 + session as u16)
}

fn ufrag(session: u32) -> String {
    format!("frag{session:08}")
}

fn check(session: u32) -> Bytes {
    Check {
        transaction_id: TransactionId([0; 12]),
        username: &format!("{}:peer", ufrag(session)),
        priority: 1,
        role: RoleClaim::Controlling(1),
        use_candidate: false,
    }
    .encode(&Key::short_term("0123456789012345678901"))
}

fn look_ups(c: &mut Criterion) {
    #[expect(
        clippy::disallowed_methods,
        reason = "virtual time has to begin somewhere"
    )]
    let now = Instant::now();
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 3478));
    let mut random = Random::from_number(1);
    let mut routes: Routes<u32> = Routes::new(Duration::from_secs(30), Tables::default());
    for session in 0..SESSIONS {
        routes.join(session);
        routes.add_ufrag(session, &ufrag(session));
        routes.answered(now, session, Path::udp(local, remote(session)));
    }
    // A walk without a pattern, so that the caches help as little as they would.
    let mut order: Vec<u32> = (0..SESSIONS).collect();
    for i in (1..order.len()).rev() {
        order.swap(i, random.u32() as usize % (i + 1));
    }
    let mut next = order.iter().cycle().copied();
    let mut group = c.benchmark_group("route at 20,000 sessions");

    let record = [22, 254, 253, 0, 1, 0, 0, 0];
    group.bench_function("DTLS by address", |b| {
        b.iter(|| {
            let session = next.next().unwrap_or(0);
            let found = routes.route(Kind::Dtls, remote(session), black_box(&record));
            assert_eq!(found, Ok((session, Asker::Agent)));
        });
    });
    let stranger = SocketAddr::from((Ipv4Addr::new(203, 0, 113, 1), 1));
    group.bench_function("DTLS from a stranger", |b| {
        b.iter(|| {
            assert!(
                routes
                    .route(Kind::Dtls, stranger, black_box(&record))
                    .is_err()
            )
        });
    });
    let checks: Vec<Bytes> = (0..SESSIONS).map(check).collect();
    group.bench_function("STUN request by username fragment", |b| {
        b.iter(|| {
            let session = next.next().unwrap_or(0);
            let found = routes.route(Kind::Stun, stranger, black_box(&checks[session as usize]));
            assert_eq!(found, Ok((session, Asker::Agent)));
        });
    });
    let key = Key::short_term("0123456789012345678901");
    let id = TransactionId([9; 12]);
    let response = binding::success(id, local, &key);
    group.bench_function("STUN request sent and its response, by transaction", |b| {
        b.iter(|| {
            let session = next.next().unwrap_or(0);
            routes.expect(now, session, Asker::Agent, id, remote(session));
            let found = routes.route(Kind::Stun, remote(session), black_box(&response));
            assert_eq!(found, Ok((session, Asker::Agent)));
        });
    });
    group.bench_function("a session comes and goes", |b| {
        b.iter(|| {
            routes.join(SESSIONS);
            routes.add_ufrag(SESSIONS, "newcomer");
            routes.answered(now, SESSIONS, Path::udp(local, stranger));
            routes.leave(SESSIONS);
        });
    });
    group.finish();
}

criterion_group!(benches, look_ups);
criterion_main!(benches);
