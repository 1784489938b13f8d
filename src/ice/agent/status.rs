//! The state, derived from what the agent knows (W3C webrtc-pc §5.6.4), and when to give up.

use std::time::Instant;

use super::super::event::{Event, FailureReason};
use super::super::pair::Pair;
use super::super::state::State;
use super::Agent;

/// A pair that worked is gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost {
    pub(super) reason: FailureReason,
    pub(super) at: Instant,
}

impl Agent {
    /// Enters the state that the facts call for, one step of the transition table at a time.
    pub(super) fn update_state(&mut self, now: Instant) {
        if self.failure.is_none() {
            self.failure = self.reason_to_fail(now);
            if self.failure.is_some() {
                self.give_up();
            }
        }
        let target = self.target(now);
        while self.state != target && self.state != State::Closed {
            self.enter(now, self.state.step_towards(target));
        }
    }

    /// Enters a state.
    pub(super) fn enter(&mut self, now: Instant, state: State) {
        tracing::debug!(from = %self.state, to = %state, "ICE state");
        if state == State::Failed
            && let Some(reason) = self.failure
        {
            self.events.push_back(Event::Failed(reason));
        }
        self.state = state;
        self.events.push_back(Event::StateChanged(state));
        if state == State::Disconnected && self.failure.is_none() && self.current.is_started() {
            self.check_all_again();
            self.run_checks(now);
        }
    }

    fn target(&self, now: Instant) -> State {
        if self.failure.is_some() {
            return State::Failed;
        }
        if self.active.is_some() {
            return match self.is_silent(now) {
                false if self.is_complete() => State::Completed,
                false => State::Connected,
                true if self.current.forgets_loss && self.selected.is_none() => State::Checking,
                true => State::Disconnected,
            };
        }
        if !self.current.is_started() {
            return self.state;
        }
        if self.lost.is_some() {
            return State::Disconnected;
        }
        // W3C: checking needs at least one remote candidate.
        let nothing_yet = self.state == State::New && self.current.candidates.is_empty();
        if nothing_yet {
            State::New
        } else {
            State::Checking
        }
    }

    /// W3C: no candidates to be expected from either side, nothing left to check, a pair in use.
    fn is_complete(&self) -> bool {
        self.selected.is_some()
            && self.selected == self.active
            && self.nominating.is_none()
            && self.current.ended
            && !self.gathering
            && !self.has_pending()
    }

    fn has_pending(&self) -> bool {
        let current = self.current.number();
        let pending = |p: &Pair| p.generation == current && p.is_pending();
        self.checklist
            .iter()
            .any(|p| pending(p) && Some(p.id) != self.active)
    }

    fn reason_to_fail(&self, now: Instant) -> Option<FailureReason> {
        if self.active.is_some() || self.state == State::Closed {
            return None;
        }
        if let Some(Lost { reason, at }) = self.lost {
            let waits = reason == FailureReason::LocalAddressesLost
                && now < at + self.config.consent_timeout;
            return (!waits).then_some(reason);
        }
        let patient_until = self.patient_until()?;
        if !self.current.is_started() {
            let gave_up = self.state != State::New && now >= patient_until;
            return gave_up.then_some(FailureReason::RestartUnanswered);
        }
        // RFC 8863 §4: not before the time has passed, whatever the peer has told of candidates: its
        // checks may come from addresses that it does not know itself.
        if self.has_pending() || now < patient_until {
            return None;
        }
        let current = self.current.number();
        let checked = self.checklist.iter().any(|pair| pair.generation == current);
        Some(if checked {
            FailureReason::ChecksFailed
        } else {
            FailureReason::NoCandidatePairs
        })
    }

    fn patient_until(&self) -> Option<Instant> {
        self.current
            .began_at
            .map(|at| at + self.config.failure_patience)
    }

    /// Nothing is sent any more, but answers to checks of a generation to come.
    fn give_up(&mut self) {
        self.active = None;
        self.consent = None;
        self.selected = None;
        self.nominating = None;
        self.transactions.retain(|_| false);
    }

    pub(super) fn next_status_at(&self) -> Option<Instant> {
        if self.active.is_some() || self.failure.is_some() {
            return None;
        }
        if let Some(lost) = self.lost {
            return Some(lost.at + self.config.consent_timeout);
        }
        // While pairs are pending, their transactions end first or bring us back here.
        self.patient_until().filter(|_| !self.has_pending())
    }
}
