//! When sctp-proto is asked to send, how much it is given, and how much of that may leave.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};

use super::Guarded;
use super::outbound;
use crate::sctp::engine::interface::MAX_PAUSE;
use crate::sctp::wire::packet::kind;

/// How much more than what the window lets out is given to the association, in packets: it must
/// never run dry between two acknowledgements, and what waits in it delays all other channels.
const AHEAD_PACKETS: usize = 8;
/// Up to so many chunks in flight, asking sctp-proto to send costs next to nothing.
const CHEAP_CHUNKS: usize = 64;
/// With more, it is asked when this part of what is in flight was acknowledged, ...
const ACKNOWLEDGED_PART: usize = 16;
/// ... or after a part of the round trip, within these bounds.
const RTT_PART: u32 = 16;
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// How often sctp-proto is asked in one batch for more of what a timeout has lost: each time it
/// looks at all that is in flight, and gives one packet.
const MAX_REPAIRS: usize = 64;

impl Guarded {
    /// Whether it is time to send. With much in flight every acknowledgement by itself is not
    /// worth the scans: sctp-proto looks at everything in flight each time.
    pub(in crate::sctp) fn is_due(&self, now: Instant) -> bool {
        let worth = self.dirty
            && (self.urgent
                || self.flight.chunks() <= CHEAP_CHUNKS
                || self.acked_since_transmit * ACKNOWLEDGED_PART >= self.flight.bytes());
        let waits = self.dirty || self.paced;
        worth || (waits && self.pause_end().is_none_or(|end| end <= now))
    }

    pub(super) fn pause_end(&self) -> Option<Instant> {
        self.last_transmit.map(|last| last + self.pause())
    }

    fn pause(&self) -> Duration {
        let rtt = self.flight.path.smoothed_rtt().unwrap_or_default();
        (rtt / RTT_PART).clamp(MIN_PAUSE, MAX_PAUSE)
    }

    /// A batch begins. What was acknowledged lets more out, and so does a pause; with all that the
    /// path holds at once, a sender that was idle, or the end of a large gap, would overflow the
    /// queue at the bottleneck.
    pub(in crate::sctp) fn permit(&mut self, now: Instant) {
        let path = &self.flight.path;
        let (burst, earned) = path.burst(self.acked_since_transmit, self.pause());
        let most = burst.max(earned);
        if self.allowed.is_none_or(|at| at + self.pause() <= now) {
            self.allowed = Some(now);
            self.allowance = most;
        } else {
            self.allowance = self.allowance.saturating_add(earned).min(most);
        }
    }

    /// How much may be in flight now.
    fn permitted(&self) -> usize {
        let permitted = self.flight.bytes().saturating_add(self.allowance);
        self.limit().0.min(permitted)
    }

    /// How much may ever be in flight on this path, in bytes and in chunks.
    fn limit(&self) -> (usize, usize) {
        let limit = self.flight.path.limit();
        (limit.bytes as usize, limit.chunks as usize)
    }

    /// How many bytes and chunks may be given to the association now. `ahead` is 1 at first, and
    /// more when the association took everything and asks for more.
    pub(in crate::sctp) fn room(&mut self, ahead: usize) -> (usize, usize) {
        let target = self.window_guess.max(self.flight.bytes())
            + ahead.saturating_mul(AHEAD_PACKETS * self.packet_size);
        let bytes = target
            .min(self.permitted())
            .saturating_sub(self.proto.outstanding());
        (bytes, self.limit().1.saturating_sub(self.flight.chunks()))
    }

    /// What was given to the association and not sent.
    pub(in crate::sctp) fn pending(&mut self) -> usize {
        self.proto.outstanding().saturating_sub(self.flight.bytes())
    }

    /// Sends what can be sent. `more` says that channels have more to give.
    pub(in crate::sctp) fn transmit(
        &mut self,
        now: Instant,
        unread: usize,
        more: bool,
        out: &mut VecDeque<Bytes>,
    ) {
        self.dirty = false;
        self.urgent = false;
        // In bytes, as in a slow start: sctp-proto grows its window only while new data waits, and
        // at the end of a transfer would send one packet again each round trip.
        let mut repair = match self.recovery {
            Some(_) => 2 * self.acked_since_transmit,
            None => 0,
        };
        self.acked_since_transmit = 0;
        self.last_transmit = Some(now);
        let mut last_data = None;
        let mut data_packets = 0;
        let mut sack = None;
        self.paced = false;
        self.hold_back(now);
        let before = self.flight.bytes();
        let mut contents = std::mem::take(&mut self.contents);
        for _ in 0..MAX_REPAIRS {
            let before = self.flight.retransmissions();
            for packet in self.proto.transmit(now) {
                outbound::look(&packet, &mut contents);
                for &(tsn, length) in &contents.data {
                    self.flight.on_sent(now, tsn, length);
                    repair = repair.saturating_sub(length);
                }
                data_packets += usize::from(!contents.data.is_empty());
                let packet = match contents.reconfig {
                    true => self.requests.on_leaving(packet),
                    false => packet,
                };
                if contents.sack {
                    // sctp-proto sends it by itself.
                    sack = Some(self.rewrite_sack(packet, unread));
                } else if packet.len() > self.packet_size {
                    outbound::split(&packet, self.packet_size, |part| out.push_back(part));
                    last_data = None;
                } else {
                    if let Some(offset) = contents.last_data {
                        last_data = Some((out.len(), offset));
                    }
                    out.push_back(packet);
                }
            }
            if repair == 0 || self.flight.retransmissions() == before {
                break;
            }
        }
        self.contents = contents;
        let pending = self.pending();
        self.allowance = self.allowance.saturating_sub(self.flight.bytes() - before);
        let limit = self.limit();
        let limited =
            self.flight.bytes() + self.packet_size > limit.0 || self.flight.chunks() >= limit.1;
        let held = limited || self.allowance < self.packet_size;
        let waiting = more || pending > 0;
        if waiting && limited {
            self.flight.path.on_limited();
        }
        self.paced = waiting && held && !limited;
        self.window_guess = if pending > 0 && !held {
            self.flight.bytes()
        } else {
            self.window_guess.max(self.flight.bytes())
        };
        if let Some((index, offset)) = last_data
            && let Some(packet) = out.get_mut(index)
        {
            // Nothing follows these packets that would make the peer acknowledge them soon: there
            // is no more data, or the window has room for one packet only, as after a timeout.
            let lone = self.flight.chunks() == 1 || (self.recovery.is_some() && data_packets == 1);
            let last = (pending == 0 && !more) || lone;
            let immediate = last.then_some(offset);
            let with = sack.take_if(|sack| outbound::fits(sack, packet, self.packet_size));
            if immediate.is_some() || with.is_some() {
                *packet = outbound::finish(std::mem::take(packet), immediate, with);
            }
        }
        out.extend(sack);
    }

    /// Keeps sctp-proto from sending all of a large message at once: it is told of a window of the
    /// peer that is as large as what may be in flight, until the next SACK tells it the real one.
    /// While it recovers from a timeout, its congestion window is small, and another would only
    /// hold back what is sent again.
    fn hold_back(&mut self, now: Instant) {
        let permitted = self.permitted();
        let hold = self.recovery.is_none() && self.proto.outstanding() > permitted;
        if !hold && !self.held_back {
            return;
        }
        let window = match u32::try_from(permitted) {
            Ok(permitted) if hold => permitted.min(self.peer_window),
            _ => self.peer_window,
        };
        let mut value = BytesMut::with_capacity(12);
        value.put_u32(self.flight.cumulative());
        value.put_u32(window);
        value.put_u32(0);
        self.held_back = self.inform(now, kind::SACK, 0, &value) && hold;
    }
}
