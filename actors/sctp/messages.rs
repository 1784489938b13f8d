//! What the SCTP transport's handle, and those of its channels, ask of the actor.

use actix::Message;
use tokio::sync::oneshot;

use crate::channel::DataChannel;
use crate::error::SctpError;
use crate::mailbox::Letter;
use crate::metrics::MessageKind;
use crate::proto::sctp::{Capabilities, ChannelOptions, OpenError, Stats};
use crate::stats::ChannelStats;

/// Start the association, as soon as DTLS is connected.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Start {
    pub(crate) remote: Capabilities,
    pub(crate) remote_port: u16,
    /// Answered when the parameters were taken, or not.
    pub(crate) taken: oneshot::Sender<Result<(), SctpError>>,
}

/// Open a data channel.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Open {
    pub(crate) label: String,
    pub(crate) options: ChannelOptions,
    pub(crate) reply: oneshot::Sender<Result<DataChannel, OpenError>>,
}

/// There are commands in the port.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Wake;

/// Tell the statistics.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct GetStats(pub(crate) oneshot::Sender<Stats>);

/// Tell what there is to know of each channel.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct GetChannels(pub(crate) oneshot::Sender<Vec<ChannelStats>>);

impl Letter for GetChannels {}
impl Letter for Start {}
impl Letter for Open {}
impl Letter for GetStats {}

impl Letter for Wake {
    fn kind(&self) -> MessageKind {
        MessageKind::Wake
    }
}
