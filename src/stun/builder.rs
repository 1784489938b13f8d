//! Writing messages.

use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

use super::integrity::fingerprint;
use super::{HEADER_SIZE, Header, Key, MAGIC_COOKIE, TransactionId, attribute};

/// Writes one message, attribute by attribute.
///
/// ```
/// use actix_rtc_proto::stun::{self, Builder, Class, Header, Key, TransactionId};
///
/// let header = Header {
///     class: Class::Request,
///     method: stun::BINDING,
///     transaction_id: TransactionId([7; 12]),
/// };
/// let key = Key::short_term("a password of 22 chars");
/// let message = Builder::new(header)
///     .attribute(stun::attribute::USERNAME, b"them:us")
///     .integrity(&key)
///     .fingerprint()
///     .build();
/// assert_eq!(stun::peek(&message), Some(header));
/// assert_eq!(stun::local_ufrag(&message), Some(&b"them"[..]));
/// assert!(stun::verify(&message, &key, true).is_ok());
/// ```
#[derive(Debug)]
pub struct Builder {
    buffer: BytesMut,
    transaction_id: TransactionId,
}

impl Builder {
    /// A message without attributes.
    pub fn new(header: Header) -> Builder {
        let mut buffer = BytesMut::with_capacity(160);
        buffer.put_u16(header.message_type());
        buffer.put_u16(0);
        buffer.put_u32(MAGIC_COOKIE);
        buffer.put_slice(&header.transaction_id.0);
        Builder {
            buffer,
            transaction_id: header.transaction_id,
        }
    }

    /// Adds an attribute, and the padding that it needs.
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Builder {
        self.put(kind, value);
        self
    }

    /// Adds an address in the form of XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
    pub fn xor_address(self, kind: u16, address: SocketAddr) -> Builder {
        let mut value = [0; 20];
        let len = xor_address(address, self.transaction_id, &mut value);
        self.attribute(kind, &value[..len])
    }

    /// Adds ERROR-CODE (RFC 8489 §14.8); `code` is from 300 to 699.
    pub fn error(self, code: u16, reason: &str) -> Builder {
        let mut value = Vec::with_capacity(4 + reason.len());
        value.extend([0, 0, (code / 100) as u8 & 7, (code % 100) as u8]);
        value.extend(reason.as_bytes());
        self.attribute(attribute::ERROR_CODE, &value)
    }

    /// Adds the integrity attribute of this key. Only FINGERPRINT may follow.
    pub fn integrity(mut self, key: &Key) -> Builder {
        let integrity = key.integrity();
        let length = self.buffer.len() + 4 + integrity.size() - HEADER_SIZE;
        let tag = key.sign(&self.buffer, length as u16);
        self.put(integrity.attribute(), tag.as_ref());
        self
    }

    /// Adds FINGERPRINT. Nothing may follow.
    pub fn fingerprint(mut self) -> Builder {
        self.set_length(8);
        let fingerprint = fingerprint(&self.buffer);
        self.put(attribute::FINGERPRINT, &fingerprint.to_be_bytes());
        self
    }

    /// The message.
    pub fn build(self) -> Bytes {
        self.buffer.freeze()
    }

    fn put(&mut self, kind: u16, value: &[u8]) {
        self.buffer.put_u16(kind);
        self.buffer.put_u16(value.len() as u16);
        self.buffer.put_slice(value);
        self.buffer
            .put_bytes(0, value.len().next_multiple_of(4) - value.len());
        self.set_length(0);
    }

    /// Makes the header's length that of the attributes so far and `more` bytes.
    fn set_length(&mut self, more: usize) {
        let length = (self.buffer.len() - HEADER_SIZE + more) as u16;
        self.buffer[2..4].copy_from_slice(&length.to_be_bytes());
    }
}

/// Writes an address in the form of XOR-MAPPED-ADDRESS (RFC 8489 §14.2) and returns its size.
pub fn xor_address(
    address: SocketAddr,
    transaction_id: TransactionId,
    value: &mut [u8; 20],
) -> usize {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    mask[4..].copy_from_slice(&transaction_id.0);
    let port = address.port() ^ (MAGIC_COOKIE >> 16) as u16;
    value[2..4].copy_from_slice(&port.to_be_bytes());
    let mut ip = [0; 16];
    let (family, len) = match address.ip() {
        IpAddr::V4(v4) => {
            ip[..4].copy_from_slice(&v4.octets());
            (1, 4)
        }
        IpAddr::V6(v6) => {
            ip = v6.octets();
            (2, 16)
        }
    };
    value[..2].copy_from_slice(&[0, family]);
    for i in 0..len {
        value[4 + i] = ip[i] ^ mask[i];
    }
    4 + len
}
