//! What an agent tells its owner.

use std::time::Duration;

use bytes::Bytes;

use super::candidate::Candidate;
use super::parameters::ParametersError;
use super::state::{Role, State};
use crate::net::Path;

/// A datagram to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// From which base to which remote address.
    pub path: Path,
    /// A STUN message.
    pub datagram: Bytes,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The state is another one. Only steps of [`State::successors`] happen.
    StateChanged(State),
    /// Why the state changes to `failed`: always right before that [`Event::StateChanged`].
    Failed(FailureReason),
    /// Data goes over another pair now.
    SelectedPairChanged(Box<SelectedPair>),
    /// The pair over which data goes already is nominated now.
    Nominated,
    /// Data goes where it went, but the pair is called differently: a candidate that was learnt
    /// from checks has been told by the peer, or gathered, since.
    SelectedPairUpdated,
    /// A check came from an address that was not signalled (RFC 8445 §7.3.1.3).
    RemoteCandidate(Candidate),
    /// The first message with the right MESSAGE-INTEGRITY arrived on this path: what else comes
    /// from there may be routed to this session.
    Authenticated(Path),
    /// A check of ours was answered on this path: the peer agrees to be sent to there, for
    /// [`consent_timeout`](super::Config::consent_timeout) (RFC 7675 §5.1).
    Answered(Path),
    /// A path that was [`Event::Authenticated`] is not any more.
    Released(Path),
    /// The role changed, by a role conflict (RFC 8445 §7.3.1.1) or because a side is lite.
    RoleChanged(Role),
}

/// The pair over which data goes.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectedPair {
    /// Our candidate, as the peer sees it.
    pub local: Candidate,
    /// The peer's.
    pub remote: Candidate,
    /// Where datagrams go.
    pub path: Path,
    /// Whether it is nominated; before that, the best pair that works is used
    /// (RFC 8445 §12.1).
    pub nominated: bool,
    /// The latest measured round trip of a check.
    pub rtt: Option<Duration>,
}

/// Why an agent failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureReason {
    /// Every pair was checked, and none works.
    ChecksFailed,
    /// No remote candidate that one of ours could be paired with ever came.
    NoCandidatePairs,
    /// The pair in use was not answered for the consent timeout (RFC 7675 §5.1).
    ConsentExpired,
    /// A restart was begun, the pair in use was lost, and remote parameters never came.
    RestartUnanswered,
    /// The sockets of all pairs that worked are gone, and no other pair came to work.
    LocalAddressesLost,
}

impl FailureReason {
    /// All reasons, for tables of labels.
    pub const ALL: [FailureReason; 5] = [
        FailureReason::ChecksFailed,
        FailureReason::NoCandidatePairs,
        FailureReason::ConsentExpired,
        FailureReason::RestartUnanswered,
        FailureReason::LocalAddressesLost,
    ];

    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureReason::ChecksFailed => "checks_failed",
            FailureReason::NoCandidatePairs => "no_candidate_pairs",
            FailureReason::ConsentExpired => "consent_expired",
            FailureReason::RestartUnanswered => "restart_unanswered",
            FailureReason::LocalAddressesLost => "local_addresses_lost",
        }
    }
}

impl std::fmt::Display for FailureReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FailureReason::ChecksFailed => "no candidate pair works",
            FailureReason::NoCandidatePairs => "there are no candidates that could be paired",
            FailureReason::ConsentExpired => "the peer has not answered for the consent timeout",
            FailureReason::RestartUnanswered => "the ICE restart was not answered",
            FailureReason::LocalAddressesLost => "the local addresses in use are gone",
        })
    }
}

/// Why [`Agent::start`](super::Agent::start) refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The remote parameters are not acceptable.
    #[error(transparent)]
    InvalidParameters(#[from] ParametersError),
    /// Both sides are lite, so neither would check (RFC 8445 §6.1.1 leaves it to configuration).
    #[error("both sides are ICE-lite: neither would send a check")]
    BothLite,
    /// The remote parameters are our own.
    #[error("the remote username fragment is the local one")]
    OwnParameters,
    /// The agent is closed.
    #[error("the agent is closed")]
    Closed,
}

impl StartError {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            StartError::InvalidParameters(e) => e.as_str(),
            StartError::BothLite => "both_lite",
            StartError::OwnParameters => "own_parameters",
            StartError::Closed => "closed",
        }
    }
}

/// Why a remote candidate was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateRejected {
    /// The same address is known already, with the same or a higher priority.
    #[error("the candidate is known already")]
    Duplicate,
    /// It is a name: it has to be resolved first, see [`Candidate::with_ip`].
    #[error("the candidate is a name that has not been resolved")]
    Unresolved,
    /// Its address or port cannot be sent to (unspecified, multicast, broadcast, port 0).
    #[error("the candidate's address cannot be sent to")]
    Unusable,
    /// Its component is not 1.
    #[error("the candidate's component is not 1")]
    UnknownComponent,
    /// Its username fragment is not that of the remote parameters.
    #[error("the candidate belongs to another ICE generation")]
    WrongGeneration,
    /// There are [`Config::max_remote_candidates`](super::Config::max_remote_candidates) already,
    /// and none of them promises less.
    #[error("there are too many remote candidates")]
    TooMany,
    /// A loopback address, and [`Config::remote_addresses`](super::Config::remote_addresses) does
    /// not permit it from any of our addresses. It is kept, and checked when an address comes from
    /// which it may be; the same holds for the next two.
    #[error("loopback addresses are not checked from ours")]
    Loopback,
    /// A link-local address.
    #[error("link-local addresses are not checked from ours")]
    LinkLocal,
    /// A private address.
    #[error("private addresses are not checked from ours")]
    Private,
    /// The agent is closed.
    #[error("the agent is closed")]
    Closed,
}

impl CandidateRejected {
    /// All reasons, for tables of labels.
    pub const ALL: [CandidateRejected; 10] = [
        CandidateRejected::Duplicate,
        CandidateRejected::Unresolved,
        CandidateRejected::Unusable,
        CandidateRejected::UnknownComponent,
        CandidateRejected::WrongGeneration,
        CandidateRejected::TooMany,
        CandidateRejected::Loopback,
        CandidateRejected::LinkLocal,
        CandidateRejected::Private,
        CandidateRejected::Closed,
    ];

    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            CandidateRejected::Duplicate => "duplicate",
            CandidateRejected::Unresolved => "unresolved",
            CandidateRejected::Unusable => "unusable",
            CandidateRejected::UnknownComponent => "unknown_component",
            CandidateRejected::WrongGeneration => "wrong_generation",
            CandidateRejected::TooMany => "too_many",
            CandidateRejected::Loopback => "loopback",
            CandidateRejected::LinkLocal => "link_local",
            CandidateRejected::Private => "private",
            CandidateRejected::Closed => "closed",
        }
    }
}
