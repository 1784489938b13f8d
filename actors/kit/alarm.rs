//! One timer an actor, set to the next deadline of its machine.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Cx, Poll, Waker};
use std::time::Instant;

use actix::fut::ActorFuture;
use actix::prelude::*;
use tokio::time::Sleep;

/// The time as the runtime has it: real, or paused in a test.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// An actor with a deadline.
pub(crate) trait OnAlarm: Actor<Context = Context<Self>> {
    /// The deadline has passed.
    fn on_alarm(&mut self, ctx: &mut Context<Self>);
}

/// Sets the deadline. The timer rings at the earliest one since it last rang, and is set to the
/// current one then: what a packet moves ahead costs nothing, nothing is spawned or cancelled.
#[derive(Clone, Default)]
pub(crate) struct Alarm(Rc<State>);

#[derive(Default)]
struct State {
    deadline: Cell<Option<Instant>>,
    /// When the timer rings.
    armed: Cell<Option<Instant>>,
    /// Polls the watch; taken until it has been polled.
    waker: Cell<Option<Waker>>,
}

impl Alarm {
    /// Begins to watch over the deadline of an actor.
    pub(crate) fn start<A: OnAlarm>(ctx: &mut Context<A>) -> Alarm {
        let alarm = Alarm::default();
        ctx.spawn(Watch {
            state: alarm.0.clone(),
            sleep: None,
        });
        alarm
    }

    /// Sets the deadline, `None` for never.
    pub(crate) fn set(&self, deadline: Option<Instant>) {
        self.0.deadline.set(deadline);
        // After a message actix polls the watch anyway; after another future of the actor, which
        // may stand behind it, only if it is told to.
        if self.0.is_too_late()
            && let Some(waker) = self.0.waker.take()
        {
            waker.wake();
        }
    }
}

impl State {
    /// Whether the timer rings only after the deadline, or not at all.
    fn is_too_late(&self) -> bool {
        let armed = self.armed.get();
        self.deadline
            .get()
            .is_some_and(|deadline| armed.is_none_or(|armed| deadline < armed))
    }
}

struct Watch {
    state: Rc<State>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Watch {
    fn set(&mut self, at: Instant) {
        self.state.armed.set(Some(at));
        match self.sleep.as_mut() {
            Some(sleep) => sleep.as_mut().reset(at.into()),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at.into()))),
        }
    }
}

impl<A: OnAlarm> ActorFuture<A> for Watch {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut Context<A>,
        cx: &mut Cx<'_>,
    ) -> Poll<()> {
        let this = &mut *self;
        // What `on_alarm` sets is looked at here.
        let waker = this.state.waker.take();
        let has_rung = this.sleep.as_ref().is_some_and(|sleep| sleep.is_elapsed());
        if has_rung && this.state.deadline.get().is_none() {
            this.state.armed.set(None);
        }
        while let Some(deadline) = this.state.deadline.get() {
            let is_news = this.state.is_too_late();
            if is_news {
                this.set(deadline);
            }
            let Some(sleep) = this.sleep.as_mut() else {
                break;
            };
            // A timer that knows whom to wake need not be polled until it has rung.
            if !is_news && !sleep.is_elapsed() {
                break;
            }
            // Not held back by what else the task has done: it would not know whom to wake.
            let mut sleep = tokio::task::unconstrained(sleep.as_mut());
            if Pin::new(&mut sleep).poll(cx).is_pending() {
                break;
            }
            if this.state.armed.get().is_some_and(|armed| armed < deadline) {
                this.set(deadline);
                continue;
            }
            this.state.deadline.set(None);
            this.state.armed.set(None);
            actor.on_alarm(ctx);
            if ctx.state() != ActorState::Running {
                break;
            }
        }
        let waker = waker.filter(|waker| waker.will_wake(cx.waker()));
        let waker = waker.unwrap_or_else(|| cx.waker().clone());
        this.state.waker.set(Some(waker));
        Poll::Pending
    }
}

#[cfg(test)]
#[path = "alarm_tests.rs"]
mod tests;
