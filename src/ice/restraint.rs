//! How much is sent to addresses that have not answered.
//!
//! Candidates are anybody's word: whoever can start a session can name a hundred addresses of
//! others. So what an agent sends to addresses that never answered is bounded, in packets and, for
//! each byte that the peer has told it, in bytes. A path that works does not depend on it: it
//! answers the first check or two.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The time that the bounds are for.
const WINDOW: Duration = Duration::from_secs(20);

/// At most so many packets in any [`WINDOW`]: twelve for each of twenty pairs, which is all that
/// their retransmission wants, and the first two or three of a full checklist.
const MAX_PACKETS: f64 = 250.0;

/// At most so many bytes in any [`WINDOW`] for each byte of the peer's description.
const AMPLIFICATION: f64 = 8.0;

/// What may be spent at once, the rest comes back in the course of a [`WINDOW`].
const BURST: f64 = 0.6;

/// The least that a description has beside candidates, user name fragment and password: fewer
/// lines, and there is no fingerprint in it.
const DESCRIPTION_BYTES: usize = 200;

/// The least that a candidate line has: `a=candidate:1 1 udp 1 1.1.1.1 9 typ host` and its end.
const CANDIDATE_BYTES: usize = 40;

/// How much a check is wanted, the more the further it may go into what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// It was sent before.
    Again,
    /// The first on its pair.
    First,
    /// The peer was heard from there.
    Heard,
}

impl Want {
    /// The share of the burst that is left to those that are wanted more.
    fn leaves(self) -> f64 {
        match self {
            Want::Again => 0.35,
            Want::First => 0.2,
            Want::Heard => 0.0,
        }
    }
}

/// So many addresses that answered are remembered: those of a peer that moves now and then.
const MAX_ANSWERED: usize = 32;

/// The account of one agent, over all of its generations.
#[derive(Debug)]
pub(super) struct Restraint {
    /// Addresses that have answered a check: they are the peer's. The latest is the last.
    answered: VecDeque<SocketAddr>,
    packets: Bucket,
    bytes: Bucket,
    filled_at: Option<Instant>,
}

impl Restraint {
    pub(super) fn new() -> Restraint {
        Restraint {
            answered: VecDeque::new(),
            packets: Bucket::full(MAX_PACKETS),
            bytes: Bucket::full(0.0),
            filled_at: None,
        }
    }

    /// How much the peer has told of itself: the characters of its credentials and the number of
    /// candidates that are kept.
    pub(super) fn told(&mut self, credentials: usize, candidates: usize) {
        let bytes = DESCRIPTION_BYTES + credentials + CANDIDATE_BYTES * candidates;
        self.bytes.resize(bytes as f64 * AMPLIFICATION);
    }

    /// A check was answered from there.
    pub(super) fn note_answered(&mut self, from: SocketAddr) {
        if self.answered.back() == Some(&from) {
            return;
        }
        self.answered.retain(|known| *known != from);
        if self.answered.len() >= MAX_ANSWERED {
            self.answered.pop_front();
        }
        self.answered.push_back(from);
    }

    /// Whether a check was answered from there, ever or of late.
    pub(super) fn has_answered(&self, from: SocketAddr) -> bool {
        self.answered.contains(&from)
    }

    /// Pays for a packet of this size to there, if there is enough left. To who has answered it
    /// costs nothing.
    ///
    /// # Errors
    ///
    /// When there will be.
    pub(super) fn pay(
        &mut self,
        now: Instant,
        to: SocketAddr,
        size: usize,
        want: Want,
    ) -> Result<(), Instant> {
        if self.has_answered(to) {
            return Ok(());
        }
        let passed = now.saturating_duration_since(self.filled_at.unwrap_or(now));
        self.filled_at = Some(now);
        self.packets.fill(passed);
        self.bytes.fill(passed);
        let size = size as f64;
        let wait = self
            .packets
            .wait(1.0, want)
            .max(self.bytes.wait(size, want));
        if wait > Duration::ZERO {
            return Err(now + wait);
        }
        self.packets.left -= 1.0;
        self.bytes.left -= size;
        Ok(())
    }
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
    /// What flows out in a [`WINDOW`] at most.
    limit: f64,
    left: f64,
}

impl Bucket {
    fn full(limit: f64) -> Bucket {
        Bucket {
            limit,
            left: limit * BURST,
        }
    }

    /// What is added is there at once, and what is taken away is gone.
    fn resize(&mut self, limit: f64) {
        let added = (limit - self.limit).max(0.0);
        self.left = (self.left + added * BURST).min(limit * BURST);
        self.limit = limit;
    }

    fn fill(&mut self, passed: Duration) {
        let share = passed.as_secs_f64() / WINDOW.as_secs_f64();
        let filled = self.left + self.limit * (1.0 - BURST) * share;
        self.left = filled.min(self.limit * BURST);
    }

    /// How long until so much can be taken; a whole window when it never can, as things stand.
    fn wait(&self, amount: f64, want: Want) -> Duration {
        let burst = self.limit * BURST;
        let missing = (burst * want.leaves() + amount).min(burst) - self.left;
        if amount > burst {
            return WINDOW;
        }
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        let share = missing / (self.limit * (1.0 - BURST));
        // Rounded up, so that it is enough then.
        WINDOW.mul_f64(share.min(1.0)) + Duration::from_millis(1)
    }
}

#[cfg(test)]
#[path = "restraint_tests.rs"]
mod tests;
