//! What the gatherer's handle asks of its actor.

use actix::Message;
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::error::GatherError;
use crate::mailbox::Letter;
use crate::metrics::MessageKind;
use crate::proto::gather::IceServer;
use crate::proto::net::Path;

/// Gather candidates.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Gather {
    pub(crate) servers: Vec<IceServer>,
    /// Answered when gathering has begun, or cannot.
    pub(crate) begun: oneshot::Sender<Result<(), GatherError>>,
}

/// From the worker's shared port to a gatherer that has a share in it.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum FromMux {
    /// A STUN server's answer.
    Answer(Path, Bytes),
    /// The socket is lost and could not be bound again so far.
    Lost,
    /// It is there again.
    Restored,
}

impl Letter for Gather {}

impl Letter for FromMux {
    fn kind(&self) -> MessageKind {
        match self {
            FromMux::Answer(..) => MessageKind::Answer,
            FromMux::Lost | FromMux::Restored => MessageKind::Command,
        }
    }
}
