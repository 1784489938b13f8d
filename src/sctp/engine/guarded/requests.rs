//! Our requests to reset streams, as they leave (RFC 6525 §4.1).
//!
//! sctp-proto names all streams that are to be reset in one request, however many: to a peer that
//! resets a thousand it answers with a packet that no DTLS record takes, and since only one request
//! may be under way (§5.1.1), no stream would ever be reset again. So a large request leaves in
//! parts, each a request of its own, sent when the one before was answered; sctp-proto hears "in
//! progress" until the last was. Parts have numbers that sctp-proto does not count: from then on
//! the numbers on the wire are ahead of its own.

use std::collections::HashSet;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::sctp::wire::packet::{
    self, Builder, CHUNK_HEADER_SIZE, Chunks, HEADER_SIZE, kind, padded, parameter, u16_at, u32_at,
};

/// Behind the parameter header: three numbers, then the streams.
const NUMBERS_SIZE: usize = 12;

/// RFC 6525 §4.4: the results that are no errors.
mod result {
    pub(super) const NOTHING_TO_DO: u32 = 0;
    pub(super) const PERFORMED: u32 = 1;
    pub(super) const IN_PROGRESS: u32 = 6;
}

/// The requests of an association, of which one is under way at a time.
#[derive(Debug)]
pub(in crate::sctp) struct Requests {
    /// How many bytes of streams a request has room for.
    room: usize,
    /// How far the numbers on the wire are ahead of sctp-proto's.
    ahead: u32,
    current: Option<Request>,
    /// Streams whose reset sctp-proto was asked for and that no answer has come for.
    resetting: HashSet<u16>,
}

#[derive(Debug)]
struct Request {
    /// sctp-proto's number for it.
    number: u32,
    /// The request of the peer that it answers, and the last TSN of ours: alike in all parts,
    /// because nothing is sent on these streams meanwhile.
    rest: Bytes,
    /// The streams, two bytes each; none for all.
    streams: Bytes,
    /// Those of the part that is under way.
    part: Range<usize>,
}

impl Request {
    /// `None` if there is no request in this packet of ours. sctp-proto puts nothing beside it.
    fn read(packet: &Bytes, room: usize) -> Option<Request> {
        let chunk = Chunks::of(packet).find(|chunk| chunk.kind == kind::RECONFIG)?;
        if u16_at(chunk.value, 0)? != parameter::OUTGOING_RESET {
            return None;
        }
        let length = usize::from(u16_at(chunk.value, 2)?);
        let value = packet.slice_ref(chunk.value.get(4..length)?);
        let number = u32_at(&value, 0)?;
        let rest = value
            .get(4..NUMBERS_SIZE)
            .map(|rest| value.slice_ref(rest))?;
        let streams = value.slice(NUMBERS_SIZE..);
        Some(Request {
            number,
            rest,
            part: 0..streams.len().min(room),
            streams,
        })
    }

    fn is_last_part(&self) -> bool {
        self.part.end == self.streams.len()
    }
}

impl Requests {
    pub(in crate::sctp) fn new(packet_size: usize) -> Requests {
        let headers = HEADER_SIZE + CHUNK_HEADER_SIZE + parameter::HEADER_SIZE + NUMBERS_SIZE;
        Requests {
            room: packet_size.saturating_sub(headers) & !1,
            ahead: 0,
            current: None,
            resetting: HashSet::new(),
        }
    }

    /// sctp-proto was asked to reset this stream.
    pub(in crate::sctp) fn begin(&mut self, stream: u16) {
        self.resetting.insert(stream);
    }

    /// The reset of this stream is over, well or not.
    pub(in crate::sctp) fn end(&mut self, stream: u16) {
        self.resetting.remove(&stream);
    }

    /// The streams whose reset we began and that the peer has not answered.
    pub(in crate::sctp) fn resetting(&self) -> &HashSet<u16> {
        &self.resetting
    }

    /// A packet of sctp-proto with RE-CONFIG as it is to leave.
    pub(in crate::sctp) fn on_leaving(&mut self, packet: Bytes) -> Bytes {
        let Some(request) = Request::read(&packet, self.room) else {
            return packet;
        };
        // Else it is sent again.
        if self
            .current
            .as_ref()
            .is_none_or(|current| current.number != request.number)
        {
            self.current = Some(request);
        }
        self.part(Builder::like(&packet)).unwrap_or(packet)
    }

    /// The part of the request that is under way, in a packet of its own.
    pub(in crate::sctp) fn part(&self, packet: Builder) -> Option<Bytes> {
        let current = self.current.as_ref()?;
        let streams = &current.streams[current.part.clone()];
        let length = parameter::HEADER_SIZE + NUMBERS_SIZE + streams.len();
        let mut value = BytesMut::with_capacity(length);
        value.put_u16(parameter::OUTGOING_RESET);
        // It fits into a packet.
        value.put_u16(length as u16);
        value.put_u32(current.number.wrapping_add(self.ahead));
        value.put_slice(&current.rest);
        value.put_slice(streams);
        Some(packet.chunk(kind::RECONFIG, 0, &value).finish())
    }

    /// A packet of the peer with RE-CONFIG, with a valid checksum, as sctp-proto is to see it; and
    /// whether the next [part](Self::part) is to leave.
    pub(in crate::sctp) fn on_arriving(&mut self, packet: &[u8]) -> (Bytes, bool) {
        let mut copy = BytesMut::from(packet);
        let mut next = false;
        for chunk in Chunks::of(packet).filter(|chunk| chunk.kind == kind::RECONFIG) {
            let mut at = 0;
            while let (Some(kind), Some(length)) =
                (u16_at(chunk.value, at), u16_at(chunk.value, at + 2))
            {
                let place = chunk.offset + CHUNK_HEADER_SIZE + at;
                // Both have the number of a request of ours, and its result behind it.
                let (field, result) = match kind {
                    parameter::RECONFIG_RESPONSE => (4, u32_at(chunk.value, at + 8)),
                    _ => (8, None),
                };
                if let Some(number) = u32_at(chunk.value, at + field) {
                    let (number, result) = self.translate(number, result, &mut next);
                    let mut put = |at: usize, number: u32| {
                        copy[at..at + 4].copy_from_slice(&number.to_be_bytes());
                    };
                    put(place + field, number);
                    if let Some(result) = result {
                        put(place + 8, result);
                    }
                }
                at += padded(usize::from(length)).max(parameter::HEADER_SIZE);
            }
        }
        packet::seal(&mut copy);
        (copy.freeze(), next)
    }

    /// What a number on the wire, and the result of a response, are for sctp-proto.
    fn translate(
        &mut self,
        number: u32,
        result: Option<u32>,
        next: &mut bool,
    ) -> (u32, Option<u32>) {
        let number = number.wrapping_sub(self.ahead);
        let Some(current) = self
            .current
            .as_mut()
            .filter(|current| current.number == number)
        else {
            return (number, result);
        };
        match result {
            Some(result::IN_PROGRESS) => {}
            Some(result::NOTHING_TO_DO | result::PERFORMED) if !current.is_last_part() => {
                let end = (current.part.end + self.room).min(current.streams.len());
                current.part = current.part.end..end;
                self.ahead = self.ahead.wrapping_add(1);
                *next = true;
                return (number, Some(result::IN_PROGRESS));
            }
            // A request of the peer that acknowledges ours, as sctp-proto understands it: not a
            // part of it.
            None if !current.is_last_part() => return (number.wrapping_sub(1), None),
            _ => self.finish(),
        }
        (number, result)
    }

    /// The request was answered, or the last of its parts, or it was refused.
    fn finish(&mut self) {
        let Some(request) = self.current.take() else {
            return;
        };
        if request.streams.is_empty() {
            self.resetting.clear();
        }
        for stream in request.streams.chunks_exact(2) {
            self.resetting
                .remove(&u16::from_be_bytes([stream[0], stream[1]]));
        }
    }
}

#[cfg(test)]
#[path = "requests_tests.rs"]
mod tests;
