//! What the gatherer's handle asks of its actor.

use actix::Message;
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::error::GatherError;
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

/// A STUN server's answer that came in on the worker's shared port.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct ServerAnswer(pub(crate) Path, pub(crate) Bytes);
