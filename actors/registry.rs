//! Many sessions: looked up by id, counted, bounded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use dashmap::DashMap;

use crate::session::{Session, SessionId};
use crate::state::SessionState;

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

    pub(crate) fn downgrade(&self) -> Weak<DashMap<SessionId, Session>> {
        Arc::downgrade(&self.sessions)
    }
}

/// A session's place on its worker and in the runtime's count; it comes back when dropped, which
/// also takes the session out of the registry.
#[derive(Debug)]
pub(crate) struct SessionSlot {
    id: SessionId,
    on_worker: Arc<AtomicUsize>,
    in_runtime: Arc<AtomicUsize>,
    registry: Weak<DashMap<SessionId, Session>>,
}

impl SessionSlot {
    /// Takes a place, `None` when `limit` sessions live already.
    pub(crate) fn take(
        id: SessionId,
        limit: usize,
        in_runtime: &Arc<AtomicUsize>,
        on_worker: &Arc<AtomicUsize>,
        registry: &SessionRegistry,
    ) -> Option<SessionSlot> {
        let more = |live: usize| (live < limit).then_some(live + 1);
        in_runtime
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()?;
        on_worker.fetch_add(1, Ordering::AcqRel);
        Some(SessionSlot {
            id,
            on_worker: on_worker.clone(),
            in_runtime: in_runtime.clone(),
            registry: registry.downgrade(),
        })
    }
}

impl Drop for SessionSlot {
    fn drop(&mut self) {
        self.on_worker.fetch_sub(1, Ordering::AcqRel);
        self.in_runtime.fetch_sub(1, Ordering::AcqRel);
        if let Some(registry) = self.registry.upgrade() {
            registry.remove(&self.id);
        }
    }
}
