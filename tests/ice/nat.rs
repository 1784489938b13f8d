//! Scenario 6: translators of each kind, their matrix, rebinding, and interfaces that flap.

use actix_rtc_proto::ice::{Role, State};

use crate::harness::nat::NatKind;
use crate::harness::network::Carrier;
use crate::harness::sim::{A, B, Side, Sim};
use crate::harness::{ms, secs};

const ROLES: [Role; 2] = [Role::Controlling, Role::Controlled];
const PRIVATE: [&[&str]; 2] = [&["10.0.0.1"], &["10.1.0.1"]];
const PUBLIC: [&[&str]; 2] = [&["198.51.100.1"], &["198.51.100.2"]];

fn side(i: usize, nat: Option<NatKind>, turn: bool) -> Side {
    let side = match nat {
        Some(kind) => Side::behind(ROLES[i], kind, PRIVATE[i]),
        None => Side {
            stun: true,
            ..Side::public(ROLES[i], PUBLIC[i])
        },
    };
    Side { turn, ..side }
}

/// The pair that two such sides end with, from A's side; "-" for none.
fn outcome(kinds: [Option<NatKind>; 2], turn: bool) -> String {
    let mut sim = Sim::new(6, [A, B].map(|i| side(i, kinds[i], turn)));
    sim.go();
    sim.run_while_not(secs(60), |sim| {
        sim.states() == [State::Completed; 2] || sim.states() == [State::Failed; 2]
    });
    if sim.states() == [State::Failed; 2] {
        return "-".into();
    }
    sim.expect_states([State::Completed; 2]);
    let kinds = sim.peers[A].pair_kinds().unwrap();
    assert!(sim.data_flows(), "{kinds} carries no data");
    kinds
}

fn name(kind: Option<NatKind>) -> String {
    kind.map_or("Public".into(), |kind| format!("{kind:?}"))
}

/// Whether two translators can be crossed without a relay (RFC 4787, RFC 5128): a mapping that
/// depends on the peer has another port for it than the STUN server saw. A translator that filters
/// by port, or that itself maps by peer, never meets it.
pub(crate) fn meet(a: Option<NatKind>, b: Option<NatKind>) -> bool {
    let maps = |kind| matches!(kind, Some(NatKind::Symmetric | NatKind::AddressDependent));
    let filters = |kind| matches!(kind, Some(NatKind::PortRestricted | NatKind::Symmetric));
    !(maps(a) && (maps(b) || filters(b)) || filters(a) && maps(b))
}

#[test]
fn scenario_6_the_matrix_of_translators() {
    let kinds: Vec<_> = std::iter::once(None)
        .chain(NatKind::ALL.map(Some))
        .collect();
    let mut table = Vec::new();
    for a in &kinds {
        let row = kinds.iter().map(|b| outcome([*a, *b], false));
        table.push((name(*a), row.collect::<Vec<_>>()));
    }
    println!(
        "{:18}{}",
        "",
        kinds
            .iter()
            .map(|k| format!("{:18}", name(*k)))
            .collect::<String>()
    );
    for (name, row) in &table {
        println!(
            "{name:18}{}",
            row.iter().map(|o| format!("{o:18}")).collect::<String>()
        );
    }
    for (a, (name, row)) in kinds.iter().zip(&table) {
        for (b, outcome) in kinds.iter().zip(row) {
            assert_eq!(outcome != "-", meet(*a, *b), "{name} with {b:?}");
        }
    }
}

#[test]
fn scenario_6_with_a_relay_every_combination_connects() {
    let kinds: Vec<_> = std::iter::once(None)
        .chain(NatKind::ALL.map(Some))
        .collect();
    for a in &kinds {
        for b in &kinds {
            let pair = outcome([*a, *b], true);
            assert_ne!(pair, "-", "{a:?} with {b:?}");
        }
    }
    assert!(outcome([Some(NatKind::Symmetric); 2], true).contains("relay"));
}

#[test]
fn scenario_6_media_goes_on_within_a_second_of_a_rebinding() {
    for moving in [A, B] {
        for kind in [
            NatKind::Restricted,
            NatKind::PortRestricted,
            NatKind::Symmetric,
        ] {
            let mut kinds = [None, None];
            kinds[moving] = Some(kind);
            let mut sim = Sim::new(7, [A, B].map(|i| side(i, kinds[i], false)));
            sim.go();
            sim.run(secs(2));
            sim.expect_states([State::Completed; 2]);
            sim.talk(secs(3));
            let at = sim.elapsed();
            sim.nat(moving).rebind();
            sim.talk(secs(3));
            for i in [A, B] {
                let mut times: Vec<_> = sim.peers[i]
                    .received
                    .iter()
                    .filter(|r| r.believed && r.at > at + ms(60))
                    .map(|r| r.at)
                    .collect();
                times.sort();
                let first = *times.first().expect("data after the rebinding");
                assert!(
                    first - at < secs(1),
                    "{kind:?}: {i} waited {:?}",
                    first - at
                );
                assert!(times.len() > 90, "{kind:?}: {i} received {}", times.len());
                let history = sim.peers[i].state_names();
                assert!(!history.contains(&State::Disconnected), "{history:?}");
            }
        }
    }
}

#[test]
fn scenario_6_an_interface_that_flaps_comes_back() {
    for carrier in [Carrier::Cut, Carrier::Down] {
        let mut sim = Sim::connected(8);
        let ip = "198.51.100.1".parse().unwrap();
        sim.net.set_carrier(ip, carrier);
        sim.talk(secs(10));
        sim.expect_states([State::Disconnected; 2]);
        sim.net.set_carrier(ip, Carrier::Up);
        sim.talk(secs(3));
        sim.expect_states([State::Completed; 2]);
        assert!(sim.data_flows());
    }
}

#[test]
fn scenario_6_when_one_of_two_interfaces_dies_the_other_takes_over() {
    for dying in [A, B] {
        let mut addresses = [vec!["198.51.100.1"], vec!["198.51.100.2"]];
        addresses[dying].push(["198.51.100.11", "198.51.100.12"][dying]);
        let mut sim = Sim::new(8, [A, B].map(|i| Side::public(ROLES[i], &addresses[i])));
        sim.go();
        sim.run(secs(2));
        sim.expect_states([State::Completed; 2]);
        let used = sim.peers[dying].agent.send_path().unwrap().local.ip();
        sim.net.set_carrier(used, Carrier::Cut);
        sim.talk(secs(12));
        for side in [A, B] {
            assert!(matches!(
                sim.agent(side).state(),
                State::Connected | State::Completed
            ));
        }
        assert_ne!(sim.peers[dying].agent.send_path().unwrap().local.ip(), used);
        assert!(sim.data_flows());
    }
}

#[test]
fn scenario_6_consent_keeps_a_short_mapping_alive() {
    let mut sim = Sim::new(
        9,
        [A, B].map(|i| side(i, Some(NatKind::PortRestricted), false)),
    );
    for i in [A, B] {
        sim.nat(i).expiry = secs(30);
    }
    sim.go();
    sim.run(secs(600));
    sim.expect_states([State::Completed; 2]);
    for peer in &sim.peers {
        assert!(!peer.state_names().contains(&State::Disconnected));
    }
    assert!(sim.data_flows());
}

#[test]
fn scenario_6_behind_one_translator_hosts_meet_directly_or_by_hairpin() {
    for hide_hosts in [false, true] {
        let mut sim = Sim::new(10, [A, B].map(|i| side(i, Some(NatKind::FullCone), false)));
        sim.share_lan(["10.0.0.5", "10.0.0.6"]);
        sim.nat(A).hairpin = true;
        if hide_hosts {
            // Only what the STUN server saw is signalled.
            sim.held_back = [true; 2];
            sim.offer(A);
            sim.offer(B);
            sim.gather(A);
            sim.gather(B);
            sim.run(secs(1));
            for i in [A, B] {
                let reflexive: Vec<_> = std::mem::take(&mut sim.peers[i].to_signal);
                let now = sim.now;
                for candidate in reflexive.into_iter().filter(|c| c.kind.as_str() == "srflx") {
                    sim.agent(1 - i)
                        .add_remote_candidate(now, candidate)
                        .unwrap();
                }
            }
        } else {
            sim.go();
        }
        sim.run(secs(3));
        for i in [A, B] {
            assert!(matches!(
                sim.agent(i).state(),
                State::Connected | State::Completed
            ));
            let kinds = sim.peers[i].pair_kinds().unwrap();
            assert_eq!(kinds == "host-host", !hide_hosts, "{kinds}");
        }
        assert!(sim.data_flows());
    }
}
