//! Scenario 8: ICE restart, from each side and in each state.

use actix_rtc_proto::ice::{Event, FailureReason, State};

use crate::forge::{Forger, hand};
use crate::harness::network::Carrier;
use crate::harness::sim::{A, B, Sim};
use crate::harness::{ms, secs};
use actix_rtc_proto::stun::binding::RoleClaim;

/// Data never stops, and the new generation ends with a nominated pair.
fn expect_seamless(sim: &mut Sim, old: [String; 2]) {
    let before = [A, B].map(|i| sim.peers[i].received.len());
    sim.talk(secs(3));
    sim.expect_states([State::Completed; 2]);
    for i in [A, B] {
        let peer = &sim.peers[i];
        let received = &peer.received[before[i]..];
        assert!(received.iter().all(|r| r.believed));
        assert!(received.len() >= 145, "{i} received {}", received.len());
        let gap = received
            .windows(2)
            .map(|w| w[1].at - w[0].at)
            .max()
            .unwrap();
        assert!(gap <= ms(60), "{i} heard nothing for {gap:?}");
        assert!(!peer.state_names().contains(&State::Disconnected));
        let pair = peer.agent.selected_pair().unwrap();
        assert!(pair.nominated);
        assert_ne!(peer.agent.local_parameters().username_fragment, old[i]);
        let stats = peer.agent.stats();
        assert!(stats.counters.restarts >= 1);
    }
}

fn fragments(sim: &Sim) -> [String; 2] {
    [A, B].map(|i| {
        sim.peers[i]
            .agent
            .local_parameters()
            .username_fragment
            .clone()
    })
}

#[test]
fn scenario_8_a_restart_from_either_side_interrupts_nothing() {
    for side in [A, B] {
        for signalling in [0, 300] {
            let mut sim = Sim::connected(1);
            sim.signalling = ms(signalling);
            let old = fragments(&sim);
            sim.restart(side);
            expect_seamless(&mut sim, old);
        }
    }
}

#[test]
fn scenario_8_both_sides_restart_at_once() {
    for signalling in [0, 50, 300] {
        let mut sim = Sim::connected(2);
        sim.signalling = ms(signalling);
        let old = fragments(&sim);
        sim.restart(A);
        sim.restart(B);
        expect_seamless(&mut sim, old);
    }
}

#[test]
fn scenario_8_a_restart_while_checking() {
    for at in [0, 30, 60, 110, 160] {
        for side in [A, B] {
            let mut sim = Sim::hosts(3);
            sim.go();
            sim.run(ms(at));
            sim.restart(side);
            sim.run(secs(5));
            sim.expect_states([State::Completed; 2]);
            assert!(sim.data_flows());
        }
    }
}

#[test]
fn scenario_8_a_restart_while_disconnected_forgets_the_loss() {
    let mut sim = Sim::connected(4);
    let ip = "198.51.100.1".parse().unwrap();
    sim.net.set_carrier(ip, Carrier::Cut);
    sim.run(secs(15));
    sim.expect_states([State::Disconnected; 2]);
    sim.restart(A);
    sim.run(ms(100));
    sim.expect_states([State::Checking; 2]);
    sim.net.set_carrier(ip, Carrier::Up);
    sim.run(secs(5));
    sim.expect_states([State::Completed; 2]);
    assert!(sim.data_flows());
}

#[test]
fn scenario_8_restart_upon_restart_upon_restart() {
    let mut sim = Sim::connected(5);
    sim.signalling = ms(40);
    let old = fragments(&sim);
    for i in 0..6 {
        sim.restart(i % 2);
        sim.talk(ms(100));
    }
    sim.run(secs(1));
    expect_seamless(&mut sim, old);
}

#[test]
fn scenario_8_the_old_generation_carries_data_until_the_new_pair_is_nominated() {
    let mut sim = Sim::connected(6);
    sim.signalling = secs(2);
    let pair = sim.peers[A].agent.send_path();
    sim.restart(A);
    sim.run(secs(3));
    // B has answered, A does not know it yet.
    assert_eq!(sim.agent(A).remote_parameters(), None);
    assert_eq!(sim.agent(A).send_path(), pair);
    assert_eq!(sim.states()[A], State::Connected);
    let old = fragments(&sim);
    assert_ne!(old[A], old[B]);
    sim.run(secs(3));
    sim.expect_states([State::Completed; 2]);
}

#[test]
fn scenario_8_late_checks_of_the_old_generation_are_answered_and_change_nothing() {
    let mut sim = Sim::connected(7);
    let remote = sim.agent(A).local_parameters().username_fragment.clone();
    let old = Forger::of(&sim, B, &remote);
    sim.restart(A);
    sim.run(secs(3));
    sim.expect_states([State::Completed; 2]);
    let source = sim.peers[A].agent.send_path().unwrap().local;
    let (sent, logged) = (sim.peers[B].sent.len(), sim.peers[B].log.len());
    let check = old.check(1, RoleClaim::Controlling(u64::MAX), true);
    hand(&mut sim, B, source, &check);
    sim.run(ms(1));
    assert_eq!(sim.peers[B].sent.len(), sent + 1, "answered");
    let changes = &sim.peers[B].log[logged..];
    assert!(
        !changes
            .iter()
            .any(|(_, e)| matches!(e, Event::StateChanged(_))),
        "{changes:?}"
    );
}

#[test]
fn scenario_8_a_restart_that_is_never_answered_fails_with_that_reason() {
    let mut sim = Sim::hosts(8);
    sim.go();
    sim.net
        .set_carrier("198.51.100.2".parse().unwrap(), Carrier::Cut);
    sim.run(secs(5));
    sim.expect_states([State::Checking; 2]);
    sim.signalling = secs(10_000);
    sim.restart(A);
    sim.run(ms(39_400));
    assert_eq!(sim.states()[A], State::Checking);
    sim.run(ms(200));
    let agent = &sim.peers[A].agent;
    assert_eq!(agent.state(), State::Failed);
    assert_eq!(agent.failure(), Some(FailureReason::RestartUnanswered));
}
