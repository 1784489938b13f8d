//! What an association tells its owner.

use super::error::{ChannelError, FailureReason};
use super::id::ChannelId;

/// What an association tells its owner, in the order in which it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The association is established.
    Connected,
    /// The peer opened a channel; [`Event::ChannelOpen`] follows.
    ChannelIncoming(ChannelId),
    /// The channel is open.
    ChannelOpen(ChannelId),
    /// There is something to [`recv`](super::Association::recv). Comes when the first message
    /// arrives, and again only after everything was read.
    Readable(ChannelId),
    /// The buffered amount fell to the threshold.
    BufferedAmountLow(ChannelId),
    /// There is room again after [`SendError::WouldBlock`](super::SendError::WouldBlock): half of
    /// the queue is free.
    Writable(ChannelId),
    /// One of the sides closes the channel.
    ChannelClosing(ChannelId),
    /// The channel is closed. What was received before can still be read.
    ChannelClosed(ChannelId, Option<ChannelError>),
    /// The association failed. All channels were closed before.
    Failed(FailureReason),
    /// The association was closed, by one of the sides. All channels were closed before.
    Closed,
}
