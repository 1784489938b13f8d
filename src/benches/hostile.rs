//! What a datagram costs before it is authenticated, and what an honest check costs.
//!
//! The hostile ones are the worst that were found for STUN parsers: attributes without content,
//! a user name without end, and a datagram as large as UDP carries. Each must stay below one
//! microsecond.

#![allow(missing_docs, reason = "criterion_group! makes functions without any")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Instant;

use actix_rtc_proto::Machine;
use actix_rtc_proto::ice::{Agent, Candidate, Config, Parameters, Role};
use actix_rtc_proto::net::{Path, Protocol};
use actix_rtc_proto::random::Random;
use actix_rtc_proto::stun::binding::{Check, RoleClaim};
use actix_rtc_proto::stun::{self, BINDING, Builder, Class, Header, Key, TransactionId, attribute};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};

fn request() -> Builder {
    let transaction_id = TransactionId([7; 12]);
    Builder::new(Header {
        class: Class::Request,
        method: BINDING,
        transaction_id,
    })
}

/// A request of `size` bytes made of empty NONCE attributes, behind a true user name.
fn empty_attributes(username: &str, size: usize) -> Bytes {
    let mut message = request().attribute(attribute::USERNAME, username.as_bytes());
    let mut len = 24 + username.len().next_multiple_of(4);
    while len + 4 <= size {
        message = message.attribute(0x0015, &[]);
        len += 4;
    }
    message.build()
}

fn hostile(c: &mut Criterion) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark needs some instant to begin with"
    )]
    let now = Instant::now();
    let base: SocketAddr = "10.0.0.1:5000".parse().expect("an address");
    let from: SocketAddr = "10.0.0.2:5000".parse().expect("an address");
    let path = Path::udp(base, from);
    let mut agent = Agent::new(Config::default(), Role::Controlled, Random::from_number(1));
    agent.add_local_candidate(now, Candidate::host(base, Protocol::Udp), base);
    let local = agent.local_parameters().clone();
    let username = format!("{}:peer", local.username_fragment);

    let mut large = empty_attributes(&username, 65_000).to_vec();
    large.resize(65_000, 0);
    let unsigned = empty_attributes(&username, 1472);
    let worst = [
        ("1472 bytes of empty attributes", unsigned),
        (
            "784 bytes of user name",
            request()
                .attribute(attribute::USERNAME, &[b'a'; 784])
                .build(),
        ),
        ("65 KB", large.into()),
        (
            "a wrong user name",
            check("nobody:peer", &Key::short_term("x")),
        ),
        ("a wrong password", check(&username, &Key::short_term("x"))),
        (
            "a true name on 1472 bytes, wrongly signed",
            padded(&username),
        ),
    ];
    let mut group = c.benchmark_group("hostile datagram");
    for (name, datagram) in &worst {
        group.bench_function(*name, |b| {
            b.iter(|| agent.handle_datagram(now, path, black_box(datagram)));
        });
        assert!(agent.poll_transmit(now).is_none(), "{name} was answered");
    }
    group.finish();

    let mut group = c.benchmark_group("routing");
    for (name, datagram) in &worst[..3] {
        group.bench_function(*name, |b| {
            b.iter(|| stun::peek(black_box(datagram)).and_then(|_| stun::local_ufrag(datagram)));
        });
    }
    group.finish();

    // Someone with the password, from ever new addresses: the lists are full.
    let signed = check(&username, &Key::short_term(&local.password));
    let (mut crowded, mut port) = (agent_with(now, base, &local), 0u16);
    c.bench_function("a check too many, from a new address", |b| {
        b.iter(|| {
            port = port.wrapping_add(1).max(1);
            let path = Path::udp(base, SocketAddr::new(from.ip(), port));
            crowded.handle_datagram(now, path, black_box(&signed));
            while crowded.poll_transmit(now).is_some() {}
            while crowded.poll_event().is_some() {}
        });
    });

    let honest = signed;
    c.bench_function("an honest check, answered", |b| {
        b.iter(|| {
            agent.handle_datagram(now, path, black_box(&honest));
            while agent.poll_transmit(now).is_some() {}
            while agent.poll_event().is_some() {}
        });
    });
}

/// An agent that has begun, and whose peer would be called `peer`.
fn agent_with(now: Instant, base: SocketAddr, local: &Parameters) -> Agent {
    let (config, random) = (Config::default(), Random::from_number(2));
    let mut agent = Agent::with_parameters(config, Role::Controlled, local.clone(), random);
    agent.add_local_candidate(now, Candidate::host(base, Protocol::Udp), base);
    let remote = Parameters {
        username_fragment: "peer".into(),
        ..local.clone()
    };
    agent.start(now, remote).expect("good parameters");
    agent
}

fn check(username: &str, key: &Key) -> Bytes {
    Check {
        transaction_id: TransactionId([9; 12]),
        username,
        priority: 1,
        role: RoleClaim::Controlling(1),
        use_candidate: false,
    }
    .encode(key)
}

/// The largest check that reaches the HMAC: the price of knowing the user name.
fn padded(username: &str) -> Bytes {
    request()
        .attribute(attribute::USERNAME, username.as_bytes())
        .attribute(attribute::SOFTWARE, &[b'x'; 1360])
        .integrity(&Key::short_term("x"))
        .fingerprint()
        .build()
}

criterion_group!(benches, hostile);
criterion_main!(benches);
