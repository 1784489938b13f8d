//! What a whole session shows: its states and its events.

use crate::base::error::TransportError;
use crate::base::state::states;

states! {
    /// State of a whole session, from those of its transports (as W3C
    /// `RTCPeerConnectionState`).
    SessionState of Supervisor {
        /// Nothing was started yet.
        New = "new", New;
        /// Some transport is being set up.
        Connecting = "connecting", Connecting;
        /// ICE, DTLS and SCTP are connected.
        Connected = "connected", Connected;
        /// ICE has lost its pair, and may come back.
        Disconnected = "disconnected", Disconnected;
        /// A transport has failed.
        Failed = "failed", Failed;
        /// Closed.
        Closed = "closed", Closed;
    }
}

/// An event of a whole [`Session`](crate::Session).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The state changed.
    StateChange(SessionState),
    /// The session as a whole came to grief: which actor, and why.
    Error(TransportError),
    /// So many events were lost because this subscriber was too slow.
    Lagged(u64),
}
