//! The established association on the wire: sctp-proto with what is measured around it, when it
//! is asked to send, and how much it is given.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use sctp_proto::PayloadProtocolIdentifier as Ppid;

use super::config::Config;
use super::engine::{self, Engine};
use super::flight::Flight;
use super::handshake::{Handshake, Ports, Progress};
use super::held::Held;
use super::inbound::{self, Control, Sorted};
use super::outbound::{self, Contents};
use super::packet::{Chunks, Header, cause, first_cause, kind, u16_at, u32_at};
use super::stats::Counters;
use crate::timer::earlier;

/// How much more than what the window lets out is given to the association, in packets: it must
/// never run dry between two acknowledgements, and what waits in it delays all other channels.
const AHEAD_PACKETS: usize = 8;
/// Up to so many chunks in flight, asking sctp-proto to send costs next to nothing.
const CHEAP_CHUNKS: usize = 64;
/// With more, it is asked when this part of what is in flight was acknowledged, ...
const ACKNOWLEDGED_PART: usize = 16;
/// ... or after a part of the round trip, within these bounds.
const RTT_PART: u32 = 16;
const MIN_PAUSE: Duration = Duration::from_millis(1);
const MAX_PAUSE: Duration = Duration::from_millis(5);

/// An association that stands.
#[derive(Debug)]
pub(super) struct Established {
    pub(super) engine: Engine,
    pub(super) flight: Flight,
    handshake: Handshake,
    /// Streams of which nobody reads any more, until the peer has reset them.
    pub(super) dead: HashSet<u16>,
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
    /// How much was in flight when congestion control or the peer's window last stopped us.
    window_guess: usize,
    contents: Contents,
}

/// What a packet asks of the association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// The peer aborted; the error cause, if it gave one.
    Abort(Option<u16>),
    Shutdown,
    ShutdownComplete,
    Restarted,
}

impl Established {
    pub(super) fn new(config: &Config, handshake: Handshake) -> Option<Established> {
        let peer = handshake.peer()?;
        let engine = Engine::new(config, handshake.ports(), handshake.local(), peer)?;
        Some(Established {
            engine,
            flight: Flight::new(handshake.local().initial_tsn),
            dead: HashSet::new(),
            packet_size: config.packet_size(),
            window: config.window(),
            engine_window: engine::buffer_size(config),
            partial: 0,
            held: Held::new(peer.initial_tsn, config.window()),
            advertised: config.window(),
            acknowledged: peer.initial_tsn.wrapping_sub(1),
            dirty: false,
            urgent: false,
            last_transmit: None,
            acked_since_transmit: 0,
            window_guess: 0,
            contents: Contents::default(),
            handshake,
        })
    }

    /// How many streams we may use: RFC 9260 §5.1.1.
    pub(super) fn outbound_streams(&self) -> u16 {
        let peer = self
            .handshake
            .peer()
            .map_or(u16::MAX, |peer| peer.inbound_streams);
        peer.min(self.handshake.local().outbound_streams)
    }

    pub(super) fn ports(&self) -> Ports {
        self.handshake.ports()
    }

    /// A packet with the verification tag of the peer, without chunks.
    pub(super) fn packet(&self) -> super::packet::Builder {
        let tag = self.handshake.peer().map_or(0, |peer| peer.initiate_tag);
        self.handshake.packet(tag)
    }

    /// A packet from the peer. `unread` is what the application has not read, in bytes.
    pub(super) fn handle_packet(
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
            let asked = self.handle_control(now, header, chunk, counters, out);
            request = request.or(asked);
        }
        let Some(packet) = pass else { return request };
        if header.verification_tag != self.handshake.local().initiate_tag {
            counters.wrong_tag += 1;
            return request;
        }
        let Some(event) = self.engine.check(now, packet.clone()) else {
            counters.malformed += 1;
            return request;
        };
        for chunk in Chunks::of(&packet) {
            match chunk.kind {
                kind::SACK => self.handle_sack(now, chunk.value),
                kind::RECONFIG => self.urgent = true,
                kind::DATA => self.held.on_data(chunk.value),
                _ => {}
            }
        }
        self.engine.handle(event);
        self.dirty = true;
        request
    }

    /// The next complete message of a stream.
    pub(super) fn read(&mut self, stream: u16) -> Option<(Ppid, Bytes)> {
        let received = self.engine.read(stream)?;
        self.held.on_read(received.chunks);
        Some((received.ppid, received.contents))
    }

    /// Whether sctp-proto holds more chunks than it may. If none of it can be read, the peer fills
    /// it with what never becomes a message.
    pub(super) fn is_exhausted(&self) -> bool {
        self.held.is_full()
    }

    fn handle_sack(&mut self, now: Instant, value: &[u8]) {
        let (Some(cumulative), Some(gaps)) = (u32_at(value, 0), u16_at(value, 8)) else {
            return;
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
        self.acked_since_transmit += self.flight.on_sack(now, cumulative, blocks);
    }

    fn handle_control(
        &mut self,
        now: Instant,
        header: Header,
        chunk: Control,
        counters: &mut Counters,
        out: &mut VecDeque<Bytes>,
    ) -> Option<Request> {
        let local = self.handshake.local().initiate_tag;
        let peer = self.handshake.peer().map_or(0, |peer| peer.initiate_tag);
        // RFC 9260 §8.5.1 B: the T bit says that the sender reflects our own tag.
        let expected = if chunk.flags & 1 != 0 { peer } else { local };
        let progress = match chunk.kind {
            // §8.5.1 A.
            kind::INIT if header.verification_tag == 0 => {
                self.handshake.handle_init(now, &chunk.value, out)
            }
            // Its tag is that of the cookie.
            kind::COOKIE_ECHO => self
                .handshake
                .handle_cookie_echo(now, header, &chunk.value, out),
            kind::ABORT if header.verification_tag == expected => {
                return Some(Request::Abort(first_cause(&chunk.value)));
            }
            kind::SHUTDOWN_COMPLETE if header.verification_tag == expected => {
                return Some(Request::ShutdownComplete);
            }
            _ if header.verification_tag != local => {
                counters.wrong_tag += 1;
                return None;
            }
            kind::SHUTDOWN => return Some(Request::Shutdown),
            kind::ERROR => {
                counters.peer_errors += 1;
                return None;
            }
            // A late INIT ACK or COOKIE ACK (§5.2.3, §5.2.5); a SHUTDOWN ACK unasked.
            _ => Progress::Ignored,
        };
        match progress {
            Progress::Restarted => Some(Request::Restarted),
            Progress::None | Progress::Established(_) => None,
            Progress::Ignored => {
                counters.unexpected += 1;
                None
            }
        }
    }

    /// The error cause for an ABORT of ours.
    pub(super) fn abort_packet(&self, code: u16) -> Bytes {
        let info: &[u8] = if code == cause::USER_INITIATED_ABORT {
            b"closed"
        } else {
            b""
        };
        self.packet()
            .chunk(kind::ABORT, 0, &super::packet::error_cause(code, info))
            .finish()
    }

    pub(super) fn poll_timeout(&self, now: Option<Instant>) -> Option<Instant> {
        let pause = match (self.dirty, now) {
            (true, Some(now)) if !self.is_due(now) => self.pause_end(),
            _ => None,
        };
        earlier(self.engine.poll_timeout(), pause)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.engine.poll_timeout().is_some_and(|due| due <= now) {
            self.engine.handle_timeout(now);
            self.dirty = true;
            self.urgent = true;
        }
    }

    /// There is something new to send.
    pub(super) fn wake(&mut self) {
        self.dirty = true;
    }

    /// The same, and it must not wait.
    pub(super) fn wake_now(&mut self) {
        self.dirty = true;
        self.urgent = true;
    }

    /// Whether it is time to send. With much in flight every acknowledgement by itself is not
    /// worth the scans: sctp-proto looks at everything in flight each time.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.dirty
            && (self.urgent
                || self.flight.chunks() <= CHEAP_CHUNKS
                || self.acked_since_transmit * ACKNOWLEDGED_PART >= self.flight.bytes()
                || self.pause_end().is_none_or(|end| end <= now))
    }

    fn pause_end(&self) -> Option<Instant> {
        let rtt = self.flight.smoothed_rtt().unwrap_or_default();
        self.last_transmit
            .map(|last| last + (rtt / RTT_PART).clamp(MIN_PAUSE, MAX_PAUSE))
    }

    /// How many bytes and chunks may be given to the association now. `ahead` is 1 at first, and
    /// more when the association took everything and asks for more.
    pub(super) fn room(&mut self, ahead: usize) -> (usize, usize) {
        let limit = self.flight.limit();
        let target = self.window_guess.max(self.flight.bytes())
            + ahead.saturating_mul(AHEAD_PACKETS * self.packet_size);
        let bytes = target
            .min(limit.bytes)
            .saturating_sub(self.engine.outstanding());
        (bytes, limit.chunks.saturating_sub(self.flight.chunks()))
    }

    /// What was given to the association and not sent.
    pub(super) fn pending(&mut self) -> usize {
        self.engine
            .outstanding()
            .saturating_sub(self.flight.bytes())
    }

    /// Sends what can be sent. `more` says that channels have more to give.
    pub(super) fn transmit(
        &mut self,
        now: Instant,
        unread: usize,
        more: bool,
        out: &mut VecDeque<Bytes>,
    ) {
        self.dirty = false;
        self.urgent = false;
        self.acked_since_transmit = 0;
        self.last_transmit = Some(now);
        let mut last_data = None;
        let mut sack = None;
        let mut contents = std::mem::take(&mut self.contents);
        for packet in self.engine.transmit(now) {
            outbound::look(&packet, &mut contents);
            for &(tsn, length) in &contents.data {
                self.flight.on_sent(now, tsn, length);
            }
            if contents.sack {
                // sctp-proto sends it by itself.
                sack = Some(self.rewrite_sack(packet, unread));
            } else if packet.len() > self.packet_size {
                outbound::split(&packet, self.packet_size, |part| out.push_back(part));
                last_data = None;
            } else {
                if let Some(offset) = contents.last_data {
                    last_data = Some((out.len(), offset));
                }
                out.push_back(packet);
            }
        }
        self.contents = contents;
        let pending = self.pending();
        self.window_guess = if pending > 0 {
            self.flight.bytes()
        } else {
            self.window_guess.max(self.flight.bytes())
        };
        if let Some((index, offset)) = last_data
            && let Some(packet) = out.get_mut(index)
        {
            // Nothing follows these packets that would make the peer acknowledge them soon: there
            // is no more data, or the window has room for one packet only.
            let last = (pending == 0 && !more) || self.flight.chunks() == 1;
            let immediate = last.then_some(offset);
            let with = sack.take_if(|sack| outbound::fits(sack, packet, self.packet_size));
            if immediate.is_some() || with.is_some() {
                *packet = outbound::finish(std::mem::take(packet), immediate, with);
            }
        }
        out.extend(sack);
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
    pub(super) fn handle_read(&mut self, now: Instant, unread: usize) {
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
        let ports = self.handshake.ports();
        let header = Header {
            source_port: ports.remote,
            destination_port: ports.local,
            verification_tag: self.handshake.local().initiate_tag,
        };
        // B, E and I.
        let nudge = super::packet::Builder::new(header)
            .chunk(kind::DATA, 0x0b, &value)
            .finish();
        if let Some(event) = self.engine.check(now, nudge) {
            self.engine.handle(event);
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
