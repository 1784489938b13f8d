//! Which TSNs of the peer have arrived, and when it is told (RFC 9260 §6.2).

use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::chunk::Sack;
use super::ranges::Ranges;
use super::serial;

/// How long an acknowledgement may wait for a second packet, or for data that it can travel with.
/// RFC 9260 §6.2 allows 500 ms; a sender that measures its round trips wants less.
const DELAY: Duration = Duration::from_millis(20);
/// How far beyond the cumulative TSN a chunk may be: gap blocks have 16 bits.
const MAX_AHEAD: u64 = u16::MAX as u64;
/// How many gaps are kept: each is looked through when a chunk comes late. More than this is no
/// loss, it is a pattern; what would make another is dropped and comes again.
const MAX_RANGES: usize = 1024;
/// How many repeated TSNs are reported at once.
const MAX_DUPLICATES: usize = 16;

/// How a TSN is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It came for the first time.
    New,
    /// It was there.
    Duplicate,
    /// It is too far away to be kept.
    Beyond,
}

/// The TSNs of the peer.
#[derive(Debug)]
pub(super) struct Received {
    cumulative: u64,
    above: Ranges,
    duplicates: Vec<u32>,
    /// Packets with data since the last SACK.
    packets: u32,
    /// The SACK must not wait.
    immediate: bool,
    deadline: Option<Instant>,
}

impl Received {
    pub(super) fn new(initial_tsn: u32) -> Received {
        Received {
            cumulative: serial::start(initial_tsn) - 1,
            above: Ranges::default(),
            duplicates: Vec::new(),
            packets: 0,
            immediate: false,
            deadline: None,
        }
    }

    pub(super) fn cumulative(&self) -> u64 {
        self.cumulative
    }

    /// The counter that a TSN on the wire stands for.
    pub(super) fn unwrap(&self, tsn: u32) -> u64 {
        serial::unwrap32(self.cumulative, tsn)
    }

    /// Whether the TSN is new; nothing is changed.
    pub(super) fn check(&self, tsn: u64) -> Arrival {
        if tsn <= self.cumulative || self.above.contains(tsn) {
            Arrival::Duplicate
        } else if tsn > self.cumulative + MAX_AHEAD
            || (self.above.len() >= MAX_RANGES && tsn != self.cumulative + 1)
        {
            Arrival::Beyond
        } else {
            Arrival::New
        }
    }

    /// A chunk with a [new](Arrival::New) TSN was taken.
    pub(super) fn add(&mut self, tsn: u64) {
        if tsn == self.cumulative + 1 {
            // RFC 9260 §6.7: what fills a gap, as what makes one, is told at once.
            self.immediate |= !self.above.is_empty();
            self.cumulative = self.above.advance(tsn);
        } else {
            self.above.insert(tsn);
            self.immediate = true;
        }
    }

    /// A chunk came again (RFC 9260 §6.2).
    pub(super) fn add_duplicate(&mut self, tsn: u32) {
        if self.duplicates.len() < MAX_DUPLICATES {
            self.duplicates.push(tsn);
        }
        self.immediate = true;
    }

    /// The peer gave up what is missing up to this TSN (RFC 3758 §3.6).
    pub(super) fn advance(&mut self, tsn: u64) {
        if tsn > self.cumulative {
            self.cumulative = self.above.advance(tsn);
        }
        self.immediate = true;
    }

    /// A packet had data; `immediate` if it asks for an answer (RFC 7053).
    pub(super) fn on_packet(&mut self, now: Instant, immediate: bool) {
        self.packets += 1;
        // RFC 9260 §6.2: at least every second packet.
        self.immediate |= immediate || self.packets >= 2;
        self.deadline.get_or_insert(now + DELAY);
    }

    /// The peer is to be told of the window.
    pub(super) fn announce(&mut self) {
        self.immediate = true;
    }

    /// Whether there is something that the peer was not told.
    pub(super) fn is_waiting(&self) -> bool {
        self.immediate || self.deadline.is_some()
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.immediate || self.deadline.is_some_and(|deadline| deadline <= now)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Writes a SACK of at most `room` bytes.
    pub(super) fn write_sack(&mut self, out: &mut BytesMut, room: usize, window: u32) {
        let cumulative = self.cumulative;
        // Nothing is kept that is more than 65,535 ahead.
        let offset = |tsn: u64| (tsn - cumulative) as u16;
        let gaps = self.above.iter();
        let gaps = gaps.map(|(start, end)| (offset(start), offset(end)));
        Sack::encode(out, room, cumulative as u32, window, gaps, &self.duplicates);
        self.duplicates.clear();
        self.packets = 0;
        self.immediate = false;
        self.deadline = None;
    }
}

#[cfg(test)]
#[path = "received_tests.rs"]
mod tests;
