//! The Gatherer actor: owns a session's sockets and its share of the worker's port, finds local
//! candidates, and moves datagrams between the network and the ICE actor.

mod dns;
mod handle;
mod hosts;
pub(crate) mod interfaces;
pub(crate) mod messages;
pub(crate) mod metrics;
mod readiness;
mod relay;
mod stream;
mod tcp;
mod tls;
pub(crate) mod udp;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use std::time::Instant;

use actix::fut::ActorFuture;
use actix::prelude::*;
use bytes::Bytes;
use tokio::sync::oneshot;

pub use handle::IceGatherer;
pub use tls::{TlsRoots, TlsRootsError};

use crate::alarm::{Alarm, OnAlarm, now};
use crate::error::{ActorKind, GatherError, Reason, TransportError};
use crate::event::{Event, IceCandidateError, IceGathererEvent};
use crate::gatherer::hosts::HostsChanged;
use crate::gatherer::messages::{FromMux, Gather};
use crate::gatherer::relay::{RelayEvent, Relays};
use crate::gatherer::tcp::Connections;
use crate::gatherer::udp::{Sent, Udp, is_passing};
use crate::guard::Exit;
use crate::link::{
    Above, GathererToIce, INBOUND_BATCHES, IceToGatherer, Permit, Permits, Shutdown,
};
use crate::mailbox::{Address, Neighbour, metered};
use crate::metrics::Direction;
use crate::mux::MuxLease;
use crate::ports::Ports;
use crate::proto::Machine;
use crate::proto::gather::{
    self, ACTIVE_PORT, Gathered, GatheredKind, Gatherer, IceServer, Lookup, Policy,
};
use crate::proto::ice::{Candidate, TcpType};
use crate::proto::net::{Path, Protocol, Segments};
use crate::proto::timer::earlier;
use crate::scope::Scope;
use crate::state::IceGathererState;

/// See the [module](self).
pub(crate) struct GathererActor {
    pub(crate) scope: Arc<Scope>,
    pub(crate) exit: Exit,
    above: Option<Neighbour<GathererToIce>>,
    permits: Permits,
    ports: Ports,
    lease: Option<MuxLease>,
    sockets: HashMap<SocketAddr, Udp>,
    connections: Connections,
    relays: Relays,
    machine: Gatherer,
    alarm: Alarm,
    candidates: Vec<(Candidate, SocketAddr)>,
    /// What `gather` was given, once it was called: a fresh gatherer asks them again.
    servers: Option<Vec<IceServer>>,
    received: Vec<(Path, Segments)>,
    /// Held while nothing has been received for it yet.
    permit: Option<Permit>,
    /// Allocations are being given back; the actor ends when that is done.
    closing: bool,
    began: Option<Instant>,
    exported: metrics::Exported,
    /// Where changes of the host's addresses are told.
    subscriber: Recipient<HostsChanged>,
}

impl GathererActor {
    pub(crate) fn new(
        ctx: &mut Context<Self>,
        scope: Arc<Scope>,
        ports: Ports,
        exit: Exit,
    ) -> GathererActor {
        ctx.spawn(ReadSockets);
        let permits = Permits::new(INBOUND_BATCHES);
        let mut config = scope.config.gather.clone();
        config.policy = scope.options.policy.unwrap_or(config.policy);
        // Where only relays are wanted, nothing is to be reached otherwise.
        let ports = match config.policy {
            Policy::All => ports,
            Policy::Relay => Ports {
                busy_poll: ports.busy_poll,
                ..Ports::default()
            },
        };
        let ufrag = &scope.gatherer.parameters.load().username_fragment;
        let lease = ports.mux.as_ref().map(|mux| {
            let gatherer = Address::of(ctx, &scope).neighbour();
            let lease = mux.lease(gatherer, permits.clone());
            lease.add_ufrag(ufrag);
            lease
        });
        let mut connections = Connections::new(&ports, ctx.address().recipient());
        connections.set_ufrag(ufrag);
        GathererActor {
            machine: Gatherer::new(config, scope.random()),
            alarm: Alarm::start(ctx),
            relays: Relays::new(scope.clone()),
            scope,
            exit,
            above: None,
            permits,
            ports,
            lease,
            sockets: HashMap::new(),
            connections,
            candidates: Vec::new(),
            servers: None,
            received: Vec::new(),
            permit: None,
            closing: false,
            began: None,
            exported: metrics::Exported::default(),
            subscriber: ctx.address().recipient(),
        }
    }

    /// Opens sockets and begins to gather.
    fn gather(
        &mut self,
        ctx: &mut Context<Self>,
        servers: &[IceServer],
    ) -> Result<(), GatherError> {
        let now = now();
        // Before anything else: a URL that makes no sense is the caller's error.
        for server in servers {
            server
                .parse()
                .map_err(|error| GatherError::BadServer(error.to_string()))?;
        }
        self.began = Some(now);
        for base in self.open_bases().map_err(GatherError::Failed)? {
            self.add_base(base);
        }
        if let Err(error) = self.machine.start(now, servers) {
            return Err(GatherError::BadServer(error.to_string()));
        }
        self.drain(ctx);
        Ok(())
    }

    /// Takes out of the machine what it has to send and to say.
    fn drain(&mut self, ctx: &mut Context<Self>) {
        let now = now();
        loop {
            self.handle_relays();
            while let Some(transmit) = self.machine.poll_transmit(now) {
                self.send_request(transmit.path, transmit.datagram);
            }
            let Some(event) = self.machine.poll_event() else {
                break;
            };
            match event {
                gather::Event::StateChanged(state) => self.state_changed(state),
                gather::Event::Candidate(gathered) => self.found(&gathered),
                gather::Event::Lookup(lookup) => look_up(ctx, lookup),
                gather::Event::Allocate(allocation) => self.relays.open(allocation),
                gather::Event::ServerFailed(failed) => {
                    self.server_failed(failed.url.as_str(), failed.code(), failed.text());
                }
            }
        }
        let (counters, metrics) = (self.machine.counters(), &self.scope.metrics.gatherer);
        self.exported.sync(metrics, counters);
        let deadline = earlier(self.machine.poll_timeout(), self.relays.poll_timeout());
        self.alarm.set(deadline);
        if self.closing && self.relays.is_empty() {
            self.scope.gatherer.state.set(IceGathererState::Closed);
            ctx.stop();
        }
    }

    /// Tells the machine what became of its allocations.
    fn handle_relays(&mut self) {
        let now = now();
        while let Some(event) = self.relays.poll_event() {
            match event {
                RelayEvent::Allocated {
                    id,
                    relayed,
                    mapped,
                } => self.machine.handle_allocated(now, id, relayed, mapped),
                RelayEvent::RefreshFailed { url, failure } => {
                    self.server_failed(url.as_str(), failure.code(), failure.to_string());
                }
                RelayEvent::Failed {
                    id,
                    relayed,
                    failure,
                } => {
                    self.machine.handle_allocation_failed(now, id, failure);
                    if let Some(relayed) = relayed {
                        self.forget_base(relayed);
                    }
                }
            }
        }
    }

    fn server_failed(&self, url: &str, code: u16, text: String) {
        tracing::debug!(url, code, text, "ICE server");
        let url = url.to_owned();
        let error = IceCandidateError { url, code, text };
        self.send_event(IceGathererEvent::CandidateError(error));
    }

    fn state_changed(&mut self, state: gather::State) {
        match state {
            gather::State::Gathering => {
                self.scope.gatherer.state.set(IceGathererState::Gathering);
            }
            gather::State::Complete => {
                self.scope.gatherer.state.set(IceGathererState::Complete);
                self.tell_ice(GathererToIce::Complete);
            }
            // The actor closes the state itself, when its sockets are gone.
            gather::State::New | gather::State::Closed => {}
        }
    }

    fn found(&mut self, gathered: &Gathered) {
        let Gathered {
            address,
            base,
            related,
            protocol,
            preference,
            ..
        } = *gathered;
        // The server is part of the foundation (RFC 8445 §5.1.1.3).
        let server = gathered.server.map_or(base.ip(), |server| server.ip());
        let related = related.unwrap_or(base);
        let candidate = match gathered.kind {
            GatheredKind::Host => Candidate::host(address, protocol),
            GatheredKind::ServerReflexive => {
                Candidate::server_reflexive(address, related, protocol, server)
            }
            GatheredKind::Relayed => Candidate::relayed(address, related, server),
        };
        let is_active = protocol == Protocol::Tcp && base.port() == ACTIVE_PORT;
        let candidate = match is_active {
            true => candidate.with_tcp_type(TcpType::Active),
            false => candidate,
        };
        let candidate = candidate.with_type_preference(preference);
        let metrics = &self.scope.metrics.gatherer;
        metrics.found(gathered.kind, protocol);
        if let Some(began) = self.began {
            let took = now().duration_since(began);
            metrics.gather_seconds.record(gathered.kind.into(), took);
        }
        self.candidates.push((candidate.clone(), base));
        self.show_candidates();
        self.send_event(IceGathererEvent::Candidate(candidate.clone()));
        self.tell_ice(GathererToIce::Candidate { candidate, base });
    }

    fn show_candidates(&self) {
        let candidates = self.candidates.iter().map(|(candidate, _)| candidate);
        let shown = candidates.cloned().collect();
        self.scope.gatherer.candidates.store(Arc::new(shown));
    }

    fn send_event(&self, event: IceGathererEvent) {
        self.scope.events.send(Event::Gatherer(event));
    }

    fn tell_ice(&self, message: GathererToIce) {
        if let Some(ice) = &self.above {
            ice.do_send(message);
        }
    }

    /// Moves what the sockets have to the ICE actor, one batch a wake.
    fn poll_sockets(&mut self, ctx: &mut Context<Self>, cx: &mut Cx<'_>) {
        let mut lost = Vec::new();
        let has_any =
            !self.sockets.is_empty() || !self.relays.is_empty() || !self.connections.is_empty();
        if !has_any && self.relays.is_quiet() {
            // All that comes, comes by the worker's shared port.
            return self.relays.watch(cx);
        }
        if self.permit.is_none()
            && let Poll::Ready(permit) = self.permits.poll_acquire(cx)
        {
            self.permit = Some(permit);
        }
        // Without one the session is slow: its datagrams wait in the socket, or are lost there.
        let may_read = self.permit.is_some();
        for (base, udp) in &mut self.sockets {
            let _ = udp.poll_flush(cx);
            if !may_read {
                continue;
            }
            match udp.poll_recv(cx, &mut self.received) {
                Poll::Ready(Err(error)) if !is_passing(&error) => lost.push((*base, error)),
                Poll::Ready(Err(_)) => cx.waker().wake_by_ref(),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        let mut batch = std::mem::take(&mut self.received);
        let answered = !batch.is_empty() && self.machine.state() != gather::State::New;
        if answered {
            batch.retain(|(path, segments)| !self.is_for_us(*path, segments));
        }
        self.relays.poll(cx, may_read, &mut batch);
        for path in self.connections.poll(cx, may_read, &mut batch) {
            self.tell_ice(GathererToIce::SendFailed(path));
        }
        if answered || !self.relays.is_quiet() {
            self.drain(ctx);
        }
        if !batch.is_empty() {
            self.ports.busy_poll.arrived();
            count(&self.scope, Direction::In, batch.iter().map(|(_, s)| s));
            if let Some(ice) = &self.above
                && let Some(permit) = self.permit.take()
            {
                ice.do_send(GathererToIce::Inbound { batch, permit });
            }
        }
        for (base, error) in lost {
            self.lose_socket(ctx, base, &error);
        }
    }

    /// Whether a datagram is a STUN server's answer.
    fn is_for_us(&mut self, path: Path, segments: &Segments) -> bool {
        segments.count() == 1
            && self
                .machine
                .handle_datagram(now(), path, segments.contents())
    }

    fn lose_socket(&mut self, ctx: &mut Context<Self>, base: SocketAddr, error: &std::io::Error) {
        tracing::warn!(%base, %error, "socket lost");
        self.sockets.remove(&base);
        self.remove_base(base);
        if self.sockets.is_empty() {
            let reason = Reason::SocketLost;
            let error = TransportError::with_details(ActorKind::Gatherer, reason, error);
            self.exit.fail(ctx, error);
        }
    }

    /// A socket is gone, and its candidates with it.
    fn remove_base(&mut self, base: SocketAddr) {
        self.machine.remove_base(now(), base);
        self.forget_base(base);
    }

    /// The same for a socket or an allocation that the machine does not know any more.
    fn forget_base(&mut self, base: SocketAddr) {
        self.candidates.retain(|(_, b)| *b != base);
        self.show_candidates();
        self.tell_ice(GathererToIce::BaseLost(base));
    }

    fn send(&mut self, path: Path, segments: &Segments) {
        count(&self.scope, Direction::Out, std::iter::once(segments));
        let sent = self.send_elsewhere(path, segments);
        let sent = match (sent, &self.lease, self.sockets.get_mut(&path.local)) {
            (Some(sent), ..) => sent,
            (None, Some(lease), _) => lease.send(path, segments),
            (None, None, Some(udp)) => udp.send(path, segments),
            (None, None, None) => Sent::Refused,
        };
        self.after_send(path, sent, segments.count());
    }

    /// By TCP, or by a relay; `None` when the path is neither.
    fn send_elsewhere(&mut self, path: Path, segments: &Segments) -> Option<Sent> {
        let sent = self.connections.send(path, segments);
        sent.or_else(|| self.relays.send(path, segments))
    }

    fn send_check(&mut self, path: Path, datagram: Bytes) {
        let segments = Segments::from(datagram);
        count(&self.scope, Direction::Out, std::iter::once(&segments));
        let sent = self.send_elsewhere(path, &segments);
        let sent = match (sent, &self.lease, self.sockets.get_mut(&path.local)) {
            (Some(sent), ..) => sent,
            (None, Some(lease), _) => lease.send_check(path, segments.contents().clone()),
            (None, None, Some(udp)) => udp.send(path, &segments),
            (None, None, None) => Sent::Refused,
        };
        self.after_send(path, sent, 1);
    }

    /// Asks a STUN server.
    fn send_request(&mut self, path: Path, datagram: Bytes) {
        let sent = match (&self.lease, self.sockets.get_mut(&path.local)) {
            (Some(lease), _) => lease.send_request(path, datagram),
            (None, Some(udp)) => udp.send(path, &Segments::from(datagram)),
            (None, None) => Sent::Refused,
        };
        if sent == Sent::Refused {
            self.machine.handle_unreachable(now(), path);
        }
    }

    /// Lets out what a batch has put into relays.
    fn flush_relays(&mut self, ctx: &mut Context<Self>) {
        if !self.relays.is_empty() {
            self.relays.flush();
            self.drain(ctx);
        }
    }

    fn after_send(&self, path: Path, sent: Sent, datagrams: usize) {
        if sent != Sent::Accepted {
            self.scope
                .metrics
                .gatherer
                .send_refused
                .increment(datagrams as u64);
        }
        if sent == Sent::Refused {
            self.tell_ice(GathererToIce::SendFailed(path));
        }
    }
}

fn count<'a>(scope: &Scope, direction: Direction, batch: impl Iterator<Item = &'a Segments>) {
    let (datagrams, bytes) = batch.fold((0, 0), |(count, bytes), s| {
        (count + s.count(), bytes + s.len())
    });
    scope
        .metrics
        .actor(ActorKind::Gatherer)
        .traffic(direction, datagrams, bytes);
}

impl Actor for GathererActor {
    type Context = Context<Self>;
}

metered!(
    GathererActor,
    ActorKind::Gatherer,
    [Gather, FromMux, IceToGatherer, Above<GathererToIce>, Shutdown]
);

impl Supervised for GathererActor {
    /// A fresh gatherer takes over: sockets, candidates and routes are made anew.
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let (scope, ports, exit) = (self.scope.clone(), self.ports.clone(), self.exit.clone());
        let above = self.above.take();
        let servers = self.servers.take();
        // First of all: routes and ports are free for the fresh one.
        self.lease = None;
        self.sockets.clear();
        self.connections.close();
        *self = GathererActor::new(ctx, scope, ports, exit);
        self.scope.gatherer.candidates.store(Arc::default());
        if let Some(ice) = above {
            ice.do_send(GathererToIce::Restarting);
            self.attach(ice);
        }
        if let Some(servers) = servers {
            self.begin(ctx, servers, None);
        }
    }
}

impl GathererActor {
    /// Gathers, and says how that began.
    fn begin(
        &mut self,
        ctx: &mut Context<Self>,
        servers: Vec<IceServer>,
        begun: Option<oneshot::Sender<Result<(), GatherError>>>,
    ) {
        let result = self.gather(ctx, &servers);
        self.servers = Some(servers);
        if let Err(GatherError::Failed(error)) = &result {
            // The state will tell, after the error event.
            self.exit.clone().fail(ctx, error.clone());
        } else if let Some(begun) = begun {
            let _ = begun.send(result);
        }
    }

    fn attach(&mut self, ice: Neighbour<GathererToIce>) {
        if let Some(lease) = &self.lease {
            lease.set_ice(ice.clone());
        }
        for (candidate, base) in &self.candidates {
            ice.do_send(GathererToIce::Candidate {
                candidate: candidate.clone(),
                base: *base,
            });
        }
        if self.scope.gatherer.state.get() == IceGathererState::Complete {
            ice.do_send(GathererToIce::Complete);
        }
        self.above = Some(ice);
    }
}

/// Looks a name up without holding anything else back.
fn look_up(ctx: &mut Context<GathererActor>, lookup: Lookup) {
    let Lookup { id, name, port, .. } = lookup;
    let query = async move { dns::look_up(&name, port).await };
    ctx.spawn(
        actix::fut::wrap_future(query).map(move |found, actor: &mut GathererActor, ctx| {
            actor
                .machine
                .handle_lookup(now(), id, found.as_deref().map_err(|error| *error));
            actor.drain(ctx);
        }),
    );
}

impl OnAlarm for GathererActor {
    fn on_alarm(&mut self, ctx: &mut Context<Self>) {
        self.machine.handle_timeout(now());
        self.relays.handle_timeout(now());
        self.drain(ctx);
    }
}

impl Handler<Gather> for GathererActor {
    type Result = ();

    fn handle(&mut self, message: Gather, ctx: &mut Context<Self>) {
        match self.scope.gatherer.state.get() {
            IceGathererState::New => self.begin(ctx, message.servers, Some(message.begun)),
            // A second call joins the first; the state tells the rest.
            _ => {
                let _ = message.begun.send(Ok(()));
            }
        }
    }
}

impl Handler<Above<GathererToIce>> for GathererActor {
    type Result = ();

    fn handle(&mut self, Above(ice): Above<GathererToIce>, _: &mut Context<Self>) {
        self.attach(ice);
    }
}

impl Handler<FromMux> for GathererActor {
    type Result = ();

    fn handle(&mut self, message: FromMux, ctx: &mut Context<Self>) {
        match message {
            FromMux::Answer(path, datagram) => {
                self.machine.handle_datagram(now(), path, &datagram);
            }
            FromMux::Lost => self.lose_mux(),
            FromMux::Restored => self.regain_mux(),
        }
        self.drain(ctx);
    }
}

impl Handler<IceToGatherer> for GathererActor {
    type Result = ();

    fn handle(&mut self, message: IceToGatherer, ctx: &mut Context<Self>) {
        #[cfg(feature = "chaos")]
        if crate::chaos::Victim::is_struck(self, ctx) {
            return;
        }
        match message {
            IceToGatherer::Checks(checks) => {
                for (path, datagram) in checks {
                    self.send_check(path, datagram);
                }
                self.flush_relays(ctx);
            }
            IceToGatherer::Data { path, segments } => {
                for segments in &segments {
                    self.send(path, segments);
                }
                self.flush_relays(ctx);
            }
            // What a relay brings is the session's own.
            IceToGatherer::Authenticated(path)
            | IceToGatherer::Answered(path)
            | IceToGatherer::Released(path)
                if self.relays.has(path.local) => {}
            // As is what comes on a connection.
            IceToGatherer::Authenticated(path) if path.protocol == Protocol::Tcp => {
                self.connections.authenticated(&path);
            }
            IceToGatherer::Answered(path) | IceToGatherer::Released(path)
                if path.protocol == Protocol::Tcp => {}
            IceToGatherer::Ufrag(ufrag) => {
                self.connections.set_ufrag(&ufrag);
                if let Some(lease) = &self.lease {
                    lease.add_ufrag(&ufrag);
                }
            }
            IceToGatherer::Authenticated(path) => {
                if let Some(lease) = &self.lease {
                    lease.authenticated(path);
                }
            }
            IceToGatherer::Answered(path) => {
                if let Some(lease) = &self.lease {
                    lease.answered(path);
                }
            }
            IceToGatherer::Released(path) => {
                if let Some(lease) = &self.lease {
                    lease.release(path);
                }
            }
        }
    }
}

impl Handler<Shutdown> for GathererActor {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        self.exit.asked();
        self.machine.close(now());
        self.lease = None;
        self.sockets.clear();
        self.connections.close();
        self.above = None;
        self.relays.close(now());
        self.closing = true;
        self.drain(ctx);
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
