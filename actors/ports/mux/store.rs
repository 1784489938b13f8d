//! Where a worker keeps its routes: for itself, or in single-port mode together with the others.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use dashmap::{DashMap, Entry};

use proto::route::{Store, Table};

/// A session's share in a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RouteId {
    /// The worker's place in single-port mode.
    pub(super) seat: u32,
    pub(super) session: u64,
}

#[derive(Debug)]
pub(super) struct PortStore;

impl Store for PortStore {
    type Table<K: Eq + Hash + Debug, V: Copy + Debug> = Kept<K, V>;
}

#[derive(Debug)]
pub(super) enum Kept<K: Eq + Hash, V> {
    /// Nobody else's: no lock, no other thread.
    Own(HashMap<K, V>),
    /// Of all workers on one port.
    Shared(Arc<DashMap<K, V>>),
}

impl<K: Eq + Hash, V> Default for Kept<K, V> {
    fn default() -> Self {
        Kept::Own(HashMap::new())
    }
}

impl<K: Eq + Hash, V: Copy> Table<K, V> for Kept<K, V> {
    fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self {
            Kept::Own(table) => table.get(key).copied(),
            Kept::Shared(table) => table.get(key).map(|value| *value),
        }
    }

    fn update<R>(&mut self, key: K, change: impl FnOnce(&mut Option<V>) -> R) -> R {
        let table = match self {
            Kept::Own(table) => return Table::update(table, key, change),
            Kept::Shared(table) => table,
        };
        // The entry is locked from here on; `change` touches nothing else.
        match table.entry(key) {
            Entry::Occupied(mut occupied) => {
                let mut entry = Some(*occupied.get());
                let result = change(&mut entry);
                match entry {
                    Some(value) => *occupied.get_mut() = value,
                    None => {
                        occupied.remove();
                    }
                }
                result
            }
            Entry::Vacant(vacant) => {
                let mut entry = None;
                let result = change(&mut entry);
                if let Some(value) = entry {
                    vacant.insert(value);
                }
                result
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Kept::Own(table) => table.len(),
            Kept::Shared(table) => table.len(),
        }
    }
}
