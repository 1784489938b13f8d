//! What lives: every session of a runtime, how many there may be, and how many there are.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use actix::ArbiterHandle;
use dashmap::DashMap;
use tokio::sync::watch;

use crate::base::config::Config;
use crate::base::error::Reason;
use crate::base::error::open::OpenError;
use crate::base::id::SessionId;
use crate::session::place::Place;
use crate::session::scope::{Scope, WorkerId};

/// Every session that lives, registered or not, and how many there are.
pub(crate) struct LiveSessions {
    scopes: DashMap<SessionId, Weak<Scope>>,
    /// Forgets a session that has ended, wherever else it was registered.
    forget: Box<Forget>,
    sessions: watch::Sender<usize>,
    half_open: AtomicUsize,
    /// Set when the runtime goes down: sessions that end with it have not failed.
    stopping: AtomicBool,
    /// The thread that keeps the workers, and does what has to outlive them.
    keeper: OnceLock<ArbiterHandle>,
}

type Forget = dyn Fn(&SessionId) -> Option<Box<dyn Any>> + Send + Sync;

impl LiveSessions {
    /// None yet. Of each that has ended, `forget` is told, and returns what it had of it.
    pub(crate) fn new(
        forget: impl Fn(&SessionId) -> Option<Box<dyn Any>> + Send + Sync + 'static,
    ) -> LiveSessions {
        LiveSessions {
            scopes: DashMap::new(),
            forget: Box::new(forget),
            sessions: watch::Sender::new(0),
            half_open: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            keeper: OnceLock::new(),
        }
    }

    /// How many sessions live.
    pub(crate) fn count(&self) -> usize {
        *self.sessions.borrow()
    }

    /// How many of them have not connected yet.
    pub(crate) fn half_open(&self) -> usize {
        self.half_open.load(Ordering::Acquire)
    }

    pub(crate) fn set_keeper(&self, keeper: ArbiterHandle) {
        let _ = self.keeper.set(keeper);
    }

    /// Drops a value after a pause, at once when the runtime goes down.
    fn drop_later(&self, pause: Duration, value: Box<dyn Send>) {
        if let Some(keeper) = self.keeper.get() {
            keeper.spawn(async move {
                tokio::time::sleep(pause).await;
                drop(value);
            });
        }
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Waits until no session lives.
    pub(crate) async fn empty(&self) {
        let mut sessions = self.sessions.subscribe();
        // An error cannot be: the sender is `self`, which is borrowed.
        let _ = sessions.wait_for(|count| *count == 0).await;
    }

    pub(crate) fn insert(&self, scope: &Arc<Scope>) {
        self.scopes.insert(scope.id.clone(), Arc::downgrade(scope));
    }

    /// All scopes, cloned out: nothing of the map is held while they are used.
    pub(crate) fn scopes(&self) -> Vec<Arc<Scope>> {
        self.scopes
            .iter()
            .filter_map(|entry| entry.value().upgrade())
            .collect()
    }

    /// The worker is gone, and its sessions with it.
    pub(crate) fn lose(&self, worker: WorkerId, reason: Reason) {
        for scope in self.scopes() {
            if scope.worker == worker {
                scope.lose(reason);
            }
        }
    }
}

/// A session's place on its worker and in the runtime's counts.
pub(crate) struct Held {
    id: SessionId,
    live: Arc<LiveSessions>,
    on_worker: Arc<AtomicUsize>,
    held: AtomicBool,
    half_open: AtomicBool,
}

impl Held {
    /// Takes a place, if the limits allow another session.
    pub(crate) fn take(
        id: SessionId,
        config: &Config,
        live: &Arc<LiveSessions>,
        on_worker: &Arc<AtomicUsize>,
    ) -> Result<Held, OpenError> {
        let limit = config.max_half_open;
        let more = |n: usize| (n < limit).then_some(n + 1);
        live.half_open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .map_err(|_| OpenError::HalfOpen { limit })?;
        let limit = config.max_sessions;
        let taken = live.sessions.send_if_modified(|count| {
            let room = *count < limit;
            *count += usize::from(room);
            room
        });
        if !taken {
            live.half_open.fetch_sub(1, Ordering::AcqRel);
            return Err(OpenError::Full { limit });
        }
        on_worker.fetch_add(1, Ordering::AcqRel);
        Ok(Held {
            id,
            live: live.clone(),
            on_worker: on_worker.clone(),
            held: AtomicBool::new(true),
            half_open: AtomicBool::new(true),
        })
    }
}

impl Place for Held {
    /// The session has connected: it is no longer half-open.
    fn connected(&self) {
        if self.half_open.swap(false, Ordering::AcqRel) {
            self.live.half_open.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Gives the place back, which also takes the session out of the registry.
    fn give_back(&self) {
        if !self.held.swap(false, Ordering::AcqRel) {
            return;
        }
        self.connected();
        self.live.scopes.remove(&self.id);
        self.on_worker.fetch_sub(1, Ordering::AcqRel);
        let registered = (self.live.forget)(&self.id);
        self.live.sessions.send_modify(|count| *count -= 1);
        // Last: with the last handle goes what the application has put there, whose drop may panic.
        drop(registered);
    }

    fn is_stopping(&self) -> bool {
        self.live.is_stopping()
    }

    fn drop_later(&self, pause: Duration, value: Box<dyn Send>) {
        self.live.drop_later(pause, value);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}
