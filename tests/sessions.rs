//! Two sessions on one machine, over real sockets.

#[path = "harness/pair.rs"]
mod pair;
#[path = "harness/time_limit.rs"]
mod time_limit;

use std::time::Duration;

use actix_rtc::{
    ActorKind, ConnectError, DataChannelOptions, DataChannelState, DtlsEngine, DtlsTransportEvent,
    DtlsTransportState, Event, Message, OpenError, Reason, Runtime, SctpTransportEvent, SendError,
    Session, SessionOptions, SessionState, TransportError,
};
use bytes::Bytes;
use pair::{channel, config, connect, dialling, start};
use time_limit::{until, within};

/// An offerer on its own sockets, and an answerer on the shared port.
async fn connected(rtc: &Runtime, offers: DtlsEngine, answers: DtlsEngine) -> (Session, Session) {
    let session = |engine, options: SessionOptions| {
        let options = options.dtls_engine(engine);
        rtc.session(options).unwrap()
    };
    let offerer = session(offers, dialling());
    let answerer = session(answers, SessionOptions::default());
    connect(&offerer, &answerer).await;
    (offerer, answerer)
}

async fn exchanges_everything(offers: DtlsEngine, answers: DtlsEngine) {
    let rtc = start(config(2));
    let (a, b) = connected(&rtc, offers, answers).await;
    let (ours, theirs) = channel(&a, &b).await;
    assert_eq!(theirs.label(), "test");
    let large: Bytes = (0..200_000u32).map(|i| i as u8).collect::<Vec<_>>().into();
    for message in [
        Message::text("grüß dich"),
        Message::binary(&b"\0\x01\xff"[..]),
        Message::text(""),
        Message::binary(Bytes::new()),
        Message::binary(large),
    ] {
        within(ours.send(message.clone())).await.unwrap();
        assert_eq!(within(theirs.recv()).await, Some(message.clone()));
        within(theirs.send(message.clone())).await.unwrap();
        assert_eq!(within(ours.recv()).await, Some(message));
    }
    let too_large = vec![0; 262_145];
    let refused = within(ours.send(Message::binary(too_large))).await;
    assert_eq!(
        refused,
        Err(SendError::TooLarge {
            size: 262_145,
            limit: 262_144
        })
    );

    within(a.close()).await;
    within(b.closed()).await;
    assert_eq!(
        (a.state(), b.state()),
        (SessionState::Closed, SessionState::Closed)
    );
    assert_eq!(theirs.state(), DataChannelState::Closed);
    assert_eq!(within(theirs.recv()).await, None);
    assert_eq!(rtc.session_count(), 0);
}

/// The failure that kept a session from being connected.
fn failed(connected: Result<(), ConnectError>) -> TransportError {
    match connected.unwrap_err() {
        ConnectError::Failed(error) => error,
        closed => panic!("{closed}"),
    }
}

#[tokio::test]
async fn every_kind_of_message_crosses_between_dimpl_and_dimpl() {
    exchanges_everything(DtlsEngine::Dimpl, DtlsEngine::Dimpl).await;
}

#[cfg(feature = "dtls-webrtc")]
#[tokio::test]
async fn every_kind_of_message_crosses_from_webrtc_dtls_to_dimpl() {
    exchanges_everything(DtlsEngine::WebrtcDtls, DtlsEngine::Dimpl).await;
}

#[cfg(feature = "dtls-webrtc")]
#[tokio::test]
async fn every_kind_of_message_crosses_from_dimpl_to_webrtc_dtls() {
    exchanges_everything(DtlsEngine::Dimpl, DtlsEngine::WebrtcDtls).await;
}

#[cfg(feature = "dtls-webrtc")]
#[tokio::test]
async fn every_kind_of_message_crosses_between_webrtc_dtls_and_webrtc_dtls() {
    exchanges_everything(DtlsEngine::WebrtcDtls, DtlsEngine::WebrtcDtls).await;
}

/// In which order a listener hears of a failure.
#[tokio::test]
async fn a_wrong_fingerprint_is_an_error_event_before_the_state_changes() {
    let rtc = start(config(2));
    let offerer = rtc.session(dialling()).unwrap();
    let answerer = rtc.session(SessionOptions::default()).unwrap();
    let mut events = answerer.events();
    let offer = within(offerer.offer()).await.unwrap();
    let line = offer
        .lines()
        .find(|l| l.starts_with("a=fingerprint:"))
        .unwrap();
    let wrong = format!("a=fingerprint:sha-256 {}", ["00"; 32].join(":"));
    let answer = within(answerer.accept(&offer.replace(line, &wrong)))
        .await
        .unwrap();
    within(offerer.set_answer(&answer)).await.unwrap();

    let failure = failed(within(answerer.connected()).await);
    assert_eq!(failure.actor, ActorKind::Dtls);
    assert_eq!(failure.reason.as_str(), "fingerprint_mismatch");
    // When the future resolves, the state shows it already.
    assert_eq!(answerer.dtls().state(), DtlsTransportState::Failed);
    let mut heard = Vec::new();
    while let Ok(Some(event)) =
        tokio::time::timeout(Duration::from_millis(300), events.next()).await
    {
        match event {
            Event::Dtls(DtlsTransportEvent::Error(_)) => heard.push("error"),
            Event::Dtls(DtlsTransportEvent::StateChange(s)) => heard.push(s.as_str()),
            _ => {}
        }
    }
    assert_eq!(heard, ["connecting", "error", "failed"]);
    // The other side does not stay connected.
    let told = failed(within(offerer.connected()).await);
    assert!(matches!(told.reason, Reason::Dtls(_)), "{told}");
}

#[tokio::test]
async fn a_session_closes_with_its_last_handle() {
    let rtc = start(config(2));
    let (a, b) = connected(&rtc, DtlsEngine::Dimpl, DtlsEngine::Dimpl).await;
    let (ours, theirs) = channel(&a, &b).await;
    drop(a);
    within(ours.send("an open channel keeps its session"))
        .await
        .unwrap();
    assert!(within(theirs.recv()).await.is_some());
    drop(ours);
    within(b.closed()).await;
    until(|| rtc.session_count() == 0).await;
}

/// It is a handle when the application has it, and not before.
#[tokio::test]
async fn a_channel_that_nobody_has_accepted_does_not_hold_its_session_open() {
    let rtc = start(config(2));
    let (a, b) = connected(&rtc, DtlsEngine::Dimpl, DtlsEngine::Dimpl).await;
    let mut events = b.sctp().events();
    let options = DataChannelOptions::default();
    let ours = within(a.create_data_channel("waits", options))
        .await
        .unwrap();
    within(ours.opened()).await.unwrap();
    within(async {
        while !matches!(
            events.next().await.unwrap(),
            SctpTransportEvent::DataChannel { .. }
        ) {}
    })
    .await;
    drop(b);
    within(a.closed()).await;
    assert_eq!(within(ours.recv()).await, None);
}

#[tokio::test]
async fn dropping_a_channel_closes_it_after_what_was_sent() {
    let rtc = start(config(2));
    let (a, b) = connected(&rtc, DtlsEngine::Dimpl, DtlsEngine::Dimpl).await;
    let (ours, theirs) = channel(&a, &b).await;
    for number in 0..100u32 {
        within(ours.send(Message::binary(number.to_be_bytes().to_vec())))
            .await
            .unwrap();
    }
    drop(ours);
    for number in 0..100u32 {
        let message = within(theirs.recv()).await.unwrap();
        assert_eq!(message.as_bytes(), number.to_be_bytes());
    }
    assert_eq!(within(theirs.recv()).await, None);
    assert_eq!(theirs.error(), None);
    let (again, _) = channel(&a, &b).await;
    assert_eq!(again.state(), DataChannelState::Open);
}

#[tokio::test]
async fn an_application_that_does_not_read_holds_back_its_own_sender_only() {
    let rtc = start(config(2));
    let (a, b) = connected(&rtc, DtlsEngine::Dimpl, DtlsEngine::Dimpl).await;
    let (ours, theirs) = channel(&a, &b).await;
    let message = Message::binary(vec![7; 65_536]);
    let mut sent = 0u32;
    // Until all queues on the way are full.
    while tokio::time::timeout(Duration::from_millis(500), ours.send(message.clone()))
        .await
        .is_ok()
    {
        sent += 1;
        assert!(sent < 1_000, "nothing holds the sender back");
    }
    assert!(matches!(
        ours.try_send(message.clone()),
        Err(SendError::WouldBlock { .. })
    ));
    for _ in 0..sent {
        assert_eq!(within(theirs.recv()).await, Some(message.clone()));
    }
    within(ours.send("it flows again")).await.unwrap();
    assert_eq!(
        within(theirs.recv()).await,
        Some(Message::text("it flows again"))
    );
}

#[tokio::test]
async fn an_ice_restart_keeps_the_channel() {
    let rtc = start(config(2));
    let (a, b) = connected(&rtc, DtlsEngine::Dimpl, DtlsEngine::Dimpl).await;
    let (ours, theirs) = channel(&a, &b).await;
    let before = a.gatherer().local_parameters();
    let ours_anew = within(a.ice().restart()).await.unwrap();
    assert_ne!(before.username_fragment, ours_anew.username_fragment);
    let theirs_anew = within(b.ice().restart()).await.unwrap();
    let (x, y) =
        within(async { tokio::join!(b.ice().start(ours_anew), a.ice().start(theirs_anew)) }).await;
    x.unwrap();
    y.unwrap();
    for candidate in b.gatherer().local_candidates() {
        a.ice().add_remote_candidate(candidate);
    }
    for candidate in a.gatherer().local_candidates() {
        b.ice().add_remote_candidate(candidate);
    }
    within(ours.send("after the restart")).await.unwrap();
    assert_eq!(
        within(theirs.recv()).await,
        Some(Message::text("after the restart"))
    );
}

#[tokio::test]
async fn the_limit_of_sessions_is_an_error_and_a_closed_one_makes_room() {
    let rtc = start(config(2).max_sessions(1));
    let only = rtc.session(SessionOptions::default()).unwrap();
    let refused = rtc.session(SessionOptions::default()).unwrap_err();
    assert_eq!(refused, OpenError::Full { limit: 1 });
    within(only.close()).await;
    rtc.session(SessionOptions::default()).unwrap();
}

#[tokio::test]
async fn a_drained_runtime_refuses_and_closes() {
    let rtc = start(config(2));
    let session = rtc.session(SessionOptions::default()).unwrap();
    rtc.registry().insert(session.clone());
    within(rtc.drain(Duration::from_millis(50))).await;
    assert_eq!(session.state(), SessionState::Closed);
    assert!(rtc.registry().is_empty());
    assert_eq!(
        rtc.session(SessionOptions::default()).unwrap_err(),
        OpenError::Draining
    );
    assert!(rtc.shutdown(Duration::from_secs(10)).await);
}
