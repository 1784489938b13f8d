//! Candidate pairs (RFC 8445 §6.1.2).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::candidate::Candidate;
use super::state::Role;
use crate::net::Path;

/// The state of a pair (RFC 8445 §6.1.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PairState {
    /// Waits for another pair of its foundation.
    Frozen,
    /// To be checked.
    Waiting,
    /// A check is under way.
    InProgress,
    /// A check was answered.
    Succeeded,
    /// A check was refused, or never answered.
    Failed,
}

impl PairState {
    /// The W3C's name (RTCStatsIceCandidatePairState).
    pub fn as_str(self) -> &'static str {
        match self {
            PairState::Frozen => "frozen",
            PairState::Waiting => "waiting",
            PairState::InProgress => "in-progress",
            PairState::Succeeded => "succeeded",
            PairState::Failed => "failed",
        }
    }
}

/// What was counted of a pair; names of W3C webrtc-stats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairCounters {
    /// Checks sent, retransmissions not counted.
    pub requests_sent: u64,
    /// Retransmissions of checks.
    pub retransmissions_sent: u64,
    /// Consent checks sent; part of `requests_sent`.
    pub consent_requests_sent: u64,
    /// Valid answers to our checks.
    pub responses_received: u64,
    /// Authenticated checks of the peer.
    pub requests_received: u64,
    /// Answers to them.
    pub responses_sent: u64,
    /// The sum of all measured round trips.
    pub total_round_trip_time: Duration,
    /// How many round trips that were.
    pub round_trips: u64,
    /// Datagrams of data sent, as the owner said (checks are not data).
    pub packets_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Datagrams of data that came and were believed.
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

/// Names a pair for as long as the agent lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PairId(pub(super) u32);

/// A local and a remote candidate. A pair is known by its path: the base of the local candidate
/// and the remote address, which is also what makes two pairs redundant (RFC 8445 §6.1.2.4).
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) id: PairId,
    /// The ICE generation to which it belongs.
    pub(super) generation: u32,
    pub(super) path: Path,
    /// The candidate that is its own base.
    pub(super) local: Arc<Candidate>,
    pub(super) remote: Arc<Candidate>,
    pub(super) state: PairState,
    /// Its check had to be retransmitted.
    pub(super) doubtful: bool,
    /// The local candidate of the valid pair: the one of the mapped address (RFC 8445 §7.2.5.3.2).
    pub(super) mapped: Option<Arc<Candidate>>,
    pub(super) nominated: bool,
    /// The peer nominated it before our check was answered (RFC 8445 §7.3.1.5).
    pub(super) nominate_on_success: bool,
    /// When the peer nominated it last.
    pub(super) nominated_at: Option<Instant>,
    /// When a check of ours was answered last.
    pub(super) last_answer: Option<Instant>,
    /// The latest measured round trip.
    pub(super) rtt: Option<Duration>,
    pub(super) counters: PairCounters,
}

impl Pair {
    pub(super) fn new(
        id: PairId,
        generation: u32,
        path: Path,
        local: Arc<Candidate>,
        remote: Arc<Candidate>,
    ) -> Pair {
        Pair {
            id,
            generation,
            path,
            local,
            remote,
            state: PairState::Frozen,
            doubtful: false,
            mapped: None,
            nominated: false,
            nominate_on_success: false,
            nominated_at: None,
            last_answer: None,
            rtt: None,
            counters: PairCounters::default(),
        }
    }

    /// RFC 8445 §6.1.2.3.
    pub(super) fn priority(&self, role: Role) -> u64 {
        let (local, remote) = (
            u64::from(self.local.priority),
            u64::from(self.remote.priority),
        );
        let (g, d) = match role {
            Role::Controlling => (local, remote),
            Role::Controlled => (remote, local),
        };
        (g.min(d) << 32) + 2 * g.max(d) + u64::from(g > d)
    }

    /// RFC 8445 §6.1.2.6: the pair's foundation is both candidates'.
    pub(super) fn same_foundation(&self, other: &Pair) -> bool {
        self.local.foundation == other.local.foundation
            && self.remote.foundation == other.remote.foundation
    }

    /// The local candidate as the peer sees it.
    pub(super) fn local_candidate(&self) -> &Arc<Candidate> {
        self.mapped.as_ref().unwrap_or(&self.local)
    }

    /// Whether a check is still to come or under way.
    pub(super) fn is_pending(&self) -> bool {
        matches!(
            self.state,
            PairState::Frozen | PairState::Waiting | PairState::InProgress
        )
    }

    pub(super) fn is_valid(&self) -> bool {
        self.state == PairState::Succeeded
    }

    pub(super) fn answered(&mut self, now: Instant, rtt: Option<Duration>) {
        self.last_answer = Some(now);
        self.counters.responses_received += 1;
        if let Some(rtt) = rtt {
            self.rtt = Some(rtt);
            self.counters.total_round_trip_time += rtt;
            self.counters.round_trips += 1;
        }
    }
}
