//! Addresses before actors: a handle can be made, and messages sent, while the actor is still
//! being started on its worker. And addresses that measure: how many messages wait in a mailbox
//! (actix does not say), for how long, and how long each kind of them takes.
//!
//! What is measured is a message, which is a whole batch of traffic: a packet costs nothing. All
//! are counted; of traffic the times of every eighth are taken, since a recorder's histogram costs
//! as much as handling a small batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use actix::dev::ToEnvelope;
use actix::dev::channel::{AddressReceiver, channel};
use actix::prelude::*;

use crate::error::ActorKind;
use crate::metrics::{ActorMetrics, MessageKind, Metrics, Rejected};
use crate::scope::Scope;

/// Of how many messages of traffic one is timed.
const SAMPLE: usize = 8;

/// How many messages `try_send` accepts. Nobody here uses it: what is unbounded by nature
/// (commands) is rare, and what is frequent (batches) carries a [permit](crate::link::Permit).
const CAPACITY: usize = 16;

/// The receiving end of an [`Addr`] whose actor has not been started yet.
pub(crate) struct Mailbox<A: Actor>(AddressReceiver<A>);

impl<A: Actor<Context = Context<A>>> Mailbox<A> {
    /// An address and its mailbox. Where the mailbox is dropped, senders get `Closed`.
    pub(crate) fn new() -> (Addr<A>, Mailbox<A>) {
        let (sender, receiver) = channel(CAPACITY);
        (Addr::new(sender), Mailbox(receiver))
    }

    pub(crate) fn into_context(self) -> Context<A> {
        Context::with_receiver(self.0)
    }
}

/// One of the four actors of a session: its mailbox is measured.
pub(crate) trait Metered: Actor<Context = Context<Self>> {
    const KIND: ActorKind;
}

/// A message to a [`Metered`] actor.
pub(crate) trait Letter: Message<Result = ()> + Send + 'static {
    /// What it is about: the label of the time that it takes.
    fn kind(&self) -> MessageKind {
        MessageKind::Command
    }
}

/// Makes an actor [`Metered`], for these messages.
macro_rules! metered {
    ($actor:ty, $kind:expr, [$($message:ty),+ $(,)?]) => {
        impl $crate::mailbox::Metered for $actor {
            const KIND: $crate::error::ActorKind = $kind;
        }

        $(impl actix::Handler<$crate::mailbox::Delivery<$message>> for $actor {
            type Result = ();

            fn handle(
                &mut self,
                delivery: $crate::mailbox::Delivery<$message>,
                ctx: &mut Self::Context,
            ) {
                delivery.open(self, ctx);
            }
        })+
    };
}
pub(crate) use metered;

/// What is measured of one mailbox, and where to.
#[derive(Debug)]
pub(crate) struct Meter {
    metrics: Arc<Metrics>,
    kind: ActorKind,
    waiting: AtomicUsize,
    /// Counts traffic.
    traffic: AtomicUsize,
}

impl Meter {
    pub(crate) fn new(metrics: Arc<Metrics>, kind: ActorKind) -> Arc<Meter> {
        Arc::new(Meter {
            metrics,
            kind,
            waiting: AtomicUsize::new(0),
            traffic: AtomicUsize::new(0),
        })
    }

    /// How many messages wait, or are being handled.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn actor(&self) -> &ActorMetrics {
        self.metrics.actor(self.kind)
    }

    /// Whether this message is to be timed.
    fn times(&self, kind: MessageKind) -> bool {
        !kind.is_traffic()
            || self
                .traffic
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(SAMPLE)
    }
}

/// A message under way. When it is dropped unopened, its actor was gone.
pub(crate) struct Delivery<M: Letter> {
    message: Option<M>,
    meter: Arc<Meter>,
    /// When, where it is to be timed.
    posted: Option<Instant>,
}

impl<M: Letter> Message for Delivery<M> {
    type Result = ();
}

impl<M: Letter> Delivery<M> {
    fn new(message: M, meter: &Arc<Meter>) -> Delivery<M> {
        meter.waiting.fetch_add(1, Ordering::Relaxed);
        meter.actor().posted();
        let timed = meter.times(message.kind());
        Delivery {
            message: Some(message),
            meter: meter.clone(),
            // The real time, also where a test pauses the clock: it decides nothing.
            posted: timed.then(Instant::now),
        }
    }

    /// Has the actor handle the message.
    pub(crate) fn open<A: Metered + Handler<M, Result = ()>>(
        mut self,
        actor: &mut A,
        ctx: &mut Context<A>,
    ) {
        let Some(message) = self.message.take() else {
            return;
        };
        let Some(posted) = self.posted else {
            actor.handle(message, ctx);
            return;
        };
        let (kind, opened) = (message.kind(), Instant::now());
        actor.handle(message, ctx);
        let metrics = self.meter.actor();
        metrics.mailbox_wait.record(opened.duration_since(posted));
        metrics.handled(kind, opened.elapsed());
    }
}

impl<M: Letter> Drop for Delivery<M> {
    fn drop(&mut self) {
        self.meter.waiting.fetch_sub(1, Ordering::Relaxed);
        let metrics = self.meter.actor();
        metrics.taken();
        if self.message.is_some() {
            metrics.rejected.add(Rejected::Closed, 1);
        }
    }
}

/// The address of a [`Metered`] actor.
pub(crate) struct Address<A: Metered> {
    actor: Addr<A>,
    meter: Arc<Meter>,
}

impl<A: Metered> Address<A> {
    /// The address of an actor of this session.
    pub(crate) fn new(actor: Addr<A>, scope: &Scope) -> Address<A> {
        let meter = scope.meters[A::KIND as usize].clone();
        Address { actor, meter }
    }

    /// The address of an actor of a test, which has no session.
    #[cfg(test)]
    pub(crate) fn with_meter(actor: Addr<A>, meter: Arc<Meter>) -> Address<A> {
        Address { actor, meter }
    }

    /// The address of the actor that runs in this context.
    pub(crate) fn of(ctx: &Context<A>, scope: &Scope) -> Address<A> {
        Address::new(ctx.address(), scope)
    }

    pub(crate) fn do_send<M: Letter>(&self, message: M)
    where
        A: Handler<Delivery<M>>,
        Context<A>: ToEnvelope<A, Delivery<M>>,
    {
        self.actor.do_send(Delivery::new(message, &self.meter));
    }

    /// The address without its meter, for what only tests send.
    #[cfg(feature = "chaos")]
    pub(crate) fn plain(&self) -> &Addr<A> {
        &self.actor
    }

    /// The actor as its neighbours know it.
    pub(crate) fn neighbour<M: Letter>(&self) -> Neighbour<M>
    where
        A: Handler<Delivery<M>>,
        Context<A>: ToEnvelope<A, Delivery<M>>,
    {
        Neighbour {
            actor: self.actor.clone().recipient(),
            meter: self.meter.clone(),
        }
    }
}

impl<A: Metered> Clone for Address<A> {
    fn clone(&self) -> Self {
        Address {
            actor: self.actor.clone(),
            meter: self.meter.clone(),
        }
    }
}

impl<A: Metered> std::fmt::Debug for Address<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&A::KIND).finish()
    }
}

/// An actor of which nothing is known but that it takes this message.
pub(crate) struct Neighbour<M: Letter> {
    actor: Recipient<Delivery<M>>,
    meter: Arc<Meter>,
}

impl<M: Letter> Neighbour<M> {
    pub(crate) fn do_send(&self, message: M) {
        self.actor.do_send(Delivery::new(message, &self.meter));
    }

    /// Counts a message that was not sent because the actor has enough to do.
    pub(crate) fn refuse(&self) {
        self.meter.actor().rejected.add(Rejected::Full, 1);
    }
}

impl<M: Letter> Clone for Neighbour<M> {
    fn clone(&self) -> Self {
        Neighbour {
            actor: self.actor.clone(),
            meter: self.meter.clone(),
        }
    }
}

#[cfg(all(test, feature = "prometheus"))]
#[path = "mailbox_tests.rs"]
mod tests;
