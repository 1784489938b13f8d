//! Faults on demand: the one seam between the actors and the cargo feature `chaos`, which no
//! default build has. Without it nothing here does anything, and [`Strike`] cannot be made.

#[cfg(any(test, feature = "chaos"))]
pub(crate) mod armed;
#[cfg(not(any(test, feature = "chaos")))]
#[path = "none.rs"]
mod armed;

pub(crate) use self::armed::{Faults, PortFaults, Strike, is_lost, strike};
use crate::base::kind::ActorKind;
use crate::kit::guard::{Child, Exit};

/// An actor into which faults can be injected.
#[allow(dead_code, reason = "only faults ask how it ends")]
pub(crate) trait Victim: Child {
    /// Which one of its session it is.
    const KIND: ActorKind;
    /// How it ends.
    fn exit(&self) -> &Exit;
    /// Those that wait for their moment.
    fn faults(&self) -> &Faults;
}

/// Makes an actor with fields `scope` and `exit` a [`Victim`].
macro_rules! victim {
    ($actor:ty, $kind:expr) => {
        impl $crate::kit::faults::Victim for $actor {
            const KIND: $crate::base::kind::ActorKind = $kind;
            fn exit(&self) -> &$crate::kit::guard::Exit {
                &self.exit
            }
            fn faults(&self) -> &$crate::kit::faults::Faults {
                &self.scope.faults
            }
        }
    };
}
pub(crate) use victim;

/// What an actor of a test has for a scope.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Bare {
    pub(crate) faults: Faults,
}
