//! What applications do with a connection that is over, and with the one that follows.

use std::time::{Duration, SystemTime};

use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::commands::{GetStates, RenewDtls};
use actix_rtc::proto::dtls::FailureReason;
use actix_rtc::proto::random::Random;
use actix_rtc::{
    ActorKind, Certificate, DataChannelOptions, DtlsEngine, DtlsError, DtlsTransport,
    DtlsTransportState, IceTransport, IceTransportState, InvalidState, Message, OpenError, Reason,
    Runtime, SctpTransport, SctpTransportState, SessionOptions, SessionState,
};

use super::{Stack, Stacks, nothing_is_left, patient};
use crate::bed::Heard;
use crate::measured::Measured;
use crate::pair::{Pair, dialling, start};
use crate::time_limit::{until, within};

/// The peer of the one that died knows nothing of it, and goes on sending. What comes under the
/// keys of before is counted, and does not keep the new connection from being made.
#[tokio::test]
async fn a_peer_that_has_not_noticed_stops_its_own_and_makes_a_new_one() {
    let rtc = start(patient());
    for engine in [DtlsEngine::Dimpl, DtlsEngine::WebrtcDtls] {
        if engine == DtlsEngine::WebrtcDtls && !cfg!(feature = "dtls-webrtc") {
            continue;
        }
        let options = dialling().dtls_engine(engine);
        let a = Stack::new(rtc.gatherer(options.clone()).unwrap());
        let b = Stack::new(rtc.gatherer(options.own_sockets(false)).unwrap());
        let mut stacks = Stacks::on_ice(a, b).await;
        stacks.connect().await;
        let options = DataChannelOptions::default();
        let channel = within(stacks.b.sctp.create_data_channel("old", options))
            .await
            .unwrap();
        within(channel.opened()).await.unwrap();
        let flood = tokio::spawn(async move {
            let mut sent = 0_u64;
            while channel.send(Message::binary(vec![7; 16_384])).await.is_ok() {
                sent += 1;
            }
            sent
        });
        stacks.a.dtls.inject(Fault::Panic, Moment::Now);
        until(|| stacks.a.dtls.state() == DtlsTransportState::Failed).await;
        stacks.a.renew();
        // Before it is started, too.
        within(async {
            loop {
                let counters = stacks.a.dtls.stats().await.unwrap();
                if counters.unexpected > 0 {
                    assert_eq!(counters.early_held, 0, "{counters:?}");
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        within(stacks.b.dtls.stop()).await;
        assert!(within(flood).await.unwrap() > 0);
        stacks.b.renew();
        stacks.connect().await;
        let counters = stacks.a.dtls.stats().await.unwrap();
        assert_eq!(counters.early_dropped, 0, "{counters:?}");
        assert_eq!(stacks.b.ice.state(), IceTransportState::Completed);
    }
}

/// Whoever holds any of the handles holds the session open; whoever drops the last one closes it.
#[tokio::test]
async fn a_handle_of_an_old_connection_holds_the_session_open_as_any_other() {
    let bed = Measured::start(patient());
    let mut stacks = Stacks::bare(&bed.rtc).await;
    stacks.connect().await;
    let old = [stacks.a.dtls.clone(), stacks.b.dtls.clone()];
    for dtls in &old {
        dtls.inject(Fault::Panic, Moment::Now);
    }
    until(|| old.each_ref().map(DtlsTransport::state) == [DtlsTransportState::Failed; 2]).await;
    stacks.a.renew();
    stacks.b.renew();
    stacks.connect().await;
    assert_eq!(bed.rtc.session_count(), 2);
    drop(stacks);
    // Twice as long as a session lingers whose connection is over.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(bed.rtc.session_count(), 2);
    drop(old);
    until(|| bed.rtc.session_count() == 0).await;
    nothing_is_left(&bed).await;
}

#[tokio::test]
async fn one_connection_at_a_time() {
    let rtc = start(patient());
    let stacks = Stacks::bare(&rtc).await;
    let taken = Err(InvalidState::AlreadyExists);
    let new = |ice: &IceTransport| DtlsTransport::new(ice).map(|_| ());
    assert_eq!(new(&stacks.a.ice), taken);
    stacks.connect().await;
    assert_eq!(new(&stacks.a.ice), taken);
    stacks.a.dtls.inject(Fault::Panic, Moment::Now);
    until(|| stacks.a.dtls.state() == DtlsTransportState::Failed).await;
    // An SCTP transport has nothing to stand on there.
    let refused = SctpTransport::new(&stacks.a.dtls).map(|_| ());
    assert_eq!(refused, Err(InvalidState::Closed));
    // Of many at once one comes first.
    let barrier = std::sync::Barrier::new(8);
    let made = std::thread::scope(|scope| {
        let threads = [(); 8].map(|()| {
            scope.spawn(|| {
                barrier.wait();
                DtlsTransport::new(&stacks.a.ice).ok()
            })
        });
        threads.map(|thread| thread.join().unwrap())
    });
    let made: Vec<_> = made.into_iter().flatten().collect();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].state(), DtlsTransportState::New);
    assert_eq!(new(&stacks.a.ice), taken);
    SctpTransport::new(&made[0]).unwrap();
    assert_eq!(
        SctpTransport::new(&made[0]).map(|_| ()),
        Err(InvalidState::AlreadyExists)
    );
}

/// With another certificate. Who still expects the old one fails by name, and may try again.
#[tokio::test]
async fn a_new_connection_may_have_another_certificate() {
    let rtc = start(patient());
    let mut stacks = Stacks::bare(&rtc).await;
    stacks.connect().await;
    let before = stacks.a.dtls.local_parameters();
    for end in [&mut stacks.a, &mut stacks.b] {
        end.dtls.inject(Fault::Stop, Moment::Now);
        let failed = end.dtls.start(before.clone());
        let _ = within(failed).await;
        until(|| end.dtls.state() == DtlsTransportState::Failed).await;
    }
    let mut random = Random::from_seed(Random::entropy().unwrap());
    let certificate =
        Certificate::generate(&mut random, SystemTime::now(), Duration::from_secs(3_600)).unwrap();
    stacks.a.dtls = DtlsTransport::with_certificate(&stacks.a.ice, certificate.clone()).unwrap();
    stacks.a.sctp = SctpTransport::new(&stacks.a.dtls).unwrap();
    stacks.b.renew();
    let now = stacks.a.dtls.local_parameters();
    assert_ne!(now.fingerprints, before.fingerprints);
    let (a, of_b) = (stacks.a.dtls.clone(), stacks.b.dtls.local_parameters());
    let starting = tokio::spawn(async move { a.start(of_b).await });
    let failed = within(stacks.b.dtls.start(before)).await.unwrap_err();
    let DtlsError::Failed(failure) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(
        failure.reason,
        Reason::Dtls(FailureReason::FingerprintMismatch)
    );
    // The other side learns of it by an alert, or by and by; it does not wait for that.
    starting.abort();
    if stacks.a.dtls.state() != DtlsTransportState::Failed {
        within(stacks.a.dtls.stop()).await;
    }
    stacks.a.dtls = DtlsTransport::with_certificate(&stacks.a.ice, certificate).unwrap();
    stacks.a.sctp = SctpTransport::new(&stacks.a.dtls).unwrap();
    stacks.b.renew();
    stacks.connect().await;
    let peer = stacks.b.dtls.remote_certificates();
    assert_eq!(peer[0], stacks.a.dtls.local_certificate());
}

/// One that is made and not started holds the session for as long as a session may take to
/// connect.
#[tokio::test]
async fn a_new_connection_that_is_never_started_expires() {
    let rtc = start(patient().connect_timeout(Duration::from_secs(5)));
    let pair = Pair::new(&rtc);
    pair.connect().await;
    let mut heard = Heard::of(&pair.answerer);
    pair.answerer
        .inject(ActorKind::Dtls, Fault::Panic, Moment::Now);
    heard.until("sctp failed").await;
    pair.answerer.renew_dtls(None).unwrap();
    heard.until("session connecting").await;
    heard.until("dtls error connect_timeout").await;
    heard.until("session closed").await;
    let failure = pair.answerer.failure().unwrap();
    assert_eq!(failure.reason, Reason::ConnectTimeout);
    pair.close().await;
}

/// A renewal is the application's, and its supervisor hears of it a moment later.
#[tokio::test]
async fn who_waits_for_a_renewed_session_is_not_told_how_the_old_connection_ended() {
    let rtc = start(patient());
    let pair = Pair::new(&rtc);
    pair.connect().await;
    for session in pair.sessions() {
        let mut heard = Heard::of(session);
        session.inject(ActorKind::Dtls, Fault::Panic, Moment::Now);
        heard.until("sctp failed").await;
        until(|| session.state() == SessionState::Failed).await;
        within(session.connected()).await.unwrap_err();
        // For so long it hears of nothing.
        let stall = Fault::Stall(Duration::from_secs(1));
        session.inject(ActorKind::Supervisor, stall, Moment::Now);
        session.renew_dtls(None).unwrap();
        let told = tokio::time::timeout(Duration::ZERO, session.connected()).await;
        assert!(told.is_err(), "{told:?}");
    }
    let stacks = Stacks {
        a: Stack::of(&pair.offerer),
        b: Stack::of(&pair.answerer),
    };
    let renewed = pair.sessions().map(|session| {
        let session = session.clone();
        tokio::spawn(async move { session.connected().await })
    });
    stacks.connect().await;
    for renewed in renewed {
        within(renewed).await.unwrap().unwrap();
    }
    pair.close().await;
}

/// A session object shows the transports that it has at the moment; its limits and its
/// application's callback are those of the first ones. By handle on one side, by message on the
/// other.
#[actix::test]
async fn a_session_is_renewed_in_its_place() {
    let rtc = Runtime::builder()
        .config(patient().max_sessions(2))
        .on_data_channel(|channel| async move {
            while let Some(message) = channel.recv().await {
                channel.send(message).await.unwrap();
            }
        })
        .start()
        .unwrap();
    let pair = Pair::new(&rtc);
    pair.connect().await;
    rtc.registry().insert(pair.answerer.clone());
    let mut heard = pair.sessions().map(Heard::of);
    for (session, heard) in pair.sessions().into_iter().zip(&mut heard) {
        assert_eq!(
            session.renew_dtls(None),
            Err(InvalidState::AlreadyExists),
            "it lives"
        );
        session.inject(ActorKind::Dtls, Fault::Panic, Moment::Now);
        heard.until("sctp failed").await;
    }
    pair.offerer.renew_dtls(None).unwrap();
    let supervisor = pair.answerer.supervisor();
    within(supervisor.send(RenewDtls(None)))
        .await
        .unwrap()
        .unwrap();
    let states = within(supervisor.send(GetStates)).await.unwrap().unwrap();
    assert_eq!(states.session, SessionState::Connecting);
    assert_eq!(states.dtls, DtlsTransportState::New);
    let stacks = Stacks {
        a: Stack::of(&pair.offerer),
        b: Stack::of(&pair.answerer),
    };
    stacks.start_dtls().await.unwrap();
    within(async { tokio::join!(stacks.a.start_sctp(), stacks.b.start_sctp()) }).await;
    let known = rtc.registry().get(pair.answerer.id().as_str()).unwrap();
    within(known.connected()).await.unwrap();
    assert_eq!(known.sctp().state(), SctpTransportState::Connected);
    assert_eq!(known.state(), SessionState::Connected);
    // The runtime's callback has it.
    let options = DataChannelOptions::default();
    let channel = within(pair.offerer.create_data_channel("echo", options))
        .await
        .unwrap();
    within(channel.send("is it there?")).await.unwrap();
    assert_eq!(
        within(channel.recv()).await,
        Some(Message::text("is it there?"))
    );
    assert_eq!((rtc.session_count(), rtc.half_open_count()), (2, 0));
    let full = rtc.session(SessionOptions::default()).unwrap_err();
    assert_eq!(full, OpenError::Full { limit: 2 });
    pair.close().await;
    assert_eq!(rtc.session_count(), 0);
    assert!(rtc.registry().is_empty());
    assert_eq!(pair.answerer.renew_dtls(None), Err(InvalidState::Closed));
}
