//! Data channels: their queues and inboxes, the table of them, and whose turn it is.

mod channel;
mod scheduler;
mod table;

pub(in crate::sctp) use self::channel::Channel;
pub use self::channel::{ChannelInfo, ChannelState, MESSAGE_OVERHEAD};
pub(in crate::sctp) use self::scheduler::Scheduler;
pub(in crate::sctp) use self::table::{Channels, MAX_STREAM};
