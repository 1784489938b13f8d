//! Why something failed: one vocabulary for events, results and metric labels.

use std::fmt;

use crate::proto::{dtls, ice, sctp};

/// The kinds of actors a session is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActorKind {
    /// Owns sockets and gathers candidates.
    Gatherer,
    /// Runs the ICE agent.
    Ice,
    /// Runs the DTLS endpoint.
    Dtls,
    /// Runs the SCTP association.
    Sctp,
    /// Supervises the other four: stands for the session as a whole.
    Supervisor,
}

impl ActorKind {
    /// The four that carry a session, from the network up.
    pub const ALL: [ActorKind; 4] = [
        ActorKind::Gatherer,
        ActorKind::Ice,
        ActorKind::Dtls,
        ActorKind::Sctp,
    ];

    /// The value of the metric label `actor`.
    pub fn as_str(self) -> &'static str {
        match self {
            ActorKind::Gatherer => "gatherer",
            ActorKind::Ice => "ice",
            ActorKind::Dtls => "dtls",
            ActorKind::Sctp => "sctp",
            ActorKind::Supervisor => "supervisor",
        }
    }
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a transport failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The actor panicked.
    Panic,
    /// The actor stopped although nobody had asked it to.
    Stopped,
    /// The worker thread that ran the session is gone.
    WorkerLost,
    /// A layer below failed, and this one cannot live without it.
    LowerLayer,
    /// No socket could be bound.
    SocketBind,
    /// A socket stopped working.
    SocketLost,
    /// The session did not connect in time.
    ConnectTimeout,
    /// ICE failed and no restart came within the grace period.
    IceFailed,
    /// Nothing was sent or received for so long as the configuration allows.
    Idle,
    /// The ICE agent gave up.
    Ice(ice::FailureReason),
    /// The DTLS engine would not start.
    DtlsStart(dtls::StartError),
    /// The DTLS endpoint gave up.
    Dtls(dtls::FailureReason),
    /// The SCTP association gave up.
    Sctp(sctp::FailureReason),
}

impl Reason {
    /// All reasons for which an actor of this kind can fail, for tables of labels.
    pub(crate) fn all(actor: ActorKind) -> Vec<Reason> {
        let mut reasons = vec![
            Reason::Panic,
            Reason::Stopped,
            Reason::WorkerLost,
            Reason::LowerLayer,
            Reason::ConnectTimeout,
        ];
        match actor {
            ActorKind::Gatherer => reasons.extend([Reason::SocketBind, Reason::SocketLost]),
            ActorKind::Ice => {
                reasons.push(Reason::IceFailed);
                reasons.extend(ice::FailureReason::ALL.map(Reason::Ice));
            }
            ActorKind::Dtls => {
                reasons.extend(dtls::StartError::ALL.map(Reason::DtlsStart));
                reasons.extend(dtls::FailureReason::ALL.map(Reason::Dtls));
            }
            ActorKind::Sctp => reasons.extend(sctp::FailureReason::ALL.map(Reason::Sctp)),
            ActorKind::Supervisor => reasons.push(Reason::Idle),
        }
        reasons
    }

    /// The value of the metric label `reason`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Reason::Panic => "panic",
            Reason::Stopped => "stopped",
            Reason::WorkerLost => "worker_lost",
            Reason::LowerLayer => "lower_layer",
            Reason::SocketBind => "socket_bind",
            Reason::SocketLost => "socket_lost",
            Reason::ConnectTimeout => "connect_timeout",
            Reason::IceFailed => "ice_failed",
            Reason::Idle => "idle",
            Reason::Ice(reason) => reason.as_str(),
            Reason::DtlsStart(reason) => reason.as_str(),
            Reason::Dtls(reason) => reason.as_str(),
            Reason::Sctp(reason) => reason.as_str(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Panic => f.write_str("the actor panicked"),
            Reason::Stopped => f.write_str("the actor stopped unasked"),
            Reason::WorkerLost => f.write_str("the worker thread of the session is gone"),
            Reason::LowerLayer => f.write_str("a layer below failed"),
            Reason::SocketBind => f.write_str("no socket could be bound"),
            Reason::SocketLost => f.write_str("a socket stopped working"),
            Reason::ConnectTimeout => f.write_str("the session did not connect in time"),
            Reason::IceFailed => f.write_str("ICE failed and was not restarted in time"),
            Reason::Idle => f.write_str("the application was silent for too long"),
            Reason::Ice(reason) => reason.fmt(f),
            Reason::DtlsStart(reason) => reason.fmt(f),
            Reason::Dtls(reason) => reason.fmt(f),
            Reason::Sctp(reason) => reason.fmt(f),
        }
    }
}

/// A failure of one of a session's actors: which, why, and the details in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{actor}: {message}")]
pub struct TransportError {
    /// Whose failure it is.
    pub actor: ActorKind,
    /// Why, as a value to match on.
    pub reason: Reason,
    /// Why, as a sentence for people.
    pub message: String,
}

impl TransportError {
    pub(crate) fn new(actor: ActorKind, reason: Reason) -> TransportError {
        TransportError {
            actor,
            reason,
            message: reason.to_string(),
        }
    }

    pub(crate) fn with_details(
        actor: ActorKind,
        reason: Reason,
        details: impl fmt::Display,
    ) -> TransportError {
        TransportError {
            actor,
            reason,
            message: format!("{reason}: {details}"),
        }
    }
}

/// The call does not fit the state that the object is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidState {
    /// The session or the transport below is closed.
    #[error("the transport is closed")]
    Closed,
    /// The object below carries another transport already.
    #[error("there is a transport of this kind already: one at a time")]
    AlreadyExists,
}

/// Why [`IceGatherer::gather`](crate::IceGatherer::gather) failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatherError {
    /// The gatherer was closed, before or meanwhile.
    #[error("the gatherer is closed")]
    Closed,
    /// An ICE server's URL or credentials make no sense.
    #[error("bad ICE server: {0}")]
    BadServer(String),
    /// The gatherer failed.
    #[error(transparent)]
    Failed(TransportError),
}

/// Why [`IceTransport::start`](crate::IceTransport::start) failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IceError {
    /// The transport was closed, before or meanwhile.
    #[error("the ICE transport is closed")]
    Closed,
    /// The gatherer has not gathered: call `gather` first.
    #[error("the gatherer has not gathered yet: call gather() and await it first")]
    NotGathered,
    /// The remote parameters cannot be used.
    #[error(transparent)]
    Parameters(#[from] ice::StartError),
    /// The transport failed.
    #[error(transparent)]
    Failed(TransportError),
}

/// Why [`DtlsTransport::start`](crate::DtlsTransport::start) failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DtlsError {
    /// The transport was closed, before or meanwhile.
    #[error("the DTLS transport is closed")]
    Closed,
    /// The call cannot be carried out as it was made.
    #[error(transparent)]
    Start(#[from] dtls::StartError),
    /// It was started already, with other parameters.
    #[error("the DTLS transport was started already, with other remote parameters")]
    AlreadyStarted,
    /// The transport failed.
    #[error(transparent)]
    Failed(TransportError),
}

/// Why [`SctpTransport::start`](crate::SctpTransport::start) failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SctpError {
    /// The transport was closed, before or meanwhile.
    #[error("the SCTP transport is closed")]
    Closed,
    /// It was started already, with other parameters.
    #[error("the SCTP transport was started already, with other remote parameters")]
    AlreadyStarted,
    /// The remote port is 0.
    #[error("the remote SCTP port is 0: it must be 1 to 65535, 5000 where nothing else was agreed")]
    BadPort,
    /// The transport failed.
    #[error(transparent)]
    Failed(TransportError),
}
