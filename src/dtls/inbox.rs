//! Events and opened records on their way to the owner.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::Event;

/// Events in their order. The payloads of all records that were opened since the last drain stand
/// back to back in one buffer, and leave as slices of it.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// `filled` bytes of payloads, then space to write to.
    buffer: BytesMut,
    filled: usize,
    frozen: Bytes,
    queue: VecDeque<Queued>,
}

#[derive(Debug)]
enum Queued {
    Data(usize),
    Event(Event),
}

impl Inbox {
    /// Makes room for this many bytes of payloads at once.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.buffer.truncate(self.filled);
        self.buffer.reserve(bytes);
    }

    /// Space for the next record, at least `capacity` bytes.
    pub(super) fn space(&mut self, capacity: usize) -> &mut [u8] {
        let end = self.filled + capacity;
        if self.buffer.len() < end {
            if self.buffer.capacity() < end {
                // Space is asked for once more after the last record.
                self.buffer.reserve(end + capacity - self.buffer.len());
            }
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.filled..]
    }

    /// Takes the first `len` bytes of the [`space`](Self::space) as a payload.
    pub(super) fn commit(&mut self, len: usize) {
        self.filled += len;
        self.queue.push_back(Queued::Data(len));
    }

    /// Adds a payload that was written elsewhere.
    pub(super) fn push_data(&mut self, payload: &[u8]) {
        self.space(payload.len())[..payload.len()].copy_from_slice(payload);
        self.commit(payload.len());
    }

    /// Adds an event.
    pub(super) fn push(&mut self, event: Event) {
        self.queue.push_back(Queued::Event(event));
    }

    /// The next event.
    pub(super) fn pop(&mut self) -> Option<Event> {
        let len = match self.queue.pop_front()? {
            Queued::Event(event) => return Some(event),
            Queued::Data(len) => len,
        };
        if self.frozen.len() < len {
            // The payloads leave in the order in which they came, and all at once; an idle
            // connection keeps no buffer.
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.truncate(std::mem::take(&mut self.filled));
            self.frozen = buffer.freeze();
        }
        Some(Event::ApplicationData(self.frozen.split_to(len)))
    }
}
