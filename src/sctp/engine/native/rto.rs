//! The retransmission timeout (RFC 9260 §6.3.1).

use std::time::Duration;

/// RFC 9260 §16: RTO.Alpha is 1/8, RTO.Beta is 1/4.
#[derive(Debug)]
pub(super) struct Rto {
    smoothed: Option<(Duration, Duration)>,
    initial: Duration,
    min: Duration,
    max: Duration,
    /// How often it was doubled (§6.3.3 E2).
    backoff: u32,
}

impl Rto {
    pub(super) fn new(initial: Duration, min: Duration, max: Duration) -> Rto {
        Rto {
            smoothed: None,
            initial,
            min,
            max,
            backoff: 0,
        }
    }

    /// C2, C3: a chunk that was sent once was acknowledged after `rtt`.
    pub(super) fn on_sample(&mut self, rtt: Duration) {
        self.smoothed = Some(match self.smoothed {
            None => (rtt, rtt / 2),
            Some((smoothed, variance)) => (
                (smoothed * 7 + rtt) / 8,
                (variance * 3 + smoothed.abs_diff(rtt)) / 4,
            ),
        });
    }

    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed.map(|(smoothed, _)| smoothed)
    }

    /// The timeout as it is now.
    pub(super) fn current(&self) -> Duration {
        let base = self
            .smoothed
            .map_or(self.initial, |(smoothed, variance)| smoothed + variance * 4)
            .clamp(self.min, self.max);
        base.saturating_mul(1 << self.backoff.min(16)).min(self.max)
    }

    pub(super) fn back_off(&mut self) {
        self.backoff += 1;
    }

    /// Something was acknowledged.
    pub(super) fn reset(&mut self) {
        self.backoff = 0;
    }

    pub(super) fn is_backed_off(&self) -> bool {
        self.backoff > 0
    }
}

#[cfg(test)]
#[path = "rto_tests.rs"]
mod tests;
