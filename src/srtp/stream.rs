//! What is remembered of one SSRC, and of how many.

use std::collections::BTreeMap;

use super::window::{Stale, Window};

/// Replay window of RTP: 1,024 packets, as video has them in half a second.
type RtpWindow = Window<17>;
/// Replay window of RTCP, which is rare: 128 packets.
pub(super) type RtcpWindow = Window<3>;

/// Packet indexes of RTP have 48 bits: the roll-over counter and the sequence number.
const INDEXES: u64 = 1 << 48;
/// One round of sequence numbers.
const ROUND: u64 = 1 << 16;
/// After so many packets in a row that were not accepted, the next round is tried as well: the
/// peer may have gone on unheard for more than half a round. Whoever forges packets reaches this,
/// too, and each then costs two looks; an accepted packet ends it.
const LOST: u8 = 16;

/// One SSRC of RTP.
#[derive(Debug, Clone)]
pub(super) struct RtpStream {
    window: RtpWindow,
    refused: u8,
}

impl RtpStream {
    /// Of a first packet.
    pub(super) fn new(index: u64) -> RtpStream {
        RtpStream {
            window: RtpWindow::new(index),
            refused: 0,
        }
    }

    /// The index that a sequence number most likely stands for (RFC 3711 §3.3.1): the one nearest
    /// to the highest. `None` when it is beyond the last.
    pub(super) fn index(&self, sequence_number: u16) -> Option<u64> {
        let highest = self.window.highest();
        let ahead = sequence_number.wrapping_sub(highest as u16);
        let index = if ahead < 0x8000 {
            highest + u64::from(ahead)
        } else {
            // Behind, unless that would be before the beginning.
            let forward = highest + u64::from(ahead);
            forward.checked_sub(ROUND).unwrap_or(forward)
        };
        (index < INDEXES).then_some(index)
    }

    /// The index to try when the first is not the one: only after a long loss.
    pub(super) fn second_index(&self, first: u64) -> Option<u64> {
        let index = first + ROUND;
        (self.refused >= LOST && index < INDEXES).then_some(index)
    }

    /// Whether a packet of this index is new.
    pub(super) fn check(&self, index: u64) -> Result<(), Stale> {
        self.window.check(index)
    }

    /// An authentic packet of this index came, or was sent.
    pub(super) fn accept(&mut self, index: u64) {
        self.window.accept(index);
        self.refused = 0;
    }

    /// A packet was not accepted.
    pub(super) fn refuse(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }
}

/// The index of an SSRC's first packet, and the one to try when it is not that: the sender may
/// have begun shortly before a wrap, and what came before it was lost.
pub(super) fn first_index(sequence_number: u16) -> (u64, Option<u64>) {
    let index = u64::from(sequence_number);
    (index, (sequence_number < 0x8000).then_some(index + ROUND))
}

/// The streams of one direction, by SSRC. A stream is never forgotten, for then its packets could
/// be replayed, or an index used twice: when there are `limit`, others are refused.
#[derive(Debug)]
pub(super) struct Streams<S> {
    streams: BTreeMap<u32, S>,
    limit: usize,
}

/// There is no room for another stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl<S> Streams<S> {
    pub(super) fn new(limit: usize) -> Streams<S> {
        Streams {
            streams: BTreeMap::new(),
            limit,
        }
    }

    /// The stream of an SSRC, `None` when there was no authentic packet of it yet.
    ///
    /// # Errors
    /// [`Full`] when there was none, and there is no room for another stream.
    pub(super) fn find(&self, ssrc: u32) -> Result<Option<&S>, Full> {
        match self.streams.get(&ssrc) {
            None if self.streams.len() >= self.limit => Err(Full),
            stream => Ok(stream),
        }
    }

    /// The stream of an SSRC, to be changed.
    pub(super) fn get_mut(&mut self, ssrc: u32) -> Option<&mut S> {
        self.streams.get_mut(&ssrc)
    }

    /// Adds the stream of a first packet that is authentic, for which there is room.
    pub(super) fn insert(&mut self, ssrc: u32, stream: S) {
        debug_assert!(self.streams.len() < self.limit);
        self.streams.insert(ssrc, stream);
    }

    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
