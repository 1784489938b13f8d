//! Two agents in random worlds: loss, reordering, translators, restarts, moves. Each run ends
//! connected, or failed with a reason that the simulator confirms.
//!
//! `RTC_LONG=1` runs ten times as many, `ICE_SEEDS=50000` as many as it says, and `ICE_SEED=1234`
//! one, with its history.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use actix_rtc_proto::ice::{AddressScope, Candidate, Config, FailureReason, Role, State};
use actix_rtc_proto::random::Random;
use actix_rtc_proto::stun;

use crate::harness::link::Link;
use crate::harness::nat::NatKind;
use crate::harness::network::Carrier;
use crate::harness::sim::{A, B, Side, Sim};
use crate::harness::{ms, secs};
use crate::nat::meet;

/// How many seeds are run without `ICE_SEEDS`, and with `RTC_LONG`.
const SEEDS: u64 = 2_000;
const SEEDS_OF_A_LONG_RUN: u64 = 20_000;

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
        let config = Config::default().renomination(self.chance(0.2));
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

fn disturb(sim: &mut Sim, draw: &mut Draw, cut: &mut Vec<IpAddr>) {
    let side = draw.below(2) as usize;
    let what = draw.below(8);
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
        6 => {
            sim.renumber(side);
            let there = [A, B].map(|i| sim.net.addresses(sim.peers[i].host));
            cut.retain(|ip| there.concat().contains(ip));
        }
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

/// The simulator, which knows what really happened, confirms the reason.
fn confirm(sim: &Sim, side: usize, reason: FailureReason, history: &str) {
    let (peer, told) = (&sim.peers[side], &sim.told[side]);
    let failed = sim.start + peer.last_entered(State::Failed).expect("it has failed");
    let config = Config::default();
    // To checks of then: an answer to one of before may still come, and counts for nothing.
    let no_answer_since = |since: Instant| {
        let of_then = |at: Instant| (since..=failed).contains(&at);
        let asked_then = |id| peer.request(id).is_some_and(|(at, ..)| of_then(at));
        let counts = |(at, id): &&(_, _)| of_then(*at) && asked_then(*id);
        let answer = peer.answers.iter().find(counts);
        assert_eq!(answer, None, "{reason} while answers came: {history}");
    };
    // The checks of this generation: it may have begun while the one before was checking.
    let checking = || {
        let entered = peer.last_entered(State::Checking).expect("it was checking");
        let began = told.restarted.max(told.started);
        began.max(Some(sim.start + entered)).expect("it has begun")
    };
    match reason {
        // Of the generation of the pair in use: an answer to a check of the one before is none for
        // it. One to a check that another one has replaced comes late, and does not count either.
        FailureReason::ConsentExpired => {
            let path = peer.last_path.expect("a pair was in use");
            let ufrag = |to, datagram| {
                let ufrag = stun::local_ufrag(datagram);
                ufrag.filter(|_| to == path)
            };
            let mut sent = peer.sent.iter().rev();
            let in_use = sent.find_map(|(_, to, datagram)| ufrag(*to, datagram));
            let asked = |id| peer.request(id).and_then(|(_, to, d)| ufrag(to, d));
            let mut answers = peer.answers.iter().rev();
            let last = answers.find(|(at, id)| *at <= failed && asked(*id) == in_use);
            let (last, _) = *last.expect("it was answered once");
            let silent = failed.saturating_duration_since(last);
            assert!(
                silent + secs(1) >= config.consent_timeout,
                "consent expired {silent:?} after an answer: {history}"
            );
        }
        FailureReason::LocalAddressesLost => {
            let path = peer.last_path.expect("a pair was in use");
            let gone = peer.gone.iter().find(|(_, base)| *base == path.local);
            let (since, _) = *gone.unwrap_or_else(|| panic!("{path} is there: {history}"));
            assert!(failed >= since + config.consent_timeout, "{history}");
        }
        FailureReason::RestartUnanswered => {
            let restarted = told.restarted.expect("a restart was begun");
            assert!(told.started.is_none_or(|at| at < restarted), "{history}");
            assert!(failed >= restarted + config.failure_patience, "{history}");
        }
        FailureReason::ChecksFailed => no_answer_since(checking()),
        FailureReason::NoCandidatePairs => {
            no_answer_since(checking());
            let sockets = peer.sockets();
            let ufrag = peer.agent.remote_parameters().map(|r| &r.username_fragment);
            let fits = |c: &&Candidate| {
                let to = c.socket_addr().expect("no names are signalled here");
                let permitted = |from: &SocketAddr| {
                    let ours = AddressScope::of(from.ip());
                    config.remote_addresses.permit(ours, to.ip()).is_ok()
                };
                let pairs = |from: &SocketAddr| from.is_ipv4() == to.is_ipv4() && permitted(from);
                c.username_fragment.as_ref() == ufrag && sockets.iter().any(pairs)
            };
            let candidate = told.candidates.iter().find(fits);
            assert_eq!(candidate, None, "it could be paired: {history}");
        }
        other => panic!("not expected: {other:?}"),
    }
}

#[test]
fn random_worlds_end_connected_or_failed_for_a_reason() {
    if let Ok(seed) = std::env::var("ICE_SEED") {
        println!("{}", run(seed.parse().expect("a number")));
        return;
    }
    let seeds = match (std::env::var("ICE_SEEDS"), std::env::var("RTC_LONG")) {
        (Ok(seeds), _) => seeds.parse().expect("a number"),
        (Err(_), Ok(_)) => SEEDS_OF_A_LONG_RUN,
        (Err(_), Err(_)) => SEEDS,
    };
    let threads = 2;
    let run_share = |first: u64| {
        let seeds = (first..seeds).step_by(threads as usize);
        seeds.map(|seed| (seed, one(seed))).collect::<Vec<_>>()
    };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let shares = (0..threads).map(|first| scope.spawn(move || run_share(first)));
        let shares: Vec<_> = shares.collect();
        let joined = shares.into_iter().map(|share| share.join());
        joined
            .flat_map(|share| share.expect("panics are caught"))
            .collect()
    });
    let ended = |how| outcomes.iter().filter(|(_, o)| *o == Some(how)).count() as u64;
    println!(
        "connected: {}, failed: {}",
        ended("connected"),
        ended("failed")
    );
    let broken: Vec<_> = outcomes.iter().filter(|(_, o)| o.is_none()).collect();
    assert!(
        broken.is_empty(),
        "replay with ICE_SEED=… one of {broken:?}"
    );
    assert!(
        ended("connected") * 10 > seeds * 6,
        "most worlds allow a connection"
    );
}

/// Runs a seed; `None` when something about it is wrong, which is printed.
fn one(seed: u64) -> Option<&'static str> {
    let result = std::panic::catch_unwind(|| run(seed));
    result
        .map_err(|_| println!("replay with ICE_SEED={seed}"))
        .ok()
}
