//! Two agents in random worlds: loss, reordering, translators, restarts, moves. Each run ends
//! connected, or failed with a reason that the simulator confirms.
//!
//! `ICE_SEEDS=20000` runs more of them, `ICE_SEED=1234` one, with its history.

use std::time::Duration;

use actix_rtc_proto::ice::{Config, FailureReason, Role, State};
use actix_rtc_proto::random::Random;

use crate::harness::link::Link;
use crate::harness::nat::NatKind;
use crate::harness::network::Carrier;
use crate::harness::sim::{A, B, Side, Sim};
use crate::harness::{ms, secs};
use crate::nat::meet;

/// How many seeds are run without `ICE_SEEDS`.
const SEEDS: u64 = 2000;

struct Draw(Random);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0.u64() % n
    }

    fn chance(&mut self, p: f64) -> bool {
        self.0.fraction() < p
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn link(&mut self) -> Link {
        let delay = ms(1 + self.below(120));
        Link {
            jitter: delay.mul_f64(self.0.fraction()),
            loss: self.one(&[0.0, 0.0, 0.02, 0.05, 0.1, 0.15]),
            duplicate: self.one(&[0.0, 0.0, 0.05, 0.2]),
            reorder: self.one(&[0.0, 0.0, 0.05, 0.2]),
            bandwidth: self.one(&[None, None, Some(20_000.0)]),
            ..Link::with_delay(delay)
        }
    }

    fn side(&mut self, i: usize) -> Side {
        let role = [Role::Controlling, Role::Controlled][i];
        let role = if self.chance(0.15) {
            role.opposite()
        } else {
            role
        };
        let public: [&[&str]; 2] = [
            &["198.51.100.1", "2001:db8::1"],
            &["198.51.100.2", "2001:db8::2"],
        ];
        let private: [&[&str]; 2] = [&["10.0.0.1", "10.0.0.2"], &["10.1.0.1", "10.1.0.2"]];
        let interfaces = 1 + self.below(2) as usize;
        let nat = self.chance(0.6).then(|| self.one(&NatKind::ALL));
        let side = match nat {
            Some(kind) => Side::behind(role, kind, &private[i][..interfaces]),
            None => Side::public(role, &public[i][..interfaces]),
        };
        let config = Config {
            renomination: self.chance(0.2),
            ..Config::default()
        };
        Side {
            link: self.link(),
            turn: self.chance(0.5),
            config,
            ..side
        }
    }
}

/// Says what happens, when a single seed is replayed.
fn tell(what: impl Fn() -> String) {
    if std::env::var_os("ICE_SEED").is_some() {
        println!("{}", what());
    }
}

fn disturb(sim: &mut Sim, draw: &mut Draw, cut: &mut Vec<std::net::IpAddr>) {
    let side = draw.below(2) as usize;
    let what = draw.below(7);
    tell(|| format!("{:?}: {what} on side {side}", sim.elapsed()));
    match what {
        0 | 1 => sim.restart(side),
        2 if sim.is_translated(side) => sim.nat(side).rebind(),
        2 | 3 => {
            let addresses = sim.net.addresses(sim.peers[side].host);
            let ip = draw.one(&addresses);
            let carrier = draw.one(&[Carrier::Cut, Carrier::Down]);
            sim.net.set_carrier(ip, carrier);
            cut.push(ip);
        }
        4 => {
            for ip in cut.drain(..) {
                sim.net.set_carrier(ip, Carrier::Up);
            }
        }
        5 => sim.move_sockets(side),
        _ => sim.talk(ms(draw.below(1500))),
    }
}

/// Runs one world and says how it ended.
fn run(seed: u64) -> &'static str {
    let mut draw = Draw(Random::from_number(seed ^ 0x1CE));
    let sides = [A, B].map(|i| draw.side(i));
    let connectable = sides.iter().any(|s| s.turn) || meet(sides[A].nat, sides[B].nat);
    let mut sim = Sim::new(seed, sides);
    sim.signalling = ms(draw.below(400));
    sim.go();
    let (mut cut, disturbances) = (Vec::new(), draw.below(8));
    for _ in 0..disturbances {
        sim.run(ms(draw.below(6000)));
        disturb(&mut sim, &mut draw, &mut cut);
    }
    for ip in cut {
        sim.net.set_carrier(ip, Carrier::Up);
    }
    // Longer than any patience, and then the peer's consent.
    sim.run(secs(120));
    let outcome = judge(&mut sim, seed);
    if outcome == "failed" {
        assert!(
            !connectable || disturbances > 0,
            "seed {seed}: failed for no reason"
        );
        if connectable {
            // Nothing is in the way any more: gathering anew and a restart have to mend it.
            sim.move_sockets(A);
            sim.move_sockets(B);
            sim.restart(A);
            sim.run(secs(60));
            assert_eq!(
                judge(&mut sim, seed),
                "connected",
                "seed {seed}: not mended by a restart"
            );
        }
    }
    sim.close();
    outcome
}

/// Judges a world in which nothing happens any more.
fn judge(sim: &mut Sim, seed: u64) -> &'static str {
    let states = sim.states();
    for peer in &sim.peers {
        tell(|| format!("{:#?}", peer.agent.stats()));
        peer.log
            .iter()
            .for_each(|(at, event)| tell(|| format!("{at:?} {event:?}")));
    }
    let usable = |s: &State| matches!(s, State::Connected | State::Completed);
    if states.iter().all(usable) {
        assert!(
            sim.data_flows(),
            "seed {seed}: connected, and data does not arrive"
        );
        return "connected";
    }
    let [a, b] = [A, B].map(|side| sim.peers[side].states());
    let history = format!("seed {seed}\n{a:?}\n{b:?}");
    assert_eq!(
        states,
        [State::Failed; 2],
        "neither connected nor failed: {history}"
    );
    for side in [A, B] {
        let reason = sim.peers[side].agent.failure().expect("it has failed");
        confirm(sim, side, reason, &history);
    }
    "failed"
}

/// The simulator saw nothing that contradicts the reason.
fn confirm(sim: &Sim, side: usize, reason: FailureReason, history: &str) {
    let peer = &sim.peers[side];
    let failed = sim.start + peer.last_entered(State::Failed).expect("it has failed");
    let answered = |within: Duration| {
        peer.answers
            .iter()
            .any(|at| *at <= failed && *at + within > failed)
    };
    match reason {
        // An answer may come from a pair that is not in use any more, never from the one that is.
        FailureReason::ConsentExpired => {
            let path = peer.last_path.expect("a pair was in use");
            let late = peer
                .answers_on
                .get(&path)
                .is_some_and(|at| *at + secs(29) > failed);
            assert!(!late, "consent expired while answers came: {history}");
        }
        FailureReason::ChecksFailed | FailureReason::NoCandidatePairs => {
            let checking = peer.last_entered(State::Checking).expect("it was checking");
            assert!(
                !answered(failed - (sim.start + checking)),
                "checks failed while answers came: {history}"
            );
        }
        FailureReason::LocalAddressesLost | FailureReason::RestartUnanswered => {}
    }
}

#[test]
fn random_worlds_end_connected_or_failed_for_a_reason() {
    if let Ok(seed) = std::env::var("ICE_SEED") {
        println!("{}", run(seed.parse().expect("a number")));
        return;
    }
    let seeds = std::env::var("ICE_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(SEEDS);
    let threads = 2;
    let counts: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|t| {
                scope.spawn(move || {
                    (t..seeds)
                        .step_by(threads as usize)
                        .map(one)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().expect("a seed failed; it is printed above"))
            .collect()
    });
    for outcome in ["connected", "failed"] {
        let n = counts.iter().filter(|c| **c == outcome).count();
        println!("{outcome}: {n} of {seeds}");
    }
    let connected = counts.iter().filter(|c| **c == "connected").count() as u64;
    assert!(connected * 10 > seeds * 6, "most worlds allow a connection");
}

/// Runs a seed, and names it when it fails.
fn one(seed: u64) -> &'static str {
    let result = std::panic::catch_unwind(|| run(seed));
    result.unwrap_or_else(|panic| {
        println!("replay with ICE_SEED={seed}");
        std::panic::resume_unwind(panic)
    })
}
