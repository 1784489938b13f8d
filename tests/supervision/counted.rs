//! What is counted when news does not reach whoever wanted to hear of it, and when a worker stands
//! still.

use std::sync::mpsc;
use std::time::Duration;

use actix::prelude::*;
use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::{
    ActorKind, Event, IceCandidate, IceTransportEvent, Session, SessionEvent, SessionOptions,
    TransportEvent,
};

use crate::measured::Measured;
use crate::pair::{Pair, config, echo, start};
use crate::time_limit::within;

/// How long a listener may take to hear.
const PATIENCE: Duration = Duration::from_secs(60);

const CLOSED: &str = "rtc_events_undelivered_total{reason=\"closed\"}";
const LAGGED: &str = "rtc_events_undelivered_total{reason=\"lagged\"}";
const ORPHAN: &str = "rtc_events_undelivered_total{reason=\"orphan\"}";

/// Has so many events happen that no one needs: candidates of a component that there is not.
async fn make_events(session: &Session, count: usize) {
    let mut events = session.ice().events();
    let text = "candidate:1 2 udp 2130706431 192.0.2.1 9 typ host";
    let candidate: IceCandidate = text.parse().unwrap();
    for number in 0..count {
        session.ice().add_remote_candidate(candidate.clone());
        let event = within(events.next()).await.unwrap();
        let rejected = matches!(event, IceTransportEvent::CandidateRejected(_));
        assert!(rejected, "{number}: {event:?}");
    }
}

/// Hears of a session on a thread of its own, and stands still at the first event until it is let
/// go.
struct Listener {
    heard: mpsc::Sender<Event>,
    go: Option<mpsc::Receiver<()>>,
}

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<TransportEvent> for Listener {
    type Result = ();

    fn handle(&mut self, event: TransportEvent, _: &mut Context<Self>) {
        self.heard.send(event.event).unwrap();
        if let Some(go) = self.go.take() {
            go.recv().unwrap();
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Leave;

impl Handler<Leave> for Listener {
    type Result = ();

    fn handle(&mut self, _: Leave, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

fn listen(on: &Arbiter, go: Option<mpsc::Receiver<()>>) -> (Addr<Listener>, mpsc::Receiver<Event>) {
    let (heard, events) = mpsc::channel();
    let listener = Listener::start_in_arbiter(&on.handle(), |_| Listener { heard, go });
    (listener, events)
}

#[actix::test]
async fn a_subscriber_that_is_gone_is_counted_once() {
    let bed = Measured::start(config(1));
    let session = bed.rtc.session(SessionOptions::default()).unwrap();
    let arbiter = Arbiter::new();
    let (stays, heard) = listen(&arbiter, None);
    let (goes, _) = listen(&arbiter, None);
    session.subscribe(stays.recipient());
    session.subscribe(goes.clone().recipient());
    within(goes.send(Leave)).await.unwrap();
    within(async {
        while goes.connected() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(bed.value(CLOSED), 0.0);
    make_events(&session, 3).await;
    // It was forgotten at the first of the three.
    assert_eq!(bed.value(CLOSED), 1.0);
    assert_eq!(bed.value(LAGGED), 0.0);
    for _ in 0..3 {
        heard.recv_timeout(PATIENCE).unwrap();
    }
    within(session.close()).await;
    arbiter.stop();
}

#[actix::test]
async fn an_actor_that_is_too_slow_is_told_how_much_it_has_missed_and_that_is_counted() {
    const EVENTS: usize = 200;
    let bed = Measured::start(config(1));
    let session = bed.rtc.session(SessionOptions::default()).unwrap();
    let arbiter = Arbiter::new();
    let (go, wait) = mpsc::channel();
    let (slow, heard) = listen(&arbiter, Some(wait));
    session.subscribe(slow.recipient());
    // It stands still at the first one.
    make_events(&session, 1).await;
    heard.recv_timeout(PATIENCE).unwrap();
    make_events(&session, EVENTS).await;
    let missed = bed.value(LAGGED) as u64;
    assert!(missed > 0, "its mailbox is full");
    go.send(()).unwrap();
    // The mailbox has room for what it took; then it is told, before it hears of anything new.
    for _ in 0..EVENTS as u64 - missed {
        let event = heard.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(
            event,
            Event::Ice(IceTransportEvent::CandidateRejected(_))
        ));
    }
    make_events(&session, 1).await;
    let told = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(told, Event::Session(SessionEvent::Lagged(missed)));
    assert!(heard.recv_timeout(PATIENCE).is_ok());
    assert_eq!(bed.value(LAGGED) as u64, missed);
    within(session.close()).await;
    arbiter.stop();
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_told_how_much_it_has_missed_and_that_is_counted() {
    let bed = Measured::start(config(1));
    let session = bed.rtc.session(SessionOptions::default()).unwrap();
    let mut unread = session.events();
    // So many wait for a slow reader.
    let kept = 256;
    make_events(&session, kept + 44).await;
    assert_eq!(bed.value(LAGGED), 0.0, "nobody has looked yet");
    let first = within(unread.next()).await.unwrap();
    assert_eq!(first, Event::Session(SessionEvent::Lagged(44)));
    for _ in 0..kept {
        let event = within(unread.next()).await.unwrap();
        assert!(matches!(
            event,
            Event::Ice(IceTransportEvent::CandidateRejected(_))
        ));
    }
    assert_eq!(bed.value(LAGGED), 44.0);
    within(session.close()).await;
}

/// The actors of a session whose supervisor dies end behind it: there is nobody whom they could
/// tell. Where it closes in good order, all tell it.
#[tokio::test]
async fn the_ends_of_actors_whose_supervisor_is_gone_are_counted() {
    let bed = Measured::start(config(1));
    for round in 0..3 {
        let pair = Pair::new(&bed.rtc);
        pair.connect().await;
        pair.close().await;
        assert_eq!(bed.value(ORPHAN), f64::from(round) * 4.0);
        let session = bed.rtc.session(SessionOptions::default()).unwrap();
        session.inject(ActorKind::Supervisor, Fault::Panic, Moment::Now);
        within(session.closed()).await;
        bed.until(ORPHAN, f64::from(round + 1) * 4.0).await;
    }
}

/// A callback blocks its worker. That shows in the lag of this worker's event loop, and in none of
/// the other's.
#[tokio::test]
async fn a_worker_that_is_blocked_lags_and_the_others_do_not() {
    let bed = Measured::start(
        config(2)
            // However slow the machine.
            .worker_timeout(Duration::from_secs(3_600)),
    );
    let far = start(config(1));
    let pair = || Pair::between(&far, &bed.rtc);
    // The least loaded worker gets the next one, the first where they are equal.
    let pairs = [pair(), pair()];
    for pair in &pairs {
        pair.connect().await;
    }
    let lag = |worker: usize, what: &str| {
        let labels = match what {
            "bucket" => format!("{{worker=\"{worker}\",le=\"0.25\"}}"),
            _ => format!("{{worker=\"{worker}\"}}"),
        };
        bed.value(&format!("rtc_worker_event_loop_lag_seconds_{what}{labels}"))
    };
    let (ours, theirs) = pairs[1].channel().await;
    let (blocks, blocked) = tokio::sync::oneshot::channel();
    let (go, wait) = mpsc::channel::<()>();
    let mut blocks = Some((blocks, wait));
    pairs[0].answerer.ice().on_state_change(move |_| {
        if let Some((blocks, wait)) = blocks.take() {
            let _ = blocks.send(());
            let _ = wait.recv();
        }
    });
    pairs[0]
        .answerer
        .inject(ActorKind::Ice, Fault::Panic, Moment::Now);
    within(blocked).await.unwrap();
    let (stood, late) = (lag(0, "count"), lag(0, "count") - lag(0, "bucket"));
    // The other one goes on, and ticks: some seconds go by.
    let ticks = lag(1, "count");
    within(async {
        while lag(1, "count") < ticks + 8.0 {
            echo(&ours, &theirs, "still here").await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(lag(0, "count"), stood, "it does not tick");
    go.send(()).unwrap();
    within(async {
        while lag(0, "count") == stood {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    // Later than the largest bucket: eight ticks of the other are longer than that and one.
    assert!(lag(0, "count") - lag(0, "bucket") > late);
    assert!(lag(0, "sum") > 0.25);
    for pair in &pairs {
        pair.close().await;
    }
}
