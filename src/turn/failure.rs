//! Why there is no allocation, or none any more.

use std::net::SocketAddr;

use thiserror::Error;

/// Why an allocation failed or ended.
///
/// [`code`](Self::code) and the `Display` text are what the W3C's `icecandidateerror` event carries;
/// [`reason`](Self::reason) is the metric label.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// Nothing came back in time.
    #[error("the TURN server does not answer")]
    Timeout,
    /// The network says that nobody listens there (ICMP, or a failed send).
    #[error("the TURN server cannot be reached")]
    Unreachable,
    /// The connection could not be made. Only the owner of the socket can know this.
    #[error("no connection to the TURN server: {detail}")]
    Connect {
        /// For people; nothing decides by it.
        detail: String,
    },
    /// The TLS handshake failed, for example for the server's certificate. Only the owner of the
    /// socket can know this.
    #[error("no TLS with the TURN server: {detail}")]
    Tls {
        /// For people; nothing decides by it.
        detail: String,
    },
    /// The connection was there and is gone.
    #[error("the connection to the TURN server was lost")]
    ConnectionLost,
    /// What came over the connection is not TURN, and a stream cannot be resynchronised.
    #[error("the stream from the TURN server is not TURN")]
    Desynchronised,
    /// 300: ask that server instead (RFC 8489 §10).
    #[error("300 Try Alternate: {address}")]
    Redirected {
        /// Where to ask.
        address: SocketAddr,
        /// The name that the other server's certificate has.
        domain: Option<String>,
    },
    /// 401 again although the request was signed: user name or password is wrong.
    #[error("401 {text}")]
    Unauthorized {
        /// The server's words.
        text: String,
    },
    /// 437: the server and we do not agree on whether there is an allocation; on a new port there
    /// will be none (RFC 8656 §7.4).
    #[error("437 {text}")]
    Mismatch {
        /// The server's words.
        text: String,
    },
    /// Any other error of the server: 403, 442, 486, 508, …
    #[error("{code} {text}")]
    Refused {
        /// The error code of STUN.
        code: u16,
        /// The server's words.
        text: String,
    },
    /// The server asks for an authentication that we have not, or hides that it knows a better one
    /// (RFC 8489 §9.2.5).
    #[error("the TURN server offers no usable way to authenticate")]
    NoCommonAlgorithm,
    /// The server did not prove that it knows the password.
    #[error("the TURN server's answer is not signed with the password")]
    IntegrityViolation,
    /// The server said yes and left out what it granted.
    #[error("the TURN server's answer lacks the relayed address")]
    IncompleteResponse,
    /// User name, password or realm hold what RFC 8265 forbids, or are too long.
    #[error("the credentials cannot be encoded")]
    InvalidCredentials,
}

impl Failure {
    /// What the W3C calls "the host could not be reached".
    pub const UNREACHABLE_CODE: u16 = 701;

    /// The code for an `icecandidateerror` event: STUN's, or 701 when none came.
    pub fn code(&self) -> u16 {
        match self {
            Failure::Redirected { .. } => 300,
            Failure::Unauthorized { .. } => 401,
            Failure::Mismatch { .. } => 437,
            Failure::Refused { code, .. } => *code,
            _ => Failure::UNREACHABLE_CODE,
        }
    }

    /// Whether another address of the same server may do better.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Failure::Timeout | Failure::Unreachable | Failure::Connect { .. }
        )
    }

    /// The reason as a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            Failure::Timeout => "timeout",
            Failure::Unreachable => "unreachable",
            Failure::Connect { .. } => "connect",
            Failure::Tls { .. } => "tls",
            Failure::ConnectionLost => "connection_lost",
            Failure::Desynchronised => "desynchronised",
            Failure::Redirected { .. } => "redirected",
            Failure::Unauthorized { .. } => "unauthorized",
            Failure::Mismatch { .. } => "allocation_mismatch",
            Failure::Refused { code: 403, .. } => "forbidden",
            Failure::Refused { code: 442, .. } => "unsupported_transport",
            Failure::Refused { code: 486, .. } => "quota_reached",
            Failure::Refused { code: 508, .. } => "insufficient_capacity",
            Failure::Refused { .. } => "refused",
            Failure::NoCommonAlgorithm => "no_common_algorithm",
            Failure::IntegrityViolation => "integrity_violation",
            Failure::IncompleteResponse => "incomplete_response",
            Failure::InvalidCredentials => "invalid_credentials",
        }
    }
}
