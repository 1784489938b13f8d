//! An agent with a hostile peer, a hostile network and a careless owner, in any order.
//!
//! The input is a list of steps of three bytes, some followed by more. Part of the datagrams are
//! signed as the true peer would sign them, and part of the checks get true answers.
#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::ice::{Agent, Candidate, Config, Event, Parameters, Role, State};
use actix_rtc_proto::net::{Path, Protocol};
use actix_rtc_proto::random::Random;
use actix_rtc_proto::stun::binding::{self, Check, RoleClaim};
use actix_rtc_proto::stun::{self, Class, Key, TransactionId};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 12;

struct Fuzz {
    agent: Agent,
    now: Instant,
    state: State,
    remote: Parameters,
    /// The checks of the agent that could be answered.
    checks: Vec<(Path, TransactionId)>,
    number: u64,
}

fn base(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n % 3 + 1], 5000))
}

fn peer(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 6000))
}

fn remote(n: u8) -> Parameters {
    Parameters {
        username_fragment: format!("peer{}", n % 4),
        password: "0123456789012345678901".into(),
        ice_lite: n % 16 == 15,
    }
}

impl Fuzz {
    fn step(&mut self, [what, x, y]: [u8; 3], rest: &mut &[u8]) {
        let now = self.now;
        let path = Path::udp(base(x), peer(y));
        let agent = &mut self.agent;
        match what % 16 {
            0 => agent.add_local_candidate(now, Candidate::host(base(x), Protocol::Udp), base(x)),
            1 => agent.remove_local_base(now, base(x)),
            2 => {
                let candidate = Candidate::host(peer(y), Protocol::Udp);
                let _ = agent.add_remote_candidate(now, candidate.with_local_preference(x.into()));
            }
            3 => {
                self.remote = remote(x);
                let _ = agent.start(now, self.remote.clone());
            }
            4 => drop(agent.restart(now)),
            5 => agent.end_of_remote_candidates(now),
            6 => agent.set_gathering(now, x & 1 == 1),
            7 => agent.set_role([Role::Controlling, Role::Controlled][usize::from(x & 1)]),
            8 => agent.handle_send_error(now, path),
            9 => {
                if agent.handle_data(now, &path, 1) {
                    agent.count_received(&path, 1, usize::from(x));
                }
                agent.note_sent(now, usize::from(y), usize::from(x));
            }
            10 => {
                let (bytes, more) = rest.split_at(usize::from(x).min(rest.len()));
                *rest = more;
                agent.handle_datagram(now, path, bytes);
            }
            11 | 12 => self.check(path, what),
            13 => self.answer(y),
            14 if x == 255 && y == 255 => agent.close(now),
            _ => {
                self.now += Duration::from_millis(u64::from(x) * u64::from(y));
                self.agent.handle_timeout(self.now);
            }
        }
        self.drain();
    }

    /// A check under the right password.
    fn check(&mut self, path: Path, what: u8) {
        self.number += 1;
        let local = self.agent.local_parameters();
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.number.to_be_bytes());
        let role = match what & 32 {
            0 => RoleClaim::Controlling(u64::from(what) << 56),
            _ => RoleClaim::Controlled(u64::from(what) << 56),
        };
        let check = Check {
            transaction_id: TransactionId(id),
            username: &format!("{}:{}", local.username_fragment, self.remote.username_fragment),
            priority: u32::from(what),
            role,
            use_candidate: what & 64 != 0,
        }
        .encode(&Key::short_term(&local.password));
        self.agent.handle_datagram(self.now, path, &check);
    }

    /// An answer to a check of the agent, of one kind or the other.
    fn answer(&mut self, y: u8) {
        if self.checks.is_empty() {
            return;
        }
        let (path, id) = self.checks.remove(usize::from(y >> 3) % self.checks.len());
        let key = Key::short_term(&self.remote.password);
        let answer = match y & 7 {
            0 => binding::error(id, 487, "Role Conflict", &key),
            1 => binding::error(id, 400, "Bad Request", &key),
            2 => binding::success(id, peer(y), &key),
            _ => binding::success(id, path.local, &key),
        };
        self.agent.handle_datagram(self.now, path, &answer);
    }

    fn drain(&mut self) {
        let mut failed = false;
        let mut sent = 0;
        loop {
            while let Some(event) = self.agent.poll_event() {
                match event {
                    Event::Failed(_) => failed = true,
                    Event::StateChanged(state) => {
                        assert!(self.state.successors().contains(&state), "{} -> {state}", self.state);
                        assert_eq!(state == State::Failed, std::mem::take(&mut failed));
                        self.state = state;
                    }
                    _ => {}
                }
            }
            let Some(transmit) = self.agent.poll_transmit(self.now) else { break };
            sent += 1;
            let header = stun::peek(&transmit.datagram).expect("what is sent is STUN");
            if header.class == Class::Request && self.checks.len() < 64 {
                self.checks.push((transmit.path, header.transaction_id));
            }
        }
        assert!(sent <= 4 * LIMIT + 8, "{sent} datagrams for one step");
        assert_eq!(self.state, self.agent.state());
        assert!(self.agent.stats().pairs.len() <= LIMIT);
        assert!(self.agent.remote_candidates().count() <= LIMIT);
        let over = matches!(self.state, State::Failed | State::Closed);
        if over {
            assert_eq!(self.agent.poll_timeout(), None);
            assert_eq!(self.agent.send_path(), None);
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&first, mut input)) = input.split_first() else { return };
    let config = Config::default()
        .max_pairs(LIMIT)
        .max_remote_candidates(LIMIT)
        .max_early_checks(LIMIT)
        .lite(first & 7 == 7)
        .renomination(first & 8 != 0);
    let role = [Role::Controlling, Role::Controlled][usize::from(first >> 7)];
    let mut fuzz = Fuzz {
        agent: Agent::new(config, role, Random::from_number(first.into())),
        now: Instant::now(),
        state: State::New,
        remote: remote(0),
        checks: Vec::new(),
        number: 0,
    };
    while let Some((step, rest)) = input.split_first_chunk::<3>() {
        input = rest;
        fuzz.step(*step, &mut input);
    }
});
