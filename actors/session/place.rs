//! Where a session is registered.

use std::time::Duration;

/// A session's place on its worker and in the counts of whoever keeps it. It is given back once, at
/// the end of the session, whoever finds that it has ended.
pub(crate) trait Place: Send + Sync {
    /// The session has connected: it is no longer half-open.
    fn connected(&self);

    /// Gives the place back.
    fn give_back(&self);

    /// Whether all sessions go down together: those that end with it have not failed.
    fn is_stopping(&self) -> bool;

    /// Drops a value after a pause, at once when all goes down.
    fn drop_later(&self, pause: Duration, value: Box<dyn Send>);
}
