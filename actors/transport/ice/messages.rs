//! What the ICE transport's handle asks of its actor.

use actix::Message;
use proto::ice::{Candidate, Parameters, Role, Stats};
use tokio::sync::oneshot;

use crate::base::error::IceError;
use crate::kit::letter::Letter;

/// Start the checks, or join them, or restart them.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct StartIce {
    pub(crate) remote: Parameters,
    /// Answered when the parameters were taken, or not.
    pub(crate) taken: oneshot::Sender<Result<(), IceError>>,
}

/// A remote candidate, `None` for the end of candidates.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct AddRemoteCandidate(pub(crate) Option<Candidate>);

/// Take a role.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct SetRole(pub(crate) Role);

/// Make new local credentials.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Restart(pub(crate) oneshot::Sender<Parameters>);

/// Tell the statistics.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct GetStats(pub(crate) oneshot::Sender<Stats>);

impl Letter for StartIce {}
impl Letter for AddRemoteCandidate {}
impl Letter for SetRole {}
impl Letter for Restart {}
impl Letter for GetStats {}
