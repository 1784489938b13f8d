//! Messages that are measured.

use actix::Message;

use crate::base::kind::MessageKind;

/// A message to one of the actors that carry a session.
pub(crate) trait Letter: Message<Result = ()> + Send + 'static {
    /// What it is about: the label of the time that it takes.
    fn kind(&self) -> MessageKind {
        MessageKind::Command
    }

    /// Whether it is one of those that actors of one session say to each other.
    const OF_A_NEIGHBOUR: bool = false;
}
