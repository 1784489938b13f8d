//! The established association on the wire: what carries messages from stream to stream.

mod guarded;
mod interface;

pub(in crate::sctp) use self::guarded::{Established, MAX_PAUSE};
pub(in crate::sctp) use self::interface::{Delivery, Request};
