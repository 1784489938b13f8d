//! Scenario 7: consent, its loss and its return.

use std::time::Duration;

use actix_rtc_proto::ice::{Dropped, FailureReason, State};
use actix_rtc_proto::stun::{self, Class};

use crate::harness::link::Link;
use crate::harness::network::Carrier;
use crate::harness::sim::{A, B, Sim};
use crate::harness::{ms, secs};

const IP: &str = "198.51.100.1";

fn set(sim: &mut Sim, carrier: Carrier) {
    sim.net.set_carrier(IP.parse().unwrap(), carrier);
}

/// When requests were sent by a side.
fn requests(sim: &Sim, side: usize) -> Vec<Duration> {
    let is_request = |d: &[u8]| stun::peek(d).is_some_and(|h| h.class == Class::Request);
    sim.peers[side]
        .sent
        .iter()
        .filter(|s| is_request(&s.2))
        .map(|s| s.0)
        .collect()
}

#[test]
fn scenario_7_one_lost_check_is_nothing() {
    let mut sim = Sim::connected(1);
    for _ in 0..20 {
        // Wait for the next check, and lose just that one.
        let sent = requests(&sim, B).len();
        sim.run_while_not(secs(7), |sim| requests(sim, B).len() > sent);
        set(&mut sim, Carrier::Cut);
        sim.run(ms(100));
        set(&mut sim, Carrier::Up);
        sim.run(secs(2));
    }
    for peer in &sim.peers {
        assert!(
            !peer.state_names().contains(&State::Disconnected),
            "{:?}",
            peer.states()
        );
    }
}

#[test]
fn scenario_7_consent_survives_twenty_percent_loss() {
    for seed in 0..10 {
        let mut sim = Sim::connected(seed);
        for ip in [IP, "198.51.100.2"] {
            // Each way crosses two links: 36 % of the round trips are lost on each, 59 % in all.
            sim.net
                .set_link(ip.parse().unwrap(), Link::with_delay(ms(25)).with_loss(0.1));
        }
        sim.run(secs(600));
        sim.expect_states([State::Completed; 2]);
        for peer in &sim.peers {
            assert!(!peer.state_names().contains(&State::Failed));
        }
    }
}

#[test]
fn scenario_7_silence_is_disconnected_and_an_answer_is_connected_again() {
    let mut sim = Sim::connected(2);
    set(&mut sim, Carrier::Cut);
    let cut = sim.elapsed();
    sim.run(secs(20));
    sim.expect_states([State::Disconnected; 2]);
    for peer in &sim.peers {
        let after = peer.entered(State::Disconnected).unwrap() - cut;
        assert!((secs(4)..secs(12)).contains(&after), "{after:?}");
        assert!(peer.agent.send_path().is_some(), "consent still holds");
    }
    set(&mut sim, Carrier::Up);
    sim.run(ms(2300));
    sim.expect_states([State::Completed; 2]);
    for peer in &sim.peers {
        let names = peer.state_names();
        use State::*;
        assert_eq!(
            names,
            [
                Checking,
                Connected,
                Completed,
                Disconnected,
                Connected,
                Completed
            ]
        );
    }
}

#[test]
fn scenario_7_with_data_flowing_the_silence_is_seen_sooner() {
    let mut sim = Sim::connected(3);
    sim.talk(secs(1));
    set(&mut sim, Carrier::Cut);
    let cut = sim.elapsed();
    sim.talk(secs(8));
    for peer in &sim.peers {
        let after = peer.entered(State::Disconnected).unwrap() - cut;
        assert!(after < secs(6), "{after:?}");
    }
}

#[test]
fn scenario_7_data_that_only_goes_one_way_costs_few_checks() {
    let mut sim = Sim::connected(8);
    let before = requests(&sim, A).len();
    for _ in 0..3000 {
        let (now, peer) = (sim.now, &mut sim.peers[A]);
        peer.send_data(now, &mut sim.net, b"\x80data");
        sim.run(ms(20));
    }
    let checks = requests(&sim, A).len() - before;
    // Of consent alone there are 10 to 15 in a minute.
    assert!(checks <= 40, "{checks} checks in a minute");
    sim.expect_states([State::Completed; 2]);
}

#[test]
fn scenario_7_thirty_seconds_after_the_last_valid_answer_nothing_is_sent_any_more() {
    let mut sim = Sim::connected(4);
    sim.run(secs(60));
    let (last, _) = *sim.peers[A].answers.last().unwrap();
    set(&mut sim, Carrier::Cut);
    sim.run(secs(60));
    sim.expect_states([State::Failed; 2]);
    let failed = sim.peers[A].entered(State::Failed).unwrap();
    assert_eq!(sim.start + failed, last + secs(30));
    for peer in &sim.peers {
        assert_eq!(peer.agent.failure(), Some(FailureReason::ConsentExpired));
        assert_eq!(peer.agent.send_path(), None);
        assert_eq!(peer.agent.counters().consent_expired, 1);
        let failed = peer.entered(State::Failed).unwrap();
        assert!(
            peer.sent.iter().all(|(at, ..)| *at <= failed),
            "sent after consent expired"
        );
    }
}

#[test]
fn scenario_7_a_failed_transport_can_be_restarted() {
    let mut sim = Sim::connected(5);
    set(&mut sim, Carrier::Cut);
    sim.run(secs(40));
    sim.expect_states([State::Failed; 2]);
    set(&mut sim, Carrier::Up);
    sim.restart(B);
    sim.run(secs(3));
    sim.expect_states([State::Completed; 2]);
    assert!(sim.data_flows());
}

#[test]
fn all_seven_states_are_entered_in_one_life() {
    let mut sim = Sim::connected(9);
    set(&mut sim, Carrier::Cut);
    sim.run(secs(60));
    set(&mut sim, Carrier::Up);
    sim.restart(A);
    sim.run(secs(3));
    sim.close();
    use State::*;
    for peer in &sim.peers {
        let lived: Vec<_> = std::iter::once(New).chain(peer.state_names()).collect();
        let first = [New, Checking, Connected, Completed, Disconnected, Failed];
        let second = [Checking, Connected, Completed, Closed];
        assert_eq!(lived, [&first[..], &second[..]].concat());
        assert!(State::ALL.iter().all(|state| lived.contains(state)));
    }
}

#[test]
fn scenario_7_consent_checks_are_spread_in_time_and_authenticated() {
    let mut sim = Sim::connected(6);
    let first = requests(&sim, A).len();
    sim.run(secs(300));
    let times = &requests(&sim, A)[first..];
    let pauses: Vec<_> = times.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(pauses.len() > 45, "{}", pauses.len());
    // RFC 7675 §5.1: 4 to 6 s, and not all the same.
    assert!(
        pauses.iter().all(|p| (ms(3999)..ms(6001)).contains(p)),
        "{pauses:?}"
    );
    let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
    assert!(*most - *least > secs(1));
    for reason in [Dropped::MissingIntegrity, Dropped::WrongIntegrity] {
        assert_eq!(sim.agent(B).counters().dropped(reason), 0);
    }
    let rtt = sim.agent(A).selected_pair().unwrap().rtt;
    assert_eq!(rtt, Some(ms(100)));
}
