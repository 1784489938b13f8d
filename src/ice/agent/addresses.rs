//! From which paths the peer was heard, proven by MESSAGE-INTEGRITY.

use std::net::SocketAddr;
use std::time::Instant;

use super::super::event::Event;
use super::Agent;
use crate::net::Path;

/// The paths that are announced as authenticated, with the time each was heard last. Full, it
/// gives up the one not heard for longest, but never the pair in use.
#[derive(Debug)]
pub(super) struct Authenticated {
    paths: Vec<(Path, Instant)>,
    limit: usize,
}

impl Authenticated {
    pub(super) fn new(limit: usize) -> Authenticated {
        Authenticated {
            paths: Vec::new(),
            limit: limit.max(1),
        }
    }

    pub(super) fn contains(&self, path: &Path) -> bool {
        self.paths.iter().any(|(known, _)| known == path)
    }
}

impl Agent {
    /// A message from this path was authentic.
    pub(super) fn note_authenticated(&mut self, now: Instant, path: Path) {
        let paths = &mut self.authenticated.paths;
        if let Some((_, heard)) = paths.iter_mut().find(|(known, _)| *known == path) {
            *heard = now;
            return;
        }
        if paths.len() >= self.authenticated.limit {
            let active = self
                .active
                .and_then(|id| self.checklist.get(id))
                .map(|p| p.path);
            let works = |path: &Path| {
                self.checklist
                    .iter()
                    .any(|pair| pair.path == *path && pair.is_valid())
            };
            let oldest = (0..paths.len())
                .filter(|i| Some(paths[*i].0) != active)
                .min_by_key(|i| (works(&paths[*i].0), paths[*i].1));
            let Some(oldest) = oldest else { return };
            let (released, _) = paths.swap_remove(oldest);
            self.events.push_back(Event::Released(released));
        }
        paths.push((path, now));
        self.events.push_back(Event::Authenticated(path));
    }

    /// Gives up the paths of one base, or all.
    pub(super) fn release(&mut self, base: Option<SocketAddr>) {
        let gone = |path: &Path| base.is_none_or(|base| path.local == base);
        for (path, _) in self
            .authenticated
            .paths
            .extract_if(.., |(path, _)| gone(path))
        {
            self.events.push_back(Event::Released(path));
        }
    }
}
