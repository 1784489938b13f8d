//! Datagrams on a stream, each behind its length in two bytes (RFC 4571 §2): ICE over TCP
//! (RFC 6544 §3).

use bytes::{Buf, Bytes, BytesMut};

use crate::net::Segments;

/// What a stream brings, cut into datagrams. It holds no more than one datagram that is not
/// complete.
#[derive(Debug)]
pub struct Deframer {
    buffer: BytesMut,
    limit: usize,
}

/// The peer announces a datagram that is longer than it may be: from here on nothing can be found
/// in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a datagram of {announced} bytes was announced, {limit} are allowed")]
pub struct TooLong {
    /// What stood before the datagram.
    pub announced: usize,
    /// What was allowed.
    pub limit: usize,
}

impl Deframer {
    /// Takes datagrams of at most `limit` bytes.
    pub fn new(limit: usize) -> Deframer {
        Deframer {
            buffer: BytesMut::new(),
            limit,
        }
    }

    /// Takes datagrams of at most `limit` bytes from now on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next datagram that is complete. Empty ones are skipped: they mean nothing.
    pub fn next_datagram(&mut self) -> Result<Option<Bytes>, TooLong> {
        while let Some((length, rest)) = self.buffer.split_first_chunk() {
            let announced = usize::from(u16::from_be_bytes(*length));
            if announced > self.limit {
                let limit = self.limit;
                return Err(TooLong { announced, limit });
            }
            if rest.len() < announced {
                break;
            }
            self.buffer.advance(2);
            let datagram = self.buffer.split_to(announced).freeze();
            if !datagram.is_empty() {
                return Ok(Some(datagram));
            }
        }
        Ok(None)
    }
}

/// Puts datagrams behind their lengths. One that is longer than two bytes can say is left out:
/// UDP could not carry it either.
pub fn frame(segments: &Segments, out: &mut BytesMut) {
    out.reserve(segments.len() + 2 * segments.count());
    for datagram in segments.iter() {
        if let Ok(length) = u16::try_from(datagram.len()) {
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&datagram);
        }
    }
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
