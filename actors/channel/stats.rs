//! What there is to know of a channel.

use proto::sctp::ChannelInfo;

/// A channel as its association knows it.
#[derive(Debug, Clone)]
pub(crate) struct ChannelStats {
    pub(crate) number: usize,
    pub(crate) info: ChannelInfo,
    pub(crate) buffered: usize,
}
