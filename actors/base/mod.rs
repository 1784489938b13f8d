//! What everything else stands on: kinds of actors, states, events, errors, and the configuration.

pub(crate) mod builders;
pub(crate) mod channel;
pub(crate) mod config;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod id;
pub(crate) mod kind;
pub(crate) mod options;
pub(crate) mod state;
pub(crate) mod transport;
