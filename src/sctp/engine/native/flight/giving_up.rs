//! What is lost, and what is given up instead of being sent again (RFC 3758 §3.5, RFC 7496).

use std::time::Instant;

use bytes::Bytes;

use super::super::chunk::{Skipped, flag};
use super::{Flight, State};

/// A message that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct GivenUp {
    pub(in super::super) stream: u16,
    /// User data of it that was sent and not acknowledged.
    pub(in super::super) bytes: usize,
    /// Not all of it had left.
    pub(in super::super) has_rest: bool,
}

impl Flight {
    /// The chunk is lost; returns what is given up because of it, by streams, and the stream whose
    /// message has a rest that was not sent.
    pub(in super::super) fn lose(&mut self, now: Instant, tsn: u64) -> Option<GivenUp> {
        let over = self.is_over(tsn, now);
        self.leave(tsn, State::Lost);
        if over {
            return self.abandon(tsn);
        }
        self.lost.push_back(tsn);
        None
    }

    /// Gives up the whole message of a chunk (RFC 3758 §3.5 A).
    pub(in super::super) fn abandon(&mut self, tsn: u64) -> Option<GivenUp> {
        let stream = self.get(tsn)?.data.stream;
        let mut given_up = GivenUp {
            stream,
            bytes: 0,
            has_rest: true,
        };
        let mut first = tsn;
        while let Some(sent) = self.get(first)
            && self.get(sent.previous).is_some()
        {
            first = sent.previous;
        }
        let mut at = first;
        while let Some(sent) = self.get(at) {
            let (next, state) = (sent.next, sent.state);
            given_up.has_rest = !sent.data.has(flag::END);
            if state != State::Abandoned {
                if !sent.released {
                    given_up.bytes += sent.data.payload.len();
                }
                self.leave(at, State::Abandoned);
                self.abandoned += 1;
            }
            if let Some(sent) = self.get_mut(at) {
                sent.data.payload = Bytes::new();
                sent.released = true;
            }
            at = next;
        }
        Some(given_up)
    }

    /// What the peer is to skip, in at most `room` bytes (RFC 3758 §3.5 C).
    pub(in super::super) fn forward(&mut self, room: usize) -> Option<(u64, Vec<Skipped>)> {
        let mut skipped: Vec<Skipped> = Vec::new();
        let most = room / Skipped::size(self.interleaved);
        let mut advanced = None;
        for (index, sent) in self.ring.iter().enumerate() {
            match sent.state {
                State::Acked => continue,
                State::Abandoned => {}
                State::InFlight | State::Lost => break,
            }
            let entry = Skipped {
                stream: sent.data.stream,
                unordered: sent.data.has(flag::UNORDERED),
                message: sent.data.message,
            };
            // RFC 3758 §3.2: of unordered messages the TSN says enough.
            if self.interleaved || !entry.unordered {
                let same = |other: &&mut Skipped| {
                    (other.stream, other.unordered) == (entry.stream, entry.unordered)
                };
                let full = skipped.len() == most;
                match skipped.iter_mut().rev().find(same) {
                    Some(other) => other.message = entry.message,
                    None if full => break,
                    None => skipped.push(entry),
                }
            }
            advanced = Some(self.first + index as u64);
        }
        let advanced = advanced?;
        Some((advanced, skipped))
    }

    /// Whether the peer could skip something, now or later.
    pub(in super::super) fn has_abandoned(&self) -> bool {
        self.abandoned > 0
    }

    /// The timer ran out: all that is in flight is lost. What the peer said it has is forgotten if
    /// the first of it should have moved the cumulative TSN (RFC 9260 §6.2.1: it may renege).
    pub(in super::super) fn lose_all(&mut self, now: Instant) -> Vec<GivenUp> {
        let reneged = self
            .ring
            .front()
            .is_some_and(|sent| sent.state == State::Acked);
        if reneged {
            self.sacked.clear();
        }
        self.lost.clear();
        let mut given_up = Vec::new();
        for tsn in self.first..self.next() {
            let Some(sent) = self.get_mut(tsn) else {
                break;
            };
            match sent.state {
                State::Acked if reneged => {
                    sent.state = State::Lost;
                    let payload = sent.data.payload.len();
                    self.unacknowledged.0 += payload;
                    self.unacknowledged.1 += 1;
                }
                State::InFlight | State::Lost => {}
                State::Acked | State::Abandoned => continue,
            }
            given_up.extend(self.lose(now, tsn));
        }
        given_up
    }
}
