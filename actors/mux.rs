//! A worker's shared UDP port: many sessions on one socket, and who gets which datagram.
//!
//! A STUN request goes by the local username fragment in it, never by its address; a STUN
//! response by the transaction that asked for it; DTLS and RTP by the exact remote address. An
//! address enters the table only after a message from it carried a valid MESSAGE-INTEGRITY, and
//! no session can take an address that another one holds.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix::Recipient;
use bytes::Bytes;

use crate::config::Config;
use crate::error::ActorKind;
use crate::gatherer::interfaces;
use crate::gatherer::messages::ServerAnswer;
use crate::gatherer::udp::{Sent, Udp};
use crate::link::{GathererToIce, Permits};
use crate::metrics::{Direction, Metrics};
use crate::proto::demux::{Kind, classify};
use crate::proto::gather::Base;
use crate::proto::net::{Path, Segments};
use crate::proto::stun;

/// How many remote addresses one session may hold.
const ADDRESSES_PER_SESSION: usize = 8;

/// How many transactions of one session may be outstanding; older ones lose their route.
const TRANSACTIONS_PER_SESSION: usize = 256;

/// Why a shared port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum MuxError {
    /// The port cannot be bound.
    #[error("cannot open UDP {address}: {source}")]
    Bind {
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

type RouteId = u64;

/// What one wake brought for one session.
type Batch = (RouteId, Vec<(Path, Segments)>);

/// The shared port of a worker. A cheap clone, for use on the worker's thread only.
#[derive(Clone)]
pub(crate) struct Mux(Rc<RefCell<State>>);

struct State {
    udp: Udp,
    bases: Vec<Base>,
    metrics: Arc<Metrics>,
    routes: HashMap<RouteId, Route>,
    next: RouteId,
    ufrags: HashMap<Box<[u8]>, RouteId>,
    addresses: HashMap<SocketAddr, RouteId>,
    transactions: HashMap<stun::TransactionId, (RouteId, Asker)>,
    /// Who asked last for an address that another session holds.
    wanted: HashMap<SocketAddr, RouteId>,
    /// Reused from wake to wake.
    received: Vec<(Path, Segments)>,
    batches: Vec<Batch>,
    /// Wakes the reader, which also flushes, when something waits to be sent.
    waker: Option<std::task::Waker>,
}

/// Whose transaction it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    /// The ICE agent's: a connectivity check.
    Ice,
    /// The gatherer's: a question to a STUN server.
    Gatherer,
}

struct Route {
    gatherer: Recipient<ServerAnswer>,
    /// `None` until there is an ICE transport.
    ice: Option<Recipient<GathererToIce>>,
    permits: Permits,
    ufrags: Vec<Box<[u8]>>,
    addresses: Vec<SocketAddr>,
    transactions: VecDeque<stun::TransactionId>,
}

impl Mux {
    /// Opens the port and begins to read from it, on the current thread.
    pub(crate) fn bind(
        address: SocketAddr,
        config: &Config,
        metrics: Arc<Metrics>,
    ) -> Result<Mux, MuxError> {
        let bind = |source| MuxError::Bind { address, source };
        let mut udp = Udp::bind(address, config.socket_buffer).map_err(bind)?;
        if !config.announce.is_empty() {
            udp.hide_destination();
        }
        let bases = bases(udp.bound(), config).map_err(bind)?;
        let mux = Mux(Rc::new(RefCell::new(State {
            udp,
            bases,
            metrics,
            routes: HashMap::new(),
            next: 0,
            ufrags: HashMap::new(),
            addresses: HashMap::new(),
            transactions: HashMap::new(),
            wanted: HashMap::new(),
            received: Vec::new(),
            batches: Vec::new(),
            waker: None,
        })));
        actix_rt::spawn(Reader {
            mux: Rc::downgrade(&mux.0),
            resting: None,
        });
        Ok(mux)
    }

    /// The address that is bound.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.0.borrow().udp.bound()
    }

    /// The bases of host candidates on this port.
    pub(crate) fn bases(&self) -> Vec<Base> {
        self.0.borrow().bases.clone()
    }

    /// A session's share in the port.
    pub(crate) fn lease(&self, gatherer: Recipient<ServerAnswer>, permits: Permits) -> MuxLease {
        let mut state = self.0.borrow_mut();
        let id = state.next;
        state.next += 1;
        let route = Route {
            gatherer,
            ice: None,
            permits,
            ufrags: Vec::new(),
            addresses: Vec::new(),
            transactions: VecDeque::new(),
        };
        state.routes.insert(id, route);
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
    pub(crate) fn set_ice(&self, ice: Recipient<GathererToIce>) {
        if let Some(route) = self.mux.0.borrow_mut().routes.get_mut(&self.id) {
            route.ice = Some(ice);
        }
    }

    /// Requests with this local username fragment are ours. Those of the generation before stay
    /// ours too: late checks of it are no errors.
    pub(crate) fn add_ufrag(&self, ufrag: &str) {
        let state = &mut *self.mux.0.borrow_mut();
        let ufrag: Box<[u8]> = ufrag.as_bytes().into();
        let Some(route) = state.routes.get_mut(&self.id) else {
            return;
        };
        if route.ufrags.contains(&ufrag) {
            return;
        }
        if route.ufrags.len() == 2 {
            state.ufrags.remove(&route.ufrags.remove(0));
        }
        route.ufrags.push(ufrag.clone());
        state.ufrags.insert(ufrag, self.id);
    }

    /// Traffic from this address is ours, unless it is another session's.
    pub(crate) fn add_address(&self, address: SocketAddr) {
        let state = &mut *self.mux.0.borrow_mut();
        match state.addresses.get(&address) {
            Some(owner) if *owner == self.id => return,
            Some(_) => {
                state.metrics.gatherer.address_taken.increment(1);
                state.wanted.insert(address, self.id);
                return;
            }
            None => {}
        }
        let Some(route) = state.routes.get_mut(&self.id) else {
            return;
        };
        if route.addresses.len() == ADDRESSES_PER_SESSION {
            state.addresses.remove(&route.addresses.remove(0));
        }
        route.addresses.push(address);
        state.addresses.insert(address, self.id);
    }

    /// Traffic from this address is no longer ours.
    pub(crate) fn remove_address(&self, address: SocketAddr) {
        let state = &mut *self.mux.0.borrow_mut();
        if let Some(route) = state.routes.get_mut(&self.id) {
            route.addresses.retain(|held| *held != address);
        }
        state.release(self.id, address);
    }

    /// Sends connectivity checks and their answers.
    pub(crate) fn send_check(&self, path: Path, datagram: Bytes) -> Sent {
        let state = &mut *self.mux.0.borrow_mut();
        if let Some(header) = stun::peek(&datagram)
            && header.class == stun::Class::Request
        {
            state.expect(self.id, Asker::Ice, header.transaction_id);
        }
        state.send(path, &Segments::from(datagram))
    }

    /// Asks a STUN server; its answer comes back as a message to the gatherer.
    pub(crate) fn send_request(&self, path: Path, datagram: Bytes) -> Sent {
        let state = &mut *self.mux.0.borrow_mut();
        if let Some(header) = stun::peek(&datagram) {
            state.expect(self.id, Asker::Gatherer, header.transaction_id);
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
        let Some(route) = state.routes.remove(&self.id) else {
            return;
        };
        for ufrag in route.ufrags {
            state.ufrags.remove(&ufrag);
        }
        for transaction in route.transactions {
            state.transactions.remove(&transaction);
        }
        state.wanted.retain(|_, wanting| *wanting != self.id);
        for address in route.addresses {
            state.release(self.id, address);
        }
    }
}

impl State {
    fn send(&mut self, path: Path, segments: &Segments) -> Sent {
        let sent = self.udp.send(path, segments);
        if sent == Sent::Accepted
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
        if sent != Sent::Accepted {
            // An error on a shared socket is this datagram's and nobody else's.
            self.metrics
                .gatherer
                .send_refused
                .increment(segments.count() as u64);
        }
        sent
    }

    fn expect(&mut self, id: RouteId, asker: Asker, transaction: stun::TransactionId) {
        let Some(route) = self.routes.get_mut(&id) else {
            return;
        };
        if self.transactions.insert(transaction, (id, asker)).is_some() {
            return; // A retransmission.
        }
        route.transactions.push_back(transaction);
        if route.transactions.len() > TRANSACTIONS_PER_SESSION
            && let Some(oldest) = route.transactions.pop_front()
        {
            self.transactions.remove(&oldest);
        }
    }

    fn release(&mut self, id: RouteId, address: SocketAddr) {
        if self.addresses.get(&address) != Some(&id) {
            return;
        }
        self.addresses.remove(&address);
        if let Some(next) = self.wanted.remove(&address)
            && let Some(route) = self.routes.get_mut(&next)
            && route.addresses.len() < ADDRESSES_PER_SESSION
        {
            route.addresses.push(address);
            self.addresses.insert(address, next);
        }
    }

    /// Whose datagram it is.
    fn route(&self, remote: SocketAddr, datagram: &[u8]) -> Option<(RouteId, Asker)> {
        let misses = &self.metrics.gatherer;
        match classify(datagram) {
            Some(Kind::Stun) => {
                let Some(header) = stun::peek(datagram) else {
                    misses.garbage.increment(1);
                    return None;
                };
                let ice = |id: Option<&RouteId>| id.map(|id| (*id, Asker::Ice));
                let route = match header.class {
                    stun::Class::Request => {
                        ice(stun::local_ufrag(datagram).and_then(|u| self.ufrags.get(u)))
                    }
                    stun::Class::SuccessResponse | stun::Class::ErrorResponse => {
                        self.transactions.get(&header.transaction_id).copied()
                    }
                    stun::Class::Indication => ice(self.addresses.get(&remote)),
                };
                if route.is_none() {
                    misses.unknown_ufrag.increment(1);
                }
                route
            }
            Some(Kind::Dtls | Kind::Rtp) => {
                let route = self.addresses.get(&remote).copied();
                if route.is_none() {
                    misses.unknown_address.increment(1);
                }
                route.map(|id| (id, Asker::Ice))
            }
            Some(Kind::TurnChannel) | None => {
                misses.garbage.increment(1);
                None
            }
        }
    }

    /// Puts datagrams of one kind into the batch of their session.
    fn sort(&self, path: Path, segments: Segments, batches: &mut Vec<Batch>) {
        let Some((id, asker)) = self.route(path.remote, segments.contents()) else {
            return;
        };
        if asker == Asker::Gatherer {
            if let Some(route) = self.routes.get(&id) {
                route
                    .gatherer
                    .do_send(ServerAnswer(path, segments.contents().clone()));
            }
            return;
        }
        match batches.iter_mut().find(|(owner, _)| *owner == id) {
            Some((_, batch)) => batch.push((path, segments)),
            None => batches.push((id, vec![(path, segments)])),
        }
    }

    /// Sorts what one wake brought by session, one batch each.
    fn dispatch(&mut self) {
        let mut received = std::mem::take(&mut self.received);
        let mut batches = std::mem::take(&mut self.batches);
        for (path, segments) in received.drain(..) {
            if mixed(&segments) {
                for datagram in segments.iter() {
                    self.sort(path, datagram.into(), &mut batches);
                }
            } else {
                self.sort(path, segments, &mut batches);
            }
        }
        for (id, batch) in batches.drain(..) {
            let (count, bytes) = batch
                .iter()
                .fold((0, 0), |(c, b), (_, s)| (c + s.count(), b + s.len()));
            let gatherers = self.metrics.actor(ActorKind::Gatherer);
            gatherers.traffic(Direction::In, count, bytes);
            let Some(route) = self.routes.get(&id) else {
                continue;
            };
            let Some(ice) = &route.ice else { continue };
            match route.permits.try_acquire() {
                Some(permit) => ice.do_send(GathererToIce::Inbound { batch, permit }),
                None => {
                    let lost: usize = batch.iter().map(|(_, s)| s.count()).sum();
                    self.metrics.gatherer.no_permit.increment(lost as u64);
                }
            }
        }
        self.received = received;
        self.batches = batches;
    }
}

/// Whether joined datagrams are not all DTLS: only those all go the same way.
fn mixed(segments: &Segments) -> bool {
    segments
        .contents()
        .chunks(segments.segment_size().max(1))
        .any(|datagram| classify(datagram) != Some(Kind::Dtls))
}

/// Which addresses stand in host candidates for a bound port.
fn bases(bound: SocketAddr, config: &Config) -> std::io::Result<Vec<Base>> {
    if !config.announce.is_empty() {
        // A 1:1 NAT maps the port on to itself; which interface it maps to is its business.
        let announced = config
            .announce
            .iter()
            .map(|ip| SocketAddr::new(*ip, bound.port()));
        return Ok(vec![Base {
            announced: announced.collect(),
            ..Base::udp(bound)
        }]);
    }
    if !bound.ip().is_unspecified() {
        return Ok(vec![Base::udp(bound)]);
    }
    let addresses = interfaces::addresses(config.loopback)?.into_iter();
    let same_family = addresses.filter(|ip| ip.is_ipv4() == bound.is_ipv4());
    Ok(same_family
        .map(|ip| Base::udp(SocketAddr::new(ip, bound.port())))
        .collect())
}

/// After an error the socket rests for this long: an error that stays must not spin.
const REST_AFTER_ERROR: Duration = Duration::from_millis(10);

/// Reads the socket while the mux lives, and sends what had to wait.
struct Reader {
    mux: Weak<RefCell<State>>,
    resting: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Future for Reader {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mux) = self.mux.upgrade() else {
            return Poll::Ready(());
        };
        let state = &mut *mux.borrow_mut();
        state.waker = Some(cx.waker().clone());
        let _ = state.udp.poll_flush(cx);
        if let Some(resting) = &mut self.resting {
            ready!(resting.as_mut().poll(cx));
            self.resting = None;
        }
        let mut received = std::mem::take(&mut state.received);
        let read = state.udp.poll_recv(cx, &mut received);
        state.received = received;
        if !state.received.is_empty() {
            state.dispatch();
        }
        if let Poll::Ready(Err(error)) = read {
            tracing::debug!(%error, "receiving on a shared UDP port");
            self.resting = Some(Box::pin(tokio::time::sleep(REST_AFTER_ERROR)));
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
