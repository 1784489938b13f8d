//! The checklist: all pairs, in which order they are checked, and which wait for others
//! (RFC 8445 §6.1.2, §6.1.4; RFC 8838 §12).
//!
//! There is one data stream with one component, so there is one checklist.

use std::collections::VecDeque;
use std::sync::Arc;

use super::candidate::Candidate;
use super::pair::{Pair, PairId, PairState};
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
    /// There is one of the same path.
    Redundant,
    /// Neither room, nor a pair of less worth that would make it.
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

    /// Forms the pair of two candidates and gives it its first state.
    pub(super) fn add(
        &mut self,
        role: Role,
        generation: u32,
        path: Path,
        local: &Arc<Candidate>,
        remote: &Arc<Candidate>,
        protected: Option<PairId>,
    ) -> Added {
        if self.find(generation, &path).is_some() {
            return Added::Redundant;
        }
        let id = PairId(self.next_id);
        let mut pair = Pair::new(id, generation, path, local.clone(), remote.clone());
        if self.pairs.len() >= self.max_pairs && !self.make_room(role, &pair, protected) {
            return Added::Full;
        }
        self.next_id = self.next_id.wrapping_add(1);
        pair.state = self.first_state(role, &pair);
        self.pairs.push(pair);
        Added::New(id)
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

    /// RFC 8445 §6.1.2.5: the limit takes the pairs of lowest priority, but nothing that works or
    /// is being tried.
    fn make_room(&mut self, role: Role, new: &Pair, protected: Option<PairId>) -> bool {
        let worth = |p: &Pair| (p.state != PairState::Failed, p.priority(role));
        let victim = self
            .pairs
            .iter()
            .filter(|p| !matches!(p.state, PairState::Succeeded | PairState::InProgress))
            .filter(|p| Some(p.id) != protected && worth(p) < worth(new))
            .min_by_key(|p| worth(p))
            .map(|p| p.id);
        if let Some(id) = victim {
            self.retain(|p| p.id != id);
        }
        victim.is_some()
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

    /// Takes the next pair of the triggered-check queue.
    pub(super) fn next_triggered(&mut self) -> Option<PairId> {
        self.triggered.pop_front()
    }

    /// Takes the pair whose turn it is at Ta (RFC 8445 §6.1.4.2).
    pub(super) fn next_ordinary(&mut self, role: Role, generation: u32) -> Option<PairId> {
        let best = |pairs: &[Pair], wanted: &dyn Fn(&Pair) -> bool| {
            let pairs = pairs
                .iter()
                .filter(|p| p.generation == generation && wanted(p));
            pairs.max_by_key(|p| p.priority(role)).map(|p| p.id)
        };
        best(&self.pairs, &|p| p.state == PairState::Waiting).or_else(|| {
            best(&self.pairs, &|p| {
                p.state == PairState::Frozen && self.may_thaw(p)
            })
        })
    }

    /// Whether [`next_ordinary`](Self::next_ordinary) would find one.
    pub(super) fn has_ordinary(&self, generation: u32) -> bool {
        self.pairs.iter().any(|p| {
            p.generation == generation
                && (p.state == PairState::Waiting
                    || p.state == PairState::Frozen && self.may_thaw(p))
        })
    }

    /// No other pair of its foundation is waiting or in progress (RFC 8445 §6.1.4.2).
    fn may_thaw(&self, pair: &Pair) -> bool {
        !self.pairs.iter().any(|p| {
            p.generation == pair.generation
                && matches!(p.state, PairState::Waiting | PairState::InProgress)
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

    /// Puts another candidate in the place of a remote one of the same address.
    pub(super) fn replace_remote(&mut self, old: &Arc<Candidate>, new: &Arc<Candidate>) {
        for pair in self
            .pairs
            .iter_mut()
            .filter(|p| Arc::ptr_eq(&p.remote, old))
        {
            pair.remote = new.clone();
        }
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
