//! What the gatherer's handle asks of its actor.

use actix::Message;
use tokio::sync::oneshot;

use crate::error::GatherError;
use crate::proto::gather::IceServer;

/// Gather candidates.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Gather {
    pub(crate) servers: Vec<IceServer>,
    /// Answered when gathering has begun, or cannot.
    pub(crate) begun: oneshot::Sender<Result<(), GatherError>>,
}
