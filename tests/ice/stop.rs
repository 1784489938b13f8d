//! Scenarios 12 and 13, as far as the machine goes: closing at any time, and errors of sending.

use actix_rtc_proto::Machine;
use actix_rtc_proto::ice::{Event, PairState, Role, State};
use actix_rtc_proto::net::Path;

use crate::harness::network::Carrier;
use crate::harness::sim::{A, B, Side, Sim};
use crate::harness::{addr, ms, secs};

#[test]
fn scenario_12_an_agent_can_be_closed_at_any_time_and_leaves_nothing() {
    for at in [0, 1, 20, 60, 110, 160, 5_000, 20_000] {
        let mut sim = Sim::hosts(1);
        sim.go();
        sim.run(ms(at));
        let now = sim.now;
        sim.agent(A).close(now);
        sim.agent(A).close(now);
        let agent = &mut sim.peers[A].agent;
        assert_eq!(agent.state(), State::Closed);
        assert_eq!(agent.poll_timeout(), None);
        assert_eq!(agent.poll_transmit(now), None);
        assert_eq!(agent.send_path(), None);
        let path = Path::udp(addr("198.51.100.1:5001"), addr("198.51.100.2:5001"));
        agent.handle_datagram(now, path, &[0, 1]);
        agent.handle_send_error(now, path);
        agent.handle_timeout(now + secs(100));
        agent.restart(now);
        agent.end_of_remote_candidates(now);
        assert_eq!(agent.poll_transmit(now), None);
        sim.run(secs(1));
        let log = &sim.peers[A].log;
        assert_eq!(
            log.last().map(|l| &l.1),
            Some(&Event::StateChanged(State::Closed)),
            "{log:?}"
        );
        let paths = |f: fn(&Event) -> bool| log.iter().filter(|l| f(&l.1)).count();
        let authenticated = paths(|e| matches!(e, Event::Authenticated(_)));
        assert_eq!(authenticated, paths(|e| matches!(e, Event::Released(_))));
    }
}

#[test]
fn scenario_12_the_peer_of_a_closed_agent_fails_with_its_consent() {
    let mut sim = Sim::connected(2);
    let now = sim.now;
    sim.agent(A).close(now);
    sim.run(secs(40));
    sim.expect_states([State::Closed, State::Failed]);
}

#[test]
fn scenario_13_an_unreachable_network_does_not_stall_the_list() {
    let mut sim = Sim::new(
        3,
        [
            Side::public(
                Role::Controlling,
                &["198.51.100.1", "198.51.100.11", "2001:db8::1"],
            ),
            Side::public(Role::Controlled, &["198.51.100.2"]),
        ],
    );
    sim.net
        .set_carrier("198.51.100.1".parse().unwrap(), Carrier::Down);
    sim.go();
    sim.run(secs(3));
    sim.expect_states([State::Completed; 2]);
    let connected = sim.peers[A].entered(State::Connected).unwrap();
    assert!(
        connected <= ms(100),
        "the next pair was checked at once: {connected:?}"
    );
    let stats = sim.peers[A].agent.stats();
    assert!(stats.counters.send_errors >= 1);
    assert_eq!(stats.pairs[0].state, PairState::Succeeded);
}

#[test]
fn scenario_13_an_error_on_the_pair_in_use_is_looked_into_at_once() {
    let mut sim = Sim::connected(4);
    let path = sim.peers[A].agent.send_path().unwrap();
    let now = sim.now;
    let before = sim.peers[A].agent.counters().checks_sent;
    sim.agent(A).handle_send_error(now, path);
    sim.run(ms(1));
    assert_eq!(sim.peers[A].agent.counters().checks_sent, before + 1);
    sim.run(secs(2));
    sim.expect_states([State::Completed; 2]);
    // An error on a path of somebody else is none of ours.
    let other = Path::udp(path.local, addr("198.51.100.200:1"));
    let now = sim.now;
    sim.agent(A).handle_send_error(now, other);
    sim.run(secs(1));
    sim.expect_states([State::Completed; 2]);
    assert_eq!(sim.agent(B).state(), State::Completed);
}
