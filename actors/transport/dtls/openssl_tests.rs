//! Both engines against OpenSSL, in both roles.

use std::time::Duration;

use proto::dtls::{
    AlertDescription, Certificate, Config, Event, ExportError, FailureReason, Fingerprint,
    HashAlgorithm, Role, SrtpProfile, State, Version,
};

use super::engine_testkit::{certificate, now};
use super::openssl_testkit::*;
use crate::base::config::DtlsEngine;

const ENGINES: [DtlsEngine; 2] = [DtlsEngine::Dimpl, DtlsEngine::WebrtcDtls];
const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Has the exporter print what SRTP is keyed with.
const SRTP: [&str; 6] = [
    "-use_srtp",
    "SRTP_AES128_CM_SHA1_80",
    "-keymatexport",
    "EXTRACTOR-dtls_srtp",
    "-keymatexportlen",
    "60",
];

/// A server wants a certificate, and takes any.
fn openssl(role: Role, certificate: &Certificate, args: &[&'static str]) -> OpenSsl {
    let mut args = args.to_vec();
    if role == Role::Client {
        args.extend(["-Verify", "1"]);
    }
    OpenSsl::new(certificate, &args)
}

/// Each engine in each role.
fn each(mut test: impl FnMut(DtlsEngine, Role)) {
    if openssl_is_here() {
        for kind in ENGINES {
            for role in ROLES {
                test(kind, role);
            }
        }
    }
}

fn with_srtp() -> Config {
    Config::default().srtp_profiles(SrtpProfile::ALL.to_vec())
}

async fn connect(
    kind: DtlsEngine,
    role: Role,
    config: Config,
    expected: &[Fingerprint],
    openssl: &OpenSsl,
) -> Trial {
    let mut trial = Trial::start(kind, role, config, &certificate(1), expected, openssl).await;
    trial.until("end", |t| !t.events.is_empty()).await;
    trial
}

/// Both sides talk.
async fn assert_alive(trial: &mut Trial) {
    trial.openssl.type_line("good day from openssl");
    let line = b"good day from openssl\n";
    trial
        .until("data", |t| t.data().iter().any(|d| &d[..] == line))
        .await;
    trial.send(b"good day from us\n");
    trial.until_said("good day from us").await;
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn openssl_connects_moves_data_exports_the_same_bytes_and_either_side_closes() {
    each(|kind, role| {
        for we_close in [true, false] {
            // s_server closes its socket without a word.
            if role == Role::Client && !we_close {
                continue;
            }
            real_time(async {
                let theirs = certificate(2);
                let openssl = openssl(role, &theirs, &SRTP);
                let expected = theirs.fingerprints();
                let mut trial = connect(kind, role, with_srtp(), &expected, &openssl).await;
                assert_eq!(trial.events, [Event::Connected], "{kind:?} {role}");
                assert_eq!(trial.engine.version(), Some(Version::Dtls12));
                let peer = trial.engine.peer_certificate().unwrap();
                assert_eq!(&peer[..], theirs.der());
                assert_alive(&mut trial).await;

                let exported = trial.openssl.after("Keying material: ").unwrap();
                let keys = trial.engine.srtp_keying_material().unwrap();
                assert_eq!(keys.profile(), SrtpProfile::Aes128CmHmacSha1_80);
                assert_eq!(hex(keys.as_bytes()), exported, "{kind:?} {role}");
                let engine = &trial.engine;
                let generic = engine.export_keying_material("EXTRACTOR-dtls_srtp", &[], 60);
                match kind {
                    DtlsEngine::Dimpl => assert_eq!(generic, Err(ExportError::Unsupported)),
                    DtlsEngine::WebrtcDtls => assert_eq!(hex(&generic.unwrap()), exported),
                }

                if we_close {
                    trial.engine.close(now());
                    trial.until_ended().await;
                } else {
                    trial.openssl.type_line("Q");
                    let closed = |t: &Trial| t.engine.state() == State::Closed;
                    trial.until("close", closed).await;
                    assert_eq!(trial.events.last(), Some(&Event::Closed));
                }
            });
        }
    });
}

#[test]
fn each_srtp_profile_that_openssl_knows_gives_the_same_keys() {
    let profiles = [
        (SrtpProfile::AeadAes128Gcm, "SRTP_AEAD_AES_128_GCM", "56"),
        (SrtpProfile::AeadAes256Gcm, "SRTP_AEAD_AES_256_GCM", "88"),
    ];
    each(|kind, role| {
        for (profile, name, len) in profiles {
            real_time(async {
                let theirs = certificate(2);
                let mut args = SRTP;
                (args[1], args[5]) = (name, len);
                let openssl = openssl(role, &theirs, &args);
                let expected = theirs.fingerprints();
                let mut trial = connect(kind, role, with_srtp(), &expected, &openssl).await;
                trial.until_said("Keying material: ").await;
                assert_alive(&mut trial).await;
                let keys = trial.engine.srtp_keying_material().unwrap();
                assert_eq!(keys.profile(), profile);
                let exported = trial.openssl.after("Keying material: ").unwrap();
                assert_eq!(hex(keys.as_bytes()), exported, "{kind:?} {role} {name}");
            });
        }
    });
}

#[test]
fn an_openssl_without_srtp_or_with_a_profile_of_its_own_still_gets_its_data() {
    each(|kind, role| {
        for args in [&[][..], &["-use_srtp", "SRTP_AES128_CM_SHA1_32"]] {
            // webrtc-dtls as a client fails where the server does not answer to its profiles: it
            // is to be told of none then.
            let wanted = match (kind, role) {
                (DtlsEngine::WebrtcDtls, Role::Client) => Config::default(),
                _ => with_srtp(),
            };
            real_time(async {
                let theirs = certificate(2);
                let openssl = openssl(role, &theirs, args);
                let expected = theirs.fingerprints();
                let mut trial = connect(kind, role, wanted, &expected, &openssl).await;
                assert_eq!(trial.events, [Event::Connected], "{kind:?} {role} {args:?}");
                assert_eq!(trial.engine.srtp_keying_material(), None);
                assert_alive(&mut trial).await;
            });
        }
    });
}

#[test]
fn an_openssl_with_the_wrong_certificate_is_told_so_and_nothing_is_believed() {
    each(|kind, role| {
        real_time(async {
            let openssl = openssl(role, &certificate(2), &SRTP);
            let expected = certificate(99).fingerprints();
            let mut trial = connect(kind, role, with_srtp(), &expected, &openssl).await;
            let mismatch = Event::Failed(FailureReason::FingerprintMismatch);
            assert_eq!(trial.events, [mismatch], "{kind:?} {role}");
            trial.until_said("alert bad certificate").await;
            assert!(trial.engine.srtp_keying_material().is_none());
            assert!(trial.engine.peer_certificate().is_none());
            assert_eq!(trial.events.len(), 1);
        });
    });
}

#[test]
fn an_openssl_that_does_not_believe_us_has_rejected_us() {
    each(|kind, role| {
        real_time(async {
            let theirs = certificate(2);
            // No authority has signed our certificate.
            let openssl = openssl(role, &theirs, &["-verify_return_error"]);
            let expected = theirs.fingerprints();
            let trial = connect(kind, role, Config::default(), &expected, &openssl).await;
            let rejected = Event::Failed(FailureReason::PeerRejected);
            assert_eq!(trial.events, [rejected], "{kind:?} {role}");
        });
    });
}

#[test]
fn an_openssl_without_a_certificate_is_refused() {
    each(|kind, role| {
        if role == Role::Client {
            // There is no such server.
            return;
        }
        real_time(async {
            let openssl = OpenSsl::default();
            let expected = certificate(2).fingerprints();
            let mut trial = connect(kind, role, Config::default(), &expected, &openssl).await;
            let refused = Event::Failed(FailureReason::NoPeerCertificate);
            assert_eq!(trial.events, [refused], "{kind:?}");
            trial.until_said("alert").await;
        });
    });
}

#[test]
fn an_openssl_without_extended_master_secret_is_refused() {
    let config = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n\
                  [c]\nOptions = -ExtendedMasterSecret\n";
    each(|kind, role| {
        real_time(async {
            let theirs = certificate(2);
            let mut openssl = openssl(role, &theirs, &[]);
            openssl.config = Some(config);
            let expected = theirs.fingerprints();
            let mut trial = connect(kind, role, Config::default(), &expected, &openssl).await;
            let refused = Event::Failed(FailureReason::NoExtendedMasterSecret);
            assert_eq!(trial.events, [refused], "{kind:?} {role}");
            trial.until_said("alert").await;
        });
    });
}

#[test]
fn an_openssl_with_an_rsa_certificate_is_taken_where_the_engine_can() {
    each(|kind, role| {
        real_time(async {
            let theirs = Certificate::from_pem(&test_pem("rsa.pem")).unwrap();
            let openssl = openssl(role, &theirs, &[]);
            let expected = theirs.fingerprints();
            let config = Config::default()
                // An alert in answer to our hello may be anybody's, and is not believed at once.
                .handshake_timeout(Duration::from_secs(3));
            let mut trial = connect(kind, role, config, &expected, &openssl).await;
            if kind == DtlsEngine::WebrtcDtls {
                assert_eq!(trial.events, [Event::Connected], "{role}");
                assert_alive(&mut trial).await;
            } else {
                // As a client we know no cipher suite with RSA; as a server we do not ask for it.
                let reason = match role {
                    Role::Client => FailureReason::PeerAlert(AlertDescription::HANDSHAKE_FAILURE),
                    Role::Server => FailureReason::NoPeerCertificate,
                };
                assert_eq!(trial.events, [Event::Failed(reason)], "{role}");
            }
        });
    });
}

#[test]
fn a_hello_of_openssl_in_six_datagrams_is_put_together() {
    // As large as one with a post-quantum key share.
    let protocols = ["a-protocol-of-quite-a-long-name"; 36].join(",");
    let protocols: &'static str = protocols.leak();
    for kind in ENGINES.into_iter().filter(|_| openssl_is_here()) {
        real_time(async {
            let theirs = certificate(2);
            let args = ["-mtu", "256", "-alpn", protocols];
            let openssl = openssl(Role::Server, &theirs, &args);
            let expected = theirs.fingerprints();
            let mut trial =
                connect(kind, Role::Server, Config::default(), &expected, &openssl).await;
            assert_eq!(trial.events, [Event::Connected], "{kind:?}");
            assert!(
                trial.received >= 12,
                "twice, with a cookie: {}",
                trial.received
            );
            assert_alive(&mut trial).await;
        });
    }
}

#[test]
fn each_hash_of_a_certificate_of_openssl_suffices_among_others() {
    let algorithms = [
        HashAlgorithm::Sha256,
        HashAlgorithm::Sha384,
        HashAlgorithm::Sha512,
    ];
    each(|kind, role| {
        for algorithm in algorithms {
            real_time(async {
                let theirs = certificate(2);
                let mut right = theirs.fingerprint(algorithm);
                right.value = right.value.to_lowercase();
                let wrong = certificate(99).fingerprint(algorithm);
                let unknown = Fingerprint {
                    algorithm: "sha-1".into(),
                    value: "AB".into(),
                };
                let expected = [wrong, unknown, right];
                let openssl = openssl(role, &theirs, &[]);
                let trial = connect(kind, role, Config::default(), &expected, &openssl).await;
                assert_eq!(trial.events, [Event::Connected], "{kind:?} {role}");
            });
        }
    });
}
