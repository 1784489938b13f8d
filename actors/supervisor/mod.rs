//! The supervisor of one session: starts its actors, wires them, and decides what follows when
//! one of them ends.

mod children;
mod closing;
mod deadlines;

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;

pub(crate) use self::children::Start;
use self::children::{Child, Children};
use self::closing::Closing;
use self::deadlines::Deadlines;
use crate::base::error::{Reason, TransportError};
use crate::base::kind::{ActorKind, Counts};
use crate::base::state::Phase;
use crate::base::transport::session::SessionState;
use crate::kit::alarm::{self, Alarm};
use crate::kit::faults::{Strike, strike, victim};
use crate::kit::guard::{ChildFailed, End, Exit};
use crate::metrics::Attempt;
use crate::ports::Ports;
use crate::session::connection::Connection;
use crate::session::control::{CloseFrom, StateChanged};
use crate::session::lease::WeakLease;
use crate::session::scope::Scope;

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

impl SessionSupervisor {
    /// The supervisor of a session that begins with this transport.
    pub(crate) fn new(
        ctx: &mut Context<Self>,
        scope: Arc<Scope>,
        lease: WeakLease,
        ports: Ports,
        first: Start,
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
        this.begin(ctx, first);
        this.set_alarm();
        this
    }

    /// The handles of the application, while there are any.
    pub(crate) fn lease(&self) -> &WeakLease {
        &self.lease
    }

    /// What the state of a transport comes to. The application's connection may be newer than ours
    /// for a moment.
    fn phase(&self, kind: ActorKind) -> Phase {
        let phase = self.scope.phase(&self.connection, kind);
        phase.unwrap_or(Phase::New)
    }

    /// Another connection follows one that is over. Where the session closes already, it does not.
    fn renew(&mut self, ctx: &mut Context<Self>, connection: &Arc<Connection>) {
        let closes = |closing: &Closing| closing.includes(ActorKind::Ice);
        let closes = self.closing.as_ref().is_some_and(closes);
        let closes = closes || self.phase(ActorKind::Ice) == Phase::Closed;
        if closes || Arc::ptr_eq(connection, &self.connection) {
            return;
        }
        // What follows from the end of the old one comes before the new one.
        self.derive_state();
        self.fall();
        // Their successors do not wait for them.
        self.dismiss(ActorKind::is_renewed);
        self.connection = connection.clone();
        self.closing = None;
        self.scope.touch(alarm::now());
        self.deadlines.connect = Some(alarm::now() + self.scope.config.connect_timeout);
        self.settle(ctx);
    }

    /// Lets the transports go that `are_meant`, all of which can be renewed: nothing that they do
    /// from now on matters.
    fn dismiss(&mut self, are_meant: impl Fn(ActorKind) -> bool) {
        // First: an association that is closed has nothing left to say, and its actor ends at once.
        for kind in ActorKind::ALL.into_iter().rev().filter(|k| are_meant(*k)) {
            if let Some(member) = self.scope.member(&self.connection, kind) {
                member.close();
            }
        }
        while let Some(kind) = self.children.topmost(&are_meant) {
            self.children.let_go(kind);
        }
    }

    /// What cannot live without the transport below falls with it. An association has nothing left to
    /// do then; ICE ends with its session. Returns whether something fell.
    fn fall(&mut self) -> bool {
        let mut fell = false;
        for kind in ActorKind::ALL {
            let below = kind.below().filter(|_| kind.falls_with_below());
            if below.is_none_or(|below| self.phase(below) != Phase::Failed) {
                continue;
            }
            if !matches!(self.phase(kind), Phase::Failed | Phase::Closed) {
                fell |= self.fail(TransportError::new(kind, Reason::LowerLayer));
            }
            if kind.is_renewed() {
                self.children.ask_to_stop(kind);
            }
        }
        fell
    }

    fn fail(&self, error: TransportError) -> bool {
        self.scope.fail_on(&self.connection, error)
    }

    /// The session's own state follows those of its transports (W3C webrtc-pc §4.3.3).
    fn derive_state(&mut self) {
        let counted = |kind: &ActorKind| match kind.counts() {
            Counts::Always => true,
            Counts::WhereThereIsOne => {
                let member = self.scope.member(&self.connection, *kind);
                member.is_some_and(|member| member.cell().is_taken())
            }
            Counts::Not => false,
        };
        let counted = ActorKind::ALL.into_iter().filter(counted);
        let phases: Vec<Phase> = counted.map(|kind| self.phase(kind)).collect();
        let all_are = |phase| phases.iter().all(|of| *of == phase);
        let state = if phases.contains(&Phase::Failed) {
            SessionState::Failed
        } else if phases.contains(&Phase::Disconnected) {
            SessionState::Disconnected
        } else if all_are(Phase::New) {
            SessionState::New
        } else if all_are(Phase::Connected) {
            SessionState::Connected
        } else {
            SessionState::Connecting
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
        let whole = |closing: &Closing| closing.is_of_the_session();
        if !self.closing.as_ref().is_some_and(whole) {
            self.scope.session.set(state);
        }
    }

    /// What the transports' states mean for the session's life.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        self.derive_state();
        if self.fall() {
            self.derive_state();
        }
        // The peer has closed, or the transport came to its end: nothing can follow on it.
        let ended = |kind: ActorKind| {
            kind.is_renewed()
                && kind.counts() == Counts::Always
                && self.phase(kind) == Phase::Closed
        };
        let over = ActorKind::ALL.into_iter().any(ended);
        if self.closing.is_none() && over && self.children.is_running(ActorKind::Dtls) {
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
        self.scope.give_up(error);
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
                self.scope.tell_failure(error);
            } else {
                self.scope.fail_or_tell(&self.connection, error);
                // Before the state of the session is derived; what can be renewed falls after that.
                if !child.is_renewed() {
                    self.fall();
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

impl Handler<CloseFrom> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, message: CloseFrom, ctx: &mut Context<Self>) {
        let connection = message.connection.as_ref();
        // One that another follows is closed.
        if connection.is_none_or(|c| Arc::ptr_eq(c, &self.connection)) {
            self.close_from(ctx, message.kind);
        }
    }
}

victim!(SessionSupervisor, ActorKind::Supervisor);

/// Fails, or has one of its actors fail, in a test.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct StrikeChild {
    pub(crate) actor: ActorKind,
    pub(crate) strike: Strike,
}

impl Handler<StrikeChild> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, message: StrikeChild, ctx: &mut Context<Self>) {
        match message.actor {
            ActorKind::Supervisor => strike(self, ctx, message.strike),
            actor => self.children.strike(actor, message.strike),
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
            self.connection.members.close();
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
