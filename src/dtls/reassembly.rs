//! Putting handshake messages together before dimpl sees them (RFC 6347 §4.2.3).
//!
//! dimpl keeps each datagram of a flight until the flight is complete, and no more than some
//! dozens; it wants the fragments of a message to begin where the one before ended, so a peer that
//! resends a flight in smaller pieces is not understood either. A large certificate over a small
//! MTU would never arrive. Here fragments become whole messages, in records as large as they may
//! be; only plaintext can be treated so, which in DTLS 1.2 is all that is large.

use super::record::MAX_RECORD_PLAINTEXT;

/// All that is held of messages that are not complete: several times the largest certificate that
/// is found in the wild.
const MAX_HELD: usize = 64 * 1_024;

/// How many messages are held that are not complete: a flight has five.
const MAX_MESSAGES: usize = 8;

/// How many pieces a message may be in that do not touch: more than there are datagrams on the way
/// at a time.
const MAX_PARTS: usize = 128;

const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
const HANDSHAKE: u8 = 22;

/// How much of a message goes into one record.
const MAX_PART: usize = MAX_RECORD_PLAINTEXT - MESSAGE_HEADER;

/// The messages of the peer of which something is missing.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    messages: Vec<Message>,
}

#[derive(Debug)]
struct Message {
    kind: u8,
    sequence: u16,
    length: usize,
    body: Vec<u8>,
    /// What is there: begins and ends, in order, not touching.
    parts: Vec<(usize, usize)>,
}

/// The header of a handshake message (RFC 6347 §4.2.2), and what of its body stands behind it.
struct Fragment<'a> {
    kind: u8,
    sequence: u16,
    length: usize,
    offset: usize,
    body: &'a [u8],
}

impl Reassembly {
    /// Takes a well-formed datagram apart into those that dimpl is to see instead. What is not a
    /// fragment is passed on as it is.
    pub(super) fn take(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let mut whole = Vec::new();
        let mut rest = datagram;
        while let Some((record, after)) = first_record(rest) {
            rest = after;
            let Some(fragments) = fragments(record) else {
                whole.extend_from_slice(record);
                continue;
            };
            for fragment in fragments {
                if let Some(message) = self.add(&fragment) {
                    if !whole.is_empty() {
                        out.push(std::mem::take(&mut whole));
                    }
                    message.write(&record[..RECORD_HEADER], &mut out);
                }
            }
        }
        whole.extend_from_slice(rest);
        if !whole.is_empty() {
            out.push(whole);
        }
        out
    }

    /// Adds a fragment; the message when it is complete.
    fn add(&mut self, fragment: &Fragment<'_>) -> Option<Message> {
        let same = |m: &Message| m.sequence == fragment.sequence;
        let index = match self.messages.iter().position(same) {
            Some(index) => index,
            None => {
                self.make_room(fragment)?;
                self.messages.push(Message::of(fragment));
                self.messages.len() - 1
            }
        };
        self.messages[index].add(fragment);
        let complete = self.messages[index].is_complete();
        complete.then(|| self.messages.swap_remove(index))
    }

    /// Those that come first are needed first.
    fn make_room(&mut self, fragment: &Fragment<'_>) -> Option<()> {
        if fragment.length > MAX_HELD {
            return None;
        }
        let held = |messages: &[Message]| messages.iter().map(|m| m.length).sum::<usize>();
        while self.messages.len() >= MAX_MESSAGES
            || held(&self.messages) + fragment.length > MAX_HELD
        {
            let last = (0..self.messages.len()).max_by_key(|i| self.messages[*i].sequence)?;
            if self.messages[last].sequence < fragment.sequence {
                return None;
            }
            self.messages.swap_remove(last);
        }
        Some(())
    }
}

impl Message {
    fn of(fragment: &Fragment<'_>) -> Message {
        Message {
            kind: fragment.kind,
            sequence: fragment.sequence,
            length: fragment.length,
            body: Vec::new(),
            parts: Vec::new(),
        }
    }

    fn add(&mut self, fragment: &Fragment<'_>) {
        let (mut begin, mut end) = (fragment.offset, fragment.offset + fragment.body.len());
        if fragment.kind != self.kind || fragment.length != self.length {
            return;
        }
        let size = |part: &(usize, usize)| part.1 - part.0;
        if self.parts.len() >= MAX_PARTS
            && let Some(least) = (0..self.parts.len()).min_by_key(|i| size(&self.parts[*i]))
        {
            // Crumbs give way, or else are not taken: the peer resends all of it.
            if size(&self.parts[least]) >= end - begin {
                return;
            }
            self.parts.remove(least);
        }
        let first = self.parts.partition_point(|part| part.1 < begin);
        let touched = self.parts[first..].partition_point(|part| part.0 <= end);
        if self.body.len() < end {
            self.body.resize(end, 0);
        }
        self.body[begin..end].copy_from_slice(fragment.body);
        let touched = first..first + touched;
        for part in &self.parts[touched.clone()] {
            (begin, end) = (begin.min(part.0), end.max(part.1));
        }
        self.parts.splice(touched, [(begin, end)]);
    }

    fn is_complete(&self) -> bool {
        self.parts == [(0, self.length)]
    }

    /// Writes it as datagrams of one record each.
    fn write(&self, record_header: &[u8], out: &mut Vec<Vec<u8>>) {
        for (index, part) in self.body.chunks(MAX_PART).enumerate() {
            let mut datagram = Vec::with_capacity(RECORD_HEADER + MESSAGE_HEADER + part.len());
            datagram.extend_from_slice(&record_header[..RECORD_HEADER - 2]);
            // A part is at most as large as a record.
            datagram.extend(((MESSAGE_HEADER + part.len()) as u16).to_be_bytes());
            datagram.push(self.kind);
            datagram.extend(u24(self.length));
            datagram.extend(self.sequence.to_be_bytes());
            datagram.extend(u24(index * MAX_PART));
            datagram.extend(u24(part.len()));
            datagram.extend_from_slice(part);
            out.push(datagram);
        }
    }
}

fn u24(number: usize) -> [u8; 3] {
    let [.., a, b, c] = (number as u32).to_be_bytes();
    [a, b, c]
}

fn read_u24(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |n, byte| n << 8 | usize::from(*byte))
}

/// The first record of the form of DTLS 1.2.
fn first_record(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = datagram.get(..RECORD_HEADER)?;
    if !matches!(header[0], 20..=26) {
        return None;
    }
    let body = usize::from(u16::from_be_bytes([header[11], header[12]]));
    datagram.split_at_checked(RECORD_HEADER + body)
}

/// The messages of a plaintext record, if any of them is not whole.
fn fragments(record: &[u8]) -> Option<Vec<Fragment<'_>>> {
    let (header, mut rest) = record.split_at_checked(RECORD_HEADER)?;
    if header[0] != HANDSHAKE || header[3..5] != [0, 0] {
        return None;
    }
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (head, after) = rest.split_at_checked(MESSAGE_HEADER)?;
        let (body, after) = after.split_at_checked(read_u24(&head[9..12]))?;
        let fragment = Fragment {
            kind: head[0],
            length: read_u24(&head[1..4]),
            sequence: u16::from_be_bytes([head[4], head[5]]),
            offset: read_u24(&head[6..9]),
            body,
        };
        if fragment.offset + body.len() > fragment.length {
            return None;
        }
        all.push(fragment);
        rest = after;
    }
    let is_part = |f: &Fragment<'_>| f.body.len() < f.length;
    all.iter().any(is_part).then_some(all)
}

#[cfg(test)]
#[path = "reassembly_tests.rs"]
mod tests;
