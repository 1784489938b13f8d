//! A worker's shared port is lost under live sessions: it is bound again, and none of them notices
//! more than a pause; or it cannot be had, and they are told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_rtc::chaos::WorkerFault;
use actix_rtc::{DataChannel, IceTransportState, Message, Runtime, Session, SessionState};

use crate::bed::{Heard, restart_ice};
use crate::measured::Measured;
use crate::pair::{Pair, config, echo, start};
use crate::time_limit::within;

const FAILURES: &str = "rtc_actor_failures_total{actor=\"gatherer\",reason=";
const RESTARTS: &str = "rtc_actor_restarts_total{actor=\"gatherer\"}";

/// Pairs whose answering sides share the port that is struck. The dialling ones are on a runtime
/// of their own.
async fn pairs(bed: &Measured, far: &Runtime, count: usize) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for _ in 0..count {
        let pair = Pair::between(far, &bed.rtc);
        pair.connect().await;
        pairs.push(pair);
    }
    pairs
}

/// Sends numbered messages one way, as long as `more` says so.
async fn count_up(from: &DataChannel, to: &DataChannel, more: impl Fn() -> bool) -> usize {
    let numbered = |number: usize| {
        let mut message = vec![number as u8; 4_096];
        message[..8].copy_from_slice(&(number as u64).to_be_bytes());
        Message::binary(message)
    };
    let sent = AtomicUsize::new(0);
    let sending = async {
        while more() {
            let number = sent.fetch_add(1, Ordering::AcqRel);
            from.send(numbered(number)).await.unwrap();
        }
        from.send("the end").await.unwrap();
    };
    let receiving = async {
        let mut received = 0;
        loop {
            let message = to.recv().await.expect("the channel goes on");
            if message == Message::text("the end") {
                return received;
            }
            assert!(
                message == numbered(received),
                "message {received} is lost, twice there, or out of order"
            );
            received += 1;
        }
    };
    let ((), received) = tokio::join!(sending, receiving);
    assert_eq!(received, sent.load(Ordering::Acquire));
    received
}

/// Data moves both ways all the time; the port fails in three ways that can be mended.
#[tokio::test]
async fn a_shared_port_that_is_lost_is_bound_again_and_no_session_notices() {
    let (bed, far) = (Measured::start(config(1)), start(config(1)));
    let pairs = pairs(&bed, &far, 5).await;
    let address = bed.rtc.udp_addresses();
    let mut heard: Vec<Heard> = pairs
        .iter()
        .flat_map(|pair| [Heard::of(&pair.offerer), Heard::of(&pair.answerer)])
        .collect();
    let over = std::sync::atomic::AtomicBool::new(false);
    let more = || !over.load(Ordering::Acquire);
    let moving = async {
        let both_ways = pairs.iter().map(|pair| async {
            let (ours, theirs) = pair.channel().await;
            tokio::join!(
                count_up(&ours, &theirs, more),
                count_up(&theirs, &ours, more)
            )
        });
        futures_util::future::join_all(both_ways).await
    };
    let sctp_messages = "rtc_sctp_messages_total{direction=\"in\"}";
    let striking = async {
        let moved = async || {
            let before = bed.value(sctp_messages);
            while bed.value(sctp_messages) < before + 100.0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let faults = [
            WorkerFault::LosePort,
            WorkerFault::PanicAtPort,
            // For less than the patience of its reader.
            WorkerFault::TakePort(Duration::from_millis(100)),
            WorkerFault::LosePort,
        ];
        for (fault, restarts) in faults.into_iter().zip(1_u8..) {
            moved().await;
            assert!(bed.rtc.inject(0, fault));
            bed.until(RESTARTS, restarts.into()).await;
        }
        assert_eq!(bed.value(&format!("{FAILURES}\"socket_lost\"}}")), 2.0);
        assert_eq!(bed.value(&format!("{FAILURES}\"panic\"}}")), 1.0);
        // And goes on.
        moved().await;
        over.store(true, Ordering::Release);
    };
    let (counts, ()) = within(async { tokio::join!(moving, striking) }).await;
    for (there, back) in counts {
        assert!(there > 0 && back > 0);
    }
    assert_eq!(bed.rtc.udp_addresses(), address);
    for heard in &mut heard {
        let word = tokio::time::timeout(Duration::ZERO, heard.next()).await;
        assert!(word.is_err(), "a session noticed: {word:?}");
    }
    for pair in &pairs {
        assert_eq!(pair.answerer.state(), SessionState::Connected);
        pair.close().await;
    }
    assert_eq!(bed.rtc.session_count(), 0);
}

fn is_connected(session: &Session) -> bool {
    use IceTransportState as S;
    matches!(session.ice().state(), S::Connected | S::Completed)
}

/// The port is in other hands for longer than a socket that comes back would take: sessions are
/// offered an ICE restart, and go on when it is there again, on the same channels.
#[tokio::test]
async fn a_shared_port_that_cannot_be_had_for_a_while_costs_an_ice_restart() {
    let (bed, far) = (Measured::start(config(1)), start(config(1)));
    let pairs = pairs(&bed, &far, 3).await;
    let mut channels = Vec::new();
    for pair in &pairs {
        channels.push(pair.channel().await);
    }
    let mut heard: Vec<Heard> = pairs.iter().map(|p| Heard::of(&p.answerer)).collect();
    assert!(
        bed.rtc
            .inject(0, WorkerFault::TakePort(Duration::from_secs(2)))
    );
    for heard in &mut heard {
        heard.until("ice restart needed").await;
    }
    for (pair, (ours, theirs)) in pairs.iter().zip(&channels) {
        assert_eq!(pair.answerer.dtls().state().as_str(), "connected");
        // Meanwhile.
        within(ours.send("waits here")).await.unwrap();
        within(theirs.send("waits there")).await.unwrap();
    }
    bed.until(RESTARTS, 1.0).await;
    for (pair, (ours, theirs)) in pairs.iter().zip(&channels) {
        within(restart_ice(&pair.answerer, &pair.offerer)).await;
        within(async {
            while !(is_connected(&pair.answerer) && is_connected(&pair.offerer)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        let waited = within(theirs.recv()).await;
        assert_eq!(waited, Some(Message::text("waits here")));
        let waited = within(ours.recv()).await;
        assert_eq!(waited, Some(Message::text("waits there")));
        echo(ours, theirs, "the same channel").await;
        assert!(pair.answerer.failure().is_none());
    }
    for pair in &pairs {
        pair.close().await;
    }
}

/// It never comes back: ICE fails by name, then the session.
#[tokio::test]
async fn a_shared_port_that_is_lost_for_good_ends_its_sessions_by_name() {
    let mut config = config(1);
    config.ice.consent_interval = Duration::from_millis(500);
    config.ice.disconnected_timeout = Duration::from_secs(1);
    config.ice.consent_timeout = Duration::from_secs(2);
    let far = start(crate::pair::config(1));
    let bed = Measured::start(config.ice_grace(Duration::from_secs(1)));
    let pairs = pairs(&bed, &far, 2).await;
    let mut heard: Vec<Heard> = pairs.iter().map(|p| Heard::of(&p.answerer)).collect();
    let long = WorkerFault::TakePort(Duration::from_secs(3_600));
    assert!(bed.rtc.inject(0, long));
    for (pair, heard) in pairs.iter().zip(&mut heard) {
        heard.until("ice restart needed").await;
        heard.until("ice error local_addresses_lost").await;
        heard.until("ice failed").await;
        heard.until("session failed").await;
        // Keys and association wait for a restart, which nobody makes.
        heard.until("ice error ice_failed").await;
        heard.until("session closed").await;
        within(pair.answerer.closed()).await;
        assert_eq!(bed.value(RESTARTS), 0.0);
        within(pair.offerer.close()).await;
    }
    assert_eq!(bed.rtc.session_count(), 0);
}
