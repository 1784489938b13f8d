//! How a session, or a part of it, ends: one actor after another, from the top down.

use std::time::Instant;

use actix::prelude::*;

use super::SessionSupervisor;
use crate::base::kind::{ActorKind, ByTransport};
use crate::kit::alarm;

/// What closes, and up to when.
#[derive(Clone)]
pub(super) struct Closing {
    kinds: ByTransport<bool>,
    pub(super) deadline: Instant,
}

impl Closing {
    fn new(deadline: Instant) -> Closing {
        let kinds = ByTransport::default();
        Closing { kinds, deadline }
    }

    /// This transport closes, and everything that stands on it.
    fn add(&mut self, from: ActorKind) {
        for kind in ActorKind::ALL.into_iter().filter(|k| k.stands_on(from)) {
            if let Some(closes) = self.kinds.get_mut(kind) {
                *closes = true;
            }
        }
    }

    pub(super) fn includes(&self, kind: ActorKind) -> bool {
        self.kinds.get(kind).copied().unwrap_or_default()
    }

    /// Whether nothing of it will be left.
    pub(super) fn is_of_the_session(&self) -> bool {
        self.includes(ActorKind::Gatherer)
    }
}

impl SessionSupervisor {
    /// Asks the topmost living actor that is to go; the next follows when it has gone.
    pub(super) fn go_on_closing(&mut self, ctx: &mut Context<Self>) {
        let Some(closing) = &self.closing else { return };
        match self.children.topmost(|kind| closing.includes(kind)) {
            Some(kind) => self.children.ask_to_stop(kind),
            None if closing.is_of_the_session() => ctx.stop(),
            None => self.closing = None,
        }
    }

    pub(super) fn close_from(&mut self, ctx: &mut Context<Self>, kind: ActorKind) {
        let deadline = alarm::now() + self.scope.config.close_timeout;
        let closing = self.closing.get_or_insert_with(|| Closing::new(deadline));
        closing.add(kind);
        // What was never created is closed all the same. The gatherer closes its state itself, when
        // its sockets are gone.
        let absent = ActorKind::ALL.into_iter().rev().filter(|absent| {
            absent.below().is_some() && absent.stands_on(kind) && !self.children.is_running(*absent)
        });
        for absent in absent {
            if let Some(member) = self.scope.member(&self.connection, absent) {
                member.close();
            }
        }
        self.go_on_closing(ctx);
        self.set_alarm();
    }

    /// Out of patience with actors that are to end.
    pub(super) fn cut_short(&mut self, ctx: &mut Context<Self>, closing: &Closing) {
        // Dropping everything frees it.
        if closing.includes(ActorKind::Ice) {
            return ctx.stop();
        }
        // ICE lives on, as if they had ended in time.
        self.closing = None;
        self.dismiss(|kind| closing.includes(kind));
        self.settle(ctx);
    }
}
