//! A peer that names many addresses: those that lead nowhere neither shut out the one that works,
//! nor have many packets sent to whom they belong.

use std::time::Duration;

use super::super::{Candidate, CandidateType, Config, Event, Role, State};
use super::Agent;
use super::test_link::{A, B, Link, addr, host, ms};
use crate::ice::Parameters;
use crate::random::Random;

const BASES: [&str; 4] = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"];

/// The server B has four addresses, of which the client A knows one. B is told of so many hosts
/// of A's that lead nowhere, and never of the one that A has.
fn crowded(dead: usize) -> Link {
    let mut link = Link::with(Config::default());
    for base in BASES {
        link.agents[B].add_local_candidate(link.now, host(base), addr(base));
    }
    let own = "10.1.0.1:1";
    link.agents[A].add_local_candidate(link.now, host(own), addr(own));
    link.agents[A]
        .add_remote_candidate(link.now, host(BASES[0]))
        .unwrap();
    for i in 0..dead {
        let dead = host(&format!("10.2.0.{}:{}", i % 250 + 1, 1000 + i));
        link.agents[B].add_remote_candidate(link.now, dead).unwrap();
    }
    link
}

#[test]
fn a_client_whose_checks_come_from_an_address_that_it_did_not_tell_connects() {
    for dead in [24, 26, 99, 100] {
        for late in [0_u64, 3_000, 20_000] {
            for ends in [false, true] {
                let mut link = crowded(dead);
                link.start_side(B);
                if ends {
                    link.agents[B].end_of_remote_candidates(link.now);
                }
                link.run(ms(late));
                link.start_side(A);
                link.run(ms(5_000));
                let what = format!("{dead} dead, {late} ms late, ends: {ends}");
                let states = link.states();
                let works = |s: &State| matches!(s, State::Connected | State::Completed);
                assert!(states.iter().all(works), "{what}: {states:?}");
                let pair = link.agents[B].selected_pair().unwrap();
                assert!(pair.nominated, "{what}");
                assert_eq!(pair.remote.kind, CandidateType::PeerReflexive);
                // A round trip for the check, and one for the triggered one.
                let history = link.history(B);
                let connected = history.iter().find(|h| h.1 == State::Connected);
                let at = connected.unwrap().0 - u128::from(late);
                assert!(at <= 300, "{what}: {at} ms");
            }
        }
    }
}

#[test]
fn a_relayed_candidate_that_comes_late_is_checked() {
    for late in [100, 10_000] {
        let mut link = crowded(100);
        link.start_side(B);
        link.run(ms(late));
        let relayed = addr("10.3.0.1:7");
        let base = addr("10.0.0.9:9");
        let candidate = Candidate::relayed(relayed, base, addr("10.3.0.1:3478").ip());
        link.agents[B]
            .add_remote_candidate(link.now, candidate)
            .unwrap();
        link.run(ms(15_000));
        let checked = link.sent[B].iter().any(|sent| sent.1.remote == relayed);
        assert!(checked, "{late}");
    }
}

#[test]
fn a_peer_that_tells_of_nothing_usable_reaches_us_all_the_same() {
    for late in [0, 30_000] {
        let mut link = crowded(0);
        link.start_side(B);
        link.agents[B].end_of_remote_candidates(link.now);
        link.run(ms(late));
        link.start_side(A);
        link.run(ms(5_000));
        assert_eq!(link.states()[B], State::Completed, "{late}");
    }
}

/// All that B sends in a minute: when and how much.
fn flood(ufrag: usize, candidates: usize, spoofed: bool) -> Vec<(u128, usize)> {
    let mut link = crowded(candidates);
    let peer = Parameters {
        username_fragment: "u".repeat(ufrag),
        password: "p".repeat(22),
        ice_lite: false,
    };
    let (config, random) = (Config::default(), Random::from_number(9));
    link.agents[A] = Agent::with_parameters(config, Role::Controlling, peer, random);
    link.start_side(B);
    if spoofed {
        // The peer sends checks in the name of others, too.
        for i in 0..100 {
            let victim = format!("10.4.0.{}:9", i + 1);
            link.agents[A].add_local_candidate(link.now, host(&victim), addr(&victim));
        }
        link.agents[A]
            .add_remote_candidate(link.now, host(BASES[0]))
            .unwrap();
        link.start_side(A);
        link.drop = |from_a, _, _| !from_a;
    }
    link.run(ms(60_000));
    let is_request = |datagram: &[u8]| datagram[..2] == [0, 1];
    let requests = link.sent[B].iter().filter(|sent| is_request(&sent.2));
    requests.map(|(at, _, sent)| (*at, sent.len())).collect()
}

/// The most packets and bytes in twenty seconds.
fn worst(sent: &[(u128, usize)]) -> (usize, usize) {
    let within = |from: u128| {
        sent.iter()
            .filter(move |s| (from..from + 20_000).contains(&s.0))
    };
    let packets = sent.iter().map(|s| within(s.0).count()).max().unwrap();
    let bytes = sent.iter().map(|s| within(s.0).map(|s| s.1).sum()).max();
    (packets, bytes.unwrap())
}

#[test]
fn addresses_that_never_answer_cost_little() {
    println!("candidates, ufrag: packets and bytes in 20 s, times the offer's own bytes");
    for candidates in [1, 4, 10, 26, 50, 100] {
        for ufrag in [4, 32, 256] {
            for spoofed in [false, true] {
                let sent = flood(ufrag, candidates, spoofed);
                let (packets, bytes) = worst(&sent);
                // The shortest lines that say as much.
                let line = "a=candidate:1 1 udp 1 1.1.1.1 9 typ host\r\n".len();
                let offer = 282 + ufrag + 22 + candidates * line;
                let times = bytes as f64 / offer as f64;
                println!("{candidates:4} {ufrag:4} {spoofed:5}: {packets:4} {bytes:6} {times:5.1}");
                assert!(packets <= 250 && times <= 8.0);
                // Each of them is asked, all the same.
                let least = (4 * candidates).min(100).min(offer * 4 / (100 + ufrag));
                assert!(packets >= least, "{packets} of {least}");
            }
        }
    }
}

#[test]
fn restarts_do_not_start_the_account_anew() {
    let mut link = crowded(100);
    link.start_side(B);
    for round in 0..20 {
        link.run(ms(1_000));
        link.agents[A].restart(link.now);
        link.start_side(B);
        for i in 0..100 {
            let dead = host(&format!("10.2.{round}.{}:9", i + 1));
            let _ = link.agents[B].add_remote_candidate(link.now, dead);
        }
    }
    let sent: Vec<_> = link.sent[B].iter().map(|s| (s.0, s.2.len())).collect();
    let (packets, _) = worst(&sent);
    assert!(packets <= 250, "{packets}");
}

#[test]
fn a_peer_that_answered_is_found_at_once_from_another_address_of_ours() {
    // What may be sent to those that lead nowhere is used up when the peer comes, and again when
    // our address changes.
    let mut link = crowded(60);
    link.start_side(B);
    link.run(ms(20_000));
    link.start_side(A);
    link.run(ms(1_000));
    let peer = link.agents[B].send_path().unwrap().remote;
    let moved = "10.0.0.77:1";
    for base in BASES {
        link.agents[B].remove_local_base(link.now, addr(base));
    }
    link.agents[B].add_local_candidate(link.now, host(moved), addr(moved));
    let at = link.now;
    link.run(ms(500));
    let path = link.agents[B].send_path();
    let path = path.unwrap_or_else(|| panic!("not in {:?}", link.now - at));
    assert_eq!((path.local, path.remote), (addr(moved), peer));
}

#[test]
fn what_answers_is_not_restrained() {
    let mut link = Link::connected();
    link.run(Duration::from_secs(3_600));
    let disconnected = |(_, e): &(u128, Event)| *e == Event::StateChanged(State::Disconnected);
    assert!(!link.log.iter().flatten().any(disconnected));
    assert!(link.agents[A].counters().consent_sent > 600);
}
