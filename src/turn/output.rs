//! What is sent to the server: datagrams, or bytes of a stream.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};

use super::frame::{CHANNEL_HEADER_LEN, channel_header};
use super::message::{SEND_OVERHEAD, write_send};
use crate::net::{Coalescer, Segments};
use crate::stun::TransactionId;

/// How messages travel between us and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// One message a datagram: UDP.
    Datagrams,
    /// A stream of messages: TCP and TLS.
    Stream,
}

/// Collects messages. It is as long as what was fed since it was drained.
#[derive(Debug)]
pub(super) enum Output {
    Datagrams {
        coalescer: Coalescer,
        ready: VecDeque<Segments>,
    },
    Stream(BytesMut),
}

impl Output {
    pub(super) fn new(framing: Framing) -> Output {
        match framing {
            Framing::Datagrams => Output::Datagrams {
                coalescer: Coalescer::default(),
                ready: VecDeque::new(),
            },
            Framing::Stream => Output::Stream(BytesMut::new()),
        }
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Output::Stream(_))
    }

    /// A STUN message. Its length is a multiple of four, so a stream needs no padding.
    pub(super) fn stun(&mut self, message: &Bytes) {
        match self {
            Output::Datagrams { coalescer, .. } => coalescer.push(message),
            Output::Stream(buffer) => buffer.extend_from_slice(message),
        }
    }

    /// ChannelData, padded on a stream only (RFC 8656 §12.5). `None` when it is too long.
    pub(super) fn channel_data(&mut self, number: u16, data: &[u8]) -> Option<()> {
        let header = channel_header(number, data.len())?;
        let len = CHANNEL_HEADER_LEN + data.len();
        match self {
            Output::Datagrams { coalescer, .. } => coalescer.push_with(len, |buffer| {
                buffer[..CHANNEL_HEADER_LEN].copy_from_slice(&header);
                buffer[CHANNEL_HEADER_LEN..].copy_from_slice(data);
                Some(len)
            }),
            Output::Stream(buffer) => {
                buffer.reserve(len + 3);
                buffer.put_slice(&header);
                buffer.put_slice(data);
                buffer.put_bytes(0, len.next_multiple_of(4) - len);
            }
        }
        Some(())
    }

    /// A Send indication. `None` when it is too long.
    pub(super) fn send_indication(
        &mut self,
        id: TransactionId,
        peer: SocketAddr,
        data: &[u8],
    ) -> Option<()> {
        let capacity = data.len() + SEND_OVERHEAD;
        match self {
            Output::Datagrams { coalescer, .. } => {
                let mut written = None;
                coalescer.push_with(capacity, |buffer| {
                    written = write_send(buffer, id, peer, data);
                    written
                });
                written.map(|_| ())
            }
            Output::Stream(buffer) => {
                let start = buffer.len();
                buffer.resize(start + capacity, 0);
                let written = write_send(&mut buffer[start..], id, peer, data);
                buffer.truncate(start + written.unwrap_or(0));
                written.map(|_| ())
            }
        }
    }

    pub(super) fn poll(&mut self) -> Option<Segments> {
        match self {
            Output::Datagrams { coalescer, ready } => {
                if ready.is_empty() && !coalescer.is_empty() {
                    ready.extend(coalescer.take());
                }
                ready.pop_front()
            }
            Output::Stream(buffer) => {
                (!buffer.is_empty()).then(|| Segments::from(buffer.split().freeze()))
            }
        }
    }
}
