//! Datagrams that came before somebody could make use of them.

use std::collections::VecDeque;

use super::Counters;
use super::record::Summary;

/// How many datagrams are held at most: several times the flight of any handshake.
const MAX_DATAGRAMS: usize = 32;

/// Holds the oldest datagrams up to a number of bytes; what does not fit is dropped, for the peer
/// resends it.
#[derive(Debug)]
pub struct EarlyBuffer {
    datagrams: VecDeque<Vec<u8>>,
    bytes: usize,
    limit: usize,
}

impl EarlyBuffer {
    /// A buffer for `limit` bytes.
    pub fn new(limit: usize) -> EarlyBuffer {
        EarlyBuffer {
            datagrams: VecDeque::new(),
            bytes: 0,
            limit,
        }
    }

    /// Whether the datagram was taken.
    pub fn hold(&mut self, datagram: &[u8]) -> bool {
        let fits = self.datagrams.len() < MAX_DATAGRAMS
            && datagram.len() <= self.limit.saturating_sub(self.bytes);
        if fits {
            self.bytes += datagram.len();
            self.datagrams.push_back(datagram.to_vec());
        }
        fits
    }

    /// Holds a datagram that came before the start, and counts what became of it: one that may not
    /// begin a handshake is not held.
    pub fn hold_counted(&mut self, datagram: &[u8], counters: &mut Counters) {
        if !Summary::of(datagram).may_begin() {
            counters.unexpected += 1;
        } else if self.hold(datagram) {
            counters.early_held += 1;
        } else {
            counters.early_dropped += 1;
        }
    }

    /// The datagrams in the order in which they came; nothing is held after that.
    pub fn take(&mut self) -> VecDeque<Vec<u8>> {
        self.bytes = 0;
        std::mem::take(&mut self.datagrams)
    }
}
