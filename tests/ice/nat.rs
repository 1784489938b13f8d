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

fn kinds() -> Vec<Option<NatKind>> {
    let all = NatKind::ALL.into_iter().map(Some);
    std::iter::once(None).chain(all).collect()
}

/// Each kind (rows: of the controlling side A) against each kind (columns: of B).
fn matrix(turn: bool) -> Vec<(String, Vec<String>)> {
    let row = |a| kinds().into_iter().map(move |b| outcome([a, b], turn));
    kinds()
        .into_iter()
        .map(|a| (name(a), row(a).collect()))
        .collect()
}

fn show(table: &[(String, Vec<String>)]) {
    let names: String = table.iter().map(|(name, _)| format!("{name:18}")).collect();
    println!("{:18}{names}", "");
    for (name, row) in table {
        let row: String = row.iter().map(|outcome| format!("{outcome:18}")).collect();
        println!("{name:18}{row}");
    }
}

/// Rows and columns: public, full cone, restricted, port-restricted, address-dependent, symmetric.
const DIRECT: [&str; 6] = [
    "host-host host-srflx host-srflx host-srflx host-prflx host-prflx",
    "srflx-host srflx-srflx srflx-srflx srflx-srflx srflx-prflx srflx-prflx",
    "srflx-host srflx-srflx srflx-srflx srflx-srflx srflx-prflx srflx-prflx",
    "srflx-host srflx-srflx srflx-srflx srflx-srflx - -",
    "prflx-host prflx-srflx prflx-srflx - - -",
    "prflx-host prflx-srflx prflx-srflx - - -",
];

#[test]
fn scenario_6_the_matrix_of_translators() {
    let table = matrix(false);
    show(&table);
    let shown: Vec<_> = table.iter().map(|(_, row)| row.join(" ")).collect();
    assert_eq!(shown, DIRECT);
    for (a, (name, row)) in kinds().into_iter().zip(&table) {
        for (b, outcome) in kinds().into_iter().zip(row) {
            assert_eq!(outcome != "-", meet(a, b), "{name} with {b:?}");
        }
    }
}

#[test]
fn scenario_6_with_a_relay_every_combination_connects() {
    let table = matrix(true);
    show(&table);
    for ((name, row), direct) in table.iter().zip(DIRECT) {
        let direct = direct.split(' ');
        for ((outcome, direct), other) in row.iter().zip(direct).zip(kinds()) {
            // The relay is used where there is no other way, and only there.
            let relayed = outcome.contains("relay");
            assert_eq!(relayed, direct == "-", "{name} with {other:?}: {outcome}");
            assert!(relayed || outcome == direct, "{name} with {other:?}");
        }
    }
}

/// Two symmetric translators, connected by relay.
fn relayed(seed: u64) -> Sim {
    let mut sim = Sim::new(
        seed,
        [A, B].map(|i| side(i, Some(NatKind::Symmetric), true)),
    );
    sim.go();
    sim.run(secs(10));
    sim.expect_states([State::Completed; 2]);
    assert!(sim.peers[A].pair_kinds().unwrap().contains("relay"));
    sim
}

#[test]
fn scenario_6_symmetric_translators_on_both_sides_meet_at_the_relay_for_an_hour() {
    let mut sim = relayed(11);
    for _ in 0..60 {
        sim.run(secs(59));
        sim.talk(secs(1));
    }
    sim.run(secs(1));
    sim.expect_states([State::Completed; 2]);
    for peer in &sim.peers {
        assert!(!peer.state_names().contains(&State::Disconnected));
        assert_eq!(peer.received.len(), 60 * 50, "nothing is lost here");
        assert!(peer.received.iter().all(|r| r.believed));
    }
    // The wire protocol was really spoken: nonces went stale, allocations, permissions and
    // channels were refreshed, and data went on channels.
    let traffic = sim.net.servers.turn.as_ref().unwrap().traffic;
    assert_eq!((traffic.allocations, traffic.refused), (2, 0));
    assert!(traffic.channel_data > 5_000, "{traffic:?}");
    for peer in &sim.peers {
        let counters = peer.turn_counters();
        let refreshes: u64 = counters.iter().map(|c| c.refreshes).sum();
        let stale: u64 = counters.iter().map(|c| c.stale_nonces).sum();
        assert!(refreshes >= 5 && stale >= 5, "{counters:?}");
    }
}

#[test]
fn scenario_6_ice_moves_away_from_a_relay_that_dies() {
    let sides = [A, B].map(|i| Side {
        turn: true,
        ..side(i, None, false)
    });
    let mut sim = Sim::new(12, sides);
    sim.net.block_direct(true);
    sim.go();
    sim.run(secs(5));
    assert!(sim.peers[A].pair_kinds().unwrap().contains("relay"));
    sim.net.block_direct(false);
    sim.net.servers.silent = true;
    sim.talk(secs(12));
    for side in [A, B] {
        assert_eq!(sim.peers[side].pair_kinds().unwrap(), "host-host");
        assert!(!sim.peers[side].state_names().contains(&State::Failed));
    }
    assert!(sim.data_flows());
}

#[test]
fn scenario_6_a_relay_that_forgot_its_allocations_is_found_anew_by_a_restart() {
    let mut sim = relayed(13);
    sim.net.servers.turn.as_mut().unwrap().lose_allocations();
    // The client learns it from its next refresh; without it consent expires.
    sim.run(secs(600));
    sim.expect_states([State::Failed; 2]);
    for side in [A, B] {
        sim.move_sockets(side);
    }
    sim.restart(A);
    sim.run(secs(10));
    sim.expect_states([State::Completed; 2]);
    assert!(sim.peers[A].pair_kinds().unwrap().contains("relay"));
    assert!(sim.data_flows());
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
fn scenario_6_data_that_begins_again_after_a_rebinding_flows_within_a_second() {
    for moving in [A, B] {
        for pause in [ms(600), secs(2), secs(30)] {
            let mut kinds = [None, None];
            kinds[moving] = Some(NatKind::PortRestricted);
            let mut sim = Sim::new(15, [A, B].map(|i| side(i, kinds[i], false)));
            sim.go();
            sim.run(secs(2));
            sim.talk(secs(1));
            sim.run(pause);
            sim.nat(moving).rebind();
            let at = sim.elapsed();
            sim.talk(secs(2));
            for peer in &sim.peers {
                let after = peer.received.iter().filter(|r| r.believed && r.at > at);
                let first = after.map(|r| r.at).min().expect("data after the rebinding");
                assert!(first - at <= secs(1), "{pause:?}: {:?}", first - at);
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
fn scenario_6_a_mapping_that_expires_between_two_checks_is_just_a_rebinding() {
    let mut sim = Sim::new(
        14,
        [
            side(A, Some(NatKind::PortRestricted), false),
            side(B, None, false),
        ],
    );
    sim.nat(A).expiry = secs(3);
    sim.go();
    sim.run(secs(600));
    let addresses: Vec<_> = sim.peers[B]
        .sent
        .iter()
        .map(|(_, path, _)| path.remote)
        .collect();
    let distinct: std::collections::HashSet<_> = addresses.iter().collect();
    assert!(distinct.len() > 50, "{} mappings", distinct.len());
    for peer in &sim.peers {
        assert!(!peer.state_names().contains(&State::Failed));
    }
    // What is bounded for a hostile peer is bounded for an unlucky one.
    assert!(sim.agent(B).remote_candidates().count() <= 100);
    sim.talk(secs(2));
    sim.expect_states([State::Completed; 2]);
    assert!(sim.data_flows());
}

/// Two hosts on one local network, behind one translator.
fn neighbours(kind: NatKind, hairpin: bool) -> Sim {
    let mut sim = Sim::new(10, [A, B].map(|i| side(i, Some(kind), false)));
    sim.share_lan(["10.0.0.5", "10.0.0.6"]);
    sim.nat(A).hairpin = hairpin;
    sim
}

#[test]
fn scenario_6_behind_one_translator_hosts_meet_directly() {
    for kind in NatKind::ALL {
        let mut sim = neighbours(kind, false);
        sim.go();
        sim.run(secs(3));
        for peer in &sim.peers {
            assert_eq!(peer.pair_kinds().unwrap(), "host-host", "{kind:?}");
        }
        assert!(sim.data_flows());
    }
}

/// Both hide their host addresses, as browsers do: only what the STUN server saw is signalled.
#[test]
fn scenario_6_behind_one_translator_hosts_that_hide_meet_by_hairpin_or_not_at_all() {
    let mut outcomes = Vec::new();
    for hairpin in [true, false] {
        for kind in NatKind::ALL {
            let mut sim = neighbours(kind, hairpin);
            sim.held_back = [true; 2];
            for i in [A, B] {
                sim.offer(i);
                sim.gather(i);
            }
            sim.run(secs(1));
            for i in [A, B] {
                let found = std::mem::take(&mut sim.peers[i].to_signal);
                let (now, other) = (sim.now, sim.agent(1 - i));
                for candidate in found.into_iter().filter(|c| c.kind.as_str() == "srflx") {
                    other.add_remote_candidate(now, candidate).unwrap();
                }
                other.end_of_remote_candidates(now);
            }
            sim.run(secs(60));
            let pair = sim.peers[A].pair_kinds();
            if pair.is_some() {
                assert!(sim.data_flows(), "{kind:?}");
            } else {
                sim.expect_states([State::Failed; 2]);
            }
            outcomes.push(pair.unwrap_or("-".into()));
        }
    }
    // Full cone, restricted and port-restricted with hairpinning. The others have another port
    // for each other than for the server, and filter what comes to that one.
    assert_eq!(outcomes[..3], ["srflx-srflx"; 3]);
    assert_eq!(outcomes[3..], ["-"; 7]);
}
