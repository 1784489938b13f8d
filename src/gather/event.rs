//! What a gatherer finds, asks for and reports.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

use super::url::{ServerUrl, Transport};
use crate::net::{Path, Protocol};
use crate::turn::{Credentials, Failure};

/// What [`Gatherer`](super::Gatherer) tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The gathering state changed.
    StateChanged(State),
    /// A way to be reached, to be given to the ICE agent and told to the peer.
    Candidate(Gathered),
    /// Look up a name, and answer with [`handle_lookup`](super::Gatherer::handle_lookup). After
    /// [`server_timeout`](super::Config::server_timeout) the answer is no longer waited for.
    Lookup(Lookup),
    /// Make an allocation with a [`turn::Client`](crate::turn), and answer with
    /// [`handle_allocated`](super::Gatherer::handle_allocated) or
    /// [`handle_allocation_failed`](super::Gatherer::handle_allocation_failed).
    Allocate(Allocation),
    /// A server did not help from one of our addresses. Gathering goes on without it.
    ServerFailed(ServerFailed),
}

/// How far gathering is (`RTCIceGathererState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// Not started.
    #[default]
    New,
    /// Waiting for servers.
    Gathering,
    /// All servers answered or failed. A socket that is added now leads back to `Gathering`.
    Complete,
    /// Over.
    Closed,
}

impl State {
    /// The W3C's name.
    pub fn as_str(self) -> &'static str {
        match self {
            State::New => "new",
            State::Gathering => "gathering",
            State::Complete => "complete",
            State::Closed => "closed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a candidate was found (RFC 8445 §5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GatheredKind {
    /// The socket itself, or what is announced for it.
    Host,
    /// What a STUN server saw.
    ServerReflexive,
    /// On a TURN server.
    Relayed,
}

/// What became a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// How it was found.
    pub kind: GatheredKind,
    /// What peers speak with it.
    pub protocol: Protocol,
    /// What peers send to.
    pub address: SocketAddr,
    /// The `local` of every [`Path`] of this candidate: the socket, or the relayed address.
    pub base: SocketAddr,
    /// The related address of the candidate line (RFC 8839 §5.1): the base of a reflexive one, the
    /// mapped address of a relayed one; `0.0.0.0:0` where the [policy](super::Policy) hides it.
    pub related: Option<SocketAddr>,
    /// Its type preference (RFC 8445 §5.1.2.1), 0 to 126.
    pub preference: u8,
    /// The server that helped.
    pub url: Option<ServerUrl>,
    /// Where that server was asked: part of the foundation (RFC 8445 §5.1.1.3).
    pub server: Option<SocketAddr>,
}

/// Names one look-up of a [`Gatherer`](super::Gatherer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LookupId(pub(super) usize);

/// A name to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// For the answer.
    pub id: LookupId,
    /// The server.
    pub url: ServerUrl,
    /// The name. IPv4 and IPv6 addresses are both wanted.
    pub name: Arc<str>,
    /// The port that the addresses are to carry.
    pub port: u16,
}

/// A look-up that gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupError {
    /// The name does not exist, or has no address.
    NotFound,
    /// The resolver did not answer in time.
    Timeout,
    /// The resolver failed.
    Failed,
}

/// Names one allocation of a [`Gatherer`](super::Gatherer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AllocationId(pub(super) u64);

/// An allocation to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// For the answer.
    pub id: AllocationId,
    /// The server. Its host is the name that a certificate must have, unless `domain` is given.
    pub url: ServerUrl,
    /// How to reach it.
    pub transport: Transport,
    /// Where.
    pub server: SocketAddr,
    /// The name for TLS after a redirection to another name.
    pub domain: Option<String>,
    /// The address to send from, on a port of its own: an allocation belongs to a 5-tuple
    /// (RFC 8656 §3), and sockets shared by sessions would have to share it as well.
    pub local: IpAddr,
    /// User name and password.
    pub credentials: Credentials,
}

/// A server that did not help (`RTCPeerConnectionIceErrorEvent`).
#[doc(alias = "icecandidateerror")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFailed {
    /// Which server.
    pub url: ServerUrl,
    /// Our address that it was asked from, `None` when it did not come to that.
    pub address: Option<SocketAddr>,
    /// Where it was asked, `None` when it did not come to that.
    pub server: Option<SocketAddr>,
    /// Why.
    pub reason: FailureReason,
}

impl ServerFailed {
    /// `errorCode`: what the server sent, or 701 when it could not be reached.
    pub fn code(&self) -> u16 {
        match &self.reason {
            FailureReason::Refused { code, .. } => *code,
            FailureReason::Allocation(failure) => failure.code(),
            _ => Failure::UNREACHABLE_CODE,
        }
    }

    /// `errorText`: for people.
    pub fn text(&self) -> String {
        self.reason.to_string()
    }
}

impl fmt::Display for ServerFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.url, self.reason)
    }
}

/// Why a server did not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FailureReason {
    /// Its name does not exist.
    #[error("the name of the server was not found")]
    NameNotFound,
    /// Its name was not looked up in time.
    #[error("the look-up of the server's name took too long")]
    LookupTimeout,
    /// Its name could not be looked up.
    #[error("the look-up of the server's name failed")]
    LookupFailed,
    /// We have no socket of its address family (or it is not on the same host or link).
    #[error("no local address from which the server can be reached")]
    NoUsableAddress,
    /// It did not answer.
    #[error("the server does not answer")]
    Timeout,
    /// The network says that nobody listens there (ICMP, or a failed send).
    #[error("the server cannot be reached")]
    Unreachable,
    /// It answered with an error.
    #[error("{code} {text}")]
    Refused {
        /// The error code of STUN.
        code: u16,
        /// The server's words.
        text: String,
    },
    /// There is no relay.
    #[error("{0}")]
    Allocation(Failure),
    /// STUN over TLS and TURN over DTLS are not spoken here.
    #[error("{0} to this kind of server is not supported")]
    UnsupportedTransport(Transport),
}

impl FailureReason {
    /// The reason as a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            FailureReason::NameNotFound => "name_not_found",
            FailureReason::LookupTimeout => "lookup_timeout",
            FailureReason::LookupFailed => "lookup_failed",
            FailureReason::NoUsableAddress => "no_usable_address",
            FailureReason::Timeout => "timeout",
            FailureReason::Unreachable => "unreachable",
            FailureReason::Refused { .. } => "refused",
            FailureReason::Allocation(failure) => failure.reason(),
            FailureReason::UnsupportedTransport(_) => "unsupported_transport",
        }
    }
}

/// A datagram that a gatherer sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// From which socket to which server.
    pub path: Path,
    /// The STUN message.
    pub datagram: Bytes,
}
