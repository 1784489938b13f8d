//! What the actors and the handles of a session say to its supervisor.

use std::sync::Arc;

use actix::Message;

use crate::base::kind::ActorKind;
use crate::session::connection::Connection;

/// Closes a transport and everything that stands on it, in good order and in bounded time. From the
/// gatherer up, that is the whole session.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct CloseFrom {
    pub(crate) kind: ActorKind,
    /// Of a transport that can be renewed: the connection that it is of. One that another follows
    /// is closed already.
    pub(crate) connection: Option<Arc<Connection>>,
}

impl CloseFrom {
    /// The whole session.
    pub(crate) const SESSION: CloseFrom = CloseFrom {
        kind: ActorKind::Gatherer,
        connection: None,
    };
}

/// An actor's state changed: whoever is above or beside may be concerned.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct StateChanged;
