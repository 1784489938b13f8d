//! The Prometheus recorder for programs that have no recorder of their own.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use crate::metrics::names;

pub use metrics_exporter_prometheus::PrometheusHandle;

/// How often recorded samples of histograms are put into their buckets. Without that they would
/// pile up in a process that nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why the recorder could not be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The program has one already: use its own exporter.
    #[error("a metrics recorder is installed already: {0}")]
    Taken(String),
    /// The system gave no thread for the recorder's upkeep.
    #[error("cannot start the thread for the upkeep of metrics: {0}")]
    Thread(#[source] std::io::Error),
}

/// Installs a Prometheus recorder with this crate's histogram buckets as the global one, and
/// starts a thread that does its upkeep. Call it before a runtime is started.
///
/// # Errors
/// When a recorder was installed before, or no thread can be started.
pub fn install_prometheus() -> Result<PrometheusHandle, InstallError> {
    let mut builder = PrometheusBuilder::new();
    for (name, buckets) in names::histograms() {
        builder = builder
            .set_buckets_for_metric(Matcher::Full(name.into()), buckets)
            .map_err(|e| InstallError::Taken(e.to_string()))?;
    }
    let handle = builder
        .install_recorder()
        .map_err(|e| InstallError::Taken(e.to_string()))?;
    let upkeep = handle.clone();
    std::thread::Builder::new()
        .name("rtc-metrics".into())
        .spawn(move || {
            loop {
                std::thread::sleep(UPKEEP);
                upkeep.run_upkeep();
            }
        })
        .map_err(InstallError::Thread)?;
    Ok(handle)
}
