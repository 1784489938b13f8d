//! Checks that wait for their answer, and their retransmission (RFC 8445 §14.3, RFC 8489 §6.2.1).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::pair::PairId;
use super::state::Role;
use crate::net::Path;
use crate::stun::TransactionId;

/// Why a check is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To find out whether the pair works, and to nominate it. Retransmitted.
    Connectivity,
    /// To learn whether the peer still wants our data, or still hears us. Sent once
    /// (RFC 7675 §5.1).
    Consent,
}

/// A check under way.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) pair: PairId,
    pub(super) path: Path,
    pub(super) purpose: Purpose,
    /// The role that the check claimed.
    pub(super) role: Role,
    pub(super) use_candidate: bool,
    pub(super) sent_at: Instant,
    pub(super) transmissions: u32,
    /// Whether it was sent again out of turn since the last timeout.
    pub(super) hurried: bool,
    /// After so many transmissions it times out.
    pub(super) max_transmissions: u32,
    pub(super) datagram: Bytes,
    /// How long the latest transmission may stay unanswered.
    pub(super) rto: Duration,
    pub(super) deadline: Instant,
    /// When it times out in any case.
    pub(super) gives_up: Instant,
}

/// What a deadline that passed means.
#[derive(Debug)]
pub(super) enum Due {
    /// The check is to be sent again.
    Retransmit {
        pair: PairId,
        path: Path,
        datagram: Bytes,
    },
    /// No answer will be waited for any longer.
    TimedOut { pair: PairId, purpose: Purpose },
}

/// All checks under way. There are at most two for each pair and a handful of consent checks, so
/// the limit on pairs bounds them.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    map: HashMap<TransactionId, Transaction>,
}

impl Transactions {
    pub(super) fn insert(&mut self, id: TransactionId, transaction: Transaction) {
        self.map.insert(id, transaction);
    }

    pub(super) fn get(&self, id: &TransactionId) -> Option<&Transaction> {
        self.map.get(id)
    }

    pub(super) fn remove(&mut self, id: &TransactionId) -> Option<Transaction> {
        self.map.remove(id)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Transaction) -> bool) {
        self.map.retain(|_, t| keep(t));
    }

    /// Forgets all connectivity checks of a pair.
    pub(super) fn cancel_checks(&mut self, pair: PairId) {
        self.retain(|t| t.pair != pair || t.purpose == Purpose::Consent);
    }

    /// Whether the check of a pair may be sent anew out of turn: once between two timeouts.
    pub(super) fn hurry(&mut self, pair: PairId) -> bool {
        let check = |t: &&mut Transaction| {
            t.pair == pair && t.purpose == Purpose::Connectivity && t.max_transmissions > 1
        };
        let own = self.map.values_mut().find(check);
        own.is_some_and(|t| !std::mem::replace(&mut t.hurried, true))
    }

    /// Whether a connectivity check of this pair is under way.
    pub(super) fn has_check(&self, pair: PairId) -> bool {
        self.map
            .values()
            .any(|t| t.pair == pair && t.purpose == Purpose::Connectivity)
    }

    /// The pair works: its checks need no more retransmission, but for a nomination.
    pub(super) fn end_checks(&mut self, pair: PairId) {
        self.retain(|t| t.pair != pair || t.purpose == Purpose::Consent || t.use_candidate);
    }

    /// When the next one is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.map.values().map(|t| t.deadline).min()
    }

    /// The one that is due first, of equals the one that was sent least, and its pair if it is to be
    /// sent again.
    pub(super) fn due(&self, now: Instant) -> Option<(TransactionId, Option<PairId>)> {
        let due = self.map.iter().filter(|(_, t)| t.deadline <= now);
        let (id, t) = due.min_by_key(|(id, t)| (t.deadline, t.transmissions, **id))?;
        Some((*id, (!t.is_over(now)).then_some(t.pair)))
    }

    /// There is no room for it now: it waits, but for no longer than it would have otherwise.
    pub(super) fn postpone(&mut self, id: TransactionId, until: Instant) {
        if let Some(t) = self.map.get_mut(&id) {
            t.deadline = until.min(t.gives_up);
        }
    }

    /// Takes one that is [due](Self::due).
    pub(super) fn take_due(
        &mut self,
        id: TransactionId,
        now: Instant,
        max_rto: Duration,
    ) -> Option<Due> {
        let t = self.map.get_mut(&id)?;
        if t.is_over(now) {
            let due = Due::TimedOut {
                pair: t.pair,
                purpose: t.purpose,
            };
            self.map.remove(&id);
            return Some(due);
        }
        t.transmissions += 1;
        t.hurried = false;
        t.rto = (t.rto * 2).min(max_rto.max(t.rto));
        t.deadline = (now + t.rto).min(t.gives_up);
        Some(Due::Retransmit {
            pair: t.pair,
            path: t.path,
            datagram: t.datagram.clone(),
        })
    }
}

impl Transaction {
    fn is_over(&self, now: Instant) -> bool {
        self.transmissions >= self.max_transmissions || now >= self.gives_up
    }
}

/// How long a check lasts that is sent so often.
pub(super) fn lifetime(rto: Duration, max_rto: Duration, transmissions: u32) -> Duration {
    let max_rto = max_rto.max(rto);
    let (mut total, mut wait) = (Duration::ZERO, rto);
    for left in (1..=transmissions).rev() {
        if wait >= max_rto {
            return total + max_rto * left;
        }
        total += wait;
        wait = (wait * 2).min(max_rto);
    }
    total
}

#[cfg(test)]
#[path = "transactions_tests.rs"]
mod tests;
