//! What the ICE actors count.

use metrics::{Counter, Histogram, counter, histogram};
use proto::ice::{
    CandidateRejected, CandidateType, Counters, Dropped, FailureReason, Role, SelectedPair,
};

use crate::base::kind::ActorKind;
use crate::metrics::actor::dropped;
use crate::metrics::labels::{By, ByReason, Direction, Outcome, labels};
use crate::metrics::names;

labels! {
    /// How a candidate of either side was found.
    Type {
        Host = "host",
        ServerReflexive = "srflx",
        PeerReflexive = "prflx",
        Relayed = "relay",
    }
}

labels! {
    /// Who nominates.
    IceRole {
        Controlling = "controlling",
        Controlled = "controlled",
    }
}

/// What the ICE actors count.
#[derive(Debug)]
pub(crate) struct IceMetrics {
    checks: By<Direction, By<Outcome, Counter>>,
    selected: By<Type, By<Type, Counter>>,
    pub(crate) rtt_seconds: Histogram,
    connect_seconds: By<IceRole, Histogram>,
    consent_failures: Counter,
    restarts: Counter,
    failures: ByReason,
    rejected: ByReason,
    dropped: ByReason,
    pub(crate) no_pair: Counter,
    pub(crate) unknown_protocol: Counter,
}

impl IceMetrics {
    pub(crate) fn new() -> IceMetrics {
        let dropped = |reason| dropped(ActorKind::Ice, reason);
        IceMetrics {
            checks: By::new(|direction| {
                By::new(
                    |result| counter!(names::ICE_CHECKS, "direction" => direction, "result" => result),
                )
            }),
            selected: By::new(|local| {
                By::new(
                    |remote| counter!(names::ICE_SELECTED, "local" => local, "remote" => remote),
                )
            }),
            rtt_seconds: histogram!(names::ICE_RTT),
            connect_seconds: By::new(|role| histogram!(names::ICE_CONNECT, "role" => role)),
            consent_failures: counter!(names::ICE_CONSENT_FAILURES),
            restarts: counter!(names::ICE_RESTARTS),
            failures: ByReason::new(
                FailureReason::ALL.map(FailureReason::as_str),
                |reason| counter!(names::ICE_FAILURES, "reason" => reason),
            ),
            rejected: ByReason::new(
                CandidateRejected::ALL.map(CandidateRejected::as_str),
                |reason| counter!(names::ICE_REJECTED, "reason" => reason),
            ),
            dropped: ByReason::new(Dropped::ALL.map(Dropped::as_str), dropped),
            no_pair: dropped("no_pair"),
            unknown_protocol: dropped("unknown_protocol"),
        }
    }

    /// Data flows on another pair now.
    pub(crate) fn selected(&self, pair: &SelectedPair) {
        let (local, remote) = (pair.local.kind.into(), pair.remote.kind.into());
        self.selected.get(local).add(remote, 1);
    }

    /// The first pair works.
    pub(crate) fn connected(&self, role: Role, took: std::time::Duration) {
        let role = match role {
            Role::Controlling => IceRole::Controlling,
            Role::Controlled => IceRole::Controlled,
        };
        self.connect_seconds.record(role, took);
    }

    /// A remote candidate was not taken.
    pub(crate) fn rejected(&self, why: CandidateRejected) {
        self.rejected.add(why.as_str(), 1);
    }

    /// The agent gave up.
    pub(crate) fn failed(&self, reason: FailureReason) {
        self.failures.add(reason.as_str(), 1);
    }
}

impl From<CandidateType> for Type {
    fn from(kind: CandidateType) -> Type {
        match kind {
            CandidateType::Host => Type::Host,
            CandidateType::ServerReflexive => Type::ServerReflexive,
            CandidateType::PeerReflexive => Type::PeerReflexive,
            CandidateType::Relayed => Type::Relayed,
        }
    }
}

/// Requests that were refused because they are not, or cannot be, the peer's.
const REFUSED: [Dropped; 8] = [
    Dropped::MissingUsername,
    Dropped::UnknownUfrag,
    Dropped::MissingFingerprint,
    Dropped::WrongFingerprint,
    Dropped::MissingIntegrity,
    Dropped::WrongIntegrity,
    Dropped::Undecodable,
    Dropped::UnknownAttribute,
];

/// What of an agent's counts is exported already.
#[derive(Debug, Default)]
pub(crate) struct Exported(Counters);

impl Exported {
    /// Exports what has been counted since the last call; whether one of our checks was answered.
    pub(crate) fn sync(&mut self, metrics: &IceMetrics, now: &Counters) -> bool {
        let last = std::mem::replace(&mut self.0, *now);
        if last == *now {
            return false;
        }
        let answered = now.checks_answered - last.checks_answered;
        let ours = metrics.checks.get(Direction::Out);
        ours.add(Outcome::Success, answered);
        let silent = |c: &Counters| c.checks_timed_out + c.consent_unanswered;
        ours.add(Outcome::Timeout, silent(now) - silent(&last));
        let refused = Dropped::Refused;
        ours.add(Outcome::Error, now.dropped(refused) - last.dropped(refused));
        let theirs = metrics.checks.get(Direction::In);
        theirs.add(
            Outcome::Success,
            now.requests_received - last.requests_received,
        );
        for reason in Dropped::ALL {
            let more = now.dropped(reason) - last.dropped(reason);
            if more > 0 {
                metrics.dropped.add(reason.as_str(), more);
                if REFUSED.contains(&reason) {
                    theirs.add(Outcome::Error, more);
                }
            }
        }
        let expired = now.consent_expired - last.consent_expired;
        metrics.consent_failures.increment(expired);
        metrics.restarts.increment(now.restarts - last.restarts);
        answered > 0
    }
}
