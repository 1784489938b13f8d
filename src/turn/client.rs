//! The TURN client machine: its life, and what is fed to it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use thiserror::Error;

use super::auth::Authentication;
use super::config::Config;
use super::credentials::Credentials;
use super::event::{Counters, Event, State};
use super::failure::Failure;
use super::frame::Deframer;
use super::message::{self, Request};
use super::output::{Framing, Output};
use super::peers::{Peers, Renew};
use super::transaction::Transaction;
use crate::machine::Machine;
use crate::net::{Segments, canonical};
use crate::random::Random;
use crate::stun::TransactionId;
use crate::timer::{Clock, due, earlier};

/// One allocation on one TURN server, over one socket (RFC 8656).
#[derive(Debug)]
pub struct Client {
    pub(super) config: Config,
    pub(super) server: SocketAddr,
    pub(super) random: Random,
    clock: Clock,
    pub(super) phase: Phase,
    pub(super) auth: Authentication,
    /// At most one for the allocation, and one for each permission and channel.
    pub(super) transactions: Vec<Transaction>,
    pub(super) peers: Peers,
    deframer: Deframer,
    pub(super) output: Output,
    /// When the NAT is to be reminded of us.
    keepalive: Option<Instant>,
    /// When the server is to be asked whether it still knows us: something was sent to a peer, and
    /// nothing has come since.
    pub(super) silence: Option<Instant>,
    /// As long as what was fed since it was drained.
    pub(super) events: VecDeque<Event>,
    pub(super) counters: Counters,
}

#[derive(Debug)]
pub(super) enum Phase {
    New,
    Allocating,
    Allocated(Allocation),
    Closing { deadline: Instant },
    Closed,
    Failed,
}

#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) relayed: SocketAddr,
    pub(super) mapped: Option<SocketAddr>,
    /// `None` while it is under way.
    pub(super) refresh: Option<Instant>,
    pub(super) expires: Instant,
    /// Why the last refresh failed, if it did.
    pub(super) last_failure: Option<Failure>,
    /// The network said that nobody listens there: until then the server has to prove otherwise.
    pub(super) doubted: Option<Instant>,
}

/// So long a server of which the network says that it is gone has to answer a refresh.
const DOUBTED_FOR: Duration = Duration::from_secs(3);

/// [`Client::allocate`] was called before, or after [`Client::close`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the client was started before")]
pub struct AlreadyStarted;

impl Client {
    /// A client that has asked nothing yet. `server` is where its messages go and come from.
    pub fn new(
        config: Config,
        server: SocketAddr,
        framing: Framing,
        credentials: Credentials,
        random: Random,
    ) -> Client {
        Client {
            config,
            server: canonical(server),
            random,
            clock: Clock::default(),
            phase: Phase::New,
            auth: Authentication::new(credentials),
            transactions: Vec::new(),
            peers: Peers::default(),
            deframer: Deframer::default(),
            output: Output::new(framing),
            keepalive: None,
            silence: None,
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// How far it is.
    pub fn state(&self) -> State {
        match self.phase {
            Phase::New => State::New,
            Phase::Allocating => State::Allocating,
            Phase::Allocated(_) => State::Allocated,
            Phase::Closing { .. } => State::Closing,
            Phase::Closed => State::Closed,
            Phase::Failed => State::Failed,
        }
    }

    /// The relayed address, while there is one.
    pub fn relayed(&self) -> Option<SocketAddr> {
        self.allocation().map(|allocation| allocation.relayed)
    }

    /// Our address as the server sees it, while there is an allocation.
    pub fn mapped(&self) -> Option<SocketAddr> {
        self.allocation().and_then(|allocation| allocation.mapped)
    }

    /// The server's address.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// What was seen.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Asks for the allocation. A connection, and TLS on it, must be there.
    ///
    /// # Errors
    ///
    /// It was called before, or the client is closed.
    pub fn allocate(&mut self, now: Instant) -> Result<(), AlreadyStarted> {
        let now = self.clock.advance(now);
        if !matches!(self.phase, Phase::New) {
            return Err(AlreadyStarted);
        }
        self.phase = Phase::Allocating;
        let Config {
            lifetime, family, ..
        } = self.config;
        self.request(now, Request::Allocate { lifetime, family });
        Ok(())
    }

    /// A datagram that came on the socket, and from where. For [`Framing::Datagrams`] only.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: Bytes) {
        let now = self.clock.advance(now);
        if self.is_inert() || self.output.is_stream() {
            return;
        }
        if canonical(from) != self.server {
            self.counters.from_elsewhere += 1;
            return;
        }
        self.handle_message(now, datagram);
    }

    /// Several datagrams from one sender, as GRO delivers them.
    pub fn handle_segments(&mut self, now: Instant, from: SocketAddr, segments: &Segments) {
        for datagram in segments.iter() {
            self.handle_datagram(now, from, datagram);
        }
    }

    /// Bytes that came on the connection. For [`Framing::Stream`] only.
    pub fn handle_stream(&mut self, now: Instant, bytes: Bytes) {
        let now = self.clock.advance(now);
        if self.is_inert() || !self.output.is_stream() {
            return;
        }
        self.deframer.push(bytes);
        loop {
            match self.deframer.next() {
                Ok(Some(message)) => self.handle_message(now, message),
                Ok(None) => return,
                // A stream cannot be resynchronised.
                Err(_) => return self.fail(Failure::Desynchronised),
            }
            if self.is_inert() {
                return;
            }
        }
    }

    /// The network says that nobody listens there: ICMP, or a send that failed.
    ///
    /// Before there is an allocation that is the end. Later it may be forged or pass, so the server
    /// is asked, and only its silence for some seconds is the end.
    pub fn handle_unreachable(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        match &mut self.phase {
            Phase::Allocating => self.fail(Failure::Unreachable),
            Phase::Allocated(allocation) => {
                allocation.doubted.get_or_insert(now + DOUBTED_FOR);
                self.refresh(now);
            }
            Phase::Closing { .. } => self.closed(),
            Phase::New | Phase::Closed | Phase::Failed => {}
        }
    }

    /// The connection is gone, and with it the allocation (RFC 8656 §3.1).
    pub fn handle_disconnected(&mut self, now: Instant) {
        self.clock.advance(now);
        match self.phase {
            Phase::Closing { .. } => self.closed(),
            Phase::Closed | Phase::Failed => {}
            _ => self.fail(Failure::ConnectionLost),
        }
    }

    /// Asks the server whether the allocation still lives, by a refresh: for an owner who wonders
    /// why nothing comes any more. A server that was restarted says no.
    pub fn probe(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.refresh(now);
    }

    /// Gives the allocation back. [`Event::Closed`] follows, after
    /// [`close_timeout`](Config::close_timeout) at the latest.
    pub fn close(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        match self.phase {
            Phase::New => self.closed(),
            // What was asked may be granted any moment; to say so it must be signed.
            Phase::Allocating if self.auth.key().is_none() => self.closed(),
            Phase::Allocating | Phase::Allocated(_) => {
                self.transactions.clear();
                self.peers = Peers::default();
                self.phase = Phase::Closing {
                    deadline: now + self.config.close_timeout,
                };
                self.request(now, Request::Deallocate);
            }
            Phase::Closing { .. } | Phase::Closed | Phase::Failed => {}
        }
    }

    pub(super) fn now(&mut self, now: Instant) -> Instant {
        self.clock.advance(now)
    }

    pub(super) fn allocation(&self) -> Option<&Allocation> {
        match &self.phase {
            Phase::Allocated(allocation) => Some(allocation),
            _ => None,
        }
    }

    /// Sends a Refresh, unless one is under way.
    pub(super) fn refresh(&mut self, now: Instant) {
        let lifetime = self.config.lifetime;
        if let Phase::Allocated(allocation) = &mut self.phase
            && allocation.refresh.take().is_some()
        {
            self.request(now, Request::Refresh { lifetime });
        }
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.phase = Phase::Failed;
        self.forget();
        self.events.push_back(Event::Failed(failure));
    }

    pub(super) fn closed(&mut self) {
        self.phase = Phase::Closed;
        self.forget();
        self.events.push_back(Event::Closed);
    }

    fn forget(&mut self) {
        self.transactions.clear();
        self.peers = Peers::default();
        self.deframer = Deframer::default();
        self.keepalive = None;
        self.silence = None;
    }

    fn is_inert(&self) -> bool {
        matches!(self.phase, Phase::New | Phase::Closed | Phase::Failed)
    }

    fn handle_peers_timeout(&mut self, now: Instant) {
        for renew in self.peers.handle_timeout(now) {
            self.request(
                now,
                match renew {
                    Renew::Permission(peer) => Request::Permit { peer },
                    Renew::Channel(number, peer) => Request::Bind { number, peer },
                },
            );
        }
    }
}

impl Machine for Client {
    /// What goes to the server: datagrams back to back, or for a stream a single "segment".
    type Transmit = Segments;
    type Event = Event;

    fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.handle_transactions_timeout(now);
        match &mut self.phase {
            Phase::Allocated(allocation) if allocation.expires <= now => {
                let failure = allocation.last_failure.take().unwrap_or(Failure::Timeout);
                self.fail(failure);
            }
            Phase::Allocated(allocation) if due(allocation.doubted, now) => {
                self.fail(Failure::Unreachable);
            }
            Phase::Allocated(allocation) => {
                if due(allocation.refresh, now) || due(self.silence, now) {
                    self.silence = None;
                    self.refresh(now);
                }
                self.handle_peers_timeout(now);
            }
            Phase::Closing { deadline } if *deadline <= now => self.closed(),
            _ => {}
        }
        if due(self.keepalive, now) && self.allocation().is_some() {
            let id = TransactionId::random(&mut self.random);
            self.output.stun(&message::keepalive(id));
            self.keepalive = None;
        }
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Segments> {
        let now = self.clock.advance(now);
        let transmit = self.output.poll()?;
        let is_kept_alive = !self.config.keepalive.is_zero() && !self.output.is_stream();
        if is_kept_alive && !self.is_inert() {
            self.keepalive = Some(now + self.config.keepalive);
        }
        Some(transmit)
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let transactions = self.transactions.iter().map(Transaction::next).min();
        let phase = match &self.phase {
            Phase::Allocated(allocation) => {
                let own = earlier(Some(allocation.expires), allocation.refresh);
                let doubts = earlier(allocation.doubted, self.silence);
                let peers = earlier(self.peers.poll_timeout(), self.keepalive);
                earlier(earlier(own, doubts), peers)
            }
            Phase::Closing { deadline } => Some(*deadline),
            Phase::New | Phase::Allocating | Phase::Closed | Phase::Failed => None,
        };
        earlier(transactions, phase)
    }
}

/// A lifetime that a server grants is taken as at least a second and at most a day, so that no
/// number of its can stop our clock or make us spin.
pub(super) fn sane_lifetime(lifetime: Duration) -> Duration {
    lifetime.clamp(Duration::from_secs(1), Duration::from_secs(86_400))
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "relay_tests.rs"]
mod relay_tests;

#[cfg(test)]
#[path = "test_server.rs"]
mod test_server;
