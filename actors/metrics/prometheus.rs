//! The Prometheus recorder for programs that have no recorder of their own.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use super::names;

pub use metrics_exporter_prometheus::PrometheusHandle;

/// Why the recorder could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The program has one already: use its own exporter.
    #[error("a metrics recorder is installed already: {0}")]
    Taken(String),
}

/// Installs a Prometheus recorder with this crate's histogram buckets as the global one. Call it
/// before a runtime is started, and call `run_upkeep` of the handle every few seconds.
///
/// # Errors
/// When a recorder was installed before.
pub fn install_prometheus() -> Result<PrometheusHandle, InstallError> {
    let mut builder = PrometheusBuilder::new();
    for (name, buckets) in names::HISTOGRAMS {
        builder = builder
            .set_buckets_for_metric(Matcher::Full((*name).into()), buckets)
            .map_err(|e| InstallError::Taken(e.to_string()))?;
    }
    builder
        .install_recorder()
        .map_err(|e| InstallError::Taken(e.to_string()))
}
