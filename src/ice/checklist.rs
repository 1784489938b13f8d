//! The checklist: all pairs, in which order they are checked, and which wait for others
//! (RFC 8445 §6.1.2, §6.1.4; RFC 8838 §12).
//!
//! There is one data stream with one component, so there is one checklist. What gives way when it
//! is full is chosen in [`pruning`](super::pruning).

use std::collections::VecDeque;
use std::sync::Arc;

use super::candidate::Candidate;
use super::pair::{Pair, PairId, PairState};
use super::pruning::{Wanted, least_promising};
use super::state::Role;
use crate::net::{Path, canonical};

#[derive(Debug)]
pub(super) struct Checklist {
    pairs: Vec<Pair>,
    /// The triggered-check queue (RFC 8445 §6.1.4.1). Each pair is in it at most once, so it is
    /// no longer than `pairs`.
    triggered: VecDeque<PairId>,
    next_id: u32,
    max_pairs: usize,
}

/// Whether a pair came into the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    New(PairId),
    /// Another pair had to give way.
    Instead {
        id: PairId,
        of: PairId,
    },
    /// There is one of the same path.
    Redundant,
    /// Neither room, nor a pair of less promise that would make it.
    Full,
}

impl Checklist {
    pub(super) fn new(max_pairs: usize) -> Checklist {
        Checklist {
            pairs: Vec::new(),
            triggered: VecDeque::new(),
            next_id: 0,
            max_pairs,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter()
    }

    pub(super) fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.pairs.iter_mut()
    }

    pub(super) fn get(&self, id: PairId) -> Option<&Pair> {
        self.pairs.iter().find(|p| p.id == id)
    }

    pub(super) fn get_mut(&mut self, id: PairId) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|p| p.id == id)
    }

    pub(super) fn find(&self, generation: u32, path: &Path) -> Option<&Pair> {
        self.pairs
            .iter()
            .find(|p| p.generation == generation && p.path == *path)
    }

    /// Forms the pair of two candidates and gives it its first state. `protected` stays whatever
    /// becomes of the others.
    #[expect(clippy::too_many_arguments, reason = "a pair is made of so much")]
    pub(super) fn add(
        &mut self,
        role: Role,
        generation: u32,
        path: Path,
        local: &Arc<Candidate>,
        remote: &Arc<Candidate>,
        wanted: Wanted,
        protected: Option<PairId>,
    ) -> Added {
        if self.find(generation, &path).is_some() {
            return Added::Redundant;
        }
        let id = PairId(self.next_id);
        let mut pair = Pair::new(id, generation, path, local.clone(), remote.clone());
        let mut added = Added::New(id);
        if self.pairs.len() >= self.max_pairs {
            let Some(of) = least_promising(&self.pairs, &pair, role, wanted, protected) else {
                return Added::Full;
            };
            self.retain(|p| p.id != of);
            added = Added::Instead { id, of };
        }
        self.next_id = self.next_id.wrapping_add(1);
        pair.state = self.first_state(role, &pair);
        self.pairs.push(pair);
        added
    }

    /// RFC 8838 §12, rules 1 to 3, and RFC 8445 §6.1.2.6.
    fn first_state(&mut self, role: Role, new: &Pair) -> PairState {
        let priority = new.priority(role);
        let same = |p: &&mut Pair| p.generation == new.generation && p.same_foundation(new);
        let mut state = PairState::Waiting;
        for other in self.pairs.iter_mut().filter(same) {
            match other.state {
                PairState::Succeeded => return PairState::Waiting,
                PairState::InProgress => state = PairState::Frozen,
                PairState::Waiting if other.priority(role) > priority => {
                    state = PairState::Frozen;
                }
                // The new one speaks for the foundation now.
                PairState::Waiting => other.state = PairState::Frozen,
                PairState::Frozen | PairState::Failed => {}
            }
        }
        state
    }

    /// Removes pairs, also from the triggered-check queue.
    pub(super) fn retain(&mut self, keep: impl Fn(&Pair) -> bool) {
        self.pairs.retain(&keep);
        let pairs = &self.pairs;
        self.triggered
            .retain(|id| pairs.iter().any(|p| p.id == *id));
    }

    /// Puts a pair into the triggered-check queue (RFC 8445 §7.3.1.4).
    pub(super) fn trigger(&mut self, id: PairId) {
        if let Some(pair) = self.get_mut(id) {
            pair.state = PairState::Waiting;
            if !self.triggered.contains(&id) {
                self.triggered.push_back(id);
            }
        }
    }

    /// The next pair of the triggered-check queue.
    pub(super) fn peek_triggered(&self) -> Option<PairId> {
        self.triggered.front().copied()
    }

    /// Takes the next pair of the triggered-check queue.
    pub(super) fn next_triggered(&mut self) -> Option<PairId> {
        self.triggered.pop_front()
    }

    /// The pair whose turn it is at Ta (RFC 8445 §6.1.4.2), one that is `promising` before others.
    pub(super) fn next_ordinary(
        &self,
        role: Role,
        generation: u32,
        promising: impl Fn(&Pair) -> bool,
    ) -> Option<PairId> {
        let best = |wanted: &dyn Fn(&Pair) -> bool| {
            let pairs = self.pairs.iter();
            let pairs = pairs.filter(|p| p.generation == generation && wanted(p));
            pairs.max_by_key(|p| p.priority(role)).map(|p| p.id)
        };
        best(&|p| p.state == PairState::Waiting && promising(p))
            .or_else(|| best(&|p| p.state == PairState::Waiting))
            .or_else(|| best(&|p| p.state == PairState::Frozen && self.may_thaw(p)))
    }

    /// Whether [`next_ordinary`](Self::next_ordinary) would find one.
    pub(super) fn has_ordinary(&self, generation: u32) -> bool {
        self.pairs.iter().any(|p| {
            p.generation == generation
                && (p.state == PairState::Waiting
                    || p.state == PairState::Frozen && self.may_thaw(p))
        })
    }

    /// No other pair of its foundation is waiting or in progress (RFC 8445 §6.1.4.2). One that
    /// was not answered at once does not count: it would hold the others back for half a minute.
    fn may_thaw(&self, pair: &Pair) -> bool {
        !self.pairs.iter().any(|p| {
            p.generation == pair.generation
                && match p.state {
                    PairState::Waiting => true,
                    PairState::InProgress => !p.doubtful,
                    _ => false,
                }
                && p.same_foundation(pair)
        })
    }

    /// Unfreezes all pairs of this one's foundation (RFC 8445 §7.2.5.3.3).
    pub(super) fn thaw(&mut self, id: PairId) {
        let Some(pair) = self.get(id).cloned() else {
            return;
        };
        for other in &mut self.pairs {
            if other.state == PairState::Frozen
                && other.generation == pair.generation
                && other.same_foundation(&pair)
            {
                other.state = PairState::Waiting;
            }
        }
    }

    /// The valid pair of highest priority.
    pub(super) fn best_valid(&self, role: Role, generation: u32) -> Option<&Pair> {
        let valid = self
            .pairs
            .iter()
            .filter(|p| p.generation == generation && p.is_valid());
        valid.max_by_key(|p| p.priority(role))
    }

    /// How many pairs wait or are in progress: the N of RFC 8445 §14.3.
    pub(super) fn pending(&self) -> usize {
        let pending = |p: &&Pair| matches!(p.state, PairState::Waiting | PairState::InProgress);
        self.pairs.iter().filter(pending).count()
    }

    /// Puts another candidate in the place of a remote one of the same address. Whether the pair
    /// `watched` is one of those that are called differently now.
    pub(super) fn replace_remote(
        &mut self,
        old: &Arc<Candidate>,
        new: &Arc<Candidate>,
        watched: Option<PairId>,
    ) -> bool {
        let mut seen = false;
        let of_old = |p: &&mut Pair| Arc::ptr_eq(&p.remote, old);
        for pair in self.pairs.iter_mut().filter(of_old) {
            pair.remote = new.clone();
            seen |= Some(pair.id) == watched;
        }
        seen
    }
}

/// The path of a pair: from the base to the remote candidate. An IPv6 link-local address of the
/// peer is in the zone of our own interface.
pub(super) fn path_between(base: std::net::SocketAddr, remote: &Candidate) -> Option<Path> {
    let mut to = canonical(remote.socket_addr()?);
    if let (std::net::SocketAddr::V6(from), std::net::SocketAddr::V6(to)) = (base, &mut to)
        && to.ip().is_unicast_link_local()
    {
        to.set_scope_id(from.scope_id());
    }
    Some(Path {
        protocol: remote.protocol,
        local: base,
        remote: to,
    })
}

#[cfg(test)]
#[path = "checklist_tests.rs"]
mod tests;
