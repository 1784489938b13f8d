//! The established association on the wire: what carries messages from stream to stream.
//!
//! - `interface.rs`: what an [`Engine`] is asked, and what it answers;
//! - `guarded/`: sctp-proto as one;
//! - `control.rs`, `path.rs`: what engines have in common.

mod control;
mod guarded;
mod interface;
mod path;

pub(in crate::sctp) use self::guarded::MAX_PAUSE;
pub(in crate::sctp) use self::interface::{Delivery, Engine, EngineEvent, Reliability, Request};

use self::guarded::Guarded;
use super::config::Config;
use super::handshake::Handshake;

/// An engine for what the handshake agreed on; `None` if that is not possible.
pub(in crate::sctp) fn establish(config: &Config, handshake: Handshake) -> Option<Box<dyn Engine>> {
    Guarded::new(config, handshake).map(|engine| Box::new(engine) as Box<dyn Engine>)
}
