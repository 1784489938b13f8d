//! The gathering machine.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use super::allocation::{Allocations, Ended, Stage};
use super::base::{Base, BaseError, MAX_BASES};
use super::binding::{Bindings, Handled};
use super::config::{Config, Policy};
use super::counters::Counters;
use super::event::{
    AllocationId, Event, FailureReason, Gathered, GatheredKind, LookupError, LookupId, State,
    Transmit,
};
use super::job::{Addresses, Job, Server};
use super::server::{IceServer, StartError};
use crate::machine::Machine;
use crate::net::{Path, Protocol, canonical};
use crate::random::Random;
use crate::stun::TransactionId;
use crate::timer::{Clock, earlier};
use crate::turn::Failure;

/// Of all the addresses that a name has, this many are used: the rest are alternatives that nobody
/// would wait for.
pub const MAX_ADDRESSES: usize = 8;

/// How many addresses of one server are asked from one socket, redirections included, one after
/// another as they fail.
pub const MAX_ATTEMPTS: usize = 3;

/// Candidates beyond this number are dropped: only a server that makes up addresses comes so far.
pub const MAX_CANDIDATES: usize = 256;

/// Decides which candidates to seek, from which servers and in which order (RFC 8445 §5.1.1),
/// asks STUN servers, and says which allocations to make on TURN servers.
#[derive(Debug)]
pub struct Gatherer {
    pub(super) config: Config,
    pub(super) random: Random,
    clock: Clock,
    pub(super) state: State,
    pub(super) bases: Vec<Base>,
    pub(super) servers: Vec<Server>,
    /// What waits for its turn: each entry one STUN transaction or one allocation, at most
    /// `MAX_BASES` times `MAX_URLS`, and one more for each that failed.
    pub(super) jobs: VecDeque<Job>,
    pub(super) next_job: Option<Instant>,
    /// What comes again later: at most one entry for each allocation.
    pub(super) delayed: Vec<(Instant, Job)>,
    pub(super) bindings: Bindings,
    pub(super) allocations: Allocations,
    /// Address and base of what was found: a second one alike is redundant.
    pub(super) found: Vec<(Protocol, SocketAddr, SocketAddr)>,
    pub(super) events: VecDeque<Event>,
    pub(super) counters: Counters,
}

impl Gatherer {
    /// A gatherer without sockets and servers.
    pub fn new(config: Config, random: Random) -> Gatherer {
        Gatherer {
            config,
            random,
            clock: Clock::default(),
            state: State::New,
            bases: Vec::new(),
            servers: Vec::new(),
            jobs: VecDeque::new(),
            next_job: None,
            delayed: Vec::new(),
            bindings: Bindings::default(),
            allocations: Allocations::default(),
            found: Vec::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// How far gathering is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Which candidates may be used.
    pub fn policy(&self) -> Policy {
        self.config.policy
    }

    /// What was seen.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Adds a socket. Those that are known are added before [`start`](Self::start); one that comes
    /// later (an interface appeared) is gathered for at once.
    ///
    /// # Errors
    ///
    /// The socket's addresses do not fit, it was added before, or there are [`MAX_BASES`].
    pub fn add_base(&mut self, now: Instant, base: Base) -> Result<(), BaseError> {
        let now = self.clock.advance(now);
        if self.state == State::Closed {
            return Err(BaseError::Closed);
        }
        let base = base.validate()?;
        let is_same = |b: &Base| b.address == base.address && b.protocol == base.protocol;
        if self.bases.iter().any(is_same) {
            return Err(BaseError::Duplicate {
                address: base.address,
            });
        }
        if self.bases.len() >= MAX_BASES {
            return Err(BaseError::TooManyBases);
        }
        self.bases.push(base.clone());
        if self.state != State::New {
            self.offer_host(&base);
            for server in 0..self.servers.len() {
                self.ask(server, std::slice::from_ref(&base));
            }
            self.run(now);
        }
        Ok(())
    }

    /// Forgets a socket that is gone, and what was under way for it. Relayed candidates stay: they
    /// have sockets of their own.
    pub fn remove_base(&mut self, now: Instant, address: SocketAddr) {
        let now = self.clock.advance(now);
        let address = canonical(address);
        self.bases.retain(|base| base.address != address);
        self.found.retain(|&(_, _, base)| base != address);
        self.jobs.retain(|job| job.target.path.local != address);
        self.delayed
            .retain(|(_, job)| job.target.path.local != address);
        self.bindings.remove_base(address);
        self.run(now);
    }

    /// Begins: reports host candidates, looks names up, asks servers.
    ///
    /// # Errors
    ///
    /// One of the servers cannot be used as it is configured (nothing is started then), or it was
    /// started before.
    pub fn start(&mut self, now: Instant, servers: &[IceServer]) -> Result<(), StartError> {
        let now = self.clock.advance(now);
        match self.state {
            State::New => {}
            State::Closed => return Err(StartError::Closed),
            State::Gathering | State::Complete => return Err(StartError::AlreadyStarted),
        }
        self.servers = self.parse(now, servers)?;
        self.change_state(State::Gathering);
        for base in self.bases.clone() {
            self.offer_host(&base);
        }
        for server in 0..self.servers.len() {
            self.open(server);
        }
        self.run(now);
        Ok(())
    }

    /// The answer to an [`Event::Lookup`]. Ports are those that the look-up was asked for.
    pub fn handle_lookup(
        &mut self,
        now: Instant,
        id: LookupId,
        result: Result<&[SocketAddr], LookupError>,
    ) {
        let now = self.clock.advance(now);
        let Some(server) = self.servers.get_mut(id.0) else {
            return;
        };
        if self.state == State::Closed || !matches!(server.addresses, Addresses::Pending { .. }) {
            self.counters.answers_too_late += 1;
            return;
        }
        match result {
            Ok(addresses) if !addresses.is_empty() => {
                let known = addresses
                    .iter()
                    .map(|&a| canonical(a))
                    .take(MAX_ADDRESSES)
                    .collect();
                server.addresses = Addresses::Known(known);
                self.ask_first(id.0);
            }
            Ok(_) | Err(LookupError::NotFound) => {
                self.lookup_failed(id.0, FailureReason::NameNotFound);
            }
            Err(LookupError::Timeout) => self.lookup_failed(id.0, FailureReason::LookupTimeout),
            Err(LookupError::Failed) => self.lookup_failed(id.0, FailureReason::LookupFailed),
        }
        self.run(now);
    }

    /// A datagram with a STUN message. `false` says that it answers nothing of this machine: it is
    /// for the ICE agent of the socket.
    pub fn handle_datagram(&mut self, now: Instant, path: Path, datagram: &[u8]) -> bool {
        let now = self.clock.advance(now);
        match self
            .bindings
            .handle_datagram(now, path, datagram, &self.config)
        {
            Handled::NotOurs => return false,
            Handled::WrongPath => self.counters.responses_from_elsewhere += 1,
            Handled::Malformed => self.counters.responses_malformed += 1,
            Handled::Ended(outcome) => {
                self.counters.responses += 1;
                self.binding_ended(now, outcome);
                self.run(now);
            }
        }
        true
    }

    /// Whether a STUN response with this number is for this machine.
    pub fn owns(&self, id: &TransactionId) -> bool {
        self.bindings.owns(id)
    }

    /// Nobody listens there: a send on this path failed, or ICMP said so.
    pub fn handle_unreachable(&mut self, now: Instant, path: Path) {
        let now = self.clock.advance(now);
        for outcome in self.bindings.handle_unreachable(now, path, &self.config) {
            self.binding_ended(now, outcome);
        }
        self.run(now);
    }

    /// An [`Event::Allocate`] succeeded: the relayed address, and the one that the server saw.
    pub fn handle_allocated(
        &mut self,
        now: Instant,
        id: AllocationId,
        relayed: SocketAddr,
        mapped: Option<SocketAddr>,
    ) {
        let now = self.clock.advance(now);
        let relayed = canonical(relayed);
        let Some(target) = self.allocations.succeeded(now, id, relayed) else {
            self.counters.answers_too_late += 1;
            return;
        };
        let (url, server) = (self.servers[target.server].url.clone(), target.path.remote);
        let kind = GatheredKind::Relayed;
        let preference = self.config.preferences.of(kind, Some(url.transport()));
        let related = match self.config.policy {
            Policy::All => mapped.map(canonical),
            // It would show what the policy hides (draft-ietf-rtcweb-ip-handling, RFC 8828 §5.2).
            Policy::Relay => Some(match relayed {
                SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
                SocketAddr::V6(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
            }),
        };
        self.offer(Gathered {
            kind,
            protocol: Protocol::Udp,
            address: relayed,
            base: relayed,
            related,
            preference,
            url: Some(url),
            server: Some(server),
        });
        self.run(now);
    }

    /// An [`Event::Allocate`] did not succeed, or ended later. Where another attempt may help
    /// (another address of the server, a redirection, a fresh port) it is made; otherwise the
    /// server is reported. One that had lived is reported, and made again after a while.
    pub fn handle_allocation_failed(&mut self, now: Instant, id: AllocationId, failure: Failure) {
        let now = self.clock.advance(now);
        let Some(Ended {
            target,
            domain,
            stage,
        }) = self.allocations.failed(id)
        else {
            self.counters.answers_too_late += 1;
            return;
        };
        match stage {
            // It was reported when it was late.
            Stage::Late if target.lost > 0 => self.allocate_again(now, target, domain),
            Stage::Late => return,
            Stage::Awaited { deadline } => {
                self.try_elsewhere(now, target, domain, deadline, failure);
            }
            Stage::Allocated { relayed, since } => {
                self.found.retain(|&(_, _, base)| base != relayed);
                self.failed(&target, FailureReason::Allocation(failure));
                self.allocation_lost(now, target, domain, since);
            }
        }
        self.run(now);
    }

    /// Stops asking servers only to keep the mappings of NATs alive: ICE has chosen its pair, and
    /// keeps that one alive by itself (RFC 8445 §5.1.1.4). The same again changes nothing.
    pub fn end_keepalives(&mut self) {
        self.bindings.rest();
    }

    /// The pair that was chosen is lost, or ICE begins anew: the mappings are asked for at once,
    /// and kept alive as before [`end_keepalives`](Self::end_keepalives). What a NAT has mapped
    /// elsewhere meanwhile comes as a new candidate.
    pub fn resume_keepalives(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.bindings.resume(now);
    }

    /// Stops everything. The owner closes its allocations.
    pub fn close(&mut self, now: Instant) {
        self.clock.advance(now);
        if self.state == State::Closed {
            return;
        }
        self.servers.clear();
        self.jobs.clear();
        self.delayed.clear();
        self.bindings.clear();
        self.allocations.clear();
        self.change_state(State::Closed);
    }
}

impl Machine for Gatherer {
    type Transmit = Transmit;
    type Event = Event;

    fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        for index in 0..self.servers.len() {
            if let Addresses::Pending { deadline } = self.servers[index].addresses
                && deadline <= now
            {
                self.lookup_failed(index, FailureReason::LookupTimeout);
            }
        }
        for outcome in self
            .bindings
            .handle_timeout(now, &self.config, &mut self.random)
        {
            self.binding_ended(now, outcome);
        }
        for target in self.allocations.handle_timeout(now) {
            self.failed(&target, FailureReason::Timeout);
        }
        self.run(now);
    }

    fn poll_transmit(&mut self, _now: Instant) -> Option<Transmit> {
        let transmit = self.bindings.poll_transmit()?;
        self.counters.requests_sent += 1;
        Some(transmit)
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let lookups = self
            .servers
            .iter()
            .filter_map(|server| match server.addresses {
                Addresses::Pending { deadline } => Some(deadline),
                _ => None,
            });
        let jobs = self.next_job.filter(|_| !self.jobs.is_empty());
        let jobs = earlier(jobs, self.delayed.iter().map(|(at, _)| *at).min());
        let timers = earlier(
            self.bindings.poll_timeout(),
            self.allocations.poll_timeout(),
        );
        earlier(earlier(lookups.min(), jobs), timers)
    }
}

#[cfg(test)]
#[path = "gatherer_tests.rs"]
mod tests;
