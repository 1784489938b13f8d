//! How many DATA chunks sctp-proto holds that are not read: it bounds their bytes, but a chunk of one
//! byte costs it a hundred times as much.

use crate::sctp::wire::packet::{tsn_before, u32_at};

/// What a chunk costs at least, in bytes.
const CHUNK_COST: u32 = 64;

/// An estimate that is never too low: duplicates and abandoned chunks count until sctp-proto is
/// seen to be empty.
#[derive(Debug)]
pub(in crate::sctp) struct Held {
    highest_tsn: u32,
    chunks: usize,
    limit: usize,
}

impl Held {
    /// As many chunks may be held as would cost the window.
    pub(in crate::sctp) fn new(initial_tsn: u32, window: u32) -> Held {
        Held {
            highest_tsn: initial_tsn.wrapping_sub(1),
            chunks: 0,
            limit: (window / CHUNK_COST) as usize,
        }
    }

    pub(in crate::sctp) fn is_full(&self) -> bool {
        self.chunks > self.limit
    }

    /// A DATA chunk goes to sctp-proto.
    pub(in crate::sctp) fn on_data(&mut self, value: &[u8]) {
        if let Some(tsn) = u32_at(value, 0)
            && tsn_before(self.highest_tsn, tsn)
        {
            // Those in between are late, and are counted now.
            self.chunks += tsn.wrapping_sub(self.highest_tsn) as usize;
            self.highest_tsn = tsn;
        }
    }

    /// A message was read.
    pub(in crate::sctp) fn on_read(&mut self, chunks: usize) {
        self.chunks = self.chunks.saturating_sub(chunks);
    }

    /// sctp-proto holds nothing.
    pub(in crate::sctp) fn on_empty(&mut self) {
        self.chunks = 0;
    }
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
