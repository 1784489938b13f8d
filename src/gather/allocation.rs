//! Which allocations were asked for, and what became of them.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::binding::Target;
use super::event::AllocationId;

#[derive(Debug, Default)]
pub(super) struct Allocations {
    last: u64,
    /// At most one for each server, address of ours and attempt.
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: AllocationId,
    target: Target,
    domain: Option<String>,
    stage: Stage,
}

/// How far an allocation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Gathering waits for it.
    Awaited { deadline: Instant },
    /// It took too long, was reported, and is still welcome.
    Late,
    /// It lives.
    Allocated { relayed: SocketAddr, since: Instant },
}

impl Allocations {
    pub(super) fn begin(
        &mut self,
        target: Target,
        domain: Option<String>,
        deadline: Instant,
    ) -> AllocationId {
        self.last += 1;
        let id = AllocationId(self.last);
        self.entries.push(Entry {
            id,
            target,
            domain,
            stage: Stage::Awaited { deadline },
        });
        id
    }

    /// What was asked; `None` when it is not known (any more), or lives already.
    pub(super) fn succeeded(
        &mut self,
        now: Instant,
        id: AllocationId,
        relayed: SocketAddr,
    ) -> Option<&Target> {
        let entry = self.entries.iter_mut().find(|entry| entry.id == id)?;
        if matches!(entry.stage, Stage::Allocated { .. }) {
            return None;
        }
        entry.stage = Stage::Allocated {
            relayed,
            since: now,
        };
        Some(&entry.target)
    }

    /// Forgets it: what was asked, and how far it had come.
    pub(super) fn failed(&mut self, id: AllocationId) -> Option<Ended> {
        let index = self.entries.iter().position(|entry| entry.id == id)?;
        let Entry {
            target,
            domain,
            stage,
            ..
        } = self.entries.remove(index);
        Some(Ended {
            target,
            domain,
            stage,
        })
    }

    /// The local addresses that have an allocation on this server, or wait for one.
    pub(super) fn locals(&self, server: usize) -> impl Iterator<Item = IpAddr> + '_ {
        let entries = self
            .entries
            .iter()
            .filter(move |entry| entry.target.server == server);
        entries.map(|entry| entry.target.path.local.ip())
    }

    pub(super) fn is_gathering(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry.stage, Stage::Awaited { .. }))
    }

    /// Those that gathering waits for no longer.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<Target> {
        let mut late = Vec::new();
        for entry in &mut self.entries {
            if matches!(entry.stage, Stage::Awaited { deadline } if deadline <= now) {
                entry.stage = Stage::Late;
                late.push(entry.target.clone());
            }
        }
        late
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = self.entries.iter().filter_map(|entry| match entry.stage {
            Stage::Awaited { deadline } => Some(deadline),
            _ => None,
        });
        deadlines.min()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// An allocation that is no more.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) target: Target,
    pub(super) domain: Option<String>,
    pub(super) stage: Stage,
}
