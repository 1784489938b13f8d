//! What a DTLS transport shows: its states and its events.

use crate::base::error::TransportError;
use crate::base::state::states;

states! {
    /// State of a DTLS transport (W3C `RTCDtlsTransportState`).
    DtlsTransportState of Dtls {
        /// Not started.
        New = "new", New;
        /// Started; the handshake is not complete.
        Connecting = "connecting", Connecting;
        /// The handshake is complete and the peer's certificate is the one that was announced.
        Connected = "connected", Connected;
        /// Closed, by either side.
        Closed = "closed", Closed;
        /// It failed.
        Failed = "failed", Failed;
    }
}

/// An event of a [`DtlsTransport`](crate::DtlsTransport).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DtlsTransportEvent {
    /// The state changed.
    StateChange(DtlsTransportState),
    /// The transport failed.
    Error(TransportError),
    /// So many events were lost because this subscriber was too slow.
    Lagged(u64),
}

impl DtlsTransportEvent {
    pub(crate) fn is_vital(&self) -> bool {
        matches!(self, Self::StateChange(_) | Self::Error(_))
    }
}
