//! The supervisor of one session: starts its actors, wires them, and decides what follows when
//! one of them ends.

mod children;
mod deadlines;

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;

pub(crate) use self::children::Start;
use self::children::{Child, Children};
use self::deadlines::Deadlines;
use crate::alarm::{self, Alarm};
use crate::connection::Connection;
use crate::error::{ActorKind, Reason, TransportError};
use crate::event::{Event, SessionEvent};
use crate::gatherer::GathererActor;
use crate::guard::{ChildFailed, End, Exit};
use crate::mailbox::Mailbox;
use crate::metrics::Attempt;
use crate::ports::Ports;
use crate::scope::{Scope, WeakLease};
use crate::session::Session;
use crate::state::{DtlsTransportState, IceTransportState, SctpTransportState, SessionState};

/// Closes the session in good order, and in bounded time.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Close;

/// Closes a transport and everything above it.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum CloseFrom {
    /// From the ICE transport up.
    Ice,
    /// From the DTLS transport of this connection up.
    Dtls(Arc<Connection>),
    /// The SCTP transport of this connection.
    Sctp(Arc<Connection>),
}

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
    children: Children,
    /// What runs on ICE. The application's may be newer for a moment.
    connection: Arc<Connection>,
    alarm: Alarm,
    /// Since when, and up to when the session closes.
    closing: Option<Closing>,
    deadlines: Deadlines,
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
            deadlines: Deadlines::new(opened + scope.config.connect_timeout),
            connection: scope.connection(),
            alarm: Alarm::start(ctx),
            ports,
            children: Children::default(),
            closing: None,
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

    /// The session as the application has it, while any of its handles is left.
    pub(crate) fn session(&self) -> Option<Session> {
        Session::of(self.lease.upgrade()?)
    }

    /// Asks the topmost living actor that is to go; the next follows when it has gone.
    fn go_on_closing(&mut self, ctx: &mut Context<Self>) {
        let Some(closing) = self.closing else { return };
        match self.children.topmost(closing.down_to) {
            Some(kind) => self.children.ask_to_stop(kind),
            None if closing.down_to == ActorKind::Gatherer => ctx.stop(),
            None => self.closing = None,
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
        if kind < from || self.children.is_running(kind) {
            return;
        }
        let connection = &self.connection;
        match kind {
            ActorKind::Sctp => connection.sctp.state.set(SctpTransportState::Closed),
            ActorKind::Dtls => connection.dtls.state.set(DtlsTransportState::Closed),
            ActorKind::Ice => self.scope.ice.state.set(IceTransportState::Closed),
            ActorKind::Gatherer | ActorKind::Supervisor => false,
        };
    }

    /// Another connection follows one that is over. Where the session closes already, it does not.
    fn renew(&mut self, ctx: &mut Context<Self>, connection: &Arc<Connection>) {
        let closes = self.closing.is_some_and(|c| c.down_to < ActorKind::Dtls)
            || self.scope.ice.state.get() == IceTransportState::Closed;
        if closes || Arc::ptr_eq(connection, &self.connection) {
            return;
        }
        // What follows from the end of the old one comes before the new one.
        self.derive_state();
        self.lose_sctp();
        // Their successors do not wait for them.
        self.dismiss(ActorKind::Dtls);
        self.connection = connection.clone();
        self.closing = None;
        self.scope.touch(alarm::now());
        self.deadlines.connect = Some(alarm::now() + self.scope.config.connect_timeout);
        self.settle(ctx);
    }

    /// Lets SCTP, or DTLS and SCTP, go: nothing that they do from now on matters.
    fn dismiss(&mut self, down_to: ActorKind) {
        // First: an association that is closed has nothing left to say, and its actor ends at once.
        self.connection.sctp.close();
        if down_to == ActorKind::Dtls {
            self.connection.dtls.state.set(DtlsTransportState::Closed);
        }
        while let Some(kind) = self.children.topmost(down_to) {
            self.children.let_go(kind);
        }
    }

    /// SCTP cannot live without its DTLS connection.
    fn lose_sctp(&mut self) {
        if self.connection.dtls.state.get() != DtlsTransportState::Failed {
            return;
        }
        use SctpTransportState as S;
        if !matches!(self.connection.sctp.state.get(), S::Failed | S::Closed) {
            self.fail(TransportError::new(ActorKind::Sctp, Reason::LowerLayer));
        }
        self.children.ask_to_stop(ActorKind::Sctp);
    }

    fn fail(&self, error: TransportError) -> bool {
        self.scope.fail_on(&self.connection, error)
    }

    /// The session's own state follows those of its transports (W3C webrtc-pc §4.3.3).
    fn derive_state(&mut self) {
        use IceTransportState as Ice;
        let (ice, dtls, sctp) = (
            self.scope.ice.state.get(),
            self.connection.dtls.state.get(),
            self.connection.sctp.state.get(),
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
        if state == SessionState::Connected {
            self.deadlines.connect = None;
        }
        if state == SessionState::Connected && !self.connected {
            self.connected = true;
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
        self.lose_sctp();
        // The peer has closed, or the transport came to its end: nothing can follow on it.
        let dtls = self.connection.dtls.state.get() == DtlsTransportState::Closed;
        let sctp = self.connection.sctp.state.get() == SctpTransportState::Closed;
        if self.closing.is_none() && (dtls || sctp) && self.children.is_running(ActorKind::Dtls) {
            self.close_from(ctx, ActorKind::Gatherer);
        }
        self.wait_for_another_chance();
        self.set_alarm();
    }

    /// An actor has ended whose place is another's. It is nobody's failure any more, and yet it is
    /// not swallowed.
    fn note_end(&self, actor: ActorKind, end: End) {
        if end != End::Stopped {
            let error = end.into_error(actor);
            let reason = error.reason.as_str();
            tracing::warn!(
                actor = actor.as_str(),
                reason,
                "after it was replaced: {error}"
            );
            self.scope.metrics.failed(actor, error.reason);
        }
    }

    /// Gives up on the session as a whole.
    fn give_up(&mut self, ctx: &mut Context<Self>, error: TransportError) {
        self.scope.metrics.failed(error.actor, error.reason);
        // What has failed already does not fail again, and yet nothing is swallowed.
        if !self.scope.session.fail(error.clone()) {
            let error = SessionEvent::Error(error);
            self.scope.events.send(Event::Session(error));
        }
        self.close_from(ctx, ActorKind::Gatherer);
    }
}

impl Actor for SessionSupervisor {
    type Context = Context<Self>;
}

impl Supervised for SessionSupervisor {}

impl Handler<ChildFailed<Child>> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, message: ChildFailed<Child>, ctx: &mut Context<Self>) {
        let ChildFailed {
            child,
            end,
            restarting,
        } = message;
        if !self.children.knows(child) {
            return self.note_end(child.kind, end);
        }
        let child = child.kind;
        let asked = self.children.was_asked_to_stop(child);
        if !restarting {
            self.children.forget(child);
        }
        let in_order = asked && end == End::Stopped;
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
                if !self.fail(error.clone()) {
                    self.scope.metrics.failed(child, error.reason);
                    self.scope.events.error(&error);
                }
                // Without sockets ICE has nothing to stand on; SCTP follows DTLS in `settle`.
                if child == ActorKind::Gatherer {
                    self.fail(TransportError::new(ActorKind::Ice, Reason::LowerLayer));
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
        let (kind, connection) = match &message {
            CloseFrom::Ice => (ActorKind::Ice, &self.connection),
            CloseFrom::Dtls(connection) => (ActorKind::Dtls, connection),
            CloseFrom::Sctp(connection) => (ActorKind::Sctp, connection),
        };
        // One that another follows is closed.
        if Arc::ptr_eq(connection, &self.connection) {
            self.close_from(ctx, kind);
        }
    }
}

impl Drop for SessionSupervisor {
    fn drop(&mut self) {
        self.children.stop_all();
        let lived = alarm::now().duration_since(self.opened);
        self.scope.metrics.process.session_seconds.record(lived);
        let told = self.scope.connection();
        if !Arc::ptr_eq(&told, &self.connection) {
            // The application has renewed it, and this came before.
            self.connection.close();
        }
        match self.exit.failure() {
            // The supervisor itself is what failed: the session closes.
            Some(end) => {
                self.fail(end.into_error(ActorKind::Supervisor));
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
