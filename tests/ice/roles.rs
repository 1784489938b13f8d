//! Scenarios 3 and 9: role conflicts, and lite agents.

use actix_rtc_proto::ice::{Config, Role, StartError, State};

use crate::harness::link::Link;
use crate::harness::nat::NatKind;
use crate::harness::sim::{A, B, Side, Sim};
use crate::harness::{ms, secs};

fn same_role(seed: u64, role: Role, loss: f64) -> Sim {
    let addresses: [&[&str]; 2] = [
        &["198.51.100.1", "198.51.100.11", "2001:db8::1"],
        &["198.51.100.2", "198.51.100.12", "2001:db8::2"],
    ];
    let link = Link {
        jitter: ms(30),
        ..Link::with_delay(ms(25)).with_loss(loss)
    };
    Sim::new(
        seed,
        addresses.map(|a| Side {
            link,
            ..Side::public(role, a)
        }),
    )
}

#[test]
fn scenario_3_both_controlling_or_both_controlled_with_several_487s_in_flight() {
    let mut refusals = 0;
    for seed in 0..40 {
        for role in [Role::Controlling, Role::Controlled] {
            let mut sim = same_role(seed, role, [0.0, 0.1][seed as usize % 2]);
            sim.go();
            sim.run(secs(20));
            sim.expect_states([State::Completed; 2]);
            let roles = [A, B].map(|i| sim.peers[i].agent.role());
            assert_eq!(roles[A], roles[B].opposite(), "seed {seed} {role}");
            let paths = [A, B].map(|i| sim.peers[i].agent.send_path().unwrap());
            assert_eq!(
                (paths[A].local, paths[A].remote),
                (paths[B].remote, paths[B].local)
            );
            for peer in &sim.peers {
                let dropped = actix_rtc_proto::ice::Dropped::RoleConflict;
                refusals += peer.agent.counters().dropped(dropped);
                assert!(
                    peer.agent.counters().role_switches <= 3,
                    "seed {seed}: roles flap"
                );
            }
        }
    }
    assert!(refusals > 100, "the conflict was really there: {refusals}");
}

#[test]
fn scenario_3_a_conflict_that_begins_with_a_restart_is_settled() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut sim = Sim::connected(5);
        for side in [A, B] {
            sim.agent(side).set_role(role);
        }
        sim.restart(A);
        sim.run(secs(10));
        sim.expect_states([State::Completed; 2]);
        assert_eq!(sim.agent(A).role(), sim.agent(B).role().opposite());
        assert!(!sim.peers[A].state_names().contains(&State::Disconnected));
        assert!(sim.data_flows());
    }
}

fn lite() -> Config {
    Config::default().lite(true)
}

#[test]
fn scenario_9_a_lite_side_is_reached_by_a_full_one_of_any_role() {
    for lite_side in [A, B] {
        for role in [Role::Controlling, Role::Controlled] {
            let addresses = ["198.51.100.1", "198.51.100.2"];
            let sides = [A, B].map(|i| {
                let side = Side::public(role, &[addresses[i]]);
                if i == lite_side {
                    Side {
                        config: lite(),
                        ..side
                    }
                } else {
                    side
                }
            });
            let mut sim = Sim::new(9, sides);
            sim.go();
            sim.run(secs(3));
            sim.expect_states([State::Completed; 2]);
            assert_eq!(sim.agent(lite_side).role(), Role::Controlled);
            assert_eq!(sim.agent(1 - lite_side).role(), Role::Controlling);
            assert!(sim.data_flows());
            sim.run(secs(120));
            sim.expect_states([State::Completed; 2]);
        }
    }
}

#[test]
fn scenario_9_a_lite_server_serves_peers_behind_any_translator() {
    for kind in NatKind::ALL {
        let server = Side {
            config: lite(),
            ..Side::public(Role::Controlled, &["198.51.100.2", "2001:db8::2"])
        };
        let peer = Side::behind(Role::Controlling, kind, &["10.0.0.1"]);
        let mut sim = Sim::new(9, [peer, server]);
        sim.go();
        sim.run(secs(3));
        sim.expect_states([State::Completed; 2]);
        // The peer's mapping changes, and then it restarts.
        sim.talk(secs(1));
        sim.nat(A).rebind();
        sim.talk(secs(3));
        sim.restart(A);
        sim.talk(secs(3));
        sim.expect_states([State::Completed; 2]);
        for peer in &sim.peers {
            assert!(!peer.state_names().contains(&State::Failed));
        }
        assert!(sim.data_flows(), "{kind:?}");
    }
}

#[test]
fn scenario_9_lite_to_lite_is_an_error_with_that_reason() {
    let mut sim = Sim::new(
        9,
        [
            Side {
                config: lite(),
                ..Side::public(Role::Controlling, &["198.51.100.1"])
            },
            Side {
                config: lite(),
                ..Side::public(Role::Controlled, &["198.51.100.2"])
            },
        ],
    );
    let remote = sim.agent(B).local_parameters().clone();
    let now = sim.now;
    assert_eq!(sim.agent(A).start(now, remote), Err(StartError::BothLite));
    assert_eq!(StartError::BothLite.as_str(), "both_lite");
}
