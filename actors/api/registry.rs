//! Many sessions: looked up by id, and counted.

use std::sync::Arc;

use dashmap::DashMap;

use crate::api::session::Session;
use crate::base::id::SessionId;
use crate::base::state::State;
use crate::base::transport::session::SessionState;

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
            counts[entry.value().state().index()] += 1;
        }
        let counts = SessionState::ALL.iter().copied().zip(counts);
        counts.filter(|(_, count)| *count > 0).collect()
    }
}
