//! Work that an actor puts off until the tasks that are ready now have run.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Cx, Poll};

use actix::fut::ActorFuture;
use actix::prelude::*;

/// An actor that puts work off.
pub(crate) trait OnDeferred: Actor<Context = Context<Self>> {
    /// The tasks that were ready have run.
    fn on_deferred(&mut self, ctx: &mut Context<Self>);
}

/// Asks for a turn, while a message is handled: actix polls an actor's futures after each, so storing
/// a value is all it takes.
#[derive(Clone, Default)]
pub(crate) struct Deferred(Rc<Cell<State>>);

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Idle,
    Asked,
    /// The task has been put behind those that are ready.
    Queued,
}

impl Deferred {
    pub(crate) fn start<A: OnDeferred>(ctx: &mut Context<A>) -> Deferred {
        let deferred = Deferred::default();
        ctx.spawn(Watch(deferred.clone()));
        deferred
    }

    /// There is work.
    pub(crate) fn ask(&self) {
        if self.0.get() == State::Idle {
            self.0.set(State::Asked);
        }
    }
}

struct Watch(Deferred);

impl<A: OnDeferred> ActorFuture<A> for Watch {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut Context<A>,
        cx: &mut Cx<'_>,
    ) -> Poll<()> {
        let state = &self.0.0;
        match state.get() {
            State::Idle => {}
            State::Asked => {
                state.set(State::Queued);
                cx.waker().wake_by_ref();
            }
            State::Queued => {
                state.set(State::Idle);
                actor.on_deferred(ctx);
            }
        }
        Poll::Pending
    }
}
