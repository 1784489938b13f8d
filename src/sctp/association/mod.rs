//! The machine.
//!
//! - this file: what the owner calls;
//! - `life.rs`: packets by phase, from the held INIT to the last ABORT;
//! - `receive.rs`: what the engine brings up: messages, DCEP, resets;
//! - `transmit.rs`: the way down: feeding the engine, draining and resetting streams.

mod life;
mod receive;
mod transmit;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use self::life::Phase;
use self::receive::Orphans;
use super::channels::{
    Channel, ChannelInfo, ChannelState, Channels, MAX_STREAM, MESSAGE_OVERHEAD, Scheduler,
};
use super::config::{Capabilities, ChannelOptions, Config};
use super::error::{OpenError, SendError};
use super::event::Event;
use super::id::ChannelId;
use super::message::Message;
use super::stats::Stats;
use super::wire::dcep::Open;
use crate::machine::Machine;
use crate::random::Random;
use crate::timer::{Clock, earlier};

/// RFC 8832 §5.1: the lengths of label and protocol have 16 bits.
const MAX_NAME: usize = 65_535;

/// One SCTP association with its data channels.
///
/// Drive it as every [machine](crate). It sends nothing before [`start`](Self::start), but channels
/// can be opened and written from the beginning.
#[derive(Debug)]
pub struct Association {
    config: Config,
    random: Random,
    clock: Clock,
    phase: Phase,
    dtls_client: Option<bool>,
    remote: Option<Capabilities>,
    channels: Channels,
    scheduler: Scheduler,
    /// Channels that are to be reset when what they sent is acknowledged.
    draining: Vec<ChannelId>,
    /// Streams on which the peer opened a channel that it may not have: they wait to be reset, each
    /// once, however often it tries.
    refused: BTreeSet<u16>,
    /// Streams whose reset failed: never used again.
    quarantined: HashSet<u16>,
    orphans: Orphans,
    /// Streams with messages that were not taken from the engine, because the window was full.
    backlog: VecDeque<u16>,
    /// What waits in all inboxes, with overhead.
    unread: usize,
    /// Bytes of labels and protocols of the peer's channels.
    incoming_names: usize,
    out: VecDeque<Bytes>,
    events: VecDeque<Event>,
    stats: Stats,
}

impl Association {
    /// An association that waits for [`start`](Self::start). All its tags and its cookie key come
    /// from `random`.
    pub fn new(config: Config, random: Random) -> Association {
        Association {
            config,
            random,
            clock: Clock::default(),
            phase: Phase::New { held: None },
            dtls_client: None,
            remote: None,
            channels: Channels::default(),
            scheduler: Scheduler::default(),
            draining: Vec::new(),
            refused: BTreeSet::new(),
            quarantined: HashSet::new(),
            orphans: Orphans::default(),
            backlog: VecDeque::new(),
            unread: 0,
            incoming_names: 0,
            out: VecDeque::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// The knobs that it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Sets the association up. `dtls_client` is our DTLS role, from which stream identifiers
    /// follow (RFC 8832 §6); `remote` and `remote_port` are what the peer's description says.
    /// Both sides send INIT; which comes first does not matter. A second call does nothing.
    pub fn start(
        &mut self,
        now: Instant,
        dtls_client: bool,
        remote: Capabilities,
        remote_port: u16,
    ) {
        let now = self.clock.advance(now);
        let Phase::New { held } = &mut self.phase else {
            return;
        };
        let held = held.take();
        self.dtls_client = Some(dtls_client);
        self.remote = Some(remote);
        self.assign_streams(dtls_client);
        self.connect(now, remote_port, held);
    }

    /// A packet from the peer, as DTLS delivered it.
    pub fn handle_packet(&mut self, now: Instant, packet: Bytes) {
        self.handle_packets(now, [packet]);
    }

    /// A batch of packets: cheaper than one by one, since the answers to all are made at once.
    pub fn handle_packets(&mut self, now: Instant, packets: impl IntoIterator<Item = Bytes>) {
        let now = self.clock.advance(now);
        for packet in packets {
            self.stats.packets_received += 1;
            self.accept_packet(now, packet);
            self.handle_engine_events();
        }
    }

    /// Opens a channel. It may be written at once: messages go out when the association stands,
    /// behind the DATA_CHANNEL_OPEN.
    pub fn open(
        &mut self,
        now: Instant,
        label: String,
        options: ChannelOptions,
    ) -> Result<ChannelId, OpenError> {
        self.clock.advance(now);
        if self.is_ending() {
            return Err(OpenError::Closed);
        }
        if label.len() > MAX_NAME {
            return Err(OpenError::LabelTooLong(label.len()));
        }
        if options.protocol.len() > MAX_NAME {
            return Err(OpenError::ProtocolTooLong(options.protocol.len()));
        }
        if options.max_retransmits.is_some() && options.max_packet_lifetime.is_some() {
            return Err(OpenError::TwoReliabilities);
        }
        if self.channels.len() >= usize::from(self.config.max_channels) {
            return Err(OpenError::TooManyChannels(self.config.max_channels));
        }
        let stream = match (options.negotiated, self.dtls_client) {
            (Some(id), _) => Some(self.check_negotiated(id)?),
            (None, Some(role)) => Some(self.free_stream(role).ok_or(OpenError::IdsExhausted)?),
            (None, None) => None,
        };
        let mut channel = Channel::new(label, options, stream);
        if channel.options.negotiated.is_none() {
            channel.queue_dcep(Open::encode(&channel.label, &channel.options));
        }
        let id = self.channels.insert(channel)?;
        if matches!(self.phase, Phase::Connected { .. }) {
            self.begin_channel(id);
        }
        Ok(id)
    }

    /// Queues a message. On `Err` nothing was sent.
    ///
    /// Messages larger than the smaller of both sides' limits are refused; while the peer's is not
    /// known, those of more than 65,536 bytes.
    pub fn send(&mut self, now: Instant, id: ChannelId, message: Message) -> Result<(), SendError> {
        let now = self.clock.advance(now);
        let limit = self.max_message_size();
        let ending = self.is_ending();
        let channel = self.channels.get_mut(id).ok_or(SendError::Closed)?;
        if ending || !matches!(channel.state, ChannelState::Connecting | ChannelState::Open) {
            return Err(SendError::Closed);
        }
        let size = message.len();
        if size > limit as usize {
            return Err(SendError::TooLarge { size, limit });
        }
        if !channel.has_room(size, self.config.send_queue_limit) {
            return Err(SendError::WouldBlock {
                buffered: channel.buffered(),
            });
        }
        channel.queue_message(now, message);
        if let Phase::Connected { engine, .. } = &mut self.phase
            && !channel.blocked
        {
            self.scheduler.add(id, &mut channel.turn);
            if channel.is_fleeting() {
                engine.wake_now();
            } else {
                engine.wake();
            }
        }
        Ok(())
    }

    /// The next message of a channel, in order of arrival. What is not read here keeps the receive
    /// window closed.
    pub fn recv(&mut self, now: Instant, id: ChannelId) -> Option<Message> {
        let now = self.clock.advance(now);
        let channel = self.channels.get_mut(id)?;
        let message = channel.read()?;
        let done = channel.state == ChannelState::Closed && !channel.has_unread();
        self.unread -= message.len() + MESSAGE_OVERHEAD;
        if done {
            self.forget(id);
        }
        self.made_room(now);
        Some(message)
    }

    /// How many bytes of a channel wait to be handed to the association; 0 for none such.
    pub fn buffered_amount(&self, id: ChannelId) -> usize {
        self.channels.get(id).map_or(0, Channel::buffered)
    }

    /// How many messages of a channel those are; 0 for none such.
    pub fn queued_messages(&self, id: ChannelId) -> usize {
        self.channels.get(id).map_or(0, Channel::queued_messages)
    }

    /// Sets the threshold of [`Event::BufferedAmountLow`]. Default: 0 bytes.
    pub fn set_buffered_amount_low_threshold(&mut self, id: ChannelId, bytes: usize) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.low_threshold = bytes;
        }
    }

    /// What there is to know of a channel; `None` after it was closed and read to the end.
    pub fn channel(&self, id: ChannelId) -> Option<ChannelInfo> {
        self.channels.get(id).map(Channel::info)
    }

    /// All channels that were not closed and read to the end.
    pub fn channel_ids(&self) -> Vec<ChannelId> {
        self.channels.ids()
    }

    /// The largest message that can be sent, in bytes.
    pub fn max_message_size(&self) -> u32 {
        self.config.effective_max_message_size(self.remote)
    }

    /// How many channels there can be (W3C WebRTC: `maxChannels`); `None` before the association
    /// stands.
    pub fn max_channels(&self) -> Option<u16> {
        match &self.phase {
            Phase::Connected { engine, .. } => {
                Some(engine.outbound_streams().min(self.config.max_channels))
            }
            _ => None,
        }
    }

    /// Closes a channel: what was sent before goes out first, then both directions of the stream
    /// are reset (RFC 6525, RFC 8831 §6.7). What was not read is dropped.
    pub fn close_channel(&mut self, now: Instant, id: ChannelId) {
        let now = self.clock.advance(now);
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        let discarded = channel.discard_unread();
        self.unread -= discarded;
        match channel.state {
            ChannelState::Closed => self.forget(id),
            ChannelState::Closing => {}
            ChannelState::Connecting | ChannelState::Open => {
                channel.state = ChannelState::Closing;
                self.events.push_back(Event::ChannelClosing(id));
                if let Phase::Connected { engine, .. } = &mut self.phase {
                    self.draining.push(id);
                    engine.wake_now();
                } else {
                    self.channel_closed(id, None);
                }
            }
        }
        if discarded > 0 {
            self.made_room(now);
        }
    }

    /// The way to the peer works again after an interruption: what was lost in it is sent again
    /// now, not when the retransmission timer rings, which has been backed off up to
    /// [`rto_max`](Config::rto_max) (RFC 9260 §6.3.3). Harmless when nothing was lost.
    pub fn path_restored(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        if let Phase::Connected { engine, .. } = &mut self.phase {
            engine.retransmit_now(now);
        }
    }

    /// Closes the association: what was sent goes out and is acknowledged, for at most
    /// [`Config::close_timeout`]; then the peer is told by an ABORT.
    pub fn close(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.begin_close(now);
    }

    /// Ends the association at once; the peer is told by an ABORT.
    pub fn abort(&mut self, now: Instant) {
        self.clock.advance(now);
        self.end_by_abort();
    }

    /// The association in numbers.
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats;
        stats.channels = self.channels.len();
        stats.unread = self.unread;
        stats.buffered = self
            .channels
            .ids()
            .iter()
            .map(|&id| self.buffered_amount(id))
            .sum::<usize>();
        if let Phase::Connected { engine, .. } = &self.phase {
            engine.report(&mut stats);
        }
        stats
    }

    fn check_negotiated(&self, id: u16) -> Result<u16, OpenError> {
        if id > MAX_STREAM || id >= self.stream_limit() {
            return Err(OpenError::IdOutOfRange(id));
        }
        if self.channels.by_stream(id).is_some()
            || self.quarantined.contains(&id)
            || self.phase.dead().is_some_and(|dead| dead.contains(&id))
        {
            return Err(OpenError::IdTaken(id));
        }
        Ok(id)
    }

    fn free_stream(&mut self, dtls_client: bool) -> Option<u16> {
        let limit = self.stream_limit();
        let (quarantined, dead) = (&self.quarantined, self.phase.dead());
        self.channels.free_stream(dtls_client, limit, |stream| {
            quarantined.contains(&stream) || dead.is_some_and(|dead| dead.contains(&stream))
        })
    }

    fn stream_limit(&self) -> u16 {
        match &self.phase {
            Phase::Connected { engine, .. } => engine.outbound_streams(),
            _ => u16::MAX,
        }
    }

    /// RFC 8832 §6: channels that were opened before the role was known get their streams.
    fn assign_streams(&mut self, dtls_client: bool) {
        for id in self.channels.ids() {
            if self
                .channels
                .get(id)
                .is_some_and(|channel| channel.stream.is_none())
                && let Some(stream) = self.free_stream(dtls_client)
            {
                self.channels.assign(id, stream);
            }
        }
    }

    /// Removes a channel from the table.
    fn forget(&mut self, id: ChannelId) {
        if let Some(channel) = self.channels.get(id)
            && channel.incoming
        {
            self.incoming_names -= channel.label.len() + channel.options.protocol.len();
        }
        self.channels.remove(id);
    }
}

impl Machine for Association {
    /// One SCTP packet: the contents of one DTLS record.
    type Transmit = Bytes;
    type Event = Event;

    fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.expire(now);
        self.handle_engine_events();
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        if self.out.is_empty() {
            let now = self.clock.advance(now);
            self.transmit(now);
            self.handle_engine_events();
        }
        let packet = self.out.pop_front()?;
        self.stats.packets_sent += 1;
        Some(packet)
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        match &self.phase {
            Phase::New { .. } | Phase::Ended { .. } => None,
            Phase::Connecting {
                handshake,
                deadline,
            } => earlier(handshake.poll_timeout(), Some(*deadline)),
            Phase::Connected { engine, closing } => earlier(
                engine.poll_timeout(self.clock.last()),
                closing.as_ref().map(|closing| closing.deadline),
            ),
        }
    }
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "native_tests.rs"]
mod native_tests;
