//! Looks into packets that sctp-proto made before they leave.

use bytes::{BufMut, Bytes, BytesMut};

use crate::sctp::wire::packet::{
    Builder, CHUNK_HEADER_SIZE, Chunks, HEADER_SIZE, chunk, kind, seal, u16_at, u32_at,
};

/// RFC 9260 §3.3.4: cumulative TSN, window, two counts.
const SACK_FIXED_SIZE: usize = 12;
/// RFC 7053 §2: "acknowledge at once".
const IMMEDIATE: u8 = 0x08;

/// What is in a packet of ours.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::sctp) struct Contents {
    /// The DATA chunks: TSN and size of the user data.
    pub(in crate::sctp) data: Vec<(u32, usize)>,
    /// Where the last DATA chunk begins.
    pub(in crate::sctp) last_data: Option<usize>,
    /// Whether there is a SACK.
    pub(in crate::sctp) sack: bool,
    /// Whether there is a RE-CONFIG.
    pub(in crate::sctp) reconfig: bool,
}

/// Lists the contents of a packet into `contents`, which keeps its buffer.
pub(in crate::sctp) fn look(packet: &[u8], contents: &mut Contents) {
    contents.data.clear();
    contents.last_data = None;
    contents.sack = false;
    contents.reconfig = false;
    for chunk in Chunks::of(packet) {
        match chunk.kind {
            kind::DATA => {
                if let Some(tsn) = u32_at(chunk.value, 0) {
                    contents
                        .data
                        .push((tsn, chunk.value.len().saturating_sub(12)));
                    contents.last_data = Some(chunk.offset);
                }
            }
            kind::SACK => contents.sack = true,
            kind::RECONFIG => contents.reconfig = true,
            _ => {}
        }
    }
}

/// The same packet with another window in its SACK, and with as many gap blocks as fit into
/// `limit` bytes: those that are left out are reported later (RFC 9260 §6.2). `window` is given
/// the window that sctp-proto wrote. Returns the cumulative TSN too.
pub(in crate::sctp) fn rewrite_sack(
    packet: &[u8],
    limit: usize,
    window: impl FnOnce(u32) -> u32,
) -> Option<(Bytes, u32)> {
    let mut out = Builder::like(packet);
    let mut window = Some(window);
    let mut cumulative = None;
    for piece in Chunks::of(packet) {
        let (kind::SACK, Some(window)) = (piece.kind, window.take_if(|_| piece.kind == kind::SACK))
        else {
            out.raw(&packet[piece.range().start..piece.range().end.min(packet.len())]);
            continue;
        };
        let tsn = u32_at(piece.value, 0)?;
        let room = limit.saturating_sub(HEADER_SIZE + CHUNK_HEADER_SIZE + SACK_FIXED_SIZE);
        let gaps = usize::from(u16_at(piece.value, 8)?).min(room / 4);
        let blocks = piece
            .value
            .get(SACK_FIXED_SIZE..SACK_FIXED_SIZE + 4 * gaps)?;
        let mut value = BytesMut::with_capacity(SACK_FIXED_SIZE + blocks.len());
        value.put_u32(tsn);
        value.put_u32(window(u32_at(piece.value, 4)?));
        value.put_u16(gaps as u16);
        value.put_u16(0);
        value.put_slice(blocks);
        out.raw(&chunk(kind::SACK, piece.flags, &value));
        cumulative = Some(tsn);
    }
    Some((out.finish(), cumulative?))
}

/// Cuts a packet that is too large. sctp-proto counts the data of a packet but not the padding, so
/// many tiny messages overfill it: it is cut between its chunks. A FORWARD-TSN about many streams is
/// cut itself. Nothing else is too large alone but the answer to a HEARTBEAT that large, and that is
/// left out: the path is not ours to prove, ICE does.
pub(in crate::sctp) fn split(packet: &[u8], limit: usize, mut out: impl FnMut(Bytes)) {
    let mut part = Builder::like(packet);
    for chunk in Chunks::of(packet) {
        let raw = &packet[chunk.range().start..chunk.range().end.min(packet.len())];
        if HEADER_SIZE + raw.len() > limit {
            if chunk.kind == kind::FORWARD_TSN {
                split_forward_tsn(packet, chunk.value, limit, &mut out);
            }
            continue;
        }
        if !part.is_empty() && part.len() + raw.len() > limit {
            out(std::mem::replace(&mut part, Builder::like(packet)).finish());
        }
        part.raw(raw);
    }
    if !part.is_empty() {
        out(part.finish());
    }
}

/// RFC 3758 §3.2: a stream with the last number that is skipped in it takes four bytes behind the
/// new cumulative TSN. The peer takes a part only if its TSN is newer than all before, so each has
/// the next one, and the last has the real one. There are enough: each stream has a TSN that is
/// skipped.
fn split_forward_tsn(packet: &[u8], value: &[u8], limit: usize, mut out: impl FnMut(Bytes)) {
    let (Some(last), Some(streams)) = (u32_at(value, 0), value.get(4..)) else {
        return;
    };
    let room = limit.saturating_sub(HEADER_SIZE + CHUNK_HEADER_SIZE + 4) & !3;
    let parts = streams.chunks(room);
    for (left, streams) in (0..parts.len() as u32).rev().zip(parts) {
        let tsn = last.wrapping_sub(left).to_be_bytes();
        let value = [&tsn, streams].concat();
        out(Builder::like(packet)
            .chunk(kind::FORWARD_TSN, 0, &value)
            .finish());
    }
}

/// Whether the chunks of `sack` can travel in `packet`.
pub(in crate::sctp) fn fits(sack: &[u8], packet: &[u8], limit: usize) -> bool {
    packet.len() + sack.len() - HEADER_SIZE.min(sack.len()) <= limit
}

/// The same packet with the chunks of `sack` in front (RFC 9260 §6.10: control before DATA), which
/// saves a datagram. With `immediate`, the place of a DATA chunk, the peer is asked to acknowledge
/// that without delay: nothing else follows that would make it do so, and a delayed acknowledgement
/// would meet our retransmission timer.
pub(in crate::sctp) fn finish(
    packet: Bytes,
    immediate: Option<usize>,
    sack: Option<Bytes>,
) -> Bytes {
    let mut packet = packet
        .try_into_mut()
        .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    if let Some(flags) = immediate.and_then(|offset| packet.get_mut(offset + 1)) {
        *flags |= IMMEDIATE;
    }
    if let Some(sack) = sack {
        let mut bundle = Builder::like(&packet);
        bundle.raw(sack.get(HEADER_SIZE..).unwrap_or_default());
        bundle.raw(packet.get(HEADER_SIZE..).unwrap_or_default());
        return bundle.finish();
    }
    seal(&mut packet);
    packet.freeze()
}

#[cfg(test)]
#[path = "outbound_tests.rs"]
mod tests;
