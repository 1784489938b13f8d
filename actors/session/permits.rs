//! How many inbound batches of a session are on their way through its actors.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// How many inbound batches of one session are on their way through its actors at most. A session
/// that is slower than its peer then drops at its own socket, and delays nobody else.
pub(crate) const INBOUND_BATCHES: usize = 4;

/// Bounds the inbound batches of a session.
#[derive(Debug, Clone)]
pub(crate) struct Permits(Arc<PermitState>);

#[derive(Debug)]
struct PermitState {
    free: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
}

/// The right to have one batch on its way. It returns when the batch is dropped, wherever that is.
#[derive(Debug)]
pub(crate) struct Permit(Arc<PermitState>);

impl Permits {
    pub(crate) fn new(count: usize) -> Permits {
        Permits(Arc::new(PermitState {
            free: AtomicUsize::new(count),
            waiting: Mutex::new(None),
        }))
    }

    pub(crate) fn try_acquire(&self) -> Option<Permit> {
        let take = |free: usize| free.checked_sub(1);
        self.0
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .ok()?;
        Some(Permit(self.0.clone()))
    }

    /// Waits for a permit; at most one task does.
    pub(crate) fn poll_acquire(&self, cx: &mut Context<'_>) -> Poll<Permit> {
        if let Some(permit) = self.try_acquire() {
            return Poll::Ready(permit);
        }
        *self
            .0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        // One may have come back meanwhile.
        self.try_acquire().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::AcqRel);
        let waker = self
            .0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
#[path = "permits_tests.rs"]
mod tests;
