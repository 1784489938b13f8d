//! What the gatherer's handle asks of its actor.

use actix::Message;
use proto::gather::{Counters, IceServer};
use tokio::sync::oneshot;

use crate::base::error::GatherError;
use crate::kit::letter::Letter;

/// Gather candidates.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Gather {
    pub(crate) servers: Vec<IceServer>,
    /// Answered when gathering has begun, or cannot.
    pub(crate) begun: oneshot::Sender<Result<(), GatherError>>,
}

/// Tell what was counted.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct GetStats(pub(crate) oneshot::Sender<Counters>);

impl Letter for Gather {}
impl Letter for GetStats {}
