//! Many sessions: looked up by id, counted, bounded.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use actix::ArbiterHandle;
use dashmap::DashMap;
use tokio::sync::watch;

use crate::config::Config;
use crate::error::Reason;
use crate::pool::WorkerHandle;
use crate::runtime::OpenError;
use crate::scope::Scope;
use crate::session::{Session, SessionId};
use crate::state::{SessionState, State};

/// The sessions that a server keeps, by id.
///
/// A registered session stays open until it ends by itself or is removed and its last handle is
/// dropped. An ended one is removed by its supervisor.
#[derive(Clone, Default)]
pub struct SessionRegistry {
    sessions: Arc<DashMap<SessionId, Session>>,
}

impl std::fmt::Debug for SessionRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionRegistry")
            .field("len", &self.len())
            .finish()
    }
}

impl SessionRegistry {
    /// Keeps a session, until it ends.
    pub fn insert(&self, session: Session) {
        let id = session.id().clone();
        self.sessions.insert(id.clone(), session.clone());
        // It may have ended meanwhile, and then nobody else would remove it.
        if session.state() == SessionState::Closed {
            self.sessions.remove(&id);
        }
    }

    /// The session of an id.
    pub fn get(&self, id: &str) -> Option<Session> {
        // Cloned out: a reference into the map must not live across an await or a second call.
        self.sessions.get(id).map(|entry| entry.value().clone())
    }

    /// Takes a session out. It closes when no other handle of it is left.
    pub fn remove(&self, id: &str) -> Option<Session> {
        self.sessions.remove(id).map(|(_, session)| session)
    }

    /// How many sessions are registered.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// All sessions, as they are at this moment, in no particular order.
    pub fn sessions(&self) -> Vec<Session> {
        self.sessions
            .iter()
            .map(|entry| entry.value().clone())
            .collect()
    }

    /// How many sessions are in a state.
    pub fn count(&self, state: SessionState) -> usize {
        self.sessions
            .iter()
            .filter(|entry| entry.value().state() == state)
            .count()
    }

    /// How many sessions there are in each state; states without any are left out.
    pub fn counts(&self) -> Vec<(SessionState, usize)> {
        let mut counts = [0; SessionState::ALL.len()];
        for entry in self.sessions.iter() {
            counts[entry.value().state() as usize] += 1;
        }
        let counts = SessionState::ALL.iter().copied().zip(counts);
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

/// Every session that lives, registered or not, and how many there are.
pub(crate) struct Live {
    scopes: DashMap<SessionId, Weak<Scope>>,
    registry: SessionRegistry,
    sessions: watch::Sender<usize>,
    half_open: AtomicUsize,
    /// Set when the runtime goes down: sessions that end with it have not failed.
    stopping: AtomicBool,
    /// The thread that keeps the workers, and does what has to outlive them.
    keeper: OnceLock<ArbiterHandle>,
}

impl Live {
    pub(crate) fn new() -> Live {
        Live {
            scopes: DashMap::new(),
            registry: SessionRegistry::default(),
            sessions: watch::Sender::new(0),
            half_open: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            keeper: OnceLock::new(),
        }
    }

    pub(crate) fn registry(&self) -> &SessionRegistry {
        &self.registry
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
    pub(crate) fn drop_later(&self, pause: Duration, value: impl Send + 'static) {
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
    pub(crate) fn lose(&self, worker: &Arc<WorkerHandle>, reason: Reason) {
        for scope in self.scopes() {
            if Arc::ptr_eq(&scope.worker, worker) {
                scope.lose(reason);
            }
        }
    }
}

/// A session's place on its worker and in the runtime's counts. It is given back once, at the end
/// of the session, whoever finds that it has ended.
pub(crate) struct Place {
    id: SessionId,
    live: Arc<Live>,
    on_worker: Arc<AtomicUsize>,
    held: AtomicBool,
    half_open: AtomicBool,
}

impl Place {
    /// Takes a place, if the limits allow another session.
    pub(crate) fn take(
        id: SessionId,
        config: &Config,
        live: &Arc<Live>,
        on_worker: &Arc<AtomicUsize>,
    ) -> Result<Place, OpenError> {
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
        Ok(Place {
            id,
            live: live.clone(),
            on_worker: on_worker.clone(),
            held: AtomicBool::new(true),
            half_open: AtomicBool::new(true),
        })
    }

    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// The session has connected: it is no longer half-open.
    pub(crate) fn connected(&self) {
        if self.half_open.swap(false, Ordering::AcqRel) {
            self.live.half_open.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Gives the place back, which also takes the session out of the registry.
    pub(crate) fn give_back(&self) {
        if !self.held.swap(false, Ordering::AcqRel) {
            return;
        }
        self.connected();
        self.live.scopes.remove(&self.id);
        self.on_worker.fetch_sub(1, Ordering::AcqRel);
        // Taken out before it is dropped: the last handle must not go inside the map.
        let registered = self.live.registry.remove(self.id.as_str());
        self.live.sessions.send_modify(|count| *count -= 1);
        drop(registered);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give_back();
    }
}
