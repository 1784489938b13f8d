//! Scenarios 1, 2 and 5: connecting, in which time, and over which pair.

use actix_rtc_proto::ice::{Config, FailureReason, Role, State};
use actix_rtc_proto::stun::{self, Class};

use crate::forge::Forger;
use crate::harness::link::Link;
use crate::harness::network::Carrier;
use crate::harness::sim::{A, B, Side, Sim};
use crate::harness::{addr, ms, secs};

#[test]
fn scenario_1_hosts_connect_in_one_round_trip_over_ipv4_and_ipv6() {
    for addresses in [
        ["198.51.100.1", "198.51.100.2"],
        ["2001:db8::1", "2001:db8::2"],
    ] {
        let roles = [Role::Controlling, Role::Controlled];
        let mut sim = Sim::new(1, [A, B].map(|i| Side::public(roles[i], &[addresses[i]])));
        sim.go();
        sim.run(secs(2));
        sim.expect_states([State::Completed; 2]);
        assert_eq!(sim.peers[A].entered(State::Connected), Some(ms(100)));
        assert_eq!(sim.peers[B].entered(State::Connected), Some(ms(100)));
        // The nomination arrives after one and a half.
        assert_eq!(sim.peers[B].entered(State::Completed), Some(ms(150)));
        assert!(sim.data_flows());
    }
}

#[test]
fn scenario_1_mixed_families_pair_only_with_their_own() {
    let both = ["198.51.100.1", "2001:db8::1"];
    let mut sim = Sim::new(
        1,
        [
            Side::public(Role::Controlling, &both),
            Side::public(Role::Controlled, &["2001:db8::2", "198.51.100.2"]),
        ],
    );
    sim.go();
    sim.run(secs(2));
    sim.expect_states([State::Completed; 2]);
    for peer in &sim.peers {
        for pair in peer.agent.stats().pairs {
            assert_eq!(pair.path.local.is_ipv4(), pair.path.remote.is_ipv4());
        }
    }
}

#[test]
fn scenario_1_where_ipv6_leads_nowhere_ipv4_is_used() {
    let both = ["198.51.100.1", "2001:db8::1"];
    let mut sim = Sim::new(
        1,
        [
            Side::public(Role::Controlling, &both),
            Side::public(Role::Controlled, &["198.51.100.2", "2001:db8::2"]),
        ],
    );
    sim.net
        .set_carrier("2001:db8::2".parse().unwrap(), Carrier::Cut);
    sim.go();
    sim.run(secs(2));
    for peer in &sim.peers {
        assert!(peer.agent.send_path().unwrap().local.is_ipv4());
        let connected = peer.entered(State::Connected).unwrap();
        assert!(connected <= ms(200), "it waits for IPv6: {connected:?}");
    }
    assert!(sim.data_flows());
}

/// When each transaction of a peer was first sent.
fn checks_sent(sim: &Sim, side: usize) -> Vec<u128> {
    let mut seen = Vec::new();
    let mut times = Vec::new();
    for (at, _, datagram) in &sim.peers[side].sent {
        let Some(header) = stun::peek(datagram) else {
            continue;
        };
        if header.class == Class::Request && !seen.contains(&header.transaction_id) {
            seen.push(header.transaction_id);
            times.push(at.as_millis());
        }
    }
    times
}

#[test]
fn scenario_1_ordinary_checks_are_paced_at_ta() {
    let mut sim = Sim::hosts(1);
    sim.gather(A);
    let (now, remote) = (sim.now, sim.peers[B].agent.local_parameters().clone());
    sim.agent(A).start(now, remote).unwrap();
    for port in 1..=5 {
        let dead = format!("candidate:{port} 1 udp {port} 198.51.100.99 {port} typ host");
        sim.agent(A)
            .add_remote_candidate(now, dead.parse().unwrap())
            .unwrap();
    }
    sim.run(ms(240));
    assert_eq!(checks_sent(&sim, A), [0, 50, 100, 150, 200]);
}

#[test]
fn scenario_1_triggered_checks_and_nomination_do_not_wait_for_ta() {
    let config = Config::default().ta(secs(10));
    let side = |role, address| Side {
        config: config.clone(),
        ..Side::public(role, address)
    };
    let mut sim = Sim::new(
        1,
        [
            side(Role::Controlling, &["198.51.100.1"]),
            side(Role::Controlled, &["198.51.100.2", "198.51.100.3"]),
        ],
    );
    sim.go();
    sim.run(secs(1));
    // A's first check goes to one address of B. B's first check comes from the other, its
    // triggered check for A's at once, and A's nomination at once.
    assert_eq!(sim.peers[A].entered(State::Connected), Some(ms(100)));
    let nominated = sim.peers[B]
        .agent
        .selected_pair()
        .is_some_and(|pair| pair.nominated);
    assert!(nominated || sim.peers[A].agent.selected_pair().is_some());
    assert!(
        checks_sent(&sim, B).contains(&50),
        "{:?}",
        checks_sent(&sim, B)
    );
}

#[test]
fn scenario_2_checks_before_the_remote_parameters_are_answered_and_their_triggers_held() {
    let mut sim = Sim::hosts(1);
    sim.gather(A);
    sim.gather(B);
    sim.offer(B);
    sim.run(secs(2));
    // A alone has started; that is enough for it.
    sim.expect_states([State::Completed, State::New]);
    sim.offer(A);
    sim.run(ms(101));
    let connected = sim.peers[B].entered(State::Connected).unwrap();
    assert_eq!(connected, ms(2100), "one round trip after its own start");
    assert!(sim.peers[B].agent.selected_pair().unwrap().nominated);
    assert!(sim.data_flows());
}

#[test]
fn scenario_2_at_most_100_triggered_checks_are_held() {
    let mut sim = Sim::hosts(1);
    sim.gather(B);
    let forger = Forger::of(&sim, B, "abcd");
    for port in 1..=150 {
        forger.check_from(&mut sim, B, addr(&format!("198.51.100.77:{port}")));
    }
    let counters = *sim.peers[B].agent.counters();
    assert_eq!(
        (counters.requests_received, counters.early_requests),
        (150, 150)
    );
    assert_eq!(counters.dropped(actix_rtc_proto::ice::Dropped::TooMany), 50);
    sim.run(ms(1));
    let answers = sim.peers[B].sent.len();
    assert_eq!(answers, 150, "all were answered");
    let remote = forger.parameters();
    let now = sim.now;
    sim.agent(B).start(now, remote).unwrap();
    sim.run(secs(20));
    assert_eq!(sim.peers[B].agent.stats().pairs.len(), 100);
    // The peer has told nothing of these addresses, so few are asked at a time.
    let packets = sim.peers[B].sent.len() - answers;
    assert!((10..=20).contains(&packets), "{packets}");
}

#[test]
fn scenario_2_remote_candidates_may_come_before_local_ones_and_after_start() {
    let mut sim = Sim::hosts(1);
    sim.offer(A);
    sim.offer(B);
    sim.run(ms(10));
    sim.gather(B);
    sim.run(secs(1));
    sim.expect_states([State::Checking, State::New]);
    sim.gather(A);
    sim.run(secs(1));
    sim.expect_states([State::Completed; 2]);
}

#[test]
fn scenario_2_the_end_of_candidates_with_none_left_is_waited_out_as_rfc_8863_says() {
    let mut sim = Sim::hosts(1);
    sim.gather(A);
    sim.offer(B);
    sim.run(secs(1));
    sim.expect_states([State::New, State::New]);
    let now = sim.now;
    sim.agent(A).end_of_remote_candidates(now);
    sim.run(ms(38_400));
    assert_eq!(sim.peers[A].agent.state(), State::New);
    sim.run(ms(200));
    assert_eq!(sim.peers[A].state_names(), [State::Checking, State::Failed]);
    assert_eq!(
        sim.peers[A].agent.failure(),
        Some(FailureReason::NoCandidatePairs)
    );
}

#[test]
fn scenario_2_without_an_end_of_candidates_it_waits_as_rfc_8863_says() {
    let mut sim = Sim::hosts(1);
    sim.gather(A);
    sim.offer(B);
    sim.run(ms(39_400));
    assert_eq!(sim.peers[A].agent.state(), State::New);
    sim.run(ms(200));
    assert_eq!(sim.peers[A].entered(State::Failed), Some(ms(39_500)));
    // A candidate that comes at the very end still connects.
    let mut sim = Sim::hosts(2);
    sim.gather(A);
    sim.offer(A);
    sim.offer(B);
    sim.run(ms(39_000));
    sim.gather(B);
    sim.run(secs(2));
    sim.expect_states([State::Completed; 2]);
}

/// A has a slow interface that is preferred, and a fast one; B has one.
fn slow_but_better(config: Config) -> Sim {
    let a = Side {
        config,
        ..Side::public(Role::Controlling, &["198.51.100.1", "198.51.100.11"])
    };
    let mut sim = Sim::new(1, [a, Side::public(Role::Controlled, &["198.51.100.2"])]);
    sim.net
        .set_link("198.51.100.1".parse().unwrap(), Link::with_delay(ms(150)));
    sim.go();
    sim
}

fn local_address(sim: &Sim) -> String {
    sim.peers[A]
        .agent
        .send_path()
        .unwrap()
        .local
        .ip()
        .to_string()
}

#[test]
fn scenario_5_a_better_pair_that_works_a_little_later_is_the_one_nominated() {
    let mut sim = slow_but_better(Config::default());
    sim.run(ms(300));
    assert_eq!(
        local_address(&sim),
        "198.51.100.11",
        "data need not wait for it"
    );
    assert!(!sim.peers[A].agent.selected_pair().unwrap().nominated);
    sim.run(secs(2));
    sim.expect_states([State::Completed; 2]);
    assert_eq!(local_address(&sim), "198.51.100.1");
    let path = sim.peers[A].agent.send_path().unwrap();
    assert_eq!(sim.peers[B].agent.send_path().unwrap().remote, path.local);
}

#[test]
fn scenario_5_the_controlled_side_follows_the_nominated_pair_not_its_favourite() {
    let mut sim = slow_but_better(Config::default().nomination_patience(ms(0)));
    sim.run(secs(3));
    assert_eq!(local_address(&sim), "198.51.100.11");
    let path = sim.peers[A].agent.send_path().unwrap();
    assert_eq!(sim.peers[B].agent.send_path().unwrap().remote, path.local);
    assert!(sim.peers[B].agent.selected_pair().unwrap().nominated);
}

#[test]
fn scenario_5_a_clearly_better_pair_is_nominated_again_when_that_is_switched_on() {
    for renomination in [false, true] {
        let config = Config::default().renomination(renomination);
        let side = |role, address| Side {
            turn: true,
            config: config.clone(),
            ..Side::public(role, address)
        };
        let mut sim = Sim::new(
            1,
            [
                side(Role::Controlling, &["198.51.100.1"]),
                // The second address is reached by the relay only, at first.
                side(Role::Controlled, &["198.51.100.2"]),
            ],
        );
        sim.net.block_direct(true);
        sim.go();
        sim.run(secs(5));
        let relayed = sim.peers[A].pair_kinds().unwrap();
        assert!(relayed.contains("relay"), "{relayed}");
        sim.net.block_direct(false);
        sim.run(secs(20));
        let want = if renomination {
            "host-host"
        } else {
            relayed.as_str()
        };
        assert_eq!(sim.peers[A].pair_kinds().unwrap(), want);
        assert!(sim.data_flows());
    }
}

#[test]
fn scenario_5_all_remote_candidates_are_replaced_at_once() {
    for moving in [A, B] {
        let mut sim = Sim::connected(1);
        let host = sim.peers[moving].host;
        let [old, new] = [["198.51.100.1", "198.51.100.2"][moving], "198.51.100.50"];
        let (old, new) = (old.parse().unwrap(), new.parse().unwrap());
        sim.net.add_interface(
            host,
            crate::harness::network::INTERNET,
            new,
            Link::with_delay(ms(25)),
        );
        sim.net.set_carrier(old, Carrier::Down);
        let now = sim.now;
        sim.peers[moving].close_sockets(now, old);
        sim.peers[moving].open(now, new);
        sim.run(secs(10));
        sim.expect_states([State::Completed; 2]);
        assert_eq!(sim.peers[moving].agent.send_path().unwrap().local.ip(), new);
        assert_eq!(
            sim.peers[1 - moving].agent.send_path().unwrap().remote.ip(),
            new
        );
        assert!(sim.data_flows());
    }
}
