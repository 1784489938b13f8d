//! Messages on a stream (RFC 8656 §12.4: ChannelData is padded there), and ChannelData itself.

use bytes::{Buf, Bytes, BytesMut};

use crate::demux::{self, Kind};
use crate::stun::MAGIC_COOKIE;

/// The header of ChannelData: channel number and length (RFC 8656 §12.4).
pub(super) const CHANNEL_HEADER_LEN: usize = 4;

/// The channel numbers of RFC 8656 §12: 0x4000 to 0x4FFF.
pub(super) const FIRST_CHANNEL: u16 = 0x4000;

const STUN_HEADER_LEN: usize = 20;

/// The header before `len` bytes on a channel. `None` when the length field cannot hold it.
pub(super) fn channel_header(number: u16, len: usize) -> Option<[u8; CHANNEL_HEADER_LEN]> {
    let [a, b] = number.to_be_bytes();
    let [c, d] = u16::try_from(len).ok()?.to_be_bytes();
    Some([a, b, c, d])
}

/// Channel number and data of a ChannelData message. What follows the data is padding (RFC 8656
/// §12.5), which UDP may have as well.
pub(super) fn parse_channel_data(message: &Bytes) -> Option<(u16, Bytes)> {
    let &[a, b, c, d] = message.first_chunk::<CHANNEL_HEADER_LEN>()?;
    let end = CHANNEL_HEADER_LEN + usize::from(u16::from_be_bytes([c, d]));
    (end <= message.len()).then(|| {
        (
            u16::from_be_bytes([a, b]),
            message.slice(CHANNEL_HEADER_LEN..end),
        )
    })
}

/// Cuts a stream into STUN and ChannelData messages.
///
/// A message that lies whole in what was pushed is a slice of it; only what is cut by the end is
/// copied. At most one incomplete message is kept: 64 KB and 19 bytes.
#[derive(Debug, Default)]
pub(super) struct Deframer {
    /// The beginning of a message that is not there as a whole.
    partial: BytesMut,
    /// What was pushed and comes behind `partial`.
    rest: Bytes,
}

/// The stream is not (or no longer) one of TURN messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotTurn;

impl Deframer {
    /// Adds what was read. Call [`next`](Self::next) until it has no more before the next push.
    pub(super) fn push(&mut self, bytes: Bytes) {
        debug_assert!(self.rest.is_empty(), "drain before the next push");
        self.rest = bytes;
    }

    /// The next whole message; ChannelData with its padding.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, NotTurn> {
        if self.partial.is_empty() {
            return match frame_len(&self.rest)? {
                Some(len) if len <= self.rest.len() => Ok(Some(self.rest.split_to(len))),
                _ => {
                    self.partial
                        .extend_from_slice(&std::mem::take(&mut self.rest));
                    Ok(None)
                }
            };
        }
        // First enough of the header to know the length, then the rest of the message.
        loop {
            let wanted = frame_len(&self.partial)?.unwrap_or(STUN_HEADER_LEN);
            let missing = wanted.saturating_sub(self.partial.len());
            if missing == 0 {
                return Ok(Some(self.partial.split_to(wanted).freeze()));
            }
            if self.rest.is_empty() {
                return Ok(None);
            }
            // Byte by byte until the length is known: a short ChannelData message may end before
            // the 20 bytes of a STUN header.
            let step = if frame_len(&self.partial)?.is_some() {
                missing
            } else {
                1
            };
            let step = step.min(self.rest.len());
            self.partial.extend_from_slice(&self.rest[..step]);
            self.rest.advance(step);
        }
    }
}

/// The length of the message that begins here, with its padding; `None` when there is not enough
/// of it to know.
fn frame_len(start: &[u8]) -> Result<Option<usize>, NotTurn> {
    if start.is_empty() {
        return Ok(None);
    }
    match demux::classify(start) {
        Some(Kind::Stun) => {
            // Checked as early as possible: junk must not make us wait for 64 KB of it.
            let cookie = MAGIC_COOKIE.to_be_bytes();
            let seen = start.get(4..).unwrap_or_default();
            if seen.iter().zip(&cookie).any(|(a, b)| a != b) {
                return Err(NotTurn);
            }
            let Some(&[_, _, high, low]) = start.first_chunk::<4>() else {
                return Ok(None);
            };
            let len = usize::from(u16::from_be_bytes([high, low]));
            // RFC 8489 §5
            if !len.is_multiple_of(4) {
                return Err(NotTurn);
            }
            Ok(Some(STUN_HEADER_LEN + len))
        }
        Some(Kind::TurnChannel) => {
            let Some(&[_, _, high, low]) = start.first_chunk::<4>() else {
                return Ok(None);
            };
            let len = usize::from(u16::from_be_bytes([high, low]));
            // RFC 8656 §12.5
            Ok(Some(CHANNEL_HEADER_LEN + len.next_multiple_of(4)))
        }
        Some(Kind::Dtls | Kind::Rtp) | None => Err(NotTurn),
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
