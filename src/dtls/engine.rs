//! The edge to dimpl: its configuration, its errors.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{CertificateError, CryptoError, DtlsCertificate, SecurityError};

use super::config::{Config, Versions};
use super::{AlertDescription, Certificate, FailureReason, KeyType, Role, StartError, Version};
use super::{SrtpKeyingMaterial, SrtpProfile};

/// A flight is resent until the handshake deadline, which is ours to keep; with the waits of
/// `live/pace.rs` this is never reached.
const FLIGHT_RETRIES: usize = 24;

/// How many datagrams of a flight dimpl keeps. Of the records of one message it looks at fifty; in
/// DTLS 1.3 a large certificate comes in so many, and nobody can put them together before it.
const MAX_RECEIVED: usize = 100;

/// Shortest first wait for a retransmission.
const MIN_RETRANSMIT_AFTER: Duration = Duration::from_millis(10);

/// dimpl's way to say "never" is ten years. Its own deadline of a handshake lies beyond this, too.
pub(super) const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// How many configurations a thread keeps: programs have one or two.
const CACHED_CONFIGS: usize = 4;

type Key = (usize, Duration);

thread_local! {
    // dimpl tests all of its cryptography each time that a configuration is built, which takes
    // longer than a handshake.
    static CONFIGS: RefCell<Vec<(Key, Arc<dimpl::Config>)>> = const { RefCell::new(Vec::new()) };
}

/// A fresh engine that has not sent anything yet.
pub(super) fn start(
    config: &Config,
    certificate: &Certificate,
    role: Role,
    now: Instant,
) -> Result<dimpl::Dtls, StartError> {
    if !matches!(
        certificate.key_type(),
        KeyType::EcdsaP256 | KeyType::EcdsaP384
    ) {
        // dimpl would panic.
        return Err(StartError::UnsupportedCertificate);
    }
    let certificate = DtlsCertificate {
        certificate: certificate.der().to_vec(),
        private_key: certificate.private_key_der().to_vec(),
    };
    let engine = configuration(config)?;
    let mut dtls = match config.versions {
        Versions::Auto => dimpl::Dtls::new_auto(engine, certificate, now),
        Versions::Only12 => dimpl::Dtls::new_12(engine, certificate, now),
        Versions::Only13 => dimpl::Dtls::new_13(engine, certificate, now),
    };
    dtls.set_active(role == Role::Client);
    Ok(dtls)
}

fn configuration(config: &Config) -> Result<Arc<dimpl::Config>, StartError> {
    let retransmit_after = config.retransmit_after.max(MIN_RETRANSMIT_AFTER);
    let key = (config.effective_mtu(), retransmit_after);
    CONFIGS.with_borrow_mut(|configs| {
        if let Some((_, known)) = configs.iter().find(|(k, _)| *k == key) {
            return Ok(known.clone());
        }
        let built = dimpl::Config::builder()
            .mtu(key.0)
            .flight_start_rto(key.1)
            .flight_retries(FLIGHT_RETRIES)
            .max_queue_rx(MAX_RECEIVED)
            .handshake_timeout(2 * NEVER)
            .build()
            .map_err(|_| StartError::Engine)?;
        let built = Arc::new(built);
        if configs.len() >= CACHED_CONFIGS {
            configs.remove(0);
        }
        configs.push((key, built.clone()));
        Ok(built)
    })
}

/// Whether an error about a client's hello is raised only when the client has returned a cookie of
/// ours: it is the peer's then, and not somebody's who only pretends to be there.
pub(super) fn of_proven_client(error: &dimpl::Error) -> bool {
    matches!(
        error,
        dimpl::Error::SecurityError(
            SecurityError::ExtendedMasterSecretNotNegotiated
                | SecurityError::NoMutuallyAcceptableCipherSuite
        )
    )
}

/// The negotiated version, once there is one.
pub(super) fn version(dtls: &dimpl::Dtls) -> Option<Version> {
    match dtls.protocol_version()? {
        dimpl::ProtocolVersion::DTLS1_2 => Some(Version::Dtls12),
        dimpl::ProtocolVersion::DTLS1_3 => Some(Version::Dtls13),
        _ => None,
    }
}

/// dimpl's keying material in our terms.
pub(super) fn srtp(
    material: &dimpl::KeyingMaterial,
    profile: dimpl::SrtpProfile,
) -> Option<SrtpKeyingMaterial> {
    let profile = match profile {
        dimpl::SrtpProfile::AES128_CM_SHA1_80 => SrtpProfile::Aes128CmHmacSha1_80,
        dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
        dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
        _ => return None,
    };
    SrtpKeyingMaterial::new(profile, material.to_vec())
}

/// What an error of dimpl means. All errors end a connection, says its documentation; the `Ignore`d
/// ones are raised before it changes any state.
pub(super) enum Verdict {
    /// The datagram had no effect.
    Ignore,
    /// The peer wants to renegotiate; dimpl did not.
    Renegotiation,
    /// The connection is over.
    Fatal(FailureReason),
}

/// Judges an error that [`handle_packet`](dimpl::Dtls::handle_packet) returned.
pub(super) fn judge(error: &dimpl::Error) -> Verdict {
    use dimpl::Error;
    Verdict::Fatal(match error {
        // A client that does not know the version yet: any stray datagram.
        Error::UnexpectedMessage(
            dimpl::UnexpectedMessageError::UnrecognizedAutoServerResponse,
        )
        // Fragments of messages that never complete; the peer resends what was dropped.
        | Error::ReceiveQueueFull => return Verdict::Ignore,
        Error::RenegotiationAttempt => return Verdict::Renegotiation,
        Error::Timeout(_) => FailureReason::HandshakeTimeout,
        Error::CertificateError(error) => certificate_failure(error),
        Error::SecurityError(error) => security_failure(error),
        Error::CryptoError(error) => crypto_failure(error),
        Error::UnexpectedMessage(_)
        | Error::IncompleteServerHello
        | Error::TooManyClientHelloFragments => FailureReason::PeerMisbehaved,
        _ => FailureReason::Engine,
    })
}

fn certificate_failure(error: &CertificateError) -> FailureReason {
    match error {
        CertificateError::NoServerCertificateReceived
        | CertificateError::NoClientCertificateReceived
        | CertificateError::NoClientCertificateForVerification
        | CertificateError::NoServerCertificateForVerification => FailureReason::NoPeerCertificate,
        CertificateError::ServerCertificateContextMustBeEmpty
        | CertificateError::ClientCertificateContextMustBeEmpty => FailureReason::PeerMisbehaved,
        _ => FailureReason::UnsupportedPeerCertificate,
    }
}

fn security_failure(error: &SecurityError) -> FailureReason {
    match error {
        SecurityError::FatalAlert { description } => {
            FailureReason::from_alert(AlertDescription(*description))
        }
        SecurityError::ExtendedMasterSecretNotNegotiated => FailureReason::NoExtendedMasterSecret,
        SecurityError::UnsupportedServerVersion(_)
        | SecurityError::UnsupportedClientVersion(_)
        | SecurityError::UnsupportedKeyExchangeAlgorithm
        | SecurityError::NoMutuallyAcceptableCipherSuite
        | SecurityError::ClientHelloMissingDtls13SupportedVersions
        | SecurityError::NoCommonCipherSuite
        | SecurityError::NoCommonKeyExchangeGroup
        | SecurityError::UnsupportedSignatureScheme(_)
        | SecurityError::ServerDidNotNegotiateDtls13 => FailureReason::NothingInCommon,
        _ => FailureReason::PeerMisbehaved,
    }
}

fn crypto_failure(error: &CryptoError) -> FailureReason {
    match error {
        CryptoError::UnsupportedPublicKeyAlgorithm
        | CryptoError::UnsupportedEcCurve
        | CryptoError::CertificateParseFailed
        | CryptoError::MissingEcCurveParameter
        | CryptoError::InvalidEcCurveParameter
        | CryptoError::InvalidSubjectPublicKey
        | CryptoError::UnsupportedSignatureAlgorithm(_)
        | CryptoError::UnsupportedSignatureVerification { .. } => {
            FailureReason::UnsupportedPeerCertificate
        }
        CryptoError::SignatureAlgorithmNotOfferedByClient => FailureReason::NothingInCommon,
        _ => FailureReason::Crypto,
    }
}
