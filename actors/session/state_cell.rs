//! The cells in which handles read the states of transports.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::base::error::{InvalidState, Reason, TransportError};
use crate::base::event::Told;
use crate::base::state::Phase;
use crate::metrics::Metrics;
use crate::session::events::Events;

/// A state, and why it is what it is.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot<S> {
    pub(crate) state: S,
    /// The latest failure; stays when the state moves on to closed.
    pub(crate) failure: Option<Arc<TransportError>>,
}

/// Where a transport's state is kept. It belongs to the session, not to the actor, so it tells
/// the truth even after a panic.
///
/// The order is the contract: an error event, then the new state, then the event of the new
/// state. Whoever waits on the state sees it with its failure.
pub(crate) struct StateCell<S: Told> {
    watch: watch::Sender<Snapshot<S>>,
    /// Whether the transport was made.
    taken: AtomicBool,
    metrics: Arc<Metrics>,
    events: Events,
}

impl<S: Told> StateCell<S> {
    pub(crate) fn new(events: Events, metrics: Arc<Metrics>) -> StateCell<S> {
        let first = Snapshot {
            state: S::NEW,
            failure: None,
        };
        metrics.states(S::KIND).begin(S::NEW);
        StateCell {
            watch: watch::Sender::new(first),
            taken: AtomicBool::new(false),
            metrics,
            events,
        }
    }

    /// Claims the one place for a transport of its kind.
    pub(crate) fn claim(&self) -> Result<(), InvalidState> {
        match self.taken.swap(true, Ordering::AcqRel) {
            false => Ok(()),
            true => Err(InvalidState::AlreadyExists),
        }
    }

    pub(crate) fn get(&self) -> S {
        self.watch.borrow().state
    }

    pub(crate) fn failure(&self) -> Option<Arc<TransportError>> {
        self.watch.borrow().failure.clone()
    }

    /// Moves to a state and tells of it; `false` when it is there already, or closed for good.
    pub(crate) fn set(&self, state: S) -> bool {
        self.change(state, None)
    }

    /// Tells of an error, then moves to failed.
    pub(crate) fn fail(&self, error: TransportError) -> bool {
        let current = self.get();
        if current == S::CLOSED || current == S::FAILED {
            return false;
        }
        let (actor, reason) = (S::KIND.as_str(), error.reason.as_str());
        // What only follows from another failure is not to be acted on.
        if error.reason == Reason::LowerLayer {
            tracing::debug!(actor, reason, "{error}");
        } else {
            tracing::warn!(actor, reason, "{error}");
        }
        self.events.send(error.clone().into());
        self.change(S::FAILED, Some(Arc::new(error)))
    }

    fn change(&self, state: S, failure: Option<Arc<TransportError>>) -> bool {
        self.watch.send_if_modified(|snapshot| {
            let before = snapshot.state;
            if before == state || before == S::CLOSED {
                return false;
            }
            snapshot.state = state;
            if failure.is_some() {
                snapshot.failure = failure;
            }
            self.metrics.states(S::KIND).moved(before, state);
            tracing::debug!(
                actor = S::KIND.as_str(),
                from = before.as_str(),
                to = state.as_str(),
                "state"
            );
            // In here: who waits on the state is woken after the event is on its way, and who
            // hears the event cannot read the state of before.
            self.events.send(state.into_event());
            true
        })
    }

    /// Waits until it is closed.
    pub(crate) async fn closed(&self) {
        self.wait(|state| state == S::CLOSED).await;
    }

    /// Waits until the state is one that `done` accepts.
    pub(crate) async fn wait(&self, mut done: impl FnMut(S) -> bool) -> Snapshot<S> {
        let mut watch = self.watch.subscribe();
        match watch.wait_for(|snapshot| done(snapshot.state)).await {
            Ok(snapshot) => snapshot.clone(),
            // Cannot be: the sender is `self`, which is borrowed.
            Err(_) => self.watch.borrow().clone(),
        }
    }
}

/// A state cell, whatever its states are.
pub(crate) trait Cell: Send + Sync {
    fn phase(&self) -> Phase;
    /// Whether its transport was made.
    fn is_taken(&self) -> bool;
    fn failure(&self) -> Option<Arc<TransportError>>;
    fn fail(&self, error: TransportError) -> bool;
    fn close(&self);
    /// Waits until it is closed.
    fn closed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl<S: Told> Cell for StateCell<S> {
    fn phase(&self) -> Phase {
        self.get().phase()
    }

    fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Acquire)
    }

    fn failure(&self) -> Option<Arc<TransportError>> {
        StateCell::failure(self)
    }

    fn fail(&self, error: TransportError) -> bool {
        StateCell::fail(self, error)
    }

    fn close(&self) {
        self.set(S::CLOSED);
    }

    fn closed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(StateCell::closed(self))
    }
}

/// A panic cannot make the gauges drift: the cell goes with its session.
impl<S: Told> Drop for StateCell<S> {
    fn drop(&mut self) {
        self.metrics.states(S::KIND).end(self.get());
    }
}

impl<S: Told> fmt::Debug for StateCell<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(all(test, feature = "prometheus"))]
#[path = "state_cell_tests.rs"]
mod tests;
