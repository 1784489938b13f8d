//! HyStart++ (RFC 9406): slow start ends when the round trip grows, before the queue overflows.

use std::time::Duration;

const MIN_THRESHOLD: Duration = Duration::from_millis(4);
const MAX_THRESHOLD: Duration = Duration::from_millis(16);
const MIN_SAMPLES: u32 = 8;
const CSS_GROWTH_DIVISOR: usize = 4;
const CSS_ROUNDS: u32 = 5;

#[derive(Debug, Default)]
pub(super) struct HyStart {
    /// The round ends when this is acknowledged.
    end: u64,
    last: Option<Duration>,
    current: Option<Duration>,
    samples: u32,
    /// In conservative slow start: the least round trip when it began, and for how many rounds.
    conservative: Option<(Duration, u32)>,
}

impl HyStart {
    /// A round trip was measured; `newest` is the TSN that was acknowledged, `next` the one that is
    /// sent next. Returns whether slow start is over.
    pub(super) fn on_sample(&mut self, rtt: Duration, newest: u64, next: u64) -> bool {
        let mut over = false;
        if newest >= self.end {
            self.end = next;
            self.last = self.current.take();
            self.samples = 0;
            if let Some((_, rounds)) = &mut self.conservative {
                *rounds += 1;
                over = *rounds >= CSS_ROUNDS;
            }
        }
        self.samples += 1;
        let current = self.current.map_or(rtt, |least| least.min(rtt));
        self.current = Some(current);
        if self.samples < MIN_SAMPLES {
            return over;
        }
        match (self.conservative, self.last) {
            (None, Some(last)) => {
                let threshold = (last / 8).clamp(MIN_THRESHOLD, MAX_THRESHOLD);
                if current >= last + threshold {
                    self.conservative = Some((current, 0));
                }
            }
            // It was a jitter only.
            (Some((baseline, _)), _) if current < baseline => self.conservative = None,
            _ => {}
        }
        over
    }

    /// By how much the window grows in slow start for so many acknowledged bytes.
    pub(super) fn growth(&self, acked: usize) -> usize {
        match self.conservative {
            Some(_) => acked / CSS_GROWTH_DIVISOR,
            None => acked,
        }
    }
}
