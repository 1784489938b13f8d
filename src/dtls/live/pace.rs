//! How long a flight waits to be sent again.

use std::time::{Duration, Instant};

use super::super::engine;

/// How many times the whole handshake may take as long as the longest wait.
const WAITS: u32 = 16;

/// How soon a last flight is repeated again: the peer that asks for it backs off by itself.
const REPEAT_PAUSE: Duration = Duration::from_millis(100);

/// The clock that dimpl is shown. dimpl doubles its wait with each retransmission, without a limit:
/// of a handshake's 30 seconds it would spend the last 17 waiting. So its clock is put forward when
/// a wait has become long; all that dimpl does with the time is to compare it with its timers.
#[derive(Debug)]
pub(super) struct Pace {
    ahead: Duration,
    /// How long it stood still, and since when it does now.
    behind: Duration,
    stopped: Option<Instant>,
    longest: Duration,
    /// On dimpl's clock, and when that is on ours.
    timer: Option<(Instant, Instant)>,
    repeated: Option<Instant>,
}

impl Pace {
    pub(super) fn new(handshake_timeout: Duration) -> Pace {
        Pace {
            ahead: Duration::ZERO,
            behind: Duration::ZERO,
            stopped: None,
            longest: handshake_timeout / WAITS,
            timer: None,
            repeated: None,
        }
    }

    /// What dimpl's clock shows.
    pub(super) fn shown(&self, now: Instant) -> Instant {
        self.stopped.unwrap_or(now) + self.ahead - self.behind
    }

    /// The longest wait of a handshake.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// dimpl's clock stands still until it [goes on](Self::go_on).
    pub(super) fn stop(&mut self, now: Instant) {
        self.stopped.get_or_insert(now);
    }

    /// It goes on from where it was.
    pub(super) fn go_on(&mut self, now: Instant) {
        if let Some(since) = self.stopped.take() {
            let stood = now.saturating_duration_since(since);
            self.behind += stood;
            if let Some((_, at)) = &mut self.timer {
                *at += stood;
            }
        }
    }

    /// Puts dimpl's clock forward if its timer is due.
    pub(super) fn advance(&mut self, now: Instant) {
        if let Some((timer, at)) = self.timer
            && at <= now
        {
            let ahead = (timer + self.behind).saturating_duration_since(now);
            self.ahead = self.ahead.max(ahead);
        }
    }

    /// Lets dimpl answer once more to a peer that has not heard our last flight: dimpl's pauses
    /// between two answers double, too (RFC 6347 §4.2.4 wants one to each repetition). Whether its
    /// clock has changed.
    pub(super) fn repeat(&mut self, now: Instant) -> bool {
        let due = self.repeated.is_none_or(|at| now >= at + REPEAT_PAUSE);
        if due {
            self.repeated = Some(now);
            self.ahead += engine::NEVER;
        }
        due
    }

    /// Takes dimpl's timer; a long wait is cut short in the handshake only.
    pub(super) fn set(&mut self, timer: Instant, now: Instant, handshake: bool) {
        if self.timer.is_some_and(|(known, _)| known == timer) {
            return;
        }
        let wait = timer.saturating_duration_since(self.shown(now));
        self.timer = (wait < engine::NEVER).then(|| {
            let longest = if handshake { self.longest } else { wait };
            (timer, now + wait.min(longest))
        });
    }

    /// When dimpl wants to be called.
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.timer
            .filter(|_| self.stopped.is_none())
            .map(|(_, at)| at)
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
