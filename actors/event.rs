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

/// Where a session's events go out.
#[derive(Clone)]
pub(crate) struct Events(Arc<Inner>);

struct Inner {
    session: SessionId,
    streams: broadcast::Sender<Event>,
    recipients: Mutex<Vec<Recipient<TransportEvent>>>,
}

impl Events {
    pub(crate) fn new(session: SessionId) -> Events {
        let streams = broadcast::Sender::new(CAPACITY);
        Events(Arc::new(Inner {
            session,
            streams,
            recipients: Mutex::default(),
        }))
    }

    pub(crate) fn send(&self, event: Event) {
        tracing::trace!(session = %self.0.session, ?event, "event");
        let recipients = self
            .0
            .recipients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for recipient in recipients.iter() {
            let session = self.0.session.clone();
            recipient.do_send(TransportEvent {
                session,
                event: event.clone(),
            });
        }
        drop(recipients);
        // Nobody listening is no error.
        let _ = self.0.streams.send(event);
    }

    /// The error event of the actor that failed.
    pub(crate) fn error(&self, error: &TransportError) {
        let error = error.clone();
        self.send(match error.actor {
            ActorKind::Gatherer => Event::Gatherer(IceGathererEvent::Error(error)),
            ActorKind::Ice => Event::Ice(IceTransportEvent::Error(error)),
            ActorKind::Dtls => Event::Dtls(DtlsTransportEvent::Error(error)),
            ActorKind::Sctp => Event::Sctp(SctpTransportEvent::Error(error)),
        });
    }

    pub(crate) fn subscribe_actor(&self, recipient: Recipient<TransportEvent>) {
        let mut recipients = self
            .0
            .recipients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recipients.retain(Recipient::connected);
        recipients.push(recipient);
    }

    pub(crate) fn stream<E: FromEvent>(&self) -> EventStream<E> {
        EventStream {
            inner: BroadcastStream::new(self.0.streams.subscribe()),
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
