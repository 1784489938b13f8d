//! One timer an actor, set to the next deadline of its machine.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Cx, Poll};
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

/// Sets the deadline. actix polls an actor's futures after each message that it handled, so
/// storing a value is all it takes: nothing is spawned or cancelled per packet.
#[derive(Clone, Default)]
pub(crate) struct Alarm(Rc<Cell<Option<Instant>>>);

impl Alarm {
    /// Begins to watch over the deadline of an actor.
    pub(crate) fn start<A: OnAlarm>(ctx: &mut Context<A>) -> Alarm {
        let alarm = Alarm::default();
        ctx.spawn(Watch {
            deadline: alarm.0.clone(),
            armed: None,
            sleep: None,
        });
        alarm
    }

    /// Sets the deadline, `None` for never.
    pub(crate) fn set(&self, deadline: Option<Instant>) {
        self.0.set(deadline);
    }
}

struct Watch {
    deadline: Rc<Cell<Option<Instant>>>,
    armed: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Watch {
    fn set(&mut self, at: Instant) {
        self.armed = Some(at);
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
        while let Some(deadline) = this.deadline.get() {
            // A deadline that moves ahead, as it does with each packet, costs nothing: the timer
            // rings at the old one, and is set to the new one then.
            if this.armed.is_none_or(|armed| deadline < armed) {
                this.set(deadline);
            }
            let Some(sleep) = this.sleep.as_mut() else {
                break;
            };
            if sleep.as_mut().poll(cx).is_pending() {
                break;
            }
            if this.armed.is_some_and(|armed| armed < deadline) {
                this.set(deadline);
                continue;
            }
            this.deadline.set(None);
            this.armed = None;
            actor.on_alarm(ctx);
            if ctx.state() != ActorState::Running {
                break;
            }
        }
        Poll::Pending
    }
}
