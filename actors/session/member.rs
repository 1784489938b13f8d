//! A transport as its session sees it, whichever it is.

use std::sync::{Arc, OnceLock};

use crate::base::error::TransportError;
use crate::base::kind::{ActorKind, ByTransport};
use crate::base::state::Phase;
use crate::session::state_cell::Cell;

/// What a transport shows: a state at the least.
pub(crate) trait Member: Send + Sync {
    /// Its state.
    fn cell(&self) -> &dyn Cell;

    /// Its state is final: whatever hangs on it ends. Called after the state has changed, so that
    /// who waits for that finds the reason there.
    fn ended(&self) {}
}

impl dyn Member {
    /// What its state comes to.
    pub(crate) fn phase(&self) -> Phase {
        self.cell().phase()
    }

    /// Tells of an error, then moves to failed; `false` when it had failed, or was closed.
    pub(crate) fn fail(&self, error: TransportError) -> bool {
        let failed = self.cell().fail(error);
        if self.phase() == Phase::Failed {
            self.ended();
        }
        failed
    }

    /// Moves to closed.
    pub(crate) fn close(&self) {
        self.cell().close();
        self.ended();
    }
}

/// The members of a session, or of a connection.
pub(crate) struct Members(ByTransport<OnceLock<Arc<dyn Member>>>);

impl Members {
    pub(crate) fn new() -> Members {
        Members(ByTransport::default())
    }

    /// Takes in a transport. There is one of each kind: a second one is none of the session's.
    pub(crate) fn join(&self, kind: ActorKind, member: Arc<dyn Member>) {
        if let Some(place) = self.0.get(kind) {
            let _ = place.set(member);
        }
    }

    pub(crate) fn get(&self, kind: ActorKind) -> Option<&Arc<dyn Member>> {
        self.0.get(kind)?.get()
    }

    /// From the network up.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<dyn Member>> {
        self.0.iter().filter_map(|(_, member)| member.get())
    }

    /// Closes their states, from the top down.
    pub(crate) fn close(&self) {
        for member in self.iter().rev() {
            member.close();
        }
    }
}
