//! What can be known of a STUN message without its key: the header and the attributes' frames.

use std::fmt;

use super::{HEADER_SIZE, MAGIC_COOKIE, MAX_ATTRIBUTES, MAX_STUN_SIZE, attribute};
use crate::random::Random;

/// What ties a response to its request (RFC 8489 §5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub [u8; 12]);

impl TransactionId {
    /// A fresh one: RFC 8489 §5 wants it to be cryptographically random.
    pub fn random(random: &mut Random) -> TransactionId {
        TransactionId(random.bytes())
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The class of a message (RFC 8489 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// The answer to a request that was granted.
    SuccessResponse,
    /// The answer to a request that was refused.
    ErrorResponse,
}

/// The header of a message (RFC 8489 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// Request, indication or response.
    pub class: Class,
    /// The method, 12 bits: [`BINDING`](super::BINDING) or one of TURN's.
    pub method: u16,
    /// Ties a response to its request.
    pub transaction_id: TransactionId,
}

impl Header {
    /// The first 16 bits of the message.
    pub(crate) fn message_type(&self) -> u16 {
        let class = match self.class {
            Class::Request => 0x000,
            Class::Indication => 0x010,
            Class::SuccessResponse => 0x100,
            Class::ErrorResponse => 0x110,
        };
        let m = self.method;
        class | (m & 0x00F) | (m & 0x070) << 1 | (m & 0xF80) << 2
    }

    fn from_parts(message_type: u16, transaction_id: TransactionId) -> Header {
        let class = match message_type & 0x110 {
            0x000 => Class::Request,
            0x010 => Class::Indication,
            0x100 => Class::SuccessResponse,
            _ => Class::ErrorResponse,
        };
        let t = message_type;
        let method = (t & 0x000F) | (t & 0x00E0) >> 1 | (t & 0x3E00) >> 2;
        Header {
            class,
            method,
            transaction_id,
        }
    }
}

/// Reads the header of a datagram that holds exactly one STUN message.
///
/// `None` when the first two bits are not zero, the magic cookie is missing, the length field is
/// not the datagram's, or the datagram is larger than [`MAX_STUN_SIZE`]. Allocates nothing and
/// costs a few nanoseconds whatever the datagram.
pub fn peek(datagram: &[u8]) -> Option<Header> {
    let (header, attributes) = datagram.split_first_chunk::<HEADER_SIZE>()?;
    // RFC 8489 §5, §6.3
    if header[0] & 0xC0 != 0
        || header[4..8] != MAGIC_COOKIE.to_be_bytes()
        || datagram.len() > MAX_STUN_SIZE
        || !datagram.len().is_multiple_of(4)
        || usize::from(u16::from_be_bytes([header[2], header[3]])) != attributes.len()
    {
        return None;
    }
    let mut transaction_id = [0; 12];
    transaction_id.copy_from_slice(&header[8..]);
    let message_type = u16::from_be_bytes([header[0], header[1]]);
    Some(Header::from_parts(
        message_type,
        TransactionId(transaction_id),
    ))
}

/// One attribute in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The type (RFC 8489 §18.3).
    pub kind: u16,
    /// The value without its padding.
    pub value: &'a [u8],
    /// Where the attribute begins in the datagram.
    pub offset: usize,
}

/// The attributes of a message, in order. Made by [`attributes`].
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    datagram: &'a [u8],
    offset: usize,
    left: usize,
}

/// Walks the attributes of a message that passed [`peek`]. Ends at the first one that does not
/// fit, and after [`MAX_ATTRIBUTES`].
pub fn attributes(datagram: &[u8]) -> Attributes<'_> {
    Attributes {
        datagram,
        offset: HEADER_SIZE,
        left: MAX_ATTRIBUTES,
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        self.left = self.left.checked_sub(1)?;
        let offset = self.offset;
        let (frame, rest) = self.datagram.get(offset..)?.split_first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([frame[2], frame[3]]));
        let value = rest.get(..len)?;
        self.offset = offset + 4 + len.next_multiple_of(4);
        Some(Attribute {
            kind: u16::from_be_bytes([frame[0], frame[1]]),
            value,
            offset,
        })
    }
}

/// The USERNAME of a request, cut at its colon: RFC 8445 §7.2.2 makes it "local:remote" from the
/// side of the one who is asked.
///
/// `None` when there is none among the first [`MAX_ATTRIBUTES`], when it has no colon, and when
/// it is longer than RFC 8489 §14.3 allows.
pub fn username(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let username = attributes(datagram)
        .find(|a| a.kind == attribute::USERNAME)?
        .value;
    if username.len() > MAX_USERNAME {
        return None;
    }
    let colon = username.iter().position(|byte| *byte == b':')?;
    Some((&username[..colon], &username[colon + 1..]))
}

/// RFC 8489 §14.3: fewer than 509 bytes; two fragments of ICE's 256 and their colon are 513.
const MAX_USERNAME: usize = 513;

/// The local half of USERNAME: by it a request finds its session, before anything is verified.
pub fn local_ufrag(datagram: &[u8]) -> Option<&[u8]> {
    username(datagram).map(|(local, _)| local)
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
