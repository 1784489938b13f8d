//! What waits to be sent: messages by stream, cut into fragments as they leave, and whose turn it
//! is.
//!
//! Without interleaving a message leaves whole before the next begins (RFC 9260 §6.9); with it each
//! fragment is a turn of its own (RFC 8260 §3.6: fair bandwidth, with the weights of RFC 8831 §6.4).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::chunk::{Data, flag};
use super::streams::Streams;
use crate::sctp::engine::interface::{Delivery, Reliability};
use crate::sctp::message::Ppid;

/// What a fragment costs besides its bytes, so that a flood of tiny messages pays for itself.
const FRAGMENT_COST: u64 = 32;
/// Virtual time has this many units per byte at weight 1.
const SCALE: u64 = 1024;

#[derive(Debug)]
struct Pending {
    contents: Bytes,
    /// What of it has left.
    offset: usize,
    /// Its number, from its first fragment on.
    message: u32,
    fragment: u32,
    /// The TSN of the fragment before; 0 for none.
    previous: u64,
    ppid: Ppid,
    ordered: bool,
    reliability: Reliability,
}

/// Where our side of a stream is (RFC 6525).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Side {
    #[default]
    Open,
    /// It is to be reset when all that was sent is acknowledged.
    Closing,
}

/// Our side of a stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The numbers of the next messages.
    ordered: u32,
    unordered: u32,
    /// Written and not acknowledged, in bytes.
    pub(super) buffered: usize,
    /// Something was written since it was last reset, or it was begun.
    pub(super) used: bool,
    pub(super) side: Side,
    queue: VecDeque<Pending>,
    virtual_time: u64,
    weight: u16,
    scheduled: bool,
}

/// A fragment that leaves now for the first time; its TSN is not set.
#[derive(Debug)]
pub(super) struct Fragment {
    pub(super) data: Data,
    pub(super) reliability: Reliability,
    /// The TSN of the fragment before; 0 for none.
    pub(super) previous: u64,
}

/// All that waits.
#[derive(Debug)]
pub(super) struct Queue {
    interleaved: bool,
    streams: Streams<Stream>,
    turns: BinaryHeap<Reverse<(u64, u64, u16)>>,
    /// Turns that are alike are served in the order in which they were taken.
    order: u64,
    virtual_time: u64,
    /// The stream whose message has begun, or whose turn it is.
    current: Option<u16>,
    messages: usize,
    pending: usize,
    outstanding: usize,
}

impl Queue {
    pub(super) fn new(interleaved: bool) -> Queue {
        Queue {
            interleaved,
            streams: Streams::default(),
            turns: BinaryHeap::new(),
            order: 0,
            virtual_time: 0,
            current: None,
            messages: 0,
            pending: 0,
            outstanding: 0,
        }
    }

    /// Bytes that have not left.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    /// Messages that have not left, or not all of them.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Bytes that are not acknowledged.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    pub(super) fn stream(&mut self, id: u16) -> &mut Stream {
        self.streams.entry(id)
    }

    pub(super) fn buffered(&self, id: u16) -> usize {
        self.streams.get(id).map_or(0, |stream| stream.buffered)
    }

    /// Whether a message of the stream waits, or a part of one.
    pub(super) fn has_waiting(&self, id: u16) -> bool {
        self.streams
            .get(id)
            .is_some_and(|stream| !stream.queue.is_empty())
    }

    pub(super) fn is_open(&self, id: u16) -> bool {
        self.streams
            .get(id)
            .is_none_or(|stream| stream.side == Side::Open)
    }

    pub(super) fn push(&mut self, id: u16, ppid: Ppid, contents: Bytes, delivery: Delivery) {
        let stream = self.streams.entry(id);
        stream.used = true;
        stream.buffered += contents.len();
        stream.weight = delivery.weight.max(1);
        self.messages += 1;
        self.pending += contents.len();
        self.outstanding += contents.len();
        stream.queue.push_back(Pending {
            contents,
            offset: 0,
            message: 0,
            fragment: 0,
            previous: 0,
            ppid,
            ordered: delivery.ordered,
            reliability: delivery.reliability,
        });
        self.schedule(id);
    }

    fn schedule(&mut self, id: u16) {
        let stream = self.streams.entry(id);
        if stream.scheduled || stream.queue.is_empty() {
            return;
        }
        stream.scheduled = true;
        stream.virtual_time = stream.virtual_time.max(self.virtual_time);
        self.order += 1;
        self.turns
            .push(Reverse((stream.virtual_time, self.order, id)));
    }

    /// The stream whose turn it is.
    fn turn(&mut self) -> Option<u16> {
        if self.current.is_none() {
            let Reverse((time, _, id)) = self.turns.pop()?;
            self.virtual_time = self.virtual_time.max(time);
            self.current = Some(id);
        }
        self.current
    }

    /// The turn is over.
    fn done(&mut self, id: u16) {
        self.current = None;
        self.streams.entry(id).scheduled = false;
        self.schedule(id);
    }

    /// Takes what may no longer be sent from the front: the stream and the TSN of the last fragment
    /// that did leave.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<u64> {
        while let Some(id) = self.turn() {
            let stream = self.streams.entry(id);
            let front = stream.queue.front();
            let expired = front.filter(|front| front.reliability.is_over(now))?;
            let previous = expired.previous;
            self.drop_front(id);
            if previous != 0 {
                return Some(previous);
            }
        }
        None
    }

    /// Drops the rest of a message that has begun to leave.
    pub(super) fn drop_rest(&mut self, id: u16) {
        let front = self.streams.entry(id).queue.front();
        if front.is_some_and(|front| front.offset > 0) {
            self.drop_front(id);
        }
    }

    fn drop_front(&mut self, id: u16) {
        let stream = self.streams.entry(id);
        let Some(front) = stream.queue.pop_front() else {
            return;
        };
        let left = front.contents.len() - front.offset;
        self.messages -= 1;
        stream.buffered -= left;
        self.pending -= left;
        self.outstanding -= left;
        if self.current == Some(id) {
            self.done(id);
        }
    }

    /// How large the next fragment is, if a packet has room for `most` bytes of user data.
    pub(super) fn peek(&mut self, most: usize) -> Option<usize> {
        loop {
            let id = self.turn()?;
            if let Some(front) = self.streams.entry(id).queue.front() {
                return Some((front.contents.len() - front.offset).min(most));
            }
            self.done(id);
        }
    }

    /// The next fragment, of at most `most` bytes. `tsn` is the number that it gets.
    pub(super) fn next(&mut self, most: usize, tsn: u64) -> Option<Fragment> {
        self.peek(most)?;
        let id = self.current?;
        let stream = self.streams.entry(id);
        let front = stream.queue.front_mut()?;
        let left = front.contents.len() - front.offset;
        let size = left.min(most);
        let (begins, ends) = (front.offset == 0, size == left);
        if begins {
            let number = if front.ordered {
                &mut stream.ordered
            } else {
                &mut stream.unordered
            };
            front.message = *number;
            *number = number.wrapping_add(1);
        }
        let mut flags = 0;
        flags |= if begins { flag::BEGIN } else { 0 };
        flags |= if ends { flag::END } else { 0 };
        flags |= if front.ordered { 0 } else { flag::UNORDERED };
        let fragment = Fragment {
            data: Data {
                tsn: tsn as u32,
                stream: id,
                flags,
                message: front.message,
                fragment: front.fragment,
                ppid: front.ppid.number(),
                payload: front.contents.slice(front.offset..front.offset + size),
            },
            reliability: front.reliability,
            previous: front.previous,
        };
        front.offset += size;
        front.fragment += 1;
        front.previous = tsn;
        let cost = (size as u64 + FRAGMENT_COST) * SCALE / u64::from(stream.weight);
        stream.virtual_time = stream.virtual_time.saturating_add(cost);
        if ends {
            stream.queue.pop_front();
            self.messages -= 1;
        }
        self.pending -= size;
        if ends || self.interleaved {
            self.done(id);
        }
        Some(fragment)
    }

    /// So much of a stream was acknowledged, or given up.
    pub(super) fn release(&mut self, id: u16, bytes: usize) {
        self.streams.entry(id).buffered -= bytes;
        self.outstanding -= bytes;
    }

    /// Messages that have not begun to leave will not: nobody wants them any more.
    pub(super) fn clear(&mut self, id: u16) {
        let stream = self.streams.entry(id);
        let begun = stream.queue.front().is_some_and(|front| front.offset > 0);
        let dropped = stream.queue.drain(usize::from(begun)..);
        let bytes: usize = dropped
            .inspect(|_| self.messages -= 1)
            .map(|pending| pending.contents.len())
            .sum();
        stream.buffered -= bytes;
        self.pending -= bytes;
        self.outstanding -= bytes;
    }

    /// Our side of the stream was reset: its numbers begin anew (RFC 6525 §5.2.2).
    pub(super) fn reset(&mut self, id: u16) {
        let stream = self.streams.entry(id);
        stream.ordered = 0;
        stream.unordered = 0;
        stream.used = false;
        stream.side = Side::Open;
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
