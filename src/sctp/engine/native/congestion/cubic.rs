//! CUBIC (RFC 9438) with HyStart++ (RFC 9406), and one departure: a loss while there is next to no
//! queue at the bottleneck is none of congestion.
//!
//! A queue that overflows was full before, and whoever measures round trips has seen it grow. On a
//! radio link, or one with a policer far away, packets are lost with the queue empty; to halve the
//! rate for each of them leaves most of such a link idle and makes room for nobody. So such a loss
//! is repaired and nothing else. Where more than a tenth of a round is lost, it counts in any case:
//! the queue may be too short to be seen.

use std::time::{Duration, Instant};

use super::hystart::HyStart;
use super::{Acked, Controller, Lost, initial_window, pace};
use crate::sctp::engine::path::Path;

/// RFC 9438 §4.1, §4.6.
const C: f64 = 0.4;
const BETA: f64 = 0.7;
/// For how many round trips the highest queue is remembered at least.
const PEAK_LIFETIME: Duration = Duration::from_secs(10);
/// Where more than this part of a round trip is lost, something is overloaded.
const HEAVY_PART: usize = 10;
/// A queue shorter than this is noise.
const LEAST_QUEUE: Duration = Duration::from_millis(4);

#[derive(Debug, Clone)]
struct Window {
    bytes: f64,
    threshold: f64,
    /// RFC 9438 §4.2: the window before the last reduction, in packets, ...
    maximum: f64,
    /// ... when the growth from it began, ...
    epoch: Option<Instant>,
    /// ... what it began with, and what Reno would have now.
    start: f64,
    reno: f64,
}

#[derive(Debug)]
pub(super) struct Cubic {
    packet: f64,
    window: Window,
    before: Option<Window>,
    hystart: HyStart,
    /// The latest round trip, and the highest of late with its time.
    rtt: Duration,
    peak: Option<(Duration, Instant)>,
}

impl Cubic {
    pub(super) fn new(packet: usize) -> Cubic {
        Cubic {
            packet: packet as f64,
            window: Window {
                bytes: initial_window(packet) as f64,
                threshold: f64::INFINITY,
                maximum: 0.0,
                epoch: None,
                start: 0.0,
                reno: 0.0,
            },
            before: None,
            hystart: HyStart::default(),
            rtt: Duration::ZERO,
            peak: None,
        }
    }

    fn in_slow_start(&self) -> bool {
        self.window.bytes < self.window.threshold
    }

    fn measure(&mut self, now: Instant, rtt: Duration) {
        self.rtt = rtt;
        match self.peak {
            Some((peak, at)) if rtt < peak && now < at + PEAK_LIFETIME => {}
            _ => self.peak = Some((rtt, now)),
        }
    }

    /// Whether the queue is as long as one that overflows.
    fn is_congested(&self, path: &Path) -> bool {
        let (Some(least), Some((peak, _))) = (path.min_rtt(), self.peak) else {
            return true;
        };
        let queue = self.rtt.saturating_sub(least);
        queue >= LEAST_QUEUE && queue >= peak.saturating_sub(least) / 2
    }

    fn reduce(&mut self) {
        self.before = Some(self.window.clone());
        let window = &mut self.window;
        let packets = window.bytes / self.packet;
        // RFC 9438 §4.7: fast convergence.
        window.maximum = if packets < window.maximum {
            packets * (1.0 + BETA) / 2.0
        } else {
            packets
        };
        window.threshold = (window.bytes * BETA).max(2.0 * self.packet);
        window.epoch = None;
    }

    fn avoid(&mut self, acked: Acked, path: &Path) {
        let window = &mut self.window;
        let packets = window.bytes / self.packet;
        let epoch = *window.epoch.get_or_insert_with(|| {
            window.start = packets;
            window.reno = packets;
            window.maximum = window.maximum.max(packets);
            acked.now
        });
        let rtt = path.smoothed_rtt().unwrap_or_default();
        let k = ((window.maximum - window.start) / C).cbrt();
        let t = (acked.now - epoch + rtt).as_secs_f64();
        // §4.2, and §4.4: never more than half as much again in a round trip.
        let cubic = (C * (t - k).powi(3) + window.maximum).clamp(packets, packets * 1.5);
        // §4.3: not behind Reno with the same reduction.
        let alpha = if window.reno < window.maximum {
            3.0 * (1.0 - BETA) / (1.0 + BETA)
        } else {
            1.0
        };
        let acked = acked.bytes as f64 / self.packet;
        window.reno += alpha * acked / packets;
        let grown = if window.reno > cubic {
            window.reno.max(packets)
        } else {
            packets + (cubic - packets) * acked / packets
        };
        window.bytes = grown * self.packet;
    }
}

impl Controller for Cubic {
    fn on_acked(&mut self, acked: Acked, path: &Path) {
        if let Some(rtt) = acked.rtt {
            self.measure(acked.now, rtt);
            if self.in_slow_start() && self.hystart.on_sample(rtt, acked.newest, acked.next) {
                self.window.threshold = self.window.bytes;
            }
        }
        if acked.recovering || ((acked.in_flight as f64) + self.packet) < self.window.bytes / 2.0 {
            return;
        }
        if self.in_slow_start() {
            self.window.bytes += self.hystart.growth(acked.bytes) as f64;
        } else if acked.in_flight as f64 + 2.0 * self.packet >= self.window.bytes {
            self.avoid(acked, path);
        }
    }

    fn on_loss(&mut self, lost: Lost, path: &Path) -> bool {
        let heavy = lost.lost * HEAVY_PART > lost.lost + lost.acked;
        if !heavy && !self.is_congested(path) {
            return false;
        }
        self.reduce();
        self.window.bytes = self.window.threshold;
        true
    }

    fn on_timeout(&mut self, _: Instant, _: &Path) {
        self.reduce();
        self.window.bytes = self.packet;
    }

    fn on_spurious_loss(&mut self) {
        if let Some(before) = self.before.take()
            && before.bytes > self.window.bytes
        {
            self.window = before;
        }
    }

    fn window(&self, _: &Path) -> usize {
        self.window.bytes as usize
    }

    fn target(&self) -> Option<usize> {
        Some(self.window.threshold as usize)
    }

    fn pace(&self, path: &Path) -> Option<f64> {
        pace(path, self.window.bytes as usize, self.in_slow_start())
    }
}
