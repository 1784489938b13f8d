//! A session's way from the handles of its channels to the SCTP actor.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use actix::prelude::*;
use metrics::Counter;
use proto::sctp::{ChannelId, Message};

use crate::base::kind::MessageKind;
use crate::channel::inboxes::Inboxes;
use crate::kit::address::Neighbour;
use crate::kit::letter::Letter;

/// To the SCTP actor: there are commands.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct CommandsWait;

impl Letter for CommandsWait {
    fn kind(&self) -> MessageKind {
        MessageKind::Wake
    }
}

/// What a handle asks of the association.
#[derive(Debug)]
pub(crate) enum Command {
    Send(ChannelId, Message),
    /// There is room in the inbox again.
    Resume(ChannelId),
    Close(ChannelId),
    /// There is room in the inboxes together again.
    ResumeAll,
}

/// The commands on their way. Messages among them are bounded by the send limits of their channels.
pub(crate) struct CommandQueue {
    commands: Mutex<VecDeque<Command>>,
    /// Whether the actor is going to look, because it was woken or of its own accord.
    scheduled: AtomicBool,
    actor: Neighbour<CommandsWait>,
    /// The largest message that can be sent; 0 until the peer's limit is known.
    pub(crate) max_message_size: AtomicU32,
    /// Counts sends that found no room.
    pub(crate) backpressure: Counter,
    pub(crate) inboxes: Inboxes,
}

impl CommandQueue {
    /// The inboxes of its channels hold at most `inboxes_limit` bytes together.
    pub(crate) fn new(
        actor: Neighbour<CommandsWait>,
        backpressure: Counter,
        inboxes_limit: usize,
    ) -> CommandQueue {
        CommandQueue {
            commands: Mutex::default(),
            scheduled: AtomicBool::new(false),
            actor,
            max_message_size: AtomicU32::new(0),
            backpressure,
            inboxes: Inboxes::new(inboxes_limit),
        }
    }

    /// Queues a command and wakes the actor: once, however many follow before it runs.
    pub(crate) fn command(&self, command: Command) {
        self.commands
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(command);
        if !self.scheduled.swap(true, Ordering::AcqRel) {
            self.actor.do_send(CommandsWait);
        }
    }

    /// The actor is going to look soon: until then nobody needs to wake it.
    pub(crate) fn expect(&self) {
        self.scheduled.store(true, Ordering::Release);
    }

    /// All commands so far, for the actor.
    pub(crate) fn take(&self) -> VecDeque<Command> {
        // First the flag: what comes after it wakes the actor again.
        self.scheduled.store(false, Ordering::Release);
        std::mem::take(&mut self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
