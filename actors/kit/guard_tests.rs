use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::base::kind::ActorKind;
use crate::kit::virtual_time::on_virtual_time;

/// Each way in which a child can end.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
enum Do {
    PanicInHandler,
    PanicInFuture,
    PanicInTimer,
    Fail,
    Stop,
    StopAsAsked,
}

struct Patient {
    exit: Exit,
    lives: Arc<Mutex<u32>>,
}

impl Actor for Patient {
    type Context = Context<Self>;
}

impl Supervised for Patient {
    fn restarting(&mut self, _: &mut Context<Self>) {
        *self.lives.lock().unwrap() += 1;
    }
}

impl Handler<Do> for Patient {
    type Result = ();

    fn handle(&mut self, message: Do, ctx: &mut Context<Self>) {
        match message {
            Do::PanicInHandler => panic!("in the handler"),
            Do::PanicInFuture => {
                ctx.spawn(actix::fut::wrap_future(async { panic!("in a future") }));
            }
            Do::PanicInTimer => {
                ctx.run_later(Duration::from_millis(5), |_, _| panic!("in a timer"));
            }
            Do::Fail => {
                let error = TransportError::new(ActorKind::Ice, Reason::SocketLost);
                self.exit.fail(ctx, error);
            }
            Do::Stop => ctx.stop(),
            Do::StopAsAsked => {
                self.exit.asked();
                ctx.stop();
            }
        }
    }
}

type Heard = Arc<Mutex<Vec<(End, bool)>>>;

struct Parent(Heard);

impl Actor for Parent {
    type Context = Context<Self>;
}

impl Handler<ChildFailed<ActorKind>> for Parent {
    type Result = ();

    fn handle(&mut self, message: ChildFailed<ActorKind>, _: &mut Context<Self>) {
        self.0
            .lock()
            .unwrap()
            .push((message.end, message.restarting));
    }
}

struct Bed {
    child: Addr<Patient>,
    heard: Heard,
    lives: Arc<Mutex<u32>>,
}

fn guard(
    parent: Recipient<ChildFailed<ActorKind>>,
    policy: Option<RestartPolicy>,
) -> Guard<ActorKind> {
    Guard {
        child: ActorKind::Ice,
        parent,
        policy,
        span: Span::none(),
        metrics: Metrics::new(1),
    }
}

fn start(policy: Option<RestartPolicy>) -> Bed {
    let (heard, lives) = (Heard::default(), Arc::default());
    let parent = Parent(heard.clone()).start();
    let (child, mailbox) = Mailbox::new();
    let patient_lives = Arc::clone(&lives);
    guard(parent.recipient(), policy).start(mailbox, move |_, exit| Patient {
        exit,
        lives: patient_lives,
    });
    Bed {
        child,
        heard,
        lives,
    }
}

impl Bed {
    async fn after(&self, message: Do) -> Vec<(End, bool)> {
        self.child.do_send(message);
        tokio::time::sleep(Duration::from_secs(5)).await;
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

fn failed() -> End {
    End::Error(TransportError::new(ActorKind::Ice, Reason::SocketLost))
}

#[test]
fn every_end_reaches_the_parent_once() {
    on_virtual_time(async {
        for (cause, end) in [
            (Do::PanicInHandler, End::Panic("in the handler".into())),
            (Do::PanicInFuture, End::Panic("in a future".into())),
            (Do::PanicInTimer, End::Panic("in a timer".into())),
            (Do::Fail, failed()),
            (Do::Stop, End::Stopped),
        ] {
            let bed = start(None);
            assert_eq!(bed.after(cause).await, [(end, false)], "{cause:?}");
            assert!(!bed.child.connected(), "{cause:?}: the mailbox is closed");
            assert_eq!(bed.after(cause).await, [], "{cause:?}: nothing comes twice");
        }
    });
}

#[test]
fn a_restart_takes_the_same_mailbox_until_the_budget_is_spent() {
    on_virtual_time(async {
        let policy = RestartPolicy {
            max_restarts: 2,
            ..RestartPolicy::default()
        };
        let bed = start(Some(policy));
        let panicked = |restarting| (End::Panic("in the handler".into()), restarting);
        assert_eq!(bed.after(Do::PanicInHandler).await, [panicked(true)]);
        assert_eq!(bed.after(Do::Fail).await, [(failed(), true)]);
        assert_eq!(*bed.lives.lock().unwrap(), 2);
        assert_eq!(bed.after(Do::PanicInHandler).await, [panicked(false)]);
        assert!(!bed.child.connected());
    });
}

#[test]
fn the_budget_is_of_a_sliding_window() {
    on_virtual_time(async {
        let policy = RestartPolicy {
            max_restarts: 1,
            ..RestartPolicy::default()
        };
        let bed = start(Some(policy));
        for _ in 0..3 {
            assert_eq!(bed.after(Do::Fail).await, [(failed(), true)]);
            tokio::time::sleep(policy.window).await;
        }
        assert_eq!(bed.after(Do::Fail).await, [(failed(), true)]);
        assert_eq!(bed.after(Do::Fail).await, [(failed(), false)]);
    });
}

#[test]
fn a_stop_is_final_when_it_was_asked_for_only() {
    on_virtual_time(async {
        let bed = start(Some(RestartPolicy::default()));
        assert_eq!(bed.after(Do::Stop).await, [(End::Stopped, true)]);
        assert_eq!(*bed.lives.lock().unwrap(), 1);
        assert_eq!(bed.after(Do::StopAsAsked).await, [(End::Stopped, false)]);
        assert!(!bed.child.connected());
    });
}

#[test]
fn a_torn_down_arbiter_is_an_end_too() {
    let heard = Heard::default();
    let outside = heard.clone();
    System::new().block_on(async move {
        let parent = Parent(outside).start();
        let arbiter = Arbiter::new();
        let (started, wait) = tokio::sync::oneshot::channel();
        let recipient = parent.recipient();
        arbiter.spawn_fn(move || {
            let (child, mailbox) = Mailbox::<Patient>::new();
            let make = |_: &mut _, exit| Patient {
                exit,
                lives: Arc::default(),
            };
            guard(recipient, None).start(mailbox, make);
            let _ = started.send(child);
        });
        let child = wait.await.unwrap();
        assert!(child.connected());
        arbiter.stop();
        arbiter.join().unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!child.connected());
    });
    assert_eq!(*heard.lock().unwrap(), [(End::Aborted, false)]);
}
