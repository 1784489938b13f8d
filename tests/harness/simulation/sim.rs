//! Two ICE peers in a simulated world, with signalling between them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::ice::{Agent, Candidate, Config, Parameters, Role, State};
use actix_rtc_proto::random::Random;
use actix_rtc_proto::timer::earlier;

use super::link::Link;
use super::nat::{Nat, NatKind};
use super::network::{INTERNET, LanId, Network};
use super::peer::Peer;
use super::turn_server::TurnServer;
use super::{addr, ms};

pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;

const STUN_SERVER: &str = "192.0.2.10:3478";
const TURN_SERVER: &str = "192.0.2.20:3478";

/// More steps than this at one instant are an endless loop.
const MAX_STEPS_AT_ONCE: u32 = 10_000;

/// More datagrams than this in one world are a storm.
const MAX_DATAGRAMS: u64 = 100_000;

/// Where a peer is and what it gathers.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// The addresses of its interfaces.
    pub(crate) addresses: Vec<&'static str>,
    /// Behind which translator, `None` on the Internet. IPv6 is never translated.
    pub(crate) nat: Option<NatKind>,
    pub(crate) link: Link,
    pub(crate) stun: bool,
    pub(crate) turn: bool,
    pub(crate) role: Role,
    pub(crate) config: Config,
}

impl Side {
    /// On the Internet, with one way to it of 25 ms, gathering only host candidates.
    pub(crate) fn public(role: Role, addresses: &[&'static str]) -> Side {
        Side {
            addresses: addresses.to_vec(),
            nat: None,
            link: Link::with_delay(ms(25)),
            stun: false,
            turn: false,
            role,
            config: Config::default(),
        }
    }

    /// Behind a translator, gathering from a STUN server.
    pub(crate) fn behind(role: Role, nat: NatKind, addresses: &[&'static str]) -> Side {
        Side {
            nat: Some(nat),
            stun: true,
            ..Side::public(role, addresses)
        }
    }
}

/// What is on its way by signalling.
#[derive(Debug, Clone)]
pub(crate) enum Signal {
    /// Parameters that want to be answered with others.
    Offer(Parameters),
    /// The answer, and to which username fragment.
    Answer(Parameters, String),
    Candidate(Candidate),
    /// No more candidates of this username fragment.
    End(String),
}

#[derive(Debug)]
pub(crate) struct Sim {
    pub(crate) net: Network,
    pub(crate) peers: [Peer; 2],
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    lans: [LanId; 2],
    sides: [Side; 2],
    /// How long a signal takes.
    pub(crate) signalling: Duration,
    /// Whose candidates, and their end, are not signalled: the test carries them by hand.
    pub(crate) held_back: [bool; 2],
    signals: VecDeque<(Instant, usize, Signal)>,
    /// Whose end of candidates was signalled, or is not to be: nothing was gathered.
    ended: [bool; 2],
    /// Of which username fragment each side was told the end, while it does not know it.
    ends: [Option<String>; 2],
    /// What each side was told of the other, and when.
    pub(crate) told: [Told; 2],
}

/// What a side was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// When it began a generation by itself, last.
    pub(crate) restarted: Option<Instant>,
    /// When it learnt parameters of the other side, last.
    pub(crate) started: Option<Instant>,
    /// Candidates of the other side.
    pub(crate) candidates: Vec<Candidate>,
}

impl Sim {
    /// A world of two sides. Signals take no time; nothing is gathered or started yet.
    pub(crate) fn new(seed: u64, sides: [Side; 2]) -> Sim {
        let mut random = Random::from_number(seed);
        let now = Instant::now();
        let mut net = Network::new(random.fork());
        net.servers.stun = Some(addr(STUN_SERVER));
        net.servers.turn = Some(TurnServer::new(addr(TURN_SERVER)));
        let mut lans = [INTERNET; 2];
        let peers = [A, B].map(|i| {
            let side = &sides[i];
            let host = net.add_host();
            if let Some(kind) = side.nat {
                let public = ["203.0.113.1", "203.0.113.2"][i];
                lans[i] = net.add_lan(Nat::new(addr(&format!("{public}:0")).ip(), kind));
            }
            for text in &side.addresses {
                let ip = text.parse().expect("an IP address");
                let lan = if std::net::IpAddr::is_ipv4(&ip) {
                    lans[i]
                } else {
                    INTERNET
                };
                net.add_interface(host, lan, ip, side.link);
            }
            let agent = Agent::new(side.config.clone(), side.role, random.fork());
            Peer::new(agent, host, now, random.fork())
        });
        Sim {
            net,
            peers,
            start: now,
            now,
            lans,
            sides,
            signalling: Duration::ZERO,
            held_back: [false; 2],
            signals: VecDeque::new(),
            ended: [true; 2],
            ends: [None, None],
            told: Default::default(),
        }
    }

    /// Two hosts on the Internet, A controlling, the round trip 100 ms.
    pub(crate) fn hosts(seed: u64) -> Sim {
        Sim::new(
            seed,
            [
                Side::public(Role::Controlling, &["198.51.100.1"]),
                Side::public(Role::Controlled, &["198.51.100.2"]),
            ],
        )
    }

    /// [`hosts`](Self::hosts), connected, with a pair nominated on both sides.
    pub(crate) fn connected(seed: u64) -> Sim {
        let mut sim = Sim::hosts(seed);
        sim.go();
        sim.run(ms(1000));
        sim.expect_states([State::Completed; 2]);
        sim
    }

    /// Puts both peers behind one translator, on one local network.
    pub(crate) fn share_lan(&mut self, addresses: [&'static str; 2]) {
        self.lans[B] = self.lans[A];
        for (i, text) in addresses.into_iter().enumerate() {
            let ip = text.parse().expect("an IP address");
            let host = self.net.add_host();
            self.peers[i].host = host;
            self.net
                .add_interface(host, self.lans[A], ip, self.sides[i].link);
        }
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub(crate) fn nat(&mut self, side: usize) -> &mut Nat {
        let lan = self.lans[side];
        self.net.nat(lan)
    }

    /// Opens the sockets of a side and begins to gather.
    pub(crate) fn gather(&mut self, side: usize) {
        let (now, peer) = (self.now, &mut self.peers[side]);
        self.ended[side] = false;
        peer.agent.set_gathering(now, true);
        let turn = self.net.servers.turn.as_ref().map(|turn| turn.address);
        let servers = [self.net.servers.stun, turn];
        for ip in self.net.addresses(peer.host) {
            let base = peer.open(now, ip);
            let [stun, turn] = servers.map(|s| s.filter(|s| s.is_ipv4() == ip.is_ipv4()));
            if let Some(stun) = stun.filter(|_| self.sides[side].stun) {
                peer.discover(now, base, stun);
            }
            if let Some(turn) = turn.filter(|_| self.sides[side].turn) {
                peer.allocate(now, base, turn);
            }
        }
        self.settle_signals(side);
    }

    pub(crate) fn is_translated(&self, side: usize) -> bool {
        self.lans[side] != INTERNET
    }

    /// Closes the sockets of a side and opens others: a gatherer that was restarted.
    pub(crate) fn move_sockets(&mut self, side: usize) {
        let now = self.now;
        self.peers[side].agent.set_gathering(now, true);
        for ip in self.net.addresses(self.peers[side].host) {
            self.peers[side].close_sockets(now, ip);
        }
        self.gather(side);
    }

    /// Every interface of a side gets another address, as on another network of the same kind.
    pub(crate) fn renumber(&mut self, side: usize) {
        let (now, host) = (self.now, self.peers[side].host);
        self.peers[side].agent.set_gathering(now, true);
        for ip in self.net.addresses(host) {
            self.peers[side].close_sockets(now, ip);
        }
        self.net.renumber(host);
        self.gather(side);
    }

    /// Signals the parameters of a side; they start the other one when they arrive.
    pub(crate) fn offer(&mut self, side: usize) {
        let parameters = self.peers[side].agent.local_parameters().clone();
        self.signal(1 - side, Signal::Offer(parameters));
    }

    /// Both sides gather and start, at once.
    pub(crate) fn go(&mut self) {
        for side in [A, B] {
            self.offer(side);
        }
        for side in [A, B] {
            self.gather(side);
        }
        self.deliver_signals();
    }

    /// Begins a restart on one side; the other one answers with parameters of its own when it
    /// hears of it. Candidates go with the parameters.
    pub(crate) fn restart(&mut self, side: usize) {
        let parameters = self.peers[side].agent.restart(self.now);
        self.told[side].restarted = Some(self.now);
        self.ended[side] = false;
        self.signal(1 - side, Signal::Offer(parameters));
        self.signal_candidates_again(side);
    }

    fn signal_candidates_again(&mut self, side: usize) {
        let candidates: Vec<_> = self.peers[side].agent.local_candidates().cloned().collect();
        self.peers[side].to_signal = candidates;
        self.settle_signals(side);
    }

    pub(crate) fn signal(&mut self, to: usize, signal: Signal) {
        self.signals
            .push_back((self.now + self.signalling, to, signal));
    }

    /// What a peer has to say is put on its way.
    fn settle_signals(&mut self, side: usize) {
        let ufrag = self.peers[side]
            .agent
            .local_parameters()
            .username_fragment
            .clone();
        let held_back = self.held_back[side];
        let candidates = match held_back {
            true => Vec::new(),
            false => std::mem::take(&mut self.peers[side].to_signal),
        };
        for mut candidate in candidates {
            candidate.username_fragment = Some(ufrag.clone());
            // Through the text form, as signalling does it.
            let candidate = candidate
                .to_string()
                .parse()
                .expect("what is printed can be read");
            self.signal(1 - side, Signal::Candidate(candidate));
        }
        if !self.ended[side] && !self.peers[side].is_gathering() {
            self.ended[side] = true;
            self.peers[side].agent.set_gathering(self.now, false);
            if !held_back {
                self.signal(1 - side, Signal::End(ufrag));
            }
        }
    }

    fn deliver_signals(&mut self) {
        while let Some(index) = self.signals.iter().position(|(at, ..)| *at <= self.now) {
            let (_, to, signal) = self.signals.remove(index).expect("it was found there");
            let agent = &mut self.peers[to].agent;
            match signal {
                Signal::Offer(remote) => self.offered(to, remote),
                Signal::Answer(remote, to_ufrag) => self.answered(to, remote, &to_ufrag),
                Signal::Candidate(candidate) => {
                    self.told[to].candidates.push(candidate.clone());
                    // Candidates of a generation that is over are refused.
                    let _ = agent.add_remote_candidate(self.now, candidate);
                }
                Signal::End(ufrag) => {
                    self.ends[to] = Some(ufrag);
                    self.apply_end(to);
                }
            }
        }
    }

    /// The end of candidates counts when the parameters that it belongs to are there.
    fn apply_end(&mut self, to: usize) {
        let agent = &mut self.peers[to].agent;
        let known = agent
            .remote_parameters()
            .map(|remote| &remote.username_fragment);
        if known.is_some() && known == self.ends[to].as_ref() {
            self.ends[to] = None;
            agent.end_of_remote_candidates(self.now);
        }
    }

    fn offered(&mut self, to: usize, remote: Parameters) {
        let agent = &mut self.peers[to].agent;
        if agent.state() == State::Closed {
            return;
        }
        // A restart by the peer is answered with a restart. Where one of our own is under way,
        // the two offers have crossed, and each is the other's answer.
        let is_restart = agent.remote_parameters().is_some();
        if is_restart {
            let answer = agent.restart(self.now);
            let answer = Signal::Answer(answer, remote.username_fragment.clone());
            self.signal(1 - to, answer);
        }
        self.start(to, remote);
        if is_restart {
            self.ended[to] = false;
            self.signal_candidates_again(to);
        }
    }

    fn answered(&mut self, to: usize, remote: Parameters, to_ufrag: &str) {
        let agent = &mut self.peers[to].agent;
        // The answer to an offer that was replaced is of no use.
        if agent.state() != State::Closed && agent.local_parameters().username_fragment == to_ufrag
        {
            self.start(to, remote);
        }
    }

    fn start(&mut self, side: usize, remote: Parameters) {
        self.told[side].started = Some(self.now);
        let started = self.peers[side].agent.start(self.now, remote);
        started.expect("good parameters");
        self.apply_end(side);
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(end, |_| false);
        self.now = end;
    }

    /// Lets time pass until something holds, for `limit` at most. Says whether it does.
    pub(crate) fn run_while_not(&mut self, limit: Duration, holds: impl Fn(&Sim) -> bool) -> bool {
        let end = self.now + limit;
        self.run_until(end, holds)
    }

    fn run_until(&mut self, end: Instant, holds: impl Fn(&Sim) -> bool) -> bool {
        let (mut instant, mut steps) = (self.now, 0);
        loop {
            self.step();
            if holds(self) {
                return true;
            }
            let next = self.next_event();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return false;
            };
            if next > instant {
                (instant, steps) = (next, 0);
            }
            steps += 1;
            assert!(
                self.net.traffic.sent < MAX_DATAGRAMS,
                "a storm at {:?}\nA: {:?}\nB: {:?}",
                self.elapsed(),
                self.peers[A].states(),
                self.peers[B].states()
            );
            assert!(
                steps < MAX_STEPS_AT_ONCE,
                "an endless loop at {:?}",
                self.elapsed()
            );
            self.now = self.now.max(next);
        }
    }

    fn next_event(&mut self) -> Option<Instant> {
        let signals = self.signals.iter().map(|(at, ..)| *at).min();
        let mut next = earlier(self.net.next_event(), signals);
        for peer in &mut self.peers {
            next = earlier(next, peer.next_timeout());
        }
        next
    }

    /// Does everything that is due now.
    fn step(&mut self) {
        self.deliver_signals();
        while let Some((host, datagram)) = self.net.receive(self.now) {
            for peer in self.peers.iter_mut().filter(|peer| peer.host == host) {
                peer.receive(self.now, datagram.clone());
                peer.drain(self.now, &mut self.net);
            }
        }
        for side in [A, B] {
            self.peers[side].handle_timeout(self.now, &mut self.net);
            self.settle_signals(side);
            self.peers[side].drain(self.now, &mut self.net);
        }
    }

    pub(crate) fn agent(&mut self, side: usize) -> &mut Agent {
        &mut self.peers[side].agent
    }

    pub(crate) fn states(&self) -> [State; 2] {
        [A, B].map(|side| self.peers[side].agent.state())
    }

    /// Panics with both histories when the states are others.
    pub(crate) fn expect_states(&self, states: [State; 2]) {
        assert_eq!(
            self.states(),
            states,
            "at {:?}\nA: {:?}\nB: {:?}",
            self.elapsed(),
            self.peers[A].states(),
            self.peers[B].states()
        );
    }

    /// Sends one datagram of data from each side, every 20 ms, for so long.
    pub(crate) fn talk(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            for peer in &mut self.peers {
                peer.send_data(self.now, &mut self.net, b"\x80data");
            }
            self.run(ms(20));
        }
    }

    /// Whether data that is sent now arrives and is believed, both ways.
    pub(crate) fn data_flows(&mut self) -> bool {
        let before = [A, B].map(|side| self.believed(side));
        for _ in 0..40 {
            for peer in &mut self.peers {
                peer.send_data(self.now, &mut self.net, b"\x80proof");
            }
            self.run(ms(50));
        }
        self.run(ms(1500));
        [A, B]
            .iter()
            .all(|side| self.believed(*side) > before[*side])
    }

    fn believed(&self, side: usize) -> usize {
        self.peers[side]
            .received
            .iter()
            .filter(|r| r.believed)
            .count()
    }

    /// Closes both agents.
    pub(crate) fn close(&mut self) {
        for peer in &mut self.peers {
            peer.agent.close(self.now);
            peer.drain(self.now, &mut self.net);
            assert_eq!(peer.agent.poll_timeout(), None);
        }
    }
}
