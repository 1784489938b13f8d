//! The DTLS transport over real sockets, on each engine: roles, certificates, keys, stopping.

#[path = "harness/time_limit.rs"]
mod time_limit;

use std::time::{Duration, SystemTime};

use actix_rtc::proto::dtls::{ExportError, SrtpProfile, StartError};
use actix_rtc::proto::random::Random;
use actix_rtc::{
    Certificate, Config, DtlsEngine, DtlsError, DtlsFingerprint, DtlsParameters, DtlsRole,
    DtlsTransport, DtlsTransportState, IceGatherer, IceRole, IceTransport, Runtime, SessionOptions,
};
use time_limit::{until, within};

const ENGINES: &[DtlsEngine] = &[
    DtlsEngine::Dimpl,
    #[cfg(feature = "dtls-webrtc")]
    DtlsEngine::WebrtcDtls,
];

fn runtime(engine: DtlsEngine) -> Runtime {
    let mut config = Config::default()
        .workers(1)
        .loopback(true)
        .dtls_engine(engine);
    config.dtls.srtp_profiles = SrtpProfile::ALL.to_vec();
    config.dtls.handshake_timeout = Duration::from_secs(10);
    Runtime::builder().config(config).start().unwrap()
}

/// One side, gathered, with what is above ICE in `dtls`.
struct Side {
    gatherer: IceGatherer,
    ice: IceTransport,
    dtls: DtlsTransport,
}

impl Side {
    async fn new(rtc: &Runtime, certificate: Option<Certificate>) -> Side {
        let gatherer = rtc.gatherer(SessionOptions::default()).unwrap();
        within(gatherer.gather(Some(vec![]))).await.unwrap();
        let ice = IceTransport::new(&gatherer).unwrap();
        let dtls = match certificate {
            Some(certificate) => DtlsTransport::with_certificate(&ice, certificate),
            None => DtlsTransport::new(&ice),
        };
        Side {
            gatherer,
            ice,
            dtls: dtls.unwrap(),
        }
    }

    async fn pair(rtc: &Runtime) -> [Side; 2] {
        let pair = [Side::new(rtc, None).await, Side::new(rtc, None).await];
        pair[1].ice.set_role(IceRole::Controlled);
        pair
    }

    /// Connects ICE.
    async fn join(&self, far: &Side) {
        for candidate in far.gatherer.local_candidates() {
            self.ice.add_remote_candidate(candidate);
        }
        let parameters = far.gatherer.local_parameters();
        self.ice.start(parameters).await.unwrap();
    }

    async fn connect(&self, far: &Side) -> Result<(), DtlsError> {
        let parameters = far.dtls.local_parameters();
        self.join(far).await;
        self.dtls.start(parameters).await
    }
}

async fn connect([one, two]: &[Side; 2]) -> [Result<(), DtlsError>; 2] {
    let (one, two) = within(async { tokio::join!(one.connect(two), two.connect(one)) }).await;
    [one, two]
}

#[tokio::test]
async fn the_local_parameters_say_which_role_was_decided_and_certificates_and_keys_fit() {
    use DtlsRole::{Auto, Client, Server};
    // What each side asks for; the controlled side is the client where nobody does.
    let cases = [
        ([Auto, Auto], [Server, Client]),
        ([Client, Auto], [Client, Server]),
        ([Auto, Client], [Server, Client]),
        ([Server, Client], [Server, Client]),
    ];
    for engine in ENGINES {
        let rtc = runtime(*engine);
        for (asked, decided) in cases {
            let pair = Side::pair(&rtc).await;
            for (side, role) in pair.iter().zip(asked) {
                assert_eq!(side.dtls.local_parameters().role, Auto);
                side.dtls.set_role(role);
            }
            assert_eq!(connect(&pair).await, [Ok(()), Ok(())], "{engine:?}");
            let roles = pair.each_ref().map(|s| s.dtls.local_parameters().role);
            assert_eq!(roles, decided, "{engine:?} {asked:?}");

            let [one, two] = pair.each_ref().map(|side| &side.dtls);
            let keys = one.srtp_keying_material().unwrap();
            assert_eq!(Some(&keys), two.srtp_keying_material().as_ref());
            for (near, far) in [(one, two), (two, one)] {
                let certificate = &near.remote_certificates()[0];
                let announced = &far.local_parameters().fingerprints[0];
                let algorithm = actix_rtc::proto::dtls::HashAlgorithm::Sha256;
                assert_eq!(
                    *announced,
                    DtlsFingerprint::of_certificate(algorithm, certificate)
                );
                assert!(near.selected_cipher().is_some() && near.version().is_some());
            }
            let exported = [
                one.export_keying_material("EXPORTER-test", &[], 32).await,
                two.export_keying_material("EXPORTER-test", &[], 32).await,
            ];
            match engine {
                DtlsEngine::Dimpl => assert_eq!(exported[0], Err(ExportError::Unsupported)),
                DtlsEngine::WebrtcDtls => assert_eq!(exported[0].as_ref().map(Vec::len), Ok(32)),
                other => panic!("not expected of {}", other.as_str()),
            }
            assert_eq!(exported[0], exported[1]);
        }
    }
}

#[tokio::test]
async fn a_wrong_fingerprint_fails_both_sides_by_name_whichever_role_is_deceived() {
    for engine in ENGINES {
        let rtc = runtime(*engine);
        for role in [DtlsRole::Client, DtlsRole::Server] {
            let [deceived, honest] = Side::pair(&rtc).await;
            deceived.dtls.set_role(role);
            let mut parameters = honest.dtls.local_parameters();
            parameters.fingerprints[0].value = ["00"; 32].join(":");
            let expects_another = async {
                deceived.join(&honest).await;
                deceived.dtls.start(parameters).await
            };
            let outcome =
                within(async { tokio::join!(expects_another, honest.connect(&deceived)) }).await;
            let failure = match outcome.0 {
                Err(DtlsError::Failed(failure)) => failure,
                other => panic!("{engine:?} {role:?}: {other:?}"),
            };
            assert_eq!(failure.reason.as_str(), "fingerprint_mismatch");
            assert_ne!(deceived.dtls.state(), DtlsTransportState::Connected);
            assert!(deceived.dtls.remote_certificates().is_empty());
            assert_eq!(deceived.dtls.srtp_keying_material(), None);
            // In DTLS 1.3 a client is connected before its server has seen its certificate, and has
            // no way to tell a server that it does not believe.
            let told = async {
                loop {
                    match honest.dtls.failure() {
                        Some(failure) => return failure,
                        None => tokio::time::sleep(Duration::from_millis(5)).await,
                    }
                }
            };
            let told = within(told).await;
            let expected = match (engine, role) {
                (DtlsEngine::Dimpl, DtlsRole::Client) => "handshake_timeout",
                _ => "peer_rejected",
            };
            assert_eq!(told.reason.as_str(), expected, "{engine:?} {role:?}");
        }
    }
}

#[tokio::test]
async fn what_cannot_work_is_an_error_at_once() {
    let now = SystemTime::now();
    let hour = Duration::from_secs(3600);
    let mut random = Random::from_number(1);
    let expired = Certificate::generate(&mut random, now - 48 * hour, hour).unwrap();
    for engine in ENGINES {
        let rtc = runtime(*engine);
        let side = Side::new(&rtc, None).await;
        let start = |fingerprints| {
            within(side.dtls.start(DtlsParameters {
                fingerprints,
                role: DtlsRole::Auto,
            }))
        };
        let error = start(vec![]).await.unwrap_err();
        assert!(
            matches!(&error, DtlsError::Start(e) if e.as_str() == "no_fingerprints"),
            "{error}"
        );
        let md5 = DtlsFingerprint {
            algorithm: "md5".into(),
            value: "AB".into(),
        };
        let error = start(vec![md5]).await.unwrap_err();
        assert!(
            matches!(&error, DtlsError::Start(e) if e.as_str() == "unknown_algorithms"),
            "{error}"
        );
        assert_eq!(side.dtls.state(), DtlsTransportState::New);

        let old = Side::new(&rtc, Some(expired.clone())).await;
        let parameters = side.dtls.local_parameters();
        let error = within(old.dtls.start(parameters)).await.unwrap_err();
        assert_eq!(error, DtlsError::Start(StartError::CertificateExpired));
    }
    let refused = Runtime::builder().certificate(expired).start();
    assert!(matches!(
        refused.err(),
        Some(actix_rtc::StartError::CertificateExpired)
    ));
}

#[tokio::test]
async fn stop_in_the_handshake_twice_and_from_a_callback_ends_a_start_that_waits() {
    for engine in ENGINES {
        let rtc = runtime(*engine);
        // The peer never starts its DTLS.
        let [near, far] = Side::pair(&rtc).await;
        let (starting, parameters) = (near.dtls.clone(), far.dtls.local_parameters());
        let (_, _) = within(async { tokio::join!(near.join(&far), far.join(&near)) }).await;
        let start = tokio::spawn(async move { starting.start(parameters).await });
        until(|| near.dtls.state() == DtlsTransportState::Connecting).await;
        within(async { tokio::join!(near.dtls.stop(), near.dtls.stop()) }).await;
        within(near.dtls.stop()).await;
        assert_eq!(near.dtls.state(), DtlsTransportState::Closed);
        assert_eq!(within(start).await.unwrap(), Err(DtlsError::Closed));

        // From inside the callback that says that it is connected.
        let pair = Side::pair(&rtc).await;
        let stopping = pair[0].dtls.clone();
        pair[0].dtls.on_state_change(move |state| {
            if state == DtlsTransportState::Connected {
                let stopping = stopping.clone();
                tokio::spawn(async move { stopping.stop().await });
            }
        });
        let _ = connect(&pair).await;
        // close_notify closes the other side, too.
        let is_closed = |side: &Side| side.dtls.state() == DtlsTransportState::Closed;
        until(|| pair.iter().all(is_closed)).await;
    }
}
