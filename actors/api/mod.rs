//! What an application holds: the runtime, sessions, their transports and channels.

pub(crate) mod channel;
#[cfg(feature = "chaos")]
pub mod chaos;
pub(crate) mod dtls;
pub(crate) mod gatherer;
pub(crate) mod ice;
pub(crate) mod negotiation;
mod observe;
pub(crate) mod registry;
pub(crate) mod runtime;
pub(crate) mod sctp;
pub(crate) mod session;
pub(crate) mod signalling;
mod start;
pub(crate) mod stats;
