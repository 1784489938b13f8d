//! Why a runtime did not start, or a session was not opened.

use std::io;
use std::net::SocketAddr;

use crate::base::config::ConfigError;

/// Why a shared port could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MuxError {
    /// The port cannot be bound.
    #[error("cannot open UDP {address}: {source}")]
    Bind {
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// It would be in no candidate.
    #[error("no address of this host can be told to peers for UDP {address}: announce one")]
    NoAddress {
        /// The wildcard that is bound.
        address: SocketAddr,
    },
    /// The TCP port beside it cannot be opened.
    #[error("cannot open TCP {address}: {source}")]
    Listen {
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a runtime could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A UDP port could not be opened.
    #[error(transparent)]
    Udp(#[from] MuxError),
    /// The system gave no thread.
    #[error("cannot start worker threads: {0}")]
    Thread(#[source] std::io::Error),
    /// The system gave no randomness.
    #[error("the operating system gave no random bytes")]
    Entropy,
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] proto::dtls::CertificateError),
    /// The certificate that was given is not valid at this time.
    #[error("the certificate is not valid at this time")]
    CertificateExpired,
}

impl From<StartError> for std::io::Error {
    fn from(error: StartError) -> std::io::Error {
        std::io::Error::other(error)
    }
}

/// Why a session was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// So many sessions live already as are allowed.
    #[error("the limit of {limit} sessions is reached")]
    Full {
        /// [`Config::max_sessions`](crate::Config::max_sessions).
        limit: usize,
    },
    /// So many sessions are connecting already as are allowed.
    #[error("{limit} sessions are connecting already: try again when some have")]
    HalfOpen {
        /// [`Config::max_half_open`](crate::Config::max_half_open).
        limit: usize,
    },
    /// The source opens sessions faster than it may.
    #[error("this address opens sessions faster than it may: try again in a moment")]
    TooFast,
    /// All workers are being replaced.
    #[error("no worker runs at the moment: try again in a moment")]
    NoWorker,
    /// The runtime takes no new sessions: it is being drained or shut down.
    #[error("the server is draining and takes no new sessions")]
    Draining,
    /// The gatherer cannot carry a whole session.
    #[error(transparent)]
    State(#[from] super::InvalidState),
    /// The options ask for something that is not there.
    #[error(transparent)]
    Config(#[from] ConfigError),
}
