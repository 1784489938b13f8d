//! Chunks of an established association that say nothing of its data: late ones of the handshake,
//! and its end.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::interface::Request;
use crate::sctp::handshake::{Handshake, Progress};
use crate::sctp::stats::Counters;
use crate::sctp::wire::packet::{Header, first_cause, kind};

/// A chunk that is handled here.
#[derive(Debug)]
pub(in crate::sctp) struct Control {
    pub(in crate::sctp) kind: u8,
    pub(in crate::sctp) flags: u8,
    pub(in crate::sctp) value: Bytes,
}

/// Answers the chunk, or says what it asks of the association.
pub(in crate::sctp) fn handle(
    handshake: &mut Handshake,
    now: Instant,
    header: Header,
    chunk: &Control,
    counters: &mut Counters,
    out: &mut VecDeque<Bytes>,
) -> Option<Request> {
    let local = handshake.local().initiate_tag;
    let progress = match chunk.kind {
        // §8.5.1 A.
        kind::INIT if header.verification_tag == 0 => handshake.handle_init(now, &chunk.value, out),
        // Its tag is that of the cookie.
        kind::COOKIE_ECHO => handshake.handle_cookie_echo(now, header, &chunk.value, out),
        kind::ABORT if handshake.may_end(header, chunk.flags) => {
            return Some(Request::Abort(first_cause(&chunk.value)));
        }
        kind::SHUTDOWN_COMPLETE if handshake.may_end(header, chunk.flags) => {
            return Some(Request::ShutdownComplete);
        }
        _ if header.verification_tag != local => {
            counters.wrong_tag += 1;
            return None;
        }
        kind::SHUTDOWN => return Some(Request::Shutdown),
        kind::ERROR => {
            counters.peer_errors += 1;
            return None;
        }
        // A late INIT ACK or COOKIE ACK (§5.2.3, §5.2.5); a SHUTDOWN ACK unasked.
        _ => Progress::Ignored,
    };
    match progress {
        Progress::Restarted => Some(Request::Restarted),
        Progress::None | Progress::Established(_) => None,
        Progress::Ignored => {
            counters.unexpected += 1;
            None
        }
    }
}
