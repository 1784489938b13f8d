//! What the SCTP transport's handle, and those of its channels, ask of the actor.

use actix::Message;
use proto::sctp::{Capabilities, ChannelOptions, OpenError, Stats};
use tokio::sync::oneshot;

use crate::base::error::SctpError;
use crate::channel::offered::Offered;
use crate::channel::stats::ChannelStats;
use crate::kit::letter::Letter;

/// Start the association, as soon as DTLS is connected.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct StartSctp {
    pub(crate) remote: Capabilities,
    pub(crate) remote_port: u16,
    /// Answered when the parameters were taken, or not.
    pub(crate) taken: oneshot::Sender<Result<(), SctpError>>,
}

/// Open a data channel.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct OpenChannel {
    pub(crate) label: String,
    pub(crate) options: ChannelOptions,
    /// Where nobody waits for it any more, the channel closes again.
    pub(crate) reply: oneshot::Sender<Result<Offered, OpenError>>,
}

/// Tell the statistics.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct GetStats(pub(crate) oneshot::Sender<Stats>);

/// Tell what there is to know of each channel.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct GetChannels(pub(crate) oneshot::Sender<Vec<ChannelStats>>);

impl Letter for GetChannels {}
impl Letter for StartSctp {}
impl Letter for OpenChannel {}
impl Letter for GetStats {}
