//! What can be set about an endpoint.

use std::time::{Duration, Instant, SystemTime};

use super::record::MAX_RECORD_OVERHEAD;
use super::{Certificate, SendError, SrtpProfile, StartError};
use crate::builders::builders;

/// The settings of an [`Endpoint`](super::Endpoint).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The largest datagram that is sent, in bytes, without UDP and IP headers. Default 1,200,
    /// which passes everywhere; taken as at least 512 and at most 16,384. What a larger one gains
    /// in throughput it risks on paths that drop fragments.
    pub mtu: usize,
    /// The protocol versions that are spoken. Default: both.
    pub versions: Versions,
    /// How long a handshake may take from the first datagram of the peer on. Default 30 s.
    pub handshake_timeout: Duration,
    /// How long the peer may be silent from [`start`](super::Endpoint::start) on. Default 120 s:
    /// ICE may have found a path long before the peer applies our answer, which people may have to
    /// carry to it, and only then does it speak DTLS.
    pub silence_timeout: Duration,
    /// How long the first retransmission of a flight waits; each further one waits twice as long,
    /// with some jitter, up to a sixteenth of [`handshake_timeout`](Self::handshake_timeout).
    /// Default 200 ms, taken as at least 10 ms: RFC 6347 §4.2.4.1 proposes a second, which WebRTC
    /// stacks shorten because the ICE checks have shown the path to work.
    pub retransmit_after: Duration,
    /// The SRTP profiles that are wanted. Default: none, which is all that data channels need: a
    /// session then has no keys for SRTP, whatever the peer offers. dimpl offers a fixed list in
    /// any case, and works with a peer that knows none of it; where it agrees on a profile that
    /// does not stand here there are no keys. webrtc-dtls as a client offers what stands here, and
    /// does not work with a server that knows none of it; as a server it prefers what stands here.
    pub srtp_profiles: Vec<SrtpProfile>,
    /// How many bytes of datagrams are held until they can be used. Default 16,384.
    pub early_buffer: usize,
    /// With it, [`start`](super::Endpoint::start) refuses a certificate that is not valid at the
    /// time. Default `None`: not checked.
    pub wall_clock: Option<WallClock>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            mtu: 1_200,
            versions: Versions::default(),
            handshake_timeout: Duration::from_secs(30),
            silence_timeout: Duration::from_secs(120),
            retransmit_after: Duration::from_millis(200),
            srtp_profiles: Vec::new(),
            early_buffer: 16_384,
            wall_clock: None,
        }
    }
}

builders! {
    Config {
        mtu: usize,
        versions: Versions,
        handshake_timeout: Duration,
        silence_timeout: Duration,
        retransmit_after: Duration,
        srtp_profiles: impl Into<Vec<SrtpProfile>>,
        early_buffer: usize,
        wall_clock: impl Into<Option<WallClock>>,
    }
}

impl Config {
    /// The largest payload that [`send`](super::Endpoint::send) takes, in bytes: what fits into
    /// one datagram of [`mtu`](Self::mtu) bytes with any cipher suite.
    pub fn max_payload(&self) -> usize {
        self.effective_mtu() - MAX_RECORD_OVERHEAD
    }

    /// Whether a payload is not larger than that.
    ///
    /// # Errors
    ///
    /// When it is.
    pub fn check_payload(&self, payload: &[u8]) -> Result<(), SendError> {
        let (size, max) = (payload.len(), self.max_payload());
        match size > max {
            true => Err(SendError::TooLarge { size, max }),
            false => Ok(()),
        }
    }

    /// Whether a certificate is valid now, as far as the [clock](Self::wall_clock) is known.
    ///
    /// # Errors
    ///
    /// When it has expired, or is not valid yet.
    pub fn check_certificate(
        &self,
        certificate: &Certificate,
        now: Instant,
    ) -> Result<(), StartError> {
        match &self.wall_clock {
            Some(clock) if !certificate.is_valid_at(clock.at(now)) => {
                Err(StartError::CertificateExpired)
            }
            _ => Ok(()),
        }
    }

    /// The MTU within its limits.
    pub fn effective_mtu(&self) -> usize {
        self.mtu.clamp(512, 16_384)
    }
}

/// The versions of DTLS that an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Versions {
    /// 1.3 with peers that know it, else 1.2.
    #[default]
    Auto,
    /// Only DTLS 1.2.
    Only12,
    /// Only DTLS 1.3.
    Only13,
}

/// One moment as both clocks show it.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    /// The moment on the clock that drives the machines.
    pub instant: Instant,
    /// The same moment as people write it.
    pub time: SystemTime,
}

impl WallClock {
    /// What the wall clock shows at `now`.
    pub fn at(&self, now: Instant) -> SystemTime {
        match now.checked_duration_since(self.instant) {
            Some(later) => self.time.checked_add(later),
            None => self
                .time
                .checked_sub(self.instant.saturating_duration_since(now)),
        }
        .unwrap_or(self.time)
    }
}
