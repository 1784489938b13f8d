//! Requests that wait for their answer (RFC 8489 §6.2).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::config::Config;
use super::message::{Refusal, Request};
use crate::stun::TransactionId;

/// An unsigned refusal of a signed request is believed when nothing better has come for so long:
/// some servers do not sign them, and who could forge one could as well suppress the answer.
const UNSIGNED_GRACE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) id: TransactionId,
    pub(super) request: Request,
    pub(super) datagram: Bytes,
    /// The realm and nonce that it is signed for, `None` when it is not signed.
    pub(super) signed: Option<(String, Bytes)>,
    /// How often the same was asked before and the server wanted other credentials.
    pub(super) retries: u32,
    /// An answer that nobody vouches for.
    pub(super) unsigned: Option<Refusal>,
    sent: u32,
    next: Instant,
    gives_up: Instant,
}

impl Transaction {
    pub(super) fn new(
        now: Instant,
        id: TransactionId,
        request: Request,
        datagram: Bytes,
        signed: Option<(String, Bytes)>,
        timeout: Duration,
    ) -> Transaction {
        let gives_up = now + timeout;
        let (retries, sent, unsigned) = (0, 0, None);
        Transaction {
            id,
            request,
            datagram,
            signed,
            retries,
            unsigned,
            sent,
            next: now,
            gives_up,
        }
    }

    /// Notes that it is sent now.
    pub(super) fn sent(&mut self, now: Instant, is_stream: bool, config: &Config) {
        self.sent += 1;
        // RFC 8489 §6.2.2: a stream does not lose requests.
        self.next = if is_stream || self.sent >= config.max_transmissions {
            self.gives_up
        } else {
            let wait = config.rto.saturating_mul(1 << (self.sent - 1).min(16));
            now.checked_add(wait)
                .map_or(self.gives_up, |next| next.min(self.gives_up))
        };
    }

    pub(super) fn is_to_be_repeated(&self, now: Instant) -> bool {
        self.next <= now && self.next < self.gives_up
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.gives_up <= now
    }

    pub(super) fn note_unsigned(&mut self, now: Instant, refusal: Refusal) {
        if self.unsigned.is_none() {
            self.unsigned = Some(refusal);
            self.gives_up = self.gives_up.min(now + UNSIGNED_GRACE);
            self.next = self.next.min(self.gives_up);
        }
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }
}
