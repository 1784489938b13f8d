//! How many transports are in which state.

use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Counter, Gauge, counter, gauge};

use super::{Metrics, names};
use crate::state::State;

/// Gauges and counters for the states of one kind of transport.
#[derive(Debug)]
pub(crate) struct StateMetrics {
    instances: Vec<Gauge>,
    /// Row by row: from state, to state; no-ops where nothing can move.
    transitions: Vec<Counter>,
}

impl StateMetrics {
    pub(super) fn new<S: State>() -> StateMetrics {
        let instances = S::ALL.iter().map(|state| match S::OWNER {
            "session" => gauge!(names::SESSIONS, "state" => state.as_str()),
            actor => gauge!(names::INSTANCES, "actor" => actor, "state" => state.as_str()),
        });
        let rows = S::ALL.iter();
        let pairs = rows.flat_map(|from| S::ALL.iter().map(move |to| (*from, *to)));
        let transitions = pairs.map(|(from, to)| {
            if from == to || from == S::CLOSED || S::OWNER == "session" {
                return Counter::noop();
            }
            let (from, to) = (from.as_str(), to.as_str());
            counter!(names::TRANSITIONS, "actor" => S::OWNER, "from" => from, "to" => to)
        });
        StateMetrics {
            instances: instances.collect(),
            transitions: transitions.collect(),
        }
    }

    fn instances<S: State>(&self, state: S) -> &Gauge {
        &self.instances[index(state)]
    }
}

fn index<S: State>(state: S) -> usize {
    let place = S::ALL.iter().position(|known| *known == state);
    place.expect("`ALL` has every state")
}

/// Counts one instance of a transport in the state it is in; a panic cannot make it drift, since
/// the count goes down when the session's scope is dropped.
#[derive(Debug)]
pub(crate) struct StateGauge<S: State> {
    metrics: Arc<Metrics>,
    current: Mutex<S>,
}

impl<S: State> StateGauge<S> {
    pub(crate) fn new(metrics: Arc<Metrics>) -> StateGauge<S> {
        metrics.states::<S>().instances(S::NEW).increment(1.0);
        StateGauge {
            metrics,
            current: Mutex::new(S::NEW),
        }
    }

    /// Counts the transition and moves the instance.
    pub(crate) fn moved(&self, from: S, to: S) {
        let metrics = self.metrics.states::<S>();
        metrics.transitions[index(from) * S::ALL.len() + index(to)].increment(1);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.instances(*current).decrement(1.0);
        *current = to;
        metrics.instances(to).increment(1.0);
    }
}

impl<S: State> Drop for StateGauge<S> {
    fn drop(&mut self) {
        let current = *self
            .current
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        self.metrics.states::<S>().instances(current).decrement(1.0);
    }
}
