//! Fragments become messages, and messages come in order (RFC 9260 §6.5, §6.9; RFC 8260 §2.2).

mod run;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::Bound;

use bytes::Bytes;

use self::run::Run;
use super::chunk::{Data, Skipped, flag};
use super::serial;
use super::streams::Streams;
use crate::sctp::engine::interface::EngineEvent;
use crate::sctp::message::Ppid;

/// What a chunk or message that is held costs besides its user data.
const OVERHEAD: usize = 128;
/// Where the numbers of the messages of a stream begin: so far from 0 that they unwrap.
const FIRST: u64 = 1 << 32;

/// What belongs together: in DATA consecutive TSNs do, whatever they say; in I-DATA the fragments
/// of a message do. The last is the TSN or the fragment sequence number.
type Key = (u16, bool, u32, u64);

/// A whole message.
#[derive(Debug)]
struct Whole {
    ppid: u32,
    contents: Bytes,
}

/// What is held: bytes of user data, and in how many pieces.
#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    pieces: usize,
}

impl Held {
    fn add(&mut self, bytes: usize, pieces: usize) {
        self.bytes += bytes;
        self.pieces += pieces;
    }

    fn remove(&mut self, bytes: usize, pieces: usize) {
        self.bytes -= bytes;
        self.pieces -= pieces;
    }
}

#[derive(Debug)]
enum Item {
    Message(Whole),
    /// The peer reset the stream here.
    Reset,
}

#[derive(Debug)]
struct Stream {
    /// The next ordered message.
    next: u64,
    /// Something came or was sent since the peer last reset it, or it was begun.
    used: bool,
    waiting: Option<Box<Waiting>>,
}

impl Default for Stream {
    fn default() -> Self {
        Stream {
            next: FIRST,
            used: false,
            waiting: None,
        }
    }
}

/// What a stream holds.
#[derive(Debug, Default)]
struct Waiting {
    /// Ordered messages that lack one before them.
    early: BTreeMap<u64, Whole>,
    /// What can be read.
    ready: VecDeque<Item>,
}

/// Everything between the arrival of a chunk and [`read`](Self::read).
#[derive(Debug)]
pub(super) struct Reassembly {
    interleaved: bool,
    streams: Streams<Stream>,
    runs: BTreeMap<Key, Run>,
    held: Held,
    /// Streams of which nobody reads any more, until the peer has reset them.
    pub(super) dead: HashSet<u16>,
    /// A box that was used, for the next stream that needs one.
    spare: Option<Box<Waiting>>,
}

impl Reassembly {
    pub(super) fn new(interleaved: bool) -> Reassembly {
        Reassembly {
            interleaved,
            streams: Streams::default(),
            runs: BTreeMap::new(),
            held: Held::default(),
            dead: HashSet::new(),
            spare: None,
        }
    }

    /// What is held, in bytes of user data.
    pub(super) fn held(&self) -> usize {
        self.held.bytes
    }

    /// What that costs in memory.
    pub(super) fn cost(&self) -> usize {
        self.held.bytes + OVERHEAD * self.held.pieces
    }

    /// A chunk that came for the first time. `packet` is the size of what it came in. Returns
    /// whether the stream has become readable.
    pub(super) fn add(&mut self, tsn: u64, data: Data, packet: usize) -> bool {
        let stream = self.streams.entry(data.stream);
        stream.used = true;
        if self.dead.contains(&data.stream) {
            return false;
        }
        let (begins, ends) = (data.has(flag::BEGIN), data.has(flag::END));
        let unordered = data.has(flag::UNORDERED);
        let number = self.number(data.stream, data.message);
        if !unordered && number < self.streams.entry(data.stream).next {
            // It was skipped, or is one too many.
            return false;
        }
        // What waits is not to keep a buffer alive that is much larger than itself.
        let payload = if 2 * data.payload.len() < packet {
            Bytes::copy_from_slice(&data.payload)
        } else {
            data.payload.clone()
        };
        if begins && ends {
            let whole = Whole {
                ppid: data.ppid,
                contents: payload,
            };
            self.held.add(whole.contents.len(), 1);
            return self.complete(data.stream, unordered, number, whole);
        }
        let place = if self.interleaved {
            let fragment = u64::from(data.fragment);
            (data.stream, unordered, data.message, fragment)
        } else {
            (0, false, 0, tsn)
        };
        self.held.add(payload.len(), 1);
        let run = Run {
            stream: data.stream,
            unordered,
            message: data.message,
            ppid: data.ppid,
            begins,
            ends,
            size: payload.len(),
            fragments: VecDeque::from([payload]),
        };
        let Some(run) = self.join(place, run) else {
            return false;
        };
        self.held.remove(run.size, run.fragments.len());
        let whole = Whole {
            ppid: run.ppid,
            contents: run.concat(),
        };
        self.held.add(whole.contents.len(), 1);
        let number = self.number(run.stream, run.message);
        self.complete(run.stream, run.unordered, number, whole)
    }

    fn number(&self, stream: u16, message: u32) -> u64 {
        let next = self.streams.get(stream).map_or(FIRST, |stream| stream.next);
        if self.interleaved {
            serial::unwrap32(next, message)
        } else {
            serial::unwrap16(next, message as u16)
        }
    }

    /// Puts a run between its neighbours; returns it if it is a whole message now.
    fn join(&mut self, place: Key, mut run: Run) -> Option<Run> {
        let (stream, unordered, message, at) = place;
        let next = (stream, unordered, message, at + 1);
        if !run.ends
            && let Some(after) = self.runs.get(&next)
            && after.follows(&run)
            && let Some(after) = self.runs.remove(&next)
        {
            run.append(after);
        }
        let mut before = self.runs.range_mut(..place);
        if !run.begins
            && let Some((key, before)) = before.next_back()
            && (key.0, key.1, key.2) == (stream, unordered, message)
            && key.3 + before.fragments.len() as u64 == at
            && run.follows(before)
        {
            let key = *key;
            before.append(run);
            return before.is_whole().then(|| self.runs.remove(&key)).flatten();
        }
        if run.is_whole() {
            return Some(run);
        }
        self.runs.insert(place, run);
        None
    }

    fn complete(&mut self, id: u16, unordered: bool, number: u64, whole: Whole) -> bool {
        let stream = self.streams.entry(id);
        if !unordered && number < stream.next {
            self.held.remove(whole.contents.len(), 1);
            return false;
        }
        let spare = &mut self.spare;
        let waiting = stream
            .waiting
            .get_or_insert_with(|| spare.take().unwrap_or_default());
        let was_empty = waiting.ready.is_empty();
        if unordered {
            waiting.ready.push_back(Item::Message(whole));
        } else if number == stream.next {
            waiting.ready.push_back(Item::Message(whole));
            stream.next += 1;
            stream.release();
        } else if let Some(old) = waiting.early.insert(number, whole) {
            self.held.remove(old.contents.len(), 1);
        }
        let waiting = stream.waiting.as_ref();
        was_empty && waiting.is_some_and(|waiting| !waiting.ready.is_empty())
    }

    /// The next message of a stream. A reset that stands before it is an event.
    pub(super) fn read(
        &mut self,
        id: u16,
        events: &mut VecDeque<EngineEvent>,
    ) -> Option<(Ppid, Bytes)> {
        let stream = self.streams.entry(id);
        let waiting = stream.waiting.as_mut()?;
        match waiting.ready.pop_front() {
            Some(Item::Message(whole)) => {
                self.held.remove(whole.contents.len(), 1);
                self.settle(id, events);
                Some((Ppid::from_number(whole.ppid), whole.contents))
            }
            _ => {
                self.settle(id, events);
                None
            }
        }
    }

    /// Tells of resets that nothing stands before any more, and lets go of what is empty.
    fn settle(&mut self, id: u16, events: &mut VecDeque<EngineEvent>) {
        let stream = self.streams.entry(id);
        let Some(waiting) = &mut stream.waiting else {
            return;
        };
        while let Some(Item::Reset) = waiting.ready.front() {
            waiting.ready.pop_front();
            events.push_back(EngineEvent::ResetByPeer(id));
            if !waiting.ready.is_empty() {
                events.push_back(EngineEvent::Readable(id));
            }
        }
        if waiting.ready.is_empty() && waiting.early.is_empty() {
            self.spare = stream.waiting.take();
        }
    }

    /// The stream has an owner, or is written to: a reset of it by the peer means something.
    pub(super) fn touch(&mut self, id: u16) {
        self.streams.entry(id).used = true;
    }

    /// Whether a reset by the peer would mean something.
    pub(super) fn is_used(&self, id: u16) -> bool {
        self.streams.get(id).is_some_and(|stream| stream.used)
    }

    /// The peer reset the stream: its numbers begin anew (RFC 6525 §5.2.2).
    pub(super) fn reset(&mut self, id: u16, events: &mut VecDeque<EngineEvent>) {
        self.forget_runs(id, |_| true);
        let stream = self.streams.entry(id);
        stream.used = false;
        stream.next = FIRST;
        let spare = &mut self.spare;
        let waiting = stream
            .waiting
            .get_or_insert_with(|| spare.take().unwrap_or_default());
        // These lack one that was never sent.
        let early = std::mem::take(&mut waiting.early);
        for whole in early.into_values() {
            self.held.remove(whole.contents.len(), 1);
        }
        waiting.ready.push_back(Item::Reset);
        self.settle(id, events);
    }

    /// Nobody reads the stream any more.
    pub(super) fn kill(&mut self, id: u16, events: &mut VecDeque<EngineEvent>) {
        self.dead.insert(id);
        self.forget_runs(id, |_| true);
        let Some(waiting) = &mut self.streams.entry(id).waiting else {
            return;
        };
        let early = std::mem::take(&mut waiting.early);
        for whole in early.into_values() {
            self.held.remove(whole.contents.len(), 1);
        }
        let held = &mut self.held;
        waiting.ready.retain(|item| match item {
            Item::Message(whole) => {
                held.remove(whole.contents.len(), 1);
                false
            }
            Item::Reset => true,
        });
        self.settle(id, events);
    }

    /// The peer will not send these again (RFC 3758 §3.6): what waited for them is released. `tsn`
    /// is its new cumulative TSN.
    pub(super) fn skip(
        &mut self,
        tsn: u64,
        skipped: impl Iterator<Item = Skipped>,
        events: &mut VecDeque<EngineEvent>,
    ) {
        while !self.interleaved
            && let Some(entry) = self.runs.first_entry()
            && entry.key().3 <= tsn
        {
            let run = entry.remove();
            self.held.remove(run.size, run.fragments.len());
        }
        for Skipped {
            stream: id,
            unordered,
            message,
        } in skipped
        {
            if self.interleaved {
                let old = |run: &Run| {
                    run.unordered == unordered && message.wrapping_sub(run.message) < 1 << 31
                };
                self.forget_runs(id, old);
            }
            let number = self.number(id, message);
            let stream = self.streams.entry(id);
            if unordered || number < stream.next {
                continue;
            }
            let Some(waiting) = &mut stream.waiting else {
                stream.next = number + 1;
                continue;
            };
            let was_empty = waiting.ready.is_empty();
            while let Some(entry) = waiting.early.first_entry()
                && *entry.key() <= number
            {
                waiting.ready.push_back(Item::Message(entry.remove()));
            }
            stream.next = number + 1;
            stream.release();
            if let Some(waiting) = &stream.waiting
                && was_empty
                && !waiting.ready.is_empty()
            {
                events.push_back(EngineEvent::Readable(id));
            }
        }
    }

    /// Drops parts of messages of an interleaved stream. In DATA they are dropped by their TSN.
    fn forget_runs(&mut self, id: u16, which: impl Fn(&Run) -> bool) {
        if !self.interleaved {
            return;
        }
        let range = (
            Bound::Included((id, false, 0, 0)),
            Bound::Included((id, true, u32::MAX, u64::MAX)),
        );
        let held = &mut self.held;
        for (_, run) in self.runs.extract_if(range, |_, run| which(run)) {
            held.remove(run.size, run.fragments.len());
        }
    }
}

impl Stream {
    /// What waited for the messages before it can be read.
    fn release(&mut self) {
        let Some(waiting) = &mut self.waiting else {
            return;
        };
        while let Some(entry) = waiting.early.first_entry()
            && *entry.key() == self.next
        {
            waiting.ready.push_back(Item::Message(entry.remove()));
            self.next += 1;
        }
    }
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
