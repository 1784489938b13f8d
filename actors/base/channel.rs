//! What is said of data channels on every floor: their states, and why a message was not sent.

/// State of a data channel (W3C `RTCDataChannelState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataChannelState {
    /// The peer has not confirmed it yet, or there is no association yet.
    Connecting,
    /// Messages flow.
    Open,
    /// What was sent is still delivered, nothing new is taken.
    Closing,
    /// Over.
    Closed,
}

impl DataChannelState {
    /// The name in the W3C's enumeration.
    pub fn as_str(self) -> &'static str {
        match self {
            DataChannelState::Connecting => "connecting",
            DataChannelState::Open => "open",
            DataChannelState::Closing => "closing",
            DataChannelState::Closed => "closed",
        }
    }
}

/// Why a message was not sent. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It is larger than both sides allow.
    #[error("a message of {size} bytes is too large: the limit is {limit}")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The largest that can be sent on this session.
        limit: usize,
    },
    /// The send queue is full.
    #[error("{buffered} bytes wait already: try again when they have left, or use send().await")]
    WouldBlock {
        /// How many bytes wait.
        buffered: usize,
    },
    /// The channel is not open yet.
    #[error("the channel is not open yet: await opened(), or use send().await, which does")]
    NotOpen,
    /// The channel is closing or closed.
    #[error("the channel is closed")]
    Closed,
}
