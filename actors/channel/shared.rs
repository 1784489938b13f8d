//! What the handles of a channel and the actor share: the account of what was sent, and the inbox.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::{Notify, watch};

use proto::sctp::{ChannelError, ChannelId, ChannelInfo, MESSAGE_OVERHEAD, Message};

use crate::base::channel::{DataChannelState, SendError};
use crate::channel::queue::{Command, CommandQueue};

/// State, and why it was closed.
pub(crate) type Status = (DataChannelState, Option<ChannelError>);

pub(crate) struct Shared {
    pub(crate) id: ChannelId,
    info: Mutex<ChannelInfo>,
    status: watch::Sender<Status>,
    /// Whether the state is open: read for each message that is sent, without a lock.
    open: AtomicBool,
    queue: Arc<CommandQueue>,
    send_limit: usize,
    receive_limit: usize,
    /// Bytes that wait to be handed to the association, ...
    buffered: AtomicUsize,
    /// ... and what they cost, which is held below `send_limit`.
    cost: AtomicUsize,
    pub(crate) low_threshold: AtomicUsize,
    /// Told when there is room for more, and at each change of state.
    pub(crate) room: Notify,
    /// Told when `buffered` falls to the low threshold.
    pub(crate) low: Notify,
    inbox: Mutex<Inbox>,
}

#[derive(Default)]
struct Inbox {
    messages: VecDeque<Message>,
    /// With overhead.
    cost: usize,
    /// The association holds more, which was not taken for lack of room.
    stalled: bool,
    /// Nothing will come any more.
    ended: bool,
    /// Nobody can read it any more.
    abandoned: bool,
    readers: Vec<Waker>,
}

impl Shared {
    pub(crate) fn new(
        id: ChannelId,
        info: ChannelInfo,
        queue: Arc<CommandQueue>,
        send_limit: usize,
        receive_limit: usize,
    ) -> Shared {
        Shared {
            id,
            info: Mutex::new(info),
            status: watch::Sender::new((DataChannelState::Connecting, None)),
            open: AtomicBool::new(false),
            queue,
            send_limit,
            receive_limit,
            buffered: AtomicUsize::new(0),
            cost: AtomicUsize::new(0),
            low_threshold: AtomicUsize::new(0),
            room: Notify::new(),
            low: Notify::new(),
            inbox: Mutex::default(),
        }
    }

    pub(crate) fn info(&self) -> MutexGuard<'_, ChannelInfo> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.status().0 == DataChannelState::Closed
    }

    pub(crate) fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// The status as soon as the state is one of those.
    pub(crate) async fn wait_for(&self, state: impl Fn(DataChannelState) -> bool) -> Status {
        let mut status = self.status.subscribe();
        let reached = status.wait_for(|(now, _)| state(*now)).await.map(|s| *s);
        // The sender lives as long as `self`.
        reached.unwrap_or((DataChannelState::Closed, None))
    }

    pub(crate) fn buffered(&self) -> usize {
        self.buffered.load(Ordering::Acquire)
    }

    /// A handle's: takes the message only if it is sent.
    pub(crate) fn try_send(&self, message: &mut Option<Message>) -> Result<(), SendError> {
        let size = message.as_ref().map_or(0, Message::len);
        if !self.open.load(Ordering::Acquire) {
            return Err(match self.status().0 {
                DataChannelState::Connecting | DataChannelState::Open => SendError::NotOpen,
                DataChannelState::Closing | DataChannelState::Closed => SendError::Closed,
            });
        }
        let limit = self.queue.max_message_size.load(Ordering::Acquire) as usize;
        if limit != 0 && size > limit {
            return Err(SendError::TooLarge { size, limit });
        }
        // A message larger than the whole queue is taken when nothing else waits.
        let reserve = |cost: usize| {
            let more = cost + size + MESSAGE_OVERHEAD;
            (cost == 0 || more <= self.send_limit).then_some(more)
        };
        self.cost
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, reserve)
            .map_err(|_| SendError::WouldBlock {
                buffered: self.buffered(),
            })?;
        if let Some(message) = message.take() {
            self.buffered.fetch_add(size, Ordering::AcqRel);
            self.command(Command::Send(self.id, message));
        }
        Ok(())
    }

    pub(crate) fn command(&self, command: Command) {
        self.queue.command(command);
    }

    /// A handle's. Where the channel is closed and not read to the end, the rest is dropped.
    pub(crate) fn close(&self) {
        if !self.inbox().ended {
            self.command(Command::Close(self.id));
        }
    }

    /// The last handle's, or nobody has ever had one.
    pub(crate) fn abandon(&self) {
        self.close();
        let mut inbox = self.inbox();
        inbox.abandoned = true;
        inbox.messages = VecDeque::new();
        let cost = std::mem::take(&mut inbox.cost);
        drop(inbox);
        self.made_room(cost);
    }

    fn made_room(&self, cost: usize) {
        if self.queue.inboxes.remove(cost) {
            self.command(Command::ResumeAll);
        }
    }

    pub(crate) fn count_backpressure(&self) {
        self.queue.backpressure.increment(1);
    }

    /// A handle's: the next message, `None` when there will be none any more.
    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut inbox = self.inbox();
        if let Some(message) = self.take(&mut inbox) {
            return Poll::Ready(Some(message));
        }
        if inbox.ended {
            return Poll::Ready(None);
        }
        if !inbox
            .readers
            .iter()
            .any(|reader| reader.will_wake(cx.waker()))
        {
            inbox.readers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    pub(crate) fn try_recv(&self) -> Option<Message> {
        self.take(&mut self.inbox())
    }

    fn take(&self, inbox: &mut Inbox) -> Option<Message> {
        let message = inbox.messages.pop_front()?;
        let cost = message.len() + MESSAGE_OVERHEAD;
        inbox.cost -= cost;
        self.made_room(cost);
        if inbox.stalled && inbox.cost <= self.receive_limit / 2 {
            inbox.stalled = false;
            self.command(Command::Resume(self.id));
        }
        Some(message)
    }

    /// The actor's: the channel is in this state now.
    pub(crate) fn set_state(&self, state: DataChannelState, error: Option<ChannelError>) {
        self.status.send_if_modified(|status| {
            let changed = status.0 != state && status.0 != DataChannelState::Closed;
            if changed {
                *status = (state, error);
                let open = state == DataChannelState::Open;
                self.open.store(open, Ordering::Release);
            }
            changed
        });
        self.room.notify_waiters();
        if state == DataChannelState::Closed {
            self.low.notify_waiters();
        }
    }

    /// The actor's: the channel is closed, and nothing will come to the inbox any more.
    pub(crate) fn end(&self) {
        let mut inbox = self.inbox();
        inbox.ended = true;
        wake(inbox);
    }

    pub(crate) fn set_info(&self, info: ChannelInfo) {
        *self.info() = info;
    }

    /// The actor's: moves messages into the inbox, as far as it has room; if it has not, the
    /// reader asks for the others. Returns how many there were, and their bytes.
    pub(crate) fn fill(&self, next: &mut dyn FnMut() -> Option<Message>) -> (usize, usize) {
        self.fill_up_to(Some(self.receive_limit), next)
    }

    /// The actor's: the same without a limit, for what is left at the end.
    pub(crate) fn fill_with_all(
        &self,
        next: &mut dyn FnMut() -> Option<Message>,
    ) -> (usize, usize) {
        self.fill_up_to(None, next)
    }

    fn fill_up_to(
        &self,
        limit: Option<usize>,
        next: &mut dyn FnMut() -> Option<Message>,
    ) -> (usize, usize) {
        let mut inbox = self.inbox();
        if inbox.abandoned {
            // The association drops it when it hears of that.
            return (0, 0);
        }
        let inboxes = &self.queue.inboxes;
        let (mut count, mut bytes) = (0, 0);
        loop {
            inbox.stalled = limit.is_some_and(|limit| inbox.cost >= limit || inboxes.is_full());
            if inbox.stalled {
                break;
            }
            let Some(message) = next() else { break };
            count += 1;
            bytes += message.len();
            let cost = message.len() + MESSAGE_OVERHEAD;
            inbox.cost += cost;
            inboxes.add(cost);
            inbox.messages.push_back(message);
        }
        if count > 0 {
            wake(inbox);
        }
        (count, bytes)
    }

    /// The actor's: so many messages were handed to the association, or are lost for good.
    pub(crate) fn released(&self, messages: usize, bytes: usize) {
        if messages == 0 {
            return;
        }
        let before = self.buffered.fetch_sub(bytes, Ordering::AcqRel);
        let threshold = self.low_threshold.load(Ordering::Acquire);
        if before > threshold && before - bytes <= threshold {
            self.low.notify_waiters();
        }
        self.cost
            .fetch_sub(bytes + messages * MESSAGE_OVERHEAD, Ordering::AcqRel);
        self.room.notify_waiters();
    }
}

/// Wakes the readers, not under the lock.
fn wake(mut inbox: MutexGuard<'_, Inbox>) {
    let readers = std::mem::take(&mut inbox.readers);
    drop(inbox);
    readers.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
