//! webrtc-dtls with the face of [`Endpoint`](crate::proto::dtls::Endpoint).
//!
//! It needs tasks: they run on the runtime of the thread that starts it, and what they produce is
//! drained here. They are shut off from the network by the guard of `conn_guard`. They make the
//! handshake and open the peer's records; ours are sealed here (`sealer`), and a server takes the
//! handshake for complete only when the client's Finished fits (`finished`).

mod admission;
mod backoff;
mod conn_guard;
mod driver;
mod established;
mod finished;
#[cfg(test)]
mod guard_tests;
mod hello;
mod link;
mod outcome;
mod records;
mod sealer;
mod secrets;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proto::Machine;
use proto::dtls::record::Summary;
use proto::dtls::{
    AlertDescription, Certificate, Config, Counters, EarlyBuffer, Event, ExportError,
    FailureReason, Fingerprint, FingerprintSet, Rejection, Role, SendError, SrtpKeyingMaterial,
    StartError, State, Version,
};
use proto::net::{Coalescer, Segments};
use proto::timer::{Clock, due};

use self::admission::Admission;
use self::driver::{Driver, MAX_DATAGRAM};
use self::established::Established;
use self::records::APPLICATION_DATA;
use super::wake::Wake;

/// What can be added to any time.
const MAX_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct WebRtcEndpoint {
    config: Config,
    certificate: Certificate,
    wake: WakeHandle,
    clock: Clock,
    phase: Phase,
    packets: Coalescer,
    transmits: VecDeque<Segments>,
    events: VecDeque<Event>,
    counters: Counters,
    /// The last plaintext alert that was sent.
    last_alert: Option<Bytes>,
}

#[derive(Debug)]
enum Phase {
    New(EarlyBuffer),
    Live(Live),
    Over(Over),
}

#[derive(Debug)]
struct Live {
    driver: Driver,
    role: Role,
    remote: FingerprintSet,
    deadline: Instant,
    handshake_bytes: usize,
    /// A client has seen the server's hello; what came before it waits.
    hello: bool,
    ahead: EarlyBuffer,
    established: Option<Box<Established>>,
    alert: Option<AlertDescription>,
}

#[derive(Debug)]
struct Over {
    state: State,
    role: Option<Role>,
    established: Option<Box<Established>>,
    rejection: Option<Rejection>,
}

impl WebRtcEndpoint {
    pub(crate) fn new(config: Config, certificate: Certificate, wake: Wake) -> WebRtcEndpoint {
        let early = EarlyBuffer::new(config.early_buffer);
        WebRtcEndpoint {
            config,
            certificate,
            wake: WakeHandle(wake),
            clock: Clock::default(),
            phase: Phase::New(early),
            packets: Coalescer::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
            last_alert: None,
        }
    }

    pub(crate) fn start(
        &mut self,
        now: Instant,
        role: Role,
        remote: &[Fingerprint],
    ) -> Result<(), StartError> {
        let now = self.clock.advance(now);
        let remote = FingerprintSet::new(remote)?;
        let early = match &mut self.phase {
            Phase::New(early) => early,
            Phase::Live(live) if live.role == role && live.remote == remote => return Ok(()),
            Phase::Live(_) => return Err(StartError::AlreadyStarted),
            Phase::Over(_) => return Err(StartError::Closed),
        };
        self.config.check_certificate(&self.certificate, now)?;
        let wake = self.wake.0.clone();
        let driver = Driver::spawn(&self.config, &self.certificate, role, &remote, &[], wake)?;
        let early = early.take();
        self.phase = Phase::Live(Live {
            driver,
            role,
            remote,
            deadline: now + self.config.handshake_timeout.min(MAX_HANDSHAKE_TIMEOUT),
            handshake_bytes: 0,
            hello: false,
            ahead: EarlyBuffer::new(self.config.early_buffer),
            established: None,
            alert: None,
        });
        for datagram in early {
            self.receive(datagram);
        }
        Ok(())
    }

    pub(crate) fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.clock.advance(now);
        self.counters.datagrams_received += 1;
        self.counters.bytes_received += datagram.len() as u64;
        match &mut self.phase {
            Phase::New(early) => early.hold_counted(datagram, &mut self.counters),
            Phase::Live(_) => self.receive(datagram.to_vec()),
            Phase::Over(over) => {
                self.counters.late += 1;
                if let Some(datagram) = over.rejection.as_mut().and_then(Rejection::repeat) {
                    self.counters.rejections_sent += 1;
                    let datagram = datagram.clone();
                    self.push_packet(&datagram);
                }
            }
        }
    }

    pub(crate) fn send(&mut self, now: Instant, payload: &[u8]) -> Result<(), SendError> {
        self.clock.advance(now);
        match &self.phase {
            Phase::Live(live) if live.established.is_some() => {}
            Phase::New(_) | Phase::Live(_) => return Err(SendError::NotConnected),
            Phase::Over(_) => return Err(SendError::Closed),
        }
        self.config.check_payload(payload)?;
        if !self.seal(APPLICATION_DATA, payload) {
            // All numbers are used up.
            self.fail(FailureReason::Crypto);
            return Err(SendError::Closed);
        }
        self.counters.records_sent += 1;
        Ok(())
    }

    pub(crate) fn close(&mut self, now: Instant) {
        self.clock.advance(now);
        self.pull();
        self.close_and_end();
    }

    pub(crate) fn state(&self) -> State {
        match &self.phase {
            Phase::New(_) => State::New,
            Phase::Live(Live {
                established: Some(_),
                ..
            }) => State::Connected,
            Phase::Live(_) => State::Connecting,
            Phase::Over(over) => over.state,
        }
    }

    pub(crate) fn role(&self) -> Option<Role> {
        match &self.phase {
            Phase::New(_) => None,
            Phase::Live(live) => Some(live.role),
            Phase::Over(over) => over.role,
        }
    }

    pub(crate) fn peer_certificate(&self) -> Option<&Bytes> {
        self.established().map(|e| &e.peer_certificate)
    }

    pub(crate) fn alert_sent(&self) -> Option<AlertDescription> {
        match &self.phase {
            Phase::Over(over) => over.rejection.as_ref().and_then(Rejection::alert),
            Phase::New(_) | Phase::Live(_) => None,
        }
    }

    pub(crate) fn version(&self) -> Option<Version> {
        self.established().map(|_| Version::Dtls12)
    }

    pub(crate) fn cipher_suite(&self) -> Option<&'static str> {
        self.established().map(|e| e.cipher_suite)
    }

    pub(crate) fn srtp_keying_material(&self) -> Option<&SrtpKeyingMaterial> {
        self.established()?.srtp.as_ref()
    }

    pub(crate) fn export_keying_material(
        &self,
        label: &str,
        context: &[u8],
        len: usize,
    ) -> Result<Vec<u8>, ExportError> {
        self.established()
            .ok_or(ExportError::NotConnected)?
            .export(label, context, len)
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    fn established(&self) -> Option<&Established> {
        match &self.phase {
            Phase::New(_) => None,
            Phase::Live(live) => live.established.as_deref(),
            Phase::Over(over) => over.established.as_deref(),
        }
    }

    /// Hands a datagram to the tasks.
    fn receive(&mut self, datagram: Vec<u8>) {
        let Phase::Live(live) = &mut self.phase else {
            return;
        };
        let summary = Summary::of(&datagram);
        // From 32 on it is DTLS 1.3 (RFC 9147 §4).
        let legacy = datagram.first().is_some_and(|first| *first < 32);
        if summary.malformed || !legacy || datagram.len() > MAX_DATAGRAM {
            self.counters.malformed += 1;
            return;
        }
        if live.established.is_some() {
            self.pass(datagram);
            return;
        }
        match live.admit(
            &summary,
            &datagram,
            &self.config,
            &self.certificate,
            &self.wake,
        ) {
            Admission::Pass => self.pass(datagram),
            Admission::Held => self.counters.early_held += 1,
            Admission::Overflow => self.counters.early_dropped += 1,
            Admission::Unexpected => self.counters.unexpected += 1,
        }
        let Phase::Live(live) = &mut self.phase else {
            return;
        };
        if live.hello {
            for datagram in live.ahead.take() {
                self.pass(datagram);
            }
        }
    }

    fn pass(&mut self, datagram: Vec<u8>) {
        let Phase::Live(live) = &mut self.phase else {
            return;
        };
        live.handshake_bytes += datagram.len();
        if live.driver.inbound.try_send(datagram).is_err() {
            self.counters.early_dropped += 1;
        }
    }
}

impl Machine for WebRtcEndpoint {
    type Transmit = Segments;
    type Event = Event;

    fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.pull();
        if due(self.poll_timeout(), now)
            && let Phase::Live(live) = &self.phase
        {
            let alert = live.alert.map(FailureReason::from_alert);
            self.fail(alert.unwrap_or(FailureReason::HandshakeTimeout));
        }
    }

    fn poll_transmit(&mut self, _: Instant) -> Option<Segments> {
        self.pull();
        if self.transmits.is_empty() && !self.packets.is_empty() {
            self.transmits = std::mem::take(&mut self.packets).take().into();
        }
        self.transmits.pop_front()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.pull();
        self.events.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        match &self.phase {
            Phase::Live(live) if live.established.is_none() => Some(live.deadline),
            Phase::New(_) | Phase::Live(_) | Phase::Over(_) => None,
        }
    }
}

/// The wake of the owner, which has nothing to show.
struct WakeHandle(Wake);

impl std::fmt::Debug for WakeHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wake")
    }
}
