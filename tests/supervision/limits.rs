//! Sessions are placed, counted and limited; those that go nowhere end; and one that misbehaves
//! costs its neighbours nothing.

use std::time::Duration;

use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::{
    ActorKind, DataChannelOptions, Message, OpenError, Reason, Session, SessionOptions,
    SessionState,
};

use crate::bed::{Heard, Neighbours, same};
use crate::pair::{Pair, config, echo, start};
use crate::time_limit::within;

#[tokio::test]
async fn sessions_are_placed_on_the_least_loaded_worker_and_named_after_the_node() {
    let rtc = start(config(3).node("node-7"));
    let open = || rtc.session(SessionOptions::default()).unwrap();
    let sessions: Vec<Session> = (0..7).map(|_| open()).collect();
    assert_eq!(rtc.worker_loads(), [3, 2, 2]);
    within(sessions[0].close()).await;
    within(sessions[3].close()).await;
    assert_eq!(rtc.worker_loads(), [1, 2, 2]);
    let _next = open();
    assert_eq!(rtc.worker_loads(), [2, 2, 2]);
    for session in &sessions {
        let random = session.id().as_str().strip_prefix("node-7-").unwrap();
        assert_eq!(random.len(), 32, "128 bits");
        assert!(random.bytes().all(|b| b.is_ascii_hexdigit()));
        let others = sessions.iter().filter(|other| other.id() == session.id());
        assert_eq!(others.count(), 1);
    }
}

#[tokio::test]
async fn the_registry_counts_sessions_by_state() {
    let rtc = start(config(1));
    let pair = Pair::new(&rtc);
    pair.connect().await;
    let fresh = rtc.session(SessionOptions::default()).unwrap();
    let registry = rtc.registry();
    for session in [&pair.offerer, &pair.answerer, &fresh] {
        registry.insert(session.clone());
    }
    let counts = [(SessionState::New, 1), (SessionState::Connected, 2)];
    assert_eq!(registry.counts(), counts);
    assert_eq!(registry.count(SessionState::Connected), 2);
    assert_eq!(registry.sessions().len(), 3);
    assert_eq!(registry.get(fresh.id().as_str()).unwrap().id(), fresh.id());
    pair.close().await;
    assert_eq!(registry.counts(), [(SessionState::New, 1)]);
}

#[tokio::test]
async fn half_open_sessions_have_a_limit_of_their_own() {
    let rtc = start(config(1).max_half_open(2));
    let pair = Pair::new(&rtc);
    let refused = rtc.session(SessionOptions::default()).unwrap_err();
    assert_eq!(refused, OpenError::HalfOpen { limit: 2 });
    // What connects is half-open no longer.
    pair.connect().await;
    assert_eq!(rtc.half_open_count(), 0);
    let more = Pair::new(&rtc);
    assert!(rtc.session(SessionOptions::default()).is_err());
    more.close().await;
    rtc.session(SessionOptions::default()).unwrap();
}

/// Scenario 28: a peer that never finishes its handshake.
#[tokio::test]
async fn a_half_open_session_expires() {
    let rtc = start(config(1).connect_timeout(Duration::from_millis(500)));
    let pair = Pair::new(&rtc);
    pair.offerer
        .inject(ActorKind::Dtls, Fault::Lose(usize::MAX), Moment::Now);
    let mut heard = Heard::of(&pair.answerer);
    pair.signal(same, same).await;
    heard.until("dtls error connect_timeout").await;
    heard.until("session failed").await;
    heard.until("session closed").await;
    within(pair.answerer.closed()).await;
    assert_eq!(
        pair.answerer.failure().unwrap().reason,
        Reason::ConnectTimeout
    );
    within(pair.offerer.closed()).await;
    assert_eq!((rtc.session_count(), rtc.half_open_count()), (0, 0));
}

#[tokio::test]
async fn an_idle_session_expires_and_a_busy_one_does_not() {
    let rtc = start(config(1).idle_timeout(Duration::from_secs(2)));
    let (idle, busy) = (Pair::new(&rtc), Pair::new(&rtc));
    idle.connect().await;
    busy.connect().await;
    let (ours, theirs) = busy.channel().await;
    // Whichever is first closes the other, too.
    let (mut here, mut there) = (Heard::of(&idle.offerer), Heard::of(&idle.answerer));
    let chat = async {
        loop {
            echo(&ours, &theirs, "still here").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let expires = async {
        tokio::select! {
            () = here.until("supervisor error idle") => {}
            () = there.until("supervisor error idle") => {}
        }
        within(idle.answerer.closed()).await;
        within(idle.offerer.closed()).await;
    };
    tokio::select! {
        () = chat => unreachable!("it never ends"),
        () = expires => {}
    }
    assert_eq!(busy.answerer.state(), SessionState::Connected);
    busy.close().await;
}

/// Scenario 28: one floods, one never reads; the others keep their data moving.
#[tokio::test]
async fn a_session_that_floods_or_never_reads_costs_its_neighbours_nothing() {
    let rtc = start(config(1));
    let mut neighbours = Neighbours::start(&rtc, 10).await;
    let pair = Pair::new(&rtc);
    pair.connect().await;
    let (ours, theirs) = pair.channel().await;
    // Nobody reads `theirs`.
    let flood = tokio::spawn(async move {
        loop {
            if ours.send(Message::binary(vec![7; 65_536])).await.is_err() {
                break;
            }
        }
    });
    // And strangers send what belongs to nobody.
    let port = rtc.udp_addresses()[0];
    let garbage = tokio::spawn(async move {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        loop {
            for kind in [0u8, 22, 64, 128, 255] {
                let _ = socket.send_to(&[kind; 1_200], port).await;
            }
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..5 {
        neighbours.are_untouched().await;
    }
    garbage.abort();
    pair.close().await;
    within(flood).await.unwrap();
    drop(theirs);
    neighbours.close().await;
}

/// A peer that is gone does not hold up a close.
#[tokio::test]
async fn a_close_is_bounded_when_the_peer_is_silent() {
    let rtc = start(config(1));
    let pair = Pair::new(&rtc);
    pair.connect().await;
    let options = DataChannelOptions::default();
    let channel = within(pair.answerer.create_data_channel("x", options)).await;
    let lose = Fault::Lose(usize::MAX);
    pair.offerer.inject(ActorKind::Gatherer, lose, Moment::Now);
    let channel = channel.unwrap();
    let _ = channel.try_send("never acknowledged");
    within(pair.answerer.close()).await;
    assert_eq!(pair.answerer.state(), SessionState::Closed);
    // Nor does an actor that does not answer.
    let pair = Pair::new(&rtc);
    pair.connect().await;
    let stall = Fault::Stall(Duration::from_secs(3_600));
    pair.answerer.inject(ActorKind::Dtls, stall, Moment::Now);
    within(pair.answerer.close()).await;
    pair.close().await;
}
