//! How it is noticed that a worker has stopped, or stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::session::scope::WorkerId;

/// How often a worker shows that it lives, and is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// A worker's signs of life.
#[derive(Clone)]
pub(crate) struct Life {
    id: WorkerId,
    ticks: Arc<AtomicU64>,
    over: mpsc::UnboundedSender<WorkerId>,
}

impl Life {
    pub(crate) fn new(id: WorkerId, over: mpsc::UnboundedSender<WorkerId>) -> Life {
        let ticks = Arc::default();
        Life { id, ticks, over }
    }

    /// The worker is able to run a task.
    pub(crate) fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::Release);
    }

    /// How often it was.
    pub(crate) fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Acquire)
    }

    /// Which worker it is.
    pub(crate) fn id(&self) -> WorkerId {
        self.id
    }

    /// The worker's actor is gone, and maybe its arbiter.
    pub(crate) fn end(&self) {
        // Nobody listens when the whole runtime is going down.
        let _ = self.over.send(self.id);
    }
}
