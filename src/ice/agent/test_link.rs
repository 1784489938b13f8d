//! Two agents on virtual time, joined by a link that delays and drops.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::{Candidate, Config, Event, Role, State, Transmit};
use super::Agent;
use crate::ice::test_clock;
use crate::machine::Machine;
use crate::net::{Path, Protocol};
use crate::random::Random;
use crate::timer::earlier;

/// Two agents, A controlling and B controlled, and what is on its way between them.
pub(super) struct Link {
    pub(super) now: Instant,
    pub(super) start: Instant,
    pub(super) delay: Duration,
    /// Drops what it says `true` for: (from A, the path, the time since the start).
    pub(super) drop: fn(bool, Path, Duration) -> bool,
    pub(super) agents: [Agent; 2],
    pub(super) flying: Vec<(Instant, usize, Path, Bytes)>,
    pub(super) log: [Vec<(u128, Event)>; 2],
    pub(super) sent: [Vec<(u128, Path, Bytes)>; 2],
}

pub(super) const A: usize = 0;
pub(super) const B: usize = 1;

pub(super) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn host(text: &str) -> Candidate {
    Candidate::host(addr(text), Protocol::Udp)
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Link {
    pub(super) fn with(config: Config) -> Link {
        let now = test_clock();
        let a = Agent::new(config.clone(), Role::Controlling, Random::from_number(1));
        let b = Agent::new(config, Role::Controlled, Random::from_number(2));
        Link {
            now,
            start: now,
            delay: ms(50),
            drop: |_, _, _| false,
            agents: [a, b],
            flying: vec![],
            log: Default::default(),
            sent: Default::default(),
        }
    }

    /// One host candidate each, known to both.
    pub(super) fn ready() -> Link {
        let mut link = Link::with(Config::default());
        link.add(A, "10.0.0.1:1000");
        link.add(B, "10.0.0.2:2000");
        link
    }

    pub(super) fn connected() -> Link {
        let mut link = Link::ready();
        link.go();
        link.run(ms(2000));
        assert_eq!(link.states(), [State::Connected; 2]);
        link
    }

    pub(super) fn add(&mut self, side: usize, address: &str) {
        let now = self.now;
        self.agents[side].add_local_candidate(now, host(address), addr(address));
        self.agents[1 - side]
            .add_remote_candidate(now, host(address))
            .unwrap();
    }

    pub(super) fn go(&mut self) {
        for side in [A, B] {
            self.start_side(side);
        }
    }

    pub(super) fn start_side(&mut self, side: usize) {
        let remote = self.agents[1 - side].local_parameters().clone();
        self.agents[side].start(self.now, remote).unwrap();
    }

    pub(super) fn end(&mut self) {
        for agent in &mut self.agents {
            agent.end_of_remote_candidates(self.now);
        }
    }

    pub(super) fn drain(&mut self) {
        for side in [A, B] {
            let at = self.now - self.start;
            while let Some(event) = self.agents[side].poll_event() {
                self.log[side].push((at.as_millis(), event));
            }
            while let Some(Transmit { path, datagram }) = self.agents[side].poll_transmit(self.now)
            {
                self.sent[side].push((at.as_millis(), path, datagram.clone()));
                if !(self.drop)(side == A, path, at) {
                    let back = Path {
                        local: path.remote,
                        remote: path.local,
                        ..path
                    };
                    self.flying
                        .push((self.now + self.delay, 1 - side, back, datagram));
                }
            }
        }
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.drain();
            let mut next = self.flying.iter().map(|f| f.0).min();
            for agent in &mut self.agents {
                next = earlier(next, agent.poll_timeout());
            }
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            assert!(
                self.sent[A].len() + self.sent[B].len() < 20_000,
                "an endless loop"
            );
            self.now = self.now.max(next);
            let mut rest = vec![];
            for (at, side, path, datagram) in std::mem::take(&mut self.flying) {
                if at <= self.now {
                    self.agents[side].handle_datagram(self.now, path, &datagram);
                } else {
                    rest.push((at, side, path, datagram));
                }
            }
            self.flying.append(&mut rest);
            for agent in &mut self.agents {
                agent.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    pub(super) fn states(&self) -> [State; 2] {
        [A, B].map(|side| self.agents[side].state())
    }

    /// The states that were entered, with their times.
    pub(super) fn history(&self, side: usize) -> Vec<(u128, State)> {
        let state = |(at, event): &(u128, Event)| match event {
            Event::StateChanged(state) => Some((*at, *state)),
            _ => None,
        };
        self.log[side].iter().filter_map(state).collect()
    }
}
