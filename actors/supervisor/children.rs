//! The actors of a session: how they are started, and asked to stop.

use std::sync::Arc;

use actix::prelude::*;

use super::SessionSupervisor;
use crate::base::kind::{ActorKind, ByTransport};
use crate::kit::address::{Delivery, Metered, Neighbour};
use crate::kit::control::{Control, OnShutdown};
use crate::kit::faults::Strike;
use crate::kit::guard::{Exit, Guard};
use crate::kit::mailbox::Mailbox;
use crate::ports::Ports;
use crate::session::connection::Connection;
use crate::session::control::StateChanged;
use crate::session::scope::Scope;

/// What an actor of the session is born with.
pub(crate) struct Born {
    pub(crate) scope: Arc<Scope>,
    pub(crate) supervisor: Recipient<StateChanged>,
    pub(crate) ports: Ports,
    pub(crate) exit: Exit,
}

/// Starts an actor of the session. Whoever sends it knows what to make; the supervisor knows
/// whether, and looks after it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Start {
    kind: ActorKind,
    /// Of a transport that can be renewed: the connection that it is of.
    connection: Option<Arc<Connection>>,
    begin: Box<Begin>,
}

type Begin = dyn FnOnce(&mut SessionSupervisor, &mut Context<SessionSupervisor>) + Send;

impl Start {
    /// An actor that takes over this mailbox.
    pub(crate) fn new<A>(
        mailbox: Mailbox<A>,
        make: impl FnOnce(&mut Context<A>, Born) -> A + Send + 'static,
    ) -> Start
    where
        A: Metered + OnShutdown + Handler<Delivery<Control>>,
    {
        Start {
            kind: A::KIND,
            connection: None,
            begin: Box::new(|supervisor, ctx| supervisor.spawn(ctx, mailbox, make)),
        }
    }

    /// It is of this connection.
    pub(crate) fn on(mut self, connection: &Arc<Connection>) -> Start {
        self.connection = Some(connection.clone());
        self
    }
}

/// An actor of a session. One that took another's place is another child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child {
    pub(super) kind: ActorKind,
    number: u32,
}

/// Those that run, by kind.
#[derive(Default)]
pub(super) struct Children {
    running: ByTransport<Option<Running>>,
    born: u32,
}

struct Running {
    child: Child,
    control: Neighbour<Control>,
    asked_to_stop: bool,
}

impl Children {
    fn next(&mut self, kind: ActorKind) -> Child {
        self.born += 1;
        let number = self.born;
        Child { kind, number }
    }

    fn of(&self, kind: ActorKind) -> Option<&Running> {
        self.running.get(kind)?.as_ref()
    }

    pub(super) fn is_running(&self, kind: ActorKind) -> bool {
        self.of(kind).is_some()
    }

    /// Whether no other has taken its place.
    pub(super) fn knows(&self, child: Child) -> bool {
        self.of(child.kind).is_some_and(|r| r.child == child)
    }

    pub(super) fn was_asked_to_stop(&self, kind: ActorKind) -> bool {
        self.of(kind).is_some_and(|r| r.asked_to_stop)
    }

    /// The topmost that runs of those that `are_meant`.
    pub(super) fn topmost(&self, are_meant: impl Fn(ActorKind) -> bool) -> Option<ActorKind> {
        let from_the_top = ActorKind::ALL.into_iter().rev();
        from_the_top
            .filter(|kind| are_meant(*kind))
            .find(|kind| self.is_running(*kind))
    }

    pub(super) fn ask_to_stop(&mut self, kind: ActorKind) {
        if let Some(Some(child)) = self.running.get_mut(kind)
            && !child.asked_to_stop
        {
            child.asked_to_stop = true;
            child.control.do_send(Control::Shutdown);
        }
    }

    /// Asks it to stop, even if it was asked before, and forgets it: nothing it does from now on
    /// matters.
    pub(super) fn let_go(&mut self, kind: ActorKind) {
        if let Some(child) = self.running.get_mut(kind).and_then(Option::take) {
            child.control.do_send(Control::Shutdown);
        }
    }

    /// It is to fail, in a test.
    pub(super) fn strike(&self, kind: ActorKind, strike: Strike) {
        if let Some(child) = self.of(kind) {
            child.control.do_send(Control::Strike(strike));
        }
    }

    /// It has ended.
    pub(super) fn forget(&mut self, kind: ActorKind) {
        if let Some(place) = self.running.get_mut(kind) {
            *place = None;
        }
    }

    /// Asks all of them, even those that were asked before.
    pub(super) fn stop_all(&self) {
        for child in self.running.iter().filter_map(|(_, child)| child.as_ref()) {
            child.control.do_send(Control::Shutdown);
        }
    }
}

impl SessionSupervisor {
    /// Starts a child under guard and keeps the way to stop it.
    fn spawn<A>(
        &mut self,
        ctx: &mut Context<Self>,
        mailbox: Mailbox<A>,
        make: impl FnOnce(&mut Context<A>, Born) -> A + 'static,
    ) where
        A: Metered + Handler<Delivery<Control>>,
    {
        let kind = A::KIND;
        let child = self.children.next(kind);
        let guard = Guard {
            child,
            parent: ctx.address().recipient(),
            policy: kind.restart_policy(&self.scope.config),
            span: self.scope.span(kind.as_str()),
            metrics: self.scope.metrics.clone(),
        };
        let scope = self.scope.clone();
        let supervisor = ctx.address().recipient();
        let ports = self.ports.clone();
        let mut control = None;
        guard.start(mailbox, |ctx, exit| {
            control = Some(scope.address_of(ctx).neighbour());
            let born = Born {
                scope,
                supervisor,
                ports,
                exit,
            };
            make(ctx, born)
        });
        if let Some(place) = self.children.running.get_mut(kind) {
            *place = control.map(|control| Running {
                child,
                control,
                asked_to_stop: false,
            });
        }
    }

    /// Starts a child, whatever else is the case.
    pub(super) fn begin(&mut self, ctx: &mut Context<Self>, start: Start) {
        (start.begin)(self, ctx);
    }
}

impl Handler<Start> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, start: Start, ctx: &mut Context<Self>) {
        // The lowest of what can be renewed is where something new begins.
        let is_lowest = start.kind.below().is_some_and(|below| !below.is_renewed());
        if let Some(connection) = &start.connection
            && is_lowest
        {
            self.renew(ctx, connection);
        }
        // What is for a connection that was replaced, or on a session that closes, does not start:
        // the dropped mailbox says so.
        let connection = start.connection.as_ref();
        let in_time = connection.is_none_or(|c| Arc::ptr_eq(c, &self.connection));
        if in_time && self.closing.is_none() {
            self.begin(ctx, start);
        }
    }
}
