//! A client's hello to a peer that is not there yet.
//!
//! ICE may have found a path long before the peer knows that it is to speak DTLS. dimpl repeats a
//! flight some two dozen times and doubles its wait each time, so its clock is stopped before that,
//! and the same hello repeated from here: a peer may have kept the first one, and answer that.

use std::time::{Duration, Instant};

use super::super::Role;
use super::super::record::{Summary, shift_plaintext_sequence};
use super::{Live, Out};
use crate::timer::due;

/// How often dimpl repeats it: until its wait is as long as it gets.
const REPEATS_OF_DIMPL: u32 = 8;

/// The hello, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Hello {
    /// The datagrams of the last time.
    datagrams: Vec<Vec<u8>>,
    times: u32,
    /// When to repeat it; `None` as long as dimpl does.
    repeat_at: Option<Instant>,
}

impl Hello {
    /// When to repeat it.
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.repeat_at
    }
}

impl Live {
    fn awaits_peer(&self) -> bool {
        self.role == Role::Client && !self.heard
    }

    /// dimpl is about to send it, for the first time or again.
    pub(super) fn hello_begins(&mut self) {
        if self.awaits_peer() {
            self.hello.datagrams.clear();
            self.hello.times += 1;
        }
    }

    /// dimpl has sent a part of it.
    pub(super) fn keep_hello(&mut self, packet: &[u8]) {
        if self.awaits_peer() {
            self.hello.datagrams.push(packet.to_vec());
        }
    }

    /// Takes over from dimpl once it has repeated it often enough.
    pub(super) fn take_over_hello(&mut self, now: Instant, pause: Duration) {
        if self.awaits_peer() && self.hello.times > REPEATS_OF_DIMPL {
            self.hello.repeat_at.get_or_insert(now + pause);
            self.pace.stop(now);
        }
    }

    /// Repeats it when it is time. Whether dimpl has nothing to do meanwhile.
    pub(super) fn repeat_hello(
        &mut self,
        now: Instant,
        pause: Duration,
        out: &mut Out<'_>,
    ) -> bool {
        if self.hello.repeat_at.is_none() {
            return false;
        }
        if due(self.hello.repeat_at, now) {
            self.hello.repeat_at = Some(now + pause);
            out.counters.retransmissions += 1;
            let mut datagrams = std::mem::take(&mut self.hello.datagrams);
            for datagram in &mut datagrams {
                // Under a number of its own: see `note_sent`.
                let sent = Summary::of(datagram).plaintext_sequence.unwrap_or_default();
                let next = self.plaintext_sequence + 1;
                shift_plaintext_sequence(datagram, next.saturating_sub(sent));
                self.plaintext_sequence = next;
                self.shift_by_repeats += 1;
                self.shift += 1;
                out.counters.datagrams_sent += 1;
                out.counters.bytes_sent += datagram.len() as u64;
                out.packets.push(datagram);
            }
            self.hello.datagrams = datagrams;
        }
        true
    }

    /// The peer is there: dimpl goes on from where it was.
    pub(super) fn end_hello(&mut self) {
        self.hello = Hello::default();
        self.pace.go_on(self.now);
    }
}
