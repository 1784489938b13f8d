//! Data channels as the application holds them.
//!
//! A handle lives on any thread, its association on the session's worker. Between them stand two
//! bounded queues a channel: what was sent and is not yet acknowledged ([`DataChannel::send`]
//! waits when it is full), and what was received and not yet read (while it is full, the receive
//! window of the association closes). A command wakes the actor once, however many follow before
//! it runs.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use metrics::Counter;
use tokio::sync::{Notify, watch};

use crate::mailbox::Address;
use crate::proto::sctp::{ChannelError, ChannelId, ChannelInfo, Message};
use crate::scope::Lease;
use crate::sctp::SctpActor;
use crate::sctp::messages::Wake;

/// State of a data channel (W3C `RTCDataChannelState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataChannelState {
    /// The peer has not confirmed it yet, or there is no association yet.
    Connecting,
    /// Messages flow.
    Open,
    /// What was sent is still delivered, nothing new is taken.
    Closing,
    /// Over.
    Closed,
}

impl DataChannelState {
    /// The name in the W3C's enumeration.
    pub fn as_str(self) -> &'static str {
        match self {
            DataChannelState::Connecting => "connecting",
            DataChannelState::Open => "open",
            DataChannelState::Closing => "closing",
            DataChannelState::Closed => "closed",
        }
    }
}

/// Why a message was not sent. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It is larger than both sides allow.
    #[error("a message of {size} bytes is too large: the limit is {limit}")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The largest that can be sent on this session.
        limit: usize,
    },
    /// The send queue is full.
    #[error("{buffered} bytes wait already: try again when they have left, or use send().await")]
    WouldBlock {
        /// How many bytes wait.
        buffered: usize,
    },
    /// The channel is not open yet.
    #[error("the channel is not open yet: await opened(), or use send().await, which does")]
    NotOpen,
    /// The channel is closing or closed.
    #[error("the channel is closed")]
    Closed,
}

/// What a handle asks of the association.
#[derive(Debug)]
pub(crate) enum Command {
    Send(ChannelId, Message),
    /// There is room in the inbox again.
    Resume(ChannelId),
    Close(ChannelId),
}

/// A session's way from the handles of its channels to the SCTP actor.
pub(crate) struct Port {
    commands: Mutex<VecDeque<Command>>,
    /// Whether the actor has been woken and has not looked yet.
    scheduled: AtomicBool,
    actor: Address<SctpActor>,
    /// The largest message that can be sent; 0 until the peer's limit is known.
    pub(crate) max_message_size: AtomicU32,
    /// Counts sends that found no room.
    backpressure: Counter,
}

impl Port {
    pub(crate) fn new(actor: Address<SctpActor>, backpressure: Counter) -> Port {
        Port {
            commands: Mutex::default(),
            scheduled: AtomicBool::new(false),
            actor,
            max_message_size: AtomicU32::new(0),
            backpressure,
        }
    }

    fn command(&self, command: Command) {
        self.commands
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(command);
        if !self.scheduled.swap(true, Ordering::AcqRel) {
            self.actor.do_send(Wake);
        }
    }

    /// All commands so far, for the actor.
    pub(crate) fn take(&self) -> VecDeque<Command> {
        // First the flag: what comes after it wakes the actor again.
        self.scheduled.store(false, Ordering::Release);
        std::mem::take(&mut self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the handles of a channel and the actor share.
pub(crate) struct Shared {
    pub(crate) id: ChannelId,
    info: Mutex<ChannelInfo>,
    state: watch::Sender<(DataChannelState, Option<ChannelError>)>,
    port: Arc<Port>,
    send_limit: usize,
    receive_limit: usize,
    buffered: AtomicUsize,
    low_threshold: AtomicUsize,
    /// Told at each fall of `buffered`, and at each change of state.
    room: Notify,
    /// Told when `buffered` falls to the low threshold.
    low: Notify,
    inbox: Mutex<Inbox>,
    arrived: Notify,
}

#[derive(Default)]
struct Inbox {
    messages: VecDeque<Message>,
    bytes: usize,
    /// The association holds more, which was not taken for lack of room.
    stalled: bool,
}

/// What a message costs besides its bytes, so that empty ones cannot pile up without bound.
const MESSAGE_OVERHEAD: usize = 64;

impl Shared {
    pub(crate) fn new(
        id: ChannelId,
        info: ChannelInfo,
        port: Arc<Port>,
        send_limit: usize,
        receive_limit: usize,
    ) -> Shared {
        Shared {
            id,
            info: Mutex::new(info),
            state: watch::Sender::new((DataChannelState::Connecting, None)),
            port,
            send_limit,
            receive_limit,
            buffered: AtomicUsize::new(0),
            low_threshold: AtomicUsize::new(0),
            room: Notify::new(),
            low: Notify::new(),
            inbox: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    fn info(&self) -> std::sync::MutexGuard<'_, ChannelInfo> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inbox(&self) -> std::sync::MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The actor's: the channel is in this state now.
    pub(crate) fn set_state(&self, state: DataChannelState, error: Option<ChannelError>) {
        self.state.send_if_modified(|current| {
            let changed = current.0 != state && current.0 != DataChannelState::Closed;
            if changed {
                *current = (state, error);
            }
            changed
        });
        self.room.notify_waiters();
        if state == DataChannelState::Closed {
            self.arrived.notify_waiters();
            self.low.notify_waiters();
        }
    }

    pub(crate) fn set_info(&self, info: ChannelInfo) {
        *self.info() = info;
    }

    /// The actor's: whether the inbox has room. If not, it will ask when it has.
    pub(crate) fn has_room(&self) -> bool {
        let mut inbox = self.inbox();
        inbox.stalled = inbox.bytes >= self.receive_limit;
        !inbox.stalled
    }

    /// The actor's: a message for the application.
    pub(crate) fn deliver(&self, message: Message) {
        let mut inbox = self.inbox();
        inbox.bytes += message.len() + MESSAGE_OVERHEAD;
        inbox.messages.push_back(message);
        drop(inbox);
        self.arrived.notify_one();
    }

    /// The actor's: so many bytes are acknowledged, or lost for good.
    pub(crate) fn released(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let before = self.buffered.fetch_sub(bytes, Ordering::AcqRel);
        let threshold = self.low_threshold.load(Ordering::Acquire);
        if before > threshold && before - bytes <= threshold {
            self.low.notify_waiters();
        }
        self.room.notify_waiters();
    }

    fn take(&self) -> Option<Message> {
        let mut inbox = self.inbox();
        let message = inbox.messages.pop_front()?;
        inbox.bytes -= message.len() + MESSAGE_OVERHEAD;
        let resume = inbox.stalled && inbox.bytes <= self.receive_limit / 2;
        if resume {
            inbox.stalled = false;
        }
        // Others may wait for the next one.
        if !inbox.messages.is_empty() {
            self.arrived.notify_one();
        }
        drop(inbox);
        if resume {
            self.port.command(Command::Resume(self.id));
        }
        Some(message)
    }
}

/// A data channel (W3C `RTCDataChannel`; RFC 8831).
///
/// A cheap clone, for any thread and any runtime. **Dropping the last clone closes the channel**:
/// what was sent before is still delivered. An open channel keeps its session open.
#[derive(Clone)]
#[doc(alias = "RTCDataChannel")]
pub struct DataChannel(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    _lease: Arc<Lease>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.shared.state.borrow().0 != DataChannelState::Closed {
            self.shared.port.command(Command::Close(self.shared.id));
        }
    }
}

impl DataChannel {
    pub(crate) fn new(shared: Arc<Shared>, lease: Arc<Lease>) -> DataChannel {
        DataChannel(Arc::new(Handle {
            shared,
            _lease: lease,
        }))
    }

    fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// The label.
    pub fn label(&self) -> String {
        self.shared().info().label.clone()
    }

    /// The subprotocol, empty where there is none.
    pub fn protocol(&self) -> String {
        self.shared().info().protocol.clone()
    }

    /// The stream identifier; `None` until it is assigned, when the DTLS roles are known.
    pub fn id(&self) -> Option<u16> {
        self.shared().info().stream_id
    }

    /// Whether messages arrive in the order in which they were sent.
    pub fn ordered(&self) -> bool {
        self.shared().info().ordered
    }

    /// The state.
    #[doc(alias = "readyState")]
    pub fn state(&self) -> DataChannelState {
        self.shared().state.borrow().0
    }

    /// Why it was closed, where it was an error.
    pub fn error(&self) -> Option<ChannelError> {
        self.shared().state.borrow().1
    }

    /// Waits until the channel is open.
    ///
    /// # Errors
    /// When it closes instead.
    pub async fn opened(&self) -> Result<(), SendError> {
        let mut state = self.shared().state.subscribe();
        let opened = state
            .wait_for(|(s, _)| *s != DataChannelState::Connecting)
            .await;
        match opened.map(|s| s.0) {
            Ok(DataChannelState::Open) => Ok(()),
            _ => Err(SendError::Closed),
        }
    }

    /// Waits until the channel is closed, and says why where it was an error.
    pub async fn closed(&self) -> Option<ChannelError> {
        let mut state = self.shared().state.subscribe();
        let closed = state
            .wait_for(|(s, _)| *s == DataChannelState::Closed)
            .await;
        closed.ok().and_then(|s| s.1)
    }

    /// Sends a message; waits until the channel is open and has room.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] and [`SendError::Closed`]; nothing of the message was sent then.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let mut message = Some(message.into());
        loop {
            // Registered before the attempt: room that comes in between is not missed.
            let room = self.shared().room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            match self.attempt(&mut message) {
                Err(SendError::WouldBlock { .. }) => room.await,
                Err(SendError::NotOpen) => self.opened().await?,
                sent => return sent,
            }
        }
    }

    /// Sends a message if the channel is open and has room.
    ///
    /// # Errors
    /// Each [`SendError`]; nothing of the message was sent then.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.attempt(&mut Some(message.into()))
    }

    /// Takes the message only if it is sent.
    fn attempt(&self, message: &mut Option<Message>) -> Result<(), SendError> {
        let shared = self.shared();
        let size = message.as_ref().map_or(0, Message::len);
        match shared.state.borrow().0 {
            DataChannelState::Open => {}
            DataChannelState::Connecting => return Err(SendError::NotOpen),
            DataChannelState::Closing | DataChannelState::Closed => return Err(SendError::Closed),
        }
        let limit = shared.port.max_message_size.load(Ordering::Acquire) as usize;
        if limit != 0 && size > limit {
            return Err(SendError::TooLarge { size, limit });
        }
        // A message larger than the whole queue is taken when nothing else waits.
        let take = |buffered: usize| {
            (buffered == 0 || buffered + size <= shared.send_limit).then_some(buffered + size)
        };
        shared
            .buffered
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .map_err(|buffered| {
                shared.port.backpressure.increment(1);
                SendError::WouldBlock { buffered }
            })?;
        if let Some(message) = message.take() {
            shared.port.command(Command::Send(shared.id, message));
        }
        Ok(())
    }

    /// The next message, in order of arrival; `None` when the channel is closed and all are read.
    pub async fn recv(&self) -> Option<Message> {
        let shared = self.shared();
        loop {
            let arrived = shared.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            // In this order: the last message is delivered before the channel is closed.
            let closed = self.state() == DataChannelState::Closed;
            if let Some(message) = shared.take() {
                return Some(message);
            }
            if closed {
                return None;
            }
            arrived.await;
        }
    }

    /// The next message, if one has arrived.
    pub fn try_recv(&self) -> Option<Message> {
        self.shared().take()
    }

    /// Messages as a stream.
    pub fn messages(&self) -> Messages {
        let channel = self.clone();
        Messages {
            channel: channel.clone(),
            next: Box::pin(async move { channel.recv().await }),
        }
    }

    /// Two handles, one to send and one to receive: each is the whole channel.
    pub fn split(self) -> (DataChannel, DataChannel) {
        (self.clone(), self)
    }

    /// How many bytes were given to `send` and are not yet acknowledged by the peer.
    #[doc(alias = "bufferedAmount")]
    pub fn buffered_amount(&self) -> usize {
        self.shared().buffered.load(Ordering::Acquire)
    }

    /// Up to how many buffered bytes count as few. Default 0.
    #[doc(alias = "bufferedAmountLowThreshold")]
    pub fn buffered_amount_low_threshold(&self) -> usize {
        self.shared().low_threshold.load(Ordering::Acquire)
    }

    /// Sets it.
    pub fn set_buffered_amount_low_threshold(&self, bytes: usize) {
        self.shared().low_threshold.store(bytes, Ordering::Release);
    }

    /// Waits until few bytes are buffered: at once when that is so already, else at the moment
    /// when the amount falls to the threshold, or the channel closes.
    pub async fn buffered_amount_low(&self) {
        let low = self.shared().low.notified();
        tokio::pin!(low);
        low.as_mut().enable();
        let few = self.buffered_amount() <= self.buffered_amount_low_threshold();
        if !few && self.state() != DataChannelState::Closed {
            low.await;
        }
    }

    /// Closes the channel: what was sent is still delivered, then the stream is reset
    /// (RFC 8831 §6.7). Harmless when closed already.
    pub fn close(&self) {
        if self.state() != DataChannelState::Closed {
            self.shared().port.command(Command::Close(self.shared().id));
        }
    }
}

impl fmt::Debug for DataChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataChannel")
            .field("label", &self.label())
            .field("id", &self.id())
            .field("state", &self.state())
            .finish()
    }
}

/// The messages of a channel as a stream; it ends when the channel is closed and all are read.
pub struct Messages {
    channel: DataChannel,
    next: Pin<Box<dyn Future<Output = Option<Message>> + Send>>,
}

impl Stream for Messages {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let message = std::task::ready!(self.next.as_mut().poll(cx));
        let channel = self.channel.clone();
        self.next = Box::pin(async move { channel.recv().await });
        Poll::Ready(message)
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Messages").field(&self.channel).finish()
    }
}
