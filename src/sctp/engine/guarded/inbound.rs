//! Looks into packets of an established association before sctp-proto sees them.
//!
//! What sctp-proto handles well passes as it came. The rest is taken out, because there it would
//! end the association (an ERROR chunk, an INIT), or make it forget the whole packet (a chunk type
//! that it does not know).

use std::collections::HashSet;

use bytes::Bytes;

use crate::sctp::engine::control::Control;
use crate::sctp::stats::Counters;
use crate::sctp::wire::packet::parameter::{OUTGOING_RESET, RECONFIG_RESPONSE};
use crate::sctp::wire::packet::{
    Builder, CHUNK_HEADER_SIZE, Chunk, Chunks, DATA_HEADER_SIZE, checksum_is_valid, chunk, kind,
    u16_at,
};

/// A packet taken apart.
#[derive(Debug, Default)]
pub(in crate::sctp) struct Sorted {
    /// What sctp-proto is to see.
    pub(in crate::sctp) pass: Option<Bytes>,
    /// What is handled here, in order.
    pub(in crate::sctp) control: Vec<Control>,
}

/// Takes a packet apart. `dead` are streams of which nobody reads any more; `closed` says that the
/// peer may not send anything at all now.
pub(in crate::sctp) fn sort(
    packet: Bytes,
    dead: &HashSet<u16>,
    closed: bool,
    counters: &mut Counters,
) -> Sorted {
    let mut chunks = Chunks::of(&packet);
    let plain = chunks.by_ref().all(|chunk| passes(&chunk, dead, closed));
    // `all` stops at the first that does not pass: the rest is looked at below.
    if plain && !chunks.is_malformed() {
        return Sorted {
            pass: Some(packet),
            control: Vec::new(),
        };
    }
    take_apart(&packet, dead, closed, counters)
}

/// Whether sctp-proto may have the chunk as it is.
fn passes(chunk: &Chunk<'_>, dead: &HashSet<u16>, closed: bool) -> bool {
    match chunk.kind {
        kind::DATA => {
            !closed
                && chunk.value.len() > DATA_HEADER_SIZE
                && (dead.is_empty() || !is_dead(chunk, dead))
        }
        kind::SACK | kind::HEARTBEAT | kind::FORWARD_TSN => true,
        kind::RECONFIG => is_known_reconfig(chunk.value),
        _ => false,
    }
}

fn is_dead(chunk: &Chunk<'_>, dead: &HashSet<u16>) -> bool {
    u16_at(chunk.value, 4).is_some_and(|stream| dead.contains(&stream))
}

fn take_apart(
    packet: &Bytes,
    dead: &HashSet<u16>,
    closed: bool,
    counters: &mut Counters,
) -> Sorted {
    if !checksum_is_valid(packet) {
        counters.malformed += 1;
        return Sorted::default();
    }
    let mut control = Vec::new();
    let mut pass = Builder::like(packet);
    let mut chunks = Chunks::of(packet);
    for chunk in chunks.by_ref() {
        let raw = || &packet[chunk.range().start..chunk.range().end.min(packet.len())];
        if passes(&chunk, dead, closed) {
            pass.raw(raw());
            continue;
        }
        match chunk.kind {
            kind::DATA if !closed && chunk.value.len() > DATA_HEADER_SIZE => {
                pass.raw(&emptied(&chunk));
            }
            // RFC 9260 §6.2: DATA without data is an error; beyond the window it may be dropped.
            kind::DATA => counters.data_dropped += 1,
            kind::INIT
            | kind::INIT_ACK
            | kind::ABORT
            | kind::SHUTDOWN
            | kind::SHUTDOWN_ACK
            | kind::SHUTDOWN_COMPLETE
            | kind::ERROR
            | kind::COOKIE_ECHO
            | kind::COOKIE_ACK => {
                let at = chunk.offset + CHUNK_HEADER_SIZE;
                let value = packet.slice(at..at + chunk.value.len());
                control.push(Control {
                    kind: chunk.kind,
                    flags: chunk.flags,
                    value,
                });
            }
            unknown => {
                counters.unknown_chunks += 1;
                // RFC 9260 §3.2: the highest bit says whether the rest of the packet may be read.
                if unknown & 0x80 == 0 {
                    break;
                }
            }
        }
    }
    if chunks.is_malformed() {
        counters.malformed += 1;
        return Sorted::default();
    }
    Sorted {
        pass: (!pass.is_empty()).then(|| pass.finish()),
        control,
    }
}

/// The same DATA chunk with a single byte: its TSN is acknowledged, so that the peer can finish and
/// reset the stream, but it does not fill the window, which nobody would ever empty.
fn emptied(chunk_in: &Chunk<'_>) -> Bytes {
    chunk(
        kind::DATA,
        chunk_in.flags,
        &chunk_in.value[..DATA_HEADER_SIZE + 1],
    )
}

/// RFC 6525 §3.1: the combinations without the requests that nobody makes in WebRTC.
fn is_known_reconfig(value: &[u8]) -> bool {
    let mut kinds = [0; 2];
    let mut rest = value;
    for (index, known) in kinds.iter_mut().enumerate() {
        if rest.is_empty() && index > 0 {
            break;
        }
        let (Some(kind), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) else {
            return false;
        };
        let length = usize::from(length);
        let least = if kind == OUTGOING_RESET { 16 } else { 12 };
        if length < least || length > rest.len() {
            return false;
        }
        *known = kind;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    rest.is_empty()
        && matches!(
            kinds,
            [OUTGOING_RESET | RECONFIG_RESPONSE, 0]
                | [RECONFIG_RESPONSE, OUTGOING_RESET | RECONFIG_RESPONSE]
        )
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
