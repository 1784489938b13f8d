//! A worker's shared UDP port: many sessions on one socket, and who gets which datagram.
//!
//! The rules of routing, and of who may have which address, are in [`route`](crate::proto::route).

#[cfg(any(test, feature = "chaos"))]
mod fault;
mod reader;
mod single_port;
mod store;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use self::reader::Reader;
use self::single_port::{HandedOver, Seat};
use self::store::PortStore;
use crate::alarm::now;
use crate::busy_poll::BusyPoll;
use crate::config::{Config, UdpMode};
use crate::error::ActorKind;
use crate::gatherer::interfaces;
use crate::gatherer::messages::FromMux;
use crate::gatherer::udp::{Sent, Udp};
use crate::link::{GathererToIce, Permits};
use crate::mailbox::Neighbour;
use crate::metrics::{Direction, Metrics};
use crate::proto::demux::{Kind, classify};
use crate::proto::gather::Base;
use crate::proto::net::{Path, Protocol, Segments};
use crate::proto::route::{Asker, Claim, Routes, Tables};
use crate::proto::stun;

#[cfg(any(test, feature = "chaos"))]
pub(crate) use self::fault::PortFault;
pub(crate) use self::single_port::SinglePort;

/// Why a shared port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum MuxError {
    /// The port cannot be bound.
    #[error("cannot open UDP {address}: {source}")]
    Bind {
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// It would be in no candidate.
    #[error("no address of this host can be told to peers for UDP {address}: announce one")]
    NoAddress {
        /// The wildcard that is bound.
        address: SocketAddr,
    },
    /// The TCP port beside it cannot be opened.
    #[error("cannot open TCP {address}: {source}")]
    Listen {
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A session's share in a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RouteId {
    /// The worker's place in single-port mode.
    seat: u32,
    session: u64,
}

/// What one wake brought for one session.
type Batch = (RouteId, Vec<(Path, Segments)>);

/// The shared port of a worker. A cheap clone, for use on the worker's thread only.
#[derive(Clone)]
pub(crate) struct Mux(Rc<RefCell<State>>);

struct State {
    binding: Binding,
    /// `None` while it is being bound again.
    udp: Option<Udp>,
    /// In single-port mode.
    seat: Option<Seat>,
    announced: Vec<SocketAddr>,
    metrics: Arc<Metrics>,
    routes: Routes<RouteId, PortStore>,
    sessions: HashMap<RouteId, Session>,
    next: u64,
    /// Reused from wake to wake.
    received: Vec<(Path, Segments)>,
    batches: Vec<Batch>,
    /// For other workers.
    others: Vec<(u32, HandedOver)>,
    /// Wakes the reader, which also flushes, when something waits to be sent.
    waker: Option<std::task::Waker>,
    busy_poll: BusyPoll,
    #[cfg(any(test, feature = "chaos"))]
    fault: Option<PortFault>,
}

/// How the socket is bound, again when it was lost.
#[derive(Debug, Clone, Copy)]
struct Binding {
    address: SocketAddr,
    buffer: usize,
    /// Other workers bind the same port.
    shared: bool,
    /// Peers are told announced addresses: the bound one stands for all.
    hide_destination: bool,
}

impl Binding {
    fn bind(self) -> io::Result<Udp> {
        let mut udp = match self.shared {
            true => Udp::bind_shared(self.address, self.buffer)?,
            false => Udp::bind(self.address, self.buffer)?,
        };
        if self.hide_destination {
            udp.hide_destination();
        }
        Ok(udp)
    }
}

/// To whom a session's traffic goes.
struct Session {
    gatherer: Neighbour<FromMux>,
    /// `None` until there is an ICE transport.
    ice: Option<Neighbour<GathererToIce>>,
    permits: Permits,
}

impl Mux {
    /// The shared port of a worker, where the settings want one.
    pub(crate) fn open(
        worker: usize,
        config: &Config,
        metrics: Arc<Metrics>,
        single_port: &Arc<SinglePort>,
        busy_poll: &BusyPoll,
    ) -> Result<Option<Mux>, MuxError> {
        let (address, single_port) = match config.udp {
            UdpMode::PerSession | UdpMode::Off => return Ok(None),
            UdpMode::Mux { ip, port: 0 } => (SocketAddr::new(ip, 0), None),
            UdpMode::Mux { ip, port } => (SocketAddr::new(ip, port + worker as u16), None),
            UdpMode::SinglePort { ip, port } => {
                let port = single_port.port_or(port);
                (SocketAddr::new(ip, port), Some(single_port))
            }
        };
        Mux::bind(address, config, metrics, single_port, busy_poll).map(Some)
    }

    /// Opens the port and begins to read from it, on the current thread. In single-port mode with
    /// what the workers share.
    pub(crate) fn bind(
        address: SocketAddr,
        config: &Config,
        metrics: Arc<Metrics>,
        single_port: Option<&Arc<SinglePort>>,
        busy_poll: &BusyPoll,
    ) -> Result<Mux, MuxError> {
        let failed = |source| MuxError::Bind { address, source };
        let mut binding = Binding {
            address,
            buffer: config.socket_buffer,
            shared: single_port.is_some(),
            hide_destination: !config.announce.is_empty(),
        };
        if single_port.is_some_and(|port| port.is_empty()) {
            // Another program that shares its port, too, would get half of our datagrams.
            std::net::UdpSocket::bind(address).map_err(failed)?;
        }
        let udp = binding.bind().map_err(failed)?;
        binding.address = udp.bound();
        if let Some(single_port) = single_port {
            single_port.bound(udp.bound().port());
        }
        // A 1:1 NAT maps the port on to itself; which interface it maps to is its business.
        let announce = config.announce.iter();
        let announced: Vec<_> = announce
            .map(|ip| SocketAddr::new(*ip, udp.bound().port()))
            .collect();
        let hosts = interfaces::addresses(config).map_err(failed)?;
        if Base::of_port(Protocol::Udp, udp.bound(), &announced, &hosts).is_empty() {
            return Err(MuxError::NoAddress {
                address: udp.bound(),
            });
        }
        let tables = single_port.map_or_else(Tables::default, |port| port.tables());
        let mux = Mux(Rc::new(RefCell::new(State {
            binding,
            udp: Some(udp),
            seat: single_port.map(SinglePort::sit),
            announced,
            metrics,
            routes: Routes::new(config.ice.consent_timeout, tables),
            sessions: HashMap::new(),
            next: 0,
            received: Vec::new(),
            batches: Vec::new(),
            others: Vec::new(),
            waker: None,
            busy_poll: busy_poll.clone(),
            #[cfg(any(test, feature = "chaos"))]
            fault: None,
        })));
        actix_rt::spawn(Reader::new(&mux));
        Ok(mux)
    }

    /// How much is in the tables.
    #[cfg(feature = "chaos")]
    pub(crate) fn entries(&self) -> usize {
        let sizes = self.0.borrow().routes.sizes();
        sizes.sessions + sizes.ufrags + sizes.addresses + sizes.transactions
    }

    /// The address that is bound.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.0.borrow().binding.address
    }

    /// The bases of host candidates on this port, where the host has these addresses.
    pub(crate) fn bases(&self, hosts: &[SocketAddr]) -> Vec<Base> {
        let State {
            binding, announced, ..
        } = &*self.0.borrow();
        Base::of_port(Protocol::Udp, binding.address, announced, hosts)
    }

    /// A session's share in the port.
    pub(crate) fn lease(&self, gatherer: Neighbour<FromMux>, permits: Permits) -> MuxLease {
        let state = &mut *self.0.borrow_mut();
        let id = RouteId {
            seat: state.seat(),
            session: state.next,
        };
        state.next += 1;
        let session = Session {
            gatherer,
            ice: None,
            permits,
        };
        state.sessions.insert(id, session);
        state.routes.join(id);
        MuxLease {
            id,
            mux: self.clone(),
        }
    }
}

/// A session's routes on a shared port. All of them end when it is dropped.
pub(crate) struct MuxLease {
    id: RouteId,
    mux: Mux,
}

impl MuxLease {
    /// Where the session's traffic goes.
    pub(crate) fn set_ice(&self, ice: Neighbour<GathererToIce>) {
        if let Some(session) = self.mux.0.borrow_mut().sessions.get_mut(&self.id) {
            session.ice = Some(ice);
        }
    }

    /// Requests with this local username fragment are ours. Those of the generations before stay
    /// ours too: late checks of them are no errors.
    pub(crate) fn add_ufrag(&self, ufrag: &str) {
        if !self.mux.0.borrow_mut().routes.add_ufrag(self.id, ufrag) {
            tracing::warn!(
                ufrag,
                "two sessions have the same username fragment: the later one is not reached"
            );
        }
    }

    /// The peer was heard on this path: traffic from there is ours, unless it is another session's.
    pub(crate) fn authenticated(&self, path: Path) {
        let state = &mut *self.mux.0.borrow_mut();
        let claim = state.routes.authenticated(now(), self.id, path);
        state.count(claim);
    }

    /// The peer has answered on this path.
    pub(crate) fn answered(&self, path: Path) {
        let state = &mut *self.mux.0.borrow_mut();
        let claim = state.routes.answered(now(), self.id, path);
        state.count(claim);
    }

    /// Traffic from there is no longer ours.
    pub(crate) fn release(&self, path: Path) {
        self.mux.0.borrow_mut().routes.release(self.id, path);
    }

    /// Sends connectivity checks and their answers.
    pub(crate) fn send_check(&self, path: Path, datagram: Bytes) -> Sent {
        let state = &mut *self.mux.0.borrow_mut();
        if let Some(header) = stun::peek(&datagram)
            && header.class == stun::Class::Request
        {
            let id = header.transaction_id;
            state
                .routes
                .expect(now(), self.id, Asker::Agent, id, path.remote);
        }
        state.send(path, &Segments::from(datagram))
    }

    /// Asks a STUN server; its answer comes back as a message to the gatherer.
    pub(crate) fn send_request(&self, path: Path, datagram: Bytes) -> Sent {
        let state = &mut *self.mux.0.borrow_mut();
        if let Some(header) = stun::peek(&datagram) {
            let id = header.transaction_id;
            state
                .routes
                .expect(now(), self.id, Asker::Gatherer, id, path.remote);
        }
        state.send(path, &Segments::from(datagram))
    }

    /// Sends data.
    pub(crate) fn send(&self, path: Path, segments: &Segments) -> Sent {
        self.mux.0.borrow_mut().send(path, segments)
    }
}

impl Drop for MuxLease {
    fn drop(&mut self) {
        let state = &mut *self.mux.0.borrow_mut();
        state.sessions.remove(&self.id);
        state.routes.leave(self.id);
    }
}

impl State {
    fn seat(&self) -> u32 {
        self.seat.as_ref().map_or(0, |seat| seat.number)
    }

    fn send(&mut self, path: Path, segments: &Segments) -> Sent {
        let sent = match &mut self.udp {
            Some(udp) => udp.send(path, segments),
            // It will be back in a moment.
            None => Sent::Dropped,
        };
        if self.udp.as_ref().is_some_and(Udp::is_waiting)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
        // An error on a shared socket is this datagram's and nobody else's; the gatherer counts it.
        sent
    }

    fn count(&self, claim: Claim) {
        if claim == Claim::Taken {
            self.metrics.gatherer.address_taken.increment(1);
        }
    }

    /// Sorts what one wake brought by session, one batch each.
    fn dispatch(&mut self) {
        let mut received = std::mem::take(&mut self.received);
        for (path, segments) in received.drain(..) {
            if mixed(&segments) {
                for datagram in segments.iter() {
                    self.sort(path, datagram.into());
                }
            } else {
                self.sort(path, segments);
            }
        }
        self.received = received;
        self.hand_over();
        self.deliver();
    }

    /// Puts datagrams of one kind into the batch of their session, or of its worker.
    fn sort(&mut self, path: Path, segments: Segments) {
        let (id, asker) = match self.routes.route(path.remote, segments.contents()) {
            Ok(found) => found,
            Err(miss) => {
                let misses = &self.metrics.gatherer.misses[miss as usize];
                return misses.increment(segments.count() as u64);
            }
        };
        if id.seat == self.seat() {
            return self.add(id, asker, path, segments);
        }
        let item = (id, asker, path, segments);
        match self.others.iter_mut().find(|(seat, _)| *seat == id.seat) {
            Some((_, batch)) => batch.push(item),
            None => self.others.push((id.seat, vec![item])),
        }
    }

    /// Puts datagrams into the batch of a session of this worker.
    fn add(&mut self, id: RouteId, asker: Asker, path: Path, segments: Segments) {
        if asker == Asker::Gatherer {
            if let Some(session) = self.sessions.get(&id) {
                let answer = segments.contents().clone();
                session.gatherer.do_send(FromMux::Answer(path, answer));
            }
            return;
        }
        match self.batches.iter_mut().find(|(owner, _)| *owner == id) {
            Some((_, batch)) => batch.push((path, segments)),
            None => self.batches.push((id, vec![(path, segments)])),
        }
    }

    /// Gives the other workers what is theirs.
    fn hand_over(&mut self) {
        let Some(seat) = &self.seat else { return };
        for (to, batch) in self.others.drain(..) {
            if let Err(lost) = seat.hand_over(to, batch) {
                let lost: usize = lost.iter().map(|(.., segments)| segments.count()).sum();
                self.metrics.gatherer.worker_slow.increment(lost as u64);
            }
        }
    }

    /// Takes what other workers have received for this one.
    fn take_handed_over(&mut self, cx: &mut Context<'_>) {
        while let Some(Poll::Ready(Some(batch))) =
            self.seat.as_mut().map(|seat| seat.inbox.poll_recv(cx))
        {
            for (id, asker, path, segments) in batch {
                self.add(id, asker, path, segments);
            }
        }
        self.deliver();
    }

    /// Sends each session its batch.
    fn deliver(&mut self) {
        if !self.batches.is_empty() {
            self.busy_poll.arrived();
        }
        for (id, batch) in self.batches.drain(..) {
            let (count, bytes) = batch
                .iter()
                .fold((0, 0), |(c, b), (_, s)| (c + s.count(), b + s.len()));
            let gatherers = self.metrics.actor(ActorKind::Gatherer);
            gatherers.traffic(Direction::In, count, bytes);
            let Some(session) = self.sessions.get(&id) else {
                continue;
            };
            let Some(ice) = &session.ice else { continue };
            match session.permits.try_acquire() {
                Some(permit) => ice.do_send(GathererToIce::Inbound { batch, permit }),
                // A session that is flooded, or slow, loses its own datagrams only.
                None => {
                    ice.refuse();
                    self.metrics.gatherer.no_permit.increment(count as u64);
                }
            }
        }
    }

    /// Tells all sessions what became of the socket.
    fn tell_all(&self, message: fn() -> FromMux) {
        for session in self.sessions.values() {
            session.gatherer.do_send(message());
        }
    }
}

/// Whether joined datagrams are not all DTLS: only those all go the same way.
fn mixed(segments: &Segments) -> bool {
    segments
        .contents()
        .chunks(segments.segment_size().max(1))
        .any(|datagram| classify(datagram) != Some(Kind::Dtls))
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
