//! How long a session may take: to connect, to come back, to do nothing, to close.

use std::time::Instant;

use actix::prelude::*;
use proto::timer::earlier;

use super::SessionSupervisor;
use crate::base::error::{Reason, TransportError};
use crate::base::kind::ActorKind;
use crate::base::state::Phase;
use crate::base::transport::session::SessionState;
use crate::kit::alarm::{self, OnAlarm};

/// When patience ends.
pub(super) struct Deadlines {
    /// With a connection that is being set up.
    pub(super) connect: Option<Instant>,
    /// With ICE that has failed: it may be restarted.
    grace: Option<Instant>,
    /// With a connection that is over: another may follow.
    linger: Option<Instant>,
}

impl Deadlines {
    pub(super) fn new(connect: Instant) -> Deadlines {
        Deadlines {
            connect: Some(connect),
            grace: None,
            linger: None,
        }
    }
}

impl SessionSupervisor {
    /// What has failed may be followed by something better, for a while. ICE may be restarted; keys
    /// and associations cannot come back, but new ones may be made on an ICE transport that lives.
    pub(super) fn wait_for_another_chance(&mut self) {
        // Where its actor is gone for good, or its sockets are, nothing can restart it.
        let running = |kind| self.children.is_running(kind);
        let ice_failed = self.phase(ActorKind::Ice) == Phase::Failed
            && running(ActorKind::Ice)
            && running(ActorKind::Gatherer);
        let failed = self.scope.session.get() == SessionState::Failed;
        let stopped = self.phase(ActorKind::Dtls) == Phase::Closed && running(ActorKind::Ice);
        let now = alarm::now();
        let since = |deadline: Option<Instant>, on: bool, after| match on {
            true => deadline.or(Some(now + after)),
            false => None,
        };
        let config = &self.scope.config;
        let (grace, linger) = (config.ice_grace, config.failure_linger);
        let deadlines = &mut self.deadlines;
        deadlines.grace = since(deadlines.grace, ice_failed, grace);
        let lingers = (failed || stopped) && !ice_failed;
        deadlines.linger = since(deadlines.linger, lingers, linger);
    }

    pub(super) fn set_alarm(&self) {
        let deadlines = &self.deadlines;
        // What closes has no other deadline.
        self.alarm.set(match &self.closing {
            Some(closing) => Some(closing.deadline),
            None => [deadlines.grace, deadlines.linger, self.idle_deadline()]
                .into_iter()
                .fold(deadlines.connect, earlier),
        });
    }

    /// When the session ends unless the application sends or receives something before.
    fn idle_deadline(&self) -> Option<Instant> {
        let timeout = self.scope.config.idle_timeout?;
        self.connected.then(|| self.scope.last_active() + timeout)
    }
}

impl OnAlarm for SessionSupervisor {
    fn on_alarm(&mut self, ctx: &mut Context<Self>) {
        let now = Some(alarm::now());
        let due = |deadline: Option<Instant>| deadline.is_some() && deadline <= now;
        if let Some(closing) = self.closing.clone() {
            if due(Some(closing.deadline)) {
                self.cut_short(ctx, &closing);
            }
        } else if due(self.deadlines.connect) {
            self.deadlines.connect = None;
            let stuck = match self.phase(ActorKind::Ice) {
                Phase::Connected => ActorKind::Dtls,
                _ => ActorKind::Ice,
            };
            self.give_up(ctx, TransportError::new(stuck, Reason::ConnectTimeout));
        } else if due(self.deadlines.grace) {
            self.deadlines.grace = None;
            self.give_up(ctx, TransportError::new(ActorKind::Ice, Reason::IceFailed));
        } else if due(self.deadlines.linger) {
            self.deadlines.linger = None;
            self.close_from(ctx, ActorKind::Gatherer);
        } else if due(self.idle_deadline()) {
            let error = TransportError::new(ActorKind::Supervisor, Reason::Idle);
            self.give_up(ctx, error);
        }
        self.set_alarm();
    }
}
