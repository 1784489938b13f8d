//! Metrics of the actors, on whatever `metrics` recorder the program has installed.
//!
//! Install a recorder *before* a [`Runtime`](crate::Runtime) is started: the actors hold their
//! counters, and held counters stay with the recorder that was there when they were made.

mod names;
#[cfg(feature = "prometheus")]
mod prometheus;

use std::marker::PhantomData;
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

#[cfg(feature = "prometheus")]
pub use prometheus::{InstallError, PrometheusHandle, install_prometheus};

use crate::error::{ActorKind, Reason};
use crate::proto::route::Miss;
use crate::state::{
    DtlsTransportState, IceGathererState, IceTransportState, SctpTransportState, SessionState,
    State,
};

/// The metrics that a runtime's actors share.
#[derive(Debug)]
pub(crate) struct Metrics {
    actors: [ActorMetrics; 4],
    pub(crate) gatherer: GathererMetrics,
    pub(crate) ice: IceMetrics,
    pub(crate) dtls: DtlsMetrics,
    pub(crate) sctp: SctpMetrics,
    pub(crate) session_connect_seconds: Histogram,
    pub(crate) session_seconds: Histogram,
}

/// What every kind of actor counts.
#[derive(Debug)]
pub(crate) struct ActorMetrics {
    restarts: Counter,
    datagrams: [Counter; 2],
    bytes: [Counter; 2],
}

/// What the gatherers count.
#[derive(Debug)]
pub(crate) struct GathererMetrics {
    /// By [`Miss`].
    pub(crate) misses: [Counter; Miss::ALL.len()],
    pub(crate) address_taken: Counter,
    pub(crate) no_permit: Counter,
    pub(crate) worker_slow: Counter,
    pub(crate) send_refused: Counter,
}

/// What the ICE actors count.
#[derive(Debug)]
pub(crate) struct IceMetrics {
    pub(crate) restarts: Counter,
    pub(crate) rtt_seconds: Histogram,
    pub(crate) unauthenticated: Counter,
    pub(crate) no_pair: Counter,
    pub(crate) unknown_protocol: Counter,
}

/// What the DTLS actors count.
#[derive(Debug)]
pub(crate) struct DtlsMetrics {
    pub(crate) handshake_seconds: [Histogram; 2],
}

/// What the SCTP actors count.
#[derive(Debug)]
pub(crate) struct SctpMetrics {
    pub(crate) messages: [Counter; 2],
    pub(crate) message_bytes: [Counter; 2],
    pub(crate) backpressure: Counter,
    pub(crate) retransmits: Counter,
    pub(crate) channels: Gauge,
}

/// Why news did not reach whoever wanted to hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// A subscriber was gone.
    Closed,
    /// A subscriber was too slow.
    Lagged,
    /// An actor ended when its supervisor was gone.
    Orphan,
}

impl Undelivered {
    fn as_str(self) -> &'static str {
        match self {
            Undelivered::Closed => "closed",
            Undelivered::Lagged => "lagged",
            Undelivered::Orphan => "orphan",
        }
    }
}

/// Which way traffic goes, seen from this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the network.
    In,
    /// To the network.
    Out,
}

impl Direction {
    const ALL: [Direction; 2] = [Direction::In, Direction::Out];

    fn as_str(self) -> &'static str {
        match self {
            Direction::In => "in",
            Direction::Out => "out",
        }
    }
}

impl Metrics {
    pub(crate) fn new() -> Arc<Metrics> {
        names::describe();
        StateGauge::<IceGathererState>::register();
        StateGauge::<IceTransportState>::register();
        StateGauge::<DtlsTransportState>::register();
        StateGauge::<SctpTransportState>::register();
        StateGauge::<SessionState>::register();
        let dropped = |actor: ActorKind, reason| counter!(names::DATAGRAMS_DROPPED, "actor" => actor.as_str(), "reason" => reason);
        let by_direction = |name| Direction::ALL.map(|d| counter!(name, "direction" => d.as_str()));
        Arc::new(Metrics {
            actors: ActorKind::ALL.map(ActorMetrics::new),
            gatherer: GathererMetrics {
                misses: Miss::ALL.map(|m| counter!(names::MUX_MISSES, "reason" => m.as_str())),
                address_taken: dropped(ActorKind::Gatherer, "address_taken"),
                worker_slow: dropped(ActorKind::Gatherer, "worker_slow"),
                no_permit: dropped(ActorKind::Gatherer, "session_slow"),
                send_refused: dropped(ActorKind::Gatherer, "send_refused"),
            },
            ice: IceMetrics {
                restarts: counter!(names::ICE_RESTARTS),
                rtt_seconds: histogram!(names::ICE_RTT),
                unauthenticated: dropped(ActorKind::Ice, "unauthenticated"),
                no_pair: dropped(ActorKind::Ice, "no_pair"),
                unknown_protocol: dropped(ActorKind::Ice, "unknown_protocol"),
            },
            dtls: DtlsMetrics {
                handshake_seconds: ["client", "server"]
                    .map(|role| histogram!(names::DTLS_HANDSHAKE, "role" => role)),
            },
            sctp: SctpMetrics {
                messages: by_direction(names::SCTP_MESSAGES),
                message_bytes: by_direction(names::SCTP_MESSAGE_BYTES),
                backpressure: counter!(names::SCTP_BACKPRESSURE),
                retransmits: counter!(names::SCTP_RETRANSMITS),
                channels: gauge!(names::SCTP_CHANNELS, "state" => "open"),
            },
            session_connect_seconds: histogram!(names::SESSION_CONNECT),
            session_seconds: histogram!(names::SESSION_LIFE),
        })
    }

    pub(crate) fn actor(&self, kind: ActorKind) -> &ActorMetrics {
        &self.actors[kind as usize]
    }

    /// Rare enough to look the counter up.
    pub(crate) fn failed(&self, actor: ActorKind, reason: Reason) {
        let (actor, reason) = (actor.as_str(), reason.as_str());
        counter!(names::FAILURES, "actor" => actor, "reason" => reason).increment(1);
    }

    /// How late the ticks of a worker come.
    pub(crate) fn event_loop_lag(&self, worker: usize) -> Histogram {
        histogram!(names::LOOP_LAG, "worker" => worker.to_string())
    }

    /// A worker was lost, and is replaced.
    pub(crate) fn worker_lost(&self) {
        counter!(names::WORKERS_LOST).increment(1);
    }

    /// News that did not reach whoever wanted to hear of it.
    pub(crate) fn undelivered(&self, why: Undelivered, count: u64) {
        counter!(names::UNDELIVERED, "reason" => why.as_str()).increment(count);
    }

    /// How a session ended, or that it connected.
    pub(crate) fn session(&self, result: &'static str) {
        counter!(names::SESSIONS_TOTAL, "result" => result).increment(1);
    }
}

impl ActorMetrics {
    fn new(kind: ActorKind) -> ActorMetrics {
        let actor = kind.as_str();
        let traffic = |name| {
            Direction::ALL.map(|d| counter!(name, "actor" => actor, "direction" => d.as_str()))
        };
        ActorMetrics {
            restarts: counter!(names::RESTARTS, "actor" => actor),
            datagrams: traffic(names::DATAGRAMS),
            bytes: traffic(names::BYTES),
        }
    }

    /// One batch went through the actor.
    pub(crate) fn traffic(&self, direction: Direction, datagrams: usize, bytes: usize) {
        self.datagrams[direction as usize].increment(datagrams as u64);
        self.bytes[direction as usize].increment(bytes as u64);
    }

    pub(crate) fn restarted(&self) {
        self.restarts.increment(1);
    }
}

/// Counts one instance of a transport in the state it is in; a panic cannot make it drift, since
/// the count goes down when the session's scope is dropped.
#[derive(Debug)]
pub(crate) struct StateGauge<S: State> {
    current: std::sync::Mutex<S>,
    kind: PhantomData<S>,
}

impl<S: State> StateGauge<S> {
    pub(crate) fn new() -> StateGauge<S> {
        Self::instances(S::NEW).increment(1.0);
        StateGauge {
            current: std::sync::Mutex::new(S::NEW),
            kind: PhantomData,
        }
    }

    /// Counts the transition and moves the instance.
    pub(crate) fn moved(&self, from: S, to: S) {
        let (actor, from_label, to_label) = (S::OWNER, from.as_str(), to.as_str());
        if actor != "session" {
            counter!(names::TRANSITIONS, "actor" => actor, "from" => from_label, "to" => to_label)
                .increment(1);
        }
        let mut current = self
            .current
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Self::instances(*current).decrement(1.0);
        *current = to;
        Self::instances(to).increment(1.0);
    }

    fn instances(state: S) -> Gauge {
        match S::OWNER {
            "session" => gauge!(names::SESSIONS, "state" => state.as_str()),
            actor => gauge!(names::INSTANCES, "actor" => actor, "state" => state.as_str()),
        }
    }

    /// Makes every state visible on a fresh process.
    pub(crate) fn register() {
        for state in S::ALL {
            Self::instances(*state).increment(0.0);
        }
    }
}

impl<S: State> Drop for StateGauge<S> {
    fn drop(&mut self) {
        let current = self
            .current
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Self::instances(*current).decrement(1.0);
    }
}
