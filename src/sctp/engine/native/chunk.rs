//! The chunks of an established association that carry data or tell of it: DATA and I-DATA, SACK,
//! FORWARD-TSN and I-FORWARD-TSN (RFC 9260 §3.3, RFC 3758 §3.2, RFC 8260 §2).

use bytes::{BufMut, Bytes, BytesMut};

use crate::sctp::wire::packet::{CHUNK_HEADER_SIZE, kind, padded, u16_at, u32_at};

/// RFC 9260 §3.3.1, RFC 8260 §2.1: behind the chunk header.
const DATA_HEADER: usize = 12;
const IDATA_HEADER: usize = 16;
const SACK_HEADER: usize = 12;

/// Flags of DATA and I-DATA (RFC 9260 §3.3.1, RFC 7053 §2).
pub(super) mod flag {
    pub(in super::super) const END: u8 = 1;
    pub(in super::super) const BEGIN: u8 = 2;
    pub(in super::super) const UNORDERED: u8 = 4;
    pub(in super::super) const IMMEDIATE: u8 = 8;
}

/// A DATA or I-DATA chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Data {
    pub(super) tsn: u32,
    pub(super) stream: u16,
    pub(super) flags: u8,
    /// Stream sequence number, or message identifier.
    pub(super) message: u32,
    /// Fragment sequence number: 0 for the first; not in DATA.
    pub(super) fragment: u32,
    /// Only in the first fragment of I-DATA; 0 in the others.
    pub(super) ppid: u32,
    pub(super) payload: Bytes,
}

impl Data {
    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// `value` is that of a chunk of `packet`. `None` if it is too short for its header.
    pub(super) fn decode(interleaved: bool, flags: u8, value: Bytes) -> Option<Data> {
        let tsn = u32_at(&value, 0)?;
        let stream = u16_at(&value, 4)?;
        if !interleaved {
            return Some(Data {
                tsn,
                stream,
                flags,
                message: u16_at(&value, 6)?.into(),
                fragment: 0,
                ppid: u32_at(&value, 8)?,
                payload: value.slice(DATA_HEADER..),
            });
        }
        let last = u32_at(&value, 12)?;
        let begin = flags & flag::BEGIN != 0;
        Some(Data {
            tsn,
            stream,
            flags,
            message: u32_at(&value, 8)?,
            fragment: if begin { 0 } else { last },
            ppid: if begin { last } else { 0 },
            payload: value.slice(IDATA_HEADER..),
        })
    }

    /// How many bytes a chunk with so much user data takes, padding included.
    pub(super) fn size(interleaved: bool, payload: usize) -> usize {
        padded(Data::overhead(interleaved) + payload)
    }

    /// What a chunk has besides its user data.
    pub(super) fn overhead(interleaved: bool) -> usize {
        CHUNK_HEADER_SIZE
            + if interleaved {
                IDATA_HEADER
            } else {
                DATA_HEADER
            }
    }

    pub(super) fn encode(&self, interleaved: bool, out: &mut BytesMut) {
        let length = Data::overhead(interleaved) + self.payload.len();
        out.put_u8(if interleaved {
            kind::I_DATA
        } else {
            kind::DATA
        });
        out.put_u8(self.flags);
        // A chunk fits into a packet.
        out.put_u16(length as u16);
        out.put_u32(self.tsn);
        out.put_u16(self.stream);
        if interleaved {
            out.put_u16(0);
            out.put_u32(self.message);
            out.put_u32(if self.has(flag::BEGIN) {
                self.ppid
            } else {
                self.fragment
            });
        } else {
            out.put_u16(self.message as u16);
            out.put_u32(self.ppid);
        }
        out.put_slice(&self.payload);
        out.put_bytes(0, padded(length) - length);
    }
}

/// A SACK chunk (RFC 9260 §3.3.4), read.
#[derive(Debug)]
pub(super) struct Sack {
    pub(super) cumulative: u32,
    pub(super) window: u32,
    value: Bytes,
    gaps: usize,
    duplicates: usize,
}

impl Sack {
    /// `None` if it makes no sense: too short, or with gap blocks that do not ascend, which would
    /// make much work of little.
    pub(super) fn decode(value: Bytes) -> Option<Sack> {
        let sack = Sack {
            cumulative: u32_at(&value, 0)?,
            window: u32_at(&value, 4)?,
            gaps: u16_at(&value, 8)?.into(),
            duplicates: u16_at(&value, 10)?.into(),
            value,
        };
        if sack.value.len() < SACK_HEADER + 4 * (sack.gaps + sack.duplicates) {
            return None;
        }
        let mut last = 0;
        let ascend = |(start, end): (u16, u16)| {
            let fine = start > last && end >= start;
            last = end;
            fine
        };
        let fine = sack.gaps().all(ascend);
        fine.then_some(sack)
    }

    /// The gap blocks, as offsets from the cumulative TSN.
    pub(super) fn gaps(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        let blocks = self.value[SACK_HEADER..].chunks_exact(4).take(self.gaps);
        blocks.map(|block| {
            (
                u16::from_be_bytes([block[0], block[1]]),
                u16::from_be_bytes([block[2], block[3]]),
            )
        })
    }

    /// The TSNs that came more than once.
    pub(super) fn duplicates(&self) -> impl Iterator<Item = u32> + '_ {
        let rest = self.value[SACK_HEADER + 4 * self.gaps..].chunks_exact(4);
        rest.take(self.duplicates)
            .map(|tsn| u32::from_be_bytes([tsn[0], tsn[1], tsn[2], tsn[3]]))
    }

    /// Writes a SACK of at most `room` bytes: what does not fit is reported later (RFC 9260 §6.2).
    pub(super) fn encode(
        out: &mut BytesMut,
        room: usize,
        cumulative: u32,
        window: u32,
        gaps: impl Iterator<Item = (u16, u16)>,
        duplicates: &[u32],
    ) {
        let begin = out.len();
        let mut left = room.saturating_sub(CHUNK_HEADER_SIZE + SACK_HEADER) / 4;
        out.put_slice(&[kind::SACK, 0, 0, 0]);
        out.put_u32(cumulative);
        out.put_u32(window);
        out.put_u32(0);
        let (mut blocks, mut repeated) = (0u16, 0u16);
        for (start, end) in gaps.take(left) {
            out.put_u16(start);
            out.put_u16(end);
            blocks += 1;
        }
        left -= usize::from(blocks);
        for &tsn in duplicates.iter().take(left) {
            out.put_u32(tsn);
            repeated += 1;
        }
        let length = (out.len() - begin) as u16;
        out[begin + 2..begin + 4].copy_from_slice(&length.to_be_bytes());
        out[begin + 12..begin + 14].copy_from_slice(&blocks.to_be_bytes());
        out[begin + 14..begin + 16].copy_from_slice(&repeated.to_be_bytes());
    }
}

/// A message that the peer will not send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) stream: u16,
    pub(super) unordered: bool,
    /// Stream sequence number, or message identifier.
    pub(super) message: u32,
}

impl Skipped {
    /// How many bytes each takes.
    pub(super) fn size(interleaved: bool) -> usize {
        if interleaved { 8 } else { 4 }
    }

    /// The new cumulative TSN, and what is skipped.
    pub(super) fn decode(
        interleaved: bool,
        value: &[u8],
    ) -> Option<(u32, impl Iterator<Item = Skipped> + '_)> {
        let tsn = u32_at(value, 0)?;
        let entries = value[4..].chunks_exact(Skipped::size(interleaved));
        let entries = entries.map(move |entry| {
            let stream = u16::from_be_bytes([entry[0], entry[1]]);
            let second = u16::from_be_bytes([entry[2], entry[3]]);
            match entry.get(4..) {
                Some(&[a, b, c, d]) => Skipped {
                    stream,
                    unordered: second & 1 != 0,
                    message: u32::from_be_bytes([a, b, c, d]),
                },
                _ => Skipped {
                    stream,
                    unordered: false,
                    message: second.into(),
                },
            }
        });
        Some((tsn, entries))
    }

    pub(super) fn encode_all(interleaved: bool, tsn: u32, skipped: &[Skipped], out: &mut BytesMut) {
        let length = CHUNK_HEADER_SIZE + 4 + Skipped::size(interleaved) * skipped.len();
        out.put_u8(if interleaved {
            kind::I_FORWARD_TSN
        } else {
            kind::FORWARD_TSN
        });
        out.put_u8(0);
        // The caller has counted what fits into a packet.
        out.put_u16(length as u16);
        out.put_u32(tsn);
        for entry in skipped {
            out.put_u16(entry.stream);
            if interleaved {
                out.put_u16(entry.unordered.into());
                out.put_u32(entry.message);
            } else {
                out.put_u16(entry.message as u16);
            }
        }
    }
}

#[cfg(test)]
#[path = "chunk_tests.rs"]
mod tests;
