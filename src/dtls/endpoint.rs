//! One side of a DTLS connection.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::early::EarlyBuffer;
use super::inbox::Inbox;
use super::live::{End, Facts, Live, Out};
use super::rejection::Rejection;
use super::{
    AlertDescription, Certificate, Config, Counters, Event, ExportError, Fingerprint,
    FingerprintSet, Role, SendError, SrtpKeyingMaterial, StartError, State, Version,
    cipher_suite_name,
};
use crate::machine::Machine;
use crate::net::{Coalescer, Segments};
use crate::timer::{Clock, due};

/// One side of a DTLS connection: see the [module](super) for how it is driven.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    certificate: Certificate,
    clock: Clock,
    phase: Phase,
    inbox: Inbox,
    packets: Coalescer,
    transmits: VecDeque<Segments>,
    counters: Counters,
}

#[derive(Debug)]
enum Phase {
    New(EarlyBuffer),
    Live(Box<Live>),
    Over(Over),
}

#[derive(Debug)]
struct Over {
    state: State,
    role: Option<Role>,
    facts: Facts,
    rejection: Option<Rejection>,
}

impl Endpoint {
    /// An endpoint that holds what arrives until it is [started](Self::start).
    pub fn new(config: Config, certificate: Certificate) -> Endpoint {
        let early = EarlyBuffer::new(config.early_buffer);
        Endpoint {
            config,
            certificate,
            clock: Clock::default(),
            phase: Phase::New(early),
            inbox: Inbox::default(),
            packets: Coalescer::default(),
            transmits: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Starts the handshake with a peer whose certificate has one of the fingerprints. To start
    /// once more in the same way changes nothing.
    ///
    /// # Errors
    ///
    /// A mistake of the caller; nothing was sent, and the endpoint can be started rightly.
    pub fn start(
        &mut self,
        now: Instant,
        role: Role,
        remote: &[Fingerprint],
    ) -> Result<(), StartError> {
        let now = self.clock.advance(now);
        let remote = FingerprintSet::new(remote)?;
        let early = match &mut self.phase {
            Phase::New(early) => early,
            Phase::Live(live) if live.role() == role && *live.remote() == remote => return Ok(()),
            Phase::Live(_) => return Err(StartError::AlreadyStarted),
            Phase::Over(_) => return Err(StartError::Closed),
        };
        self.config.check_certificate(&self.certificate, now)?;
        let live = Live::start(
            self.config.clone(),
            self.certificate.clone(),
            role,
            remote,
            now,
        )?;
        let early = early.take();
        self.phase = Phase::Live(Box::new(live));
        self.live(|live, out| {
            live.advance(now, out)?;
            early
                .iter()
                .try_for_each(|datagram| live.receive(now, datagram, out))
        });
        Ok(())
    }

    /// Takes one datagram that [`demux`](crate::demux) says is DTLS. Before
    /// [`start`](Self::start) it is held.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        let now = self.clock.advance(now);
        self.counters.datagrams_received += 1;
        self.counters.bytes_received += datagram.len() as u64;
        match &mut self.phase {
            Phase::New(early) => early.hold_counted(datagram, &mut self.counters),
            Phase::Live(_) => self.live(|live, out| live.receive(now, datagram, out)),
            Phase::Over(over) => {
                self.counters.late += 1;
                if let Some(datagram) = over.rejection.as_mut().and_then(Rejection::repeat) {
                    self.packets.push(datagram);
                    self.counters.rejections_sent += 1;
                    self.counters.datagrams_sent += 1;
                    self.counters.bytes_sent += datagram.len() as u64;
                }
            }
        }
    }

    /// Takes a batch of datagrams; it costs less than each of them by itself.
    pub fn handle_segments(&mut self, now: Instant, segments: &Segments) {
        if matches!(self.phase, Phase::Live(_)) {
            self.inbox.reserve(segments.len());
        }
        for datagram in segments.contents().chunks(segments.segment_size().max(1)) {
            self.handle_datagram(now, datagram);
        }
    }

    /// Sends a payload as one record in a datagram of its own.
    ///
    /// # Errors
    ///
    /// When it is not connected, when the payload is larger than
    /// [`max_payload`](Config::max_payload); nothing was sent then.
    pub fn send(&mut self, now: Instant, payload: &[u8]) -> Result<(), SendError> {
        let now = self.clock.advance(now);
        match &self.phase {
            Phase::Live(live) if live.connected() => {}
            Phase::New(_) | Phase::Live(_) => return Err(SendError::NotConnected),
            Phase::Over(_) => return Err(SendError::Closed),
        }
        self.config.check_payload(payload)?;
        let mut sent = Err(SendError::Closed);
        self.live(|live, out| {
            if due(live.timeout(), now) {
                live.advance(now, out)?;
            }
            sent = if live.send(payload, out)? {
                Ok(())
            } else {
                Err(SendError::Busy)
            };
            Ok(())
        });
        sent
    }

    /// Closes the connection, with close_notify if the handshake is complete. No event follows.
    /// Closing twice does no harm.
    pub fn close(&mut self, now: Instant) {
        self.clock.advance(now);
        self.live(|live, out| {
            if live.connected() {
                live.close(out);
            }
            Ok(())
        });
        self.end(State::Closed, None);
    }

    /// The state.
    pub fn state(&self) -> State {
        match &self.phase {
            Phase::New(_) => State::New,
            Phase::Live(live) if live.connected() => State::Connected,
            Phase::Live(_) => State::Connecting,
            Phase::Over(over) => over.state,
        }
    }

    /// Our role, once started.
    pub fn role(&self) -> Option<Role> {
        match &self.phase {
            Phase::New(_) => None,
            Phase::Live(live) => Some(live.role()),
            Phase::Over(over) => over.role,
        }
    }

    /// Our certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The peer's certificate in DER, once it was seen to be the expected one and the handshake is
    /// complete.
    pub fn peer_certificate(&self) -> Option<&Bytes> {
        self.facts()?.peer_certificate.as_ref()
    }

    /// The fatal alert that told the peer of our failure, where there was one to tell it by.
    pub fn alert_sent(&self) -> Option<AlertDescription> {
        match &self.phase {
            Phase::Over(over) => over.rejection.as_ref().and_then(Rejection::alert),
            Phase::New(_) | Phase::Live(_) => None,
        }
    }

    /// The protocol version, once connected.
    pub fn version(&self) -> Option<Version> {
        self.facts()?.version
    }

    /// The IANA name of the cipher suite, once connected.
    pub fn cipher_suite(&self) -> Option<&'static str> {
        self.facts()?.cipher_suite.map(cipher_suite_name)
    }

    /// The SRTP profile that was agreed on, `None` for a session without.
    pub fn srtp_profile(&self) -> Option<super::SrtpProfile> {
        self.srtp_keying_material().map(SrtpKeyingMaterial::profile)
    }

    /// The keys for SRTP (RFC 5764 §4.2), once connected, if a profile was agreed on.
    pub fn srtp_keying_material(&self) -> Option<&SrtpKeyingMaterial> {
        self.facts()?.srtp.as_ref()
    }

    /// Exports keying material for another protocol (RFC 5705, RFC 8446 §7.5).
    ///
    /// # Errors
    ///
    /// Always [`ExportError::Unsupported`] or [`ExportError::NotConnected`]: dimpl has no exporter
    /// but that for SRTP, which is [`srtp_keying_material`](Self::srtp_keying_material).
    pub fn export_keying_material(
        &self,
        _label: &str,
        _context: &[u8],
        _len: usize,
    ) -> Result<Vec<u8>, ExportError> {
        match self.facts() {
            Some(_) => Err(ExportError::Unsupported),
            None => Err(ExportError::NotConnected),
        }
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the handshake brought to light: nothing before it is complete and verified.
    fn facts(&self) -> Option<&Facts> {
        match &self.phase {
            Phase::Live(live) if live.connected() => Some(live.facts()),
            Phase::Over(over) if over.state == State::Closed => Some(&over.facts),
            _ => None,
        }
    }

    /// Lets the live connection do something, and sees to it if that was its end.
    fn live(&mut self, act: impl FnOnce(&mut Live, &mut Out<'_>) -> Result<(), End>) {
        let Phase::Live(live) = &mut self.phase else {
            return;
        };
        let mut out = Out {
            inbox: &mut self.inbox,
            packets: &mut self.packets,
            counters: &mut self.counters,
        };
        match act(live, &mut out) {
            Ok(()) => {}
            Err(End::Closed) => {
                self.end(State::Closed, None);
                self.inbox.push(Event::Closed);
            }
            Err(End::Failed(reason, last_word)) => {
                self.end(State::Failed, last_word.map(Rejection::new));
                self.inbox.push(Event::Failed(reason));
            }
        }
    }

    fn end(&mut self, state: State, rejection: Option<Rejection>) {
        let (role, facts) = match std::mem::replace(
            &mut self.phase,
            Phase::Over(Over {
                state,
                role: None,
                facts: Facts::default(),
                rejection: None,
            }),
        ) {
            Phase::New(_) => (None, Facts::default()),
            // Keys and certificate of a failed connection are not to be believed.
            Phase::Live(live) if live.connected() && state == State::Closed => {
                (Some(live.role()), live.into_facts())
            }
            Phase::Live(live) => (Some(live.role()), Facts::default()),
            over @ Phase::Over(_) => {
                self.phase = over;
                return;
            }
        };
        self.phase = Phase::Over(Over {
            state,
            role,
            facts,
            rejection,
        });
    }
}

impl Machine for Endpoint {
    /// Datagrams that may leave in one segmented send.
    type Transmit = Segments;
    type Event = Event;

    fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.live(|live, out| {
            if due(live.timeout(), now) {
                live.advance(now, out)
            } else {
                Ok(())
            }
        });
    }

    fn poll_transmit(&mut self, _now: Instant) -> Option<Segments> {
        if self.transmits.is_empty() && !self.packets.is_empty() {
            // An idle connection keeps no buffer.
            self.transmits = std::mem::take(&mut self.packets).take().into();
        }
        self.transmits.pop_front()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.inbox.pop()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        match &self.phase {
            Phase::Live(live) => live.timeout(),
            Phase::New(_) | Phase::Over(_) => None,
        }
    }
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
