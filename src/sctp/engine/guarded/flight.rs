//! What is on its way to the peer, measured from our own packets and the peer's SACKs:
//! sctp-proto keeps this to itself.

use std::collections::VecDeque;
use std::time::Instant;

use crate::sctp::engine::path::{Amount, GROWTH_ABOVE, Path};
use crate::sctp::wire::packet::tsn_before;

/// The most TSNs that can be skipped without being sent; our own sender skips one at a time.
const MAX_SKIP: u32 = 1 << 16;

/// The same behind all that was sent, where only the peer says so.
const MAX_SKIPPED_TAIL: u32 = 64;

/// The DATA chunks that the peer has not acknowledged cumulatively.
#[derive(Debug)]
pub(in crate::sctp) struct Flight {
    /// The TSN of the first entry.
    first: u32,
    sent: VecDeque<Sent>,
    bytes: usize,
    chunks: usize,
    delivered: Amount,
    /// What the acknowledgements say of the path.
    pub(in crate::sctp) path: Path,
    retransmissions: u64,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    /// What had been delivered when it was sent.
    delivered: Amount,
    length: u16,
    acknowledged: bool,
    retransmitted: bool,
}

impl Flight {
    pub(in crate::sctp) fn new(initial_tsn: u32) -> Flight {
        Flight {
            first: initial_tsn,
            sent: VecDeque::new(),
            bytes: 0,
            chunks: 0,
            delivered: Amount::default(),
            path: Path::new(GROWTH_ABOVE),
            retransmissions: 0,
        }
    }

    /// Sent and not acknowledged: user data in bytes.
    pub(in crate::sctp) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sent and not acknowledged: DATA chunks.
    pub(in crate::sctp) fn chunks(&self) -> usize {
        self.chunks
    }

    /// The highest TSN that the peer acknowledged cumulatively.
    pub(in crate::sctp) fn cumulative(&self) -> u32 {
        self.first.wrapping_sub(1)
    }

    /// The highest TSN that was sent.
    pub(in crate::sctp) fn newest(&self) -> u32 {
        self.cumulative().wrapping_add(self.sent.len() as u32)
    }

    /// How many chunks were sent again.
    pub(in crate::sctp) fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    /// A DATA chunk left.
    pub(in crate::sctp) fn on_sent(&mut self, now: Instant, tsn: u32, length: usize) {
        let index = tsn.wrapping_sub(self.first);
        if tsn_before(tsn, self.first) {
            return;
        }
        if let Some(sent) = self.sent.get_mut(index as usize) {
            sent.retransmitted = true;
            self.retransmissions += 1;
            return;
        }
        let skipped = index - self.sent.len() as u32;
        if skipped > MAX_SKIP {
            return;
        }
        let delivered = self.delivered;
        let entry = |length, acknowledged| Sent {
            at: now,
            delivered,
            length,
            acknowledged,
            retransmitted: false,
        };
        // A TSN that is given to an abandoned message is never sent.
        for _ in 0..skipped {
            self.sent.push_back(entry(0, true));
        }
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        self.sent.push_back(entry(length, false));
        self.bytes += usize::from(length);
        self.chunks += 1;
        self.path.on_sent(tsn, self.bytes as u64);
    }

    /// A SACK came: the cumulative TSN and the gap blocks (RFC 9260 §3.3.4). Returns how many
    /// bytes it acknowledged anew.
    pub(in crate::sctp) fn on_sack(
        &mut self,
        now: Instant,
        cumulative: u32,
        gaps: impl Iterator<Item = (u16, u16)>,
    ) -> usize {
        let before = self.delivered.bytes;
        let mut newest: Option<Sent> = None;
        while !self.sent.is_empty() && !tsn_before(cumulative, self.first) {
            self.acknowledge(now, 0, &mut newest);
            self.sent.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        // TSNs that were given to an abandoned message and never sent (RFC 3758 §3.5 A3).
        let skipped = cumulative.wrapping_add(1).wrapping_sub(self.first);
        if self.sent.is_empty() && skipped <= MAX_SKIPPED_TAIL {
            self.first = self.first.wrapping_add(skipped);
        }
        let offset = self.first.wrapping_sub(cumulative);
        for (start, end) in gaps {
            let from = u32::from(start).saturating_sub(offset) as usize;
            let to = (u32::from(end) + 1).saturating_sub(offset) as usize;
            for index in from..to.min(self.sent.len()) {
                self.acknowledge(now, index, &mut newest);
            }
        }
        if let Some(newest) = newest {
            self.measure(now, newest);
        }
        (self.delivered.bytes - before) as usize
    }

    fn acknowledge(&mut self, now: Instant, index: usize, newest: &mut Option<Sent>) {
        let sent = &mut self.sent[index];
        if sent.acknowledged {
            return;
        }
        sent.acknowledged = true;
        self.bytes -= usize::from(sent.length);
        self.chunks -= 1;
        self.delivered.bytes += u64::from(sent.length);
        self.delivered.chunks += 1;
        let rtt = (!sent.retransmitted).then(|| now.saturating_duration_since(sent.at));
        self.path
            .on_probe(now, self.first.wrapping_add(index as u32), rtt);
        // RFC 9260 §6.3.1 C5: nothing can be learnt from what was sent twice.
        if !sent.retransmitted && newest.is_none_or(|newest| newest.at <= sent.at) {
            *newest = Some(*sent);
        }
    }

    fn measure(&mut self, now: Instant, newest: Sent) {
        let rtt = now.saturating_duration_since(newest.at);
        let delivered = Amount {
            bytes: self.delivered.bytes - newest.delivered.bytes,
            chunks: self.delivered.chunks - newest.delivered.chunks,
        };
        self.path
            .on_acknowledged(now, rtt, rtt, delivered, self.delivered.bytes);
    }
}

#[cfg(test)]
#[path = "flight_tests.rs"]
mod tests;
