//! Where the events of a session go out: to streams, and to actors that subscribe.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use actix::Recipient;
use futures_core::Stream;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::base::event::{Event, FromEvent, TransportEvent};
use crate::base::id::SessionId;
use crate::base::kind::ActorKind;
use crate::metrics::{Metrics, Undelivered};

/// How many events wait for a slow subscriber before it loses the oldest, and is told so by
/// `Lagged`.
const CAPACITY: usize = 256;

/// Where a session's events go out.
#[derive(Clone)]
pub(crate) struct Events(Arc<Inner>);

struct Inner {
    session: SessionId,
    metrics: Arc<Metrics>,
    streams: broadcast::Sender<Event>,
    subscribers: Mutex<Vec<Subscriber>>,
}

/// An actor that wants to hear of the session.
struct Subscriber {
    recipient: Recipient<TransportEvent>,
    /// `None` for all of them.
    only: Option<ActorKind>,
    /// How many events its mailbox had no room for.
    missed: u64,
}

impl Subscriber {
    /// `false` when the actor is gone.
    fn deliver(&mut self, session: &SessionId, event: &Event, metrics: &Metrics) -> bool {
        if self.only.is_some_and(|only| only != event.actor()) {
            return true;
        }
        let message = |event| TransportEvent {
            session: session.clone(),
            event,
        };
        if !self.recipient.connected() {
            metrics.process.undelivered.add(Undelivered::Closed, 1);
            return false;
        }
        if self.missed > 0 {
            let about = self.only.unwrap_or(ActorKind::Supervisor);
            let lagged = message(Event::lagged_of(about, self.missed));
            if self.recipient.try_send(lagged).is_ok() {
                self.missed = 0;
            }
        }
        if event.is_vital() {
            self.recipient.do_send(message(event.clone()));
        } else if self.recipient.try_send(message(event.clone())).is_err() {
            self.missed += 1;
            metrics.process.undelivered.add(Undelivered::Lagged, 1);
        }
        true
    }
}

impl Events {
    pub(crate) fn new(session: SessionId, metrics: Arc<Metrics>) -> Events {
        let streams = broadcast::Sender::new(CAPACITY);
        Events(Arc::new(Inner {
            session,
            metrics,
            streams,
            subscribers: Mutex::default(),
        }))
    }

    pub(crate) fn send(&self, event: Event) {
        let inner = &*self.0;
        tracing::trace!(session = %inner.session, ?event, "event");
        let mut subscribers = inner
            .subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        subscribers.retain_mut(|s| s.deliver(&inner.session, &event, &inner.metrics));
        // Under the lock, so that all hear of everything in the same order; nobody listening is
        // no error.
        let _ = inner.streams.send(event);
    }

    pub(crate) fn subscribe_actor(
        &self,
        recipient: Recipient<TransportEvent>,
        only: Option<ActorKind>,
    ) {
        self.0
            .subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Subscriber {
                recipient,
                only,
                missed: 0,
            });
    }

    pub(crate) fn stream<E: FromEvent>(&self) -> EventStream<E> {
        EventStream {
            inner: BroadcastStream::new(self.0.streams.subscribe()),
            metrics: self.0.metrics.clone(),
            kind: std::marker::PhantomData,
        }
    }
}

/// Events as they happen. It ends when the session is gone. A subscriber that falls
/// 256 events behind loses the oldest and gets a `Lagged`.
pub struct EventStream<E> {
    inner: BroadcastStream<Event>,
    metrics: Arc<Metrics>,
    kind: std::marker::PhantomData<fn() -> E>,
}

impl<E> std::fmt::Debug for EventStream<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

impl<E> EventStream<E>
where
    Self: Stream<Item = E> + Unpin,
{
    /// The next event, `None` when the session is gone.
    pub async fn next(&mut self) -> Option<E> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<E: FromEvent> Stream for EventStream<E> {
    type Item = E;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<E>> {
        loop {
            match std::task::ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                None => return Poll::Ready(None),
                Some(Err(BroadcastStreamRecvError::Lagged(missed))) => {
                    self.metrics
                        .process
                        .undelivered
                        .add(Undelivered::Lagged, missed);
                    return Poll::Ready(Some(E::lagged(missed)));
                }
                Some(Ok(event)) => {
                    if let Some(event) = E::from_event(event) {
                        return Poll::Ready(Some(event));
                    }
                }
            }
        }
    }
}
