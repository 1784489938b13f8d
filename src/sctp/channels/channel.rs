//! One channel: its queue towards the association, its inbox, and where it is in its life.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::scheduler::Turn;
use crate::sctp::config::{ChannelOptions, Priority};
use crate::sctp::engine::{Delivery, MAX_PAUSE, Reliability};
use crate::sctp::message::{Message, Ppid};

/// What a message costs in memory besides its contents, in queue and inbox: without it, empty
/// messages would be free and their number without bound.
pub const MESSAGE_OVERHEAD: usize = 128;

/// A message lives through the last millisecond of its lifetime: with none at all it is still sent
/// once, if it can leave at once.
const GRACE: Duration = Duration::from_millis(1);

/// Where a channel is in its life (W3C WebRTC: `RTCDataChannelState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelState {
    /// Not open yet; messages can be queued already.
    Connecting,
    /// Open.
    Open,
    /// One of the sides closes it: what was sent before goes out, then the streams are reset.
    Closing,
    /// Closed. What was received before can still be read.
    Closed,
}

impl ChannelState {
    /// The name in the W3C's enumeration.
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelState::Connecting => "connecting",
            ChannelState::Open => "open",
            ChannelState::Closing => "closing",
            ChannelState::Closed => "closed",
        }
    }
}

/// What there is to know of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelInfo {
    /// The label.
    pub label: String,
    /// The subprotocol, empty for none.
    pub protocol: String,
    /// The stream identifier, the W3C's `id`; `None` until the DTLS role is known, and after the
    /// channel was closed.
    pub stream_id: Option<u16>,
    /// Where it is in its life.
    pub state: ChannelState,
    /// Whether messages arrive in order.
    pub ordered: bool,
    /// How often a message is sent again, at most.
    pub max_retransmits: Option<u16>,
    /// For how many milliseconds a message is sent.
    pub max_packet_lifetime: Option<u16>,
    /// Whether both sides opened it by themselves.
    pub negotiated: bool,
    /// Whether the peer opened it.
    pub incoming: bool,
    /// Its share.
    pub priority: Priority,
    /// Messages sent so far, those that wait included.
    pub messages_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Messages received so far, those that wait to be read included.
    pub messages_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

/// A message on its way to the association.
#[derive(Debug)]
pub(in crate::sctp) struct Queued {
    pub(in crate::sctp) ppid: Ppid,
    pub(in crate::sctp) contents: Bytes,
    /// What the application sees as its size: 0 for an empty message and for DCEP.
    pub(in crate::sctp) size: usize,
    pub(in crate::sctp) deadline: Option<Instant>,
}

#[derive(Debug)]
pub(in crate::sctp) struct Channel {
    pub(in crate::sctp) label: String,
    pub(in crate::sctp) options: ChannelOptions,
    pub(in crate::sctp) stream: Option<u16>,
    pub(in crate::sctp) state: ChannelState,
    pub(in crate::sctp) incoming: bool,
    /// The peer is known to have opened it: messages need not stay behind the OPEN.
    opened: bool,
    queue: VecDeque<Queued>,
    /// Messages of the application in the queue, and their bytes.
    queued_messages: usize,
    buffered: usize,
    pub(in crate::sctp) low_threshold: usize,
    /// A sender was told to wait.
    waiting: bool,
    inbox: VecDeque<Message>,
    pub(in crate::sctp) turn: Turn,
    /// The stream cannot be written to until a reset is done.
    pub(in crate::sctp) blocked: bool,
    /// The peer reset its side.
    pub(in crate::sctp) reset_received: bool,
    messages_sent: u64,
    bytes_sent: u64,
    messages_received: u64,
    bytes_received: u64,
}

/// What taking a message from the queue changed for the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) struct Taken {
    pub(in crate::sctp) buffered_amount_low: bool,
    pub(in crate::sctp) writable: bool,
}

impl Channel {
    pub(in crate::sctp) fn new(
        label: String,
        options: ChannelOptions,
        stream: Option<u16>,
    ) -> Channel {
        Channel {
            label,
            options,
            stream,
            state: ChannelState::Connecting,
            incoming: false,
            opened: false,
            queue: VecDeque::new(),
            queued_messages: 0,
            buffered: 0,
            low_threshold: 0,
            waiting: false,
            inbox: VecDeque::new(),
            turn: Turn::default(),
            blocked: false,
            reset_received: false,
            messages_sent: 0,
            bytes_sent: 0,
            messages_received: 0,
            bytes_received: 0,
        }
    }

    pub(in crate::sctp) fn info(&self) -> ChannelInfo {
        ChannelInfo {
            label: self.label.clone(),
            protocol: self.options.protocol.clone(),
            stream_id: self.stream,
            state: self.state,
            ordered: self.options.ordered,
            max_retransmits: self.options.max_retransmits,
            max_packet_lifetime: self.options.max_packet_lifetime,
            negotiated: self.options.negotiated.is_some(),
            incoming: self.incoming,
            priority: self.options.priority,
            messages_sent: self.messages_sent,
            bytes_sent: self.bytes_sent,
            messages_received: self.messages_received,
            bytes_received: self.bytes_received,
        }
    }

    pub(in crate::sctp) fn set_open(&mut self) {
        self.state = ChannelState::Open;
        self.opened = true;
    }

    /// Whether its messages do not live as long as the association may wait for a batch.
    pub(in crate::sctp) fn is_fleeting(&self) -> bool {
        let lifetime = self.options.max_packet_lifetime;
        lifetime.is_some_and(|millis| Duration::from_millis(millis.into()) < MAX_PAUSE)
    }

    /// Application bytes that the association has not taken.
    pub(in crate::sctp) fn buffered(&self) -> usize {
        self.buffered
    }

    /// Messages of the application that the association has not taken.
    pub(in crate::sctp) fn queued_messages(&self) -> usize {
        self.queued_messages
    }

    pub(in crate::sctp) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether a message of this size has room under `limit`. One always has.
    pub(in crate::sctp) fn has_room(&mut self, size: usize, limit: usize) -> bool {
        let has = self.queue.is_empty() || self.cost() + size + MESSAGE_OVERHEAD <= limit;
        self.waiting |= !has;
        has
    }

    fn cost(&self) -> usize {
        self.buffered + self.queue.len() * MESSAGE_OVERHEAD
    }

    pub(in crate::sctp) fn queue_message(&mut self, now: Instant, message: Message) {
        let size = message.len();
        let (ppid, contents) = message.into_wire();
        let lifetime = self.options.max_packet_lifetime;
        let deadline = lifetime.map(|millis| now + Duration::from_millis(millis.into()) + GRACE);
        self.buffered += size;
        self.queued_messages += 1;
        self.messages_sent += 1;
        self.bytes_sent += size as u64;
        self.queue.push_back(Queued {
            ppid,
            contents,
            size,
            deadline,
        });
    }

    /// DCEP messages go before and between the others, and count for nothing.
    pub(in crate::sctp) fn queue_dcep(&mut self, contents: Bytes) {
        self.queue.push_back(Queued {
            ppid: Ppid::Dcep,
            contents,
            size: 0,
            deadline: None,
        });
    }

    pub(in crate::sctp) fn front(&self) -> Option<&Queued> {
        self.queue.front()
    }

    /// Takes the first message.
    pub(in crate::sctp) fn pop(&mut self, limit: usize) -> Option<(Queued, Taken)> {
        let before = self.buffered;
        let queued = self.queue.pop_front()?;
        self.buffered -= queued.size;
        self.queued_messages -= usize::from(queued.ppid != Ppid::Dcep);
        // W3C WebRTC: `bufferedAmount` falls to or below the threshold.
        let low = before > self.low_threshold && self.buffered <= self.low_threshold;
        let writable = self.waiting && (self.queue.is_empty() || self.cost() <= limit / 2);
        self.waiting &= !writable;
        Some((
            queued,
            Taken {
                buffered_amount_low: low,
                writable,
            },
        ))
    }

    pub(in crate::sctp) fn clear_queue(&mut self) {
        self.queue.clear();
        self.queued_messages = 0;
        self.buffered = 0;
    }

    /// How the next message is to be delivered.
    pub(in crate::sctp) fn delivery(&self, queued: &Queued) -> Delivery {
        let reliability = match (self.options.max_retransmits, queued.deadline) {
            // RFC 8832 §6: whatever the channel is.
            _ if queued.ppid == Ppid::Dcep => Reliability::Full,
            (Some(retransmits), _) => Reliability::Retransmissions(retransmits.into()),
            (None, Some(deadline)) => Reliability::Until(deadline),
            (None, None) => Reliability::Full,
        };
        Delivery {
            // RFC 8832 §6: in order until the peer has acknowledged the OPEN.
            ordered: self.options.ordered || !self.opened,
            reliability,
            weight: self.options.priority.weight(),
        }
    }

    /// Puts a received message into the inbox; returns whether it was empty.
    pub(in crate::sctp) fn receive(&mut self, message: Message) -> bool {
        self.messages_received += 1;
        self.bytes_received += message.len() as u64;
        self.inbox.push_back(message);
        self.inbox.len() == 1
    }

    pub(in crate::sctp) fn read(&mut self) -> Option<Message> {
        self.inbox.pop_front()
    }

    pub(in crate::sctp) fn has_unread(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Drops what was not read and returns what it cost.
    pub(in crate::sctp) fn discard_unread(&mut self) -> usize {
        self.inbox
            .drain(..)
            .map(|message| message.len() + MESSAGE_OVERHEAD)
            .sum()
    }
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
