//! The kinds of actors that a session is made of, and how they stand to one another.

use std::fmt;

use crate::base::config::{Config, RestartPolicy};
use crate::base::transport::table::transports;

/// What a message to an actor is about: the label of the time that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageKind {
    /// Traffic on its way to the application.
    Inbound,
    /// Traffic on its way to the network.
    Outbound,
    /// ICE's connectivity checks, and their answers.
    Checks,
    /// A server's answer.
    Answer,
    /// There is something to fetch.
    Wake,
    /// What a handle, a neighbour or the supervisor asks for; rare.
    Command,
}

impl MessageKind {
    pub(crate) const ALL: [MessageKind; 6] = [
        MessageKind::Inbound,
        MessageKind::Outbound,
        MessageKind::Checks,
        MessageKind::Answer,
        MessageKind::Wake,
        MessageKind::Command,
    ];

    /// The value of the metric label `message`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            MessageKind::Inbound => "inbound",
            MessageKind::Outbound => "outbound",
            MessageKind::Checks => "checks",
            MessageKind::Answer => "answer",
            MessageKind::Wake => "wake",
            MessageKind::Command => "command",
        }
    }

    /// Whether there may be thousands of them a second.
    pub(crate) fn is_traffic(self) -> bool {
        matches!(self, MessageKind::Inbound | MessageKind::Outbound)
    }
}

/// What a session has to do with the state of one of its transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    /// A session is not connected without it.
    Always,
    /// Where there is one, it counts as the others do.
    #[allow(dead_code, reason = "no transport is optional yet")]
    WhereThereIsOne,
    /// Nothing.
    Not,
}

macro_rules! kinds {
    ($(
        $(#[$doc:meta])*
        $kind:ident, $label:literal, $module:ident, $state:ident, $event:ident {
            stands_on: [$($below:ident)?],
            falls_with: $falls:literal,
            renewed: $renewed:literal,
            counts: $counts:ident,
            restarts: [$($restart:ident)?],
            messages: [$($message:ident),*],
            reasons: [$($reason:ident),*],
            machine: { $($rest:tt)* },
        }
    )+) => {
        /// The kinds of actors a session is made of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ActorKind {
            $($(#[$doc])* $kind,)+
            /// Supervises the others: stands for the session as a whole.
            Supervisor,
        }

        impl ActorKind {
            /// Those that carry a session, from the network up.
            pub const ALL: [ActorKind; [$($label),+].len()] = [$(ActorKind::$kind),+];

            /// The value of the metric label `actor`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(ActorKind::$kind => $label,)+
                    ActorKind::Supervisor => "supervisor",
                }
            }

            /// The transport right below.
            pub(crate) fn below(self) -> Option<ActorKind> {
                match self {
                    $(ActorKind::$kind => [$(ActorKind::$below)?].into_iter().next(),)+
                    ActorKind::Supervisor => None,
                }
            }

            /// Whether it cannot live without the one below.
            pub(crate) fn falls_with_below(self) -> bool {
                match self {
                    $(ActorKind::$kind => $falls,)+
                    ActorKind::Supervisor => false,
                }
            }

            /// Whether another can follow it while the session lives.
            pub(crate) fn is_renewed(self) -> bool {
                match self {
                    $(ActorKind::$kind => $renewed,)+
                    ActorKind::Supervisor => false,
                }
            }

            /// Whether a session is connected only when it is.
            pub(crate) fn counts(self) -> Counts {
                match self {
                    $(ActorKind::$kind => Counts::$counts,)+
                    ActorKind::Supervisor => Counts::Not,
                }
            }

            /// How often it may be restarted.
            pub(crate) fn restart_policy(self, config: &Config) -> Option<RestartPolicy> {
                match self {
                    $(ActorKind::$kind => [$(config.$restart)?].into_iter().next(),)+
                    ActorKind::Supervisor => None,
                }
            }

            /// Which kinds of messages it gets.
            pub(crate) fn messages(self) -> &'static [MessageKind] {
                match self {
                    $(ActorKind::$kind => &[$(MessageKind::$message),*],)+
                    ActorKind::Supervisor => &[],
                }
            }
        }
    };
}
transports!(kinds);

impl ActorKind {
    /// The transports and the supervisor.
    pub(crate) fn all_and_supervisor() -> impl Iterator<Item = ActorKind> {
        Self::ALL.into_iter().chain([ActorKind::Supervisor])
    }

    /// Whether it is this transport or stands on it, directly or by others.
    pub(crate) fn stands_on(self, base: ActorKind) -> bool {
        let mut kind = Some(self);
        while let Some(current) = kind {
            if current == base {
                return true;
            }
            kind = current.below();
        }
        false
    }
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value for each transport.
#[derive(Debug, Clone)]
pub(crate) struct ByTransport<T>([T; ActorKind::ALL.len()]);

impl<T> ByTransport<T> {
    pub(crate) fn new(make: impl FnMut(ActorKind) -> T) -> ByTransport<T> {
        ByTransport(ActorKind::ALL.map(make))
    }

    /// `None` for the supervisor, which is no transport.
    pub(crate) fn get(&self, kind: ActorKind) -> Option<&T> {
        self.0.get(kind as usize)
    }

    pub(crate) fn get_mut(&mut self, kind: ActorKind) -> Option<&mut T> {
        self.0.get_mut(kind as usize)
    }

    /// From the network up.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (ActorKind, &T)> {
        ActorKind::ALL.into_iter().zip(&self.0)
    }
}

impl<T: Default> Default for ByTransport<T> {
    fn default() -> Self {
        ByTransport::new(|_| T::default())
    }
}

#[cfg(test)]
#[path = "kind_tests.rs"]
mod tests;
