//! The life of an association, phase by phase.

use std::collections::HashSet;
use std::time::Instant;

use bytes::Bytes;

use super::Association;
use crate::sctp::channels::ChannelState;
use crate::sctp::config::SctpEngine;
use crate::sctp::engine::{self, Engine, Request};
use crate::sctp::error::{ChannelError, FailureReason};
use crate::sctp::event::Event;
use crate::sctp::handshake::{Handshake, Ports, Progress, Rto};
use crate::sctp::id::ChannelId;
use crate::sctp::wire::init::Offer;
use crate::sctp::wire::packet::{
    self, Builder, CHUNK_HEADER_SIZE, Chunks, Header, cause, checksum_is_valid, kind,
};

/// An INIT that comes before `start` is held if it is no larger than this; a real one has some
/// hundred bytes.
const MAX_HELD: usize = 2048;

/// Where the association is in its life.
#[derive(Debug)]
pub(super) enum Phase {
    /// Before `start`. The peer may be faster: its last INIT is held, all else comes again.
    New { held: Option<Bytes> },
    /// INIT was sent.
    Connecting {
        handshake: Box<Handshake>,
        deadline: Instant,
    },
    /// Established, and perhaps about to end.
    Connected {
        engine: Box<dyn Engine>,
        closing: Option<Closing>,
    },
    /// Closed or failed. A peer that did not hear of it is told again.
    Ended { farewell: Option<Bytes> },
}

impl Phase {
    /// Streams that the peer has not reset, although we want it to.
    pub(super) fn dead(&self) -> Option<&HashSet<u16>> {
        match self {
            Phase::Connected { engine, .. } => Some(engine.dead()),
            _ => None,
        }
    }
}

/// An end that waits until everything is acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    pub(super) deadline: Instant,
    /// RFC 9260 §9.2: the peer sent SHUTDOWN, and is to get a SHUTDOWN ACK instead of an ABORT.
    pub(super) by_peer: bool,
}

impl Association {
    /// Whether nothing new may be sent.
    pub(super) fn is_ending(&self) -> bool {
        matches!(
            self.phase,
            Phase::Ended { .. }
                | Phase::Connected {
                    closing: Some(_),
                    ..
                }
        )
    }

    pub(super) fn connect(&mut self, now: Instant, remote_port: u16, held: Option<Bytes>) {
        let ports = Ports {
            local: self.config.local_port,
            remote: remote_port,
        };
        let rto = Rto {
            initial: self.config.rto_initial,
            max: self.config.rto_max,
        };
        let native = self.config.sctp_engine == SctpEngine::Native;
        let offer = Offer {
            window: self.config.window(),
            interleaving: native && self.config.interleaving,
            zero_checksum: native && self.config.zero_checksum,
        };
        let random = self.random.fork();
        let size = self.config.packet_size();
        let handshake = Handshake::start(now, random, offer, size, ports, rto, &mut self.out);
        let deadline = now + self.config.handshake_timeout;
        self.phase = Phase::Connecting {
            handshake: Box::new(handshake),
            deadline,
        };
        if let Some(packet) = held {
            self.accept_packet(now, packet);
        }
    }

    pub(super) fn accept_packet(&mut self, now: Instant, packet: Bytes) {
        let Some(header) = Header::read(&packet) else {
            self.stats.counters.malformed += 1;
            return;
        };
        match &mut self.phase {
            Phase::New { held } => {
                let is_init = Chunks::of(&packet)
                    .next()
                    .is_some_and(|c| c.kind == kind::INIT);
                if is_init && packet.len() <= MAX_HELD {
                    *held = Some(packet);
                } else {
                    self.stats.counters.unexpected += 1;
                }
            }
            Phase::Connecting { handshake, .. } => {
                if is_for(handshake.ports(), header) {
                    self.accept_handshake_packet(now, header, packet);
                } else {
                    self.stats.counters.wrong_port += 1;
                }
            }
            Phase::Connected { engine, .. } => {
                if !is_for(engine.ports(), header) {
                    self.stats.counters.wrong_port += 1;
                    return;
                }
                let counters = &mut self.stats.counters;
                let request =
                    engine.handle_packet(now, header, packet, self.unread, counters, &mut self.out);
                if let Some(request) = request {
                    // What came before it in this packet comes first.
                    self.handle_engine_events();
                    self.handle_request(now, request);
                }
            }
            Phase::Ended { farewell } => {
                // RFC 9260 §8.4: never in answer to an ABORT or the end of a shutdown.
                let ends = |kind| matches!(kind, kind::ABORT | kind::SHUTDOWN_COMPLETE);
                if !Chunks::of(&packet).any(|chunk| ends(chunk.kind)) {
                    self.out.extend(farewell.clone());
                }
                self.stats.counters.unexpected += 1;
            }
        }
    }

    /// A packet while the handshake runs. What is bundled behind the chunk that completes it
    /// belongs to the engine association (RFC 9260 §5.1).
    fn accept_handshake_packet(&mut self, now: Instant, header: Header, packet: Bytes) {
        if !checksum_is_valid(&packet) {
            self.stats.counters.malformed += 1;
            return;
        }
        for chunk in Chunks::of(&packet) {
            let Phase::Connecting { handshake, .. } = &mut self.phase else {
                return;
            };
            let at = chunk.offset + CHUNK_HEADER_SIZE;
            let value = packet.slice(at..at + chunk.value.len());
            let out = &mut self.out;
            let progress = match chunk.kind {
                // RFC 9260 §8.5.1 A.
                kind::INIT if header.verification_tag == 0 => {
                    handshake.handle_init(now, &value, out)
                }
                kind::INIT_ACK => handshake.handle_init_ack(now, header, &value, out),
                kind::COOKIE_ECHO => handshake.handle_cookie_echo(now, header, &value, out),
                kind::COOKIE_ACK => handshake.handle_cookie_ack(header),
                kind::ERROR => handshake.handle_error(now, header, &value, out),
                kind::ABORT if handshake.may_end(header, chunk.flags) => {
                    let request = Request::Abort(packet::first_cause(&value));
                    self.handle_request(now, request);
                    return;
                }
                _ => Progress::Ignored,
            };
            match progress {
                Progress::Established(_) => {
                    self.establish(now);
                    let rest = &packet[chunk.range().end.min(packet.len())..];
                    if !rest.is_empty() {
                        let mut bundled = Builder::like(&packet);
                        bundled.raw(rest);
                        self.accept_packet(now, bundled.finish());
                    }
                    return;
                }
                Progress::None | Progress::Restarted => {}
                Progress::Ignored => self.stats.counters.unexpected += 1,
            }
        }
    }

    fn establish(&mut self, now: Instant) {
        let phase = std::mem::replace(&mut self.phase, Phase::Ended { farewell: None });
        let Phase::Connecting { handshake, .. } = phase else {
            return;
        };
        let Some(engine) = engine::establish(now, &self.config, *handshake) else {
            return self.end(None, Some(FailureReason::Setup));
        };
        tracing::debug!("SCTP association engine");
        let streams = engine.outbound_streams();
        self.phase = Phase::Connected {
            engine,
            closing: None,
        };
        self.events.push_back(Event::Connected);
        for id in self.channels.ids() {
            match self.channels.get(id).map(|channel| channel.stream) {
                Some(Some(stream)) if stream < streams => self.begin_channel(id),
                Some(_) => self.channel_closed(id, Some(ChannelError::NoStream)),
                None => {}
            }
        }
        self.handle_engine_events();
    }

    /// A channel of ours meets the engine association.
    pub(super) fn begin_channel(&mut self, id: ChannelId) {
        let Phase::Connected { engine, .. } = &mut self.phase else {
            return;
        };
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if channel.state == ChannelState::Connecting && channel.options.negotiated.is_some() {
            channel.set_open();
            self.events.push_back(Event::ChannelOpen(id));
            // So that a reset by the peer is answered even if nobody has sent anything.
            if let Some(stream) = channel.stream {
                engine.begin(stream);
            }
        }
        if channel.has_queued() {
            self.scheduler.add(id, &mut channel.turn);
            engine.wake();
        }
        if let Some(stream) = channel.stream {
            self.adopt_orphans(id, stream);
        }
    }

    fn handle_request(&mut self, now: Instant, request: Request) {
        match request {
            // An ABORT without a cause, or by the user, is how a peer closes an association:
            // WebRTC has no other way that is used.
            Request::Abort(None | Some(cause::USER_INITIATED_ABORT)) => self.end(None, None),
            Request::Abort(Some(code)) => {
                tracing::debug!(code, "SCTP association aborted by the peer");
                self.end(None, Some(FailureReason::Aborted));
            }
            Request::Shutdown => {
                let deadline = now + self.config.close_timeout;
                if let Phase::Connected { engine, closing } = &mut self.phase {
                    closing
                        .get_or_insert(Closing {
                            deadline,
                            by_peer: true,
                        })
                        .by_peer = true;
                    engine.wake_now();
                }
            }
            Request::ShutdownComplete => {
                // RFC 9260 §9.2: only in answer to our SHUTDOWN ACK, and then we have ended.
                self.stats.counters.unexpected += 1;
            }
            Request::Restarted => self.fail(FailureReason::PeerRestarted),
            // RFC 9260 §6.2.
            Request::NoUserData(tsn) => {
                let farewell = self.abort_packet(cause::NO_USER_DATA, &tsn.to_be_bytes());
                self.end(farewell, Some(FailureReason::ProtocolViolation));
            }
        }
    }

    pub(super) fn expire(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::New { .. } | Phase::Ended { .. } => {}
            Phase::Connecting {
                handshake,
                deadline,
            } => {
                if now >= *deadline {
                    self.fail(FailureReason::HandshakeTimeout);
                } else {
                    handshake.handle_timeout(now, &mut self.out);
                }
            }
            Phase::Connected {
                closing: Some(closing),
                ..
            } if now >= closing.deadline => {
                self.finish_close();
            }
            Phase::Connected { engine, .. } => engine.handle_timeout(now),
        }
    }

    pub(super) fn begin_close(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::New { .. } | Phase::Connecting { .. } => self.end_by_abort(),
            Phase::Connected { engine, closing } => {
                let deadline = now + self.config.close_timeout;
                closing.get_or_insert(Closing {
                    deadline,
                    by_peer: false,
                });
                engine.wake_now();
            }
            Phase::Ended { .. } => {}
        }
    }

    /// Everything was acknowledged, or the time is over.
    pub(super) fn finish_close(&mut self) {
        let farewell = match &self.phase {
            Phase::Connected {
                engine,
                closing: Some(Closing { by_peer: true, .. }),
            } => engine.packet().chunk(kind::SHUTDOWN_ACK, 0, &[]).finish(),
            _ => return self.end_by_abort(),
        };
        self.end(Some(farewell), None);
    }

    pub(super) fn end_by_abort(&mut self) {
        if !matches!(self.phase, Phase::Ended { .. }) {
            let farewell = self.abort_packet(cause::USER_INITIATED_ABORT, b"closed");
            self.end(farewell, None);
        }
    }

    /// Ends the association for a reason of ours; the peer is told.
    pub(super) fn fail(&mut self, reason: FailureReason) {
        let code = match reason {
            FailureReason::ReceiveBufferExhausted => cause::OUT_OF_RESOURCE,
            _ => cause::PROTOCOL_VIOLATION,
        };
        let farewell = self.abort_packet(code, &[]);
        self.end(farewell, Some(reason));
    }

    /// An ABORT for the peer.
    fn abort_packet(&self, code: u16, info: &[u8]) -> Option<Bytes> {
        match &self.phase {
            Phase::Connected { engine, .. } => Some(engine.abort_packet(code, info)),
            Phase::Connecting { handshake, .. } => handshake.peer().map(|peer| {
                let cause = packet::error_cause(code, info);
                handshake
                    .packet(peer.initiate_tag)
                    .chunk(kind::ABORT, 0, &cause)
                    .finish()
            }),
            _ => None,
        }
    }

    /// The end. What was received can still be read.
    fn end(&mut self, farewell: Option<Bytes>, failure: Option<FailureReason>) {
        self.read_everything();
        self.out.extend(farewell.clone());
        self.phase = Phase::Ended { farewell };
        self.scheduler = Default::default();
        self.draining.clear();
        self.refused.clear();
        self.backlog.clear();
        let error = failure.map(|_| ChannelError::AssociationEnded);
        for id in self.channels.ids() {
            self.channel_closed(id, error);
        }
        self.unread -= self.orphans.clear();
        match failure {
            Some(reason) => {
                tracing::debug!(reason = reason.as_str(), "SCTP association failed");
                self.events.push_back(Event::Failed(reason));
            }
            None => self.events.push_back(Event::Closed),
        }
    }

    /// The channel is closed; it is forgotten when everything was read.
    pub(super) fn channel_closed(&mut self, id: ChannelId, error: Option<ChannelError>) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if channel.state == ChannelState::Closed {
            return;
        }
        channel.state = ChannelState::Closed;
        channel.clear_queue();
        let unread = channel.has_unread();
        self.channels.release_stream(id);
        self.draining.retain(|&draining| draining != id);
        self.events.push_back(Event::ChannelClosed(id, error));
        if !unread {
            self.forget(id);
        }
    }
}

fn is_for(ports: Ports, header: Header) -> bool {
    header.destination_port == ports.local && header.source_port == ports.remote
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
