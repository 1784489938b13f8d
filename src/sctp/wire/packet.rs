//! SCTP packets on the wire, as far as this layer reads and writes them itself (RFC 9260 §3).
//!
//! sctp-proto carries the data; what is here serves the handshake, the ABORT, and looking into the
//! packets that pass.

use bytes::{BufMut, Bytes, BytesMut};

/// RFC 9260 §3.1: ports, verification tag, checksum.
pub(in crate::sctp) const HEADER_SIZE: usize = 12;
/// RFC 9260 §3.2: type, flags, length.
pub(in crate::sctp) const CHUNK_HEADER_SIZE: usize = 4;
/// RFC 9260 §3.3.1: TSN, stream identifier, stream sequence number, PPID, behind the chunk header.
pub(in crate::sctp) const DATA_HEADER_SIZE: usize = 12;

/// Chunk types (RFC 9260 §3.2, RFC 3758, RFC 6525).
pub(in crate::sctp) mod kind {
    pub(in crate::sctp) const DATA: u8 = 0;
    pub(in crate::sctp) const INIT: u8 = 1;
    pub(in crate::sctp) const INIT_ACK: u8 = 2;
    pub(in crate::sctp) const SACK: u8 = 3;
    pub(in crate::sctp) const HEARTBEAT: u8 = 4;
    pub(in crate::sctp) const HEARTBEAT_ACK: u8 = 5;
    pub(in crate::sctp) const ABORT: u8 = 6;
    pub(in crate::sctp) const SHUTDOWN: u8 = 7;
    pub(in crate::sctp) const SHUTDOWN_ACK: u8 = 8;
    pub(in crate::sctp) const ERROR: u8 = 9;
    pub(in crate::sctp) const COOKIE_ECHO: u8 = 10;
    pub(in crate::sctp) const COOKIE_ACK: u8 = 11;
    pub(in crate::sctp) const SHUTDOWN_COMPLETE: u8 = 14;
    pub(in crate::sctp) const I_DATA: u8 = 64;
    pub(in crate::sctp) const RECONFIG: u8 = 130;
    pub(in crate::sctp) const FORWARD_TSN: u8 = 192;
    pub(in crate::sctp) const I_FORWARD_TSN: u8 = 194;
}

/// Parameters of RE-CONFIG that are known here and to sctp-proto (RFC 6525 §4.1, §4.4).
pub(in crate::sctp) mod parameter {
    /// Type and length.
    pub(in crate::sctp) const HEADER_SIZE: usize = 4;
    pub(in crate::sctp) const OUTGOING_RESET: u16 = 13;
    pub(in crate::sctp) const RECONFIG_RESPONSE: u16 = 16;
}

/// Error causes (RFC 9260 §3.3.10).
pub(in crate::sctp) mod cause {
    pub(in crate::sctp) const STALE_COOKIE: u16 = 3;
    pub(in crate::sctp) const OUT_OF_RESOURCE: u16 = 4;
    pub(in crate::sctp) const UNRECOGNIZED_CHUNK: u16 = 6;
    pub(in crate::sctp) const NO_USER_DATA: u16 = 9;
    pub(in crate::sctp) const USER_INITIATED_ABORT: u16 = 12;
    pub(in crate::sctp) const PROTOCOL_VIOLATION: u16 = 13;
}

/// The common header without its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) struct Header {
    pub(in crate::sctp) source_port: u16,
    pub(in crate::sctp) destination_port: u16,
    pub(in crate::sctp) verification_tag: u32,
}

impl Header {
    /// `None` if the packet is too short for one.
    pub(in crate::sctp) fn read(packet: &[u8]) -> Option<Header> {
        if packet.len() < HEADER_SIZE {
            return None;
        }
        Some(Header {
            source_port: u16_at(packet, 0)?,
            destination_port: u16_at(packet, 2)?,
            verification_tag: u32_at(packet, 4)?,
        })
    }

    /// With a checksum of 0, to be [sealed](seal).
    pub(in crate::sctp) fn write(&self, out: &mut BytesMut) {
        out.put_u16(self.source_port);
        out.put_u16(self.destination_port);
        out.put_u32(self.verification_tag);
        out.put_u32(0);
    }
}

/// Whether the checksum is right.
pub(in crate::sctp) fn checksum_is_valid(packet: &[u8]) -> bool {
    // The field is little-endian: RFC 9260 Appendix A.
    packet.len() >= HEADER_SIZE && packet[8..12] == checksum(packet).to_le_bytes()
}

fn checksum(packet: &[u8]) -> u32 {
    // RFC 9260 §6.8, Appendix A: the Castagnoli polynomial, with zeros in its own place.
    let header = crc32c::crc32c_append(crc32c::crc32c(&packet[..8]), &[0; 4]);
    crc32c::crc32c_append(header, &packet[HEADER_SIZE..])
}

/// Writes the checksum into a packet that was altered; one without a whole header stays as it is.
pub(in crate::sctp) fn seal(packet: &mut [u8]) {
    if packet.len() >= HEADER_SIZE {
        let checksum = checksum(packet).to_le_bytes();
        packet[8..12].copy_from_slice(&checksum);
    }
}

/// One chunk of a packet.
#[derive(Debug, Clone, Copy)]
pub(in crate::sctp) struct Chunk<'a> {
    pub(in crate::sctp) kind: u8,
    pub(in crate::sctp) flags: u8,
    /// Where the chunk begins in its packet.
    pub(in crate::sctp) offset: usize,
    /// What follows the chunk header, without padding.
    pub(in crate::sctp) value: &'a [u8],
}

impl Chunk<'_> {
    /// The chunk's place in its packet, padding included.
    pub(in crate::sctp) fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + padded(CHUNK_HEADER_SIZE + self.value.len())
    }
}

/// Walks the chunks of a packet. It ends early at one that does not fit: ask
/// [`is_malformed`](Self::is_malformed) then.
#[derive(Debug)]
pub(in crate::sctp) struct Chunks<'a> {
    packet: &'a [u8],
    offset: usize,
    malformed: bool,
}

impl<'a> Chunks<'a> {
    pub(in crate::sctp) fn of(packet: &'a [u8]) -> Chunks<'a> {
        Chunks {
            packet,
            offset: HEADER_SIZE,
            malformed: packet.len() < HEADER_SIZE,
        }
    }

    pub(in crate::sctp) fn is_malformed(&self) -> bool {
        self.malformed
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        if self.malformed || self.offset >= self.packet.len() {
            return None;
        }
        let offset = self.offset;
        let chunk = self
            .packet
            .get(offset..offset + CHUNK_HEADER_SIZE)
            .and_then(|header| {
                let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
                let value = self
                    .packet
                    .get(offset + CHUNK_HEADER_SIZE..offset + length)?;
                Some(Chunk {
                    kind: header[0],
                    flags: header[1],
                    offset,
                    value,
                })
            });
        match chunk {
            // The padding of the last chunk may be missing: RFC 9260 §3.2 asks for it, but it
            // harms nobody.
            Some(chunk) => self.offset = chunk.range().end,
            None => self.malformed = true,
        }
        chunk
    }
}

/// The length with the padding to a multiple of 4 (RFC 9260 §3.2).
pub(in crate::sctp) fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// Puts a packet together.
#[derive(Debug)]
pub(in crate::sctp) struct Builder(BytesMut);

impl Builder {
    pub(in crate::sctp) fn new(header: Header) -> Builder {
        let mut buffer = BytesMut::with_capacity(256);
        header.write(&mut buffer);
        Builder(buffer)
    }

    /// A packet with the header of `packet` and no chunk yet.
    pub(in crate::sctp) fn like(packet: &[u8]) -> Builder {
        let mut buffer = BytesMut::with_capacity(packet.len());
        buffer.put_slice(&packet[..HEADER_SIZE]);
        Builder(buffer)
    }

    /// Adds a chunk.
    pub(in crate::sctp) fn chunk(mut self, kind: u8, flags: u8, value: &[u8]) -> Builder {
        self.0.put_slice(&chunk(kind, flags, value));
        self
    }

    /// Adds a chunk that is already encoded, padding included.
    pub(in crate::sctp) fn raw(&mut self, chunk: &[u8]) {
        self.0.put_slice(chunk);
        self.0.put_bytes(0, padded(self.0.len()) - self.0.len());
    }

    /// How long the packet is so far.
    pub(in crate::sctp) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no chunk in it.
    pub(in crate::sctp) fn is_empty(&self) -> bool {
        self.0.len() <= HEADER_SIZE
    }

    /// Writes the checksum.
    pub(in crate::sctp) fn finish(mut self) -> Bytes {
        seal(&mut self.0);
        self.0.freeze()
    }
}

/// An encoded chunk with its padding. `value` is at most 65,531 bytes: all callers build it from a
/// packet or from fields of a fixed size.
pub(in crate::sctp) fn chunk(kind: u8, flags: u8, value: &[u8]) -> Bytes {
    let length = CHUNK_HEADER_SIZE + value.len();
    let mut buffer = BytesMut::with_capacity(padded(length));
    buffer.put_u8(kind);
    buffer.put_u8(flags);
    buffer.put_u16(u16::try_from(length).unwrap_or(u16::MAX));
    buffer.put_slice(value);
    buffer.put_bytes(0, padded(length) - length);
    buffer.freeze()
}

/// The value of an ABORT or ERROR chunk with one cause (RFC 9260 §3.3.7, §3.3.10).
pub(in crate::sctp) fn error_cause(code: u16, info: &[u8]) -> Bytes {
    let mut buffer = BytesMut::with_capacity(4 + info.len());
    buffer.put_u16(code);
    buffer.put_u16(u16::try_from(4 + info.len()).unwrap_or(u16::MAX));
    buffer.put_slice(info);
    buffer.freeze()
}

/// The code of the first cause in an ABORT or ERROR chunk.
pub(in crate::sctp) fn first_cause(value: &[u8]) -> Option<u16> {
    u16_at(value, 0)
}

/// A 16-bit number in network order.
pub(in crate::sctp) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..at + 2)?
        .try_into()
        .ok()
        .map(u16::from_be_bytes)
}

/// A 32-bit number in network order.
pub(in crate::sctp) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .try_into()
        .ok()
        .map(u32::from_be_bytes)
}

/// `a < b` in serial number arithmetic (RFC 9260 §1.6).
pub(in crate::sctp) fn tsn_before(a: u32, b: u32) -> bool {
    a != b && b.wrapping_sub(a) < 1 << 31
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
