//! The DTLS engine of a session: dimpl, or webrtc-dtls behind its guard.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;

use proto::Machine;
use proto::dtls::{
    AlertDescription, Certificate, Config, Counters, Endpoint, Event, ExportError, Fingerprint,
    Role, SendError, SrtpKeyingMaterial, StartError, State, Version,
};
use proto::net::Segments;

use super::wake::Wake;
#[cfg(feature = "dtls-webrtc")]
use super::webrtc::WebRtcEndpoint;
use crate::base::config::{ConfigError, DtlsEngine};

/// Whether this build has an engine of this kind.
///
/// # Errors
/// When it has not.
pub(crate) fn check(kind: DtlsEngine) -> Result<(), ConfigError> {
    match kind {
        DtlsEngine::WebrtcDtls if !cfg!(feature = "dtls-webrtc") => {
            Err(ConfigError::EngineNotCompiled)
        }
        _ => Ok(()),
    }
}

/// One side of a DTLS connection, whichever engine does it. All methods are those of [`Endpoint`].
pub(crate) enum Engine {
    Dimpl(Box<Endpoint>),
    #[cfg(feature = "dtls-webrtc")]
    WebRtc(Box<WebRtcEndpoint>),
}

/// The same call, whichever engine there is.
macro_rules! each {
    ($engine:expr, $endpoint:ident => $call:expr) => {
        match $engine {
            Engine::Dimpl($endpoint) => $call,
            #[cfg(feature = "dtls-webrtc")]
            Engine::WebRtc($endpoint) => $call,
        }
    };
}

impl Engine {
    /// An engine of this kind. webrtc-dtls runs its tasks on the runtime of the current thread
    /// from [`start`](Self::start) on until it is dropped.
    pub(crate) fn new(
        kind: DtlsEngine,
        config: Config,
        certificate: Certificate,
        wake: Wake,
    ) -> Engine {
        match kind {
            #[cfg(feature = "dtls-webrtc")]
            DtlsEngine::WebrtcDtls => {
                Engine::WebRtc(Box::new(WebRtcEndpoint::new(config, certificate, wake)))
            }
            _ => {
                // dimpl does nothing but in the calls of its owner.
                drop(wake);
                Engine::Dimpl(Box::new(Endpoint::new(config, certificate)))
            }
        }
    }

    /// See [`Endpoint::start`].
    pub(crate) fn start(
        &mut self,
        now: Instant,
        role: Role,
        remote: &[Fingerprint],
    ) -> Result<(), StartError> {
        each!(self, e => e.start(now, role, remote))
    }

    /// See [`Endpoint::handle_datagram`].
    pub(crate) fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        each!(self, e => e.handle_datagram(now, datagram));
    }

    /// See [`Endpoint::send`].
    pub(crate) fn send(&mut self, now: Instant, payload: &[u8]) -> Result<(), SendError> {
        each!(self, e => e.send(now, payload))
    }

    /// See [`Endpoint::close`].
    pub(crate) fn close(&mut self, now: Instant) {
        each!(self, e => e.close(now));
    }

    /// See [`Endpoint::state`].
    pub(crate) fn state(&self) -> State {
        each!(self, e => e.state())
    }

    /// See [`Endpoint::role`].
    pub(crate) fn role(&self) -> Option<Role> {
        each!(self, e => e.role())
    }

    /// See [`Endpoint::alert_sent`].
    pub(crate) fn alert_sent(&self) -> Option<AlertDescription> {
        each!(self, e => e.alert_sent())
    }

    /// See [`Endpoint::peer_certificate`].
    pub(crate) fn peer_certificate(&self) -> Option<&Bytes> {
        each!(self, e => e.peer_certificate())
    }

    /// See [`Endpoint::version`].
    pub(crate) fn version(&self) -> Option<Version> {
        each!(self, e => e.version())
    }

    /// See [`Endpoint::cipher_suite`].
    pub(crate) fn cipher_suite(&self) -> Option<&'static str> {
        each!(self, e => e.cipher_suite())
    }

    /// See [`Endpoint::srtp_keying_material`].
    pub(crate) fn srtp_keying_material(&self) -> Option<&SrtpKeyingMaterial> {
        each!(self, e => e.srtp_keying_material())
    }

    /// Exports keying material (RFC 5705).
    ///
    /// # Errors
    ///
    /// Before the handshake is complete, and [`ExportError::Unsupported`] with dimpl, and with
    /// webrtc-dtls when there is a context.
    pub(crate) fn export_keying_material(
        &self,
        label: &str,
        context: &[u8],
        len: usize,
    ) -> Result<Vec<u8>, ExportError> {
        each!(self, e => e.export_keying_material(label, context, len))
    }

    /// See [`Endpoint::counters`].
    pub(crate) fn counters(&self) -> &Counters {
        each!(self, e => e.counters())
    }
}

impl Machine for Engine {
    type Transmit = Segments;
    type Event = Event;

    fn handle_timeout(&mut self, now: Instant) {
        each!(self, e => e.handle_timeout(now));
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Segments> {
        each!(self, e => e.poll_transmit(now))
    }

    fn poll_event(&mut self) -> Option<Event> {
        each!(self, e => e.poll_event())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        each!(self, e => e.poll_timeout())
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        each!(self, e => e.fmt(f))
    }
}

#[cfg(all(test, feature = "dtls-webrtc"))]
#[path = "engine_tests.rs"]
mod tests;
