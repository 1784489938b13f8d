//! What can go wrong, with a name for each in metrics.

use thiserror::Error;

/// Why a channel cannot be opened. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The association is closing, closed or failed.
    #[error("the association is closed")]
    Closed,
    /// The label has more than 65,535 bytes.
    #[error("the label has {0} bytes; 65,535 are the most")]
    LabelTooLong(usize),
    /// The protocol has more than 65,535 bytes.
    #[error("the protocol has {0} bytes; 65,535 are the most")]
    ProtocolTooLong(usize),
    /// W3C WebRTC: only one of `maxRetransmits` and `maxPacketLifeTime`.
    #[error("max_retransmits and max_packet_lifetime exclude each other")]
    TwoReliabilities,
    /// The identifier is 65,535, or beyond the streams that the peer takes.
    #[error("stream identifier {0} is out of range")]
    IdOutOfRange(u16),
    /// A channel has this identifier, or its last one is not reset yet.
    #[error("stream identifier {0} is taken")]
    IdTaken(u16),
    /// Every identifier of our parity is taken.
    #[error("all stream identifiers are taken")]
    IdsExhausted,
    /// [`Config::max_channels`](super::Config::max_channels) are there already.
    #[error("there are {0} channels already")]
    TooManyChannels(u16),
}

impl OpenError {
    /// The label in metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            OpenError::Closed => "closed",
            OpenError::LabelTooLong(_) => "label_too_long",
            OpenError::ProtocolTooLong(_) => "protocol_too_long",
            OpenError::TwoReliabilities => "two_reliabilities",
            OpenError::IdOutOfRange(_) => "id_out_of_range",
            OpenError::IdTaken(_) => "id_taken",
            OpenError::IdsExhausted => "ids_exhausted",
            OpenError::TooManyChannels(_) => "too_many_channels",
        }
    }
}

/// Why a message cannot be sent. Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The message is larger than what the peer takes, or than our own limit.
    #[error("the message has {size} bytes; {limit} are the most")]
    TooLarge {
        /// The size of the message in bytes.
        size: usize,
        /// The largest that can be sent.
        limit: u32,
    },
    /// The channel's queue is full: wait for [`Event::Writable`](super::Event::Writable).
    #[error("{buffered} bytes are waiting to be sent")]
    WouldBlock {
        /// How many bytes wait.
        buffered: usize,
    },
    /// The channel is closing, closed, or never was.
    #[error("the channel is closed")]
    Closed,
}

impl SendError {
    /// The label in metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            SendError::TooLarge { .. } => "too_large",
            SendError::WouldBlock { .. } => "would_block",
            SendError::Closed => "closed",
        }
    }
}

/// Why a channel was closed otherwise than by a `close` of one of the sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The association ended under it.
    #[error("the association ended")]
    AssociationEnded,
    /// The peer would not reset the stream.
    #[error("the stream could not be reset")]
    ResetFailed,
    /// The identifier that the channel was to have is beyond the streams that the peer takes.
    #[error("no stream identifier is left for the channel")]
    NoStream,
}

impl ChannelError {
    /// The label in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelError::AssociationEnded => "association_ended",
            ChannelError::ResetFailed => "reset_failed",
            ChannelError::NoStream => "no_stream",
        }
    }
}

/// Why the association failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FailureReason {
    /// The handshake was not done within
    /// [`Config::handshake_timeout`](super::Config::handshake_timeout).
    #[error("the handshake timed out")]
    HandshakeTimeout,
    /// The peer sent an ABORT with an error.
    #[error("the peer aborted the association")]
    Aborted,
    /// The peer began a new association in place of this one (RFC 9260 §5.2.4).
    #[error("the peer restarted its association")]
    PeerRestarted,
    /// What the peer sent contradicts the protocol: it acknowledged what was never sent, or sent
    /// a message larger than the limit.
    #[error("the peer violated the protocol")]
    ProtocolViolation,
    /// The window is full of messages of which each lacks a part.
    #[error("the receive buffer is full of incomplete messages")]
    ReceiveBufferExhausted,
    /// The SCTP implementation below does not take what the handshake agreed on.
    #[error("the association could not be set up")]
    Setup,
}

impl FailureReason {
    /// All reasons, for tables of labels.
    pub const ALL: [FailureReason; 6] = [
        FailureReason::HandshakeTimeout,
        FailureReason::Aborted,
        FailureReason::PeerRestarted,
        FailureReason::ProtocolViolation,
        FailureReason::ReceiveBufferExhausted,
        FailureReason::Setup,
    ];

    /// The label in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureReason::HandshakeTimeout => "handshake_timeout",
            FailureReason::Aborted => "aborted",
            FailureReason::PeerRestarted => "peer_restarted",
            FailureReason::ProtocolViolation => "protocol_violation",
            FailureReason::ReceiveBufferExhausted => "receive_buffer_exhausted",
            FailureReason::Setup => "setup",
        }
    }
}
