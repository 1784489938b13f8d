//! The ICE actor: runs the agent, splits what comes from the network, and lets data flow on the
//! selected pair.

mod data;
pub(crate) mod messages;
mod names;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use actix::prelude::*;
use bytes::Bytes;
use proto::Machine;
use proto::ice::{Agent, Event, Parameters, State};
use proto::net::Path;

use self::data::Above;
use self::messages::{AddRemoteCandidate, GetStats, Restart, SetRole, StartIce};
use self::names::Names;
use crate::base::error::{IceError, Reason, TransportError};
use crate::base::event::Event as SessionEvent;
use crate::base::kind::ActorKind;
use crate::base::transport::gatherer::IceGathererState;
use crate::base::transport::ice::IceTransportEvent;
use crate::kit::address::{Neighbour, metered};
use crate::kit::alarm::{Alarm, OnAlarm, now};
use crate::kit::control::OnShutdown;
use crate::kit::guard::Exit;
use crate::metrics::ice::Exported;
use crate::net::busy_poll::BusyPoll;
use crate::session::control::StateChanged;
use crate::session::link::{
    AboveToIce, GathererToIce, IceAbove, IceToGatherer, NetworkToIce, StandsOnIce,
};
use crate::session::scope::Scope;

/// See the [module](self).
pub(crate) struct IceActor {
    pub(crate) scope: Arc<Scope>,
    pub(crate) exit: Exit,
    below: Below,
    supervisor: Recipient<StateChanged>,
    busy_poll: BusyPoll,
    above: Above,
    agent: Agent,
    alarm: Alarm,
    /// The bases of local candidates, for when all of them are gone at once.
    bases: Vec<SocketAddr>,
    /// Whether those above know that they can send.
    writable: bool,
    checks: Vec<(Path, Bytes)>,
    /// Whether the gatherer knows that a pair is chosen.
    chosen: Option<bool>,
    /// When the checks began, until the first pair works.
    began: Option<Instant>,
    exported: Exported,
    names: Names,
}

/// The gatherer as the ICE actor knows it.
#[derive(Clone)]
pub(crate) struct Below {
    pub(crate) gatherer: Neighbour<IceToGatherer>,
    pub(crate) attach: Neighbour<IceAbove>,
}

impl IceActor {
    pub(crate) fn new(
        ctx: &mut Context<Self>,
        scope: Arc<Scope>,
        below: Below,
        supervisor: Recipient<StateChanged>,
        busy_poll: BusyPoll,
        exit: Exit,
    ) -> IceActor {
        let role = **scope.ice.role.load();
        let local = scope.gatherer.parameters.load().as_ref().clone();
        let config = scope.config.ice.clone();
        let mut agent = Agent::with_parameters(config, role, local, scope.random());
        // Until the gatherer says that it has told all.
        agent.set_gathering(now(), true);
        // A lite one is controlled, whatever was wanted.
        scope.ice.role.store(Arc::new(agent.role()));
        let this = scope.address_of(ctx);
        below.attach.do_send(IceAbove {
            network: this.neighbour(),
            gatherer: this.neighbour(),
        });
        IceActor {
            alarm: Alarm::start(ctx),
            scope,
            exit,
            below,
            supervisor,
            busy_poll,
            above: Above::default(),
            agent,
            bases: Vec::new(),
            writable: false,
            checks: Vec::new(),
            chosen: None,
            began: None,
            exported: Exported::default(),
            names: Names::default(),
        }
    }

    /// Takes out of the agent what it has to send and to say.
    fn drain(&mut self, ctx: &mut Context<Self>) {
        let now = now();
        while let Some(transmit) = self.agent.poll_transmit(now) {
            self.checks.push((transmit.path, transmit.datagram));
        }
        if !self.checks.is_empty() {
            self.below
                .gatherer
                .do_send(IceToGatherer::Checks(std::mem::take(&mut self.checks)));
        }
        while let Some(event) = self.agent.poll_event() {
            self.handle_event(ctx, event);
        }
        self.export();
        self.tell_chosen();
        self.tell_writable();
        self.alarm.set(self.agent.poll_timeout());
    }

    /// Tells the gatherer whether it has to keep mappings alive.
    fn tell_chosen(&mut self) {
        let chosen = self.agent.has_chosen();
        if self.chosen.replace(chosen) != Some(chosen) {
            self.below.gatherer.do_send(IceToGatherer::Chosen(chosen));
        }
    }

    /// Exports what the agent has counted.
    fn export(&mut self) {
        let metrics = &self.scope.metrics.ice;
        if self.exported.sync(metrics, self.agent.counters())
            && let Some(rtt) = self.agent.selected_pair().and_then(|pair| pair.rtt)
        {
            metrics.rtt_seconds.record(rtt);
        }
    }

    fn handle_event(&mut self, ctx: &mut Context<Self>, event: Event) {
        let scope = &self.scope;
        match event {
            // The error comes first, and carries the state with it: see `StateCell::fail`.
            Event::Failed(reason) => {
                scope.metrics.ice.failed(reason);
                scope.fail(TransportError::new(ActorKind::Ice, Reason::Ice(reason)));
                self.supervisor.do_send(StateChanged);
            }
            Event::StateChanged(state) => {
                scope.ice.state.set(state);
                if state == State::Connected
                    && let Some(began) = self.began.take()
                {
                    let took = now().duration_since(began);
                    scope.metrics.ice.connected(self.agent.role(), took);
                }
                self.supervisor.do_send(StateChanged);
                if state == State::Closed {
                    ctx.stop();
                }
            }
            Event::SelectedPairChanged(pair) => {
                // So that those above hear of it: what was lost on the old one is sent again.
                self.writable = false;
                scope.metrics.ice.selected(&pair);
                let pair = Arc::new(*pair);
                scope.ice.selected.store(Some(pair.clone()));
                self.send_event(IceTransportEvent::SelectedPairChange(pair));
            }
            Event::Nominated | Event::SelectedPairUpdated => {
                let pair = self.agent.selected_pair().map(Arc::new);
                scope.ice.selected.store(pair);
            }
            Event::RemoteCandidate(candidate) => {
                self.publish_remote_candidates();
                self.send_event(IceTransportEvent::RemoteCandidate(candidate));
            }
            Event::Authenticated(path) => {
                self.below
                    .gatherer
                    .do_send(IceToGatherer::Authenticated(path));
            }
            Event::Answered(path) => self.below.gatherer.do_send(IceToGatherer::Answered(path)),
            Event::Released(path) => self.below.gatherer.do_send(IceToGatherer::Released(path)),
            Event::RoleChanged(role) => scope.ice.role.store(Arc::new(role)),
        }
    }

    fn send_event(&self, event: IceTransportEvent) {
        self.scope.events.send(SessionEvent::Ice(event));
    }

    fn is_started(&self) -> bool {
        self.scope.ice.remote_parameters.load().is_some()
    }

    /// Asks the application for an ICE restart, once until the peer comes with new parameters.
    fn ask_for_restart(&self) {
        if !self.scope.ice.restart_needed.swap(true, Ordering::AcqRel) {
            self.send_event(IceTransportEvent::RestartNeeded);
        }
    }

    fn publish_remote_candidates(&self) {
        let candidates = self.agent.remote_candidates().cloned().collect();
        self.scope.ice.remote_candidates.store(Arc::new(candidates));
    }

    /// New credentials, shown to the application and known to the worker's shared port.
    fn publish_local_parameters(&self, parameters: &Parameters) {
        self.below
            .gatherer
            .do_send(IceToGatherer::Ufrag(parameters.username_fragment.clone()));
        self.scope
            .gatherer
            .parameters
            .store(Arc::new(parameters.clone()));
    }

    fn start(&mut self, remote: Parameters) -> Result<(), IceError> {
        let gatherer = &self.scope.gatherer.state;
        match gatherer.get() {
            IceGathererState::New => return Err(IceError::NotGathered),
            IceGathererState::Closed => return Err(IceError::Closed),
            // Its sockets are gone for good: there is nothing to check from.
            IceGathererState::Failed => {
                let failure = gatherer.failure().map(|error| (*error).clone());
                return Err(failure.map_or(IceError::Closed, IceError::Failed));
            }
            IceGathererState::Gathering | IceGathererState::Complete => {}
        }
        self.agent.start(now(), remote.clone())?;
        let known = self.scope.ice.remote_parameters.load();
        if known.is_none() {
            self.began = Some(now());
        }
        if known.as_deref() != Some(&remote) {
            self.scope
                .ice
                .restart_needed
                .store(false, Ordering::Release);
        }
        self.scope
            .ice
            .remote_parameters
            .store(Some(Arc::new(remote)));
        Ok(())
    }
}

impl Actor for IceActor {
    type Context = Context<Self>;
}

metered!(
    IceActor,
    ActorKind::Ice,
    [
        StartIce,
        AddRemoteCandidate,
        SetRole,
        Restart,
        GetStats,
        NetworkToIce,
        GathererToIce,
        AboveToIce,
        StandsOnIce,
    ]
);

impl Supervised for IceActor {
    /// A fresh agent takes over. Where the old one was started, the new one has new credentials, and
    /// the application is asked for an ICE restart: DTLS and SCTP wait for it. Where not, the peer
    /// may know the credentials already, and they stay.
    ///
    /// Of the old one's own fields nothing is kept but who is below and above, which were given
    /// from outside. The gatherer tells the local candidates again. What the application reads in
    /// the scope stays, since each value there was stored whole: the role, and the peer's
    /// candidates, which the peer will not tell again. That it had no more is forgotten.
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let started = self.is_started();
        if started {
            let lite = self.scope.config.ice.lite;
            let parameters = Parameters::generate(&mut self.scope.random(), lite);
            self.publish_local_parameters(&parameters);
        }
        let above = self.above.successor();
        let (scope, exit) = (self.scope.clone(), self.exit.clone());
        let (below, supervisor) = (self.below.clone(), self.supervisor.clone());
        let busy_poll = self.busy_poll.clone();
        *self = IceActor::new(ctx, scope, below, supervisor, busy_poll, exit);
        self.above = above;
        if started {
            self.scope.ice.selected.store(None);
            if self.scope.ice.state.get() != State::Failed {
                self.scope.ice.state.set(State::Disconnected);
            }
            self.supervisor.do_send(StateChanged);
            self.ask_for_restart();
        } else {
            for candidate in self.scope.ice.remote_candidates.load().iter() {
                // They were taken before.
                let _ = self.agent.add_remote_candidate(now(), candidate.clone());
            }
        }
        self.drain(ctx);
    }
}

impl OnAlarm for IceActor {
    fn on_alarm(&mut self, ctx: &mut Context<Self>) {
        self.agent.handle_timeout(now());
        self.drain(ctx);
    }
}

impl Handler<GathererToIce> for IceActor {
    type Result = ();

    fn handle(&mut self, message: GathererToIce, ctx: &mut Context<Self>) {
        match message {
            GathererToIce::Candidate { candidate, base } => {
                self.bases.push(base);
                self.agent.add_local_candidate(now(), candidate, base);
            }
            GathererToIce::Complete => self.agent.set_gathering(now(), false),
            GathererToIce::BaseLost(base) => {
                self.bases.retain(|known| *known != base);
                self.agent.remove_local_base(now(), base);
            }
            GathererToIce::RestartWanted => self.ask_for_restart(),
            GathererToIce::SendFailed(path) => self.agent.handle_send_error(now(), path),
            GathererToIce::Restarting => {
                // First, so that an agent without candidates does not give up.
                self.agent.set_gathering(now(), true);
                for base in std::mem::take(&mut self.bases) {
                    self.agent.remove_local_base(now(), base);
                }
                if self.is_started() {
                    self.ask_for_restart();
                }
            }
        }
        self.drain(ctx);
    }
}

impl Handler<StartIce> for IceActor {
    type Result = ();

    fn handle(&mut self, message: StartIce, ctx: &mut Context<Self>) {
        let taken = self.start(message.remote);
        self.drain(ctx);
        let _ = message.taken.send(taken);
    }
}

impl Handler<AddRemoteCandidate> for IceActor {
    type Result = ();

    fn handle(&mut self, message: AddRemoteCandidate, ctx: &mut Context<Self>) {
        match message.0 {
            Some(candidate) => self.take_candidate(ctx, candidate),
            None => self.end_candidates(),
        }
        self.drain(ctx);
    }
}

impl Handler<SetRole> for IceActor {
    type Result = ();

    fn handle(&mut self, SetRole(role): SetRole, ctx: &mut Context<Self>) {
        self.agent.set_role(role);
        // Beside a lite side there is no choice.
        self.scope.ice.role.store(Arc::new(self.agent.role()));
        self.drain(ctx);
    }
}

impl Handler<Restart> for IceActor {
    type Result = ();

    fn handle(&mut self, Restart(reply): Restart, ctx: &mut Context<Self>) {
        let parameters = self.agent.restart(now());
        self.forget_end();
        self.publish_local_parameters(&parameters);
        let _ = reply.send(parameters);
        self.drain(ctx);
    }
}

impl Handler<GetStats> for IceActor {
    type Result = ();

    fn handle(&mut self, GetStats(reply): GetStats, _: &mut Context<Self>) {
        let _ = reply.send(self.agent.stats());
    }
}

impl OnShutdown for IceActor {
    fn on_shutdown(&mut self, ctx: &mut Context<Self>) {
        self.exit.asked();
        self.agent.close(now());
        self.drain(ctx);
        self.scope.ice.state.set(State::Closed);
        ctx.stop();
    }
}
