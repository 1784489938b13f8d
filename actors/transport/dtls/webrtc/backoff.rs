//! Which repetitions of a flight are sent.

use std::time::Duration;

use tokio::time::Instant;

/// webrtc-dtls repeats a flight at a fixed interval; of repetitions into silence only the
/// 1st, 2nd, 4th, 8th … pass (RFC 6347 §4.2.4.1), and from some distance on each of that distance:
/// a handshake has a deadline, and is not to spend half of it waiting.
#[derive(Debug)]
pub(super) struct Backoff {
    interval: Duration,
    /// How many intervals lie between two repetitions at most: a power of two.
    longest: u32,
    last: Option<Instant>,
    silent: u32,
    /// The peer has said something.
    pub(super) heard: bool,
    pass: bool,
}

impl Backoff {
    pub(super) fn new(interval: Duration, longest: Duration) -> Backoff {
        let intervals = longest.as_micros() / interval.as_micros().max(1);
        let intervals = u32::try_from(intervals).unwrap_or(u32::MAX);
        Backoff {
            interval,
            longest: 1 << intervals.max(1).ilog2(),
            last: None,
            silent: 0,
            heard: false,
            pass: true,
        }
    }

    /// Whether a datagram is to be sent now, and whether it is a repetition. The datagrams of one
    /// flight come at once and share their fate.
    pub(super) fn pass(&mut self, now: Instant) -> (bool, bool) {
        let same_flight = self.last.is_some_and(|last| now < last + self.interval / 2);
        if std::mem::take(&mut self.heard) || self.last.is_none() {
            self.silent = 0;
            self.pass = true;
        } else if !same_flight {
            self.silent = self.silent.saturating_add(1);
            self.pass = if self.silent < self.longest {
                self.silent.is_power_of_two()
            } else {
                self.silent.is_multiple_of(self.longest)
            };
        }
        self.last = Some(now);
        (self.pass, self.silent > 0 && !same_flight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(200);

    /// At which repetitions something is sent.
    fn sent(backoff: &mut Backoff, begin: Instant, repetitions: u32) -> Vec<u32> {
        (0..=repetitions)
            .filter(|n| backoff.pass(begin + INTERVAL * *n).0)
            .collect()
    }

    #[test]
    fn the_distance_doubles_up_to_the_longest_and_begins_anew_when_the_peer_is_heard() {
        let begin = Instant::now();
        let mut backoff = Backoff::new(INTERVAL, Duration::from_secs(30) / 16);
        assert_eq!(
            sent(&mut backoff, begin, 34),
            [0, 1, 2, 4, 8, 16, 24, 32],
            "1.6 s is the longest"
        );
        backoff.heard = true;
        let begin = begin + INTERVAL * 35;
        assert_eq!(sent(&mut backoff, begin, 5), [0, 1, 2, 4]);
    }

    #[test]
    fn the_datagrams_of_one_flight_share_their_fate() {
        let begin = Instant::now();
        let mut backoff = Backoff::new(INTERVAL, Duration::from_secs(30) / 16);
        for (repetition, pass) in [(0, true), (1, true), (2, true), (3, false), (4, true)] {
            for _ in 0..3 {
                let at = begin + INTERVAL * repetition;
                assert_eq!(backoff.pass(at).0, pass, "{repetition}");
            }
        }
    }
}
