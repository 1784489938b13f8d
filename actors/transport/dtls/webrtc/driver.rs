//! The task that runs a connection of webrtc-dtls.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use proto::dtls::{
    AlertDescription, Certificate, Config, FailureReason, FingerprintSet, Role, SrtpKeyingMaterial,
    SrtpProfile, StartError, Versions, cipher_suite_name,
};
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

use super::conn_guard::{ConnGuard, Shared};
use super::established::Established;
use super::link::{Link, Output, Outputs, link};
use super::sealer::Sealer;
use super::secrets::Secrets;
use crate::transport::dtls::wake::Wake;

/// How many datagrams wait for the engine; more are dropped, as in any socket's buffer.
const INBOUND: usize = 256;

/// What webrtc-dtls reads at most at once: its `INBOUND_BUFFER_SIZE`.
pub(super) const MAX_DATAGRAM: usize = 8_192;

/// Headers and protection of a handshake fragment, which webrtc-dtls does not count when it
/// compares with the MTU.
const FRAGMENT_OVERHEAD: usize = 64;

/// How long webrtc-dtls may take to hand out what it has to say.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How many times a handshake may take as long as the longest wait for a repetition.
const WAITS: u32 = 16;

/// RFC 5764 §4.2.
const SRTP_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// The tasks of a connection; they end when it is dropped.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) outputs: Outputs,
    /// Datagrams of the peer.
    pub(super) inbound: mpsc::Sender<Vec<u8>>,
    task: AbortHandle,
}

impl Driver {
    /// Spawns the tasks on the runtime of the current thread. `offered` are the SRTP profiles that
    /// a server knows its client to offer, if it has seen its hello.
    pub(super) fn spawn(
        config: &Config,
        certificate: &Certificate,
        role: Role,
        remote: &FingerprintSet,
        offered: &[u16],
        wake: Wake,
    ) -> Result<Driver, StartError> {
        let client = role == Role::Client;
        let refusal = Arc::new(OnceLock::new());
        let mut settings = settings(config, certificate, remote.clone(), refusal.clone())?;
        settings.srtp_protection_profiles = if client {
            own_profiles(config)
        } else {
            profiles_for(config, offered)
        };
        let interval = settings.flight_interval;
        let shared = Arc::new(Shared::default());
        let (link, outputs) = link(wake);
        let (inbound, datagrams) = mpsc::channel(INBOUND);
        let guard = Arc::new(ConnGuard::new(
            client,
            interval,
            config.handshake_timeout / WAITS,
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
            .spawn(run.drive(guard, settings, client))
            .abort_handle();
        Ok(Driver {
            shared,
            outputs,
            inbound,
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
    ) {
        let output = match DTLSConn::new(guard.clone(), settings, client, None).await {
            Ok(conn) => {
                self.shared.establish();
                match self.established(&conn, &guard, client).await {
                    Ok(established) => {
                        self.link
                            .send(Output::Connected(Box::new(established)))
                            .await;
                        self.read(conn).await
                    }
                    Err(reason) => Output::Failed(reason),
                }
            }
            Err(error) => Output::Failed(self.failure(&error)),
        };
        self.link.send(output).await;
    }

    async fn established(
        &self,
        conn: &DTLSConn,
        guard: &ConnGuard,
        client: bool,
    ) -> Result<Established, FailureReason> {
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
        let secrets = Secrets::of(&state, client).ok_or(FailureReason::Engine)?;
        if !client && !guard.client_finished(&secrets).await {
            return Err(FailureReason::Crypto);
        }
        let sealer = Sealer::new(&secrets, client, guard.nonces());
        let suite = self.shared.cipher_suite.load(Ordering::Relaxed);
        let mut established = Established {
            peer_certificate,
            cipher_suite: cipher_suite_name(u16::try_from(suite).unwrap_or_default()),
            srtp: None,
            sealer: sealer.ok_or(FailureReason::Engine)?,
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

    /// Hands out what comes until the peer closes.
    async fn read(&self, conn: DTLSConn) -> Output {
        let mut buffer = vec![0; MAX_DATAGRAM];
        while let Ok(len) = conn.read(&mut buffer, None).await {
            let data = Bytes::copy_from_slice(&buffer[..len]);
            self.link.send(Output::Data(data)).await;
        }
        // This goes through the queue in which the answer to a close_notify stands, if the reader
        // has ended because of one. Otherwise it has panicked.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, conn.close()).await;
        if self.shared.alerts.load(Ordering::Relaxed) > 1 {
            Output::Closed
        } else {
            Output::Failed(FailureReason::Engine)
        }
    }

    fn failure(&self, error: &Error) -> FailureReason {
        if let Some(reason) = self.refusal.get() {
            return *reason;
        }
        match error {
            Error::ErrAlertFatalOrClose => match self.shared.alert.load(Ordering::Relaxed) {
                // Its own, to something that it could not read.
                0 => FailureReason::PeerMisbehaved,
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
            Error::MpscSend(_)
            | Error::Util(_)
            | Error::ErrInvalidFsmTransition
            | Error::ErrNoCertificates
            | Error::ErrInvalidPrivateKey
            | Error::ErrServerMustHaveCertificate => FailureReason::Engine,
            // All that is left is about what the peer has sent.
            _ => FailureReason::PeerMisbehaved,
        }
    }
}

fn settings(
    config: &Config,
    certificate: &Certificate,
    remote: FingerprintSet,
    refusal: Arc<OnceLock<FailureReason>>,
) -> Result<webrtc_dtls::config::Config, StartError> {
    if config.versions == Versions::Only13 {
        return Err(StartError::UnsupportedVersion);
    }
    Ok(webrtc_dtls::config::Config {
        certificates: vec![own(certificate)?],
        // AEAD only.
        cipher_suites: vec![
            CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
            CipherSuiteId::Tls_Ecdhe_Rsa_With_Aes_128_Gcm_Sha256,
        ],
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

/// What a client offers: it fails where the server does not answer to it, so nothing that is not
/// wanted.
fn own_profiles(config: &Config) -> Vec<SrtpProtectionProfile> {
    let wanted = config.srtp_profiles.iter();
    wanted.map(|profile| protection_profile(*profile)).collect()
}

/// What a server takes: of what is offered the first that is wanted, or that anybody wants, for
/// there are clients that close without. It fails where it has nothing of the client's list, so it
/// also has what we have no keys for; a profile that it does not know is `Unsupported` to it, and
/// is not answered.
fn profiles_for(config: &Config, offered: &[u16]) -> Vec<SrtpProtectionProfile> {
    let common = |profiles: Vec<SrtpProtectionProfile>| {
        let first = offered
            .iter()
            .map(|number| SrtpProtectionProfile::from(*number))
            .find(|profile| profiles.contains(profile));
        first.map(|profile| vec![profile])
    };
    let all = SrtpProfile::ALL.map(protection_profile).to_vec();
    common(own_profiles(config))
        .or_else(|| common(all.clone()))
        .unwrap_or_else(|| {
            let others = [
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32,
                SrtpProtectionProfile::Unsupported,
            ];
            all.into_iter().chain(others).collect()
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
