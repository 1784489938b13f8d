//! The usage examples of aiortc's transport classes, each by its name and run to its end.

#[path = "harness/time_limit.rs"]
mod time_limit;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_rtc::{
    Config, DtlsRole, DtlsTransport, DtlsTransportState, IceGatherer, IceGathererState,
    IceParameters, IceServer, IceTransport, IceTransportState, Runtime, SctpTransport,
    SctpTransportState, SessionOptions,
};
use time_limit::within;

fn runtime() -> Runtime {
    let config = Config::default().workers(2).loopback(true);
    Runtime::builder().config(config).start().unwrap()
}

fn gatherer(rtc: &Runtime) -> IceGatherer {
    rtc.gatherer(SessionOptions::default()).unwrap()
}

#[tokio::test]
async fn ice_transport_setup() {
    let rtc = runtime();
    let gatherer = gatherer(&rtc);
    let defaults = IceGatherer::default_ice_servers();
    assert!(defaults[0].urls[0].starts_with("stun:"));

    // Neither server can be reached from here: each is an event, and gathering completes.
    let servers = vec![
        IceServer::stun("stun:127.0.0.1:9"),
        IceServer::turn("turn:turnserver.invalid:3478", "user", "pass"),
    ];
    let mut events = gatherer.events();
    within(gatherer.gather(Some(servers))).await.unwrap();
    assert_eq!(gatherer.state(), IceGathererState::Complete);
    let mut failed = Vec::new();
    while let Ok(Some(event)) =
        tokio::time::timeout(Duration::from_millis(100), events.next()).await
    {
        if let actix_rtc::IceGathererEvent::CandidateError(error) = event {
            assert_eq!(error.code, 701, "{error:?}");
            failed.push(error.url);
        }
    }
    assert!(
        failed.iter().any(|url| url.contains("127.0.0.1:9")),
        "{failed:?}"
    );
    assert!(
        failed.iter().any(|url| url.contains("turnserver.invalid")),
        "{failed:?}"
    );

    let parameters = gatherer.local_parameters();
    assert!(parameters.username_fragment.len() >= 4 && parameters.password.len() >= 22);
    let candidates = gatherer.local_candidates();
    assert!(!candidates.is_empty());
    for candidate in &candidates {
        assert!(
            candidate.to_string().starts_with("candidate:"),
            "{candidate}"
        );
    }

    let transport = IceTransport::new(&gatherer).unwrap();
    assert_eq!(transport.state(), IceTransportState::New);
    let second = IceTransport::new(&gatherer).unwrap_err();
    assert_eq!(second, actix_rtc::InvalidState::AlreadyExists);
}

#[tokio::test]
async fn dtls_transport_setup() {
    let rtc = runtime();
    let gatherer = gatherer(&rtc);
    within(gatherer.gather(Some(vec![]))).await.unwrap();
    let ice = IceTransport::new(&gatherer).unwrap();
    let dtls = DtlsTransport::new(&ice).unwrap();

    let local = dtls.local_parameters();
    assert_eq!(local.role, DtlsRole::Auto);
    assert!(local.fingerprints.iter().any(|f| f.algorithm == "sha-256"));
    dtls.on_state_change(|state| println!("DTLS state changed to: {state}"));
    assert_eq!(dtls.state(), DtlsTransportState::New);
}

#[tokio::test]
async fn sctp_transport_setup() {
    let rtc = runtime();
    let gatherer = gatherer(&rtc);
    within(gatherer.gather(Some(vec![]))).await.unwrap();
    let ice = IceTransport::new(&gatherer).unwrap();
    let dtls = DtlsTransport::new(&ice).unwrap();
    let sctp = SctpTransport::new(&dtls).unwrap();

    assert_eq!(SctpTransport::capabilities().max_message_size, 262_144);
    assert_eq!(sctp.port(), 5000);
    assert_eq!(sctp.max_channels(), None);
    assert!(!sctp.is_server());
    assert_eq!(sctp.state(), SctpTransportState::New);
    sctp.on_state_change(|state| println!("SCTP state changed to: {state}"));
}

#[tokio::test]
async fn complete_transport_stack() {
    let rtc = runtime();
    let stack = || async {
        let gatherer = gatherer(&rtc);
        within(gatherer.gather(Some(vec![]))).await.unwrap();
        let ice = IceTransport::new(&gatherer).unwrap();
        let dtls = DtlsTransport::new(&ice).unwrap();
        let sctp = SctpTransport::new(&dtls).unwrap();
        (gatherer, ice, dtls, sctp)
    };
    let (gatherer1, ice1, dtls1, sctp1) = stack().await;
    let (gatherer2, ice2, dtls2, sctp2) = stack().await;
    assert_eq!(ice1.state(), IceTransportState::New);
    ice2.set_role(actix_rtc::IceRole::Controlled);
    for candidate in gatherer1.local_candidates() {
        ice2.add_remote_candidate(candidate);
    }
    for candidate in gatherer2.local_candidates() {
        ice1.add_remote_candidate(candidate);
    }
    let start = async |ice: &IceTransport,
                       dtls: &DtlsTransport,
                       sctp: &SctpTransport,
                       parameters: IceParameters,
                       fingerprints: actix_rtc::DtlsParameters| {
        ice.start(parameters).await.unwrap();
        dtls.start(fingerprints).await.unwrap();
        sctp.start(SctpTransport::capabilities(), None)
            .await
            .unwrap();
    };
    let (p1, p2) = (gatherer1.local_parameters(), gatherer2.local_parameters());
    let (d1, d2) = (dtls1.local_parameters(), dtls2.local_parameters());
    within(async {
        tokio::join!(
            start(&ice1, &dtls1, &sctp1, p2, d2),
            start(&ice2, &dtls2, &sctp2, p1, d1)
        )
    })
    .await;
    assert_eq!(sctp1.state(), SctpTransportState::Connected);
    assert_ne!(sctp1.is_server(), sctp2.is_server());
    assert_eq!(dtls1.remote_certificates().len(), 1);
    assert_ne!(dtls1.local_parameters().role, dtls2.local_parameters().role);

    let channel = sctp1
        .create_data_channel("stack", Default::default())
        .await
        .unwrap();
    let accepted = within(sctp2.accept()).await.unwrap();
    within(channel.send("over the complete stack"))
        .await
        .unwrap();
    assert_eq!(
        within(accepted.recv()).await.unwrap().as_bytes(),
        b"over the complete stack"
    );
}

/// The first `start` is awaited before the second is called, and yet it connects.
#[tokio::test]
async fn ice_candidate_exchange() {
    let rtc = runtime();
    let (gatherer1, gatherer2) = (gatherer(&rtc), gatherer(&rtc));
    within(gatherer1.gather(Some(vec![]))).await.unwrap();
    within(gatherer2.gather(Some(vec![]))).await.unwrap();
    let ice1 = IceTransport::new(&gatherer1).unwrap();
    let ice2 = IceTransport::new(&gatherer2).unwrap();
    let (params1, params2) = (gatherer1.local_parameters(), gatherer2.local_parameters());
    for candidate in gatherer1.local_candidates() {
        ice2.add_remote_candidate(candidate);
    }
    for candidate in gatherer2.local_candidates() {
        ice1.add_remote_candidate(candidate);
    }
    within(ice1.start(params2)).await.unwrap();
    within(ice2.start(params1)).await.unwrap();
    assert!(ice1.selected_pair().is_some() && ice2.selected_pair().is_some());
    assert_ne!(ice1.role(), ice2.role(), "both began as controlling");
}

#[tokio::test]
async fn transport_error_handling() {
    let rtc = runtime();
    let gatherer = gatherer(&rtc);
    let ice = IceTransport::new(&gatherer).unwrap();
    let dtls = DtlsTransport::new(&ice).unwrap();
    ice.on_error(|error| println!("ICE error: {error}"));
    dtls.on_error(|error| println!("DTLS error: {error}"));

    let invalid = IceParameters {
        username_fragment: String::new(),
        password: String::new(),
        ice_lite: false,
    };
    let error = within(ice.start(invalid.clone())).await.unwrap_err();
    assert!(error.to_string().contains("gather"), "{error}");
    within(gatherer.gather(Some(vec![]))).await.unwrap();
    let error = within(ice.start(invalid)).await.unwrap_err();
    assert!(
        matches!(error, actix_rtc::IceError::Parameters(_)),
        "{error}"
    );
    let error = within(dtls.start(Default::default())).await.unwrap_err();
    assert!(matches!(error, actix_rtc::DtlsError::Start(_)), "{error}");

    within(dtls.stop()).await;
    within(ice.stop()).await;
    within(ice.stop()).await;
    assert_eq!(dtls.state(), DtlsTransportState::Closed);
    assert_eq!(ice.state(), IceTransportState::Closed);
}

#[tokio::test]
async fn monitor_transport_states() {
    let rtc = runtime();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let session1 = rtc.session(SessionOptions::default()).unwrap();
    let session2 = rtc.session(SessionOptions::default()).unwrap();
    {
        let (ice, dtls, sctp) = (seen.clone(), seen.clone(), seen.clone());
        session1
            .ice()
            .on_state_change(move |s| ice.lock().unwrap().push(format!("ice {s}")));
        session1
            .dtls()
            .on_state_change(move |s| dtls.lock().unwrap().push(format!("dtls {s}")));
        session1
            .sctp()
            .on_state_change(move |s| sctp.lock().unwrap().push(format!("sctp {s}")));
    }
    within(async {
        let answer = session2
            .accept(&session1.offer().await.unwrap())
            .await
            .unwrap();
        session1.set_answer(&answer).await.unwrap();
        session1.connected().await.unwrap();
        session1.close().await;
    })
    .await;
    // The callbacks run behind the close, on the session's worker.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let seen = seen.lock().unwrap();
    for state in [
        "ice checking",
        "ice connected",
        "dtls connecting",
        "dtls connected",
        "sctp connecting",
        "sctp connected",
        "sctp closed",
        "dtls closed",
        "ice closed",
    ] {
        assert!(
            seen.iter().any(|s| s == state),
            "{state} is missing in {seen:?}"
        );
    }
}
