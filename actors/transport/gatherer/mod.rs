//! The Gatherer actor: owns a session's sockets and its share of the worker's port, finds local
//! candidates, and moves datagrams between the network and the ICE actor.

mod bases;
mod candidates;
mod datagrams;
pub(crate) mod messages;
mod relay;
mod servers;
mod tcp;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use proto::Machine;
use proto::gather::{self, Gatherer, IceServer, Policy};
use proto::ice::Candidate;
use proto::net::{Path, Segments};
use proto::timer::earlier;
use tokio::sync::oneshot;

use self::datagrams::ReadSockets;
use self::messages::{Gather, GetStats};
use self::relay::Relays;
use self::servers::look_up;
use self::tcp::Connections;
use crate::base::error::GatherError;
use crate::base::event::Event;
use crate::base::kind::ActorKind;
use crate::base::transport::gatherer::{IceGathererEvent, IceGathererState};
use crate::kit::address::metered;
use crate::kit::alarm::{Alarm, OnAlarm, now};
use crate::kit::control::OnShutdown;
use crate::kit::guard::Exit;
use crate::metrics::gatherer::Exported;
use crate::net::hosts::HostsChanged;
use crate::net::udp::Udp;
use crate::ports::Ports;
use crate::ports::mux::MuxShare;
use crate::ports::mux::messages::MuxToGatherer;
use crate::session::link::{GathererToIce, IceAbove, IceToGatherer};
use crate::session::permits::{INBOUND_BATCHES, Permit, Permits};
use crate::session::scope::Scope;

/// See the [module](self).
pub(crate) struct GathererActor {
    pub(crate) scope: Arc<Scope>,
    pub(crate) exit: Exit,
    above: Option<IceAbove>,
    permits: Permits,
    ports: Ports,
    /// Its share in the worker's port.
    share: Option<MuxShare>,
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
    exported: Exported,
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
            Policy::Relay => Ports::default(),
        };
        let ufrag = &scope.gatherer.parameters.load().username_fragment;
        let share = ports.mux.as_ref().map(|mux| {
            let gatherer = scope.address_of(ctx).neighbour();
            let share = mux.share(gatherer, permits.clone());
            share.add_ufrag(ufrag);
            share
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
            share,
            sockets: HashMap::new(),
            connections,
            candidates: Vec::new(),
            servers: None,
            received: Vec::new(),
            permit: None,
            closing: false,
            began: None,
            exported: Exported::default(),
            subscriber: ctx.address().recipient(),
        }
    }

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

    fn send_event(&self, event: IceGathererEvent) {
        self.scope.events.send(Event::Gatherer(event));
    }

    fn tell_ice(&self, message: GathererToIce) {
        if let Some(above) = &self.above {
            above.gatherer.do_send(message);
        }
    }

    /// Tells the ICE actor everything that there is to know, and from now on what is new.
    fn attach(&mut self, above: IceAbove) {
        if let Some(share) = &self.share {
            share.set_ice(above.network.clone());
        }
        self.above = Some(above);
        for (candidate, base) in &self.candidates {
            self.tell_ice(GathererToIce::Candidate {
                candidate: candidate.clone(),
                base: *base,
            });
        }
        if self.scope.gatherer.state.get() == IceGathererState::Complete {
            self.tell_ice(GathererToIce::Complete);
        }
    }
}

impl Actor for GathererActor {
    type Context = Context<Self>;
}

metered!(
    GathererActor,
    ActorKind::Gatherer,
    [Gather, GetStats, MuxToGatherer, IceToGatherer, IceAbove]
);

impl Supervised for GathererActor {
    /// A fresh gatherer takes over: sockets, candidates and routes are made anew. What it keeps was
    /// given to the other from outside and never written by it: the scope, the worker's ports, who
    /// is above, and the servers that the application has named.
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let (scope, ports, exit) = (self.scope.clone(), self.ports.clone(), self.exit.clone());
        let above = self.above.take();
        let servers = self.servers.take();
        // First of all: routes and ports are free for the fresh one.
        self.share = None;
        self.sockets.clear();
        self.connections.close();
        *self = GathererActor::new(ctx, scope, ports, exit);
        self.scope.gatherer.candidates.store(Arc::default());
        if let Some(above) = above {
            above.gatherer.do_send(GathererToIce::Restarting);
            self.attach(above);
        }
        if let Some(servers) = servers {
            self.begin(ctx, servers, None);
        }
    }
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

impl Handler<GetStats> for GathererActor {
    type Result = ();

    fn handle(&mut self, GetStats(reply): GetStats, _: &mut Context<Self>) {
        let _ = reply.send(self.machine.counters());
    }
}

impl Handler<IceAbove> for GathererActor {
    type Result = ();

    fn handle(&mut self, above: IceAbove, _: &mut Context<Self>) {
        self.attach(above);
    }
}

impl Handler<MuxToGatherer> for GathererActor {
    type Result = ();

    fn handle(&mut self, message: MuxToGatherer, ctx: &mut Context<Self>) {
        match message {
            MuxToGatherer::Answer(path, datagram) => {
                self.machine.handle_datagram(now(), path, &datagram);
            }
            MuxToGatherer::Lost => self.lose_mux(),
            MuxToGatherer::Restored => self.regain_mux(),
        }
        self.drain(ctx);
    }
}

impl OnShutdown for GathererActor {
    fn on_shutdown(&mut self, ctx: &mut Context<Self>) {
        self.exit.asked();
        self.machine.close(now());
        self.share = None;
        self.sockets.clear();
        self.connections.close();
        self.above = None;
        self.relays.close(now());
        self.closing = true;
        self.drain(ctx);
    }
}
