//! A supervised child: every way in which an actor can end reaches its parent, exactly once.
//!
//! `actix::Supervisor` restarts an actor that stopped, but not one that panicked. [`Guarded`]
//! polls the actor's context itself, inside `catch_unwind`, so a panic in a handler, in a spawned
//! future or in a timer, an error that the actor reports through its [`Exit`], a plain stop, and
//! a torn-down arbiter each become one [`ChildFailed`].

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Cx, Poll, ready};

use actix::dev::ContextFut;
use actix::prelude::*;
use tokio::time::{Instant, Sleep};
use tracing::Span;

use crate::base::config::RestartPolicy;
use crate::base::error::{Reason, TransportError};
use crate::kit::mailbox::Mailbox;
use crate::metrics::{Metrics, Undelivered};

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It panicked, with this message.
    Panic(String),
    /// It reported an error through its [`Exit`].
    Error(TransportError),
    /// It stopped without saying why.
    Stopped,
    /// Its arbiter was torn down under it.
    Aborted,
}

impl End {
    /// The end as an error of the given child.
    pub(crate) fn into_error(self, actor: crate::base::kind::ActorKind) -> TransportError {
        match self {
            End::Panic(message) => TransportError::with_details(actor, Reason::Panic, message),
            End::Error(error) => error,
            End::Stopped => TransportError::new(actor, Reason::Stopped),
            End::Aborted => TransportError::new(actor, Reason::WorkerLost),
        }
    }
}

/// What the parent hears.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct ChildFailed<K: Send + 'static> {
    pub(crate) child: K,
    pub(crate) end: End,
    /// Whether a fresh actor takes over the mailbox after a pause.
    pub(crate) restarting: bool,
}

/// An actor that can be guarded.
///
/// The guarded actors never cancel a spawned future (they have an [`Alarm`](crate::kit::alarm::Alarm)
/// instead of timers that are set anew): actix starts to count its future handles again at a
/// restart, and an old cancellation could hit a new future.
pub(crate) trait Child: Actor<Context = Context<Self>> + Supervised {}

impl<A: Actor<Context = Context<A>> + Supervised> Child for A {}

/// Given to a child: stop me, and this is why.
#[derive(Clone, Default)]
pub(crate) struct Exit(Rc<RefCell<Why>>);

#[derive(Default)]
enum Why {
    /// Nobody has said.
    #[default]
    Unasked,
    /// It was asked to.
    Asked,
    /// Something went wrong.
    Failed(End),
}

impl Exit {
    /// Ends the actor with an error.
    pub(crate) fn fail<C: ActorContext>(&self, ctx: &mut C, error: TransportError) {
        self.set(Why::Failed(End::Error(error)));
        ctx.stop();
    }

    /// The actor is to end, and will: a stop from now on is in good order.
    pub(crate) fn asked(&self) {
        self.set(Why::Asked);
    }

    /// For the actor's own `Drop`: how it ended, `None` where nothing was wrong with it, or where
    /// its arbiter was torn down.
    pub(crate) fn failure(&self) -> Option<End> {
        match &*self.0.borrow() {
            Why::Failed(end) => Some(end.clone()),
            Why::Unasked | Why::Asked => None,
        }
    }

    /// The end of an actor that has stopped, and whether it was asked to.
    fn end(&self) -> (End, bool) {
        match &*self.0.borrow() {
            Why::Failed(end) => (end.clone(), false),
            Why::Asked => (End::Stopped, true),
            Why::Unasked => (End::Stopped, false),
        }
    }

    fn set(&self, why: Why) {
        *self.0.borrow_mut() = why;
    }
}

/// How many guarded actors there are in this process.
pub(crate) static GUARDED: AtomicUsize = AtomicUsize::new(0);

/// How a child is to be run.
pub(crate) struct Guard<K: Send + 'static> {
    /// What the parent calls it.
    pub(crate) child: K,
    pub(crate) parent: Recipient<ChildFailed<K>>,
    /// With a policy it is restarted after a panic, an error or a stop that nobody had asked for,
    /// while the budget lasts: `Supervised::restarting` is to put a fresh value in its own place.
    pub(crate) policy: Option<RestartPolicy>,
    /// What the child logs, it logs in here.
    pub(crate) span: Span,
    pub(crate) metrics: Arc<Metrics>,
}

impl<K: Send + Clone + Unpin + 'static> Guard<K> {
    /// Starts an actor on this thread's arbiter.
    pub(crate) fn start<A: Child>(
        self,
        mailbox: Mailbox<A>,
        make: impl FnOnce(&mut Context<A>, Exit) -> A,
    ) {
        let mut ctx = mailbox.into_context();
        let exit = Exit::default();
        let entered = self.span.clone().entered();
        let actor = match catch_unwind(AssertUnwindSafe(|| make(&mut ctx, exit.clone()))) {
            Ok(actor) => actor,
            Err(payload) => {
                drop(ctx);
                self.tell_parent(End::Panic(panic_message(payload)), false);
                return;
            }
        };
        drop(entered);
        GUARDED.fetch_add(1, Ordering::AcqRel);
        actix_rt::spawn(Guarded {
            actor: Some(ctx.into_future(actor)),
            exit,
            restarts: self.policy.map(Restarts::new),
            pause: None,
            guard: self,
        });
    }

    fn tell_parent(&self, end: End, restarting: bool) {
        if !self.parent.connected() {
            self.metrics.process.undelivered.add(Undelivered::Orphan, 1);
            return;
        }
        self.parent.do_send(ChildFailed {
            child: self.child.clone(),
            end,
            restarting,
        });
    }
}

/// The future that runs a child.
struct Guarded<A: Child, K: Send + Clone + Unpin + 'static> {
    guard: Guard<K>,
    actor: Option<ContextFut<A, Context<A>>>,
    exit: Exit,
    restarts: Option<Restarts>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<A: Child, K: Send + Clone + Unpin + 'static> Unpin for Guarded<A, K> {}

impl<A: Child, K: Send + Clone + Unpin + 'static> Guarded<A, K> {
    /// Drops the actor; its mailbox closes.
    fn bury(&mut self, panicked: bool) {
        let Some(mut actor) = self.actor.take() else {
            return;
        };
        let _ = catch_unwind(AssertUnwindSafe(move || {
            if panicked {
                // Its `stopping` and `stopped`, and the messages that wait, are not to run on
                // broken state.
                actor.ctx().terminate();
            }
            drop(actor);
        }));
    }

    /// Polls the actor: how it ended, and whether it was asked to.
    fn step(&mut self, cx: &mut Cx<'_>) -> Poll<(End, bool)> {
        let Some(actor) = self.actor.as_mut() else {
            return Poll::Pending;
        };
        if let Some(pause) = self.pause.as_mut() {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
            self.exit.set(Why::Unasked);
            match catch_unwind(AssertUnwindSafe(|| actor.restart())) {
                Ok(true) => {}
                // All addresses are gone: nobody would ever talk to it.
                Ok(false) => return Poll::Ready((End::Stopped, true)),
                Err(payload) => return Poll::Ready(self.panicked(payload)),
            }
        }
        match catch_unwind(AssertUnwindSafe(|| Pin::new(actor).poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(self.exit.end()),
            Err(payload) => Poll::Ready(self.panicked(payload)),
        }
    }

    /// The actor's `Drop` will want to know.
    fn panicked(&self, payload: Box<dyn Any + Send>) -> (End, bool) {
        let end = End::Panic(panic_message(payload));
        self.exit.set(Why::Failed(end.clone()));
        (end, false)
    }
}

impl<A: Child, K: Send + Clone + Unpin + 'static> Future for Guarded<A, K> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        let this = &mut *self;
        let _span = this.guard.span.clone().entered();
        loop {
            let (end, asked) = ready!(this.step(cx));
            let pause = match &mut this.restarts {
                Some(restarts) if !asked => restarts.next(Instant::now()),
                _ => None,
            };
            let restarting = pause.is_some();
            match pause {
                Some(pause) => this.pause = Some(Box::pin(tokio::time::sleep(pause))),
                // The mailbox is closed before the parent hears of it.
                None => this.bury(matches!(end, End::Panic(_))),
            }
            this.guard.tell_parent(end, restarting);
            if !restarting {
                return Poll::Ready(());
            }
        }
    }
}

impl<A: Child, K: Send + Clone + Unpin + 'static> Drop for Guarded<A, K> {
    fn drop(&mut self) {
        GUARDED.fetch_sub(1, Ordering::AcqRel);
        if self.actor.is_some() {
            let _span = self.guard.span.clone().entered();
            self.bury(true);
            self.guard.tell_parent(End::Aborted, false);
        }
    }
}

/// The restart budget: so many in a sliding window.
struct Restarts {
    policy: RestartPolicy,
    recent: VecDeque<Instant>,
}

impl Restarts {
    fn new(policy: RestartPolicy) -> Restarts {
        Restarts {
            policy,
            recent: VecDeque::new(),
        }
    }

    /// The pause before one more restart, `None` when the budget is spent.
    fn next(&mut self, now: Instant) -> Option<std::time::Duration> {
        while self
            .recent
            .front()
            .is_some_and(|t| now.duration_since(*t) > self.policy.window)
        {
            self.recent.pop_front();
        }
        let used = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        if used >= self.policy.max_restarts {
            return None;
        }
        self.recent.push_back(now);
        Some(self.policy.backoff.saturating_mul(1 << used.min(10)))
    }
}

/// What a panic said.
pub(crate) fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into());
    // Dropping the payload can itself panic.
    let _ = catch_unwind(AssertUnwindSafe(move || drop(payload)));
    message
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
