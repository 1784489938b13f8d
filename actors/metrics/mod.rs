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
pub(crate) mod dtls;
pub(crate) mod gatherer;
pub(crate) mod ice;
mod labels;
pub(crate) mod names;
mod process;
#[cfg(feature = "prometheus")]
mod prometheus;
pub(crate) mod sctp;
mod state;

use std::sync::Arc;

use metrics::counter;

pub(crate) use self::actor::ActorMetrics;
use self::dtls::DtlsMetrics;
use self::gatherer::GathererMetrics;
use self::ice::IceMetrics;
pub(crate) use self::labels::{Attempt, ByReason, Direction, Rejected, Share, Undelivered};
pub use self::names::histograms;
pub(crate) use self::process::ProcessMetrics;
#[cfg(feature = "prometheus")]
pub use self::prometheus::{InstallError, PrometheusHandle, install_prometheus};
use self::sctp::SctpMetrics;
pub(crate) use self::state::StateMetrics;
use crate::base::error::Reason;
use crate::base::kind::{ActorKind, ByTransport};
use crate::base::transport::session::SessionState;
use crate::base::transport::table::transports;

/// The metrics that a runtime's actors share.
#[derive(Debug)]
pub(crate) struct Metrics {
    actors: ByTransport<ActorMetrics>,
    /// By actor; of the supervisor, which stands for the session as a whole, too.
    failures: Vec<ByReason>,
    /// Likewise.
    states: Vec<StateMetrics>,
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
            actors: ByTransport::new(ActorMetrics::new),
            failures: ActorKind::all_and_supervisor().map(failures).collect(),
            states: states(),
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

    /// Of the actors of a transport.
    pub(crate) fn actor(&self, kind: ActorKind) -> &ActorMetrics {
        let metrics = self.actors.get(kind);
        metrics.expect("no message goes to a supervisor in the name of a transport")
    }

    /// An actor, or a session as a whole, failed.
    pub(crate) fn failed(&self, actor: ActorKind, reason: Reason) {
        self.failures[actor as usize].add(reason.as_str(), 1);
    }

    /// Shows what is only counted, now and then.
    pub(crate) fn show(&self) {
        for (_, actor) in self.actors.iter() {
            actor.show_mailbox();
        }
    }

    /// Of the states of a transport; of the supervisor, those of whole sessions.
    pub(crate) fn states(&self, kind: ActorKind) -> &StateMetrics {
        &self.states[kind as usize]
    }
}

macro_rules! state_metrics {
    ($(
        $(#[$doc:meta])*
        $kind:ident, $label:literal, $module:ident, $state:ident, $event:ident { $($rest:tt)* }
    )+) => {
        /// In the order of the kinds.
        fn states() -> Vec<StateMetrics> {
            use crate::base::transport;
            vec![
                $(StateMetrics::new::<transport::$module::$state>(),)+
                StateMetrics::new::<SessionState>(),
            ]
        }
    };
}
transports!(state_metrics);

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
