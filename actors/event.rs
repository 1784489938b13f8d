//! What sessions tell the application.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use actix::{Message, Recipient};
use futures_core::Stream;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::error::{ActorKind, TransportError};
use crate::metrics::{Metrics, Undelivered};
use crate::proto::ice;
use crate::session::SessionId;
use crate::state::{
    DtlsTransportState, IceGathererState, IceTransportState, SctpTransportState, SessionState,
};

/// How many events wait for a slow subscriber before it loses the oldest, and is told so by
/// `Lagged`.
const CAPACITY: usize = 256;

/// An ICE server that could not be used (W3C `RTCPeerConnectionIceErrorEvent`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceCandidateError {
    /// The server.
    pub url: String,
    /// The code of its STUN error response; 701 when it could not be reached.
    pub code: u16,
    /// Why.
    pub text: String,
}

/// An event of an [`IceGatherer`](crate::IceGatherer).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum IceGathererEvent {
    /// The state changed.
    StateChange(IceGathererState),
    /// A local candidate was found.
    Candidate(ice::Candidate),
    /// A server could not be used; gathering goes on.
    CandidateError(IceCandidateError),
    /// The gatherer failed, or failed and is being restarted.
    Error(TransportError),
    /// So many events were lost because this subscriber was too slow.
    Lagged(u64),
}

/// An event of an [`IceTransport`](crate::IceTransport).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum IceTransportEvent {
    /// The state changed.
    StateChange(IceTransportState),
    /// Data flows on another pair of candidates now.
    SelectedPairChange(Arc<ice::SelectedPair>),
    /// A peer-reflexive candidate was learnt.
    RemoteCandidate(ice::Candidate),
    /// A remote candidate could not be used.
    CandidateRejected(ice::CandidateRejected),
    /// The local side has new credentials or sockets: exchange parameters anew, as for an ICE
    /// restart. DTLS and SCTP live on.
    RestartNeeded,
    /// The transport failed, or failed and is being restarted.
    Error(TransportError),
    /// So many events were lost because this subscriber was too slow.
    Lagged(u64),
}

/// An event of a [`DtlsTransport`](crate::DtlsTransport).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DtlsTransportEvent {
    /// The state changed.
    StateChange(DtlsTransportState),
    /// The transport failed.
    Error(TransportError),
    /// So many events were lost because this subscriber was too slow.
    Lagged(u64),
}

/// An event of an [`SctpTransport`](crate::SctpTransport).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SctpTransportEvent {
    /// The state changed.
    StateChange(SctpTransportState),
    /// The peer opened a data channel with this label: [`accept`](crate::SctpTransport::accept)
    /// hands it out.
    DataChannel {
        /// Its label.
        label: String,
    },
    /// The transport failed.
    Error(TransportError),
    /// So many events were lost because this subscriber was too slow.
    Lagged(u64),
}

/// An event of a whole [`Session`](crate::Session).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The state changed.
    StateChange(SessionState),
    /// The session as a whole came to grief: which actor, and why.
    Error(TransportError),
    /// So many events were lost because this subscriber was too slow.
    Lagged(u64),
}

/// Any event of a session, in the order in which things happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Of the gatherer.
    Gatherer(IceGathererEvent),
    /// Of the ICE transport.
    Ice(IceTransportEvent),
    /// Of the DTLS transport.
    Dtls(DtlsTransportEvent),
    /// Of the SCTP transport.
    Sctp(SctpTransportEvent),
    /// Of the session as a whole.
    Session(SessionEvent),
}

/// An event together with the session that it is of: the message for actix actors that
/// subscribe.
#[derive(Message, Debug, Clone, PartialEq)]
#[rtype(result = "()")]
pub struct TransportEvent {
    /// Whose event it is.
    pub session: SessionId,
    /// What happened.
    pub event: Event,
}

impl Event {
    /// Whose event it is.
    pub fn actor(&self) -> ActorKind {
        match self {
            Event::Gatherer(_) => ActorKind::Gatherer,
            Event::Ice(_) => ActorKind::Ice,
            Event::Dtls(_) => ActorKind::Dtls,
            Event::Sctp(_) => ActorKind::Sctp,
            Event::Session(_) => ActorKind::Supervisor,
        }
    }

    /// Whether it must not be lost: there are few of them in the life of a session.
    fn is_vital(&self) -> bool {
        use {
            DtlsTransportEvent as Dtls, IceGathererEvent as Gatherer, IceTransportEvent as Ice,
            SctpTransportEvent as Sctp,
        };
        matches!(
            self,
            Event::Gatherer(Gatherer::StateChange(_) | Gatherer::Error(_))
                | Event::Ice(Ice::StateChange(_) | Ice::Error(_) | Ice::RestartNeeded)
                | Event::Dtls(Dtls::StateChange(_) | Dtls::Error(_))
                | Event::Sctp(Sctp::StateChange(_) | Sctp::Error(_))
                | Event::Session(_)
        )
    }

    fn lagged(actor: ActorKind, missed: u64) -> Event {
        match actor {
            ActorKind::Gatherer => Event::Gatherer(IceGathererEvent::Lagged(missed)),
            ActorKind::Ice => Event::Ice(IceTransportEvent::Lagged(missed)),
            ActorKind::Dtls => Event::Dtls(DtlsTransportEvent::Lagged(missed)),
            ActorKind::Sctp => Event::Sctp(SctpTransportEvent::Lagged(missed)),
            ActorKind::Supervisor => Event::Session(SessionEvent::Lagged(missed)),
        }
    }
}

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
            let lagged = message(Event::lagged(about, self.missed));
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

    /// The error event of an actor that failed and comes back.
    pub(crate) fn error(&self, error: &TransportError) {
        let error = error.clone();
        self.send(match error.actor {
            ActorKind::Gatherer => Event::Gatherer(IceGathererEvent::Error(error)),
            ActorKind::Ice => Event::Ice(IceTransportEvent::Error(error)),
            ActorKind::Dtls => Event::Dtls(DtlsTransportEvent::Error(error)),
            ActorKind::Sctp => Event::Sctp(SctpTransportEvent::Error(error)),
            ActorKind::Supervisor => Event::Session(SessionEvent::Error(error)),
        });
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

/// Picks the events of one transport out of a session's.
pub(crate) trait FromEvent: Unpin + Send + 'static {
    fn from_event(event: Event) -> Option<Self>
    where
        Self: Sized;
    fn lagged(missed: u64) -> Self;
}

macro_rules! from_event {
    ($($type:ident from $variant:ident),+) => {
        $(impl FromEvent for $type {
            fn from_event(event: Event) -> Option<Self> {
                match event {
                    Event::$variant(event) => Some(event),
                    _ => None,
                }
            }
            fn lagged(missed: u64) -> Self {
                $type::Lagged(missed)
            }
        })+
    };
}

from_event!(
    IceGathererEvent from Gatherer,
    IceTransportEvent from Ice,
    DtlsTransportEvent from Dtls,
    SctpTransportEvent from Sctp,
    SessionEvent from Session
);

impl FromEvent for Event {
    fn from_event(event: Event) -> Option<Self> {
        Some(event)
    }
    fn lagged(missed: u64) -> Self {
        Event::Session(SessionEvent::Lagged(missed))
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
