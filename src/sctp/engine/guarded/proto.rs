//! sctp-proto, reduced to the calls that are used, with its established association.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sctp_proto::{
    AssociationError, AssociationEvent, ClientConfig, DatagramEvent, Endpoint, EndpointConfig,
    Event, Payload, PayloadProtocolIdentifier, ReliabilityType, StreamEvent, TransportConfig,
};

use crate::sctp::config::Config;
use crate::sctp::engine::interface::{Blocked, Delivery, EngineEvent, Reliability};
use crate::sctp::error::FailureReason;
use crate::sctp::handshake::Ports;
use crate::sctp::message::Ppid;
use crate::sctp::wire::init::Parameters;

/// sctp-proto wants an address for each association; below us there is only one peer.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);

/// A complete message from the peer.
#[derive(Debug)]
pub(in crate::sctp) struct Received {
    pub(in crate::sctp) ppid: Ppid,
    pub(in crate::sctp) contents: Bytes,
    /// In how many DATA chunks it came.
    pub(in crate::sctp) chunks: usize,
}

/// An established association.
pub(in crate::sctp) struct Proto {
    endpoint: Endpoint,
    association: sctp_proto::Association,
    /// Streams with data that the peer has not acknowledged.
    active: Vec<u16>,
}

impl std::fmt::Debug for Proto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proto")
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

impl Proto {
    /// Takes up the association that the handshake agreed on: what sctp-proto calls SNAP, an
    /// exchange of INITs by other means. `None` if sctp-proto does not take it.
    pub(in crate::sctp) fn new(
        config: &Config,
        ports: Ports,
        local: &Parameters,
        peer: &Parameters,
    ) -> Option<Proto> {
        let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(60_000);
        let transport = TransportConfig::default()
            .with_local_port(ports.local)
            .with_remote_port(ports.remote)
            .with_max_receive_buffer_size(buffer_size(config))
            .with_max_send_message_size(config.max_wire_message())
            .with_max_receive_message_size(config.max_wire_message())
            // Some(n) stops silently after n; ICE consent decides when the peer is gone.
            .with_max_data_retransmits(None)
            .with_max_init_retransmits(None)
            .with_rto_initial_ms(millis(config.rto_initial))
            .with_rto_min_ms(millis(config.rto_min))
            .with_rto_max_ms(millis(config.rto_max));
        let mut endpoint_config = EndpointConfig::new();
        endpoint_config.max_payload_size(config.max_payload());
        let mut endpoint = Endpoint::new(Arc::new(endpoint_config), None);
        let mut client = ClientConfig::new().with_snap(local.to_init_chunk(), peer.to_init_chunk());
        client.transport = Arc::new(transport);
        let (_, association) = endpoint.connect(client, PEER).ok()?;
        Some(Proto {
            endpoint,
            association,
            active: Vec::new(),
        })
    }

    /// Gives it a packet with the right verification tag, and without INIT, which would panic.
    /// `None` if its checksum or first chunk is wrong.
    pub(in crate::sctp) fn check(
        &mut self,
        now: Instant,
        packet: Bytes,
    ) -> Option<AssociationEvent> {
        match self.endpoint.handle(now, PEER, None, None, packet)? {
            (_, DatagramEvent::AssociationEvent(event)) => Some(event),
            (_, DatagramEvent::NewAssociation(_)) => None,
        }
    }

    /// Lets it act on a packet that was [checked](Self::check).
    pub(in crate::sctp) fn handle(&mut self, event: AssociationEvent) {
        self.association.handle_event(event);
    }

    pub(in crate::sctp) fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
    }

    pub(in crate::sctp) fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }

    pub(in crate::sctp) fn poll_event(&mut self) -> Option<EngineEvent> {
        loop {
            return Some(match self.association.poll()? {
                Event::Stream(StreamEvent::Readable { id }) => EngineEvent::Readable(id),
                Event::Stream(StreamEvent::Finished { id }) => EngineEvent::ResetByPeer(id),
                Event::Stream(StreamEvent::ResetComplete { id }) => EngineEvent::ResetComplete(id),
                Event::Stream(StreamEvent::ResetFailed { id, .. }) => EngineEvent::ResetFailed(id),
                Event::AssociationLost { reason } | Event::HandshakeFailed { reason } => {
                    EngineEvent::Lost(match reason {
                        AssociationError::ReceiveBufferExhausted => {
                            FailureReason::ReceiveBufferExhausted
                        }
                        // An ABORT never reaches sctp-proto; so it gave up because of what it
                        // read.
                        _ => FailureReason::ProtocolViolation,
                    })
                }
                _ => continue,
            });
        }
    }

    /// All that it can send now. Each call looks at every chunk in flight several times, so one
    /// call serves a whole batch.
    pub(in crate::sctp) fn transmit(&mut self, now: Instant) -> Vec<Bytes> {
        match self
            .association
            .poll_transmit(now)
            .map(|transmit| transmit.payload)
        {
            Some(Payload::RawEncode(packets)) => packets,
            _ => Vec::new(),
        }
    }

    /// Makes a stream known before anything is sent or received on it.
    pub(in crate::sctp) fn begin(&mut self, stream: u16) {
        // Where the last reset is not over, the first message makes it known.
        let _ = self.ensure(stream);
    }

    /// Hands it a message.
    pub(in crate::sctp) fn write(
        &mut self,
        now: Instant,
        stream: u16,
        ppid: Ppid,
        contents: Bytes,
        delivery: Delivery,
    ) -> Result<(), Blocked> {
        self.ensure(stream)?;
        let mut handle = self.association.stream(stream).map_err(|_| Blocked)?;
        if !handle.is_writable() {
            return Err(Blocked);
        }
        let (reliability, limit) = limits(now, delivery.reliability);
        handle
            .set_reliability_params(!delivery.ordered, reliability, limit)
            .map_err(|_| Blocked)?;
        handle
            .set_default_payload_type(to_proto(ppid))
            .map_err(|_| Blocked)?;
        handle.write_chunks(&mut [contents]).map_err(|_| Blocked)?;
        if !self.active.contains(&stream) {
            self.active.push(stream);
        }
        Ok(())
    }

    /// The next complete message of a stream. sctp-proto keeps the fragments to itself, so that
    /// they are put together in one buffer here: the only copy on the way in.
    pub(in crate::sctp) fn read(&mut self, stream: u16) -> Option<Received> {
        let mut message = self.association.stream(stream).ok()?.read_sctp().ok()??;
        let length = message.len();
        let contents = message
            .next(length)
            .map(|chunk| chunk.bytes)
            .unwrap_or_default();
        Some(Received {
            ppid: from_proto(message.ppi),
            contents,
            chunks: message.chunks.len(),
        })
    }

    /// What was written to the stream and is not acknowledged, in bytes.
    pub(in crate::sctp) fn buffered(&mut self, stream: u16) -> usize {
        self.association
            .stream(stream)
            .ok()
            .and_then(|handle| handle.buffered_amount().ok())
            .unwrap_or(0)
    }

    /// What was written to all streams and is not acknowledged, in bytes.
    pub(in crate::sctp) fn outstanding(&mut self) -> usize {
        let mut active = std::mem::take(&mut self.active);
        let mut sum = 0;
        active.retain(|&stream| {
            let buffered = self.buffered(stream);
            sum += buffered;
            buffered > 0
        });
        self.active = active;
        sum
    }

    /// Whether messages can be written to the stream, now or as soon as it is used.
    pub(in crate::sctp) fn is_writable(&mut self, stream: u16) -> bool {
        self.association
            .stream(stream)
            .is_ok_and(|handle| handle.is_writable())
    }

    /// Asks for the reset of a stream (RFC 6525). Nothing can be read from it any more. `false` if
    /// the last reset of the stream is not over, or failed.
    pub(in crate::sctp) fn reset(&mut self, stream: u16) -> bool {
        self.ensure(stream).is_ok()
            && self
                .association
                .stream(stream)
                // It fails only while the association is not established.
                .is_ok_and(|mut handle| handle.close().is_ok())
    }

    /// T3 expiries and fast retransmissions so far.
    pub(in crate::sctp) fn losses(&self) -> (u64, u64) {
        let mut stats = self.association.stats();
        (stats.get_num_t3timeouts(), stats.get_num_fast_retrans())
    }

    fn ensure(&mut self, stream: u16) -> Result<(), Blocked> {
        if self.association.stream(stream).is_err() {
            self.association
                .open_stream(stream, to_proto(Ppid::Binary))
                .map_err(|_| Blocked)?;
        }
        Ok(())
    }
}

/// As sctp-proto names it, in retransmissions or milliseconds.
fn limits(now: Instant, reliability: Reliability) -> (ReliabilityType, u32) {
    match reliability {
        Reliability::Full => (ReliabilityType::Reliable, 0),
        Reliability::Retransmissions(limit) => (ReliabilityType::Rexmit, limit),
        Reliability::Until(deadline) => {
            let left = deadline.saturating_duration_since(now);
            // sctp-proto counts from its next transmission, which is now, and with 0 would abandon
            // the message before it was ever sent.
            let millis = left.as_micros().div_ceil(1000).max(1);
            let millis = u32::try_from(millis).unwrap_or(u32::MAX);
            (ReliabilityType::Timed, millis)
        }
    }
}

fn to_proto(ppid: Ppid) -> PayloadProtocolIdentifier {
    match ppid {
        Ppid::Dcep => PayloadProtocolIdentifier::Dcep,
        Ppid::String => PayloadProtocolIdentifier::String,
        Ppid::Binary => PayloadProtocolIdentifier::Binary,
        Ppid::StringEmpty => PayloadProtocolIdentifier::StringEmpty,
        Ppid::BinaryEmpty => PayloadProtocolIdentifier::BinaryEmpty,
        Ppid::Unknown => PayloadProtocolIdentifier::Unknown,
    }
}

fn from_proto(ppid: PayloadProtocolIdentifier) -> Ppid {
    match ppid {
        PayloadProtocolIdentifier::Dcep => Ppid::Dcep,
        PayloadProtocolIdentifier::String => Ppid::String,
        PayloadProtocolIdentifier::Binary => Ppid::Binary,
        PayloadProtocolIdentifier::StringEmpty => Ppid::StringEmpty,
        PayloadProtocolIdentifier::BinaryEmpty => Ppid::BinaryEmpty,
        PayloadProtocolIdentifier::Unknown => Ppid::Unknown,
    }
}

/// How much sctp-proto may hold. Twice the window: what it holds is the rest that the window does
/// not see, incomplete messages above all, and at its limit it gives up the association.
pub(in crate::sctp) fn buffer_size(config: &Config) -> u32 {
    config.window().saturating_mul(2)
}

#[cfg(test)]
#[path = "proto_tests.rs"]
mod tests;
