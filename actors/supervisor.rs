//! The supervisor of one session: starts its actors, wires them, and decides what follows when
//! one of them ends.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use tokio::sync::mpsc;

use crate::alarm::{self, Alarm, OnAlarm};
use crate::channel::DataChannel;
use crate::dtls::DtlsActor;
use crate::error::{ActorKind, Reason, TransportError};
use crate::gatherer::GathererActor;
use crate::guard::{ChildFailed, Exit, Guard};
use crate::ice::IceActor;
use crate::link::{Above, DtlsToSctp, GathererToIce, IceToDtls, Shutdown};
use crate::mailbox::{Address, Delivery, Mailbox, Metered, Neighbour};
use crate::metrics::Attempt;
use crate::ports::Ports;
use crate::proto::timer::earlier;
use crate::scope::{FAILED_LINGER, Scope, WeakLease};
use crate::sctp::SctpActor;
use crate::session::Session;
use crate::state::{DtlsTransportState, IceTransportState, SctpTransportState, SessionState};

/// Starts an actor of the session.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum Start {
    /// The ICE actor, above the gatherer.
    Ice(Mailbox<IceActor>, Address<GathererActor>),
    /// The DTLS actor, above ICE.
    Dtls(Mailbox<DtlsActor>, Address<IceActor>),
    /// The SCTP actor, above DTLS.
    Sctp {
        mailbox: Mailbox<SctpActor>,
        below: Address<DtlsActor>,
        lease: WeakLease,
        incoming: mpsc::Sender<DataChannel>,
    },
}

/// Closes the session in good order, and in bounded time.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Close;

/// Closes a transport and everything above it.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct CloseFrom(pub(crate) ActorKind);

/// An actor's state changed: whoever is above or beside may be concerned.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct StateChanged;

/// Supervises the actors of one session. It takes [`commands`](crate::commands) as messages.
pub struct SessionSupervisor {
    pub(crate) scope: Arc<Scope>,
    pub(crate) exit: Exit,
    /// The handles of the application, while there are any.
    lease: WeakLease,
    ports: Ports,
    children: [Option<Running>; 4],
    alarm: Alarm,
    /// Since when, and up to when the session closes.
    closing: Option<Closing>,
    connect_deadline: Option<Instant>,
    grace_deadline: Option<Instant>,
    /// When a session ends whose DTLS or SCTP has failed.
    linger_deadline: Option<Instant>,
    opened: Instant,
    connected: bool,
}

impl std::fmt::Debug for SessionSupervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionSupervisor")
            .field("session", &self.scope.id)
            .finish_non_exhaustive()
    }
}

struct Running {
    shutdown: Neighbour<Shutdown>,
    asked_to_stop: bool,
}

#[derive(Clone, Copy)]
struct Closing {
    down_to: ActorKind,
    deadline: Instant,
}

impl SessionSupervisor {
    pub(crate) fn new(
        ctx: &mut Context<Self>,
        scope: Arc<Scope>,
        lease: WeakLease,
        ports: Ports,
        gatherer: Mailbox<GathererActor>,
        exit: Exit,
    ) -> SessionSupervisor {
        let opened = alarm::now();
        let mut this = SessionSupervisor {
            connect_deadline: Some(opened + scope.config.connect_timeout),
            alarm: Alarm::start(ctx),
            ports,
            children: Default::default(),
            closing: None,
            grace_deadline: None,
            linger_deadline: None,
            opened,
            connected: false,
            lease,
            exit,
            scope,
        };
        this.start_gatherer(ctx, gatherer);
        this.set_alarm();
        this
    }

    fn start_gatherer(&mut self, ctx: &mut Context<Self>, mailbox: Mailbox<GathererActor>) {
        let (scope, ports) = (self.scope.clone(), self.ports.clone());
        self.spawn(ctx, ActorKind::Gatherer, mailbox, move |ctx, exit| {
            GathererActor::new(ctx, scope, ports, exit)
        });
    }

    /// Starts a child under guard and keeps the way to stop it.
    fn spawn<A>(
        &mut self,
        ctx: &mut Context<Self>,
        kind: ActorKind,
        mailbox: Mailbox<A>,
        make: impl FnOnce(&mut Context<A>, Exit) -> A + 'static,
    ) where
        A: Metered + Supervised + Handler<Delivery<Shutdown>>,
    {
        let policy = match kind {
            ActorKind::Gatherer => Some(self.scope.config.gatherer_restart),
            ActorKind::Ice => Some(self.scope.config.ice_restart),
            // Their keys and their state are gone with them.
            ActorKind::Dtls | ActorKind::Sctp | ActorKind::Supervisor => None,
        };
        let guard = Guard {
            child: kind,
            parent: ctx.address().recipient(),
            policy,
            span: self.scope.span(kind.as_str()),
            metrics: self.scope.metrics.clone(),
        };
        let scope = self.scope.clone();
        let mut shutdown = None;
        guard.start(mailbox, |ctx, exit| {
            shutdown = Some(Address::of(ctx, &scope).neighbour());
            make(ctx, exit)
        });
        if let Some(shutdown) = shutdown {
            self.children[kind as usize] = Some(Running {
                shutdown,
                asked_to_stop: false,
            });
        }
    }

    /// The session as the application has it, while any of its handles is left.
    pub(crate) fn session(&self) -> Option<Session> {
        Session::of(self.lease.upgrade()?)
    }

    fn is_running(&self, kind: ActorKind) -> bool {
        self.children[kind as usize].is_some()
    }

    /// Asks the topmost living actor that is to go; the next follows when it has gone.
    fn go_on_closing(&mut self, ctx: &mut Context<Self>) {
        let Some(closing) = self.closing else { return };
        let next = ActorKind::ALL
            .into_iter()
            .rev()
            .filter(|kind| *kind >= closing.down_to)
            .find(|kind| self.is_running(*kind));
        match next {
            Some(kind) => self.ask_to_stop(kind),
            None if closing.down_to == ActorKind::Gatherer => ctx.stop(),
            None => self.closing = None,
        }
    }

    fn ask_to_stop(&mut self, kind: ActorKind) {
        if let Some(child) = &mut self.children[kind as usize]
            && !child.asked_to_stop
        {
            child.asked_to_stop = true;
            child.shutdown.do_send(Shutdown);
        }
    }

    fn close_from(&mut self, ctx: &mut Context<Self>, kind: ActorKind) {
        let deadline = alarm::now() + self.scope.config.close_timeout;
        self.closing = Some(match self.closing {
            Some(closing) => Closing {
                down_to: closing.down_to.min(kind),
                ..closing
            },
            None => Closing {
                down_to: kind,
                deadline,
            },
        });
        // What was never created is closed all the same.
        self.close_state_if_absent(ActorKind::Sctp, kind);
        self.close_state_if_absent(ActorKind::Dtls, kind);
        self.close_state_if_absent(ActorKind::Ice, kind);
        self.go_on_closing(ctx);
        self.set_alarm();
    }

    fn close_state_if_absent(&self, kind: ActorKind, from: ActorKind) {
        if kind < from || self.is_running(kind) {
            return;
        }
        match kind {
            ActorKind::Sctp => self.scope.sctp.state.set(SctpTransportState::Closed),
            ActorKind::Dtls => self.scope.dtls.state.set(DtlsTransportState::Closed),
            ActorKind::Ice => self.scope.ice.state.set(IceTransportState::Closed),
            ActorKind::Gatherer | ActorKind::Supervisor => false,
        };
    }

    /// The session's own state follows those of its transports (W3C webrtc-pc §4.3.3).
    fn derive_state(&mut self) {
        use IceTransportState as Ice;
        let scope = &self.scope;
        let (ice, dtls, sctp) = (
            scope.ice.state.get(),
            scope.dtls.state.get(),
            scope.sctp.state.get(),
        );
        let state = match (ice, dtls, sctp) {
            (Ice::Failed, _, _)
            | (_, DtlsTransportState::Failed, _)
            | (_, _, SctpTransportState::Failed) => SessionState::Failed,
            (Ice::Disconnected, _, _) => SessionState::Disconnected,
            (Ice::New, DtlsTransportState::New, SctpTransportState::New) => SessionState::New,
            (
                Ice::Connected | Ice::Completed,
                DtlsTransportState::Connected,
                SctpTransportState::Connected,
            ) => SessionState::Connected,
            _ => SessionState::Connecting,
        };
        if state == SessionState::Connected && !self.connected {
            self.connected = true;
            self.connect_deadline = None;
            self.scope.place.connected();
            self.scope.touch(alarm::now());
            let took = alarm::now().duration_since(self.opened);
            let process = &self.scope.metrics.process;
            process.session_connect_seconds.record(took);
            process.attempts.add(Attempt::Connected, 1);
        }
        // Last: who waited for the state finds it counted.
        if self
            .closing
            .is_none_or(|c| c.down_to != ActorKind::Gatherer)
        {
            self.scope.session.set(state);
        }
    }

    /// What the transports' states mean for the session's life.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        self.derive_state();
        // A failed ICE transport may be restarted. Keys and associations cannot come back: their
        // failure is shown for a moment, then the peer is to notice.
        let ice_failed = self.scope.ice.state.get() == IceTransportState::Failed;
        // Where its actor is gone for good, or its sockets are, nothing can restart it either.
        let ice_failed =
            ice_failed && self.is_running(ActorKind::Ice) && self.is_running(ActorKind::Gatherer);
        let failed = self.scope.session.get() == SessionState::Failed;
        let (grace, linger) = (self.scope.config.ice_grace, FAILED_LINGER);
        let now = alarm::now();
        let since = |deadline: Option<Instant>, on: bool, after| match on {
            true => deadline.or(Some(now + after)),
            false => None,
        };
        self.grace_deadline = since(self.grace_deadline, ice_failed, grace);
        self.linger_deadline = since(self.linger_deadline, failed && !ice_failed, linger);
        let lost = |kind| TransportError::new(kind, Reason::LowerLayer);
        if self.scope.dtls.state.get() == DtlsTransportState::Failed {
            if !matches!(
                self.scope.sctp.state.get(),
                SctpTransportState::Failed | SctpTransportState::Closed
            ) {
                self.scope.fail(lost(ActorKind::Sctp));
            }
            self.ask_to_stop(ActorKind::Sctp);
        }
        // The peer has closed, or the transport came to its end: nothing can follow on it.
        let over = |closed: bool, running: bool| closed && running;
        let dtls = self.scope.dtls.state.get();
        let sctp = self.scope.sctp.state.get();
        if self.closing.is_none()
            && (over(
                dtls == DtlsTransportState::Closed,
                self.is_running(ActorKind::Ice),
            ) || over(
                sctp == SctpTransportState::Closed,
                self.is_running(ActorKind::Dtls),
            ))
        {
            self.close_from(ctx, ActorKind::Gatherer);
        }
        self.set_alarm();
    }

    fn set_alarm(&self) {
        let closing = self.closing.map(|c| c.deadline);
        let life = earlier(self.connect_deadline, self.grace_deadline);
        let life = earlier(life, self.linger_deadline);
        let life = earlier(life, self.idle_deadline());
        self.alarm.set(earlier(closing, life));
    }

    /// When the session ends unless the application sends or receives something before.
    fn idle_deadline(&self) -> Option<Instant> {
        let timeout = self.scope.config.idle_timeout?;
        let waits = self.connected && self.closing.is_none();
        waits.then(|| self.scope.last_active() + timeout)
    }

    /// Gives up on the session as a whole.
    fn give_up(&mut self, ctx: &mut Context<Self>, error: TransportError) {
        let (actor, reason) = (error.actor, error.reason);
        if self.scope.session.fail(error) {
            self.scope.metrics.failed(actor, reason);
        }
        self.close_from(ctx, ActorKind::Gatherer);
    }
}

impl Actor for SessionSupervisor {
    type Context = Context<Self>;
}

impl Supervised for SessionSupervisor {}

impl OnAlarm for SessionSupervisor {
    fn on_alarm(&mut self, ctx: &mut Context<Self>) {
        let now = Some(alarm::now());
        if self.closing.is_some_and(|c| Some(c.deadline) <= now) {
            // Out of patience: dropping everything frees it.
            ctx.stop();
        } else if self.connect_deadline.is_some_and(|d| Some(d) <= now) {
            self.connect_deadline = None;
            let stuck = match self.scope.ice.state.get() {
                IceTransportState::Connected | IceTransportState::Completed => ActorKind::Dtls,
                _ => ActorKind::Ice,
            };
            self.give_up(ctx, TransportError::new(stuck, Reason::ConnectTimeout));
        } else if self.grace_deadline.is_some_and(|d| Some(d) <= now) {
            self.grace_deadline = None;
            self.give_up(ctx, TransportError::new(ActorKind::Ice, Reason::IceFailed));
        } else if self.linger_deadline.is_some_and(|d| Some(d) <= now) {
            self.linger_deadline = None;
            self.close_from(ctx, ActorKind::Gatherer);
        } else if self.idle_deadline().is_some_and(|d| Some(d) <= now) {
            self.give_up(
                ctx,
                TransportError::new(ActorKind::Supervisor, Reason::Idle),
            );
        }
        self.set_alarm();
    }
}

impl Handler<Start> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, start: Start, ctx: &mut Context<Self>) {
        // A session that closes starts nothing: the dropped mailbox says so.
        if self.closing.is_some() {
            return;
        }
        let scope = self.scope.clone();
        let supervisor = ctx.address().recipient::<StateChanged>();
        match start {
            Start::Ice(mailbox, below) => {
                let gatherer = below.neighbour();
                self.spawn(ctx, ActorKind::Ice, mailbox, move |ctx, exit| {
                    let above = Address::of(ctx, &scope).neighbour();
                    below.do_send(Above::<GathererToIce>(above));
                    IceActor::new(ctx, scope, gatherer, supervisor, exit)
                });
            }
            Start::Dtls(mailbox, below) => {
                let ice = below.neighbour();
                self.spawn(ctx, ActorKind::Dtls, mailbox, move |ctx, exit| {
                    let above = Address::of(ctx, &scope).neighbour();
                    below.do_send(Above::<IceToDtls>(above));
                    DtlsActor::new(ctx, scope, ice, supervisor, exit)
                });
            }
            Start::Sctp {
                mailbox,
                below,
                lease,
                incoming,
            } => {
                let dtls = below.neighbour();
                self.spawn(ctx, ActorKind::Sctp, mailbox, move |ctx, exit| {
                    let above = Address::of(ctx, &scope).neighbour();
                    below.do_send(Above::<DtlsToSctp>(above));
                    SctpActor::new(ctx, scope, dtls, supervisor, lease, incoming, exit)
                });
            }
        }
    }
}

impl Handler<ChildFailed<ActorKind>> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, message: ChildFailed<ActorKind>, ctx: &mut Context<Self>) {
        let ChildFailed {
            child,
            end,
            restarting,
        } = message;
        let asked = self.children[child as usize]
            .as_ref()
            .is_some_and(|c| c.asked_to_stop);
        if !restarting {
            self.children[child as usize] = None;
        }
        let in_order = asked && end == crate::guard::End::Stopped;
        if !in_order {
            let error = end.into_error(child);
            if restarting {
                let reason = error.reason.as_str();
                tracing::warn!(actor = child.as_str(), reason, "restarting: {error}");
                self.scope.metrics.actor(child).restarted();
                self.scope.metrics.failed(child, error.reason);
                self.scope.events.error(&error);
            } else {
                // What has failed already does not fail again, and yet nothing is swallowed.
                if !self.scope.fail(error.clone()) {
                    self.scope.metrics.failed(child, error.reason);
                    self.scope.events.error(&error);
                }
                // Without sockets ICE has nothing to stand on; SCTP follows DTLS in `settle`.
                if child == ActorKind::Gatherer {
                    self.scope
                        .fail(TransportError::new(ActorKind::Ice, Reason::LowerLayer));
                }
            }
        }
        self.go_on_closing(ctx);
        self.settle(ctx);
    }
}

impl Handler<StateChanged> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, _: StateChanged, ctx: &mut Context<Self>) {
        self.settle(ctx);
    }
}

impl Handler<Close> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) {
        self.close_from(ctx, ActorKind::Gatherer);
    }
}

impl Handler<CloseFrom> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, message: CloseFrom, ctx: &mut Context<Self>) {
        self.close_from(ctx, message.0);
    }
}

impl Drop for SessionSupervisor {
    fn drop(&mut self) {
        for child in self.children.iter().flatten() {
            child.shutdown.do_send(Shutdown);
        }
        let lived = alarm::now().duration_since(self.opened);
        self.scope.metrics.process.session_seconds.record(lived);
        match self.exit.failure() {
            // The supervisor itself is what failed: the session closes.
            Some(end) => {
                self.scope.fail(end.into_error(ActorKind::Supervisor));
                self.scope.end();
            }
            None if self.closing.is_some() => self.scope.end(),
            // Nobody asked for this end: the worker is going down with all that is on it.
            None => self.scope.lose(Reason::WorkerLost),
        }
        if !self.connected {
            let failed = self.scope.failure().is_some();
            let result = if failed {
                Attempt::Failed
            } else {
                Attempt::Abandoned
            };
            self.scope.metrics.process.attempts.add(result, 1);
        }
    }
}
