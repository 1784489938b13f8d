//! Data channels as the application holds them.
//!
//! A handle lives on any thread, its association on the session's worker. Between them stand two
//! bounded queues a channel: what was sent and not yet handed to the association
//! ([`DataChannel::send`] waits when it is full), and what was received and not yet read (while it is full, the receive
//! window of the association closes). A command wakes the actor once, however many follow before
//! it runs.

mod inboxes;
mod messages;
mod port;
mod shared;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use messages::Messages;
pub(crate) use port::{Command, Port};
pub(crate) use shared::Shared;

use crate::proto::sctp::{ChannelError, ChannelInfo, Message, Priority};
use crate::scope::{Lease, WeakLease};

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
        self.shared.abandon();
    }
}

/// A channel of the peer's that waits to be accepted. It does not hold the session open, and closes
/// when it is dropped.
pub(crate) struct Offered(Option<Arc<Shared>>);

impl Offered {
    pub(crate) fn new(shared: Arc<Shared>) -> Offered {
        Offered(Some(shared))
    }

    /// Makes it the application's, as long as a handle of the session is left.
    pub(crate) fn accept(mut self, lease: &WeakLease) -> Option<DataChannel> {
        let lease = lease.upgrade()?;
        Some(DataChannel::new(self.0.take()?, lease))
    }
}

impl Drop for Offered {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.abandon();
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

    fn info<T>(&self, of: impl FnOnce(&ChannelInfo) -> T) -> T {
        of(&self.shared().info())
    }

    /// The label.
    pub fn label(&self) -> String {
        self.info(|info| info.label.clone())
    }

    /// The subprotocol, empty where there is none.
    pub fn protocol(&self) -> String {
        self.info(|info| info.protocol.clone())
    }

    /// The stream identifier; `None` until it is assigned, when the DTLS roles are known.
    pub fn id(&self) -> Option<u16> {
        self.info(|info| info.stream_id)
    }

    /// Whether messages arrive in the order in which they were sent.
    pub fn ordered(&self) -> bool {
        self.info(|info| info.ordered)
    }

    /// How often a lost message is sent again, at most; `None` until it arrives.
    #[doc(alias = "maxRetransmits")]
    pub fn max_retransmits(&self) -> Option<u16> {
        self.info(|info| info.max_retransmits)
    }

    /// For how many milliseconds a message is sent and sent again; `None` until it arrives.
    #[doc(alias = "maxPacketLifeTime")]
    pub fn max_packet_lifetime(&self) -> Option<u16> {
        self.info(|info| info.max_packet_lifetime)
    }

    /// Whether both sides opened it by themselves, with an identifier that they agreed on.
    pub fn negotiated(&self) -> bool {
        self.info(|info| info.negotiated)
    }

    /// Its share against the other channels.
    pub fn priority(&self) -> Priority {
        self.info(|info| info.priority)
    }

    /// The state.
    #[doc(alias = "readyState")]
    pub fn state(&self) -> DataChannelState {
        self.shared().status().0
    }

    /// Why it was closed, where it was an error.
    pub fn error(&self) -> Option<ChannelError> {
        self.shared().status().1
    }

    /// Waits until the channel is open.
    ///
    /// # Errors
    /// When it closes instead.
    pub async fn opened(&self) -> Result<(), SendError> {
        let decided = |state| state != DataChannelState::Connecting;
        match self.shared().wait_for(decided).await.0 {
            DataChannelState::Open => Ok(()),
            _ => Err(SendError::Closed),
        }
    }

    /// Waits until the channel is closed, and says why where it was an error.
    pub async fn closed(&self) -> Option<ChannelError> {
        let closed = |state| state == DataChannelState::Closed;
        self.shared().wait_for(closed).await.1
    }

    /// Sends a message; waits until the channel is open and has room. The contents are not copied.
    ///
    /// A future that is dropped while it waits has sent nothing.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] and [`SendError::Closed`]; nothing of the message was sent then.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let shared = self.shared();
        let mut message = Some(message.into());
        let mut waited = false;
        loop {
            match shared.try_send(&mut message) {
                Err(SendError::WouldBlock { .. }) => {}
                Err(SendError::NotOpen) => {
                    self.opened().await?;
                    continue;
                }
                sent => return sent,
            }
            let room = shared.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            // Room may have come before that was registered.
            match shared.try_send(&mut message) {
                Err(SendError::WouldBlock { .. }) => {
                    if !std::mem::replace(&mut waited, true) {
                        shared.count_backpressure();
                    }
                    room.await;
                }
                Err(SendError::NotOpen) => {}
                sent => return sent,
            }
        }
    }

    /// Sends a message if the channel is open and has room. The contents are not copied.
    ///
    /// # Errors
    /// Each [`SendError`]; nothing of the message was sent then.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let sent = self.shared().try_send(&mut Some(message.into()));
        if let Err(SendError::WouldBlock { .. }) = sent {
            self.shared().count_backpressure();
        }
        sent
    }

    /// The next message, in order of arrival; `None` when the channel is closed and all are read.
    pub async fn recv(&self) -> Option<Message> {
        poll_fn(|cx| self.shared().poll_recv(cx)).await
    }

    /// The next message, if one has arrived.
    pub fn try_recv(&self) -> Option<Message> {
        self.shared().try_recv()
    }

    /// Messages as a stream.
    pub fn messages(&self) -> Messages {
        Messages(self.clone())
    }

    /// Two handles, one to send and one to receive: each is the whole channel.
    pub fn split(self) -> (DataChannel, DataChannel) {
        (self.clone(), self)
    }

    /// How many bytes were given to `send` and wait to be handed to the association: what it has
    /// under way, or needs to keep the path busy, does not count.
    #[doc(alias = "bufferedAmount")]
    pub fn buffered_amount(&self) -> usize {
        self.shared().buffered()
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
    #[doc(alias = "onbufferedamountlow")]
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
        self.shared().close();
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
