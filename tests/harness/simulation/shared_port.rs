//! Hosts whose sessions share one UDP port, routed by the project's own table, and peers of these
//! sessions with sockets of their own.
//!
//! Signalling takes no time here. What is seen of a session is its [`Peer`].

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_rtc_proto::demux;
use actix_rtc_proto::ice::{Agent, Candidate, CandidateRejected, Config, Event, Role};
use actix_rtc_proto::net::Protocol;
use actix_rtc_proto::random::Random;
use actix_rtc_proto::route::{Asker, Claim, Miss, Routes, Tables};
use actix_rtc_proto::stun::{self, Class};
use actix_rtc_proto::timer::earlier;

use super::network::{Datagram, HostId, Network};
use super::peer::Peer;

/// A port that many sessions share.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) host: HostId,
    pub(crate) base: SocketAddr,
    pub(crate) routes: Routes<usize>,
    /// What was nobody's.
    pub(crate) misses: Vec<Miss>,
    /// How often a session wanted an address of another one, and how often it got it.
    pub(crate) taken: u64,
    pub(crate) moved: u64,
}

impl Port {
    fn route(&mut self, datagram: &Datagram) -> Result<(usize, Asker), Miss> {
        let kind = demux::classify(&datagram.payload).ok_or(Miss::Garbage)?;
        self.routes.route(kind, datagram.from, &datagram.payload)
    }
}

/// Where the socket of a session is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum On {
    /// On the shared port of this number.
    Port(usize),
    /// On a socket of its own.
    Own(HostId, SocketAddr),
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: Peer,
    /// `None` on a socket of its own, and when it is closed.
    port: Option<usize>,
    /// Up to where its port has seen what it sent and what happened to it.
    sent: usize,
    logged: usize,
}

/// The world: a network, ports, and sessions by number.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) net: Network,
    pub(crate) now: Instant,
    start: Instant,
    random: Random,
    pub(crate) ports: Vec<Port>,
    pub(crate) sessions: Vec<Session>,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let mut random = Random::from_number(seed);
        let now = Instant::now();
        World {
            net: Network::new(random.fork()),
            now,
            start: now,
            random,
            ports: Vec::new(),
            sessions: Vec::new(),
        }
    }

    /// Opens a shared port on a host and returns its number.
    pub(crate) fn open(&mut self, host: HostId, base: SocketAddr) -> usize {
        let consent = Config::default().consent_timeout;
        self.ports.push(Port {
            host,
            base,
            routes: Routes::new(consent, Tables::default()),
            misses: Vec::new(),
            taken: 0,
            moved: 0,
        });
        self.ports.len() - 1
    }

    /// Adds one side of a session and returns its number.
    pub(crate) fn add(&mut self, role: Role, on: On) -> usize {
        let number = self.sessions.len();
        let (port, host, base) = match on {
            On::Port(port) => (Some(port), self.ports[port].host, self.ports[port].base),
            On::Own(host, base) => (None, host, base),
        };
        let agent = Agent::new(Config::default(), role, self.random.fork());
        let mut peer = Peer::new(agent, host, self.start, self.random.fork());
        peer.open_at(self.now, base);
        if let Some(port) = port {
            self.ports[port].routes.join(number);
        }
        self.sessions.push(Session {
            peer,
            port,
            sent: 0,
            logged: 0,
        });
        self.settle(number);
        number
    }

    /// Two sides of one session: `first` controls.
    pub(crate) fn connect(&mut self, first: On, second: On) -> [usize; 2] {
        let pair = [
            self.add(Role::Controlling, first),
            self.add(Role::Controlled, second),
        ];
        self.signal(pair);
        pair
    }

    /// Tells both sides of each other.
    pub(crate) fn signal(&mut self, pair: [usize; 2]) {
        let known = pair.map(|i| {
            let agent = &self.sessions[i].peer.agent;
            let base = self.sessions[i].peer.sockets()[0];
            let candidate = Candidate::host(base, Protocol::Udp);
            (agent.local_parameters().clone(), candidate)
        });
        let [first, second] = known;
        for (i, (parameters, candidate)) in pair.into_iter().zip([second, first]) {
            let agent = &mut self.sessions[i].peer.agent;
            agent.start(self.now, parameters).expect("good parameters");
            // A client in a private network is found by its checks.
            let added = agent.add_remote_candidate(self.now, candidate);
            assert!(matches!(added, Ok(()) | Err(CandidateRejected::Private)));
        }
    }

    /// Restarts ICE on both sides.
    pub(crate) fn restart(&mut self, pair: [usize; 2]) {
        for i in pair {
            self.sessions[i].peer.agent.restart(self.now);
            self.settle(i);
        }
        self.signal(pair);
    }

    /// Ends one side.
    pub(crate) fn close(&mut self, number: usize) {
        self.sessions[number].peer.agent.close(self.now);
        self.settle(number);
        if let Some(port) = self.sessions[number].port.take() {
            self.ports[port].routes.leave(number);
        }
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.step();
            let mut next = self.net.next_event();
            for session in &mut self.sessions {
                next = earlier(next, session.peer.next_timeout());
            }
            match next.filter(|next| *next <= end) {
                Some(next) => self.now = self.now.max(next),
                None => break,
            }
        }
        self.now = end;
    }

    fn step(&mut self) {
        while let Some((host, datagram)) = self.net.receive(self.now) {
            self.receive(host, datagram);
        }
        for number in 0..self.sessions.len() {
            let peer = &mut self.sessions[number].peer;
            peer.handle_timeout(self.now, &mut self.net);
            self.settle(number);
        }
    }

    fn receive(&mut self, host: HostId, datagram: Datagram) {
        let is_it = |p: &&mut Port| p.host == host && p.base == datagram.to;
        let to = match self.ports.iter_mut().find(is_it) {
            Some(port) => match port.route(&datagram) {
                Ok((number, asker)) => {
                    assert_eq!(asker, Asker::Agent, "no server is asked here");
                    Some(number)
                }
                Err(miss) => {
                    port.misses.push(miss);
                    None
                }
            },
            None => self.sessions.iter().position(|session| {
                session.port.is_none() && session.peer.sockets().contains(&datagram.to)
            }),
        };
        if let Some(number) = to {
            self.sessions[number].peer.receive(self.now, datagram);
            self.settle(number);
        }
    }

    /// Carries out what a session wants, and tells its port of it.
    fn settle(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        session.peer.drain(self.now, &mut self.net);
        let sent = std::mem::replace(&mut session.sent, session.peer.sent.len());
        let logged = std::mem::replace(&mut session.logged, session.peer.log.len());
        let Some(port) = session.port else { return };
        let (peer, port) = (&session.peer, &mut self.ports[port]);
        let ufrag = &peer.agent.local_parameters().username_fragment;
        assert!(port.routes.add_ufrag(number, ufrag));
        for (_, path, datagram) in &peer.sent[sent..] {
            if let Some(header) = stun::peek(datagram).filter(|h| h.class == Class::Request) {
                let id = header.transaction_id;
                let routes = &mut port.routes;
                routes.expect(self.now, number, Asker::Agent, id, path.remote);
            }
        }
        for (_, event) in &peer.log[logged..] {
            let claim = match event {
                Event::Authenticated(path) => port.routes.authenticated(self.now, number, *path),
                Event::Answered(path) => port.routes.answered(self.now, number, *path),
                Event::Released(path) => {
                    port.routes.release(number, *path);
                    Claim::Held
                }
                _ => Claim::Held,
            };
            port.taken += u64::from(claim == Claim::Taken);
            port.moved += u64::from(claim == Claim::Moved);
        }
    }

    /// Each of these sessions sends its own number every 20 ms, for so long.
    pub(crate) fn talk(&mut self, time: Duration, numbers: &[usize]) {
        let end = self.now + time;
        while self.now < end {
            for number in numbers {
                let peer = &mut self.sessions[*number].peer;
                peer.send_data(self.now, &mut self.net, &[0x80, *number as u8]);
            }
            self.run(Duration::from_millis(20));
        }
        self.run(Duration::from_millis(500));
    }

    /// How many datagrams of data of session `from` session `to` has received and believed.
    pub(crate) fn received(&self, to: usize, from: usize) -> usize {
        let received = self.sessions[to].peer.received.iter();
        received
            .filter(|r| r.believed && r.payload[..] == [0x80, from as u8])
            .count()
    }

    /// Forgets what was received.
    pub(crate) fn forget_received(&mut self) {
        for session in &mut self.sessions {
            session.peer.received.clear();
        }
    }
}
