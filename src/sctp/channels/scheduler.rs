//! Which channel sends next: start-time fair queueing, by bytes and by priority.
//!
//! Each channel has a virtual time that advances by what it sends, the slower the higher its
//! weight; the one that is furthest behind is served. A channel that was idle begins at the
//! present, so it neither saves up credit nor waits behind one that has a lot to send.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::sctp::config::Priority;
use crate::sctp::id::ChannelId;

/// What every message costs besides its bytes: chunk and packet headers, so that a flood of tiny
/// messages pays for itself.
const MESSAGE_COST: u64 = 32;
/// Virtual time has this many units per byte at weight 1, so that no precision is lost.
const SCALE: u64 = 1024;

/// A channel's place; [`Scheduler::add`] may be called only while it is not in the queue.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sctp) struct Turn {
    virtual_time: u64,
    queued: bool,
}

/// The channels that have something to send.
#[derive(Debug, Default)]
pub(in crate::sctp) struct Scheduler {
    queue: BinaryHeap<Reverse<(u64, ChannelId)>>,
    virtual_time: u64,
}

impl Scheduler {
    /// Nobody has anything to send.
    pub(in crate::sctp) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The channel has something to send. Calling it again changes nothing.
    pub(in crate::sctp) fn add(&mut self, id: ChannelId, turn: &mut Turn) {
        if turn.queued {
            return;
        }
        turn.queued = true;
        turn.virtual_time = turn.virtual_time.max(self.virtual_time);
        self.queue.push(Reverse((turn.virtual_time, id)));
    }

    /// Takes the next channel out of the queue; the caller then says
    /// [`taken`](Self::taken) to its turn, if the channel still exists.
    pub(in crate::sctp) fn next(&mut self) -> Option<ChannelId> {
        let Reverse((virtual_time, id)) = self.queue.pop()?;
        self.virtual_time = self.virtual_time.max(virtual_time);
        Some(id)
    }

    /// The channel was taken and sent `bytes`, or nothing.
    pub(in crate::sctp) fn taken(
        &mut self,
        turn: &mut Turn,
        bytes: Option<usize>,
        priority: Priority,
    ) {
        turn.queued = false;
        if let Some(bytes) = bytes {
            let cost = (bytes as u64 + MESSAGE_COST) * SCALE / u64::from(priority.weight());
            turn.virtual_time = turn.virtual_time.saturating_add(cost);
        }
    }
}

#[cfg(test)]
#[path = "scheduler_tests.rs"]
mod tests;
