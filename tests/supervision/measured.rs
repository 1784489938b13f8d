//! A runtime of a test with a recorder of its own: what it counts is its own doing alone.

use actix_rtc::metrics::{PrometheusHandle, histograms};
use actix_rtc::{Config, Runtime};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use crate::pair::start;
use crate::time_limit::within;

pub(crate) struct Measured {
    pub(crate) rtc: Runtime,
    metrics: PrometheusHandle,
}

impl Measured {
    pub(crate) fn start(config: Config) -> Measured {
        let builder = histograms().fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
            let name = Matcher::Full(name.into());
            builder.set_buckets_for_metric(name, buckets).unwrap()
        });
        let recorder = builder.build_recorder();
        let metrics = recorder.handle();
        // Its counters belong to the recorder of the thread that starts it.
        let rtc = metrics::with_local_recorder(&recorder, || start(config));
        Measured { rtc, metrics }
    }

    /// The value of a series, `None` when there is no such series.
    pub(crate) fn find(&self, series: &str) -> Option<f64> {
        let text = self.metrics.render();
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(value.parse().unwrap())
    }

    /// The value of a series, which has to be there.
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.find(series)
            .unwrap_or_else(|| panic!("no {series} in\n{}", self.metrics.render()))
    }

    /// Waits until a series has a value: what is counted may be so a moment after it is told.
    pub(crate) async fn until(&self, series: &str, value: f64) {
        within(async {
            while self.value(series) != value {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}
