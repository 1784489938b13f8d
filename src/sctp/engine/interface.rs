//! What an engine is asked, and what it answers.

use bytes::Bytes;
use sctp_proto::{PayloadProtocolIdentifier as Ppid, ReliabilityType};

/// How a message is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::sctp) struct Delivery {
    pub(in crate::sctp) ordered: bool,
    pub(in crate::sctp) reliability: ReliabilityType,
    /// Retransmissions or milliseconds.
    pub(in crate::sctp) limit: u32,
}

/// The stream cannot be written to, because a reset of it is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) struct Blocked;

/// A complete message from the peer.
#[derive(Debug)]
pub(in crate::sctp) struct Received {
    pub(in crate::sctp) ppid: Ppid,
    pub(in crate::sctp) contents: Bytes,
    /// In how many DATA chunks it came.
    pub(in crate::sctp) chunks: usize,
}

/// What a packet asks of the association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) enum Request {
    /// The peer aborted; the error cause, if it gave one.
    Abort(Option<u16>),
    Shutdown,
    ShutdownComplete,
    Restarted,
}
