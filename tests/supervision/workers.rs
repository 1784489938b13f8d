//! Workers are lost, and the callbacks of applications misbehave.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_rtc::chaos::{Fault, Moment, WorkerFault};
use actix_rtc::{
    ActorKind, Config, DataChannelOptions, Message, Reason, Runtime, Session, SessionOptions,
    SessionState, UdpMode,
};
use tokio::sync::oneshot;
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

use crate::bed::{Heard, Neighbours, restart_ice};
use crate::pair::{Pair, config, dialling, echo, start};
use crate::time_limit::{until, within};

/// Pairs on worker 0 and on worker 1; the dialling sides are on a runtime of their own.
struct TwoWorkers {
    rtc: Runtime,
    far: Runtime,
    pairs: [Pair; 2],
}

impl TwoWorkers {
    async fn start(config: Config) -> TwoWorkers {
        let (rtc, far) = (start(config), start(crate::pair::config(1)));
        let pair = || Pair::between(&far, &rtc);
        // The least loaded worker gets the next one, the first where they are equal.
        let pairs = [pair(), pair()];
        assert_eq!(rtc.worker_loads(), [1, 1]);
        for pair in &pairs {
            pair.connect().await;
        }
        TwoWorkers { rtc, far, pairs }
    }
}

async fn loses_worker_0(rtc: &Runtime, lost: &Session, fault: WorkerFault) {
    let udp = rtc.udp_addresses();
    rtc.registry().insert(lost.clone());
    let mut heard = Heard::of(lost);
    assert!(rtc.inject(0, fault));
    for word in [
        "gatherer error worker_lost",
        "gatherer failed",
        "ice error worker_lost",
        "ice failed",
        "dtls error worker_lost",
        "dtls failed",
        "sctp error worker_lost",
        "sctp failed",
        "supervisor error worker_lost",
        "session failed",
    ] {
        assert_eq!(within(heard.next()).await.as_deref(), Some(word));
    }
    assert_eq!(lost.failure().unwrap().reason, Reason::WorkerLost);
    assert_eq!(lost.state(), SessionState::Failed);
    // It is there to be looked at for a moment, and then gone.
    within(lost.closed()).await;
    assert_eq!(lost.state(), SessionState::Closed);
    assert!(rtc.registry().is_empty());
    until(|| rtc.worker_loads().len() == 2).await;
    assert_eq!(rtc.udp_addresses().len(), udp.len());
}

#[tokio::test]
async fn a_lost_worker_fails_its_sessions_and_is_replaced() {
    for fault in [WorkerFault::Stop, WorkerFault::Panic] {
        let mut bed = TwoWorkers::start(config(2)).await;
        let (ours, theirs) = bed.pairs[1].channel().await;
        loses_worker_0(&bed.rtc, &bed.pairs[0].answerer, fault).await;
        // The other worker has not noticed.
        echo(&ours, &theirs, "still here").await;
        assert!(bed.pairs[1].answerer.failure().is_none());
        // And the new one serves.
        bed.pairs[0].answerer = bed.rtc.session(SessionOptions::default()).unwrap();
        assert_eq!(bed.rtc.worker_loads(), [1, 1], "{fault:?}");
        bed.pairs[0].offerer = bed.far.session(dialling()).unwrap();
        bed.pairs[0].connect().await;
        let (ours, theirs) = bed.pairs[0].channel().await;
        echo(&ours, &theirs, "on the new worker").await;
        assert!(bed.rtc.shutdown(Duration::from_secs(20)).await);
    }
}

/// A log that panics when this actor is to be started, once.
struct Startled {
    kind: &'static str,
    panicked: AtomicBool,
}

impl Subscriber for Startled {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let starts = attributes.values().to_string().contains(self.kind);
        if starts && !self.panicked.swap(true, Ordering::AcqRel) {
            panic!("in the log");
        }
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// In the worker before there is a supervisor; and in the supervisor, before it is one.
#[tokio::test]
async fn a_session_whose_supervisor_does_not_come_into_being_fails() {
    for kind in ["supervisor", "gatherer"] {
        let rtc = start(config(1).failure_linger(Duration::from_millis(100)));
        let before = rtc.session(SessionOptions::default()).unwrap();
        within(before.gatherer().gather(None)).await.unwrap();
        let (installed, wait) = oneshot::channel();
        before.spawn(move |_| async move {
            let panicked = AtomicBool::new(false);
            let log = Startled { kind, panicked };
            // For this thread, as long as it lives.
            std::mem::forget(tracing::subscriber::set_default(log));
            let _ = installed.send(());
        });
        within(wait).await.unwrap();
        let session = rtc.session(SessionOptions::default()).unwrap();
        within(session.connected()).await.unwrap_err();
        let failure = session.failure().unwrap();
        assert_eq!(failure.reason, Reason::WorkerLost, "{kind}");
        within(session.closed()).await;
        // The other one goes with the worker, where that has panicked.
        match kind {
            "supervisor" => until(|| before.failure().is_some()).await,
            _ => assert!(before.failure().is_none()),
        }
        before.begin_close();
        within(before.closed()).await;
        until(|| rtc.worker_loads() == [0]).await;
        let pair = Pair::new(&rtc);
        pair.connect().await;
        pair.close().await;
    }
}

/// Its port is fixed, so the new worker comes when the old one has let go of it.
#[tokio::test]
async fn a_worker_that_hangs_is_lost_and_replaced_on_its_own_port() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut config = config(2);
    config.udp = UdpMode::Mux {
        ip: std::net::Ipv4Addr::LOCALHOST.into(),
        port: port.min(65_000),
    };
    config.worker_timeout = Duration::from_secs(2);
    let bed = TwoWorkers::start(config).await;
    let (ours, theirs) = bed.pairs[1].channel().await;
    let udp = bed.rtc.udp_addresses();
    let hangs = WorkerFault::Block(Duration::from_secs(6));
    loses_worker_0(&bed.rtc, &bed.pairs[0].answerer, hangs).await;
    echo(&ours, &theirs, "still here").await;
    assert_eq!(bed.rtc.udp_addresses(), udp);
    assert!(bed.rtc.shutdown(Duration::from_secs(20)).await);
}

/// 10 s are less than the patience with a worker: sessions on it stand still, and go on.
#[tokio::test]
async fn a_callback_that_blocks_for_ten_seconds_costs_its_neighbours_nothing_but_the_wait() {
    let bed = TwoWorkers::start(config(2)).await;
    let (ours, theirs) = bed.pairs[0].channel().await;
    let mut other = Neighbours::start(&bed.far, 4).await;
    let (elsewhere, there) = bed.pairs[1].channel().await;
    let (blocked, wait) = oneshot::channel();
    let mut blocked = Some(blocked);
    bed.pairs[0].answerer.ice().on_state_change(move |_| {
        if let Some(blocked) = blocked.take() {
            let _ = blocked.send(());
            std::thread::sleep(Duration::from_secs(10));
        }
    });
    // A restart changes the state of ICE, and so calls back.
    within(restart_ice(&bed.pairs[0].offerer, &bed.pairs[0].answerer)).await;
    bed.pairs[0]
        .answerer
        .inject(ActorKind::Ice, Fault::Panic, Moment::Now);
    within(wait).await.unwrap();
    // Meanwhile, on the other worker.
    for turn in 0..20 {
        echo(&elsewhere, &there, turn.to_string()).await;
    }
    other.are_untouched().await;
    // Afterwards, on this one.
    until(|| bed.pairs[0].answerer.ice().is_restart_needed()).await;
    within(restart_ice(&bed.pairs[0].answerer, &bed.pairs[0].offerer)).await;
    echo(&ours, &theirs, "after the wait").await;
    assert_eq!(bed.rtc.worker_loads(), [1, 1], "no worker was given up");
    assert!(bed.rtc.shutdown(Duration::from_secs(20)).await);
}

#[tokio::test]
async fn a_callback_that_panics_is_not_called_again_and_nobody_else_notices() {
    let rtc = Runtime::builder()
        .config(config(1))
        .on_data_channel(|channel| async move {
            assert_ne!(channel.label(), "bad", "in the application");
            while let Some(message) = channel.recv().await {
                channel.send(message).await.unwrap();
            }
        })
        .start()
        .unwrap();
    let (pair, neighbour) = (Pair::new(&rtc), Pair::new(&rtc));
    pair.answerer
        .ice()
        .on_state_change(|_| panic!("in the application"));
    pair.answerer
        .sctp()
        .on_state_change(|_| panic!("in the application"));
    pair.connect().await;
    neighbour.connect().await;
    let open = async |session: &Session, label: &str| {
        let options = DataChannelOptions::default();
        within(session.create_data_channel(label, options))
            .await
            .unwrap()
    };
    let (good, beside) = (
        open(&pair.offerer, "good").await,
        open(&neighbour.offerer, "beside").await,
    );
    for turn in 0..3 {
        // The panic drops the channel, and so closes it.
        let bad = open(&pair.offerer, "bad").await;
        assert_eq!(within(bad.recv()).await, None);
        for channel in [&good, &beside] {
            let message = Message::text(turn.to_string());
            within(channel.send(message.clone())).await.unwrap();
            assert_eq!(within(channel.recv()).await, Some(message));
        }
    }
    for session in [&pair.answerer, &neighbour.answerer] {
        assert_eq!(session.state(), SessionState::Connected);
        assert!(session.failure().is_none());
    }
    pair.close().await;
    neighbour.close().await;
}
