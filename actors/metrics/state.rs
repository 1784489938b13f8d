//! How many transports are in which state.

use metrics::{Counter, Gauge, counter, gauge};

use crate::base::kind::ActorKind;
use crate::base::state::State;
use crate::metrics::names;

/// Gauges and counters for the states of one kind of transport.
#[derive(Debug)]
pub(crate) struct StateMetrics {
    instances: Vec<Gauge>,
    /// Row by row: from state, to state; no-ops where nothing can move.
    transitions: Vec<Counter>,
}

impl StateMetrics {
    pub(super) fn new<S: State>() -> StateMetrics {
        let of_session = S::KIND == ActorKind::Supervisor;
        let actor = S::KIND.as_str();
        let instances = S::ALL.iter().map(|state| match of_session {
            true => gauge!(names::SESSIONS, "state" => state.as_str()),
            false => gauge!(names::INSTANCES, "actor" => actor, "state" => state.as_str()),
        });
        let rows = S::ALL.iter();
        let pairs = rows.flat_map(|from| S::ALL.iter().map(move |to| (*from, *to)));
        let transitions = pairs.map(|(from, to)| {
            if from == to || from == S::CLOSED || of_session {
                return Counter::noop();
            }
            let (from, to) = (from.as_str(), to.as_str());
            counter!(names::TRANSITIONS, "actor" => actor, "from" => from, "to" => to)
        });
        StateMetrics {
            instances: instances.collect(),
            transitions: transitions.collect(),
        }
    }

    /// One more is in this state.
    pub(crate) fn begin<S: State>(&self, state: S) {
        self.instances[state.index()].increment(1.0);
    }

    /// One fewer is.
    pub(crate) fn end<S: State>(&self, state: S) {
        self.instances[state.index()].decrement(1.0);
    }

    /// One has moved.
    pub(crate) fn moved<S: State>(&self, from: S, to: S) {
        self.transitions[from.index() * S::ALL.len() + to.index()].increment(1);
        self.end(from);
        self.begin(to);
    }
}
