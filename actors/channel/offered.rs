//! Channels that the peer has opened and that nobody has accepted yet.

use std::sync::Arc;

use crate::channel::shared::Shared;

/// A channel of the peer's that waits to be accepted. It does not hold the session open, and closes
/// when it is dropped.
pub(crate) struct Offered(Option<Arc<Shared>>);

impl Offered {
    pub(crate) fn new(shared: Arc<Shared>) -> Offered {
        Offered(Some(shared))
    }

    /// From now on it is whose it is given to.
    pub(crate) fn accept(mut self) -> Option<Arc<Shared>> {
        self.0.take()
    }
}

impl Drop for Offered {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.abandon();
        }
    }
}
