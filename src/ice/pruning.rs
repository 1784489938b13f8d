//! What gives way when there is no room: among pairs (RFC 8445 §6.1.2.5), and among the remote
//! candidates behind them.
//!
//! The RFC takes the pairs of lowest priority. A peer with many addresses that lead nowhere would
//! so shut out all that is unlike them: what it relays, its other address family, the address that
//! its checks come from. Here the kind of which there is most gives way, in it the candidate that
//! is paired most often, and only then priority decides.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::candidate::{Candidate, CandidateType};
use super::pair::{Pair, PairId, PairState};
use super::state::Role;
use crate::net::Protocol;

/// After so many retransmissions without an answer a check is one that others may replace: in
/// three quarters of a second most paths have answered.
const IN_VAIN: u64 = 2;

/// Why a pair is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Both candidates were told. It may itself be the one without room.
    Told,
    /// The peer has sent a check (RFC 8445 §7.3.1.4): it is there, so it finds room.
    Checked,
}

/// The pair that gives way for a new one, `None` when the new one has to.
pub(super) fn least_promising(
    pairs: &[Pair],
    new: &Pair,
    role: Role,
    wanted: Wanted,
    protected: Option<PairId>,
) -> Option<PairId> {
    let kinds = counted(pairs.iter().chain([new]).map(kind));
    let remotes = counted(pairs.iter().chain([new]).map(|p| Arc::as_ptr(&p.remote)));
    let crowd = |p: &&Pair| {
        let remote = Arc::as_ptr(&p.remote);
        (kinds[&kind(p)], remotes[&remote], Reverse(p.priority(role)))
    };
    let most_crowded = |gives_way: &dyn Fn(&Pair) -> bool, own: Option<&Pair>| {
        let others = pairs.iter().filter(|p| Some(p.id) != protected);
        let mut others = others.filter(|p| gives_way(p)).peekable();
        others.peek()?;
        // Of equals the last one: the new one.
        let chosen = others.chain(own).max_by_key(crowd)?;
        Some((chosen.id != new.id).then_some(chosen.id))
    };
    let unheard = |p: &Pair| p.counters.requests_received == 0;
    let own = (wanted == Wanted::Told).then_some(new);
    most_crowded(&|p| p.state == PairState::Failed, None)
        .or_else(|| {
            let waits = |p: &Pair| matches!(p.state, PairState::Frozen | PairState::Waiting);
            most_crowded(&|p| waits(p) && unheard(p), own)
        })
        .or_else(|| most_crowded(&|p| is_tried_in_vain(p) && unheard(p), None))
        .or_else(|| {
            let replaced = |p: &Pair| p.state == PairState::InProgress && unheard(p);
            let checked = wanted == Wanted::Checked;
            checked.then(|| most_crowded(&replaced, None))?
        })?
}

/// The remote candidate that gives way for a new one that was told, or for one whose check has
/// come (`None`). One with which something works or is in use, and one from which the peer was
/// heard, never does.
pub(super) fn least_promising_candidate<'a>(
    candidates: &'a [Arc<Candidate>],
    pairs: &'a [Pair],
    new: Option<&'a Arc<Candidate>>,
    protected: Option<PairId>,
) -> Option<&'a Arc<Candidate>> {
    let all = || candidates.iter().chain(new);
    let kinds = counted(all().map(|c| candidate_kind(c)));
    let pairs_of = |c: &Arc<Candidate>| {
        let c = c.clone();
        pairs.iter().filter(move |p| Arc::ptr_eq(&p.remote, &c))
    };
    let is_quiet = |p: &Pair| {
        p.state != PairState::Succeeded
            && p.counters.requests_received == 0
            && Some(p.id) != protected
    };
    let in_vain = |c: &Arc<Candidate>| {
        pairs_of(c).next().is_some()
            && pairs_of(c).all(|p| p.state == PairState::Failed || is_tried_in_vain(p))
    };
    let chosen = all()
        .filter(|c| pairs_of(c).all(is_quiet))
        .max_by_key(|c| (in_vain(c), kinds[&candidate_kind(c)], Reverse(c.priority)))?;
    let is_new = new.is_some_and(|new| Arc::ptr_eq(new, chosen));
    (!is_new).then_some(chosen)
}

fn is_tried_in_vain(pair: &Pair) -> bool {
    pair.state == PairState::InProgress && pair.counters.retransmissions_sent >= IN_VAIN
}

type Kind = (CandidateType, Protocol, bool);

fn candidate_kind(candidate: &Candidate) -> Kind {
    let is_ipv6 = candidate.socket_addr().is_some_and(|a| a.is_ipv6());
    (candidate.kind, candidate.protocol, is_ipv6)
}

fn kind(pair: &Pair) -> (CandidateType, Kind) {
    (pair.local.kind, candidate_kind(&pair.remote))
}

fn counted<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> HashMap<K, usize> {
    let mut counts = HashMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

#[cfg(test)]
#[path = "pruning_tests.rs"]
mod tests;
