//! Metrics of the actors, on whatever `metrics` recorder the program has installed.
//!
//! Install a recorder *before* a [`Runtime`](crate::Runtime) is started: the actors hold their
//! counters, and held counters stay with the recorder that was there when they were made. Every
//! series exists, at zero, from the start of the runtime on; sessions add none. A program without
//! a recorder of its own has `install_prometheus`.
//!
//! Whoever installs another exporter: the histograms need [buckets](histograms), and most exporters
//! need some periodic upkeep.

mod actor;
mod labels;
pub(crate) mod names;
mod process;
#[cfg(feature = "prometheus")]
mod prometheus;
mod state;

use std::sync::Arc;

use metrics::counter;

pub(crate) use actor::{ActorMetrics, dropped};
pub(crate) use labels::{
    Attempt, By, ByReason, Direction, Label, MessageKind, Outcome, Rejected, Share, Undelivered,
    labels,
};
pub use names::histograms;
pub(crate) use process::ProcessMetrics;
#[cfg(feature = "prometheus")]
pub use prometheus::{InstallError, PrometheusHandle, install_prometheus};
pub(crate) use state::{StateGauge, StateMetrics};

use crate::dtls::metrics::DtlsMetrics;
use crate::error::{ActorKind, Reason};
use crate::gatherer::metrics::GathererMetrics;
use crate::ice::metrics::IceMetrics;
use crate::sctp::metrics::SctpMetrics;
use crate::state::{
    DtlsTransportState, IceGathererState, IceTransportState, SctpTransportState, SessionState,
    State,
};

/// The metrics that a runtime's actors share.
#[derive(Debug)]
pub(crate) struct Metrics {
    actors: [ActorMetrics; 4],
    /// Of the four, and of the supervisor, which stands for the session as a whole.
    failures: [ByReason; 5],
    /// Of the four transports, and of whole sessions.
    states: [StateMetrics; 5],
    pub(crate) gatherer: GathererMetrics,
    pub(crate) ice: IceMetrics,
    pub(crate) dtls: DtlsMetrics,
    pub(crate) sctp: SctpMetrics,
    pub(crate) process: ProcessMetrics,
}

impl Metrics {
    /// Registers every series, at zero.
    pub(crate) fn new(workers: usize) -> Arc<Metrics> {
        names::describe();
        Arc::new(Metrics {
            actors: ActorKind::ALL.map(ActorMetrics::new),
            failures: [
                failures(ActorKind::Gatherer),
                failures(ActorKind::Ice),
                failures(ActorKind::Dtls),
                failures(ActorKind::Sctp),
                failures(ActorKind::Supervisor),
            ],
            states: [
                StateMetrics::new::<IceGathererState>(),
                StateMetrics::new::<IceTransportState>(),
                StateMetrics::new::<DtlsTransportState>(),
                StateMetrics::new::<SctpTransportState>(),
                StateMetrics::new::<SessionState>(),
            ],
            gatherer: GathererMetrics::new(),
            ice: IceMetrics::new(),
            dtls: DtlsMetrics::new(),
            sctp: SctpMetrics::new(),
            process: ProcessMetrics::new(workers),
        })
    }

    /// The same without a recorder: nothing is counted.
    pub(crate) fn none(workers: usize) -> Arc<Metrics> {
        metrics::with_local_recorder(&metrics::NoopRecorder, || Metrics::new(workers))
    }

    pub(crate) fn actor(&self, kind: ActorKind) -> &ActorMetrics {
        &self.actors[kind as usize]
    }

    /// An actor, or a session as a whole, failed.
    pub(crate) fn failed(&self, actor: ActorKind, reason: Reason) {
        self.failures[actor as usize].add(reason.as_str(), 1);
    }

    /// Shows what is only counted, now and then.
    pub(crate) fn show(&self) {
        for actor in &self.actors {
            actor.show_mailbox();
        }
    }

    fn states<S: State>(&self) -> &StateMetrics {
        &self.states[S::NUMBER]
    }
}

fn failures(actor: ActorKind) -> ByReason {
    let reasons = Reason::all(actor);
    ByReason::new(
        reasons.iter().map(Reason::as_str),
        |reason| counter!(names::FAILURES, "actor" => actor.as_str(), "reason" => reason),
    )
}

/// Whether this program has a recorder. The one that `metrics` stands in with has no state; one
/// that counts anything has some.
pub(crate) fn recorder_is_installed() -> bool {
    metrics::with_recorder(|recorder| size_of_val(recorder) > 0)
}

#[cfg(all(test, feature = "prometheus"))]
#[path = "metrics_tests.rs"]
pub(crate) mod tests;
