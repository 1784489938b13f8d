//! What an SCTP transport shows: its states and its events.

use crate::base::error::TransportError;
use crate::base::state::states;

states! {
    /// State of an SCTP transport (W3C `RTCSctpTransportState`, `new` and `failed` besides).
    SctpTransportState of Sctp {
        /// Not started.
        New = "new", New;
        /// Started; the association is being set up.
        Connecting = "connecting", Connecting;
        /// Data channels can be opened and used.
        Connected = "connected", Connected;
        /// Closed, by either side.
        Closed = "closed", Closed;
        /// It failed.
        Failed = "failed", Failed;
    }
}

/// An event of an [`SctpTransport`](crate::SctpTransport).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SctpTransportEvent {
    /// The state changed.
    StateChange(SctpTransportState),
    /// The peer opened a data channel with this label: [`accept`](crate::SctpTransport::accept)
    /// hands it out.
    DataChannel {
        /// Its label.
        label: String,
    },
    /// The transport failed.
    Error(TransportError),
    /// So many events were lost because this subscriber was too slow.
    Lagged(u64),
}

impl SctpTransportEvent {
    pub(crate) fn is_vital(&self) -> bool {
        matches!(self, Self::StateChange(_) | Self::Error(_))
    }
}
