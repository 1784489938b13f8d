//! Choosing the pair: nomination by the controlling side, its adoption by the other
//! (RFC 8445 §8), and which pair carries data.

use std::time::{Duration, Instant};

use super::super::candidate::CandidateType;
use super::super::event::Event;
use super::super::pair::{Pair, PairId};
use super::super::state::{Role, State};
use super::Agent;
use crate::timer::due;

/// A peer that nominates every pair it checks (RFC 5245 §8.1.1.2, aggressive nomination) means the
/// best of them: within this time of a nomination, one of lower priority does not count.
const AGGRESSIVE_WINDOW: Duration = Duration::from_millis(500);

/// How long the nominated pair may leave a check unanswered before another one that does answer
/// is nominated in its place.
const FAILOVER_AFTER: Duration = Duration::from_millis(250);

/// A round trip has to be shorter by this much to be worth a new nomination.
const CLEARLY_SHORTER: Duration = Duration::from_millis(20);

impl Agent {
    /// Nominates, if it is ours to do and time.
    pub(super) fn run_nomination(&mut self, now: Instant) {
        if self.role != Role::Controlling || self.nominating.is_some() || !self.may_check() {
            return;
        }
        if self.nominate_after.is_some_and(|at| now < at) {
            return;
        }
        let chosen = match self.selected.and_then(|id| self.checklist.get(id)) {
            None => self.best_to_nominate(now),
            Some(selected) => self.failover(now, selected).or_else(|| {
                self.config
                    .renomination
                    .then(|| self.clearly_better(selected))?
            }),
        };
        if let Some(id) = chosen {
            self.nominating = Some(id);
            self.send_check(now, id, true);
        }
    }

    /// The best valid pair, once no better one is pending or patience has ended.
    fn best_to_nominate(&self, now: Instant) -> Option<PairId> {
        let best = self
            .checklist
            .best_valid(self.role, self.current.number())?;
        let patience_ended = due(self.nomination_deadline(), now);
        (patience_ended || !self.is_better_pending(best)).then_some(best.id)
    }

    fn is_better_pending(&self, best: &Pair) -> bool {
        let priority = best.priority(self.role);
        self.checklist.iter().any(|pair| {
            pair.generation == best.generation
                && pair.is_pending()
                && pair.priority(self.role) > priority
        })
    }

    fn nomination_deadline(&self) -> Option<Instant> {
        self.current
            .first_valid_at
            .map(|at| at + self.config.nomination_patience)
    }

    pub(super) fn next_nomination_at(&self) -> Option<Instant> {
        if self.role != Role::Controlling || self.nominating.is_some() || !self.may_check() {
            return None;
        }
        if self.selected.is_none() {
            self.checklist
                .best_valid(self.role, self.current.number())?;
            return self.nomination_deadline().max(self.nominate_after);
        }
        None
    }

    /// The nominated pair is silent, and another one was heard since: the peer's address or a
    /// path has changed.
    fn failover(&self, now: Instant, selected: &Pair) -> Option<PairId> {
        let silent_since = self.consent.as_ref()?.silent_since(selected.id)?;
        if now < silent_since + FAILOVER_AFTER {
            return None;
        }
        let answers = |p: &&Pair| {
            p.is_valid()
                && p.id != selected.id
                && p.generation == selected.generation
                && p.last_answer.is_some_and(|at| at >= silent_since)
        };
        self.checklist
            .iter()
            .filter(answers)
            .max_by_key(|pair| pair.priority(self.role))
            .map(|pair| pair.id)
    }

    fn clearly_better(&self, selected: &Pair) -> Option<PairId> {
        let best = self
            .checklist
            .best_valid(self.role, self.current.number())?;
        let relays = |pair: &Pair| {
            [&pair.local, &pair.remote]
                .iter()
                .filter(|c| c.kind == CandidateType::Relayed)
                .count()
        };
        let shorter = match (best.rtt, selected.rtt) {
            (Some(new), Some(old)) => new + CLEARLY_SHORTER <= old && new <= old / 2,
            _ => false,
        };
        let better = best.id != selected.id
            && best.priority(self.role) > selected.priority(self.role)
            && (relays(best) < relays(selected) || shorter);
        better.then_some(best.id)
    }

    /// The peer has nominated a pair on which our check was answered (RFC 8445 §8.1.1, §7.3.1.5).
    pub(super) fn follow_nomination(&mut self, now: Instant, id: PairId) {
        let Some(pair) = self.checklist.get(id) else {
            return;
        };
        let stale = pair
            .last_answer
            .is_none_or(|at| now > at + self.config.consent_interval);
        if stale && self.active != Some(id) {
            // It worked once: data goes there when it has worked again.
            if let Some(pair) = self.checklist.get_mut(id) {
                pair.nominate_on_success = true;
            }
            self.checklist.trigger(id);
            return;
        }
        let outranked = self
            .selected
            .and_then(|s| self.checklist.get(s))
            .is_some_and(|selected| {
                selected.id != id
                    && selected.priority(self.role) > pair.priority(self.role)
                    && selected
                        .nominated_at
                        .is_some_and(|at| now < at + AGGRESSIVE_WINDOW)
            });
        if !outranked {
            self.select(now, id);
        }
    }

    /// The pair is nominated: what was still to be checked is dropped (RFC 8445 §8.1.2).
    pub(super) fn select(&mut self, now: Instant, id: PairId) {
        self.nominating = None;
        if self.selected == Some(id) {
            return;
        }
        for pair in self.checklist.iter_mut() {
            pair.nominated = pair.id == id;
            if pair.id == id {
                pair.nominated_at.get_or_insert(now);
            }
        }
        self.selected = Some(id);
        if self.active == Some(id) {
            self.events.push_back(Event::Nominated);
        }
        if !self.config.renomination {
            let active = self.active;
            self.checklist
                .retain(|p| !p.is_pending() || Some(p.id) == active);
            self.forget_checks_without_pair();
        }
    }

    /// Decides which pair carries data: the nominated one; else the one of the generation before,
    /// while it has consent; else the best that works.
    pub(super) fn choose_active(&mut self, now: Instant) {
        if matches!(self.state, State::Failed | State::Closed) {
            return;
        }
        let current = self.current.number();
        let older = self
            .active_pair()
            .filter(|pair| pair.generation != current)
            .map(|p| p.id);
        let chosen = self
            .selected
            .filter(|id| self.has_consent(now, *id))
            .or(older)
            .or_else(|| {
                let fresh = |p: &&Pair| p.generation == current && self.has_consent(now, p.id);
                let working = self.checklist.iter().filter(|p| p.is_valid()).filter(fresh);
                working.max_by_key(|p| p.priority(self.role)).map(|p| p.id)
            });
        if chosen == self.active || chosen.is_none() {
            return;
        }
        self.active = chosen;
        self.lost = None;
        self.begin_consent(now);
        if self.selected.is_some() {
            // RFC 8445 §9: the generation before has done its duty.
            self.checklist.retain(|pair| pair.generation == current);
            self.forget_checks_without_pair();
        }
        if let Some(pair) = self.selected_pair() {
            tracing::debug!(path = %pair.path, nominated = pair.nominated, "pair in use");
            self.events
                .push_back(Event::SelectedPairChanged(Box::new(pair)));
        }
    }
}
