//! States: what all kinds of them have in common.

use std::fmt;

use crate::base::kind::ActorKind;

/// What a state comes to, whoever's it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    New,
    Connecting,
    Connected,
    Disconnected,
    Failed,
    Closed,
}

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
    /// Whose states they are.
    const KIND: ActorKind;
    /// The metric label.
    fn as_str(self) -> &'static str;
    /// What it comes to.
    fn phase(self) -> Phase;
    /// Its place in [`ALL`](Self::ALL).
    fn index(self) -> usize {
        let place = Self::ALL.iter().position(|known| *known == self);
        // `ALL` has every state.
        place.unwrap_or_default()
    }
}

macro_rules! states {
    ($(#[$meta:meta])* $name:ident of $kind:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal, $phase:ident; )+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $( $(#[$doc])* $variant ),+ }

        impl $name {
            /// The name of the state, as in the W3C's enumerations.
            pub fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $text ),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::base::state::State for $name {
            const ALL: &'static [Self] = &[$($name::$variant),+];
            const NEW: Self = $name::New;
            const CLOSED: Self = $name::Closed;
            const FAILED: Self = $name::Failed;
            const KIND: $crate::base::kind::ActorKind = $crate::base::kind::ActorKind::$kind;
            fn as_str(self) -> &'static str { $name::as_str(self) }
            fn phase(self) -> $crate::base::state::Phase {
                match self { $( $name::$variant => $crate::base::state::Phase::$phase ),+ }
            }
        }
    };
}
pub(crate) use states;
