//! Deadlines.

use std::time::Instant;

/// The earlier of two deadlines, where `None` is never.
pub fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Whether a deadline has been reached.
pub fn due(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|d| d <= now)
}

/// A clock that follows the times it is given and never runs backwards.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock(Option<Instant>);

impl Clock {
    /// The later of `now` and every time given before.
    pub fn advance(&mut self, now: Instant) -> Instant {
        let now = self.0.map_or(now, |last| last.max(now));
        self.0 = Some(now);
        now
    }

    /// The latest time given, `None` before the first.
    pub fn last(&self) -> Option<Instant> {
        self.0
    }
}
