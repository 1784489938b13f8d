//! What the DTLS actors count.

use metrics::{Counter, Histogram, counter, histogram};
use proto::dtls::{AlertDescription, Counters, FailureReason, Role};

use crate::base::kind::ActorKind;
use crate::metrics::actor::dropped;
use crate::metrics::labels::{By, ByReason, Direction, Outcome, labels};
use crate::metrics::names;

labels! {
    /// Which side of the handshake we were.
    DtlsRole {
        Client = "client",
        Server = "server",
    }
}

impl From<Role> for DtlsRole {
    fn from(role: Role) -> DtlsRole {
        match role {
            Role::Client => DtlsRole::Client,
            Role::Server => DtlsRole::Server,
        }
    }
}

/// What the DTLS actors count.
#[derive(Debug)]
pub(crate) struct DtlsMetrics {
    handshakes: By<DtlsRole, By<Outcome, Counter>>,
    handshake_seconds: By<DtlsRole, Histogram>,
    alerts: By<Direction, ByReason>,
    rejected: ByReason,
    pub(crate) not_sealed: Counter,
}

impl DtlsMetrics {
    pub(crate) fn new() -> DtlsMetrics {
        let names_of_alerts = || {
            let known = AlertDescription::ALL.iter().map(|alert| alert.as_str());
            known.chain(["unknown"])
        };
        DtlsMetrics {
            handshakes: By::new(|role| {
                By::new(
                    |result| counter!(names::DTLS_HANDSHAKES, "role" => role, "result" => result),
                )
            }),
            handshake_seconds: By::new(|role| histogram!(names::DTLS_HANDSHAKE, "role" => role)),
            alerts: By::new(|direction| {
                ByReason::new(names_of_alerts(), |description| {
                    counter!(
                        names::DTLS_ALERTS,
                        "direction" => direction,
                        "description" => description
                    )
                })
            }),
            rejected: ByReason::new(
                rejections(&Counters::default()).map(|(reason, _)| reason),
                |reason| counter!(names::DTLS_REJECTED, "reason" => reason),
            ),
            not_sealed: dropped(ActorKind::Dtls, "not_sealed"),
        }
    }

    /// A handshake is complete.
    pub(crate) fn connected(&self, role: Role, took: std::time::Duration) {
        self.handshakes.get(role.into()).add(Outcome::Success, 1);
        self.handshake_seconds.record(role.into(), took);
    }

    /// A handshake failed.
    pub(crate) fn failed(&self, role: Role, reason: FailureReason) {
        let outcome = match reason {
            FailureReason::HandshakeTimeout => Outcome::Timeout,
            _ => Outcome::Error,
        };
        self.handshakes.get(role.into()).add(outcome, 1);
    }

    /// An alert was sent or received.
    pub(crate) fn alert(&self, direction: Direction, alert: AlertDescription) {
        self.alerts.get(direction).add(alert.as_str(), 1);
    }
}

/// What an endpoint did not take, by reason.
pub(crate) fn rejections(counters: &Counters) -> [(&'static str, u64); 8] {
    [
        ("early", counters.early_dropped),
        ("malformed", counters.malformed),
        ("unexpected", counters.unexpected),
        ("plaintext", counters.plaintext),
        ("wrong_epoch", counters.wrong_epoch),
        ("not_authentic", counters.rejected),
        ("renegotiation", counters.renegotiations),
        ("late", counters.late),
    ]
}

/// What of an endpoint's counts is exported already.
#[derive(Debug, Default)]
pub(crate) struct Exported {
    last: Counters,
}

impl Exported {
    /// Exports what has been counted since the last call.
    pub(crate) fn sync(&mut self, metrics: &DtlsMetrics, now: &Counters) {
        if now.dropped() == self.last.dropped() {
            return;
        }
        for ((reason, now), (_, last)) in rejections(now).into_iter().zip(rejections(&self.last)) {
            if now > last {
                metrics.rejected.add(reason, now - last);
            }
        }
        self.last = *now;
    }
}
