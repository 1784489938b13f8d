//! sctp-proto behind a guard, with what is measured around it.
//!
//! - `proto.rs`: sctp-proto, reduced to the calls that are used;
//! - `inbound.rs`, `held.rs`: what comes, before sctp-proto sees it;
//! - `outbound.rs`, `requests.rs`: what leaves, after sctp-proto has made it;
//! - `flight.rs`: what is on its way;
//! - `api.rs`: all of it as an engine;
//! - this file: what comes from the peer, and what the peer is told of our window;
//! - `send.rs`: when sctp-proto is asked to send, how much it is given, and how much of that may
//!   leave.

mod api;
mod flight;
mod held;
mod inbound;
mod outbound;
mod proto;
mod requests;
mod send;

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};

use self::flight::Flight;
use self::held::Held;
use self::inbound::Sorted;
use self::outbound::Contents;
use self::proto::Proto;
use self::requests::Requests;
use crate::sctp::config::Config;
use crate::sctp::engine::control;
use crate::sctp::engine::interface::Request;
use crate::sctp::handshake::Handshake;
use crate::sctp::message::Ppid;
use crate::sctp::stats::Counters;
use crate::sctp::wire::packet::{self, Chunks, Header, kind, tsn_before, u16_at, u32_at};
use crate::timer::earlier;

/// How many timers sctp-proto has; which of them is next it does not say.
const ENGINE_TIMERS: usize = 6;

/// An association that stands.
#[derive(Debug)]
pub(in crate::sctp) struct Guarded {
    pub(in crate::sctp) proto: Proto,
    pub(in crate::sctp) flight: Flight,
    handshake: Handshake,
    /// Streams of which nobody reads any more, until the peer has reset them.
    pub(in crate::sctp) dead: HashSet<u16>,
    pub(in crate::sctp) requests: Requests,
    packet_size: usize,
    window: u32,
    /// What sctp-proto advertises when it holds nothing.
    engine_window: u32,
    /// What sctp-proto held at the last SACK.
    partial: u32,
    held: Held,
    advertised: u32,
    /// The cumulative TSN of our last SACK.
    acknowledged: u32,
    /// Something may be there to send.
    dirty: bool,
    /// It must not wait.
    urgent: bool,
    last_transmit: Option<Instant>,
    acked_since_transmit: usize,
    /// How many bytes more may leave now, ...
    allowance: usize,
    /// ... since when, ...
    allowed: Option<Instant>,
    /// ... and whether there is more, which leaves after a pause.
    paced: bool,
    /// What the last SACK of the peer had room for beyond what it acknowledged.
    peer_window: u32,
    /// sctp-proto was told of less.
    held_back: bool,
    /// Until this TSN is acknowledged, what a timeout has lost is sent again.
    recovery: Option<u32>,
    /// Nothing was acknowledged since a timeout.
    backed_off: bool,
    /// How much was in flight when congestion control or the peer's window last stopped us.
    window_guess: usize,
    contents: Contents,
}

impl Guarded {
    pub(in crate::sctp) fn new(config: &Config, handshake: Handshake) -> Option<Guarded> {
        let peer = handshake.peer()?;
        let proto = Proto::new(config, handshake.ports(), handshake.local(), peer)?;
        Some(Guarded {
            proto,
            flight: Flight::new(handshake.local().initial_tsn),
            dead: HashSet::new(),
            requests: Requests::new(config.packet_size()),
            packet_size: config.packet_size(),
            window: config.window(),
            engine_window: proto::buffer_size(config),
            partial: 0,
            held: Held::new(peer.initial_tsn, config.window()),
            advertised: config.window(),
            acknowledged: peer.initial_tsn.wrapping_sub(1),
            dirty: false,
            urgent: false,
            last_transmit: None,
            acked_since_transmit: 0,
            allowance: 0,
            allowed: None,
            paced: false,
            peer_window: peer.window,
            held_back: false,
            recovery: None,
            backed_off: false,
            window_guess: 0,
            contents: Contents::default(),
            handshake,
        })
    }

    /// A packet with the verification tag of the peer, without chunks.
    pub(in crate::sctp) fn packet(&self) -> packet::Builder {
        let tag = self.handshake.peer().map_or(0, |peer| peer.initiate_tag);
        self.handshake.packet(tag)
    }

    /// A packet from the peer. `unread` is what the application has not read, in bytes.
    pub(in crate::sctp) fn handle_packet(
        &mut self,
        now: Instant,
        header: Header,
        packet: Bytes,
        unread: usize,
        counters: &mut Counters,
        out: &mut VecDeque<Bytes>,
    ) -> Option<Request> {
        // A peer that keeps to the window gets here only with very small messages.
        let closed = unread >= self.window as usize && self.held.is_full();
        let Sorted { pass, control } = inbound::sort(packet, &self.dead, closed, counters);
        let mut request = None;
        for chunk in control {
            let asked = control::handle(&mut self.handshake, now, header, &chunk, counters, out);
            request = request.or(asked);
        }
        let Some(packet) = pass else { return request };
        if header.verification_tag != self.handshake.local().initiate_tag {
            counters.wrong_tag += 1;
            return request;
        }
        let Some(mut event) = self.proto.check(now, packet.clone()) else {
            counters.malformed += 1;
            return request;
        };
        let mut reconfig = false;
        for chunk in Chunks::of(&packet) {
            match chunk.kind {
                kind::SACK if !self.handle_sack(now, chunk.value) => {
                    counters.malformed += 1;
                    return request;
                }
                kind::RECONFIG => reconfig = true,
                kind::DATA => self.held.on_data(chunk.value),
                _ => {}
            }
        }
        if reconfig {
            self.urgent = true;
            let (packet, next) = self.requests.on_arriving(&packet);
            if next {
                out.extend(self.requests.part(self.packet()));
            }
            let Some(translated) = self.proto.check(now, packet) else {
                return request;
            };
            event = translated;
        }
        self.proto.handle(event);
        self.dirty = true;
        request
    }

    /// Resets a stream, of which nobody will read any more.
    pub(in crate::sctp) fn reset(&mut self, stream: u16) {
        self.dead.insert(stream);
        if self.proto.reset(stream) {
            self.requests.begin(stream);
        }
    }

    /// The next complete message of a stream.
    pub(in crate::sctp) fn read(&mut self, stream: u16) -> Option<(Ppid, Bytes)> {
        let received = self.proto.read(stream)?;
        self.held.on_read(received.chunks);
        Some((received.ppid, received.contents))
    }

    /// Whether sctp-proto holds more chunks than it may. If none of it can be read, the peer fills
    /// it with what never becomes a message.
    pub(in crate::sctp) fn is_exhausted(&self) -> bool {
        self.held.is_full()
    }

    /// `false` if it makes no sense: gap blocks that do not ascend would make much work of little.
    fn handle_sack(&mut self, now: Instant, value: &[u8]) -> bool {
        let (Some(cumulative), Some(window), Some(gaps)) =
            (u32_at(value, 0), u32_at(value, 4), u16_at(value, 8))
        else {
            return false;
        };
        let blocks = value
            .get(12..12 + 4 * usize::from(gaps))
            .unwrap_or_default();
        let blocks = blocks.chunks_exact(4).map(|block| {
            (
                u16::from_be_bytes([block[0], block[1]]),
                u16::from_be_bytes([block[2], block[3]]),
            )
        });
        let mut last = 0;
        let ascend =
            |(start, end): (u16, u16)| start > std::mem::replace(&mut last, end) && end >= start;
        if !blocks.clone().all(ascend) {
            return false;
        }
        // One that was overtaken says nothing new (RFC 9260 §6.2.1 D i).
        if !tsn_before(cumulative, self.flight.cumulative()) {
            self.peer_window = window;
            self.held_back = false;
        }
        let acknowledged = self.flight.on_sack(now, cumulative, blocks);
        self.acked_since_transmit += acknowledged;
        self.backed_off &= acknowledged == 0;
        if self
            .recovery
            .is_some_and(|tsn| !tsn_before(self.flight.cumulative(), tsn))
        {
            self.recovery = None;
        }
        true
    }

    pub(in crate::sctp) fn poll_timeout(&self, now: Option<Instant>) -> Option<Instant> {
        let pause = match (self.dirty || self.paced, now) {
            (true, Some(now)) if !self.is_due(now) => self.pause_end(),
            _ => None,
        };
        earlier(self.proto.poll_timeout(), pause)
    }

    pub(in crate::sctp) fn handle_timeout(&mut self, now: Instant) {
        if self.proto.poll_timeout().is_some_and(|due| due <= now) {
            self.expire(now);
        }
    }

    /// Timers of the engine have run out; `true` if data is to be sent again.
    fn expire(&mut self, now: Instant) -> bool {
        let before = self.proto.losses().0;
        self.proto.handle_timeout(now);
        let lost = self.proto.losses().0 > before;
        if lost {
            self.recovery = Some(self.flight.newest());
            self.backed_off = true;
        }
        self.dirty = true;
        self.urgent = true;
        lost
    }

    /// The path works again. What timed out meanwhile waits for a timer that was doubled each time
    /// (RFC 9260 §6.3.3 E2), because of a loss that is over: it is as good as expired.
    pub(in crate::sctp) fn retransmit_now(&mut self, now: Instant) {
        // Where something was acknowledged since, the repair is under way.
        if !self.backed_off {
            return;
        }
        for _ in 0..ENGINE_TIMERS {
            let Some(due) = self.proto.poll_timeout() else {
                return;
            };
            if self.expire(due.max(now)) {
                return;
            }
        }
    }

    /// There is something new to send.
    pub(in crate::sctp) fn wake(&mut self) {
        self.dirty = true;
    }

    /// The same, and it must not wait.
    pub(in crate::sctp) fn wake_now(&mut self) {
        self.dirty = true;
        self.urgent = true;
    }

    /// Gives sctp-proto a chunk as if from the peer.
    fn inform(&mut self, now: Instant, kind: u8, flags: u8, value: &[u8]) -> bool {
        let ports = self.handshake.ports();
        let header = Header {
            source_port: ports.remote,
            destination_port: ports.local,
            verification_tag: self.handshake.local().initiate_tag,
        };
        let packet = packet::Builder::new(header)
            .chunk(kind, flags, value)
            .finish();
        let Some(event) = self.proto.check(now, packet) else {
            return false;
        };
        self.proto.handle(event);
        true
    }

    /// Our window instead of sctp-proto's: what the application has not read is held by us.
    fn rewrite_sack(&mut self, packet: Bytes, unread: usize) -> Bytes {
        let engine_window = self.engine_window;
        let mut partial = 0;
        let mut advertised = 0;
        let window = self.window;
        let rewritten = outbound::rewrite_sack(&packet, self.packet_size, |credit| {
            partial = engine_window.saturating_sub(credit);
            advertised = credit_for(window, unread, partial);
            advertised
        });
        match rewritten {
            Some((packet, acknowledged)) => {
                if partial == 0 {
                    self.held.on_empty();
                }
                self.partial = partial;
                self.advertised = advertised;
                self.acknowledged = acknowledged;
                packet
            }
            None => packet,
        }
    }

    /// The application has read. If that opens the window, the peer is told at once: sctp-proto
    /// would wait for the next packet of a peer that waits for us.
    pub(in crate::sctp) fn handle_read(&mut self, now: Instant, unread: usize) {
        let credit = credit_for(self.window, unread, self.partial);
        // RFC 9260 §6.2: like RFC 1122 §4.2.3.3, no update for every byte.
        let worth = if self.advertised < 4 * self.packet_size as u32 {
            self.packet_size as u32
        } else if self.advertised < self.window / 2 {
            self.window / 4
        } else {
            return;
        };
        if credit < self.advertised.saturating_add(worth) {
            return;
        }
        // A DATA chunk that was acknowledged already, with the I bit (RFC 7053): sctp-proto
        // answers with a SACK of the present state.
        let mut value = BytesMut::with_capacity(13);
        value.put_u32(self.acknowledged);
        value.put_bytes(0, 9);
        // B, E and I.
        if self.inform(now, kind::DATA, 0x0b, &value) {
            self.advertised = credit;
            self.wake_now();
        }
    }
}

fn credit_for(window: u32, unread: usize, partial: u32) -> u32 {
    let held = u32::try_from(unread)
        .unwrap_or(u32::MAX)
        .saturating_add(partial);
    window.saturating_sub(held)
}
