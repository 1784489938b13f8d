//! What a shared port tells the gatherers that have a share in it.

use actix::Message;
use bytes::Bytes;
use proto::net::Path;

use crate::base::kind::MessageKind;
use crate::kit::letter::Letter;

/// From a port to a gatherer that has a share in it.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum MuxToGatherer {
    /// A STUN server's answer.
    Answer(Path, Bytes),
    /// The socket is lost and could not be bound again so far.
    Lost,
    /// It is there again.
    Restored,
}

impl Letter for MuxToGatherer {
    fn kind(&self) -> MessageKind {
        match self {
            MuxToGatherer::Answer(..) => MessageKind::Answer,
            MuxToGatherer::Lost | MuxToGatherer::Restored => MessageKind::Command,
        }
    }
}
