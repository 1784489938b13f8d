//! Addresses that measure: how many messages wait in a mailbox (actix does not say), for how long,
//! and how long each kind of them takes.
//!
//! What is measured is a message, which is a whole batch of traffic: a packet costs nothing. All
//! are counted; of traffic the times of every eighth are taken, since a recorder's histogram costs
//! as much as handling a small batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use actix::dev::ToEnvelope;
use actix::prelude::*;

use crate::base::kind::ActorKind;
use crate::base::kind::MessageKind;
use crate::kit::faults::{self, Victim};
use crate::kit::letter::Letter;
use crate::metrics::{ActorMetrics, Metrics, Rejected};

/// Of how many messages of traffic one is timed.
const SAMPLE: usize = 8;

/// One of the actors that carry a session: its mailbox is measured.
pub(crate) trait Metered: Victim {}

/// Makes an actor with fields `scope` and `exit` [`Metered`], for these messages and for
/// [`Control`](crate::kit::control::Control).
macro_rules! metered {
    ($actor:ty, $kind:expr, [$($message:ty),* $(,)?]) => {
        $crate::kit::faults::victim!($actor, $kind);

        impl $crate::kit::address::Metered for $actor {}

        impl actix::Handler<$crate::kit::control::Control> for $actor {
            type Result = ();

            fn handle(&mut self, control: $crate::kit::control::Control, ctx: &mut Self::Context) {
                match control {
                    $crate::kit::control::Control::Shutdown => {
                        $crate::kit::control::OnShutdown::on_shutdown(self, ctx);
                    }
                    $crate::kit::control::Control::Strike(strike) => {
                        $crate::kit::faults::strike(self, ctx, strike);
                    }
                }
            }
        }

        $crate::kit::address::delivered!(
            $actor, $($message,)* $crate::kit::control::Control
        );
    };
}
pub(crate) use metered;

/// Has an actor open its deliveries.
macro_rules! delivered {
    ($actor:ty, $($message:ty),+) => {
        $(impl actix::Handler<$crate::kit::address::Delivery<$message>> for $actor {
            type Result = ();

            fn handle(
                &mut self,
                delivery: $crate::kit::address::Delivery<$message>,
                ctx: &mut Self::Context,
            ) {
                delivery.open(self, ctx);
            }
        })+
    };
}
pub(crate) use delivered;

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
        if M::OF_A_NEIGHBOUR && faults::is_lost(actor, ctx) {
            return;
        }
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
    /// The address of an actor, with the meter of its kind and session.
    pub(crate) fn new(actor: Addr<A>, meter: Arc<Meter>) -> Address<A> {
        Address { actor, meter }
    }

    pub(crate) fn do_send<M: Letter>(&self, message: M)
    where
        A: Handler<Delivery<M>>,
        Context<A>: ToEnvelope<A, Delivery<M>>,
    {
        self.actor.do_send(Delivery::new(message, &self.meter));
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

#[cfg(test)]
impl<M: Letter> Neighbour<M> {
    /// An actor that is gone.
    pub(crate) fn gone(meter: Arc<Meter>) -> Neighbour<M> {
        struct Gone;
        impl Actor for Gone {
            type Context = Context<Self>;
        }
        impl<M: Letter> Handler<Delivery<M>> for Gone {
            type Result = ();
            fn handle(&mut self, _: Delivery<M>, _: &mut Context<Self>) {}
        }
        let (actor, _) = crate::kit::mailbox::Mailbox::<Gone>::new();
        Neighbour {
            actor: actor.recipient(),
            meter,
        }
    }
}

#[cfg(all(test, feature = "prometheus"))]
#[path = "address_tests.rs"]
mod tests;
