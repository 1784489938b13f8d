//! What the path to the peer holds, measured from acknowledgements, and how much may be under way
//! on it.
//!
//! Congestion control below us finds the rate of a path by filling its queue until it overflows.
//! Here it is found without: what was delivered per round trip, times a little more than one, is
//! the limit of what is given to the association. So the queue at the bottleneck stays short,
//! nothing is lost in the slow start, and what waits can still be reordered by us.

use std::time::{Duration, Instant};

/// What may be in flight on a path of which nothing is known, or one with next to no delay: two
/// full segmented sends, so that one is under way while the next is made.
const START: Amount = Amount {
    bytes: 128 * 1024,
    // Each costs sctp-proto a step of every scan, however small it is.
    chunks: 256,
};
/// What may be in flight on any path.
const LEAST: Amount = Amount {
    bytes: 8 * 1024,
    chunks: 8,
};
/// Below this round trip more depends on when threads run than on the path.
const SHORT: Duration = Duration::from_millis(4);
/// What may be in flight, in multiples of what the path holds: enough to ride over delayed
/// acknowledgements and batches, and to see it when the path becomes faster.
const GAIN: f64 = 1.25;
/// The same while there is no queue at the bottleneck: the path may take more. With a congestion
/// control below that holds back besides, ...
pub(in crate::sctp) const GROWTH_ABOVE: f64 = 1.4;
/// ... and without one: bursts come on top of it, and the queue of many a path is half a round trip.
pub(in crate::sctp) const GROWTH: f64 = 1.3;
/// The same while the queue is drained, to see the round trip without it.
const DRAIN: f64 = 0.75;
/// For how many round trips a delivery rate is remembered.
const ROUNDS: usize = 8;
/// For how many round trips after the queue was drained it may not have come back yet.
const SETTLED: usize = 3;
/// For how long the least round trip is believed if nothing comes near it.
const MIN_RTT_LIFETIME: Duration = Duration::from_secs(10);
/// A rate that fell to this part says that the path is another one.
const FALLEN: f64 = 0.75;

/// An amount of data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::sctp) struct Amount {
    pub(in crate::sctp) bytes: u64,
    pub(in crate::sctp) chunks: u64,
}

impl Amount {
    fn max(self, other: Amount) -> Amount {
        Amount {
            bytes: self.bytes.max(other.bytes),
            chunks: self.chunks.max(other.chunks),
        }
    }
}

/// Per second.
#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    bytes: f64,
    chunks: f64,
}

impl Rate {
    fn max(self, other: Rate) -> Rate {
        Rate {
            bytes: self.bytes.max(other.bytes),
            chunks: self.chunks.max(other.chunks),
        }
    }

    fn over(self, time: f64) -> Amount {
        // A cast from a float saturates.
        Amount {
            bytes: (self.bytes * time) as u64,
            chunks: (self.chunks * time) as u64,
        }
    }
}

/// How the least round trip is measured anew, as a queue of our own making hides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    None,
    /// Less is sent, until the queue is gone.
    Draining,
    /// This chunk left when it was.
    Sent(u32),
}

/// The path in numbers.
#[derive(Debug)]
pub(in crate::sctp) struct Path {
    growth: f64,
    smoothed_rtt: Option<Duration>,
    min_rtt: Option<Duration>,
    /// When a round trip last came near the least.
    min_rtt_at: Option<Instant>,
    probe: Probe,
    /// The highest rate since the last probe.
    rate: Rate,
    /// The highest of each of the last rounds in which the limit was used.
    rounds: [Rate; ROUNDS],
    round: usize,
    /// How many of them are later than the last probe.
    fresh: usize,
    /// The round ends when something is acknowledged that was sent after so much was delivered.
    round_end: u64,
    /// The limit held something back in this round: its rate is what the path gives.
    limited: bool,
    /// There was a queue at the bottleneck once: the path was full.
    filled: bool,
}

impl Path {
    /// `growth` is by what part more than the path holds may be in flight while it has no queue.
    pub(in crate::sctp) fn new(growth: f64) -> Path {
        Path {
            growth,
            smoothed_rtt: None,
            min_rtt: None,
            min_rtt_at: None,
            probe: Probe::None,
            rate: Rate::default(),
            rounds: [Rate::default(); ROUNDS],
            round: 0,
            fresh: SETTLED,
            round_end: 0,
            limited: false,
            filled: false,
        }
    }

    /// RFC 9260 §6.3.1, without the variance.
    pub(in crate::sctp) fn smoothed_rtt(&self) -> Option<Duration> {
        self.smoothed_rtt
    }

    /// The least round trip of late.
    pub(in crate::sctp) fn min_rtt(&self) -> Option<Duration> {
        self.min_rtt
    }

    /// The rate at which the path delivers in bytes per second, 0 before it is known.
    pub(in crate::sctp) fn delivery_rate(&self) -> f64 {
        self.rate.bytes
    }

    /// How much may be under way. Congestion control below decides what is really sent.
    pub(in crate::sctp) fn limit(&self) -> Amount {
        let rtt = self.min_rtt.unwrap_or_default();
        let gain = match self.probe {
            Probe::Draining => DRAIN,
            _ if self.has_queue() || self.fresh < SETTLED => GAIN,
            _ => self.growth,
        };
        let least = if self.filled && rtt >= SHORT {
            LEAST
        } else {
            START
        };
        self.rate.over(rtt.as_secs_f64() * gain).max(least)
    }

    /// How many bytes may leave at once, if `acknowledged` were acknowledged and nothing more
    /// leaves for `pause`. As in the slow start twice of what arrives; when the path is known, no
    /// more than keeps its queue short.
    pub(in crate::sctp) fn burst(&self, acknowledged: usize, pause: Duration) -> (usize, usize) {
        if self.min_rtt.is_none_or(|rtt| rtt < SHORT) {
            return (usize::MAX, usize::MAX);
        }
        let gain = if self.filled { GAIN } else { 2.0 };
        let paced = self.rate.over(pause.as_secs_f64() * gain).max(LEAST);
        (paced.bytes as usize, (acknowledged as f64 * gain) as usize)
    }

    /// Whether there was a queue once: what it delivered then is what it can.
    pub(in crate::sctp) fn is_filled(&self) -> bool {
        self.filled
    }

    /// Whether the round trip shows a queue: the threshold of RFC 9406 §4.2.
    fn has_queue(&self) -> bool {
        let (Some(smoothed), Some(least)) = (self.smoothed_rtt, self.min_rtt) else {
            return false;
        };
        smoothed > least + (least / 8).clamp(Duration::from_millis(4), Duration::from_millis(16))
    }

    /// There was more to send than the limit allows.
    pub(in crate::sctp) fn on_limited(&mut self) {
        self.limited = true;
    }

    /// A chunk leaves for the first time; `flight` with it in bytes.
    pub(in crate::sctp) fn on_sent(&mut self, tsn: u32, flight: u64) {
        if self.probe == Probe::Draining && flight <= self.limit().bytes {
            self.probe = Probe::Sent(tsn);
        }
    }

    /// A chunk was acknowledged that had been sent once, after `rtt`. Since `interval` ago `delivered`
    /// was delivered, of `total`.
    pub(in crate::sctp) fn on_acknowledged(
        &mut self,
        now: Instant,
        rtt: Duration,
        interval: Duration,
        delivered: Amount,
        total: u64,
    ) {
        self.smoothed_rtt = Some(self.smoothed_rtt.map_or(rtt, |srtt| (srtt * 7 + rtt) / 8));
        match self.min_rtt {
            Some(least) if rtt > least => {
                if rtt <= least + least / 16 {
                    self.min_rtt_at = Some(now);
                }
            }
            _ => {
                self.min_rtt = Some(rtt);
                self.min_rtt_at = Some(now);
            }
        }
        self.filled |= self.has_queue();
        if total - delivered.bytes >= self.round_end {
            self.round_end = total;
            self.next_round();
        }
        // Below a microsecond there is no rate, only a division by nothing.
        let seconds = interval.as_secs_f64().max(1e-6);
        let rate = Rate {
            bytes: delivered.bytes as f64 / seconds,
            chunks: delivered.chunks as f64 / seconds,
        };
        self.rounds[self.round] = self.rounds[self.round].max(rate);
        self.rate = self.rate.max(rate);
        if self
            .min_rtt_at
            .is_some_and(|at| now >= at + MIN_RTT_LIFETIME)
        {
            self.drain();
        }
    }

    fn next_round(&mut self) {
        // Without a queue and without our limit the rate says what there was to send, or what
        // congestion control below let through, but nothing of the path.
        if !std::mem::take(&mut self.limited) && !self.has_queue() {
            return;
        }
        self.round = (self.round + 1) % ROUNDS;
        self.rounds[self.round] = Rate::default();
        self.fresh = self.fresh.saturating_add(1);
        if self.fresh > ROUNDS && self.recent().bytes < self.rate.bytes * FALLEN {
            self.drain();
        }
    }

    fn drain(&mut self) {
        if self.probe == Probe::None {
            self.probe = Probe::Draining;
            self.rate = self.recent();
            self.fresh = 0;
        }
    }

    fn recent(&self) -> Rate {
        self.rounds.iter().copied().fold(Rate::default(), Rate::max)
    }

    /// A chunk was acknowledged after `rtt`, `None` if it was sent twice and that is not known.
    pub(in crate::sctp) fn on_probe(&mut self, now: Instant, tsn: u32, rtt: Option<Duration>) {
        if self.probe != Probe::Sent(tsn) {
            return;
        }
        let Some(rtt) = rtt else {
            self.probe = Probe::Draining;
            return;
        };
        self.probe = Probe::None;
        self.min_rtt = Some(rtt);
        self.min_rtt_at = Some(now);
        self.rate = self.recent();
    }
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
