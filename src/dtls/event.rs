//! What an endpoint tells its owner, and the states it is in.

use bytes::Bytes;

use super::FailureReason;

/// The state of an endpoint, with the names of W3C's `RTCDtlsTransportState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Not started.
    New,
    /// In the handshake.
    Connecting,
    /// The handshake is complete and the peer's certificate is the expected one.
    Connected,
    /// Closed by either side.
    Closed,
    /// Failed; [`Event::Failed`] said why.
    Failed,
}

impl State {
    /// W3C's name.
    pub fn as_str(self) -> &'static str {
        match self {
            State::New => "new",
            State::Connecting => "connecting",
            State::Connected => "connected",
            State::Closed => "closed",
            State::Failed => "failed",
        }
    }
}

/// What an endpoint tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The handshake is complete and the peer is who it should be. What it brought to light can be
    /// asked of the endpoint from now on.
    Connected,
    /// The payload of one record. All payloads of one drain are slices of one buffer.
    ApplicationData(Bytes),
    /// The connection failed; nothing follows.
    Failed(FailureReason),
    /// The peer closed the connection; nothing follows.
    Closed,
}
