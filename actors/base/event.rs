//! What sessions tell the application.

use actix::Message;

use crate::base::error::TransportError;
use crate::base::id::SessionId;
use crate::base::kind::ActorKind;
use crate::base::state::State;
use crate::base::transport;
use crate::base::transport::session::{SessionEvent, SessionState};
use crate::base::transport::table::transports;

/// States whose changes are told.
pub(crate) trait Told: State {
    /// The event that tells of it.
    fn into_event(self) -> Event;
}

/// Picks the events of one transport out of a session's.
pub(crate) trait FromEvent: Unpin + Send + 'static {
    fn from_event(event: Event) -> Option<Self>
    where
        Self: Sized;
    fn lagged(missed: u64) -> Self;
}

macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $kind:ident, $label:literal, $module:ident, $state:ident, $event:ident { $($rest:tt)* }
    )+) => {
        /// Any event of a session, in the order in which things happened.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Event {
            $(
                #[doc = concat!("An [`", stringify!($event), "`](crate::", stringify!($event), ").")]
                $kind(transport::$module::$event),
            )+
            /// Of the session as a whole.
            Session(SessionEvent),
        }

        impl Event {
            /// Whose event it is.
            pub fn actor(&self) -> ActorKind {
                match self {
                    $(Event::$kind(_) => ActorKind::$kind,)+
                    Event::Session(_) => ActorKind::Supervisor,
                }
            }

            /// The new state, where one changed.
            pub fn state_change(&self) -> Option<&'static str> {
                match self {
                    $(Event::$kind(transport::$module::$event::StateChange(state)) => Some(state.as_str()),)+
                    Event::Session(SessionEvent::StateChange(state)) => Some(state.as_str()),
                    _ => None,
                }
            }

            /// The error, where something failed.
            pub fn error(&self) -> Option<&TransportError> {
                match self {
                    $(Event::$kind(transport::$module::$event::Error(error)) => Some(error),)+
                    Event::Session(SessionEvent::Error(error)) => Some(error),
                    _ => None,
                }
            }

            /// Whether it must not be lost: there are few of them in the life of a session.
            pub(crate) fn is_vital(&self) -> bool {
                match self {
                    $(Event::$kind(event) => event.is_vital(),)+
                    Event::Session(_) => true,
                }
            }

            pub(crate) fn lagged_of(actor: ActorKind, missed: u64) -> Event {
                match actor {
                    $(ActorKind::$kind => Event::$kind(transport::$module::$event::Lagged(missed)),)+
                    ActorKind::Supervisor => Event::Session(SessionEvent::Lagged(missed)),
                }
            }
        }

        impl From<TransportError> for Event {
            fn from(error: TransportError) -> Event {
                match error.actor {
                    $(ActorKind::$kind => Event::$kind(transport::$module::$event::Error(error)),)+
                    ActorKind::Supervisor => Event::Session(SessionEvent::Error(error)),
                }
            }
        }

        $(
            impl Told for transport::$module::$state {
                fn into_event(self) -> Event {
                    Event::$kind(transport::$module::$event::StateChange(self))
                }
            }

            impl FromEvent for transport::$module::$event {
                fn from_event(event: Event) -> Option<Self> {
                    match event {
                        Event::$kind(event) => Some(event),
                        _ => None,
                    }
                }
                fn lagged(missed: u64) -> Self {
                    transport::$module::$event::Lagged(missed)
                }
            }
        )+
    };
}
transports!(events);

impl Told for SessionState {
    fn into_event(self) -> Event {
        Event::Session(SessionEvent::StateChange(self))
    }
}

impl FromEvent for SessionEvent {
    fn from_event(event: Event) -> Option<Self> {
        match event {
            Event::Session(event) => Some(event),
            _ => None,
        }
    }
    fn lagged(missed: u64) -> Self {
        SessionEvent::Lagged(missed)
    }
}

impl FromEvent for Event {
    fn from_event(event: Event) -> Option<Self> {
        Some(event)
    }
    fn lagged(missed: u64) -> Self {
        Event::Session(SessionEvent::Lagged(missed))
    }
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
