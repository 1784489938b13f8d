//! What a caller can do wrong, and why an endpoint fails.

use super::{AlertDescription, FingerprintError};

/// Why an endpoint does not start. Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The peer's fingerprints are missing or of no use.
    #[error("{0}")]
    Fingerprints(#[from] FingerprintError),
    /// Our certificate is not valid at this time.
    #[error("the local certificate is not valid at this time")]
    CertificateExpired,
    /// Our certificate has a key that this engine cannot use.
    #[error("the DTLS engine cannot use the key of the local certificate")]
    UnsupportedCertificate,
    /// The engine speaks none of the versions that the settings allow.
    #[error("the DTLS engine does not speak the configured version")]
    UnsupportedVersion,
    /// The endpoint was started before, with another role or other fingerprints.
    #[error("already started with other parameters")]
    AlreadyStarted,
    /// The endpoint is closed or has failed.
    #[error("the DTLS transport is closed")]
    Closed,
    /// The engine does not work at all, for lack of cryptography.
    #[error("the DTLS engine is not usable")]
    Engine,
}

impl StartError {
    /// All errors, for tables of labels.
    pub const ALL: [StartError; 9] = [
        StartError::Fingerprints(FingerprintError::None),
        StartError::Fingerprints(FingerprintError::UnknownAlgorithms),
        StartError::Fingerprints(FingerprintError::Malformed),
        StartError::CertificateExpired,
        StartError::UnsupportedCertificate,
        StartError::UnsupportedVersion,
        StartError::AlreadyStarted,
        StartError::Closed,
        StartError::Engine,
    ];

    /// A label for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            StartError::Fingerprints(FingerprintError::None) => "no_fingerprints",
            StartError::Fingerprints(FingerprintError::UnknownAlgorithms) => "unknown_algorithms",
            StartError::Fingerprints(FingerprintError::Malformed) => "malformed_fingerprints",
            StartError::CertificateExpired => "certificate_expired",
            StartError::UnsupportedCertificate => "unsupported_certificate",
            StartError::UnsupportedVersion => "unsupported_version",
            StartError::AlreadyStarted => "already_started",
            StartError::Closed => "closed",
            StartError::Engine => "engine",
        }
    }
}

/// Why a payload is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The handshake is not complete.
    #[error("the DTLS transport is not connected")]
    NotConnected,
    /// The endpoint is closed or has failed.
    #[error("the DTLS transport is closed")]
    Closed,
    /// The payload does not fit into one datagram.
    #[error("{size} bytes do not fit into one datagram, which carries {max}")]
    TooLarge {
        /// The size of the payload in bytes.
        size: usize,
        /// The largest size in bytes.
        max: usize,
    },
    /// The engine cannot take more at the moment.
    #[error("the DTLS engine cannot take more at the moment")]
    Busy,
}

impl SendError {
    /// A label for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            SendError::NotConnected => "not_connected",
            SendError::Closed => "closed",
            SendError::TooLarge { .. } => "too_large",
            SendError::Busy => "busy",
        }
    }
}

/// Why no keying material is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The engine has no exporter.
    #[error("the DTLS engine has no exporter of keying material")]
    Unsupported,
    /// The handshake is not complete.
    #[error("the DTLS transport is not connected")]
    NotConnected,
}

/// Why an endpoint failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FailureReason {
    /// The peer's certificate has none of the signalled fingerprints.
    #[error("the peer's certificate does not match its fingerprint")]
    FingerprintMismatch,
    /// The peer presented no certificate.
    #[error("the peer presented no certificate")]
    NoPeerCertificate,
    /// The peer's certificate is of a kind that the engine cannot check, such as RSA.
    #[error("the peer's certificate is of an unsupported kind")]
    UnsupportedPeerCertificate,
    /// The peer did not accept our certificate.
    #[error("the peer rejected our certificate")]
    PeerRejected,
    /// The peer ended the connection with an alert.
    #[error("the peer sent the alert {0}")]
    PeerAlert(AlertDescription),
    /// The handshake was not complete in time.
    #[error("the handshake timed out")]
    HandshakeTimeout,
    /// The peer ceased to acknowledge.
    #[error("the peer does not answer")]
    PeerTimeout,
    /// The peer does not know the extended master secret (RFC 7627), which is required.
    #[error("the peer has no extended master secret")]
    NoExtendedMasterSecret,
    /// There is no version, cipher suite or group that both know.
    #[error("no version, cipher suite or group in common")]
    NothingInCommon,
    /// The peer broke the protocol.
    #[error("the peer broke the protocol")]
    PeerMisbehaved,
    /// Cryptography failed: a wrong signature, a used-up key.
    #[error("a cryptographic operation failed")]
    Crypto,
    /// The engine failed in a way that should not be possible.
    #[error("the DTLS engine failed")]
    Engine,
}

impl FailureReason {
    /// All reasons, for tables of labels; one alert stands for all.
    pub const ALL: [FailureReason; 12] = [
        FailureReason::FingerprintMismatch,
        FailureReason::NoPeerCertificate,
        FailureReason::UnsupportedPeerCertificate,
        FailureReason::PeerRejected,
        FailureReason::PeerAlert(AlertDescription::HANDSHAKE_FAILURE),
        FailureReason::HandshakeTimeout,
        FailureReason::PeerTimeout,
        FailureReason::NoExtendedMasterSecret,
        FailureReason::NothingInCommon,
        FailureReason::PeerMisbehaved,
        FailureReason::Crypto,
        FailureReason::Engine,
    ];

    /// A label for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureReason::FingerprintMismatch => "fingerprint_mismatch",
            FailureReason::NoPeerCertificate => "no_peer_certificate",
            FailureReason::UnsupportedPeerCertificate => "unsupported_peer_certificate",
            FailureReason::PeerRejected => "peer_rejected",
            FailureReason::PeerAlert(_) => "peer_alert",
            FailureReason::HandshakeTimeout => "handshake_timeout",
            FailureReason::PeerTimeout => "peer_timeout",
            FailureReason::NoExtendedMasterSecret => "no_extended_master_secret",
            FailureReason::NothingInCommon => "nothing_in_common",
            FailureReason::PeerMisbehaved => "peer_misbehaved",
            FailureReason::Crypto => "crypto",
            FailureReason::Engine => "engine",
        }
    }

    /// For an alert of the peer.
    pub fn from_alert(alert: AlertDescription) -> FailureReason {
        if alert.is_about_certificate() {
            FailureReason::PeerRejected
        } else {
            FailureReason::PeerAlert(alert)
        }
    }

    /// The alert that tells the peer, if there is any use in telling it.
    pub(super) fn to_alert(self) -> Option<AlertDescription> {
        match self {
            FailureReason::FingerprintMismatch => Some(AlertDescription::BAD_CERTIFICATE),
            FailureReason::UnsupportedPeerCertificate => {
                Some(AlertDescription::UNSUPPORTED_CERTIFICATE)
            }
            FailureReason::NoPeerCertificate
            | FailureReason::NoExtendedMasterSecret
            | FailureReason::NothingInCommon
            | FailureReason::Crypto => Some(AlertDescription::HANDSHAKE_FAILURE),
            FailureReason::PeerMisbehaved => Some(AlertDescription::ILLEGAL_PARAMETER),
            FailureReason::PeerRejected
            | FailureReason::PeerAlert(_)
            | FailureReason::HandshakeTimeout
            | FailureReason::PeerTimeout
            | FailureReason::Engine => None,
        }
    }
}
