//! The task that runs a connection of webrtc-dtls.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use webrtc_dtls::Error;
use webrtc_dtls::cipher_suite::CipherSuiteId;
use webrtc_dtls::config::{ClientAuthType, ExtendedMasterSecretType};
use webrtc_dtls::conn::DTLSConn;
use webrtc_dtls::crypto::{CryptoPrivateKey, CryptoPrivateKeyKind};
use webrtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use webrtc_util::KeyingMaterialExporter;

use super::conn_guard::{ConnGuard, Shared};
use super::engine::Wake;
use super::link::{Link, Output, Outputs, link};
use crate::proto::dtls::{
    AlertDescription, Certificate, Config, ExportError, FailureReason, FingerprintSet, Role,
    SrtpKeyingMaterial, SrtpProfile, StartError, Versions, cipher_suite_name,
};

/// How many datagrams wait for the engine; more are dropped, as in any socket's buffer.
const INBOUND: usize = 256;

/// How many payloads wait for the engine; [`SendError::Busy`](crate::proto::dtls::SendError::Busy)
/// says that there are more.
const PAYLOADS: usize = 2_048;

/// What webrtc-dtls reads at most at once: its `INBOUND_BUFFER_SIZE`.
pub(super) const MAX_DATAGRAM: usize = 8_192;

/// Headers and protection of a handshake fragment, which webrtc-dtls does not count when it
/// compares with the MTU.
const FRAGMENT_OVERHEAD: usize = 64;

/// How long the close_notify may take to be sealed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// RFC 5764 §4.2.
const SRTP_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// What a handshake has brought to light.
pub(super) struct Established {
    pub(super) peer_certificate: Bytes,
    pub(super) cipher_suite: &'static str,
    pub(super) srtp: Option<SrtpKeyingMaterial>,
    state: webrtc_dtls::state::State,
}

impl Established {
    /// The exporter of RFC 5705 without context.
    pub(super) fn export(
        &self,
        label: &str,
        context: &[u8],
        len: usize,
    ) -> Result<Vec<u8>, ExportError> {
        // It is `async` for a lock that nobody else takes.
        let export = pin!(self.state.export_keying_material(label, context, len));
        match export.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(material)) => Ok(material),
            Poll::Ready(Err(_)) | Poll::Pending => Err(ExportError::Unsupported),
        }
    }
}

impl fmt::Debug for Established {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the keys.
        f.debug_struct("Established")
            .field("cipher_suite", &self.cipher_suite)
            .field("srtp", &self.srtp)
            .finish_non_exhaustive()
    }
}

/// The tasks of a connection; they end when it is dropped.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) outputs: Outputs,
    /// Datagrams of the peer.
    pub(super) inbound: mpsc::Sender<Vec<u8>>,
    /// Payloads to send; `None` once the connection is to be closed.
    pub(super) payloads: Option<mpsc::Sender<Vec<u8>>>,
    task: AbortHandle,
}

impl Driver {
    /// Spawns the tasks on the runtime of the current thread.
    pub(super) fn spawn(
        config: &Config,
        certificate: &Certificate,
        role: Role,
        remote: &FingerprintSet,
        wake: Wake,
    ) -> Result<Driver, StartError> {
        let client = role == Role::Client;
        let refusal = Arc::new(OnceLock::new());
        let settings = settings(config, certificate, client, remote.clone(), refusal.clone())?;
        let interval = settings.flight_interval;
        let shared = Arc::new(Shared::default());
        let (link, outputs) = link(wake);
        let (inbound, datagrams) = mpsc::channel(INBOUND);
        let (payloads, to_send) = mpsc::channel(PAYLOADS);
        let guard = Arc::new(ConnGuard::new(
            client,
            interval,
            shared.clone(),
            datagrams,
            link.clone(),
        ));
        let run = Run {
            shared: shared.clone(),
            link,
            remote: remote.clone(),
            srtp_profiles: config.srtp_profiles.clone(),
            refusal,
        };
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::Engine)?;
        let task = runtime
            .spawn(run.drive(guard, settings, client, to_send))
            .abort_handle();
        Ok(Driver {
            shared,
            outputs,
            inbound,
            payloads: Some(payloads),
            task,
        })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Its two helpers end with the connection that it owns.
        self.task.abort();
    }
}

/// What the task has at hand.
struct Run {
    shared: Arc<Shared>,
    link: Link,
    remote: FingerprintSet,
    srtp_profiles: Vec<SrtpProfile>,
    refusal: Arc<OnceLock<FailureReason>>,
}

impl Run {
    async fn drive(
        self,
        guard: Arc<ConnGuard>,
        settings: webrtc_dtls::config::Config,
        client: bool,
        payloads: mpsc::Receiver<Vec<u8>>,
    ) {
        let output = match DTLSConn::new(guard, settings, client, None).await {
            Ok(conn) => {
                self.shared.establish();
                match self.established(&conn).await {
                    Ok(established) => {
                        self.link
                            .send(Output::Connected(Box::new(established)))
                            .await;
                        self.exchange(conn, payloads).await
                    }
                    Err(reason) => Some(Output::Failed(reason)),
                }
            }
            Err(error) => Some(Output::Failed(self.failure(&error))),
        };
        if let Some(output) = output {
            self.link.send(output).await;
        }
        self.link.send(Output::Flushed).await;
    }

    async fn established(&self, conn: &DTLSConn) -> Result<Established, FailureReason> {
        let state = conn.connection_state().await;
        let peer = state
            .peer_certificates
            .first()
            .ok_or(FailureReason::NoPeerCertificate)?;
        if !self.remote.matches(peer) {
            // The callback has seen to that; but nothing is to hang on it alone.
            return Err(FailureReason::FingerprintMismatch);
        }
        let peer_certificate = Bytes::copy_from_slice(peer);
        let suite = self.shared.cipher_suite.load(Ordering::Relaxed);
        let mut established = Established {
            peer_certificate,
            cipher_suite: cipher_suite_name(u16::try_from(suite).unwrap_or_default()),
            srtp: None,
            state,
        };
        let profile = profile(conn.selected_srtpprotection_profile());
        established.srtp = profile
            .filter(|p| self.srtp_profiles.contains(p))
            .and_then(|profile| {
                let len = profile.keying_material_len();
                let material = established.export(SRTP_LABEL, &[], len).ok()?;
                SrtpKeyingMaterial::new(profile, material)
            });
        Ok(established)
    }

    /// Moves data until one side closes.
    async fn exchange(
        &self,
        conn: DTLSConn,
        mut payloads: mpsc::Receiver<Vec<u8>>,
    ) -> Option<Output> {
        let read = async {
            let mut buffer = vec![0; MAX_DATAGRAM];
            loop {
                match conn.read(&mut buffer, None).await {
                    Ok(len) => {
                        let data = Bytes::copy_from_slice(&buffer[..len]);
                        self.link.send(Output::Data(data)).await;
                    }
                    Err(_) => return,
                }
            }
        };
        let write = async {
            while let Some(payload) = payloads.recv().await {
                if conn.write(&payload, None).await.is_err() {
                    return Some(Output::Failed(FailureReason::Engine));
                }
            }
            None
        };
        let written = tokio::select! {
            biased;
            output = write => Some(output),
            () = read => None,
        };
        // Through the same queue as what was to be sent before.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, conn.close()).await;
        match written {
            Some(output) => output,
            // The reader ends when it has answered a close_notify. Otherwise it has panicked.
            None if self.shared.alerts.load(Ordering::Relaxed) > 1 => Some(Output::Closed),
            None => Some(Output::Failed(FailureReason::Engine)),
        }
    }

    fn failure(&self, error: &Error) -> FailureReason {
        if let Some(reason) = self.refusal.get() {
            return *reason;
        }
        match error {
            Error::ErrAlertFatalOrClose => match self.shared.alert.load(Ordering::Relaxed) {
                0 => FailureReason::Engine,
                alert => {
                    let alert = u8::try_from(alert - 1).unwrap_or_default();
                    FailureReason::from_alert(AlertDescription(alert))
                }
            },
            Error::ErrClientRequiredButNoServerEms | Error::ErrServerRequiredButNoClientEms => {
                FailureReason::NoExtendedMasterSecret
            }
            Error::ErrClientCertificateRequired
            | Error::ErrCertificateVerifyNoCertificate
            | Error::ErrInvalidCertificate => FailureReason::NoPeerCertificate,
            Error::ErrCipherSuiteNoIntersection
            | Error::ErrNoAvailableCipherSuites
            | Error::ErrNoAvailableSignatureSchemes
            | Error::ErrNoSupportedEllipticCurves
            | Error::ErrUnsupportedProtocolVersion
            | Error::ErrClientNoMatchingSrtpProfile
            | Error::ErrServerNoMatchingSrtpProfile
            | Error::ErrRequestedButNoSrtpExtension => FailureReason::NothingInCommon,
            Error::ErrKeySignatureMismatch | Error::ErrVerifyDataMismatch => FailureReason::Crypto,
            Error::ErrKeySignatureVerifyUnimplemented => FailureReason::UnsupportedPeerCertificate,
            Error::ErrCookieMismatch | Error::ErrInvalidCipherSuite => {
                FailureReason::PeerMisbehaved
            }
            _ => FailureReason::Engine,
        }
    }
}

fn settings(
    config: &Config,
    certificate: &Certificate,
    client: bool,
    remote: FingerprintSet,
    refusal: Arc<OnceLock<FailureReason>>,
) -> Result<webrtc_dtls::config::Config, StartError> {
    if config.versions == Versions::Only13 {
        return Err(StartError::UnsupportedVersion);
    }
    // As a server it fails where it has no profile of the client's list, and every browser sends
    // one; as a client where the server does not answer to its own.
    let profiles = if client {
        &config.srtp_profiles[..]
    } else {
        &SrtpProfile::ALL[..]
    };
    Ok(webrtc_dtls::config::Config {
        certificates: vec![own(certificate)?],
        // AEAD only.
        cipher_suites: vec![
            CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
            CipherSuiteId::Tls_Ecdhe_Rsa_With_Aes_128_Gcm_Sha256,
        ],
        srtp_protection_profiles: profiles.iter().map(|p| protection_profile(*p)).collect(),
        client_auth: ClientAuthType::RequireAnyClientCert,
        extended_master_secret: ExtendedMasterSecretType::Require,
        flight_interval: config.retransmit_after.max(Duration::from_millis(10)),
        // There is no chain to verify (RFC 8827 §6.5): the callback compares the fingerprint.
        insecure_skip_verify: true,
        verify_peer_certificate: Some(Arc::new(move |chain: &[Vec<u8>], _: &_| {
            match chain.first() {
                Some(der) if remote.matches(der) => return Ok(()),
                Some(_) => refusal.set(FailureReason::FingerprintMismatch),
                None => refusal.set(FailureReason::NoPeerCertificate),
            }
            .ok();
            Err(Error::ErrInvalidCertificate)
        })),
        mtu: config.effective_mtu() - FRAGMENT_OVERHEAD,
        ..Default::default()
    })
}

fn own(certificate: &Certificate) -> Result<webrtc_dtls::crypto::Certificate, StartError> {
    let serialized_der = certificate.private_key_der().to_vec();
    let key = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &serialized_der,
        &SystemRandom::new(),
    )
    .map_err(|_| StartError::UnsupportedCertificate)?;
    let kind = CryptoPrivateKeyKind::Ecdsa256(key);
    Ok(webrtc_dtls::crypto::Certificate {
        certificate: vec![CertificateDer::from(certificate.der().to_vec())],
        private_key: CryptoPrivateKey {
            kind,
            serialized_der,
        },
    })
}

fn protection_profile(profile: SrtpProfile) -> SrtpProtectionProfile {
    match profile {
        SrtpProfile::Aes128CmHmacSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        SrtpProfile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        SrtpProfile::AeadAes256Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    }
}

fn profile(profile: SrtpProtectionProfile) -> Option<SrtpProfile> {
    match profile {
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => {
            Some(SrtpProfile::Aes128CmHmacSha1_80)
        }
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Some(SrtpProfile::AeadAes128Gcm),
        SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => Some(SrtpProfile::AeadAes256Gcm),
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32 | SrtpProtectionProfile::Unsupported => {
            None
        }
    }
}
