//! The actors of a session: how they are started, and asked to stop.

use std::sync::Arc;

use actix::prelude::*;

use super::{SessionSupervisor, StateChanged};
use crate::connection::Connection;
use crate::dtls::DtlsActor;
use crate::error::ActorKind;
use crate::gatherer::GathererActor;
use crate::guard::{Exit, Guard};
use crate::ice::IceActor;
use crate::link::{Above, DtlsToSctp, GathererToIce, IceToDtls, Shutdown};
use crate::mailbox::{Address, Delivery, Mailbox, Metered, Neighbour};
use crate::sctp::{Application, SctpActor};

/// Starts an actor of the session.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum Start {
    /// The ICE actor, above the gatherer.
    Ice(Mailbox<IceActor>, Address<GathererActor>),
    /// The DTLS actor of a connection, above ICE.
    Dtls {
        mailbox: Mailbox<DtlsActor>,
        below: Address<IceActor>,
        connection: Arc<Connection>,
    },
    /// The SCTP actor of a connection, above DTLS.
    Sctp {
        mailbox: Mailbox<SctpActor>,
        below: Address<DtlsActor>,
        connection: Arc<Connection>,
        application: Application,
    },
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
    running: [Option<Running>; 4],
    born: u32,
}

struct Running {
    child: Child,
    shutdown: Neighbour<Shutdown>,
    asked_to_stop: bool,
}

impl Children {
    fn next(&mut self, kind: ActorKind) -> Child {
        self.born += 1;
        let number = self.born;
        Child { kind, number }
    }

    fn of(&self, kind: ActorKind) -> Option<&Running> {
        self.running[kind as usize].as_ref()
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

    /// The topmost that runs, from `down_to` up.
    pub(super) fn topmost(&self, down_to: ActorKind) -> Option<ActorKind> {
        let from_the_top = ActorKind::ALL.into_iter().rev();
        from_the_top
            .take_while(|kind| *kind >= down_to)
            .find(|kind| self.is_running(*kind))
    }

    pub(super) fn ask_to_stop(&mut self, kind: ActorKind) {
        if let Some(child) = &mut self.running[kind as usize]
            && !child.asked_to_stop
        {
            child.asked_to_stop = true;
            child.shutdown.do_send(Shutdown);
        }
    }

    /// Asks it to stop, even if it was asked before, and forgets it: nothing it does from now on
    /// matters.
    pub(super) fn let_go(&mut self, kind: ActorKind) {
        if let Some(child) = self.running[kind as usize].take() {
            child.shutdown.do_send(Shutdown);
        }
    }

    /// It has ended.
    pub(super) fn forget(&mut self, kind: ActorKind) {
        self.running[kind as usize] = None;
    }

    /// Asks all of them, even those that were asked before.
    pub(super) fn stop_all(&self) {
        for child in self.running.iter().flatten() {
            child.shutdown.do_send(Shutdown);
        }
    }
}

impl SessionSupervisor {
    pub(super) fn start_gatherer(
        &mut self,
        ctx: &mut Context<Self>,
        mailbox: Mailbox<GathererActor>,
    ) {
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
        let child = self.children.next(kind);
        let guard = Guard {
            child,
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
        self.children.running[kind as usize] = shutdown.map(|shutdown| Running {
            child,
            shutdown,
            asked_to_stop: false,
        });
    }

    fn start(&mut self, ctx: &mut Context<Self>, start: Start) {
        let scope = self.scope.clone();
        let supervisor = ctx.address().recipient::<StateChanged>();
        match start {
            Start::Ice(mailbox, below) => {
                let gatherer = below.neighbour();
                let busy_poll = self.ports.busy_poll.clone();
                self.spawn(ctx, ActorKind::Ice, mailbox, move |ctx, exit| {
                    let above = Address::of(ctx, &scope).neighbour();
                    below.do_send(Above::<GathererToIce>(above));
                    IceActor::new(ctx, scope, gatherer, supervisor, busy_poll, exit)
                });
            }
            Start::Dtls {
                mailbox,
                below,
                connection,
            } => {
                let ice = below.neighbour();
                self.spawn(ctx, ActorKind::Dtls, mailbox, move |ctx, exit| {
                    let above = Address::of(ctx, &scope).neighbour();
                    below.do_send(Above::<IceToDtls>(above));
                    DtlsActor::new(ctx, scope, connection, ice, supervisor, exit)
                });
            }
            Start::Sctp {
                mailbox,
                below,
                connection,
                application,
            } => {
                let dtls = below.neighbour();
                self.spawn(ctx, ActorKind::Sctp, mailbox, move |ctx, exit| {
                    let above = Address::of(ctx, &scope).neighbour();
                    below.do_send(Above::<DtlsToSctp>(above));
                    SctpActor::new(ctx, scope, connection, dtls, supervisor, application, exit)
                });
            }
        }
    }
}

impl Handler<Start> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, start: Start, ctx: &mut Context<Self>) {
        let connection = match &start {
            Start::Ice(..) => None,
            Start::Dtls { connection, .. } => {
                self.renew(ctx, connection);
                Some(connection)
            }
            Start::Sctp { connection, .. } => Some(connection),
        };
        // What is for a connection that was replaced, or on a session that closes, does not start:
        // the dropped mailbox says so.
        let in_time = connection.is_none_or(|c| Arc::ptr_eq(c, &self.connection));
        if in_time && self.closing.is_none() {
            self.start(ctx, start);
        }
    }
}
