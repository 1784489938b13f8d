//! Data channels as the application holds them.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use futures_core::Stream;
use proto::sctp::{ChannelError, ChannelInfo, Message, Priority};

use crate::base::channel::{DataChannelState, SendError};
use crate::channel::offered::Offered;
use crate::channel::shared::Shared;
use crate::session::lease::{Lease, WeakLease};

/// What an application does with each data channel that a peer opens.
pub(crate) type ChannelCallback = Arc<dyn Fn(DataChannel) + Send + Sync>;

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

impl DataChannel {
    fn new(shared: Arc<Shared>, lease: Arc<Lease>) -> DataChannel {
        DataChannel(Arc::new(Handle {
            shared,
            _lease: lease,
        }))
    }

    /// Makes a channel the application's, as long as a handle of the session is left.
    pub(crate) fn accept(offered: Offered, lease: &WeakLease) -> Option<DataChannel> {
        let lease = lease.upgrade()?;
        Some(DataChannel::new(offered.accept()?, lease))
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

/// The messages of a channel as a stream; it ends when the channel is closed and all are read.
#[derive(Debug)]
pub struct Messages(DataChannel);

impl Stream for Messages {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.0.shared().poll_recv(cx)
    }
}
