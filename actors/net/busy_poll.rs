//! Looking for the next datagram, for a moment, instead of going to sleep.
//!
//! To wake a thread takes longer than to handle a datagram, most of all on a virtual machine, and
//! the peer waits for it. A worker that expects an answer soon stays awake, and lets whoever else
//! wants its processor have it. How soon is soon it learns: after looks in vain it looks more
//! rarely.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// After a look in vain so many arrivals go by without one, at most.
const MAX_SKIPPED: u32 = 63;

/// A worker's looking; its sessions say when something has arrived. A cheap clone. The default
/// never looks.
#[derive(Clone, Default)]
pub(crate) struct BusyPoll(Option<Arc<State>>);

/// All on one thread; the task has to be `Send` all the same.
#[derive(Default)]
struct State {
    arrivals: AtomicU64,
    /// The task waits for `look`.
    asleep: AtomicBool,
    /// So many arrivals more are no reason to look.
    skip: AtomicU32,
    look: Notify,
}

impl BusyPoll {
    /// Looks after an arrival until nothing has come for this long. As long as the runtime of the
    /// current arbiter runs.
    pub(crate) fn start(window: Duration) -> BusyPoll {
        let state = Arc::new(State::default());
        // A task of the runtime: unlike those of the arbiter it has its turn when they have run.
        tokio::spawn(run(state.clone(), window));
        BusyPoll(Some(state))
    }

    /// A session had something from its peer.
    pub(crate) fn arrived(&self) {
        let Some(state) = &self.0 else { return };
        state.arrivals.fetch_add(1, Relaxed);
        if !state.asleep.load(Relaxed) {
            return;
        }
        match state.skip.load(Relaxed) {
            0 => {
                state.asleep.store(false, Relaxed);
                state.look.notify_one();
            }
            skip => state.skip.store(skip - 1, Relaxed),
        }
    }
}

async fn run(state: Arc<State>, window: Duration) {
    let mut skip = 0;
    loop {
        state.asleep.store(true, Relaxed);
        state.look.notified().await;
        skip = match look(&state, window).await {
            true => 0,
            false => (2 * skip + 1).min(MAX_SKIPPED),
        };
        state.skip.store(skip, Relaxed);
    }
}

/// Looks until nothing has come for the whole window; whether something came before.
async fn look(state: &State, window: Duration) -> bool {
    let begin = state.arrivals.load(Relaxed);
    let mut seen = begin;
    let mut since = Instant::now();
    loop {
        // The peer may be on the same processor.
        let given = Instant::now();
        std::thread::yield_now();
        let taken = given.elapsed();
        // The runtime looks at the sockets, without waiting, and all that this wakes runs.
        tokio::task::yield_now().await;
        let arrivals = state.arrivals.load(Relaxed);
        if taken > window {
            // Somebody has much to do there: who sleeps gets the processor back sooner.
            return false;
        }
        if arrivals != seen {
            (seen, since) = (arrivals, Instant::now());
        } else if since.elapsed() > window {
            return seen != begin;
        }
    }
}

#[cfg(test)]
#[path = "busy_poll_tests.rs"]
mod tests;
