//! What an ICE transport shows: its states and its events.

use std::sync::Arc;

use proto::ice;
/// State of an ICE transport (W3C `RTCIceTransportState`).
pub use proto::ice::State as IceTransportState;

use crate::base::error::TransportError;
use crate::base::kind::ActorKind;
use crate::base::state::{Phase, State};

impl State for IceTransportState {
    const ALL: &'static [Self] = &[
        Self::New,
        Self::Checking,
        Self::Connected,
        Self::Completed,
        Self::Disconnected,
        Self::Failed,
        Self::Closed,
    ];
    const NEW: Self = IceTransportState::New;
    const CLOSED: Self = IceTransportState::Closed;
    const FAILED: Self = IceTransportState::Failed;
    const KIND: ActorKind = ActorKind::Ice;

    fn as_str(self) -> &'static str {
        IceTransportState::as_str(self)
    }

    fn phase(self) -> Phase {
        match self {
            Self::New => Phase::New,
            Self::Checking => Phase::Connecting,
            Self::Connected | Self::Completed => Phase::Connected,
            Self::Disconnected => Phase::Disconnected,
            Self::Failed => Phase::Failed,
            Self::Closed => Phase::Closed,
        }
    }
}

/// An event of an [`IceTransport`](crate::IceTransport).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum IceTransportEvent {
    /// The state changed.
    StateChange(IceTransportState),
    /// Data flows on another pair of candidates now.
    SelectedPairChange(Arc<ice::SelectedPair>),
    /// A peer-reflexive candidate was learnt.
    RemoteCandidate(ice::Candidate),
    /// A remote candidate could not be used.
    CandidateRejected(ice::CandidateRejected),
    /// The local side has new credentials or sockets: exchange parameters anew, as for an ICE
    /// restart. DTLS and SCTP live on.
    RestartNeeded,
    /// The transport failed, or failed and is being restarted.
    Error(TransportError),
    /// So many events were lost because this subscriber was too slow.
    Lagged(u64),
}

impl IceTransportEvent {
    pub(crate) fn is_vital(&self) -> bool {
        matches!(
            self,
            Self::StateChange(_) | Self::Error(_) | Self::RestartNeeded
        )
    }
}
