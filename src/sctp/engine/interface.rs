//! What an engine is asked, and what it answers.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sctp::error::FailureReason;
use crate::sctp::handshake::{Handshake, Ports};
use crate::sctp::message::Ppid;
use crate::sctp::stats::{Counters, Stats};
use crate::sctp::wire::packet::{self, Header, kind};

/// The longest pause between two batches of one association.
pub(in crate::sctp) const MAX_PAUSE: Duration = Duration::from_millis(5);

/// How a message is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::sctp) struct Delivery {
    pub(in crate::sctp) ordered: bool,
    pub(in crate::sctp) reliability: Reliability,
    /// The share of its stream against others (RFC 8831 §6.4).
    pub(in crate::sctp) weight: u16,
}

/// How long a message is sent again (RFC 3758, RFC 7496).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) enum Reliability {
    /// Until it arrives.
    Full,
    /// So many times.
    Retransmissions(u32),
    /// Until this moment.
    Until(Instant),
}

impl Reliability {
    /// Whether the time for it is over.
    pub(in crate::sctp) fn is_over(self, now: Instant) -> bool {
        matches!(self, Reliability::Until(deadline) if deadline < now)
    }
}

/// The stream cannot be written to, because a reset of it is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) struct Blocked;

/// What a packet asks of the association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) enum Request {
    /// The peer aborted; the error cause, if it gave one.
    Abort(Option<u16>),
    Shutdown,
    ShutdownComplete,
    Restarted,
    /// A DATA chunk without user data; its TSN (RFC 9260 §3.3.10.9).
    NoUserData(u32),
}

/// What happened in the association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) enum EngineEvent {
    /// There is a message to read on this stream.
    Readable(u16),
    /// The peer reset its side of the stream; everything before that was read.
    ResetByPeer(u16),
    /// A reset of our side is over, and the stream may be written again.
    ResetComplete(u16),
    /// The peer would not reset the stream.
    ResetFailed(u16),
    /// The association cannot go on.
    Lost(FailureReason),
}

/// An established association: it carries messages from stream to stream.
///
/// What the peer sends goes into [`handle_packet`](Self::handle_packet); then come events, and
/// messages by [`read`](Self::read). In the other direction the owner asks for
/// [`room`](Self::room), gives so much by [`write`](Self::write), and takes packets from
/// [`transmit`](Self::transmit), whenever the engine [`is_due`](Self::is_due).
pub(in crate::sctp) trait Engine: fmt::Debug + Send {
    /// The handshake, which goes on answering late packets.
    fn handshake(&self) -> &Handshake;

    /// A packet from the peer. `unread` is what the application has not read, in bytes.
    fn handle_packet(
        &mut self,
        now: Instant,
        header: Header,
        packet: Bytes,
        unread: usize,
        counters: &mut Counters,
        out: &mut VecDeque<Bytes>,
    ) -> Option<Request>;
    /// What happened, in order.
    fn poll_event(&mut self) -> Option<EngineEvent>;
    /// The next complete message of a stream.
    fn read(&mut self, stream: u16) -> Option<(Ppid, Bytes)>;
    /// Whether it holds more than it may. If none of it can be read, the peer fills it with what
    /// never becomes a message.
    fn is_exhausted(&self) -> bool;
    /// The application has read, or will not: what is left is `unread`.
    fn handle_read(&mut self, now: Instant, unread: usize);

    /// Makes a stream known before anything is sent or received on it.
    fn begin(&mut self, stream: u16);
    /// Whether messages can be written to the stream, now or as soon as it is used.
    fn is_writable(&mut self, stream: u16) -> bool;
    /// Hands it a message.
    fn write(
        &mut self,
        now: Instant,
        stream: u16,
        ppid: Ppid,
        contents: Bytes,
        delivery: Delivery,
    ) -> Result<(), Blocked>;
    /// What was written to the stream and is not acknowledged, in bytes.
    fn buffered(&mut self, stream: u16) -> usize;
    /// What was written to all streams and is not acknowledged, in bytes.
    fn outstanding(&mut self) -> usize;
    /// What was written and has not left, in bytes.
    fn pending(&mut self) -> usize;
    /// How many bytes and chunks may be written now. `ahead` is 1 at first, and more when
    /// everything left and there is more to be had.
    fn room(&mut self, ahead: usize) -> (usize, usize);

    /// Whether fragments of several messages take turns (RFC 8260).
    fn is_interleaved(&self) -> bool {
        false
    }
    /// Whether a message of this stream may be written although there is no room, because it would
    /// not wait behind those of others (RFC 8260).
    fn interleaves(&self, _stream: u16) -> bool {
        false
    }

    /// Resets a stream (RFC 6525), of which nobody will read any more.
    fn reset(&mut self, stream: u16);
    /// Whether a reset of ours is under way.
    fn is_resetting(&self, stream: u16) -> bool;
    /// How many resets of ours are under way.
    fn resetting(&self) -> usize;
    /// The reset of this stream is over for its owner, well or not.
    fn end_reset(&mut self, stream: u16);
    /// Streams of which nobody reads any more, until the peer has reset them.
    fn dead(&self) -> &HashSet<u16>;
    /// Nobody reads this stream any more.
    fn kill(&mut self, stream: u16);
    /// The peer has reset its side of the stream.
    fn revive(&mut self, stream: u16);

    /// There is something new to send.
    fn wake(&mut self);
    /// The same, and it must not wait.
    fn wake_now(&mut self);
    /// Whether it is time to send.
    fn is_due(&self, now: Instant) -> bool;
    /// A batch begins.
    fn permit(&mut self, now: Instant);
    /// Sends what can be sent. `more` says that channels have more to give.
    fn transmit(&mut self, now: Instant, unread: usize, more: bool, out: &mut VecDeque<Bytes>);

    /// When time next matters; `now` is the present, as far as it is known.
    fn poll_timeout(&self, now: Option<Instant>) -> Option<Instant>;
    fn handle_timeout(&mut self, now: Instant);
    /// The path works again. What timed out meanwhile waits for a timer that was doubled each time
    /// (RFC 9260 §6.3.3 E2), because of a loss that is over: it is as good as expired.
    fn retransmit_now(&mut self, now: Instant);
    /// Writes what it measured into `stats`.
    fn report(&self, stats: &mut Stats);

    /// The TSN that the peer has acknowledged cumulatively, and the highest that was sent.
    #[cfg(test)]
    fn sent(&self) -> (u32, u32);

    /// How many streams we may use: RFC 9260 §5.1.1.
    fn outbound_streams(&self) -> u16 {
        let peer = self.handshake().peer();
        let theirs = peer.map_or(u16::MAX, |peer| peer.inbound_streams);
        theirs.min(self.handshake().local().outbound_streams)
    }

    fn ports(&self) -> Ports {
        self.handshake().ports()
    }

    /// A packet with the verification tag of the peer, without chunks.
    fn packet(&self) -> packet::Builder {
        let tag = self.handshake().peer().map_or(0, |peer| peer.initiate_tag);
        self.handshake().packet(tag)
    }

    /// An ABORT with this error cause.
    fn abort_packet(&self, code: u16, info: &[u8]) -> Bytes {
        self.packet()
            .chunk(kind::ABORT, 0, &packet::error_cause(code, info))
            .finish()
    }
}
