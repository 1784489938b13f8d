//! The inboxes of a session together: what they hold is bounded, however many channels there are.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// What all inboxes of a session hold.
#[derive(Debug)]
pub(crate) struct Inboxes {
    limit: usize,
    /// With the overhead of each message.
    cost: AtomicUsize,
    /// An inbox takes nothing more because of the others.
    waited: AtomicBool,
}

impl Inboxes {
    pub(crate) fn new(limit: usize) -> Inboxes {
        Inboxes {
            limit,
            cost: AtomicUsize::new(0),
            waited: AtomicBool::new(false),
        }
    }

    /// Whether they are full. Then [`remove`](Self::remove) says when whoever waits may go on.
    pub(crate) fn is_full(&self) -> bool {
        if self.cost.load(SeqCst) < self.limit {
            return false;
        }
        self.waited.store(true, SeqCst);
        // A reader may have made room before it could see that somebody waits.
        !(self.has_room() && self.waited.swap(false, SeqCst))
    }

    pub(crate) fn add(&self, cost: usize) {
        self.cost.fetch_add(cost, SeqCst);
    }

    /// Returns whether those that wait may go on.
    pub(crate) fn remove(&self, cost: usize) -> bool {
        self.cost.fetch_sub(cost, SeqCst);
        self.has_room() && self.waited.swap(false, SeqCst)
    }

    fn has_room(&self) -> bool {
        self.cost.load(SeqCst) <= self.limit / 2
    }
}

#[cfg(test)]
#[path = "inboxes_tests.rs"]
mod tests;
