//! What a gatherer shows: its states and its events.

use proto::ice;

use crate::base::error::TransportError;
use crate::base::state::states;

states! {
    /// State of a gatherer (W3C `RTCIceGathererState`, and what the W3C leaves out: an end).
    IceGathererState of Gatherer {
        /// `gather` was not called yet.
        New = "new", New;
        /// Candidates are being sought.
        Gathering = "gathering", Connecting;
        /// All candidates are known.
        Complete = "complete", Connected;
        /// Closed; its sockets are gone.
        Closed = "closed", Closed;
        /// It failed.
        Failed = "failed", Failed;
    }
}

/// An ICE server that could not be used (W3C `RTCPeerConnectionIceErrorEvent`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceCandidateError {
    /// The server.
    pub url: String,
    /// The code of its STUN error response; 701 when it could not be reached.
    pub code: u16,
    /// Why.
    pub text: String,
}

/// An event of an [`IceGatherer`](crate::IceGatherer).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum IceGathererEvent {
    /// The state changed.
    StateChange(IceGathererState),
    /// A local candidate was found.
    Candidate(ice::Candidate),
    /// A server could not be used; gathering goes on.
    CandidateError(IceCandidateError),
    /// The gatherer failed, or failed and is being restarted.
    Error(TransportError),
    /// So many events were lost because this subscriber was too slow.
    Lagged(u64),
}

impl IceGathererEvent {
    pub(crate) fn is_vital(&self) -> bool {
        matches!(self, Self::StateChange(_) | Self::Error(_))
    }
}
