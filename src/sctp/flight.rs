//! What is on its way to the peer, measured from our own packets and the peer's SACKs:
//! sctp-proto keeps this to itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::packet::tsn_before;

/// What may be in flight on a path of which nothing is known, or one with next to no delay: two
/// full segmented sends, so that one is under way while the next is made.
const FLOOR_BYTES: usize = 128 * 1024;
/// The same in chunks: each costs sctp-proto a step of every scan, however small it is.
const FLOOR_CHUNKS: usize = 256;
/// What may be in flight, in multiples of what the path holds: enough to ride over delayed
/// acknowledgements, and half of what fills a queue as long as the path.
const GAIN: f64 = 1.5;
/// For how many round trips a delivery rate is remembered.
const ROUNDS: usize = 8;
/// For how long the least round trip is believed: the path may have become longer.
const MIN_RTT_LIFETIME: Duration = Duration::from_secs(10);
/// The most TSNs that can be skipped without being sent; our own sender skips one at a time.
const MAX_SKIP: u32 = 1 << 16;

/// The DATA chunks that the peer has not acknowledged cumulatively.
#[derive(Debug)]
pub(super) struct Flight {
    /// The TSN of the first entry.
    first: u32,
    sent: VecDeque<Sent>,
    bytes: usize,
    chunks: usize,
    delivered: Amount,
    rates: [Rate; ROUNDS],
    round: usize,
    /// The round ends when something is acknowledged that was sent after so much was delivered.
    round_end: u64,
    smoothed_rtt: Option<Duration>,
    min_rtt: Option<(Duration, Instant)>,
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

#[derive(Debug, Clone, Copy, Default)]
struct Amount {
    bytes: u64,
    chunks: u64,
}

/// Per second.
#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    bytes: f64,
    chunks: f64,
}

/// How much may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) bytes: usize,
    pub(super) chunks: usize,
}

impl Flight {
    pub(super) fn new(initial_tsn: u32) -> Flight {
        Flight {
            first: initial_tsn,
            sent: VecDeque::new(),
            bytes: 0,
            chunks: 0,
            delivered: Amount::default(),
            rates: [Rate::default(); ROUNDS],
            round: 0,
            round_end: 0,
            smoothed_rtt: None,
            min_rtt: None,
            retransmissions: 0,
        }
    }

    /// Sent and not acknowledged: user data in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sent and not acknowledged: DATA chunks.
    pub(super) fn chunks(&self) -> usize {
        self.chunks
    }

    /// How many chunks were sent again.
    pub(super) fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    /// RFC 9260 §6.3.1, without the variance.
    pub(super) fn smoothed_rtt(&self) -> Option<Duration> {
        self.smoothed_rtt
    }

    /// The least round trip of the last ten to twenty seconds.
    pub(super) fn min_rtt(&self) -> Option<Duration> {
        self.min_rtt.map(|(rtt, _)| rtt)
    }

    /// The highest rate of the last round trips in bytes per second, 0 before the first.
    pub(super) fn delivery_rate(&self) -> f64 {
        self.rates
            .iter()
            .fold(0.0, |most, rate| rate.bytes.max(most))
    }

    /// A small multiple of what the path delivers per round trip. Congestion control below decides
    /// what is really sent; this keeps it from filling queues, and its own scans short.
    pub(super) fn limit(&self) -> Limit {
        let rtt = self.min_rtt().unwrap_or_default().as_secs_f64();
        let chunks = self
            .rates
            .iter()
            .fold(0.0, |most, rate| rate.chunks.max(most));
        // A cast from a float saturates.
        Limit {
            bytes: ((self.delivery_rate() * rtt * GAIN) as usize).max(FLOOR_BYTES),
            chunks: ((chunks * rtt * GAIN) as usize).max(FLOOR_CHUNKS),
        }
    }

    /// A DATA chunk left.
    pub(super) fn on_sent(&mut self, now: Instant, tsn: u32, length: usize) {
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
    }

    /// A SACK came: the cumulative TSN and the gap blocks (RFC 9260 §3.3.4). Returns how many
    /// bytes it acknowledged anew.
    pub(super) fn on_sack(
        &mut self,
        now: Instant,
        cumulative: u32,
        gaps: impl Iterator<Item = (u16, u16)>,
    ) -> usize {
        let before = self.delivered.bytes;
        let mut newest: Option<Sent> = None;
        while !self.sent.is_empty() && !tsn_before(cumulative, self.first) {
            self.acknowledge(0, &mut newest);
            self.sent.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        let offset = self.first.wrapping_sub(cumulative);
        for (start, end) in gaps {
            let from = u32::from(start).saturating_sub(offset) as usize;
            let to = (u32::from(end) + 1).saturating_sub(offset) as usize;
            for index in from..to.min(self.sent.len()) {
                self.acknowledge(index, &mut newest);
            }
        }
        if let Some(newest) = newest {
            self.measure(now, newest);
        }
        (self.delivered.bytes - before) as usize
    }

    fn acknowledge(&mut self, index: usize, newest: &mut Option<Sent>) {
        let sent = &mut self.sent[index];
        if sent.acknowledged {
            return;
        }
        sent.acknowledged = true;
        self.bytes -= usize::from(sent.length);
        self.chunks -= 1;
        self.delivered.bytes += u64::from(sent.length);
        self.delivered.chunks += 1;
        // RFC 9260 §6.3.1 C5: nothing can be learnt from what was sent twice.
        if !sent.retransmitted && newest.is_none_or(|newest| newest.at <= sent.at) {
            *newest = Some(*sent);
        }
    }

    fn measure(&mut self, now: Instant, newest: Sent) {
        let rtt = now.saturating_duration_since(newest.at);
        self.smoothed_rtt = Some(self.smoothed_rtt.map_or(rtt, |srtt| (srtt * 7 + rtt) / 8));
        match self.min_rtt {
            Some((least, at)) if rtt > least && now < at + MIN_RTT_LIFETIME => {}
            _ => self.min_rtt = Some((rtt, now)),
        }
        if newest.delivered.bytes >= self.round_end {
            self.round_end = self.delivered.bytes;
            self.round = (self.round + 1) % ROUNDS;
            self.rates[self.round] = Rate::default();
        }
        // Below a microsecond there is no rate, only a division by nothing.
        let seconds = rtt.as_secs_f64().max(1e-6);
        let rate = &mut self.rates[self.round];
        let bytes = self.delivered.bytes - newest.delivered.bytes;
        let chunks = self.delivered.chunks - newest.delivered.chunks;
        rate.bytes = rate.bytes.max(bytes as f64 / seconds);
        rate.chunks = rate.chunks.max(chunks as f64 / seconds);
    }
}

#[cfg(test)]
#[path = "flight_tests.rs"]
mod tests;
