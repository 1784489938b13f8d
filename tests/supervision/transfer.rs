//! Actors die in the middle of a large transfer: it ends complete and in order, on the channel on
//! which it began.

use std::time::Duration;

use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::{
    ActorKind, DataChannel, IceTransportEvent, IceTransportState, Message, Runtime, Session,
    SessionOptions,
};
use tokio::sync::watch;

use crate::bed::{Heard, restart_ice};
use crate::pair::{Pair, config, dialling, start};
use crate::time_limit::within;

const MEGABYTES: usize = 64;
const MESSAGE: usize = 64 * 1024;

const COUNT: usize = MEGABYTES * 1_000_000 / MESSAGE + 1;

/// Sends 64 MB of numbered messages, and looks at every byte of them at the other end.
async fn transfer(
    ours: DataChannel,
    theirs: DataChannel,
    received: &watch::Sender<usize>,
    meanwhile: impl Future<Output = ()>,
) {
    let send = async {
        for number in 0..COUNT {
            ours.send(Message::binary(numbered(number))).await.unwrap();
        }
    };
    let receive = async {
        for number in 0..COUNT {
            let message = theirs.recv().await.expect("the channel goes on");
            assert!(
                message.as_bytes() == numbered(number),
                "message {number} of {COUNT} is lost, twice there, or out of order"
            );
            received.send_replace(number + 1);
        }
    };
    tokio::join!(send, receive, meanwhile);
    assert_eq!(theirs.try_recv(), None, "and not a message more");
}

fn numbered(number: usize) -> Vec<u8> {
    let mut message = vec![number as u8; MESSAGE];
    message[..8].copy_from_slice(&(number as u64).to_be_bytes());
    message
}

/// Kills each of these actors when so many messages have arrived, and restarts ICE when it is asked
/// for, as an application does; ends when both are connected again.
async fn heals(
    asked: &Session,
    peer: &Session,
    received: &watch::Sender<usize>,
    kills: &[(ActorKind, usize)],
) {
    let mut events = asked.ice().events();
    let mut progress = received.subscribe();
    for (actor, messages) in kills {
        let mut heard = Heard::of(asked);
        let there = within(progress.wait_for(|received| received >= messages)).await;
        drop(there.expect("the transfer goes on"));
        asked.inject(*actor, Fault::Panic, Moment::Now);
        heard.until(&format!("{actor} error panic")).await;
        let before = *received.borrow();
        assert!(before < COUNT, "not in the middle of it");
        loop {
            match within(events.next()).await.expect("the session lives") {
                IceTransportEvent::RestartNeeded => break,
                IceTransportEvent::Lagged(_) => panic!("the test is too slow"),
                _ => {}
            }
        }
        assert!(asked.ice().is_restart_needed());
        within(restart_ice(asked, peer)).await;
        within(async {
            let well = |s| {
                matches!(
                    s,
                    IceTransportState::Connected | IceTransportState::Completed
                )
            };
            while !(well(asked.ice().state()) && well(peer.ice().state())) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert!(!asked.ice().is_restart_needed());
    }
}

async fn survives(rtc: &Runtime, pair: Pair, sender_dies: bool, kills: &[(ActorKind, usize)]) {
    pair.connect().await;
    let (ours, theirs) = pair.channel().await;
    let (dies, lives) = match sender_dies {
        true => (&pair.offerer, &pair.answerer),
        false => (&pair.answerer, &pair.offerer),
    };
    let (received, _) = watch::channel(0);
    let mut heard = Heard::of(dies);
    let whole = tokio::time::timeout(
        Duration::from_secs(240),
        transfer(
            ours,
            theirs,
            &received,
            heals(dies, lives, &received, kills),
        ),
    );
    whole.await.expect("the transfer goes on");
    // DTLS and SCTP have noticed nothing.
    while let Ok(Some(word)) = tokio::time::timeout(Duration::ZERO, heard.next()).await {
        assert!(
            !word.starts_with("dtls") && !word.starts_with("sctp"),
            "{word}"
        );
    }
    pair.close().await;
    assert_eq!(rtc.session_count(), 0);
}

#[tokio::test]
async fn a_transfer_survives_the_ice_actor_of_the_receiver() {
    let rtc = start(config(2));
    let pair = Pair::new(&rtc);
    survives(&rtc, pair, false, &[(ActorKind::Ice, 300)]).await;
}

#[tokio::test]
async fn a_transfer_survives_the_gatherer_of_the_sender_and_then_its_ice_actor() {
    let rtc = start(config(2));
    let pair = Pair::new(&rtc);
    let kills = [(ActorKind::Gatherer, 200), (ActorKind::Ice, 500)];
    survives(&rtc, pair, true, &kills).await;
}

/// Without a shared port both come back on other ports than before.
#[tokio::test]
async fn a_transfer_survives_the_gatherer_of_a_receiver_with_sockets_of_its_own() {
    let rtc = start(config(2));
    let pair = Pair {
        offerer: rtc.session(dialling()).unwrap(),
        answerer: rtc
            .session(SessionOptions::default().own_sockets(true))
            .unwrap(),
    };
    survives(&rtc, pair, false, &[(ActorKind::Gatherer, 300)]).await;
}
