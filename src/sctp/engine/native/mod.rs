//! An association of our own (RFC 9260, RFC 3758, RFC 6525, RFC 7053, RFC 7496, RFC 8260,
//! RFC 8985).
//!
//! The way in: `chunk.rs` reads, `received.rs` knows which TSNs came and when to say so,
//! `reassembly.rs` makes messages of fragments. The way out: `queue.rs` has what waits and whose
//! turn it is, `flight.rs` what was sent, `recovery.rs` what of it is lost, `congestion/` how much
//! of it there may be, `sender.rs` puts them together, `outgoing.rs` and
//! `packets.rs` make packets. `resets.rs` resets streams. `api.rs` is what the owner calls, and this
//! file has what comes in packets.

mod api;
mod chunk;
mod congestion;
mod flight;
mod outgoing;
mod packets;
mod queue;
mod ranges;
mod reassembly;
mod received;
mod recovery;
mod resets;
mod rto;
mod sender;
mod serial;
mod streams;

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use self::chunk::{Data, Sack, Skipped, flag};
use self::queue::Side;
use self::reassembly::Reassembly;
use self::received::{Arrival, Received};
use self::resets::{Outcome, Resets};
use self::sender::Sender;
use crate::sctp::config::Config;
use crate::sctp::engine::control::{self, Control};
use crate::sctp::engine::interface::{EngineEvent, Request};
use crate::sctp::error::FailureReason;
use crate::sctp::handshake::Handshake;
use crate::sctp::stats::Counters;
use crate::sctp::wire::packet::{
    self, CHUNK_HEADER_SIZE, Chunks, HEADER_SIZE, Header, checksum_is_valid, kind, padded,
};

/// How many answers to chunks that have nothing to do with data wait at most: each is of a packet
/// that came, and packets leave at the end of each batch.
const MAX_ANSWERS: usize = 64;

/// An established association.
#[derive(Debug)]
pub(in crate::sctp) struct Native {
    handshake: Handshake,
    packet_size: usize,
    window: usize,
    interleaved: bool,
    /// RFC 9653: we take packets without a checksum, and the peer does.
    takes_zero: bool,
    sends_zero: bool,
    received: Received,
    reassembly: Reassembly,
    sender: Sender,
    resets: Resets,
    events: VecDeque<EngineEvent>,
    /// HEARTBEAT ACK and ERROR chunks that are to leave.
    answers: VecDeque<Bytes>,
    /// The window that the peer was last told.
    advertised: usize,
    /// Something may be there to send, ...
    dirty: bool,
    /// ... and must not wait.
    urgent: bool,
}

impl Native {
    pub(in crate::sctp) fn new(
        now: Instant,
        config: &Config,
        handshake: Handshake,
    ) -> Option<Native> {
        let (local, peer) = (*handshake.local(), *handshake.peer()?);
        let interleaved = local.interleaving && peer.interleaving;
        let size = config.packet_size();
        Some(Native {
            packet_size: size,
            window: config.window() as usize,
            interleaved,
            takes_zero: local.zero_checksum,
            sends_zero: local.zero_checksum && peer.zero_checksum,
            received: Received::new(peer.initial_tsn),
            reassembly: Reassembly::new(interleaved),
            sender: Sender::new(now, config, interleaved, &local, &peer),
            resets: Resets::new(peer.reconfig, size, local.initial_tsn, peer.initial_tsn),
            events: VecDeque::new(),
            answers: VecDeque::new(),
            advertised: config.window() as usize,
            dirty: false,
            urgent: false,
            handshake,
        })
    }

    /// What may be held in memory at most: beyond the window by what pieces cost besides their
    /// data.
    fn limit(&self) -> usize {
        self.window + self.window / 4
    }

    fn credit(&self, unread: usize) -> usize {
        self.window
            .saturating_sub(unread)
            .saturating_sub(self.reassembly.held())
    }

    fn accept(
        &mut self,
        now: Instant,
        header: Header,
        packet: Bytes,
        counters: &mut Counters,
        out: &mut VecDeque<Bytes>,
    ) -> Option<Request> {
        let ours = header.verification_tag == self.handshake.local().initiate_tag;
        let mut chunks = Chunks::of(&packet);
        let mut others = false;
        for chunk in chunks.by_ref() {
            others |= may_have_another_tag(chunk.kind);
        }
        // RFC 9260 §8.5.
        if !ours && !others && !chunks.is_malformed() {
            counters.wrong_tag += 1;
            return None;
        }
        // RFC 9653 §5.3: with a handshake in it, a packet has one.
        let zero = self.takes_zero && !others && packet.get(8..12) == Some(&[0; 4]);
        if chunks.is_malformed() || !(zero || checksum_is_valid(&packet)) {
            counters.malformed += 1;
            return None;
        }
        let mut request = None;
        let (mut has_data, mut immediate) = (false, false);
        for chunk in Chunks::of(&packet) {
            let at = chunk.offset + CHUNK_HEADER_SIZE;
            let value = packet.slice(at..at + chunk.value.len());
            let known = match chunk.kind {
                kind::DATA => !self.interleaved,
                kind::I_DATA => self.interleaved,
                kind::FORWARD_TSN | kind::I_FORWARD_TSN => {
                    self.sender.forgiving && (chunk.kind == kind::I_FORWARD_TSN) == self.interleaved
                }
                kind::SACK | kind::HEARTBEAT | kind::HEARTBEAT_ACK | kind::RECONFIG => true,
                _ => false,
            };
            if known && !ours {
                counters.wrong_tag += 1;
                return request;
            }
            match chunk.kind {
                kind::DATA | kind::I_DATA if known => {
                    has_data = true;
                    immediate |= chunk.flags & flag::IMMEDIATE != 0;
                    let size = packet.len();
                    match self.on_data(chunk.flags, value, size, counters) {
                        None => {}
                        asked => return asked,
                    }
                }
                kind::SACK => {
                    let sack = Sack::decode(value);
                    match sack.map(|sack| self.sender.on_sack(now, &sack)) {
                        Some(true) => {}
                        Some(false) => {
                            let reason = FailureReason::ProtocolViolation;
                            self.events.push_back(EngineEvent::Lost(reason));
                            return request;
                        }
                        None => {
                            counters.malformed += 1;
                            return request;
                        }
                    }
                }
                kind::FORWARD_TSN | kind::I_FORWARD_TSN if known => {
                    self.on_forward(&value, counters);
                }
                kind::RECONFIG => {
                    self.urgent = true;
                    let outcomes = self.resets.handle(now, &value, self.received.cumulative());
                    for outcome in outcomes {
                        self.apply(outcome);
                    }
                }
                kind::HEARTBEAT => self.answer(kind::HEARTBEAT_ACK, &value),
                kind::HEARTBEAT_ACK => {}
                kind::INIT
                | kind::INIT_ACK
                | kind::ABORT
                | kind::SHUTDOWN
                | kind::SHUTDOWN_ACK
                | kind::SHUTDOWN_COMPLETE
                | kind::ERROR
                | kind::COOKIE_ECHO
                | kind::COOKIE_ACK => {
                    let chunk = Control {
                        kind: chunk.kind,
                        flags: chunk.flags,
                        value,
                    };
                    let asked =
                        control::handle(&mut self.handshake, now, header, &chunk, counters, out);
                    request = request.or(asked);
                }
                unknown => {
                    counters.unknown_chunks += 1;
                    // RFC 9260 §3.2: the two highest bits say whether it is reported, and whether
                    // the rest of the packet may be read.
                    if ours && unknown & 0x40 != 0 {
                        let whole = packet.slice(chunk.offset..at + chunk.value.len());
                        let cause = packet::error_cause(packet::cause::UNRECOGNIZED_CHUNK, &whole);
                        self.answer(kind::ERROR, &cause);
                    }
                    if unknown & 0x80 == 0 {
                        break;
                    }
                }
            }
        }
        if has_data {
            self.received.on_packet(now, immediate);
            if let Some(outcome) = self.resets.on_arrived(self.received.cumulative()) {
                self.apply(outcome);
            }
        }
        self.dirty = true;
        request
    }

    fn on_data(
        &mut self,
        flags: u8,
        value: Bytes,
        packet: usize,
        counters: &mut Counters,
    ) -> Option<Request> {
        let Some(data) = Data::decode(self.interleaved, flags, value) else {
            counters.malformed += 1;
            return None;
        };
        if data.payload.is_empty() {
            counters.data_dropped += 1;
            return Some(Request::NoUserData(data.tsn));
        }
        let tsn = self.received.unwrap(data.tsn);
        match self.received.check(tsn) {
            Arrival::New => {}
            Arrival::Duplicate => {
                self.received.add_duplicate(data.tsn);
                return None;
            }
            Arrival::Beyond => {
                counters.data_dropped += 1;
                return None;
            }
        }
        // A peer that keeps to the window gets here only with very small messages, or with one
        // chunk at a time to see whether the window has opened. What closes a gap lets go of what
        // waited behind it.
        let next = tsn == self.received.cumulative() + 1;
        let limit = if next { self.limit() } else { self.window };
        if self.reassembly.cost() > limit {
            counters.data_dropped += 1;
            self.received.announce();
            return None;
        }
        self.received.add(tsn);
        let stream = data.stream;
        if self.reassembly.add(tsn, data, packet) {
            self.events.push_back(EngineEvent::Readable(stream));
        }
        None
    }

    /// RFC 3758 §3.6, RFC 8260 §2.3.
    fn on_forward(&mut self, value: &[u8], counters: &mut Counters) {
        let Some((tsn, skipped)) = Skipped::decode(self.interleaved, value) else {
            counters.malformed += 1;
            return;
        };
        let tsn = self.received.unwrap(tsn);
        if tsn > self.received.cumulative() + u64::from(u16::MAX) {
            counters.data_dropped += 1;
            return;
        }
        self.received.advance(tsn);
        self.reassembly.skip(tsn, skipped, &mut self.events);
        if let Some(outcome) = self.resets.on_arrived(self.received.cumulative()) {
            self.apply(outcome);
        }
    }

    fn answer(&mut self, kind: u8, value: &[u8]) {
        let fits = HEADER_SIZE + padded(CHUNK_HEADER_SIZE + value.len()) <= self.packet_size;
        if fits && self.answers.len() < MAX_ANSWERS {
            self.answers.push_back(packet::chunk(kind, 0, value));
            self.urgent = true;
        }
    }

    fn apply(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Reset(streams) => self.reset_by_peer(&streams),
            Outcome::Done(streams) => {
                for stream in streams {
                    self.sender.queue.reset(stream);
                    self.events.push_back(EngineEvent::ResetComplete(stream));
                }
            }
            Outcome::Failed(streams) => {
                for stream in streams {
                    self.sender.queue.reset(stream);
                    self.events.push_back(EngineEvent::ResetFailed(stream));
                }
            }
        }
        self.urgent = true;
    }

    fn reset_by_peer(&mut self, streams: &[u16]) {
        if streams.is_empty() {
            // RFC 6525 §4.1: all. Those that were never used need none.
            let used = (0..=u16::MAX).filter(|&stream| self.reassembly.is_used(stream));
            for stream in used.collect::<Vec<_>>() {
                self.reset_one_by_peer(stream);
            }
        }
        for &stream in streams {
            // Of one that was reset already, and not used since, there is nothing to say.
            if self.reassembly.is_used(stream) {
                self.reset_one_by_peer(stream);
            }
        }
    }

    fn reset_one_by_peer(&mut self, id: u16) {
        self.reassembly.reset(id, &mut self.events);
        let stream = self.sender.queue.stream(id);
        if stream.side == Side::Closing {
            return;
        }
        if !stream.used {
            // Our side is reset already, or was never used.
            self.events.push_back(EngineEvent::ResetComplete(id));
            return;
        }
        // RFC 8831 §6.7. What waits is for nobody.
        self.sender.queue.clear(id);
        self.close_side(id);
    }

    /// Resets our side of a stream.
    fn close_side(&mut self, id: u16) {
        let stream = self.sender.queue.stream(id);
        if stream.side == Side::Closing {
            return;
        }
        stream.side = Side::Closing;
        if !self.resets.begin(id) {
            self.sender.queue.reset(id);
            self.events.push_back(EngineEvent::ResetFailed(id));
        }
        self.urgent = true;
    }
}

/// RFC 9260 §8.5.1: chunks of a packet whose tag need not be ours.
fn may_have_another_tag(kind: u8) -> bool {
    matches!(
        kind,
        kind::INIT | kind::ABORT | kind::SHUTDOWN_COMPLETE | kind::COOKIE_ECHO
    )
}
