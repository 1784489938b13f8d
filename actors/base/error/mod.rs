//! Why something failed: one vocabulary for events, results and metric labels.

pub(crate) mod open;

use std::fmt;

use proto::{dtls, ice};

use crate::base::kind::ActorKind;
use crate::base::transport::table::transports;

macro_rules! reasons {
    ($(
        $(#[$doc:meta])*
        $kind:ident, $label:literal, $module:ident, $state:ident, $event:ident {
            stands_on: $below:tt,
            falls_with: $falls:literal,
            renewed: $renewed:literal,
            counts: $counts:ident,
            restarts: $restart:tt,
            messages: $messages:tt,
            reasons: [$($reason:ident),*],
            machine: { $( $(#[$machine_doc:meta])* $machine:ident($why:path), )* },
        }
    )+) => {
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
            $($( $(#[$machine_doc])* $machine($why), )*)+
        }

        impl Reason {
            /// For which an actor of this kind can fail, beside those that all have.
            fn own(actor: ActorKind) -> Vec<Reason> {
                match actor {
                    $(ActorKind::$kind => {
                        #[allow(unused_mut, reason = "not every transport has a machine of its own")]
                        let mut reasons = vec![$(Reason::$reason),*];
                        $(reasons.extend(<$why>::ALL.map(Reason::$machine));)*
                        reasons
                    })+
                    ActorKind::Supervisor => vec![Reason::Idle],
                }
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
                    $($(Reason::$machine(reason) => reason.as_str(),)*)+
                }
            }
        }

        impl fmt::Display for Reason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    Reason::Panic => "the actor panicked",
                    Reason::Stopped => "the actor stopped unasked",
                    Reason::WorkerLost => "the worker thread of the session is gone",
                    Reason::LowerLayer => "a layer below failed",
                    Reason::SocketBind => "no socket could be bound",
                    Reason::SocketLost => "a socket stopped working",
                    Reason::ConnectTimeout => "the session did not connect in time",
                    Reason::IceFailed => "ICE failed and was not restarted in time",
                    Reason::Idle => "the application was silent for too long",
                    $($(Reason::$machine(reason) => return reason.fmt(f),)*)+
                })
            }
        }
    };
}
transports!(reasons);

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
        reasons.extend(Reason::own(actor));
        reasons
    }
}

/// A failure of one of a session's actors: which, why, and the details in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{actor}: {message}")]
#[non_exhaustive]
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
#[non_exhaustive]
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
#[non_exhaustive]
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
#[non_exhaustive]
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
#[non_exhaustive]
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
#[non_exhaustive]
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

/// Why a [`Session`](crate::Session) did not [connect](crate::Session::connected).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It was closed before it was connected, and nothing had failed.
    #[error("the session was closed before it was connected")]
    Closed,
    /// A transport failed, or the session as a whole.
    #[error(transparent)]
    Failed(TransportError),
}
