//! The states of transports, and the cells in which handles read them.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::error::TransportError;
use crate::event::{Event, Events};
use crate::metrics::{Metrics, StateGauge};
use crate::proto::ice;

/// State of an ICE transport (W3C `RTCIceTransportState`).
pub use ice::State as IceTransportState;

/// A closed set of states with a terminal one.
pub(crate) trait State: Copy + PartialEq + fmt::Debug + Send + Sync + 'static {
    /// Every state, in the order of the protocol.
    const ALL: &'static [Self];
    /// The first.
    const NEW: Self;
    /// The last: nothing follows it.
    const CLOSED: Self;
    /// After a failure.
    const FAILED: Self;
    /// The value of the metric label `actor`; `session` for whole sessions.
    const OWNER: &'static str;
    /// Its place among the five kinds of states.
    const NUMBER: usize;
    /// The metric label.
    fn as_str(self) -> &'static str;
    /// The event that tells of it.
    fn into_event(self) -> Event;
    /// The event that tells why it became [`FAILED`](Self::FAILED).
    fn error_event(error: TransportError) -> Event;
}

macro_rules! states {
    ($(#[$meta:meta])* $name:ident, $number:literal, $owner:literal, $event:path, $of:ident, $( $(#[$doc:meta])* $variant:ident = $text:literal ),+) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $( $(#[$doc])* $variant ),+ }

        impl $name {
            /// The name of the state, as in the W3C's enumerations.
            pub fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $text ),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl State for $name {
            const ALL: &'static [Self] = &[$($name::$variant),+];
            const NEW: Self = $name::New;
            const CLOSED: Self = $name::Closed;
            const FAILED: Self = $name::Failed;
            const OWNER: &'static str = $owner;
            const NUMBER: usize = $number;
            fn as_str(self) -> &'static str { $name::as_str(self) }
            fn into_event(self) -> Event { $event(crate::$of::StateChange(self)) }
            fn error_event(error: TransportError) -> Event { $event(crate::$of::Error(error)) }
        }
    };
}

states! {
    /// State of a gatherer (W3C `RTCIceGathererState`, and what the W3C leaves out: an end).
    IceGathererState, 0, "gatherer",
    Event::Gatherer, IceGathererEvent,
    /// `gather` was not called yet.
    New = "new",
    /// Candidates are being sought.
    Gathering = "gathering",
    /// All candidates are known.
    Complete = "complete",
    /// Closed; its sockets are gone.
    Closed = "closed",
    /// It failed.
    Failed = "failed"
}

states! {
    /// State of a DTLS transport (W3C `RTCDtlsTransportState`).
    DtlsTransportState, 2, "dtls",
    Event::Dtls, DtlsTransportEvent,
    /// Not started.
    New = "new",
    /// Started; the handshake is not complete.
    Connecting = "connecting",
    /// The handshake is complete and the peer's certificate is the one that was announced.
    Connected = "connected",
    /// Closed, by either side.
    Closed = "closed",
    /// It failed.
    Failed = "failed"
}

states! {
    /// State of an SCTP transport (W3C `RTCSctpTransportState`, `new` and `failed` besides).
    SctpTransportState, 3, "sctp",
    Event::Sctp, SctpTransportEvent,
    /// Not started.
    New = "new",
    /// Started; the association is being set up.
    Connecting = "connecting",
    /// Data channels can be opened and used.
    Connected = "connected",
    /// Closed, by either side.
    Closed = "closed",
    /// It failed.
    Failed = "failed"
}

states! {
    /// State of a whole session, from those of its transports (as W3C
    /// `RTCPeerConnectionState`).
    SessionState, 4, "session",
    Event::Session, SessionEvent,
    /// Nothing was started yet.
    New = "new",
    /// Some transport is being set up.
    Connecting = "connecting",
    /// ICE, DTLS and SCTP are connected.
    Connected = "connected",
    /// ICE has lost its pair, and may come back.
    Disconnected = "disconnected",
    /// A transport has failed.
    Failed = "failed",
    /// Closed.
    Closed = "closed"
}

impl State for IceTransportState {
    const ALL: &'static [Self] = &[
        Self::New,
        Self::Checking,
        Self::Connected,
        Self::Completed,
        Self::Disconnected,
        Self::Failed,
        Self::Closed,
    ];
    const NEW: Self = IceTransportState::New;
    const CLOSED: Self = IceTransportState::Closed;
    const FAILED: Self = IceTransportState::Failed;
    const OWNER: &'static str = "ice";
    const NUMBER: usize = 1;

    fn as_str(self) -> &'static str {
        IceTransportState::as_str(self)
    }

    fn into_event(self) -> Event {
        Event::Ice(crate::IceTransportEvent::StateChange(self))
    }

    fn error_event(error: TransportError) -> Event {
        Event::Ice(crate::IceTransportEvent::Error(error))
    }
}

/// A state, and why it is what it is.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot<S> {
    pub(crate) state: S,
    /// The latest failure; stays when the state moves on to closed.
    pub(crate) failure: Option<Arc<TransportError>>,
}

/// Where a transport's state is kept. It belongs to the session, not to the actor, so it tells
/// the truth even after a panic.
///
/// The order is the contract: an error event, then the new state, then the event of the new
/// state. Whoever waits on the state sees it with its failure.
pub(crate) struct StateCell<S: State> {
    watch: watch::Sender<Snapshot<S>>,
    gauge: StateGauge<S>,
    events: Events,
}

impl<S: State> StateCell<S> {
    pub(crate) fn new(events: Events, metrics: Arc<Metrics>) -> StateCell<S> {
        let first = Snapshot {
            state: S::NEW,
            failure: None,
        };
        StateCell {
            watch: watch::Sender::new(first),
            gauge: StateGauge::new(metrics),
            events,
        }
    }

    pub(crate) fn get(&self) -> S {
        self.watch.borrow().state
    }

    pub(crate) fn failure(&self) -> Option<Arc<TransportError>> {
        self.watch.borrow().failure.clone()
    }

    /// Moves to a state and tells of it; `false` when it is there already, or closed for good.
    pub(crate) fn set(&self, state: S) -> bool {
        self.change(state, None)
    }

    /// Tells of an error, then moves to failed.
    pub(crate) fn fail(&self, error: TransportError) -> bool {
        let current = self.get();
        if current == S::CLOSED || current == S::FAILED {
            return false;
        }
        let (actor, reason) = (S::OWNER, error.reason.as_str());
        // What only follows from another failure is not to be acted on.
        if error.reason == crate::Reason::LowerLayer {
            tracing::debug!(actor, reason, "{error}");
        } else {
            tracing::warn!(actor, reason, "{error}");
        }
        self.events.send(S::error_event(error.clone()));
        self.change(S::FAILED, Some(Arc::new(error)))
    }

    fn change(&self, state: S, failure: Option<Arc<TransportError>>) -> bool {
        self.watch.send_if_modified(|snapshot| {
            let before = snapshot.state;
            if before == state || before == S::CLOSED {
                return false;
            }
            snapshot.state = state;
            if failure.is_some() {
                snapshot.failure = failure;
            }
            self.gauge.moved(before, state);
            tracing::debug!(
                actor = S::OWNER,
                from = before.as_str(),
                to = state.as_str(),
                "state"
            );
            // In here: who waits on the state is woken after the event is on its way, and who
            // hears the event cannot read the state of before.
            self.events.send(state.into_event());
            true
        })
    }

    /// Waits until it is closed.
    pub(crate) async fn closed(&self) {
        self.wait(|state| state == S::CLOSED).await;
    }

    /// Waits until the state is one that `done` accepts.
    pub(crate) async fn wait(&self, mut done: impl FnMut(S) -> bool) -> Snapshot<S> {
        let mut watch = self.watch.subscribe();
        match watch.wait_for(|snapshot| done(snapshot.state)).await {
            Ok(snapshot) => snapshot.clone(),
            // Cannot be: the sender is `self`, which is borrowed.
            Err(_) => self.watch.borrow().clone(),
        }
    }
}

impl<S: State> fmt::Debug for StateCell<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
