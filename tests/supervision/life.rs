//! The end of runtimes: drained, and shut down from anywhere.

use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use actix_rtc::{OpenError, Runtime, SessionOptions, SessionState};

use crate::pair::{Pair, config, start};
use crate::time_limit::within;

const LIMIT: Duration = Duration::from_secs(30);

/// The smallest executor: no timers, no reactor.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park_timeout(LIMIT),
        }
    }
}

#[test]
fn shutdown_joins_the_threads_from_sync_code() {
    let rtc = start(config(3));
    let session = rtc.session(SessionOptions::default()).unwrap();
    assert!(block_on(rtc.shutdown(LIMIT)));
    assert!(block_on(rtc.shutdown(LIMIT)), "again");
    // Nobody waits for ever.
    block_on(session.closed());
    assert_eq!(session.state(), SessionState::Closed);
    assert!(session.failure().is_none(), "a shutdown is no failure");
    let refused = rtc.session(SessionOptions::default()).unwrap_err();
    assert_eq!(refused, OpenError::Draining);
}

#[tokio::test]
async fn shutdown_joins_the_threads_from_async_code() {
    let rtc = start(config(2));
    let pair = Pair::new(&rtc);
    pair.connect().await;
    assert!(within(rtc.shutdown(LIMIT)).await);
    assert!(within(rtc.shutdown(LIMIT)).await, "again");
    within(pair.answerer.closed()).await;
}

/// A worker's thread cannot wait for itself.
#[test]
fn shutdown_in_a_callback_does_not_hang() {
    let (sender, receiver) = mpsc::channel();
    let rtc = Arc::new(std::sync::OnceLock::<Runtime>::new());
    let inside = rtc.clone();
    let started = Runtime::builder()
        .config(config(1))
        .on_data_channel(move |_| {
            let (sender, rtc) = (sender.clone(), inside.get().unwrap().clone());
            async move {
                let at_once = rtc.shutdown(Duration::from_secs(3_600)).await;
                sender.send(at_once).unwrap();
            }
        })
        .start()
        .unwrap();
    rtc.set(started.clone()).unwrap();
    let tokio = tokio::runtime::Runtime::new().unwrap();
    tokio.block_on(async {
        let pair = Pair::new(&started);
        pair.connect().await;
        let options = Default::default();
        let _channel = within(pair.offerer.create_data_channel("x", options)).await;
        within(pair.answerer.closed()).await;
    });
    assert!(!receiver.recv_timeout(LIMIT).unwrap());
    assert!(
        block_on(started.shutdown(LIMIT)),
        "the threads have ended all the same"
    );
}

/// Without a timer, without a reactor, and without a registry.
#[test]
fn a_drain_works_from_any_thread_and_closes_every_session() {
    let rtc = start(config(2));
    let sessions: Vec<_> = (0..4)
        .map(|_| rtc.session(SessionOptions::default()).unwrap())
        .collect();
    block_on(rtc.drain(Duration::from_millis(20)));
    assert_eq!(rtc.session_count(), 0);
    for session in &sessions {
        assert_eq!(session.state(), SessionState::Closed);
    }
    assert!(block_on(rtc.shutdown(LIMIT)));
}

#[tokio::test]
async fn a_drain_waits_for_sessions_that_end_by_themselves() {
    let rtc = start(config(1));
    let session = rtc.session(SessionOptions::default()).unwrap();
    let draining = rtc.clone();
    let drained = tokio::spawn(async move { draining.drain(Duration::from_secs(3_600)).await });
    within(async {
        while !rtc.is_draining() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!drained.is_finished());
    session.begin_close();
    within(drained).await.unwrap();
}
