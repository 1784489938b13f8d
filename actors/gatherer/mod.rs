//! The Gatherer actor: owns a session's sockets and its share of the worker's port, finds local
//! candidates, and moves datagrams between the network and the ICE actor.

mod handle;
pub(crate) mod interfaces;
pub(crate) mod messages;
pub(crate) mod udp;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};

use actix::fut::ActorFuture;
use actix::prelude::*;
use bytes::Bytes;

pub use handle::IceGatherer;

use crate::error::{ActorKind, Reason, TransportError};
use crate::event::{Event, IceGathererEvent};
use crate::gatherer::messages::Gather;
use crate::gatherer::udp::{Sent, Udp};
use crate::guard::Exit;
use crate::link::{
    Above, GathererToIce, INBOUND_BATCHES, IceToGatherer, Permit, Permits, Shutdown,
};
use crate::metrics::Direction;
use crate::mux::{Mux, MuxLease};
use crate::proto::ice::Candidate;
use crate::proto::net::{Path, Protocol, Segments};
use crate::scope::Scope;
use crate::state::IceGathererState;

/// See the [module](self).
pub(crate) struct GathererActor {
    scope: Arc<Scope>,
    exit: Exit,
    above: Option<Recipient<GathererToIce>>,
    permits: Permits,
    mux: Option<Mux>,
    lease: Option<MuxLease>,
    sockets: HashMap<SocketAddr, Udp>,
    candidates: Vec<(Candidate, SocketAddr)>,
    received: Vec<(Path, Segments)>,
    /// Held while nothing has been received for it yet.
    permit: Option<Permit>,
}

impl GathererActor {
    pub(crate) fn new(
        ctx: &mut Context<Self>,
        scope: Arc<Scope>,
        mux: Option<Mux>,
        exit: Exit,
    ) -> GathererActor {
        ctx.spawn(ReadSockets);
        GathererActor {
            scope,
            exit,
            above: None,
            permits: Permits::new(INBOUND_BATCHES),
            mux,
            lease: None,
            sockets: HashMap::new(),
            candidates: Vec::new(),
            received: Vec::new(),
            permit: None,
        }
    }

    fn gather(&mut self) -> Result<(), TransportError> {
        self.scope.gatherer.state.set(IceGathererState::Gathering);
        let bases = match &self.mux {
            Some(mux) => mux.bases(),
            None => self.bind_sockets()?,
        };
        for (base, announced) in bases {
            let shown = announced.map_or(base, |ip| SocketAddr::new(ip, base.port()));
            self.found(Candidate::host(shown, Protocol::Udp), base);
        }
        self.scope.gatherer.state.set(IceGathererState::Complete);
        self.tell_ice(GathererToIce::Complete);
        Ok(())
    }

    /// One socket for each usable address.
    fn bind_sockets(&mut self) -> Result<Vec<(SocketAddr, Option<std::net::IpAddr>)>, TransportError> {
        let fail = |reason, error: &dyn std::fmt::Display| {
            TransportError::with_details(ActorKind::Gatherer, reason, error)
        };
        let config = &self.scope.config;
        let addresses = interfaces::addresses(config.loopback)
            .map_err(|error| fail(Reason::SocketBind, &error))?;
        let mut last_error = None;
        for ip in addresses {
            match Udp::bind(SocketAddr::new(ip, 0), config.socket_buffer) {
                Ok(udp) => {
                    self.sockets.insert(udp.bound(), udp);
                }
                // One address that cannot be bound (an IPv6 one that is tentative, say) does not
                // hold back the others.
                Err(error) => {
                    tracing::debug!(%ip, %error, "cannot bind");
                    last_error = Some(format!("{ip}: {error}"));
                }
            }
        }
        if self.sockets.is_empty() {
            let why = last_error.unwrap_or_else(|| "this host has no address".into());
            return Err(fail(Reason::SocketBind, &why));
        }
        Ok(self.sockets.keys().map(|base| (*base, None)).collect())
    }

    fn found(&mut self, candidate: Candidate, base: SocketAddr) {
        self.candidates.push((candidate.clone(), base));
        let shown = self.candidates.iter().map(|(candidate, _)| candidate.clone()).collect();
        self.scope.gatherer.candidates.store(Arc::new(shown));
        self.scope.events.send(Event::Gatherer(IceGathererEvent::Candidate(candidate.clone())));
        self.tell_ice(GathererToIce::Candidate { candidate, base });
    }

    fn tell_ice(&self, message: GathererToIce) {
        if let Some(ice) = &self.above {
            ice.do_send(message);
        }
    }

    /// Moves what the sockets have to the ICE actor, one batch a wake.
    fn poll_sockets(&mut self, ctx: &mut Context<Self>, cx: &mut Cx<'_>) {
        let Some(ice) = &self.above else { return };
        let mut lost = Vec::new();
        for (base, udp) in &mut self.sockets {
            let _ = udp.poll_flush(cx);
            if self.permit.is_none() {
                match self.permits.poll_acquire(cx) {
                    Poll::Ready(permit) => self.permit = Some(permit),
                    // The session is slow: its datagrams wait in the socket, or are lost there.
                    Poll::Pending => continue,
                }
            }
            match udp.poll_recv(cx, &mut self.received) {
                Poll::Ready(Err(error)) if !is_passing(&error) => lost.push((*base, error)),
                Poll::Ready(Err(_)) => cx.waker().wake_by_ref(),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        if !self.received.is_empty()
            && let Some(permit) = self.permit.take()
        {
            let batch = std::mem::take(&mut self.received);
            count(&self.scope, Direction::In, batch.iter().map(|(_, s)| s));
            ice.do_send(GathererToIce::Inbound { batch, permit });
        }
        for (base, error) in lost {
            self.lose_socket(ctx, base, &error);
        }
    }

    fn lose_socket(&mut self, ctx: &mut Context<Self>, base: SocketAddr, error: &std::io::Error) {
        tracing::warn!(session = %self.scope.id, %base, %error, "socket lost");
        self.sockets.remove(&base);
        self.candidates.retain(|(_, b)| *b != base);
        self.tell_ice(GathererToIce::BaseLost(base));
        if self.sockets.is_empty() {
            let reason = Reason::SocketLost;
            let error = TransportError::with_details(ActorKind::Gatherer, reason, error);
            self.exit.fail(ctx, error);
        }
    }

    fn send(&mut self, path: Path, segments: &Segments) {
        count(&self.scope, Direction::Out, std::iter::once(segments));
        let sent = match (&self.lease, self.sockets.get_mut(&path.local)) {
            (Some(lease), _) => lease.send(path, segments),
            (None, Some(udp)) => udp.send(path, segments),
            (None, None) => Sent::Refused,
        };
        self.after_send(path, sent, segments.count());
    }

    fn send_check(&mut self, path: Path, datagram: Bytes) {
        count(&self.scope, Direction::Out, std::iter::once(&Segments::from(datagram.clone())));
        let sent = match (&self.lease, self.sockets.get_mut(&path.local)) {
            (Some(lease), _) => lease.send_check(path, datagram),
            (None, Some(udp)) => udp.send(path, &Segments::from(datagram)),
            (None, None) => Sent::Refused,
        };
        self.after_send(path, sent, 1);
    }

    fn after_send(&self, path: Path, sent: Sent, datagrams: usize) {
        if sent != Sent::Accepted {
            self.scope.metrics.gatherer.send_refused.increment(datagrams as u64);
        }
        if sent == Sent::Refused {
            self.tell_ice(GathererToIce::SendFailed(path));
        }
    }
}

/// Errors that a UDP socket reports for a datagram and gets over.
fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::Interrupted
    )
}

fn count<'a>(scope: &Scope, direction: Direction, batch: impl Iterator<Item = &'a Segments>) {
    let (datagrams, bytes) =
        batch.fold((0, 0), |(count, bytes), s| (count + s.count(), bytes + s.len()));
    scope.metrics.actor(ActorKind::Gatherer).traffic(direction, datagrams, bytes);
}

impl Actor for GathererActor {
    type Context = Context<Self>;
}

impl Supervised for GathererActor {
    /// A fresh gatherer takes over: sockets, candidates and routes are made anew.
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let (scope, mux, exit) = (self.scope.clone(), self.mux.clone(), self.exit.clone());
        let above = self.above.take();
        let had_gathered = self.scope.gatherer.state.get() == IceGathererState::Complete;
        *self = GathererActor::new(ctx, scope, mux, exit);
        self.scope.gatherer.candidates.store(Arc::default());
        if let Some(ice) = above {
            ice.do_send(GathererToIce::Restarting);
            ctx.notify(Above(ice));
        }
        if had_gathered
            && let Err(error) = self.gather()
        {
            self.exit.clone().fail(ctx, error);
        }
    }
}

impl Handler<Gather> for GathererActor {
    type Result = ();

    fn handle(&mut self, message: Gather, ctx: &mut Context<Self>) {
        match self.scope.gatherer.state.get() {
            // A second call joins the first.
            IceGathererState::Gathering | IceGathererState::Complete => {
                let _ = message.begun.send(Ok(()));
            }
            IceGathererState::New | IceGathererState::Failed | IceGathererState::Closed => {
                let _ = message.begun.send(Ok(()));
                if let Err(error) = self.gather() {
                    self.exit.clone().fail(ctx, error);
                }
            }
        }
    }
}

impl Handler<Above<GathererToIce>> for GathererActor {
    type Result = ();

    fn handle(&mut self, Above(ice): Above<GathererToIce>, _: &mut Context<Self>) {
        if let Some(mux) = &self.mux {
            let lease = mux.lease(ice.clone(), self.permits.clone());
            lease.add_ufrag(&self.scope.gatherer.parameters.load().username_fragment);
            self.lease = Some(lease);
        }
        for (candidate, base) in &self.candidates {
            ice.do_send(GathererToIce::Candidate { candidate: candidate.clone(), base: *base });
        }
        if self.scope.gatherer.state.get() == IceGathererState::Complete {
            ice.do_send(GathererToIce::Complete);
        }
        self.above = Some(ice);
    }
}

impl Handler<IceToGatherer> for GathererActor {
    type Result = ();

    fn handle(&mut self, message: IceToGatherer, _: &mut Context<Self>) {
        match message {
            IceToGatherer::Checks(checks) => {
                for (path, datagram) in checks {
                    self.send_check(path, datagram);
                }
            }
            IceToGatherer::Data { path, segments } => {
                for segments in &segments {
                    self.send(path, segments);
                }
            }
            IceToGatherer::Ufrag(ufrag) => {
                if let Some(lease) = &self.lease {
                    lease.add_ufrag(&ufrag);
                }
            }
            IceToGatherer::Authenticated(path) => {
                if let Some(lease) = &self.lease {
                    lease.add_address(path.remote);
                }
            }
            IceToGatherer::Released(path) => {
                if let Some(lease) = &self.lease {
                    lease.remove_address(path.remote);
                }
            }
        }
    }
}

impl Handler<Shutdown> for GathererActor {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        self.lease = None;
        self.sockets.clear();
        self.scope.gatherer.state.set(IceGathererState::Closed);
        ctx.stop();
    }
}

/// Reads the actor's sockets whenever it is polled.
struct ReadSockets;

impl ActorFuture<GathererActor> for ReadSockets {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut GathererActor,
        ctx: &mut Context<GathererActor>,
        cx: &mut Cx<'_>,
    ) -> Poll<()> {
        actor.poll_sockets(ctx, cx);
        Poll::Pending
    }
}
