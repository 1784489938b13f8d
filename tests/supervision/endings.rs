//! Ends that the table of actors and states leaves out: of a budget, of a future, of a supervisor.

use std::time::Duration;

use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::{
    ActorKind, Config, DataChannelOptions, IceError, IceTransportState, Message, Reason,
    SctpTransportState, SessionOptions,
};

use crate::bed::{Heard, Neighbours, same};
use crate::pair::{Pair, config, echo, start};
use crate::time_limit::within;

/// A budget that is spent is the end: `failed`, with the reason of the last failure.
#[tokio::test]
async fn a_restart_budget_that_is_spent_is_the_end() {
    for actor in [ActorKind::Gatherer, ActorKind::Ice] {
        let rtc = start(config(1));
        let pair = Pair::new(&rtc);
        pair.connect().await;
        let struck = &pair.answerer;
        let mut heard = Heard::of(struck);
        for _ in 0..Config::default().ice_restart.max_restarts {
            struck.inject(actor, Fault::Panic, Moment::Now);
            heard.until(&format!("{actor} error panic")).await;
        }
        struck.inject(actor, Fault::Error(Reason::ConnectTimeout), Moment::Now);
        heard.until(&format!("{actor} error connect_timeout")).await;
        heard.until(&format!("{actor} failed")).await;
        heard.until("session failed").await;
        let failure = struck.failure().unwrap();
        assert_eq!(
            (failure.actor, failure.reason),
            (actor, Reason::ConnectTimeout)
        );
        // Nothing can restart it, and so it does not wait for that.
        heard.until("session closed").await;
        within(struck.closed()).await;
        pair.close().await;
    }
}

/// Without sockets ICE cannot be started again: it says so, and the session's end is not put off.
#[tokio::test]
async fn ice_does_not_start_on_a_gatherer_that_has_failed() {
    let mut config = config(1);
    config.gatherer_restart.max_restarts = 0;
    // Longer than the test takes to try: what ends the session is the linger.
    config.ice_grace = Duration::from_secs(3_600);
    let rtc = start(config);
    let pair = Pair::new(&rtc);
    pair.connect().await;
    let struck = &pair.answerer;
    let mut heard = Heard::of(struck);
    struck.inject(ActorKind::Gatherer, Fault::Panic, Moment::Now);
    heard.until("ice failed").await;
    heard.until("session failed").await;
    let mut remote = struck.ice().remote_parameters().unwrap();
    remote.username_fragment = "another1".into();
    let started = within(struck.ice().start(remote)).await;
    assert!(
        matches!(&started, Err(IceError::Failed(error)) if error.actor == ActorKind::Gatherer),
        "{started:?}"
    );
    assert_eq!(struck.ice().state(), IceTransportState::Failed);
    heard.until("session closed").await;
    pair.close().await;
}

/// Each kind of actor has a budget of its own, and what one has spent is not missing to the other.
#[tokio::test]
async fn restart_budgets_are_configured_by_kind_of_actor() {
    let mut config = config(1);
    config.gatherer_restart.max_restarts = 1;
    config.gatherer_restart.backoff = Duration::from_millis(1);
    config.ice_restart.max_restarts = 0;
    let rtc = start(config);
    let session = rtc.session(SessionOptions::default()).unwrap();
    let mut heard = Heard::of(&session);
    session.inject(ActorKind::Gatherer, Fault::Panic, Moment::Now);
    assert_eq!(heard.take(1).await, ["gatherer error panic"]);
    session.inject(ActorKind::Ice, Fault::Panic, Moment::Now);
    let ended = ["ice error panic", "ice failed", "session failed"];
    assert_eq!(heard.take(3).await, ended);
    within(session.closed()).await;
}

/// Faults in futures and timers end as those in handlers do.
#[tokio::test]
async fn a_panic_in_a_future_or_a_timer_is_a_panic_of_the_actor() {
    let rtc = start(config(1));
    for fault in [Fault::PanicInFuture, Fault::PanicInTimer] {
        let session = rtc.session(SessionOptions::default()).unwrap();
        let mut heard = Heard::of(&session);
        session.inject(ActorKind::Sctp, fault, Moment::Now);
        heard.until("sctp error panic").await;
        heard.until("sctp failed").await;
        within(session.closed()).await;
    }
}

#[tokio::test]
async fn a_supervisor_that_dies_closes_its_session_and_nothing_else() {
    let rtc = start(config(1));
    let mut neighbours = Neighbours::start(&rtc, 4).await;
    for (fault, reason) in [
        (Fault::Panic, "panic"),
        (Fault::Error(Reason::ConnectTimeout), "connect_timeout"),
    ] {
        let pair = Pair::new(&rtc);
        pair.connect().await;
        rtc.registry().insert(pair.answerer.clone());
        let id = pair.answerer.id().to_string();
        let mut heard = Heard::of(&pair.answerer);
        pair.answerer
            .inject(ActorKind::Supervisor, fault, Moment::Now);
        let expected = [
            format!("supervisor error {reason}"),
            "session failed".into(),
            "sctp closed".into(),
            "dtls closed".into(),
            "ice closed".into(),
            "gatherer closed".into(),
            "session closed".into(),
        ];
        assert_eq!(heard.take(expected.len()).await, expected);
        within(pair.answerer.closed()).await;
        assert!(rtc.registry().get(&id).is_none());
        let failure = pair.answerer.failure().unwrap();
        assert_eq!(failure.actor, ActorKind::Supervisor);
        neighbours.are_untouched().await;
        pair.close().await;
    }
    neighbours.close().await;
}

/// What was sent before is delivered first, which may take long. What fails meanwhile has nothing
/// more to deliver.
#[tokio::test]
async fn an_association_that_fails_while_it_closes_ends_at_once() {
    const LARGE: usize = 200_000;
    let hour = Duration::from_secs(3600);
    // It takes no message that large, but its peer is told so.
    let mut strict = config(1);
    strict.close_timeout = hour;
    strict.sctp.close_timeout = hour;
    strict.sctp.max_message_size = 65_536;
    let (rtc, far) = (start(strict), start(config(1)));
    let pair = Pair::between(&far, &rtc);
    let lies = |answer: String| {
        let said = answer.replace("max-message-size:65536", "max-message-size:262144");
        assert_ne!(said, answer);
        said
    };
    pair.signal(same, lies).await;
    pair.connected().await;
    let (theirs, ours) = pair.channel().await;
    // More than the other side takes that does not read.
    let (window, inbox) = (2 << 20, 1 << 20);
    let mut sent = 0;
    while sent < window + inbox + (512 << 10) {
        within(ours.send(Message::binary(vec![7; 50_000])))
            .await
            .unwrap();
        sent += 50_000;
    }
    let mut heard = Heard::of(&pair.answerer);
    pair.answerer.begin_close();
    // It has heard of it when it opens no channels any more.
    let opens = async || {
        let options = DataChannelOptions::default();
        pair.answerer.create_data_channel("late", options).await
    };
    within(async { while opens().await.is_ok() {} }).await;
    assert_eq!(pair.answerer.sctp().state(), SctpTransportState::Connected);
    within(theirs.send(Message::binary(vec![7; LARGE])))
        .await
        .unwrap();
    heard.until("sctp error protocol_violation").await;
    heard.until("sctp failed").await;
    heard.until("session closed").await;
    within(pair.answerer.closed()).await;
    pair.close().await;
}

/// A stall is no end: what waited is done afterwards.
#[tokio::test]
async fn an_actor_that_stalls_loses_nothing() {
    let rtc = start(config(1));
    let mut neighbours = Neighbours::start(&rtc, 4).await;
    let pair = Pair::new(&rtc);
    pair.connect().await;
    for actor in ActorKind::ALL {
        let (ours, theirs) = pair.channel().await;
        let stall = Fault::Stall(Duration::from_millis(300));
        pair.answerer.inject(actor, stall, Moment::Now);
        neighbours.are_untouched().await;
        echo(&ours, &theirs, actor.as_str()).await;
    }
    assert!(pair.answerer.failure().is_none());
    pair.close().await;
    neighbours.close().await;
}
