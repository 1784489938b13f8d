//! One side of a session: an ICE agent, its sockets, and what a gatherer does for it.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::ice::{Agent, Candidate, Event, FailureReason, State, Transmit};
use actix_rtc_proto::net::{Path, Protocol};
use actix_rtc_proto::random::Random;
use actix_rtc_proto::stun::{self, Class, TransactionId, attribute, binding};
use actix_rtc_proto::timer::earlier;
use actix_rtc_proto::turn;
use bytes::Bytes;

use super::network::{Datagram, HostId, Network};
use super::turn_server;

/// How often a request to a server is repeated.
const GATHER_PAUSE: Duration = Duration::from_millis(250);
const GATHER_TRIES: u32 = 20;

/// A request to a STUN server that has not been answered.
#[derive(Debug)]
struct Gathering {
    base: SocketAddr,
    server: SocketAddr,
    transaction: TransactionId,
    next: Instant,
    tries: u32,
}

/// A TURN client and the socket over which it talks to its server.
#[derive(Debug)]
struct Relay {
    client: turn::Client,
    base: SocketAddr,
    /// The relayed address, once and while there is one.
    relayed: Option<SocketAddr>,
}

/// Data that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) at: Duration,
    pub(crate) path: Path,
    pub(crate) payload: Bytes,
    /// Whether the agent believed it.
    pub(crate) believed: bool,
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) agent: Agent,
    pub(crate) host: HostId,
    start: Instant,
    random: Random,
    sockets: Vec<SocketAddr>,
    relays: Vec<Relay>,
    gathering: Vec<Gathering>,
    /// The STUN servers that were asked: what they send is nothing for the agent.
    servers: Vec<SocketAddr>,
    /// Candidates that have not been signalled yet.
    pub(crate) to_signal: Vec<Candidate>,
    pub(crate) log: Vec<(Duration, Event)>,
    pub(crate) received: Vec<Received>,
    /// Success responses that were delivered to this agent, each once.
    pub(crate) answers: Vec<(Instant, TransactionId)>,
    /// The paths that they came on.
    answered: HashSet<Path>,
    /// The path that carried data last.
    pub(crate) last_path: Option<Path>,
    /// Sockets and allocations that are gone, and since when.
    pub(crate) gone: Vec<(Instant, SocketAddr)>,
    /// What was sent, when and where.
    pub(crate) sent: Vec<(Duration, Path, Bytes)>,
    state: State,
    failure: Option<FailureReason>,
    port: u16,
}

impl Peer {
    pub(crate) fn new(agent: Agent, host: HostId, start: Instant, random: Random) -> Peer {
        Peer {
            state: agent.state(),
            agent,
            host,
            start,
            random,
            sockets: Vec::new(),
            relays: Vec::new(),
            gathering: Vec::new(),
            servers: Vec::new(),
            to_signal: Vec::new(),
            log: Vec::new(),
            received: Vec::new(),
            answers: Vec::new(),
            answered: HashSet::new(),
            last_path: None,
            gone: Vec::new(),
            sent: Vec::new(),
            failure: None,
            port: 5000,
        }
    }

    /// Opens a socket on an interface; its host candidate is there at once.
    pub(crate) fn open(&mut self, now: Instant, ip: IpAddr) -> SocketAddr {
        self.port += 1;
        let base = SocketAddr::new(ip, self.port);
        self.open_at(now, base);
        base
    }

    /// Opens a socket at an address, perhaps one that it shares with other peers.
    pub(crate) fn open_at(&mut self, now: Instant, base: SocketAddr) {
        self.sockets.push(base);
        // RFC 8445 §5.1.2.1: each interface has a preference of its own.
        let preference = 65_535 - self.sockets.len() as u16;
        let host = Candidate::host(base, Protocol::Udp).with_local_preference(preference);
        self.add(now, host, base);
    }

    pub(crate) fn sockets(&self) -> &[SocketAddr] {
        &self.sockets
    }

    /// Closes the sockets of an interface.
    pub(crate) fn close_sockets(&mut self, now: Instant, ip: IpAddr) {
        let gone = |base: &SocketAddr| base.ip() == ip;
        let sockets: Vec<_> = self.sockets.extract_if(.., |base| gone(base)).collect();
        let relays = self.relays.extract_if(.., |relay| gone(&relay.base));
        let relayed: Vec<_> = relays.filter_map(|relay| relay.relayed).collect();
        self.gathering.retain(|g| !gone(&g.base));
        for base in sockets.into_iter().chain(relayed) {
            self.remove(now, base);
        }
    }

    fn remove(&mut self, now: Instant, base: SocketAddr) {
        self.gone.push((now, base));
        self.agent.remove_local_base(now, base);
    }

    /// Asks a STUN server for a server-reflexive candidate.
    pub(crate) fn discover(&mut self, now: Instant, base: SocketAddr, server: SocketAddr) {
        let transaction = TransactionId::random(&mut self.random);
        self.servers.push(server);
        self.gathering.push(Gathering {
            base,
            server,
            transaction,
            next: now,
            tries: 0,
        });
    }

    /// Asks a TURN server for a relayed candidate.
    pub(crate) fn allocate(&mut self, now: Instant, base: SocketAddr, server: SocketAddr) {
        let mut client = turn::Client::new(
            turn::Config::default(),
            server,
            turn::Framing::Datagrams,
            turn::Credentials::new(turn_server::USERNAME, turn_server::PASSWORD),
            self.random.fork(),
        );
        client.allocate(now).expect("it is new");
        self.relays.push(Relay {
            client,
            base,
            relayed: None,
        });
    }

    /// What the TURN clients of this side have seen.
    pub(crate) fn turn_counters(&self) -> Vec<turn::Counters> {
        self.relays.iter().map(|r| r.client.counters()).collect()
    }

    /// Sends data the way the agent says. `false` when there is none.
    pub(crate) fn send_data(&mut self, now: Instant, net: &mut Network, payload: &[u8]) -> bool {
        let Some(path) = self.agent.send_path() else {
            return false;
        };
        assert!(
            self.answered.contains(&path),
            "data for {path}, from where no answer ever came"
        );
        self.agent.note_sent(now, 1, payload.len());
        self.transmit(now, net, path, Bytes::copy_from_slice(payload));
        true
    }

    /// A request, as it was first sent: when, and where.
    pub(crate) fn request(&self, id: TransactionId) -> Option<(Instant, Path, &[u8])> {
        let is_it = |datagram: &[u8]| stun::peek(datagram).is_some_and(|h| h.transaction_id == id);
        let mut sent = self.sent.iter();
        sent.find(|(_, _, datagram)| is_it(datagram))
            .map(|(at, path, datagram)| (self.start + *at, *path, &datagram[..]))
    }

    /// The states that were entered, with their times.
    pub(crate) fn states(&self) -> Vec<(Duration, State)> {
        let state = |(at, event): &(Duration, Event)| match event {
            Event::StateChanged(state) => Some((*at, *state)),
            _ => None,
        };
        self.log.iter().filter_map(state).collect()
    }

    /// The states that were entered, without their times.
    pub(crate) fn state_names(&self) -> Vec<State> {
        self.states().into_iter().map(|(_, state)| state).collect()
    }

    /// When a state was first entered.
    pub(crate) fn entered(&self, state: State) -> Option<Duration> {
        self.states()
            .into_iter()
            .find(|(_, s)| *s == state)
            .map(|(at, _)| at)
    }

    /// When a state was last entered.
    pub(crate) fn last_entered(&self, state: State) -> Option<Duration> {
        self.states()
            .into_iter()
            .rev()
            .find(|(_, s)| *s == state)
            .map(|(at, _)| at)
    }

    /// "local-remote" of the pair in use, by candidate types.
    pub(crate) fn pair_kinds(&self) -> Option<String> {
        let pair = self.agent.selected_pair()?;
        Some(format!("{}-{}", pair.local.kind, pair.remote.kind))
    }

    /// A datagram has arrived at the host.
    pub(crate) fn receive(&mut self, now: Instant, datagram: Datagram) {
        let Datagram { from, to, payload } = datagram;
        if !self.sockets.contains(&to) {
            return;
        }
        let mut relays = self.relays.iter_mut();
        if let Some(relay) = relays.find(|r| r.base == to && r.client.server() == from) {
            relay.client.handle_datagram(now, from, payload);
        } else if !self.discovered(now, to, from, &payload) {
            self.demultiplex(now, Path::udp(to, from), payload);
        }
    }

    fn demultiplex(&mut self, now: Instant, path: Path, payload: Bytes) {
        match stun::peek(&payload) {
            Some(header) => {
                let id = header.transaction_id;
                // Again, or twice: it says nothing new, however late it comes.
                let is_new = !self.answers.iter().any(|(_, known)| *known == id);
                if header.class == Class::SuccessResponse && is_new {
                    self.answers.push((now, id));
                    self.answered.insert(path);
                }
                self.agent.handle_datagram(now, path, &payload);
            }
            None => {
                let believed = self.agent.handle_data(now, &path, 1);
                self.received.push(Received {
                    at: now - self.start,
                    path,
                    payload,
                    believed,
                });
            }
        }
    }

    fn discovered(
        &mut self,
        now: Instant,
        base: SocketAddr,
        from: SocketAddr,
        payload: &[u8],
    ) -> bool {
        if !self.servers.contains(&from) {
            return false;
        }
        let Some(header) = stun::peek(payload) else {
            return true;
        };
        let mine = |g: &Gathering| g.server == from && g.transaction == header.transaction_id;
        let Some(index) = self.gathering.iter().position(mine) else {
            return true;
        };
        self.gathering.remove(index);
        let mapped = stun::attributes(payload)
            .find(|a| a.kind == attribute::XOR_MAPPED_ADDRESS)
            .and_then(|a| a.xor_address(header.transaction_id));
        if let Some(mapped) = mapped.filter(|mapped| *mapped != base) {
            let candidate = Candidate::server_reflexive(mapped, base, Protocol::Udp, from.ip());
            self.add(now, candidate, base);
        }
        true
    }

    /// What the TURN clients say. `false` when they said nothing.
    fn drain_relay_events(&mut self, now: Instant) -> bool {
        let mut events = Vec::new();
        for (index, relay) in self.relays.iter_mut().enumerate() {
            events.extend(std::iter::from_fn(|| relay.client.poll_event()).map(|e| (index, e)));
        }
        let any = !events.is_empty();
        for (index, event) in events {
            let relay = &mut self.relays[index];
            match event {
                turn::Event::Allocated {
                    relayed, mapped, ..
                } => {
                    relay.relayed = Some(relayed);
                    let (mapped, server) = (mapped.unwrap_or(relay.base), relay.client.server());
                    let candidate = Candidate::relayed(relayed, mapped, server.ip());
                    self.add(now, candidate, relayed);
                }
                turn::Event::Received { peer, data } => {
                    if let Some(relayed) = relay.relayed {
                        self.demultiplex(now, Path::udp(relayed, peer), data);
                    }
                }
                turn::Event::Failed(_) => {
                    if let Some(relayed) = relay.relayed.take() {
                        self.remove(now, relayed);
                    }
                }
                _ => {}
            }
        }
        any
    }

    /// What the TURN clients send. `false` when that is nothing.
    fn drain_relay_transmits(&mut self, now: Instant, net: &mut Network) -> bool {
        let mut any = false;
        for relay in &mut self.relays {
            while let Some(segments) = relay.client.poll_transmit(now) {
                any = true;
                for payload in segments.iter() {
                    let (from, to) = (relay.base, relay.client.server());
                    let datagram = Datagram { from, to, payload };
                    if net.send(now, self.host, datagram).is_err() {
                        relay.client.handle_unreachable(now);
                    }
                }
            }
        }
        any
    }

    fn add(&mut self, now: Instant, candidate: Candidate, base: SocketAddr) {
        self.to_signal.push(candidate.clone());
        self.agent.add_local_candidate(now, candidate, base);
    }

    /// Whether a server may still answer.
    pub(crate) fn is_gathering(&self) -> bool {
        let allocating = |r: &Relay| r.client.state() == turn::State::Allocating;
        !self.gathering.is_empty() || self.relays.iter().any(allocating)
    }

    pub(crate) fn next_timeout(&mut self) -> Option<Instant> {
        let mut next = self.gathering.iter().map(|g| g.next).min();
        for relay in &mut self.relays {
            next = earlier(next, relay.client.poll_timeout());
        }
        earlier(next, self.agent.poll_timeout())
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, net: &mut Network) {
        let mut requests = Vec::new();
        for g in self.gathering.iter_mut().filter(|g| g.next <= now) {
            g.next = now + GATHER_PAUSE;
            g.tries += 1;
            requests.push(Datagram {
                from: g.base,
                to: g.server,
                payload: binding::discovery(g.transaction),
            });
        }
        self.gathering.retain(|g| g.tries < GATHER_TRIES);
        for request in requests {
            // A server that cannot be reached is one that does not answer.
            let _ = net.send(now, self.host, request);
        }
        for relay in &mut self.relays {
            relay.client.handle_timeout(now);
        }
        self.agent.handle_timeout(now);
    }

    /// Carries out what the agent and the TURN clients want.
    pub(crate) fn drain(&mut self, now: Instant, net: &mut Network) {
        loop {
            let mut busy = self.drain_relay_events(now);
            while let Some(event) = self.agent.poll_event() {
                self.note(now, event);
            }
            while let Some(Transmit { path, datagram }) = self.agent.poll_transmit(now) {
                busy = true;
                self.transmit(now, net, path, datagram);
            }
            busy |= self.drain_relay_transmits(now, net);
            if !busy {
                return;
            }
        }
    }

    fn transmit(&mut self, now: Instant, net: &mut Network, path: Path, payload: Bytes) {
        self.sent.push((now - self.start, path, payload.clone()));
        let mut relays = self.relays.iter_mut();
        let sent = match relays.find(|r| r.relayed == Some(path.local)) {
            Some(relay) => relay.client.send(now, path.remote, &payload).is_ok(),
            None => {
                let (from, to) = (path.local, path.remote);
                let datagram = Datagram { from, to, payload };
                net.send(now, self.host, datagram).is_ok()
            }
        };
        if !sent {
            self.agent.handle_send_error(now, path);
        }
        self.drain_relay_transmits(now, net);
    }

    /// Logs an event and checks that it may happen: the transition table, and the error event
    /// before the state that it causes.
    fn note(&mut self, now: Instant, event: Event) {
        match &event {
            Event::StateChanged(state) => {
                assert!(
                    self.state.successors().contains(state),
                    "{} -> {state} is not in the table",
                    self.state
                );
                assert_eq!(
                    *state == State::Failed,
                    self.failure.take().is_some(),
                    "a failure is said right before its state"
                );
                self.state = *state;
            }
            Event::Failed(reason) => self.failure = Some(*reason),
            Event::SelectedPairChanged(pair) => self.last_path = Some(pair.path),
            _ => assert_eq!(
                self.failure, None,
                "nothing comes between a failure and its state"
            ),
        }
        self.log.push((now - self.start, event));
    }
}
