//! A worker's shared UDP port: many sessions on one socket, and who gets which datagram.
//!
//! The rules of routing, and of who may have which address, are in [`route`](crate::proto::route).

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix::Recipient;
use bytes::Bytes;

use crate::alarm::now;
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
use crate::proto::route::{Asker, Claim, Routes, Tables};
use crate::proto::stun;

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
    routes: Routes<RouteId>,
    sessions: HashMap<RouteId, Session>,
    next: RouteId,
    /// Reused from wake to wake.
    received: Vec<(Path, Segments)>,
    batches: Vec<Batch>,
    /// Wakes the reader, which also flushes, when something waits to be sent.
    waker: Option<std::task::Waker>,
}

/// To whom a session's traffic goes.
struct Session {
    gatherer: Recipient<ServerAnswer>,
    /// `None` until there is an ICE transport.
    ice: Option<Recipient<GathererToIce>>,
    permits: Permits,
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
            routes: Routes::new(config.ice.consent_timeout, Tables::default()),
            sessions: HashMap::new(),
            next: 0,
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
    pub(crate) fn set_ice(&self, ice: Recipient<GathererToIce>) {
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

    fn count(&self, claim: Claim) {
        if claim == Claim::Taken {
            self.metrics.gatherer.address_taken.increment(1);
        }
    }

    /// Puts datagrams of one kind into the batch of their session.
    fn sort(&mut self, path: Path, segments: Segments, batches: &mut Vec<Batch>) {
        let (id, asker) = match self.routes.route(path.remote, segments.contents()) {
            Ok(found) => found,
            Err(miss) => {
                let misses = &self.metrics.gatherer.misses[miss as usize];
                return misses.increment(segments.count() as u64);
            }
        };
        if asker == Asker::Gatherer {
            if let Some(session) = self.sessions.get(&id) {
                session
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
            let Some(session) = self.sessions.get(&id) else {
                continue;
            };
            let Some(ice) = &session.ice else { continue };
            match session.permits.try_acquire() {
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
