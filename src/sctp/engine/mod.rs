//! The established association on the wire: what carries messages from stream to stream.
//!
//! - `interface.rs`: what an [`Engine`] is asked, and what it answers;
//! - `native/`: an association of our own;
//! - `guarded/`: sctp-proto as one;
//! - `control.rs`, `path.rs`: what engines have in common.

mod control;
mod guarded;
mod interface;
mod native;
mod path;

pub(in crate::sctp) use self::interface::{
    Delivery, Engine, EngineEvent, MAX_PAUSE, Reliability, Request,
};

use std::time::Instant;

use self::guarded::Guarded;
use self::native::Native;
use super::config::{Config, SctpEngine};
use super::handshake::Handshake;

/// An engine for what the handshake agreed on; `None` if that is not possible.
pub(in crate::sctp) fn establish(
    now: Instant,
    config: &Config,
    handshake: Handshake,
) -> Option<Box<dyn Engine>> {
    Some(match config.sctp_engine {
        SctpEngine::SctpProto => Box::new(Guarded::new(config, handshake)?),
        SctpEngine::Native => Box::new(Native::new(now, config, handshake)?),
    })
}
