//! Stream resets (RFC 6525).
//!
//! One request of ours is under way at a time (§5.1.1). It names the streams on which everything is
//! acknowledged, and each stream is reset once: by our owner, or in answer to the peer
//! (RFC 8831 §6.7), whichever comes first. Every request of the peer takes a number and gets an
//! answer, whatever it asks for: numbers never leave a hole.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};

use super::serial;
use crate::sctp::wire::packet::{CHUNK_HEADER_SIZE, HEADER_SIZE, kind, padded, u16_at, u32_at};

/// Parameters of RE-CONFIG (RFC 6525 §4).
mod parameter {
    pub(super) const OUTGOING_RESET: u16 = 13;
    pub(super) const RESPONSE: u16 = 16;
    pub(super) const ADD_OUTGOING: u16 = 17;
}

/// RFC 6525 §4.4.
mod result {
    pub(super) const NOTHING_TO_DO: u32 = 0;
    pub(super) const PERFORMED: u32 = 1;
    pub(super) const DENIED: u32 = 2;
    pub(super) const ALREADY_IN_PROGRESS: u32 = 4;
    pub(super) const BAD_NUMBER: u32 = 5;
    pub(super) const IN_PROGRESS: u32 = 6;
}

/// How often a request is sent before the peer is believed to have none of this.
const MAX_TRIES: u32 = 10;
/// The header of a request for an outgoing reset: parameter header and three numbers.
const REQUEST_HEADER: usize = 16;

#[derive(Debug)]
struct Request {
    number: u32,
    streams: Vec<u16>,
    last_tsn: u32,
    /// When it is sent again; `None` to send it now.
    again: Option<Instant>,
    tries: u32,
}

/// What a RE-CONFIG of the peer led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The peer resets these streams; all of its if there are none.
    Reset(Vec<u16>),
    /// These streams of ours are reset.
    Done(Vec<u16>),
    /// The peer would not.
    Failed(Vec<u16>),
}

#[derive(Debug)]
pub(super) struct Resets {
    /// The peer knows of this (RFC 6525 §3), and answers.
    able: bool,
    /// How many streams fit into a request.
    room: usize,
    /// The number of our next request, which is the first TSN at first (§4.1).
    next: u32,
    /// Streams that wait to be reset.
    waiting: VecDeque<u16>,
    current: Option<Request>,
    /// The number of the peer's next request.
    expected: u32,
    /// What the last was answered, or what the peer is to be told without asking again.
    answered: u32,
    /// A reset of the peer that waits for this TSN, and whether it was done since without a word.
    deferred: Option<(u32, Vec<u16>)>,
    silent: Option<(u32, Vec<u16>)>,
    responses: Vec<Bytes>,
}

impl Resets {
    pub(super) fn new(able: bool, packet: usize, local_tsn: u32, peer_tsn: u32) -> Resets {
        let headers = HEADER_SIZE + CHUNK_HEADER_SIZE + REQUEST_HEADER;
        Resets {
            able,
            room: packet.saturating_sub(headers) / 2,
            next: local_tsn,
            waiting: VecDeque::new(),
            current: None,
            expected: peer_tsn,
            answered: result::NOTHING_TO_DO,
            deferred: None,
            silent: None,
            responses: Vec::new(),
        }
    }

    /// How many streams of ours are being reset.
    pub(super) fn len(&self) -> usize {
        let current = self.current.as_ref();
        self.waiting.len() + current.map_or(0, |current| current.streams.len())
    }

    /// Our side of the stream is to be reset. `false` if that is not possible.
    pub(super) fn begin(&mut self, stream: u16) -> bool {
        if self.able {
            self.waiting.push_back(stream);
        }
        self.able
    }

    /// Whether a request could leave; `is_drained` tells whether everything on a stream is
    /// acknowledged.
    fn form(&mut self, last_tsn: u32, is_drained: impl Fn(u16) -> bool) {
        if self.current.is_some() || self.waiting.is_empty() {
            return;
        }
        let mut streams = Vec::new();
        self.waiting.retain(|&stream| {
            let goes = streams.len() < self.room && is_drained(stream);
            if goes {
                streams.push(stream);
            }
            !goes
        });
        if streams.is_empty() {
            return;
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.current = Some(Request {
            number,
            streams,
            last_tsn,
            again: None,
            tries: 0,
        });
    }

    /// The RE-CONFIG chunks that leave now.
    pub(super) fn chunks(
        &mut self,
        now: Instant,
        timeout: Duration,
        last_tsn: u32,
        is_drained: impl Fn(u16) -> bool,
    ) -> Vec<Bytes> {
        let mut chunks = std::mem::take(&mut self.responses);
        self.form(last_tsn, is_drained);
        let expected = self.expected;
        if let Some(request) = &mut self.current
            && request.again.is_none_or(|again| again <= now)
        {
            request.tries += 1;
            request.again = Some(now + timeout * (1 << request.tries.min(5)) / 2);
            let mut value = BytesMut::with_capacity(REQUEST_HEADER + 2 * request.streams.len());
            value.put_u16(parameter::OUTGOING_RESET);
            // It fits into a packet.
            value.put_u16((REQUEST_HEADER + 2 * request.streams.len()) as u16);
            value.put_u32(request.number);
            value.put_u32(expected.wrapping_sub(1));
            value.put_u32(request.last_tsn);
            for &stream in &request.streams {
                value.put_u16(stream);
            }
            chunks.push(value.freeze());
        }
        chunks
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.current.as_ref()?.again
    }

    /// A request that nobody answers has an end: the streams that failed.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Outcome> {
        let current = self.current.as_ref()?;
        let due = current.again.is_some_and(|again| again <= now);
        if !due || current.tries < MAX_TRIES {
            return None;
        }
        self.able = false;
        let mut streams = self.current.take()?.streams;
        streams.extend(self.waiting.drain(..));
        Some(Outcome::Failed(streams))
    }

    /// A RE-CONFIG chunk of the peer. `cumulative` is the highest TSN that we have of it.
    pub(super) fn handle(&mut self, now: Instant, value: &[u8], cumulative: u64) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut rest = value;
        // §3.1: two parameters at most.
        for _ in 0..2 {
            let (Some(kind), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) else {
                break;
            };
            let length = usize::from(length);
            let Some(content) = rest.get(4..length) else {
                break;
            };
            self.handle_parameter(now, kind, content, cumulative, &mut outcomes);
            rest = rest.get(padded(length)..).unwrap_or_default();
        }
        outcomes
    }

    fn handle_parameter(
        &mut self,
        now: Instant,
        kind: u16,
        content: &[u8],
        cumulative: u64,
        outcomes: &mut Vec<Outcome>,
    ) {
        let Some(number) = u32_at(content, 0) else {
            return;
        };
        if kind == parameter::RESPONSE {
            if let Some(code) = u32_at(content, 4) {
                outcomes.extend(self.on_response(now, number, code));
            }
            return;
        }
        if number == self.expected.wrapping_sub(1) {
            // It did not get our answer, or asks whether we are done.
            return self.respond(number, self.answered);
        }
        if number != self.expected {
            return self.respond(number, result::BAD_NUMBER);
        }
        self.expected = number.wrapping_add(1);
        let silent = self.silent.take();
        self.answered = match kind {
            parameter::OUTGOING_RESET => self.on_outgoing(content, cumulative, silent, outcomes),
            // §5.2.5, §5.2.6: as many as it likes, up to what we said that we take; what it adds
            // costs us nothing before it is used.
            parameter::ADD_OUTGOING => result::PERFORMED,
            // An incoming reset (14), a reset of TSNs (15), more incoming streams (18): nobody in
            // WebRTC asks for them, and each is answered.
            _ => result::DENIED,
        };
        self.respond(number, self.answered);
    }

    /// RFC 6525 §5.2.2.
    fn on_outgoing(
        &mut self,
        content: &[u8],
        cumulative: u64,
        silent: Option<(u32, Vec<u16>)>,
        outcomes: &mut Vec<Outcome>,
    ) -> u32 {
        let (Some(acknowledged), Some(last_tsn)) = (u32_at(content, 4), u32_at(content, 8)) else {
            return result::DENIED;
        };
        let streams = content[12..].chunks_exact(2);
        let streams: Vec<u16> = streams
            .map(|stream| u16::from_be_bytes([stream[0], stream[1]]))
            .collect();
        // Some peers answer a request by resetting the same streams.
        if let Some(current) = &self.current
            && current.number == acknowledged
            && current.tries > 0
            && current
                .streams
                .iter()
                .all(|stream| streams.contains(stream))
            && let Some(current) = self.current.take()
        {
            outcomes.push(Outcome::Done(current.streams));
        }
        // It asks again for what was done meanwhile.
        if silent.as_ref() == Some(&(last_tsn, streams.clone())) {
            return result::PERFORMED;
        }
        if serial::unwrap32(cumulative, last_tsn) > cumulative {
            self.deferred = Some((last_tsn, streams));
            return result::IN_PROGRESS;
        }
        self.deferred = None;
        outcomes.push(Outcome::Reset(streams));
        result::PERFORMED
    }

    /// More has arrived: a reset that waited for it is done, whether or not the peer asks again.
    pub(super) fn on_arrived(&mut self, cumulative: u64) -> Option<Outcome> {
        let (last_tsn, _) = self.deferred.as_ref()?;
        if serial::unwrap32(cumulative, *last_tsn) > cumulative {
            return None;
        }
        let (last_tsn, streams) = self.deferred.take()?;
        self.answered = result::PERFORMED;
        self.silent = Some((last_tsn, streams.clone()));
        Some(Outcome::Reset(streams))
    }

    fn respond(&mut self, number: u32, code: u32) {
        let mut value = BytesMut::with_capacity(12);
        value.put_u16(parameter::RESPONSE);
        value.put_u16(12);
        value.put_u32(number);
        value.put_u32(code);
        // One for each request that came, and those come one at a time.
        if self.responses.len() < 16 {
            self.responses.push(value.freeze());
        }
    }

    fn on_response(&mut self, now: Instant, number: u32, code: u32) -> Option<Outcome> {
        let current = self
            .current
            .as_mut()
            .filter(|current| current.number == number && current.tries > 0)?;
        match code {
            // §5.2.7: it waits for our data. The next time it is another request, since the peer
            // has counted this one.
            result::IN_PROGRESS => {
                current.number = self.next;
                self.next = self.next.wrapping_add(1);
                current.again = current.again.max(Some(now));
                current.tries = 1;
                None
            }
            result::ALREADY_IN_PROGRESS => None,
            result::NOTHING_TO_DO | result::PERFORMED => {
                self.current.take().map(|done| Outcome::Done(done.streams))
            }
            // Denied, or an error (§4.4).
            _ => self
                .current
                .take()
                .map(|failed| Outcome::Failed(failed.streams)),
        }
    }
}

/// The chunk type of all of it.
pub(super) const KIND: u8 = kind::RECONFIG;

#[cfg(test)]
#[path = "resets_tests.rs"]
mod tests;
