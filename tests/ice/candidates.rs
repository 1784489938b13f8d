//! Scenarios 4 and 14: what is known of a candidate changes, and names.

use actix_rtc_proto::ice::{Address, Candidate, CandidateRejected, CandidateType, Role, State};
use actix_rtc_proto::net::Protocol;

use crate::harness::nat::NatKind;
use crate::harness::sim::{A, B, Side, Sim};
use crate::harness::{addr, ms, secs};

/// B has learnt A's address from its checks, and nominated it; A's candidate comes later.
fn learnt() -> (Sim, Candidate) {
    let mut sim = Sim::hosts(1);
    sim.held_back[A] = true;
    sim.gather(A);
    let late = sim.peers[A].to_signal.remove(0);
    sim.gather(B);
    sim.offer(A);
    sim.offer(B);
    sim.run(secs(3));
    assert_eq!(sim.states(), [State::Completed, State::Connected]);
    assert_eq!(sim.peers[B].pair_kinds().unwrap(), "host-prflx");
    (sim, late)
}

#[test]
fn scenario_4_a_nominated_peer_reflexive_candidate_gets_its_late_twin_without_a_disconnect() {
    for kind in [CandidateType::Host, CandidateType::ServerReflexive] {
        let (mut sim, late) = learnt();
        let (now, twin) = (sim.now, Candidate { kind, ..late });
        assert_eq!(sim.agent(B).add_remote_candidate(now, twin), Ok(()));
        sim.run(secs(60));
        assert_eq!(sim.peers[B].pair_kinds().unwrap(), format!("host-{kind}"));
        assert!(!sim.peers[B].state_names().contains(&State::Disconnected));
        assert_eq!(sim.agent(B).remote_candidates().count(), 1);
        assert!(sim.agent(B).selected_pair().unwrap().nominated);
        assert!(sim.data_flows());
    }
}

#[test]
fn scenario_4_the_same_address_is_one_candidate_whatever_it_is_called() {
    let mut sim = Sim::connected(1);
    let now = sim.now;
    let known: Candidate = sim.agent(A).remote_candidates().next().unwrap().clone();
    let other_kind = Candidate {
        kind: CandidateType::ServerReflexive,
        priority: 1,
        ..known.clone()
    };
    for again in [known, other_kind] {
        let rejected = sim.agent(A).add_remote_candidate(now, again);
        assert_eq!(rejected, Err(CandidateRejected::Duplicate));
    }
    assert_eq!(sim.agent(A).remote_candidates().count(), 1);
}

#[test]
fn scenario_4_two_sockets_behind_one_mapping_make_no_duplicates() {
    // Every candidate of A is signalled twice, as two generations of gathering would.
    let a = Side::behind(
        Role::Controlling,
        NatKind::FullCone,
        &["10.0.0.1", "10.0.0.2"],
    );
    let mut sim = Sim::new(4, [a, Side::public(Role::Controlled, &["198.51.100.2"])]);
    sim.go();
    sim.run(secs(1));
    let again: Vec<_> = sim.agent(A).local_candidates().cloned().collect();
    assert_eq!(again.len(), 4);
    let now = sim.now;
    for candidate in again {
        let _ = sim.agent(B).add_remote_candidate(now, candidate);
    }
    sim.run(secs(2));
    sim.expect_states([State::Completed; 2]);
    let mut addresses: Vec<_> = sim
        .agent(B)
        .remote_candidates()
        .map(|c| c.socket_addr().unwrap())
        .collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), sim.agent(B).remote_candidates().count());
}

fn named(sim: &Sim) -> (Candidate, std::net::IpAddr) {
    let address = sim.peers[B].sockets()[0];
    let name = Address::Name(
        "1b0c9e1e-52a6-4f0e-9a83-0d2a8a0d3c11.local".into(),
        address.port(),
    );
    let candidate = Candidate {
        address: name,
        ..Candidate::host(address, Protocol::Udp)
    };
    (candidate, address.ip())
}

/// A is given a candidate of B with a name; B knows nothing of A's and is not reached otherwise.
fn with_name() -> (Sim, Candidate, std::net::IpAddr) {
    let mut sim = Sim::hosts(1);
    sim.held_back = [true; 2];
    sim.gather(A);
    sim.gather(B);
    sim.offer(A);
    sim.offer(B);
    sim.run(ms(100));
    let (candidate, ip) = named(&sim);
    (sim, candidate, ip)
}

#[test]
fn scenario_14_a_name_is_used_when_it_has_been_resolved_even_after_the_end_of_candidates() {
    for end_first in [false, true] {
        let (mut sim, candidate, ip) = with_name();
        let now = sim.now;
        let unresolved = sim.agent(A).add_remote_candidate(now, candidate.clone());
        assert_eq!(unresolved, Err(CandidateRejected::Unresolved));
        // Something else is still to be checked, so the end alone is not the end of the agent.
        let dead = Candidate::host(addr("198.51.100.99:9"), Protocol::Udp);
        sim.agent(A).add_remote_candidate(now, dead).unwrap();
        if end_first {
            sim.agent(A).end_of_remote_candidates(now);
        }
        sim.run(secs(1));
        let now = sim.now;
        sim.agent(A)
            .add_remote_candidate(now, candidate.with_ip(ip))
            .unwrap();
        sim.run(secs(2));
        assert!(matches!(
            sim.agent(A).state(),
            State::Connected | State::Completed
        ));
        assert_eq!(sim.agent(B).state(), State::Connected);
        assert!(sim.data_flows());
    }
}

#[test]
fn scenario_14_a_name_that_is_never_resolved_leaves_the_rest_alone() {
    let (mut sim, candidate, _) = with_name();
    let now = sim.now;
    assert!(
        sim.agent(A)
            .add_remote_candidate(now, candidate.clone())
            .is_err()
    );
    let real = sim.peers[B].to_signal.remove(0);
    sim.agent(A).add_remote_candidate(now, real).unwrap();
    sim.run(secs(2));
    assert_eq!(sim.agent(A).state(), State::Connected);
    // Resolved when all is over: an error for the caller, and nothing else.
    sim.close();
    let now = sim.now;
    let late = sim
        .agent(A)
        .add_remote_candidate(now, candidate.with_ip("192.0.2.1".parse().unwrap()));
    assert_eq!(late, Err(CandidateRejected::Closed));
}

#[test]
fn scenario_14_candidates_that_cannot_be_used_are_named() {
    let mut sim = Sim::hosts(1);
    let now = sim.now;
    for (line, want) in [
        (
            "candidate:1 1 udp 1 0.0.0.0 5 typ host",
            CandidateRejected::Unusable,
        ),
        (
            "candidate:1 1 udp 1 224.0.0.1 5 typ host",
            CandidateRejected::Unusable,
        ),
        (
            "candidate:1 1 udp 1 255.255.255.255 5 typ host",
            CandidateRejected::Unusable,
        ),
        (
            "candidate:1 1 udp 1 192.0.2.1 0 typ host",
            CandidateRejected::Unusable,
        ),
        (
            "candidate:1 2 udp 1 192.0.2.1 5 typ host",
            CandidateRejected::UnknownComponent,
        ),
        (
            "candidate:1 1 udp 1 a.local 5 typ host",
            CandidateRejected::Unresolved,
        ),
    ] {
        let rejected = sim
            .agent(A)
            .add_remote_candidate(now, line.parse().unwrap());
        assert_eq!(rejected, Err(want), "{line}");
    }
    sim.offer(B);
    sim.run(ms(1));
    let now = sim.now;
    let other = "candidate:1 1 udp 1 192.0.2.1 5 typ host ufrag elsewhere"
        .parse()
        .unwrap();
    let rejected = sim.agent(A).add_remote_candidate(now, other);
    assert_eq!(rejected, Err(CandidateRejected::WrongGeneration));
}

#[test]
fn scenario_14_a_peer_that_gives_only_names_may_still_reach_us() {
    let mut sim = Sim::hosts(1);
    sim.held_back = [true; 2];
    sim.gather(A);
    sim.gather(B);
    sim.offer(A);
    sim.offer(B);
    sim.run(ms(1));
    let (name, _) = named(&sim);
    let now = sim.now;
    assert!(sim.agent(A).add_remote_candidate(now, name).is_err());
    sim.agent(A).end_of_remote_candidates(now);
    sim.run(secs(5));
    assert_eq!(
        sim.agent(A).state(),
        State::New,
        "it waits for the peer's checks"
    );
    let ours = sim.peers[A].to_signal.remove(0);
    let now = sim.now;
    sim.agent(B).add_remote_candidate(now, ours).unwrap();
    sim.run(secs(2));
    assert!(matches!(
        sim.agent(A).state(),
        State::Connected | State::Completed
    ));
    assert_eq!(sim.peers[A].pair_kinds().unwrap(), "host-prflx");
}
