use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::*;
use crate::base::error::Reason;
use crate::base::kind::MessageKind;

/// Metrics with a recorder of their own, and what a scrape of it sees.
pub(crate) fn recorded(workers: usize) -> (Arc<Metrics>, PrometheusHandle) {
    let recorder = names::histograms()
        .fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
            let name = metrics_exporter_prometheus::Matcher::Full(name.into());
            builder.set_buckets_for_metric(name, buckets).unwrap()
        })
        .build_recorder();
    let metrics = metrics::with_local_recorder(&recorder, || Metrics::new(workers));
    (metrics, recorder.handle())
}

/// The value of a series in a scrape.
pub(crate) fn value(scrape: &PrometheusHandle, series: &str) -> f64 {
    let text = scrape.render();
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let value = line.unwrap_or_else(|| panic!("no {series} in\n{text}"));
    value.trim().parse().unwrap()
}

fn series(text: &str) -> Vec<&str> {
    let lines = text.lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

#[test]
fn every_metric_of_the_catalogue_is_there_from_the_start_and_at_zero() {
    let (_metrics, scrape) = recorded(2);
    let text = scrape.render();
    for (name, help) in names::catalogue() {
        assert!(text.contains(&format!("# HELP {name} {help}\n")), "{name}");
        let of_it = |line: &&&str| line.starts_with(name);
        assert!(series(&text).iter().any(|line| of_it(&line)), "{name}");
    }
    for line in series(&text) {
        let zero = line.ends_with(" 0") || line.starts_with(names::BUILD);
        assert!(zero, "{line}");
        assert!(!line.contains("quantile="), "a summary: {line}");
    }
}

#[test]
fn the_series_fit_the_budget_and_a_worker_costs_15() {
    let count = |workers| series(&recorded(workers).1.render()).len();
    let (one, nine) = (count(1), count(9));
    println!("{} series a process", one - 15);
    assert!(one - 15 <= 1500, "{one}");
    assert_eq!(nine - one, 8 * 15);
}

#[test]
fn sessions_add_no_series() {
    let (metrics, scrape) = recorded(1);
    let before = series(&scrape.render()).len();
    for kind in ActorKind::ALL.into_iter().chain([ActorKind::Supervisor]) {
        for reason in Reason::all(kind) {
            metrics.failed(kind, reason);
        }
    }
    for kind in [MessageKind::Inbound, MessageKind::Checks] {
        // A kind of message that the actor does not get is not counted.
        for actor in ActorKind::ALL {
            metrics
                .actor(actor)
                .handled(kind, std::time::Duration::ZERO);
        }
    }
    for code in [486, 499] {
        let text = String::new();
        let refused = proto::turn::Failure::Refused { code, text };
        metrics.gatherer.turn_failed(&refused);
    }
    assert_eq!(series(&scrape.render()).len(), before);
    let errors = |code| {
        value(
            &scrape,
            &format!("rtc_turn_errors_total{{code=\"{code}\"}}"),
        )
    };
    assert_eq!((errors("486"), errors("other")), (1.0, 1.0));
}

#[test]
fn a_missing_recorder_is_noticed() {
    assert!(!recorder_is_installed());
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || assert!(recorder_is_installed()));
}

#[test]
fn a_runtime_without_metrics_registers_nothing() {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || Metrics::none(1));
    assert_eq!(recorder.handle().render(), "");
}
