//! Which addresses of the peer are checked, from which of ours.

use super::super::{CandidateRejected, Config, RemoteAddresses, State};
use super::test_link::{A, B, Link, addr, host, ms};
use crate::ice::Candidate;
use crate::net::Protocol;

/// An agent with these (candidate, base), told of these, and to which addresses it sends.
fn checked(
    policy: RemoteAddresses,
    ours: &[(&str, &str)],
    theirs: &[&str],
) -> (Vec<Result<(), CandidateRejected>>, Vec<String>) {
    let mut link = Link::with(Config {
        remote_addresses: policy,
        ..Config::default()
    });
    let (now, agent) = (link.now, &mut link.agents[A]);
    for (candidate, base) in ours {
        agent.add_local_candidate(now, host(candidate), addr(base));
    }
    let told = theirs
        .iter()
        .map(|c| agent.add_remote_candidate(now, host(c)));
    let told = told.collect();
    link.start_side(A);
    link.run(ms(5_000));
    let mut sent: Vec<_> = link.sent[A]
        .iter()
        .map(|s| s.1.remote.to_string())
        .collect();
    sent.sort();
    sent.dedup();
    (told, sent)
}

const NEAR: [&str; 4] = [
    "10.0.0.7:7",
    "127.0.0.1:7",
    "169.254.169.254:7",
    "203.0.113.7:7",
];

#[test]
fn a_server_on_the_internet_sends_nothing_into_its_own_network() {
    use CandidateRejected::*;
    let refused = vec![Err(Private), Err(Loopback), Err(LinkLocal), Ok(())];
    let public = [("198.51.100.1:1", "198.51.100.1:1")];
    // Behind a NAT that is announced: the peers know the public address only.
    let announced = [("198.51.100.1:1", "10.0.0.1:1")];
    for ours in [public, announced] {
        let (told, sent) = checked(RemoteAddresses::default(), &ours, &NEAR);
        assert_eq!(told, refused);
        assert_eq!(sent, ["203.0.113.7:7"]);
    }
    let peer = RemoteAddresses::like(addr("192.168.1.9:443").ip());
    let (told, sent) = checked(peer, &public, &NEAR);
    assert_eq!(told, [Ok(()), Err(Loopback), Err(LinkLocal), Ok(())]);
    assert_eq!(sent, ["10.0.0.7:7", "203.0.113.7:7"]);
    assert_eq!(checked(RemoteAddresses::ANY, &public, &NEAR).1, NEAR);
}

#[test]
fn a_server_in_a_private_network_or_on_loopback_serves_its_neighbours() {
    let (told, sent) = checked(
        RemoteAddresses::default(),
        &[("10.0.0.1:1", "10.0.0.1:1")],
        &NEAR,
    );
    assert_eq!(told[0], Ok(()));
    assert_eq!(sent, ["10.0.0.7:7", "203.0.113.7:7"]);
    let loopback = ("127.0.0.1:1", "127.0.0.1:1");
    let (told, sent) = checked(RemoteAddresses::default(), &[loopback], &NEAR);
    assert_eq!(told, [Ok(()); 4]);
    assert_eq!(sent, NEAR);
    // Each address of ours by itself.
    let both = [
        ("198.51.100.1:1", "198.51.100.1:1"),
        ("10.0.0.1:1", "10.0.0.1:1"),
    ];
    let (told, sent) = checked(RemoteAddresses::default(), &both, &NEAR);
    assert_eq!(told[0], Ok(()));
    assert_eq!(sent, ["10.0.0.7:7", "203.0.113.7:7"]);
}

#[test]
fn a_candidate_may_come_before_the_address_that_it_is_checked_from() {
    let mut link = Link::with(Config::default());
    let now = link.now;
    link.start_side(A);
    let agent = &mut link.agents[A];
    let near = host("10.0.0.7:7");
    assert_eq!(
        agent.add_remote_candidate(now, near),
        Ok(()),
        "nothing is known"
    );
    agent.add_local_candidate(now, host("198.51.100.1:1"), addr("198.51.100.1:1"));
    let later = agent.add_remote_candidate(now, host("10.0.0.8:8"));
    assert_eq!(later, Err(CandidateRejected::Private));
    agent.add_local_candidate(now, host("10.0.0.1:1"), addr("10.0.0.1:1"));
    link.run(ms(1_000));
    let from = |remote: &str| {
        let sent = link.sent[A].iter().find(|s| s.1.remote == addr(remote));
        sent.map(|s| s.1.local.to_string())
    };
    for remote in ["10.0.0.7:7", "10.0.0.8:8"] {
        assert_eq!(from(remote).as_deref(), Some("10.0.0.1:1"));
    }
}

#[test]
fn who_was_heard_is_there_whatever_its_address() {
    let mut link = Link::with(Config::default());
    let (now, server) = (link.now, "198.51.100.1:1");
    link.agents[B].add_local_candidate(now, host(server), addr(server));
    let client = addr("10.0.0.7:7");
    link.agents[A].add_local_candidate(now, Candidate::host(client, Protocol::Udp), client);
    link.agents[A]
        .add_remote_candidate(now, host(server))
        .unwrap();
    let told = link.agents[B].add_remote_candidate(now, host("10.0.0.7:7"));
    assert_eq!(told, Err(CandidateRejected::Private));
    link.go();
    link.run(ms(2_000));
    assert_eq!(link.states(), [State::Connected; 2]);
}
