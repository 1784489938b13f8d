//! A link between a host and its network.

use std::time::{Duration, Instant};

use actix_rtc_proto::random::Random;

/// What a link does to datagrams, in each direction on its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Link {
    /// One way.
    pub(crate) delay: Duration,
    /// Up to so much is added to the delay; more than the pause between two datagrams reorders.
    pub(crate) jitter: Duration,
    /// The probability that a datagram is lost.
    pub(crate) loss: f64,
    /// The probability that it comes twice.
    pub(crate) duplicate: f64,
    /// The probability that it is held back for another `delay`, and so overtaken.
    pub(crate) reorder: f64,
    /// Bytes a second; `None` for any.
    pub(crate) bandwidth: Option<f64>,
    /// How many bytes may wait before a link of limited bandwidth.
    pub(crate) queue: usize,
}

impl Link {
    pub(crate) fn with_delay(delay: Duration) -> Link {
        Link {
            delay,
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            bandwidth: None,
            queue: 64 * 1024,
        }
    }

    pub(crate) fn with_loss(self, loss: f64) -> Link {
        Link { loss, ..self }
    }
}

/// One direction of a link.
#[derive(Debug, Default)]
pub(crate) struct Direction {
    /// Until when what is queued keeps the link busy.
    busy_until: Option<Instant>,
}

impl Direction {
    /// When a datagram of `len` bytes arrives at the other end: never, once, or twice.
    pub(crate) fn carry(
        &mut self,
        link: &Link,
        now: Instant,
        len: usize,
        random: &mut Random,
    ) -> Vec<Instant> {
        if random.fraction() < link.loss {
            return Vec::new();
        }
        let mut sent = now;
        if let Some(bandwidth) = link.bandwidth {
            let begins = self.busy_until.map_or(now, |busy| busy.max(now));
            let queued = (begins - now).as_secs_f64() * bandwidth;
            if queued + len as f64 > link.queue as f64 {
                return Vec::new();
            }
            sent = begins + Duration::from_secs_f64(len as f64 / bandwidth);
            self.busy_until = Some(sent);
        }
        let copies = 1 + usize::from(random.fraction() < link.duplicate);
        (0..copies)
            .map(|_| {
                let late = if random.fraction() < link.reorder {
                    link.delay
                } else {
                    Duration::ZERO
                };
                sent + link.delay + link.jitter.mul_f64(random.fraction()) + late
            })
            .collect()
    }
}
