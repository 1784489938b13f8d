//! What a runtime counts as a whole.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::metrics::labels::{Attempt, By, Share, Undelivered};
use crate::metrics::names;

/// What a runtime counts as a whole.
#[derive(Debug)]
pub(crate) struct ProcessMetrics {
    pub(crate) attempts: By<Attempt, Counter>,
    pub(crate) session_connect_seconds: Histogram,
    pub(crate) session_seconds: Histogram,
    pub(crate) draining: Gauge,
    pub(crate) workers_lost: Counter,
    pub(crate) undelivered: By<Undelivered, Counter>,
    /// By worker.
    lag: Vec<Histogram>,
    _build: Share,
}

impl ProcessMetrics {
    pub(super) fn new(workers: usize) -> ProcessMetrics {
        let version = env!("CARGO_PKG_VERSION");
        let lag = |n: usize| histogram!(names::LOOP_LAG, "worker" => n.to_string());
        ProcessMetrics {
            attempts: By::new(|result| counter!(names::SESSIONS_TOTAL, "result" => result)),
            session_connect_seconds: histogram!(names::SESSION_CONNECT),
            session_seconds: histogram!(names::SESSION_LIFE),
            draining: gauge!(names::DRAINING),
            workers_lost: counter!(names::WORKERS_LOST),
            undelivered: By::new(|reason| counter!(names::UNDELIVERED, "reason" => reason)),
            lag: (0..workers).map(lag).collect(),
            _build: Share::one(&gauge!(names::BUILD, "version" => version)),
        }
    }

    /// The lag of a worker's event loop.
    pub(crate) fn lag(&self, worker: usize) -> Histogram {
        self.lag
            .get(worker)
            .cloned()
            .unwrap_or_else(Histogram::noop)
    }
}
