use std::time::Duration;

use super::*;
use crate::gather::{Allocation, Host, IceServer, Lookup, Preferences, ServerFailed, Transport};
use crate::stun::{self, BINDING, Builder, Class, Header, attribute};

const BASE: &str = "10.0.0.1:4000";
const SERVER: &str = "192.0.2.1:3478";
const SERVER_URL: &str = "stun:192.0.2.1";
const SEEN: &str = "198.51.100.7:61000";

#[expect(
    clippy::disallowed_methods,
    reason = "tests need an instant to count from"
)]
fn epoch() -> Instant {
    Instant::now()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A gatherer with a clock, and what came out of it.
struct Rig {
    gatherer: Gatherer,
    now: Instant,
    sent: Vec<(Duration, Transmit)>,
    events: Vec<Event>,
    start: Instant,
}

impl Rig {
    fn new(config: Config, bases: &[&str]) -> Rig {
        let now = epoch();
        let mut gatherer = Gatherer::new(config, Random::from_number(1));
        for base in bases {
            gatherer.add_base(now, Base::udp(at(base))).unwrap();
        }
        Rig {
            gatherer,
            now,
            sent: Vec::new(),
            events: Vec::new(),
            start: now,
        }
    }

    fn started(config: Config, bases: &[&str], servers: &[IceServer]) -> Rig {
        let mut rig = Rig::new(config, bases);
        rig.gatherer.start(rig.now, servers).unwrap();
        rig.drain();
        rig
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.gatherer.poll_transmit(self.now) {
            self.sent.push((self.now - self.start, transmit));
        }
        self.events
            .extend(std::iter::from_fn(|| self.gatherer.poll_event()));
    }

    /// Lets time pass, with a wake-up at each deadline.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.drain();
        while let Some(next) = self.gatherer.poll_timeout().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.gatherer.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Delivers the answer to the last datagram sent to `server`.
    fn answer(&mut self, server: &str, with: impl FnOnce(Builder) -> Builder, class: Class) {
        let to_server = |(_, t): &&(Duration, Transmit)| t.path.remote == at(server);
        let request = self.sent.iter().rev().find(to_server).unwrap().1.clone();
        let id = stun::peek(&request.datagram).unwrap().transaction_id;
        let header = Header {
            class,
            method: BINDING,
            transaction_id: id,
        };
        let response = with(Builder::new(header)).build();
        assert!(
            self.gatherer
                .handle_datagram(self.now, request.path, &response)
        );
        self.drain();
    }

    fn answer_mapped(&mut self, server: &str, mapped: &str) {
        let mapped = at(mapped);
        self.answer(
            server,
            |b| b.xor_address(attribute::XOR_MAPPED_ADDRESS, mapped),
            Class::SuccessResponse,
        );
    }

    fn candidates(&self) -> Vec<&Gathered> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Candidate(gathered) => Some(gathered),
                _ => None,
            })
            .collect()
    }

    fn failures(&self) -> Vec<&ServerFailed> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::ServerFailed(failed) => Some(failed),
                _ => None,
            })
            .collect()
    }

    fn lookups(&self) -> Vec<Lookup> {
        let lookup = |event: &Event| match event {
            Event::Lookup(lookup) => Some(lookup.clone()),
            _ => None,
        };
        self.events.iter().filter_map(lookup).collect()
    }

    fn allocations(&self) -> Vec<Allocation> {
        let allocation = |event: &Event| match event {
            Event::Allocate(allocation) => Some(allocation.clone()),
            _ => None,
        };
        self.events.iter().filter_map(allocation).collect()
    }

    fn is_complete(&self) -> bool {
        self.gatherer.state() == State::Complete
    }
}

fn turn(url: &str) -> IceServer {
    IceServer::turn(url, "user", "secret")
}

#[test]
fn host_candidates_alone_complete_at_once() {
    let rig = Rig::started(Config::default(), &[BASE, "[2001:db8::1]:4000"], &[]);
    let found: Vec<_> = rig
        .candidates()
        .iter()
        .map(|c| (c.kind, c.address))
        .collect();
    assert_eq!(
        found,
        [
            (GatheredKind::Host, at(BASE)),
            (GatheredKind::Host, at("[2001:db8::1]:4000"))
        ]
    );
    assert_eq!(rig.events[0], Event::StateChanged(State::Gathering));
    assert_eq!(rig.events[3], Event::StateChanged(State::Complete));
}

#[test]
fn scenario_15_srflx_over_ipv4_and_ipv6_from_two_servers() {
    let servers = ["stun:192.0.2.1", "stun:[2001:db8::53]:3479"].map(IceServer::from);
    let mut rig = Rig::started(Config::default(), &[BASE, "[2001:db8::1]:4000"], &servers);
    rig.pass(ms(100));
    let paths: Vec<_> = rig
        .sent
        .iter()
        .map(|(_, t)| (t.path.local, t.path.remote))
        .collect();
    assert_eq!(
        paths,
        [
            (at(BASE), at(SERVER)),
            (at("[2001:db8::1]:4000"), at("[2001:db8::53]:3479"))
        ]
    );
    rig.answer_mapped(SERVER, SEEN);
    assert!(!rig.is_complete());
    rig.answer_mapped("[2001:db8::53]:3479", "[2001:db8::9]:7");
    assert!(rig.is_complete());
    let srflx = rig.candidates()[2];
    assert_eq!(srflx.kind, GatheredKind::ServerReflexive);
    assert_eq!((srflx.address, srflx.base), (at(SEEN), at(BASE)));
    assert_eq!(
        (srflx.related, srflx.server),
        (Some(at(BASE)), Some(at(SERVER)))
    );
    assert_eq!(srflx.url.as_ref().unwrap().as_str(), "stun:192.0.2.1");
    assert_eq!(rig.candidates()[3].address, at("[2001:db8::9]:7"));
    assert!(rig.failures().is_empty());
}

#[test]
fn new_transactions_are_paced_at_ta() {
    let servers: Vec<_> = (1..=4)
        .map(|i| IceServer::stun(format!("stun:192.0.2.{i}")))
        .collect();
    let mut rig = Rig::started(Config::default(), &[BASE, "10.0.0.2:4000"], &servers);
    rig.pass(ms(400));
    let times: Vec<_> = rig.sent.iter().map(|(time, _)| time.as_millis()).collect();
    assert_eq!(times, [0, 50, 100, 150, 200, 250, 300, 350]);
}

#[test]
fn a_silent_server_is_asked_again_and_again_and_then_reported() {
    let config = Config {
        server_timeout: ms(60_000),
        ..Config::default()
    };
    let mut rig = Rig::started(config, &[BASE], &["stun:192.0.2.1".into()]);
    rig.pass(ms(59_999));
    let times: Vec<_> = rig.sent.iter().map(|(time, _)| time.as_millis()).collect();
    // RFC 8489 §6.2.1
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 15500, 31500]);
    let first = &rig.sent[0].1;
    assert!(
        rig.sent.iter().all(|(_, t)| t == first),
        "the same transaction"
    );
    assert!(rig.failures().is_empty() && !rig.is_complete());
    rig.pass(ms(1));
    let failures = rig.failures();
    assert_eq!(failures.len(), 1);
    assert_eq!(
        (failures[0].code(), failures[0].reason.reason()),
        (701, "timeout")
    );
    assert_eq!(failures[0].address, Some(at(BASE)));
    assert_eq!(failures[0].url.as_str(), "stun:192.0.2.1");
    assert!(rig.is_complete());
    assert_eq!(rig.gatherer.poll_timeout(), None);
}

#[test]
fn scenario_15_a_silent_server_does_not_hold_back_another() {
    let servers = ["stun:192.0.2.66", "stun:192.0.2.1"].map(IceServer::from);
    let mut rig = Rig::started(Config::default(), &[BASE], &servers);
    rig.pass(ms(60));
    rig.answer_mapped(SERVER, SEEN);
    assert_eq!(rig.candidates().len(), 2);
    rig.pass(ms(10_000));
    assert!(rig.is_complete());
    assert_eq!(rig.failures().len(), 1);
}

#[test]
fn scenario_15_a_lost_response_is_made_up_for() {
    let mut rig = Rig::started(Config::default(), &[BASE], &["stun:192.0.2.1".into()]);
    rig.pass(ms(500));
    assert_eq!(rig.sent.len(), 2);
    rig.answer_mapped(SERVER, SEEN);
    assert!(rig.is_complete());
    rig.pass(ms(5_000));
    assert_eq!(rig.sent.len(), 2, "nothing is repeated after the answer");
}

#[test]
fn scenario_15_names_are_looked_up_and_failures_are_named() {
    let servers = [
        "stun:good.example:5000",
        "stun:gone.example",
        "stun:slow.example",
    ];
    let mut rig = Rig::started(Config::default(), &[BASE], &servers.map(IceServer::from));
    let lookups = rig.lookups();
    assert_eq!((&*lookups[0].name, lookups[0].port), ("good.example", 5000));
    // Only IPv6 is added to it: the family that failed holds nothing back.
    let found = [at("[2001:db8::53]:5000"), at(SERVER)];
    rig.gatherer
        .handle_lookup(rig.now, lookups[0].id, Ok(&found));
    rig.gatherer
        .handle_lookup(rig.now, lookups[1].id, Err(LookupError::NotFound));
    rig.drain();
    rig.answer_mapped(SERVER, SEEN);
    assert!(!rig.is_complete());
    rig.pass(ms(10_000));
    assert!(rig.is_complete());
    let reasons: Vec<_> = rig
        .failures()
        .iter()
        .map(|f| (f.url.as_str(), f.code(), f.reason.reason()))
        .collect();
    assert_eq!(
        reasons,
        [
            ("stun:gone.example", 701, "name_not_found"),
            ("stun:slow.example", 701, "lookup_timeout")
        ]
    );
    rig.gatherer
        .handle_lookup(rig.now, lookups[2].id, Ok(&[at(SERVER)]));
    assert_eq!(rig.gatherer.counters().answers_too_late, 1);
    assert!(rig.is_complete());
}

#[test]
fn scenario_15_an_unreachable_address_leads_to_the_next_one() {
    let mut rig = Rig::started(Config::default(), &[BASE], &["stun:two.example".into()]);
    let found = [at(SERVER), at("192.0.2.2:3478")];
    rig.gatherer
        .handle_lookup(rig.now, rig.lookups()[0].id, Ok(&found));
    rig.drain();
    rig.gatherer
        .handle_unreachable(rig.now, Path::udp(at(BASE), at(SERVER)));
    rig.pass(ms(50));
    assert_eq!(rig.sent.last().unwrap().1.path.remote, at("192.0.2.2:3478"));
    assert!(rig.failures().is_empty());
    rig.gatherer
        .handle_unreachable(rig.now, Path::udp(at(BASE), at("192.0.2.2:3478")));
    rig.drain();
    assert_eq!(rig.failures().len(), 1);
    assert_eq!(rig.failures()[0].reason, FailureReason::Unreachable);
    assert!(rig.is_complete());
}

#[test]
fn an_error_of_the_server_carries_its_code_and_text() {
    let mut rig = Rig::started(Config::default(), &[BASE], &["stun:192.0.2.1".into()]);
    rig.answer(
        SERVER,
        |b| b.error(401, "Unauthenticated"),
        Class::ErrorResponse,
    );
    let failed = rig.failures()[0];
    assert_eq!(
        (failed.code(), &*failed.text()),
        (401, "401 Unauthenticated")
    );
    assert_eq!(failed.server, Some(at(SERVER)));
    assert!(rig.is_complete());
}

#[test]
fn a_redirection_is_followed_but_not_in_circles() {
    let mut rig = Rig::started(Config::default(), &[BASE], &["stun:192.0.2.1".into()]);
    let alternate = |b: Builder, last: u8| {
        b.error(300, "Try Alternate").attribute(
            attribute::ALTERNATE_SERVER,
            &[0, 1, 0x0d, 0x96, 192, 0, 2, last],
        )
    };
    rig.answer(SERVER, |b| alternate(b, 2), Class::ErrorResponse);
    rig.pass(ms(50));
    rig.answer("192.0.2.2:3478", |b| alternate(b, 1), Class::ErrorResponse);
    assert_eq!(rig.failures()[0].code(), 300);
    assert!(rig.is_complete());
}

#[test]
fn noise_is_dropped_and_counted() {
    let mut rig = Rig::started(Config::default(), &[BASE], &["stun:192.0.2.1".into()]);
    let path = rig.sent[0].1.path;
    let id = stun::peek(&rig.sent[0].1.datagram).unwrap().transaction_id;
    assert!(rig.gatherer.owns(&id));
    let response = |transaction_id, mapped: &str| {
        let header = Header {
            class: Class::SuccessResponse,
            method: BINDING,
            transaction_id,
        };
        Builder::new(header)
            .xor_address(attribute::XOR_MAPPED_ADDRESS, at(mapped))
            .build()
    };
    let good = response(id, SEEN);
    let elsewhere = Path::udp(at(BASE), at("203.0.113.9:3478"));
    assert!(rig.gatherer.handle_datagram(rig.now, elsewhere, &good));
    for unusable in ["0.0.0.0:1", "198.51.100.7:0", "224.0.0.1:1"] {
        assert!(
            rig.gatherer
                .handle_datagram(rig.now, path, &response(id, unusable))
        );
    }
    // Our own request, mirrored.
    let request = rig.sent[0].1.datagram.clone();
    assert!(rig.gatherer.handle_datagram(rig.now, path, &request));
    let other = stun::TransactionId([1; 12]);
    assert!(
        !rig.gatherer
            .handle_datagram(rig.now, path, &response(other, SEEN))
    );
    assert!(
        !rig.gatherer
            .handle_datagram(rig.now, path, &good[..good.len() - 1])
    );
    assert!(!rig.gatherer.handle_datagram(rig.now, path, b""));
    rig.drain();
    assert_eq!(rig.candidates().len(), 1);
    let counters = rig.gatherer.counters();
    assert_eq!(counters.responses_from_elsewhere, 1);
    assert_eq!(counters.responses_malformed, 4);
    assert!(rig.gatherer.handle_datagram(rig.now, path, &good));
    assert!(
        !rig.gatherer.handle_datagram(rig.now, path, &good),
        "a replay is nobody's"
    );
    assert_eq!(rig.gatherer.counters().responses, 1);
}

#[test]
fn without_a_nat_the_reflexive_candidate_is_redundant() {
    let mut rig = Rig::started(Config::default(), &[BASE], &["stun:192.0.2.1".into()]);
    rig.answer_mapped(SERVER, BASE);
    assert_eq!(rig.candidates().len(), 1);
    assert_eq!(rig.gatherer.counters().candidates_redundant, 1);
    assert!(rig.is_complete());
}

#[test]
fn a_mapping_is_kept_alive_until_ice_has_chosen() {
    let mut rig = Rig::started(Config::default(), &[BASE], &["stun:192.0.2.1".into()]);
    rig.answer_mapped(SERVER, SEEN);
    rig.pass(ms(15_000));
    assert_eq!(rig.sent.len(), 2);
    assert!(rig.is_complete(), "a renewal is not gathering");
    rig.answer_mapped(SERVER, SEEN);
    assert_eq!(rig.candidates().len(), 2);
    rig.pass(ms(15_000));
    // The NAT forgot the mapping and made another: that one is offered, too.
    rig.answer_mapped(SERVER, "198.51.100.7:61001");
    assert_eq!(rig.candidates()[2].address, at("198.51.100.7:61001"));
    rig.pass(ms(25_000));
    assert_eq!(rig.gatherer.counters().keepalives_failed, 1);
    assert!(rig.failures().is_empty());
    rig.gatherer.end_keepalives();
    assert_eq!(rig.gatherer.poll_timeout(), None);
}

#[test]
fn mappings_are_asked_for_anew_when_what_ice_chose_is_lost() {
    let mut rig = Rig::started(Config::default(), &[BASE], &["stun:192.0.2.1".into()]);
    // ICE may have chosen before the server has answered.
    rig.gatherer.end_keepalives();
    rig.answer_mapped(SERVER, SEEN);
    assert_eq!(rig.candidates().len(), 2, "what was asked for is found");
    rig.pass(ms(600_000));
    assert_eq!(rig.sent.len(), 1);
    for _ in 0..2 {
        rig.gatherer.resume_keepalives(rig.now);
    }
    rig.pass(ms(0));
    assert_eq!(rig.sent.len(), 2);
    assert!(rig.is_complete());
    rig.answer_mapped(SERVER, "198.51.100.7:61001");
    assert_eq!(rig.candidates()[2].address, at("198.51.100.7:61001"));
    rig.pass(ms(15_000));
    assert_eq!(rig.sent.len(), 3);
    // In the middle of a renewal.
    rig.gatherer.end_keepalives();
    assert_eq!(rig.gatherer.poll_timeout(), None);
    rig.gatherer.resume_keepalives(rig.now);
    rig.pass(ms(0));
    assert_eq!(rig.sent.len(), 4);
}

#[test]
fn a_server_that_knows_only_older_forms_of_the_mapped_address_is_understood() {
    let plain = |address: &str| {
        let address = at(address);
        let mut value = vec![0, if address.is_ipv4() { 1 } else { 2 }];
        value.extend(address.port().to_be_bytes());
        match address.ip() {
            std::net::IpAddr::V4(ip) => value.extend(ip.octets()),
            std::net::IpAddr::V6(ip) => value.extend(ip.octets()),
        }
        value
    };
    let (seen, other) = (at(SEEN), "203.0.113.9:9");
    let (mapped, old) = (attribute::MAPPED_ADDRESS, attribute::OLD_XOR_MAPPED_ADDRESS);
    let answers: [&dyn Fn(Builder) -> Builder; 4] = [
        &|b| b.attribute(mapped, &plain(SEEN)),
        &|b| b.xor_address(old, seen),
        &|b| b.attribute(mapped, &plain(other)).xor_address(old, seen),
        // A NAT may have written over what is not masked.
        &|b| {
            b.attribute(mapped, &plain(other))
                .xor_address(attribute::XOR_MAPPED_ADDRESS, seen)
        },
    ];
    for with in answers {
        let mut rig = Rig::started(Config::default(), &[BASE], &["stun:192.0.2.1".into()]);
        rig.answer(SERVER, with, Class::SuccessResponse);
        assert_eq!(rig.candidates()[1].address, seen);
        assert!(rig.is_complete());
    }
}

#[test]
fn turn_makes_one_allocation_for_each_address_of_ours() {
    let server = IceServer {
        urls: vec![
            "turn:192.0.2.1?transport=tcp".into(),
            "turns:[2001:db8::53]".into(),
        ],
        ..turn("")
    };
    let bases = [BASE, "10.0.0.1:4001", "10.0.0.2:4000", "[2001:db8::1]:4000"];
    let mut rig = Rig::started(Config::default(), &bases, &[server]);
    rig.pass(ms(150));
    let allocations = rig.allocations();
    let asked: Vec<_> = allocations
        .iter()
        .map(|a| (a.transport, a.local, a.server))
        .collect();
    assert_eq!(
        asked,
        [
            (Transport::Tcp, at(BASE).ip(), at(SERVER)),
            (Transport::Tcp, at("10.0.0.2:0").ip(), at(SERVER)),
            (
                Transport::Tls,
                at("[2001:db8::1]:0").ip(),
                at("[2001:db8::53]:5349")
            ),
        ]
    );
    assert_eq!(allocations[0].credentials.password, "secret");
    assert!(rig.sent.is_empty());
    let relayed = at("192.0.2.1:50000");
    rig.gatherer
        .handle_allocated(rig.now, allocations[0].id, relayed, Some(at(SEEN)));
    rig.gatherer.handle_allocation_failed(
        rig.now,
        allocations[1].id,
        Failure::Refused {
            code: 486,
            text: "Allocation Quota Reached".into(),
        },
    );
    assert!(!rig.is_complete());
    rig.gatherer
        .handle_allocation_failed(rig.now, allocations[2].id, Failure::Timeout);
    rig.drain();
    let relay = rig.candidates()[4];
    assert_eq!(relay.kind, GatheredKind::Relayed);
    assert_eq!(
        (relay.address, relay.base, relay.related),
        (relayed, relayed, Some(at(SEEN)))
    );
    let codes: Vec<_> = rig
        .failures()
        .iter()
        .map(|f| (f.code(), f.reason.reason()))
        .collect();
    assert_eq!(codes, [(486, "quota_reached"), (701, "timeout")]);
    assert!(rig.is_complete());
}

#[test]
fn an_allocation_is_tried_elsewhere_where_that_may_help() {
    let servers = [turn("turn:192.0.2.1"), turn("turn:two.example")];
    let mut rig = Rig::started(Config::default(), &[BASE], &servers);
    let found = [at("192.0.2.11:3478"), at("192.0.2.12:3478")];
    rig.gatherer
        .handle_lookup(rig.now, rig.lookups()[0].id, Ok(&found));
    rig.pass(ms(100));
    let [first, second] = &rig.allocations()[..] else {
        panic!("{:?}", rig.allocations())
    };
    let redirected = Failure::Redirected {
        address: at("192.0.2.5:3479"),
        domain: Some("b.example".into()),
    };
    rig.gatherer
        .handle_allocation_failed(rig.now, first.id, redirected.clone());
    let refused = Failure::Connect {
        detail: "connection refused".into(),
    };
    rig.gatherer
        .handle_allocation_failed(rig.now, second.id, refused.clone());
    rig.pass(ms(100));
    let [_, _, third, fourth] = &rig.allocations()[..] else {
        panic!("{:?}", rig.events)
    };
    assert_eq!(
        (third.server, third.domain.as_deref()),
        (at("192.0.2.5:3479"), Some("b.example"))
    );
    assert_eq!(fourth.server, at("192.0.2.12:3478"));
    // A mismatch is worth one fresh port, a second one is not.
    let mismatch = || Failure::Mismatch {
        text: "Allocation Mismatch".into(),
    };
    rig.gatherer
        .handle_allocation_failed(rig.now, third.id, mismatch());
    rig.gatherer
        .handle_allocation_failed(rig.now, fourth.id, refused);
    rig.pass(ms(100));
    let fifth = rig.allocations()[4].clone();
    assert_eq!((fifth.server, &fifth.domain), (third.server, &third.domain));
    rig.gatherer
        .handle_allocation_failed(rig.now, fifth.id, mismatch());
    rig.pass(ms(100));
    let codes: Vec<_> = rig.failures().iter().map(|f| f.code()).collect();
    assert_eq!(codes, [701, 437]);
    assert!(rig.is_complete());
    // And redirections do not lead in circles.
    let mut rig = Rig::started(Config::default(), &[BASE], &servers[..1]);
    let back = Failure::Redirected {
        address: at(SERVER),
        domain: None,
    };
    rig.gatherer
        .handle_allocation_failed(rig.now, rig.allocations()[0].id, back);
    rig.drain();
    assert_eq!(rig.failures()[0].code(), 300);
}

#[test]
fn several_attempts_share_one_deadline() {
    let mut rig = Rig::started(Config::default(), &[BASE], &[turn("turn:two.example")]);
    let found = [at("192.0.2.11:3478"), at("192.0.2.12:3478")];
    rig.gatherer
        .handle_lookup(rig.now, rig.lookups()[0].id, Ok(&found));
    rig.pass(ms(10_000));
    let first = rig.allocations()[0].id;
    rig.gatherer
        .handle_allocation_failed(rig.now, first, Failure::Timeout);
    rig.pass(ms(4_999));
    assert_eq!((rig.allocations().len(), rig.is_complete()), (2, false));
    rig.pass(ms(1));
    assert!(rig.is_complete());
    assert_eq!(rig.failures().len(), 1);
}

#[test]
fn scenario_16_an_allocation_that_was_lost_is_made_again_later() {
    let mut rig = Rig::started(Config::default(), &[BASE], &[turn("turn:192.0.2.1")]);
    let lost = || Failure::Mismatch {
        text: "Allocation Mismatch".into(),
    };
    let mut waits = Vec::new();
    loop {
        let id = rig.allocations().last().unwrap().id;
        let count = rig.allocations().len();
        rig.gatherer
            .handle_allocated(rig.now, id, at("192.0.2.1:50000"), None);
        rig.drain();
        assert_eq!(
            rig.candidates().len(),
            1 + count,
            "also at the same address"
        );
        assert!(rig.is_complete());
        rig.gatherer.handle_allocation_failed(rig.now, id, lost());
        rig.drain();
        assert_eq!(rig.failures().len(), count);
        let since = rig.now;
        let Some(next) = rig.gatherer.poll_timeout() else {
            break;
        };
        rig.pass(next - since);
        waits.push((rig.now - since).as_secs());
        assert_eq!(rig.allocations().len(), count + 1);
    }
    assert_eq!(waits, [2, 4, 8, 16, 32]);
}

#[test]
fn scenario_16_a_server_that_stays_away_is_asked_again_until_it_is_given_up() {
    let mut rig = Rig::started(Config::default(), &[BASE], &[turn("turn:192.0.2.1")]);
    let id = rig.allocations()[0].id;
    let relayed = at("192.0.2.1:50000");
    rig.gatherer.handle_allocated(rig.now, id, relayed, None);
    let mut waits = Vec::new();
    loop {
        let (id, since) = (rig.allocations().last().unwrap().id, rig.now);
        rig.gatherer
            .handle_allocation_failed(rig.now, id, Failure::Unreachable);
        rig.drain();
        assert!(rig.is_complete());
        assert_eq!(rig.failures().len(), rig.allocations().len());
        let Some(next) = rig.gatherer.poll_timeout() else {
            break;
        };
        rig.pass(next - since);
        waits.push((rig.now - since).as_secs());
    }
    assert_eq!(waits, [2, 4, 8, 16, 32]);

    let mut rig = Rig::started(Config::default(), &[BASE], &[turn("turn:192.0.2.1")]);
    let id = rig.allocations()[0].id;
    rig.gatherer
        .handle_allocation_failed(rig.now, id, Failure::Unreachable);
    rig.pass(ms(60_000));
    assert_eq!(rig.allocations().len(), 1, "it was never there");
}

#[test]
fn a_server_that_was_good_for_long_begins_anew() {
    let mut rig = Rig::started(Config::default(), &[BASE], &[turn("turn:192.0.2.1")]);
    for _ in 0..20 {
        let id = rig.allocations().last().unwrap().id;
        let count = rig.allocations().len();
        rig.gatherer
            .handle_allocated(rig.now, id, at("192.0.2.1:50000"), None);
        rig.pass(ms(60_000));
        rig.gatherer
            .handle_allocation_failed(rig.now, id, Failure::ConnectionLost);
        rig.pass(ms(2_000));
        assert_eq!(rig.allocations().len(), count + 1);
    }
}

#[test]
fn a_server_on_this_host_is_asked_from_loopback_alone_if_there_is_one() {
    let servers = ["stun:127.0.0.1".into(), turn("turn:127.0.0.1")];
    for (bases, from) in [
        (
            &[BASE, "127.0.0.1:4000", "[::1]:4000"][..],
            "127.0.0.1:4000",
        ),
        (&[BASE, "[::1]:4000"][..], BASE),
    ] {
        let mut rig = Rig::started(Config::default(), bases, &servers);
        rig.pass(ms(100));
        let asked: Vec<_> = rig.sent.iter().map(|(_, t)| t.path.local).collect();
        assert_eq!(asked, [at(from)]);
        let asked: Vec<_> = rig.allocations().iter().map(|a| a.local).collect();
        assert_eq!(asked, [at(from).ip()]);
        assert!(rig.failures().is_empty());
    }
}

#[test]
fn each_kind_of_candidate_has_its_preference() {
    let preferences = Preferences {
        host: 200,
        relayed_tls: 9,
        ..Preferences::default()
    };
    let config = Config {
        preferences,
        ..Config::default()
    };
    let servers = [
        SERVER_URL.into(),
        turn("turn:192.0.2.1"),
        turn("turn:192.0.2.1?transport=tcp"),
        turn("turns:192.0.2.1"),
    ];
    let mut rig = Rig::started(config, &[BASE], &servers);
    rig.answer_mapped(SERVER, SEEN);
    rig.pass(ms(200));
    for (port, allocation) in (50_000..).zip(rig.allocations()) {
        let relayed = SocketAddr::new(at(SERVER).ip(), port);
        rig.gatherer
            .handle_allocated(rig.now, allocation.id, relayed, None);
    }
    rig.drain();
    let preferences: Vec<_> = rig.candidates().iter().map(|c| c.preference).collect();
    // 126 is the most (RFC 8445 §5.1.2.1).
    assert_eq!(preferences, [126, 100, 2, 1, 9]);
}

#[test]
fn a_late_allocation_is_not_waited_for_but_welcome() {
    let mut rig = Rig::started(Config::default(), &[BASE], &[turn("turn:192.0.2.1")]);
    rig.pass(ms(15_000));
    assert!(rig.is_complete());
    assert_eq!(rig.failures().len(), 1);
    let id = rig.allocations()[0].id;
    rig.gatherer
        .handle_allocated(rig.now, id, at("192.0.2.1:50000"), None);
    rig.gatherer
        .handle_allocated(rig.now, id, at("192.0.2.1:50001"), None);
    rig.drain();
    assert_eq!(rig.candidates().len(), 2);
    assert_eq!(rig.gatherer.counters().answers_too_late, 1);
}

#[test]
fn scenario_17_relay_only_finds_and_shows_nothing_else() {
    let config = Config {
        policy: Policy::Relay,
        ..Config::default()
    };
    let servers = [
        turn("turn:192.0.2.1"),
        "stun:192.0.2.1".into(),
        "stun:name.example".into(),
    ];
    let mut rig = Rig::started(config, &[BASE], &servers);
    rig.pass(ms(1_000));
    assert!(rig.sent.is_empty() && rig.lookups().is_empty() && rig.candidates().is_empty());
    let id = rig.allocations()[0].id;
    rig.gatherer
        .handle_allocated(rig.now, id, at("192.0.2.1:50000"), Some(at(SEEN)));
    rig.gatherer
        .add_base(rig.now, Base::udp(at("10.0.0.2:4000")))
        .unwrap();
    rig.drain();
    let [relay] = rig.candidates()[..] else {
        panic!("{:?}", rig.candidates())
    };
    assert_eq!(relay.kind, GatheredKind::Relayed);
    assert_eq!(relay.related, Some(at("0.0.0.0:0")));
    assert!(rig.failures().is_empty());
}

#[test]
fn scenario_17_a_wrong_password_is_an_event_and_gathering_completes() {
    let mut rig = Rig::started(Config::default(), &[BASE], &[turn("turn:192.0.2.1")]);
    let failure = Failure::Unauthorized {
        text: "Unauthorized".into(),
    };
    rig.gatherer
        .handle_allocation_failed(rig.now, rig.allocations()[0].id, failure);
    rig.drain();
    assert_eq!(
        (rig.failures()[0].code(), &*rig.failures()[0].text()),
        (401, "401 Unauthorized")
    );
    assert!(rig.is_complete());
}

#[test]
fn servers_that_cannot_be_used_are_named() {
    let servers = [
        turn("turns:192.0.2.1?transport=udp"),
        "stuns:192.0.2.1".into(),
        "stun:[2001:db8::1]".into(),
    ];
    let rig = Rig::started(Config::default(), &[BASE], &servers);
    let reasons: Vec<_> = rig.failures().iter().map(|f| f.reason.reason()).collect();
    assert_eq!(
        reasons,
        [
            "unsupported_transport",
            "unsupported_transport",
            "no_usable_address"
        ]
    );
    assert!(rig.is_complete());

    let mut rig = Rig::new(Config::default(), &[BASE]);
    let broken = rig
        .gatherer
        .start(rig.now, &["stun:a.example".into(), "stun://b".into()]);
    assert_eq!(broken.unwrap_err().reason(), "slashes");
    let many: Vec<IceServer> = vec!["stun:a.example".into(); 33];
    assert_eq!(
        rig.gatherer.start(rig.now, &many).unwrap_err().reason(),
        "too_many_urls"
    );
    assert_eq!(rig.gatherer.state(), State::New);
    assert_eq!(rig.gatherer.poll_event(), None);
    rig.gatherer.start(rig.now, &[]).unwrap();
    assert_eq!(
        rig.gatherer.start(rig.now, &[]),
        Err(StartError::AlreadyStarted)
    );
}

#[test]
fn a_socket_that_comes_later_is_gathered_for() {
    let mut rig = Rig::new(Config::default(), &[]);
    rig.gatherer
        .start(rig.now, &["stun:192.0.2.1".into()])
        .unwrap();
    rig.drain();
    assert!(rig.is_complete());
    rig.gatherer.add_base(rig.now, Base::udp(at(BASE))).unwrap();
    rig.drain();
    assert_eq!(rig.gatherer.state(), State::Gathering);
    rig.answer_mapped(SERVER, SEEN);
    assert_eq!(rig.candidates().len(), 2);
    assert!(rig.is_complete());
    let again = rig.gatherer.add_base(rig.now, Base::udp(at(BASE)));
    assert_eq!(again, Err(BaseError::Duplicate { address: at(BASE) }));
    // One that goes takes its transactions and its keepalives with it.
    rig.gatherer.remove_base(rig.now, at(BASE));
    assert_eq!(rig.gatherer.poll_timeout(), None);
    rig.gatherer.add_base(rig.now, Base::udp(at(BASE))).unwrap();
    rig.gatherer.remove_base(rig.now, at(BASE));
    rig.drain();
    assert!(rig.is_complete());
    for i in 0..MAX_BASES {
        let base = Base::udp(SocketAddr::new(at(BASE).ip(), 5000 + i as u16));
        rig.gatherer.add_base(rig.now, base).unwrap();
    }
    let over = rig.gatherer.add_base(rig.now, Base::udp(at(BASE)));
    assert_eq!(over, Err(BaseError::TooManyBases));
}

#[test]
fn a_closed_gatherer_is_inert() {
    let servers = [
        turn("turn:192.0.2.1"),
        "stun:192.0.2.1".into(),
        "stun:name.example".into(),
    ];
    let mut rig = Rig::started(Config::default(), &[BASE], &servers);
    let id = rig.allocations()[0].id;
    rig.gatherer.close(rig.now);
    rig.gatherer.close(rig.now);
    rig.drain();
    assert_eq!(rig.events.pop(), Some(Event::StateChanged(State::Closed)));
    let lookup = rig.lookups()[0].id;
    rig.gatherer
        .handle_lookup(rig.now, lookup, Ok(&[at(SERVER)]));
    rig.gatherer
        .handle_allocated(rig.now, id, at("192.0.2.1:50000"), None);
    rig.gatherer
        .handle_allocation_failed(rig.now, id, Failure::Timeout);
    assert_eq!(
        rig.gatherer.add_base(rig.now, Base::udp(at(BASE))),
        Err(BaseError::Closed)
    );
    assert_eq!(rig.gatherer.start(rig.now, &[]), Err(StartError::Closed));
    rig.gatherer.handle_timeout(rig.now + ms(60_000));
    assert_eq!(rig.gatherer.poll_event(), None);
    assert_eq!(rig.gatherer.poll_transmit(rig.now), None);
    assert_eq!(rig.gatherer.poll_timeout(), None);
}

#[test]
fn a_server_that_makes_up_addresses_is_bounded() {
    let mut rig = Rig::started(Config::default(), &[BASE], &["stun:192.0.2.1".into()]);
    for port in 1..=u16::try_from(MAX_CANDIDATES).unwrap() + 10 {
        rig.answer_mapped(SERVER, &format!("198.51.100.7:{port}"));
        rig.pass(ms(15_000));
    }
    assert_eq!(rig.candidates().len(), MAX_CANDIDATES);
    assert_eq!(rig.gatherer.counters().candidates_over_limit, 11);
}

#[test]
fn literal_addresses_need_no_lookup() {
    let url: crate::gather::ServerUrl = "turn:[::ffff:192.0.2.1]".parse().unwrap();
    assert!(matches!(url.host(), Host::Ip(_)));
    let mut rig = Rig::started(Config::default(), &[BASE], &[turn(url.as_str())]);
    rig.drain();
    assert_eq!(rig.allocations()[0].server, at(SERVER));
    assert!(rig.lookups().is_empty());
}
