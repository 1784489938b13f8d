//! Time to connected, in round trips of virtual time, beside that of the crate `is` on the same
//! links. Ours is never slower.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::ice::{Agent, Candidate, Config, Role, State};
use actix_rtc_proto::net::{Path, Protocol};
use actix_rtc_proto::random::Random;
use actix_rtc_proto::timer::earlier;
use bytes::Bytes;

use crate::harness::link::Link;
use crate::harness::network::{Datagram, HostId, INTERNET, Network};
use crate::harness::{addr, ms, secs};

const ONE_WAY: Duration = Duration::from_millis(50);
const ROUND_TRIP: f64 = 0.1;

/// What both agents can do.
trait Subject {
    fn credentials(&self) -> (String, String);
    fn set_remote(&mut self, now: Instant, credentials: (String, String));
    fn add_local(&mut self, now: Instant, address: SocketAddr);
    fn add_remote(&mut self, now: Instant, address: SocketAddr);
    fn receive(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, datagram: &[u8]);
    fn timeout(&mut self, now: Instant);
    fn transmit(&mut self, now: Instant) -> Option<(SocketAddr, SocketAddr, Bytes)>;
    fn next(&mut self) -> Option<Instant>;
    fn is_connected(&self) -> bool;
}

struct Ours(Agent);

impl Subject for Ours {
    fn credentials(&self) -> (String, String) {
        let parameters = self.0.local_parameters().clone();
        (parameters.username_fragment, parameters.password)
    }

    fn set_remote(&mut self, now: Instant, (username_fragment, password): (String, String)) {
        let ice_lite = false;
        let remote = actix_rtc_proto::ice::Parameters {
            username_fragment,
            password,
            ice_lite,
        };
        self.0.start(now, remote).expect("good parameters");
    }

    fn add_local(&mut self, now: Instant, address: SocketAddr) {
        self.0
            .add_local_candidate(now, Candidate::host(address, Protocol::Udp), address);
    }

    fn add_remote(&mut self, now: Instant, address: SocketAddr) {
        let candidate = Candidate::host(address, Protocol::Udp);
        self.0
            .add_remote_candidate(now, candidate)
            .expect("a good candidate");
    }

    fn receive(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        self.0.handle_datagram(now, Path::udp(to, from), datagram);
    }

    fn timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
        while self.0.poll_event().is_some() {}
    }

    fn transmit(&mut self, now: Instant) -> Option<(SocketAddr, SocketAddr, Bytes)> {
        let transmit = self.0.poll_transmit(now)?;
        Some((transmit.path.local, transmit.path.remote, transmit.datagram))
    }

    fn next(&mut self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn is_connected(&self) -> bool {
        matches!(self.0.state(), State::Connected | State::Completed)
    }
}

struct Theirs(is::IceAgent);

impl Subject for Theirs {
    fn credentials(&self) -> (String, String) {
        let credentials = self.0.local_credentials();
        (credentials.ufrag.clone(), credentials.pass.clone())
    }

    fn set_remote(&mut self, _now: Instant, (ufrag, pass): (String, String)) {
        self.0.set_remote_credentials(is::IceCreds { ufrag, pass });
    }

    fn add_local(&mut self, _now: Instant, address: SocketAddr) {
        let candidate = is::Candidate::host(address, "udp").expect("a good candidate");
        self.0.add_local_candidate(candidate);
    }

    fn add_remote(&mut self, _now: Instant, address: SocketAddr) {
        let candidate = is::Candidate::host(address, "udp").expect("a good candidate");
        self.0.add_remote_candidate(candidate);
    }

    fn receive(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let Ok(message) = is::stun::StunMessage::parse(datagram) else {
            return;
        };
        if self.0.accepts_message(&message) {
            let packet = is::stun::StunPacket {
                proto: is::Protocol::Udp,
                source: from,
                destination: to,
                message,
            };
            self.0.handle_packet(now, packet);
        }
    }

    fn timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
        while self.0.poll_event().is_some() {}
    }

    fn transmit(&mut self, _now: Instant) -> Option<(SocketAddr, SocketAddr, Bytes)> {
        let transmit = self.0.poll_transmit()?;
        Some((
            transmit.source,
            transmit.destination,
            Bytes::copy_from_slice(&transmit.contents),
        ))
    }

    fn next(&mut self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn is_connected(&self) -> bool {
        self.0.state().is_connected()
    }
}

/// One case: what each side has, what the other is told of it, and when.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// How many interfaces each side has.
    interfaces: usize,
    /// How many addresses are signalled that do not exist, before the true ones.
    dead: usize,
    /// Whether the controlled side is told of the controlling side's candidates.
    both_told: bool,
    /// How much later the controlled side learns everything.
    late: Duration,
    loss: f64,
    jitter: Duration,
}

const PLAIN: Case = Case {
    name: "one host each",
    interfaces: 1,
    dead: 0,
    both_told: true,
    late: Duration::ZERO,
    loss: 0.0,
    jitter: Duration::ZERO,
};

fn cases() -> Vec<Case> {
    vec![
        PLAIN,
        Case {
            name: "three interfaces each",
            interfaces: 3,
            ..PLAIN
        },
        Case {
            name: "four dead addresses first",
            dead: 4,
            ..PLAIN
        },
        Case {
            name: "peer-reflexive",
            both_told: false,
            ..PLAIN
        },
        Case {
            name: "the answer 1 RTT later",
            late: ms(100),
            ..PLAIN
        },
        Case {
            name: "the answer 1 s later",
            late: secs(1),
            ..PLAIN
        },
        Case {
            name: "jitter 40 ms",
            jitter: ms(20),
            ..PLAIN
        },
        Case {
            name: "loss 5 %",
            loss: 0.025,
            ..PLAIN
        },
        Case {
            name: "loss 20 %",
            loss: 0.105,
            ..PLAIN
        },
        Case {
            name: "loss 40 %",
            loss: 0.225,
            ..PLAIN
        },
        Case {
            name: "3 interfaces, loss 20 %",
            interfaces: 3,
            loss: 0.105,
            ..PLAIN
        },
    ]
}

/// Runs a case with two agents and says when each was connected.
fn connect(case: &Case, seed: u64, mut agents: [Box<dyn Subject>; 2]) -> [Duration; 2] {
    let start = Instant::now();
    let mut net = Network::new(Random::from_number(seed));
    let link = Link {
        jitter: case.jitter,
        ..Link::with_delay(ONE_WAY / 2).with_loss(case.loss)
    };
    let addresses = [0, 1].map(|side| {
        let host = net.add_host();
        assert_eq!(host, HostId(side));
        let own = (0..case.interfaces).map(|i| addr(&format!("198.51.{side}.{}:5000", i + 1)));
        let own: Vec<_> = own.collect();
        own.iter()
            .for_each(|a| net.add_interface(host, INTERNET, a.ip(), link));
        own
    });
    let dead: Vec<_> = (0..case.dead)
        .map(|i| addr(&format!("203.0.113.{}:9", i + 1)))
        .collect();
    for (agent, own) in agents.iter_mut().zip(&addresses) {
        own.iter().for_each(|a| agent.add_local(start, *a));
    }
    let (mut now, mut told) = (start, [false; 2]);
    let tell_at = [start, start + case.late];
    let mut connected = [None; 2];
    let deadline = start + secs(60);
    while connected.contains(&None) && now < deadline {
        for side in [0, 1] {
            if !told[side] && now >= tell_at[side] {
                told[side] = true;
                let credentials = agents[1 - side].credentials();
                agents[side].set_remote(now, credentials);
                if side == 0 || case.both_told {
                    let known = dead.iter().chain(&addresses[1 - side]);
                    known.for_each(|a| agents[side].add_remote(now, *a));
                }
            }
        }
        while let Some((host, datagram)) = net.receive(now) {
            let Datagram { from, to, payload } = datagram;
            agents[host.0].receive(now, from, to, &payload);
        }
        for side in [0, 1] {
            // Each is woken when it asks for it. (`is` says nothing before it is woken once.)
            if agents[side].next().is_none_or(|at| at <= now) {
                agents[side].timeout(now);
            }
            while let Some((from, to, payload)) = agents[side].transmit(now) {
                let datagram = Datagram { from, to, payload };
                let _ = net.send(now, HostId(side), datagram);
            }
            if connected[side].is_none() && agents[side].is_connected() {
                connected[side] = Some(now - start);
            }
        }
        let mut next = net.next_event();
        for side in [0, 1] {
            next = earlier(next, agents[side].next());
            next = earlier(next, Some(tell_at[side]).filter(|_| !told[side]));
        }
        now = next
            .unwrap_or(deadline)
            .max(now + Duration::from_micros(100));
    }
    connected.map(|at| at.unwrap_or(secs(60)))
}

fn ours(seed: u64) -> [Box<dyn Subject>; 2] {
    [Role::Controlling, Role::Controlled].map(|role| {
        let random = Random::from_number(seed * 2 + u64::from(role == Role::Controlled));
        Box::new(Ours(Agent::new(Config::default(), role, random))) as Box<dyn Subject>
    })
}

fn theirs() -> [Box<dyn Subject>; 2] {
    [true, false].map(|controlling| {
        let mut agent = is::IceAgent::new(is::IceCreds::new());
        agent.set_controlling(controlling);
        Box::new(Theirs(agent)) as Box<dyn Subject>
    })
}

/// The mean and the 95th percentile, in round trips.
fn summary(times: &mut [Duration]) -> (f64, f64) {
    times.sort();
    let mean = times.iter().sum::<Duration>().as_secs_f64() / times.len() as f64;
    let p95 = times[(times.len() * 95 / 100).min(times.len() - 1)].as_secs_f64();
    (mean / ROUND_TRIP, p95 / ROUND_TRIP)
}

#[test]
fn round_trips_to_connected_are_never_more_than_those_of_is() {
    println!("round trips until connected: mean (95th percentile)");
    println!(
        "{:28}{:>16}{:>16}{:>16}{:>16}",
        "", "controlling", "is", "controlled", "is"
    );
    let mut slower = Vec::new();
    for case in cases() {
        let runs = if case.loss > 0.0 || case.jitter > Duration::ZERO {
            150
        } else {
            1
        };
        let mut times = [[(); 2]; 2].map(|row| row.map(|()| Vec::new()));
        for seed in 0..runs {
            for (who, agents) in [ours(seed), theirs()].into_iter().enumerate() {
                let connected = connect(&case, seed, agents);
                for side in [0, 1] {
                    times[who][side].push(connected[side]);
                }
            }
        }
        let mut columns = Vec::new();
        for side in [0, 1] {
            let [(mean, p95), (is_mean, is_p95)] = [0, 1].map(|who| summary(&mut times[who][side]));
            columns.push(format!("{mean:.2} ({p95:.1})"));
            columns.push(format!("{is_mean:.2} ({is_p95:.1})"));
            if mean > is_mean + 0.01 {
                slower.push(case.name);
            }
        }
        println!(
            "{:28}{}",
            case.name,
            columns
                .iter()
                .map(|c| format!("{c:>16}"))
                .collect::<String>()
        );
    }
    assert!(slower.is_empty(), "slower than `is`: {slower:?}");
}
