//! Where routes are kept: by one thread for itself, or by several together.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::net::SocketAddr;

use super::{Asked, Held};
use crate::stun::TransactionId;

/// A kind of table.
pub trait Store: Debug {
    /// A table of it.
    type Table<K: Eq + Hash + Debug, V: Copy + Debug>: Table<K, V> + Default + Debug;
}

/// What is asked of a table. Each call is one step that no other one interrupts.
pub trait Table<K, V> {
    /// The value of a key.
    fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized;

    /// Changes, makes or (with `None`) removes the entry of a key.
    fn update<R>(&mut self, key: K, change: impl FnOnce(&mut Option<V>) -> R) -> R;

    /// How many entries there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Tables of one thread: `HashMap`s.
#[derive(Debug)]
pub struct OneThread;

impl Store for OneThread {
    type Table<K: Eq + Hash + Debug, V: Copy + Debug> = HashMap<K, V>;
}

impl<K: Eq + Hash, V: Copy> Table<K, V> for HashMap<K, V> {
    fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        HashMap::get(self, key).copied()
    }

    fn update<R>(&mut self, key: K, change: impl FnOnce(&mut Option<V>) -> R) -> R {
        let mut entry = self.remove(&key);
        let result = change(&mut entry);
        if let Some(value) = entry {
            self.insert(key, value);
        }
        result
    }

    fn len(&self) -> usize {
        HashMap::len(self)
    }
}

/// The tables behind [`Routes`](super::Routes).
#[derive(Debug)]
pub struct Tables<Id: Copy + Debug, S: Store> {
    pub(super) ufrags: S::Table<Box<[u8]>, Id>,
    pub(super) addresses: S::Table<SocketAddr, Held<Id>>,
    pub(super) transactions: S::Table<TransactionId, Asked<Id>>,
}

impl<Id: Copy + Debug, S: Store> Default for Tables<Id, S> {
    fn default() -> Self {
        Tables {
            ufrags: Default::default(),
            addresses: Default::default(),
            transactions: Default::default(),
        }
    }
}

impl<Id: Copy + Debug, S: Store> Tables<Id, S> {
    /// Of tables that others may have a share in.
    pub fn new(
        ufrags: S::Table<Box<[u8]>, Id>,
        addresses: S::Table<SocketAddr, Held<Id>>,
        transactions: S::Table<TransactionId, Asked<Id>>,
    ) -> Self {
        Tables {
            ufrags,
            addresses,
            transactions,
        }
    }
}
