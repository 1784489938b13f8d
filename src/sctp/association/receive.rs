//! What comes up from the engine: messages, DCEP, resets, the end.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;

use super::Association;
use super::life::Phase;
use crate::sctp::channels::{Channel, ChannelState, MAX_STREAM, MESSAGE_OVERHEAD};
use crate::sctp::engine::EngineEvent;
use crate::sctp::error::{ChannelError, FailureReason};
use crate::sctp::event::Event;
use crate::sctp::id::ChannelId;
use crate::sctp::message::{Message, Ppid};
use crate::sctp::wire::dcep::{Dcep, Open};

/// Messages on streams that no channel was opened on yet: of a negotiated channel that our side
/// opens a moment later, or of a peer that does not keep the order of RFC 8832 §6.
const MAX_ORPHANS: usize = 64;
/// Their bytes: one of the largest messages of a browser.
const MAX_ORPHAN_BYTES: usize = 262_144;
/// Labels and protocols of all channels of the peer together; one may have 131,070 bytes.
const MAX_INCOMING_NAMES: usize = 4 << 20;

/// Messages that wait for their channel.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    by_stream: HashMap<u16, Vec<Message>>,
    count: usize,
    bytes: usize,
}

impl Orphans {
    /// `Err` if too many wait already.
    fn add(&mut self, stream: u16, message: Message) -> Result<(), ()> {
        if self.count >= MAX_ORPHANS || self.bytes + message.len() > MAX_ORPHAN_BYTES {
            return Err(());
        }
        self.count += 1;
        self.bytes += message.len();
        self.by_stream.entry(stream).or_default().push(message);
        Ok(())
    }

    fn take(&mut self, stream: u16) -> Vec<Message> {
        let messages = self.by_stream.remove(&stream).unwrap_or_default();
        self.count -= messages.len();
        self.bytes -= messages.iter().map(Message::len).sum::<usize>();
        messages
    }

    /// Drops those of a stream; returns what they cost.
    fn discard(&mut self, stream: u16) -> usize {
        let messages = self.take(stream);
        let cost = |message: &Message| message.len() + MESSAGE_OVERHEAD;
        messages.iter().map(cost).sum()
    }

    /// Drops all; returns what they cost.
    pub(super) fn clear(&mut self) -> usize {
        let cost = self.bytes + self.count * MESSAGE_OVERHEAD;
        *self = Orphans::default();
        cost
    }
}

impl Association {
    pub(super) fn handle_engine_events(&mut self) {
        while let Phase::Connected { engine, .. } = &mut self.phase {
            let Some(event) = engine.poll_event() else {
                if engine.is_exhausted() && self.backlog.is_empty() {
                    self.fail(FailureReason::ReceiveBufferExhausted);
                } else if self.has_room()
                    && let Some(stream) = self.backlog.pop_front()
                {
                    self.read(stream);
                    continue;
                }
                return;
            };
            match event {
                EngineEvent::Readable(id) => self.read(id),
                EngineEvent::ResetByPeer(id) => self.reset_by_peer(id),
                EngineEvent::ResetComplete(id) => self.reset_complete(id),
                EngineEvent::ResetFailed(id) => self.reset_failed(id),
                EngineEvent::Lost(reason) => self.fail(reason),
            }
        }
    }

    /// Takes the messages of a stream, as long as there is room for them.
    fn read(&mut self, stream: u16) {
        while self.has_room() {
            let Phase::Connected { engine, .. } = &mut self.phase else {
                return;
            };
            let Some((ppid, contents)) = engine.read(stream) else {
                return;
            };
            self.dispatch(stream, ppid, contents);
        }
        if !self.backlog.contains(&stream) {
            self.backlog.push_back(stream);
        }
    }

    /// Whether what waits may be read: not less than the window, since one channel that is not read
    /// must hold up the others no sooner than it has to.
    fn has_room(&self) -> bool {
        self.unread < self.config.window() as usize
    }

    /// The application has read, or will not.
    pub(super) fn made_room(&mut self, now: Instant) {
        if !self.backlog.is_empty() && self.has_room() {
            self.handle_engine_events();
        }
        if let Phase::Connected { engine, .. } = &mut self.phase {
            engine.handle_read(now, self.unread);
        }
    }

    /// Takes all that is whole, before the engine goes: it is at most what its buffer holds.
    pub(super) fn read_everything(&mut self) {
        while let Some(stream) = self.backlog.pop_front() {
            while let Phase::Connected { engine, .. } = &mut self.phase {
                let Some((ppid, contents)) = engine.read(stream) else {
                    break;
                };
                self.dispatch(stream, ppid, contents);
            }
        }
    }

    fn dispatch(&mut self, stream: u16, ppid: Ppid, contents: Bytes) {
        if self.phase.dead().is_some_and(|dead| dead.contains(&stream)) {
            return;
        }
        let mut channel = self.channels.by_stream(stream);
        // The peer uses the stream again: for it, the old channel's resets are done.
        if let Some(id) = channel
            && self
                .channels
                .get(id)
                .is_some_and(|channel| channel.reset_received)
        {
            self.channel_closed(id, None);
            channel = None;
        }
        match (ppid, channel) {
            (Ppid::Dcep, _) => self.handle_dcep(stream, channel, &contents),
            (_, Some(id)) => {
                if let Some(message) = self.decode(ppid, contents) {
                    self.deliver(id, message);
                }
            }
            (_, None) => {
                let Some(message) = self.decode(ppid, contents) else {
                    return;
                };
                let cost = message.len() + MESSAGE_OVERHEAD;
                match self.orphans.add(stream, message) {
                    Ok(()) => self.unread += cost,
                    Err(()) => self.stats.counters.orphaned_messages += 1,
                }
            }
        }
    }

    fn decode(&mut self, ppid: Ppid, contents: Bytes) -> Option<Message> {
        match Message::from_wire(ppid, contents) {
            Some((message, mended)) => {
                self.stats.counters.invalid_text += u64::from(mended);
                Some(message)
            }
            None => {
                self.stats.counters.unknown_ppid += 1;
                None
            }
        }
    }

    fn deliver(&mut self, id: ChannelId, message: Message) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        match channel.state {
            ChannelState::Open => {}
            // The peer knows the channel, even if its ACK comes later.
            ChannelState::Connecting => {
                channel.set_open();
                self.events.push_back(Event::ChannelOpen(id));
            }
            // W3C WebRTC: messages are received while the channel is open.
            ChannelState::Closing | ChannelState::Closed => return,
        }
        self.stats.messages_received += 1;
        self.stats.bytes_received += message.len() as u64;
        self.unread += message.len() + MESSAGE_OVERHEAD;
        if channel.receive(message) {
            self.events.push_back(Event::Readable(id));
        }
    }

    /// RFC 8832 §6.
    fn handle_dcep(&mut self, stream: u16, channel: Option<ChannelId>, contents: &[u8]) {
        let known = channel.and_then(|id| Some((id, self.channels.get_mut(id)?)));
        match (Dcep::decode(contents), known) {
            (Ok(Dcep::Open(open)), None) => self.accept_channel(stream, open),
            (Ok(Dcep::Ack), Some((id, channel))) if channel.state == ChannelState::Connecting => {
                channel.set_open();
                self.events.push_back(Event::ChannelOpen(id));
            }
            // Data was faster than the ACK, or the channel is closing: nothing to do, and no error.
            (Ok(Dcep::Ack), Some((_, channel)))
                if !channel.incoming && channel.options.negotiated.is_none() => {}
            _ => self.stats.counters.dcep_errors += 1,
        }
    }

    fn accept_channel(&mut self, stream: u16, open: Open) {
        let Phase::Connected { engine, closing } = &mut self.phase else {
            return;
        };
        let names = open.label.len() + open.options.protocol.len();
        // RFC 8832 §6: the client opens the even ones.
        let ours = self
            .dtls_client
            .map(|client| stream.is_multiple_of(2) == client);
        if ours == Some(true)
            || stream > MAX_STREAM
            || closing.is_some()
            || self.channels.len() >= usize::from(self.config.max_channels)
            || self.incoming_names + names > MAX_INCOMING_NAMES
        {
            self.stats.counters.channels_refused += 1;
            engine.kill(stream);
            engine.wake_now();
            self.refused.insert(stream);
            self.unread -= self.orphans.discard(stream);
            return;
        }
        let mut channel = Channel::new(open.label, open.options, Some(stream));
        channel.incoming = true;
        channel.set_open();
        channel.queue_dcep(Dcep::encode_ack());
        // Our reset of the last channel on this stream may be unanswered still.
        channel.blocked = !engine.is_writable(stream);
        let Ok(id) = self.channels.insert(channel) else {
            return;
        };
        self.incoming_names += names;
        self.events.push_back(Event::ChannelIncoming(id));
        self.events.push_back(Event::ChannelOpen(id));
        if let Some(channel) = self.channels.get_mut(id)
            && !channel.blocked
        {
            self.scheduler.add(id, &mut channel.turn);
            engine.wake_now();
        }
        self.adopt_orphans(id, stream);
    }

    /// Messages that were there before the channel.
    pub(super) fn adopt_orphans(&mut self, id: ChannelId, stream: u16) {
        for message in self.orphans.take(stream) {
            self.unread -= message.len() + MESSAGE_OVERHEAD;
            self.deliver(id, message);
        }
    }

    /// The peer reset its side and everything before that was read; our side is reset in answer
    /// (RFC 8831 §6.7).
    fn reset_by_peer(&mut self, stream: u16) {
        if let Phase::Connected { engine, .. } = &mut self.phase {
            engine.revive(stream);
        }
        // The engine resets our side by itself.
        self.refused.remove(&stream);
        let Some(id) = self.channels.by_stream(stream) else {
            self.unread -= self.orphans.discard(stream);
            return;
        };
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        channel.reset_received = true;
        // What waits in our queue can no longer be sent.
        channel.clear_queue();
        if channel.state != ChannelState::Closing {
            channel.state = ChannelState::Closing;
            self.events.push_back(Event::ChannelClosing(id));
        }
        self.draining.retain(|&draining| draining != id);
    }

    fn reset_complete(&mut self, stream: u16) {
        let Phase::Connected { engine, .. } = &mut self.phase else {
            return;
        };
        engine.end_reset(stream);
        // Others may wait for their turn to be reset.
        engine.wake();
        let Some(id) = self.channels.by_stream(stream) else {
            return;
        };
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if channel.reset_received {
            self.channel_closed(id, None);
        } else if std::mem::take(&mut channel.blocked) && channel.has_queued() {
            self.scheduler.add(id, &mut channel.turn);
        }
    }

    fn reset_failed(&mut self, stream: u16) {
        self.quarantined.insert(stream);
        if let Phase::Connected { engine, .. } = &mut self.phase {
            engine.end_reset(stream);
        }
        if let Some(id) = self.channels.by_stream(stream) {
            self.channel_closed(id, Some(ChannelError::ResetFailed));
        }
    }
}

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "hostile_tests.rs"]
mod hostile_tests;
