//! Consent (RFC 7675): whether the peer still answers on the pair in use, and for how long data
//! may go on without an answer.
//!
//! Two clocks run. The consent check, sent once every 4 to 6 s. And the probe, a connectivity
//! check outside of that rhythm, sent when there is a reason to doubt the path: a check was not
//! answered, incoming data has fallen silent, or the peer shows up from another address.

use std::time::{Duration, Instant};

use super::super::pair::{PairId, PairState};
use super::super::state::State;
use super::Agent;
use super::status::Lost;
use crate::ice::FailureReason;
use crate::timer::{due, earlier};

/// The longest pause between two probes of a pair that does not answer: while it is to be decided
/// whether it is disconnected, and from then on.
const PROBE_PAUSE: Duration = Duration::from_millis(500);
const DISCONNECTED_PROBE_PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Consent {
    pair: PairId,
    next_check: Instant,
    /// When the first check was sent that is still unanswered.
    unanswered_since: Option<Instant>,
    /// When to ask again, while something is unanswered.
    probe_at: Option<Instant>,
    probe_pause: Duration,
    /// When data came last, and when to look whether it still comes.
    last_heard: Instant,
    silence_at: Option<Instant>,
    /// How long data may go out without any coming back; longer each time nothing did.
    silence_pause: Duration,
}

impl Consent {
    /// Data came in.
    pub(super) fn heard(&mut self, now: Instant, patience: Duration) {
        self.last_heard = now;
        self.silence_pause = patience;
        // Looked at every now and then, not moved with each packet.
        self.silence_at.get_or_insert(now + patience);
    }

    /// Data went out. `true` when it is to be looked whether any comes back.
    pub(super) fn sent(&mut self, now: Instant) -> bool {
        let looks = self.silence_at.is_none() && self.unanswered_since.is_none();
        if looks {
            self.silence_at = Some(now + self.silence_pause);
        }
        looks
    }

    /// A check of ours was answered on this pair.
    pub(super) fn answered(&mut self, pair: PairId) {
        if pair == self.pair {
            self.unanswered_since = None;
            self.probe_at = None;
        }
    }

    /// Since when the pair leaves checks unanswered.
    pub(super) fn silent_since(&self, pair: PairId) -> Option<Instant> {
        self.unanswered_since.filter(|_| self.pair == pair)
    }
}

impl Agent {
    /// The pair in use has changed.
    pub(super) fn begin_consent(&mut self, now: Instant) {
        let Some(pair) = self.active_pair() else {
            self.consent = None;
            return;
        };
        let (pair, last_answer) = (pair.id, pair.last_answer.unwrap_or(now));
        let next_check = (last_answer + self.consent_pause()).max(now);
        self.consent = Some(Consent {
            pair,
            next_check,
            unanswered_since: None,
            probe_at: None,
            probe_pause: self.config.initial_rto,
            last_heard: now,
            silence_at: None,
            silence_pause: self.config.silence_probe,
        });
    }

    /// RFC 7675 §5.1: from 80 % to 120 % of the interval.
    fn consent_pause(&mut self) -> Duration {
        self.config
            .consent_interval
            .mul_f64(0.8 + 0.4 * self.random.fraction())
    }

    /// Sends what is due, and stops all sending when consent has expired.
    pub(super) fn run_consent(&mut self, now: Instant) {
        let Some(id) = self.consent.as_ref().map(|c| c.pair) else {
            return;
        };
        if !self.has_consent(now, id) {
            self.expire_consent(now, id);
            return;
        }
        let pause = self.consent_pause();
        let rto = self.config.initial_rto;
        let (silence, interval) = (self.config.silence_probe, self.config.consent_interval);
        let longest = match self.state {
            State::Disconnected => DISCONNECTED_PROBE_PAUSE,
            _ => PROBE_PAUSE,
        };
        let Some(consent) = &mut self.consent else {
            return;
        };
        let mut send = false;
        if due(consent.silence_at, now) {
            let silent_at = consent.last_heard + silence;
            if silent_at > now {
                consent.silence_at = Some(silent_at);
            } else {
                consent.silence_at = None;
                // What is only sent, and never answered, is probed no more often than consent.
                consent.silence_pause = (consent.silence_pause * 5 / 4).min(interval);
                send = consent.unanswered_since.is_none();
            }
        }
        if due(consent.probe_at, now) {
            consent.probe_pause = (consent.probe_pause * 2).min(longest.max(rto));
            consent.probe_at = None;
            send = true;
        }
        if consent.next_check <= now {
            consent.next_check = now + pause;
            send = true;
        }
        if send {
            if consent.unanswered_since.is_none() {
                consent.unanswered_since = Some(now);
                consent.probe_pause = rto;
            }
            consent.probe_at = Some(now + consent.probe_pause);
            self.send_consent_check(now, id);
        }
    }

    /// There is a reason to doubt the pair in use: asks at once.
    pub(super) fn suspect_active(&mut self, now: Instant) {
        if let Some(consent) = &mut self.consent
            && consent.unanswered_since.is_none()
        {
            consent.probe_at = Some(now);
        }
    }

    /// As [`suspect_active`](Self::suspect_active), when the other pair has never worked before.
    pub(super) fn suspect_active_if_new(&mut self, now: Instant, other: PairId) {
        let of_active = self
            .active_pair()
            .map(|pair| (pair.generation, pair.path.local));
        let new = self.checklist.get(other).is_some_and(|pair| {
            pair.last_answer.is_none()
                && pair.counters.requests_received == 1
                && Some((pair.generation, pair.path.local)) == of_active
        });
        if new && self.selected.is_some() {
            self.suspect_active(now);
        }
    }

    /// Whether the last answer on this pair is recent enough for data.
    pub(super) fn has_consent(&self, now: Instant, id: PairId) -> bool {
        let last_answer = self.checklist.get(id).and_then(|pair| pair.last_answer);
        last_answer.is_some_and(|at| now < at + self.config.consent_timeout)
    }

    /// RFC 7675 §5.1: nothing is sent on this pair any more.
    fn expire_consent(&mut self, now: Instant, id: PairId) {
        self.counters.consent_expired += 1;
        self.consent = None;
        self.active = None;
        self.transactions.retain(|t| t.pair != id);
        if self.selected == Some(id) {
            self.selected = None;
        }
        let current = self.current.number();
        let mut was_current = false;
        if let Some(pair) = self.checklist.get_mut(id) {
            pair.state = PairState::Failed;
            pair.nominated = false;
            was_current = pair.generation == current;
        }
        if was_current || !self.current.is_started() {
            self.lost = Some(Lost {
                reason: FailureReason::ConsentExpired,
                at: now,
            });
        }
    }

    /// After pairs were removed: forgets those that had a part to play.
    pub(super) fn note_lost_pairs(&mut self, now: Instant) {
        let gone = |id: Option<PairId>| id.is_some_and(|id| self.checklist.get(id).is_none());
        let (active, selected, nominating) = (
            gone(self.active),
            gone(self.selected),
            gone(self.nominating),
        );
        if active {
            self.active = None;
            self.consent = None;
            self.lost = Some(Lost {
                reason: FailureReason::LocalAddressesLost,
                at: now,
            });
        }
        if selected {
            self.selected = None;
        }
        if nominating {
            self.nominating = None;
        }
        if active {
            self.check_all_again();
        }
    }

    /// Whether the pair in use has left checks unanswered for so long that it counts as
    /// disconnected.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        due(self.disconnected_at(), now)
    }

    fn disconnected_at(&self) -> Option<Instant> {
        let since = self.consent.as_ref()?.unanswered_since?;
        Some(since + self.config.disconnected_timeout)
    }

    pub(super) fn next_consent_at(&self) -> Option<Instant> {
        let consent = self.consent.as_ref()?;
        let expires = self
            .active_pair()?
            .last_answer
            .map(|at| at + self.config.consent_timeout);
        let mut next = earlier(Some(consent.next_check), expires);
        next = earlier(next, consent.probe_at);
        next = earlier(next, consent.silence_at);
        if matches!(self.state, State::Connected | State::Completed) {
            next = earlier(next, self.disconnected_at());
        }
        next
    }
}
