use super::*;

/// Long enough that a busy machine does not end it by itself.
const LONG: Duration = Duration::from_millis(200);

/// Runs on an arbiter, as workers do.
fn on_arbiter(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(async {
        let patience = Duration::from_secs(60);
        tokio::time::timeout(patience, test).await.unwrap();
    });
}

fn is_asleep(poll: &BusyPoll) -> bool {
    poll.0.as_ref().unwrap().asleep.load(Relaxed)
}

/// Waits until nobody looks.
async fn asleep(poll: &BusyPoll) {
    while !is_asleep(poll) {
        tokio::task::yield_now().await;
    }
}

/// How many arrivals go by until one is looked after.
async fn skipped(poll: &BusyPoll) -> u32 {
    asleep(poll).await;
    let mut skipped = 0;
    loop {
        poll.arrived();
        if !is_asleep(poll) {
            return skipped;
        }
        skipped += 1;
    }
}

#[test]
fn each_look_in_vain_makes_it_look_more_rarely() {
    on_arbiter(async {
        let poll = BusyPoll::start(Duration::from_micros(1));
        for expected in [0, 1, 3, 7, 15, 31, 63, 63, 63] {
            assert_eq!(skipped(&poll).await, expected);
        }
    });
}

#[test]
fn what_comes_meanwhile_makes_it_look_at_once_next_time() {
    on_arbiter(async {
        let poll = BusyPoll::start(LONG);
        // In vain.
        assert_eq!(skipped(&poll).await, 0);
        assert_eq!(skipped(&poll).await, 1);
        // It looks now, and more comes.
        tokio::task::yield_now().await;
        poll.arrived();
        assert_eq!(skipped(&poll).await, 0);
    });
}

#[test]
fn it_sleeps_while_nothing_comes() {
    on_arbiter(async {
        let poll = BusyPoll::start(LONG);
        asleep(&poll).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(is_asleep(&poll));
    });
}

#[test]
fn timers_and_tasks_have_their_turn_while_it_looks() {
    on_arbiter(async {
        let poll = BusyPoll::start(Duration::from_secs(20));
        asleep(&poll).await;
        poll.arrived();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        actix_rt::spawn(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let _ = sender.send(());
        });
        receiver.await.unwrap();
        assert!(!is_asleep(&poll), "the look was over before");
    });
}

#[test]
fn without_a_window_it_never_looks() {
    BusyPoll::default().arrived();
}
