//! The messages of a channel as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::DataChannel;
use crate::proto::sctp::Message;

/// The messages of a channel as a stream; it ends when the channel is closed and all are read.
#[derive(Debug)]
pub struct Messages(pub(super) DataChannel);

impl Stream for Messages {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.0.shared().poll_recv(cx)
    }
}
