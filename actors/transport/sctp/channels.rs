//! The data channels of an association: how each is opened and given to the application, and how
//! messages get from the one to the other.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use proto::sctp::{ChannelError, ChannelId, Message, OpenError};

use super::SctpActor;
use super::messages::{GetChannels, OpenChannel};
use crate::base::channel::DataChannelState;
use crate::base::event::Event as SessionEvent;
use crate::base::transport::sctp::SctpTransportEvent;
use crate::channel::offered::Offered;
use crate::channel::queue::{Command, CommandsWait};
use crate::channel::shared::Shared;
use crate::channel::stats::ChannelStats;
use crate::kit::alarm::now;
use crate::kit::defer::OnDeferred;
use crate::metrics::{Direction, Share};

/// A channel, and how much the association still holds back of what it was given for it.
pub(super) struct Attached {
    shared: Arc<Shared>,
    held_messages: usize,
    held_bytes: usize,
    /// In the gauge of channels.
    counted: Option<Share>,
}

/// How an inbox is filled: [`Shared::fill`] or [`Shared::fill_with_all`].
type Fill = fn(&Shared, &mut dyn FnMut() -> Option<Message>) -> (usize, usize);

impl SctpActor {
    /// `None` when the application has let go of the session.
    fn attach(&mut self, id: ChannelId) -> Option<Arc<Shared>> {
        let info = self.association.channel(id)?;
        self.application.lease.upgrade()?;
        let config = &self.scope.config;
        let (send, receive) = (config.channel_send_limit, config.channel_receive_limit);
        let shared = Arc::new(Shared::new(id, info, self.queue.clone(), send, receive));
        self.connection.sctp.add_channel(shared.clone());
        let attached = Attached {
            shared: shared.clone(),
            held_messages: 0,
            held_bytes: 0,
            counted: self
                .scope
                .metrics
                .sctp
                .channel(DataChannelState::Connecting),
        };
        self.channels.insert(id, attached);
        Some(shared)
    }

    /// A channel that the peer has opened.
    pub(super) fn accept(&mut self, now: Instant, id: ChannelId) {
        let Some(shared) = self.attach(id) else {
            self.association.close_channel(now, id);
            return;
        };
        self.channel_state(id, DataChannelState::Open, None);
        let label = shared.info().label.clone();
        let offered = Offered::new(shared);
        if let Err(error) = self.application.incoming.try_send(offered) {
            // Nobody accepts channels: it closes as it is dropped.
            tracing::debug!(%error, "incoming channel not taken");
        }
        self.scope
            .events
            .send(SessionEvent::Sctp(SctpTransportEvent::DataChannel {
                label,
            }));
    }

    pub(super) fn channel_state(
        &mut self,
        id: ChannelId,
        state: DataChannelState,
        error: Option<ChannelError>,
    ) {
        let Some(attached) = self.channels.get_mut(&id) else {
            return;
        };
        if let Some(info) = self.association.channel(id) {
            attached.shared.set_info(info);
        }
        attached.shared.set_state(state, error);
        attached.counted = self.scope.metrics.sctp.channel(state);
    }

    /// The channel is closed; what was not read of it still can be, and holds the window till then.
    pub(super) fn closed(&mut self, now: Instant, id: ChannelId, error: Option<ChannelError>) {
        self.channel_state(id, DataChannelState::Closed, error);
        self.resume(now, id);
    }

    /// The association is over: there is no window any more that could be held, and nothing is
    /// left in it but what the window had let in.
    pub(super) fn deliver_all(&mut self, now: Instant) {
        for id in self.ids() {
            self.deliver(now, id, Shared::fill_with_all);
            self.forget_if_read(id);
        }
    }

    fn ids(&self) -> Vec<ChannelId> {
        self.channels.keys().copied().collect()
    }

    /// Forgets a channel that is closed and read to the end, as the association does.
    fn forget_if_read(&mut self, id: ChannelId) {
        let Some(attached) = self.channels.get(&id) else {
            return;
        };
        if !attached.shared.is_closed() || self.association.channel(id).is_some() {
            return;
        }
        attached.shared.end();
        self.held -= attached.held_bytes;
        self.channels.remove(&id);
        self.connection.sctp.remove_channel(id);
    }

    /// Moves what has arrived to the application. What its inbox has no room for stays behind and
    /// closes the receive window.
    pub(super) fn deliver(&mut self, now: Instant, id: ChannelId, fill: Fill) {
        let Some(attached) = self.channels.get(&id) else {
            return;
        };
        let association = &mut self.association;
        let (count, bytes) = fill(&attached.shared, &mut || association.recv(now, id));
        if count > 0 {
            self.scope.touch(now);
            let metrics = &self.scope.metrics.sctp;
            metrics.messages(Direction::In, count as u64, bytes as u64);
        }
    }

    /// There is room in the inbox again.
    fn resume(&mut self, now: Instant, id: ChannelId) {
        self.deliver(now, id, Shared::fill);
        self.forget_if_read(id);
    }

    fn send(&mut self, now: Instant, id: ChannelId, message: Message) {
        let size = message.len();
        let Some(attached) = self.channels.get_mut(&id) else {
            return;
        };
        match self.association.send(now, id, message) {
            Ok(()) => {
                if attached.held_messages == 0 {
                    self.sending.push(id);
                }
                attached.held_messages += 1;
                attached.held_bytes += size;
                self.held += size;
                let metrics = &self.scope.metrics.sctp;
                metrics.messages(Direction::Out, 1, size as u64);
            }
            // It began to close while the message was on its way here.
            Err(error) => {
                tracing::debug!(%error, "message not sent");
                attached.shared.released(1, size);
            }
        }
    }

    /// Gives room back for what the association has taken.
    pub(super) fn release(&mut self) {
        let (association, channels) = (&self.association, &mut self.channels);
        let total = &mut self.held;
        self.sending.retain(|id| {
            let Some(attached) = channels.get_mut(id) else {
                return false;
            };
            let messages = association.queued_messages(*id);
            let bytes = association.buffered_amount(*id);
            let fewer = attached.held_messages - messages;
            attached.shared.released(fewer, attached.held_bytes - bytes);
            *total -= attached.held_bytes - bytes;
            (attached.held_messages, attached.held_bytes) = (messages, bytes);
            messages > 0
        });
        self.buffered.set(self.held as f64);
    }

    pub(super) fn run_commands(&mut self, now: Instant) {
        let commands = self.queue.take();
        if !commands.is_empty() {
            self.scope.touch(now);
        }
        for command in commands {
            match command {
                Command::Send(id, message) => self.send(now, id, message),
                Command::Resume(id) => self.resume(now, id),
                Command::ResumeAll => {
                    for id in self.ids() {
                        self.resume(now, id);
                    }
                }
                Command::Close(id) => {
                    self.association.close_channel(now, id);
                    self.forget_if_read(id);
                }
            }
        }
    }
}

impl Handler<OpenChannel> for SctpActor {
    type Result = ();

    fn handle(&mut self, message: OpenChannel, ctx: &mut Context<Self>) {
        let opened = self.association.open(now(), message.label, message.options);
        let channel =
            opened.and_then(|id| self.attach(id).map(Offered::new).ok_or(OpenError::Closed));
        let _ = message.reply.send(channel);
        self.drain(ctx, now());
    }
}

impl Handler<CommandsWait> for SctpActor {
    type Result = ();

    fn handle(&mut self, _: CommandsWait, ctx: &mut Context<Self>) {
        self.on_deferred(ctx);
    }
}

impl Handler<GetChannels> for SctpActor {
    type Result = ();

    fn handle(&mut self, GetChannels(reply): GetChannels, _: &mut Context<Self>) {
        let ids = self.association.channel_ids().into_iter().enumerate();
        let channels = ids.filter_map(|(number, id)| {
            Some(ChannelStats {
                number,
                info: self.association.channel(id)?,
                buffered: self.association.buffered_amount(id),
            })
        });
        let _ = reply.send(channels.collect());
    }
}
