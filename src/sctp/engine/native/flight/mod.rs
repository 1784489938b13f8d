//! What was sent and is not acknowledged cumulatively: a ring indexed by TSN.
//!
//! Each chunk is touched when it is sent, when it is acknowledged, and when it is found to be lost,
//! however many others are in flight. Those in flight are also in a list by the time at which they
//! were last sent: what was sent first is lost first (RFC 8985). `giving_up.rs` has what is lost, and
//! what is not sent again.

mod giving_up;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub(super) use self::giving_up::GivenUp;
use super::chunk::{Data, Sack};
use super::ranges::Ranges;
use super::serial;
use crate::sctp::engine::interface::Reliability;
use crate::sctp::engine::path::{Amount, GROWTH, Path};

/// No TSN: counters begin far above.
const NONE: u64 = 0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InFlight,
    /// It waits to be sent again.
    Lost,
    /// In a gap block.
    Acked,
    /// It will not be sent again (RFC 3758 §3.5).
    Abandoned,
}

#[derive(Debug)]
struct Sent {
    data: Data,
    reliability: Reliability,
    state: State,
    sent_at: Instant,
    transmissions: u32,
    /// It was acknowledged once: its stream knows.
    released: bool,
    /// What had been delivered when it was sent, and when the last of that was.
    delivered: Amount,
    delivered_at: Instant,
    /// The other fragments of its message.
    previous: u64,
    next: u64,
    /// Its place in the list by time.
    older: u64,
    newer: u64,
}

impl Sent {
    /// Whether it may not be sent again (RFC 7496 §3.1, §3.2).
    fn is_over(&self, now: Instant) -> bool {
        match self.reliability {
            Reliability::Retransmissions(limit) => self.transmissions > limit,
            reliability => reliability.is_over(now),
        }
    }
}

/// The latest chunk that was acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newest {
    pub(super) tsn: u64,
    pub(super) sent_at: Instant,
    pub(super) transmissions: u32,
    delivered: Amount,
    delivered_at: Instant,
}

/// What a SACK acknowledged.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    /// On the wire, ...
    pub(super) bytes: usize,
    /// ... and the user data, with the streams that it belongs to.
    pub(super) streams: Vec<(u16, usize)>,
    /// The one that was sent last.
    pub(super) newest: Option<Newest>,
    /// The one that was sent last of those that were sent once.
    pub(super) sample: Option<Newest>,
    /// A chunk that was sent once was overtaken by one behind it.
    pub(super) reordered: bool,
    /// The cumulative TSN has moved.
    pub(super) moved: bool,
}

#[derive(Debug)]
pub(super) struct Flight {
    interleaved: bool,
    /// The counter of the first in the ring.
    first: u64,
    ring: VecDeque<Sent>,
    /// What is acknowledged beyond the cumulative TSN, and the highest such.
    sacked: Ranges,
    highest: u64,
    /// In flight: on the wire, of user data, in chunks.
    bytes: usize,
    payload: usize,
    chunks: usize,
    /// Neither acknowledged nor abandoned: user data, and chunks.
    unacknowledged: (usize, usize),
    delivered: Amount,
    delivered_at: Option<Instant>,
    oldest: u64,
    newest: u64,
    /// In the order in which they were found to be lost.
    lost: VecDeque<u64>,
    /// How many are abandoned.
    abandoned: usize,
    pub(super) path: Path,
    pub(super) retransmissions: u64,
}

impl Flight {
    pub(super) fn new(interleaved: bool, initial_tsn: u32) -> Flight {
        let first = serial::start(initial_tsn);
        Flight {
            interleaved,
            first,
            ring: VecDeque::new(),
            sacked: Ranges::default(),
            highest: NONE,
            bytes: 0,
            payload: 0,
            chunks: 0,
            unacknowledged: (0, 0),
            delivered: Amount::default(),
            delivered_at: None,
            oldest: NONE,
            newest: NONE,
            lost: VecDeque::new(),
            abandoned: 0,
            path: Path::new(GROWTH),
            retransmissions: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// In flight, on the wire.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// In flight, of user data.
    pub(super) fn payload(&self) -> usize {
        self.payload
    }

    pub(super) fn chunks(&self) -> usize {
        self.chunks
    }

    /// Neither acknowledged nor abandoned: user data, and chunks.
    pub(super) fn unacknowledged(&self) -> (usize, usize) {
        self.unacknowledged
    }

    /// How many TSNs are not acknowledged cumulatively.
    pub(super) fn span(&self) -> usize {
        self.ring.len()
    }

    /// The highest TSN that is acknowledged cumulatively.
    pub(super) fn cumulative(&self) -> u64 {
        self.first - 1
    }

    /// The TSN of the next chunk.
    pub(super) fn next(&self) -> u64 {
        self.first + self.ring.len() as u64
    }

    fn get(&self, tsn: u64) -> Option<&Sent> {
        self.ring
            .get(usize::try_from(tsn.checked_sub(self.first)?).ok()?)
    }

    fn get_mut(&mut self, tsn: u64) -> Option<&mut Sent> {
        let index = usize::try_from(tsn.checked_sub(self.first)?).ok()?;
        self.ring.get_mut(index)
    }

    fn size(&self, data: &Data) -> usize {
        Data::size(self.interleaved, data.payload.len())
    }

    /// A chunk leaves for the first time; its TSN is [`next`](Self::next).
    pub(super) fn push(
        &mut self,
        now: Instant,
        data: Data,
        reliability: Reliability,
        previous: u64,
    ) {
        let tsn = self.next();
        let size = self.size(&data);
        self.payload += data.payload.len();
        self.bytes += size;
        self.chunks += 1;
        self.unacknowledged.0 += data.payload.len();
        self.unacknowledged.1 += 1;
        if let Some(before) = self.get_mut(previous) {
            before.next = tsn;
        }
        self.ring.push_back(Sent {
            data,
            reliability,
            state: State::InFlight,
            sent_at: now,
            transmissions: 1,
            released: false,
            delivered: self.delivered,
            delivered_at: self.delivered_at.unwrap_or(now),
            previous,
            next: NONE,
            older: NONE,
            newer: NONE,
        });
        self.link(tsn);
        self.path.on_sent(tsn as u32, self.bytes as u64);
    }

    /// The next chunk that is to be sent again, and its size.
    pub(super) fn next_lost(&mut self) -> Option<(u64, usize)> {
        while let Some(&tsn) = self.lost.front() {
            if let Some(sent) = self.get(tsn)
                && sent.state == State::Lost
            {
                return Some((tsn, self.size(&sent.data)));
            }
            self.lost.pop_front();
        }
        None
    }

    /// Whether the chunk may not be sent again.
    pub(super) fn is_over(&self, tsn: u64, now: Instant) -> bool {
        self.get(tsn).is_some_and(|sent| sent.is_over(now))
    }

    /// It is sent again.
    pub(super) fn resend(&mut self, now: Instant, tsn: u64) -> Option<Data> {
        self.lost.pop_front();
        let (delivered, delivered_at) = (self.delivered, self.delivered_at);
        let sent = self.get_mut(tsn)?;
        sent.state = State::InFlight;
        sent.sent_at = now;
        sent.transmissions += 1;
        sent.delivered = delivered;
        sent.delivered_at = delivered_at.unwrap_or(now);
        let data = sent.data.clone();
        self.bytes += self.size(&data);
        self.payload += data.payload.len();
        self.chunks += 1;
        self.retransmissions += 1;
        self.link(tsn);
        Some(data)
    }

    /// The latest chunk in flight goes to the head of those that are sent again, as a probe
    /// (RFC 8985 §7.3).
    pub(super) fn lose_newest(&mut self, now: Instant) -> bool {
        let tsn = self.newest;
        let Some(sent) = self.get(tsn) else {
            return false;
        };
        if sent.is_over(now) {
            return false;
        }
        self.leave(tsn, State::Lost);
        self.lost.push_front(tsn);
        true
    }

    fn link(&mut self, tsn: u64) {
        let newest = self.newest;
        if let Some(sent) = self.get_mut(tsn) {
            sent.older = newest;
            sent.newer = NONE;
        }
        match self.get_mut(newest) {
            Some(before) => before.newer = tsn,
            None => self.oldest = tsn,
        }
        self.newest = tsn;
    }

    /// Takes a chunk out of flight.
    fn leave(&mut self, tsn: u64, state: State) {
        let interleaved = self.interleaved;
        let Some(sent) = self.get_mut(tsn) else {
            return;
        };
        let before = std::mem::replace(&mut sent.state, state);
        let (older, newer) = (sent.older, sent.newer);
        let payload = sent.data.payload.len();
        if state != State::Lost && before != State::Acked {
            self.unacknowledged.0 -= payload;
            self.unacknowledged.1 -= 1;
        }
        if before != State::InFlight {
            return;
        }
        self.bytes -= Data::size(interleaved, payload);
        self.payload -= payload;
        self.chunks -= 1;
        match self.get_mut(older) {
            Some(sent) => sent.newer = newer,
            None => self.oldest = newer,
        }
        match self.get_mut(newer) {
            Some(sent) => sent.older = older,
            None => self.newest = older,
        }
    }

    /// The one in flight that was sent first: its TSN, and when it was sent.
    pub(super) fn oldest(&self) -> Option<(u64, Instant)> {
        Some((self.oldest, self.get(self.oldest)?.sent_at))
    }

    /// How many chunks are acknowledged beyond the cumulative TSN, at least up to three.
    pub(super) fn has_three_beyond(&self) -> bool {
        let counts = self.sacked.iter().map(|(start, end)| end - start + 1);
        counts.take(3).sum::<u64>() >= 3
    }

    /// Applies a SACK. `None` if it acknowledges what was never sent.
    pub(super) fn acknowledge(&mut self, now: Instant, sack: &Sack) -> Option<Acknowledged> {
        let mut acked = Acknowledged::default();
        let cumulative = serial::unwrap32(self.cumulative(), sack.cumulative);
        if cumulative < self.cumulative() {
            return Some(acked);
        }
        let highest = sack.gaps().last().map_or(0, |(_, end)| u64::from(end));
        if cumulative + highest >= self.next() {
            return None;
        }
        while self.first <= cumulative {
            self.acknowledge_one(now, self.first, &mut acked);
            let gone = self.ring.pop_front();
            self.abandoned -= usize::from(gone.is_some_and(|sent| sent.state == State::Abandoned));
            self.first += 1;
            acked.moved = true;
        }
        if acked.moved {
            self.sacked.advance(cumulative);
        }
        let mut sacked = std::mem::take(&mut self.sacked);
        for (start, end) in sack.gaps() {
            let (start, end) = (cumulative + u64::from(start), cumulative + u64::from(end));
            sacked.insert_range(start, end, |tsn| self.acknowledge_one(now, tsn, &mut acked));
        }
        self.sacked = sacked;
        Some(acked)
    }

    fn acknowledge_one(&mut self, now: Instant, tsn: u64, acked: &mut Acknowledged) {
        let highest = self.highest;
        self.highest = highest.max(tsn);
        let Some(sent) = self.get(tsn) else {
            return;
        };
        if matches!(sent.state, State::Acked | State::Abandoned) {
            return;
        }
        let newest = Newest {
            tsn,
            sent_at: sent.sent_at,
            transmissions: sent.transmissions,
            delivered: sent.delivered,
            delivered_at: sent.delivered_at,
        };
        let (stream, payload) = (sent.data.stream, sent.data.payload.len());
        // One that was taken for lost was late, or its acknowledgement was: no round trip of the path.
        let once = sent.transmissions == 1 && sent.state == State::InFlight;
        let released = sent.released;
        self.leave(tsn, State::Acked);
        if let Some(sent) = self.get_mut(tsn) {
            sent.released = true;
        }
        let size = Data::size(self.interleaved, payload);
        acked.bytes += size;
        match acked.streams.last_mut() {
            _ if released => {}
            Some((last, bytes)) if *last == stream => *bytes += payload,
            _ => acked.streams.push((stream, payload)),
        }
        acked.reordered |= once && tsn < highest;
        self.delivered.bytes += size as u64;
        self.delivered.chunks += 1;
        self.delivered_at = Some(now);
        let later = |than: Option<Newest>| than.is_none_or(|than| than.sent_at <= newest.sent_at);
        if later(acked.newest) {
            acked.newest = Some(newest);
        }
        // RFC 9260 §6.3.1 C5: nothing can be learnt from what was sent twice.
        if once && later(acked.sample) {
            acked.sample = Some(newest);
        }
        let rtt = once.then(|| now.saturating_duration_since(newest.sent_at));
        self.path.on_probe(now, tsn as u32, rtt);
    }

    /// Tells the path what a sample says of it; returns the round trip.
    pub(super) fn measure(&mut self, now: Instant, sample: Newest) -> Duration {
        let rtt = now.saturating_duration_since(sample.sent_at);
        let delivered = Amount {
            bytes: self.delivered.bytes - sample.delivered.bytes,
            chunks: self.delivered.chunks - sample.delivered.chunks,
        };
        // Acknowledgements come in bunches: what one of them brought is not counted for less time
        // than has passed since the last (draft-cheng-iccrg-delivery-rate-estimation).
        let idle = sample
            .sent_at
            .saturating_duration_since(sample.delivered_at);
        let interval = if idle < rtt { rtt + idle } else { rtt };
        self.path
            .on_acknowledged(now, rtt, interval, delivered, self.delivered.bytes);
        rtt
    }
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
