//! What is lost, and when (RFC 8985: RACK-TLP; RFC 9260 §6.3.3), and how much may leave while it is
//! repaired (RFC 6937).

use std::time::{Duration, Instant};

use super::flight::{Acknowledged, Flight, GivenUp};
use super::rto::Rto;
use crate::timer::earlier;

/// RFC 8985 §7.2: how long a peer may take to acknowledge a lone packet.
const MAX_ACK_DELAY: Duration = Duration::from_millis(50);
/// Without a round trip there is no probe, but the timeout.
const MIN_PROBE: Duration = Duration::from_millis(10);
/// RFC 8985 §6.2 step 4: the reordering window is at most so many quarters of a round trip.
const MAX_WINDOW: u32 = 16;

/// A timer ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    /// What was sent may be lost by now.
    Reordering,
    /// Nothing was acknowledged for two round trips: the end of what was sent may be lost.
    Probe,
    /// T3-rtx.
    Timeout,
}

/// Losses that are being repaired.
#[derive(Debug)]
struct Episode {
    /// It ends when this is acknowledged.
    end: u64,
    /// RFC 6937: what to come down to, from what, and what went out and arrived on the way.
    target: usize,
    from: usize,
    delivered: usize,
    out: usize,
    /// How much may leave now.
    credit: usize,
    /// Sent again, and of those, how many the peer got twice.
    resent: u32,
    twice: u32,
}

#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) rto: Rto,
    /// RFC 8985 §6.1: the chunk that was sent last of all that were acknowledged, its round trip.
    rack: Option<(Instant, u64)>,
    rtt: Duration,
    reordered: bool,
    /// In quarters of the least round trip.
    window: u32,
    /// When the oldest in flight counts as lost.
    reordering: Option<Instant>,
    /// When something last went forward: the timers count from here.
    progress: Instant,
    sent: Instant,
    /// A probe is out, and no answer came.
    probed: bool,
    episode: Option<Episode>,
    /// This round trip: where it ends, what was lost and what was acknowledged in it.
    round: u64,
    lost: usize,
    acked: usize,
    pub(super) timeouts: u64,
    pub(super) fast: u64,
}

impl Recovery {
    pub(super) fn new(now: Instant, rto: Rto) -> Recovery {
        Recovery {
            rto,
            rack: None,
            rtt: Duration::ZERO,
            reordered: false,
            window: 1,
            reordering: None,
            progress: now,
            sent: now,
            probed: false,
            episode: None,
            round: 0,
            lost: 0,
            acked: 0,
            timeouts: 0,
            fast: 0,
        }
    }

    /// Whether losses are repaired that were taken for congestion.
    pub(super) fn is_recovering(&self) -> bool {
        self.episode.is_some()
    }

    /// What was lost and what was acknowledged in this round trip.
    pub(super) fn round(&self) -> (usize, usize) {
        (self.lost, self.acked)
    }

    /// How much may leave because of the repair; `None` when there is none.
    pub(super) fn credit(&self) -> Option<usize> {
        self.episode.as_ref().map(|episode| episode.credit)
    }

    /// Data left.
    pub(super) fn on_sent(&mut self, now: Instant, bytes: usize, again: bool, alone: bool) {
        if alone {
            self.progress = now;
        }
        self.sent = now;
        if let Some(episode) = &mut self.episode {
            episode.out += bytes;
            episode.credit = episode.credit.saturating_sub(bytes);
            episode.resent += u32::from(again);
        }
    }

    /// A SACK acknowledged something.
    pub(super) fn on_acked(&mut self, now: Instant, acked: &Acknowledged, flight: &Flight) {
        self.progress = now;
        self.probed = false;
        self.rto.reset();
        self.reordered |= acked.reordered;
        if let Some(newest) = acked.newest {
            let rtt = now.saturating_duration_since(newest.sent_at);
            let least = flight.path.min_rtt().unwrap_or_default();
            // RFC 8985 §6.2 step 2: it is the answer to the first transmission.
            let spurious = newest.transmissions > 1 && rtt < least;
            let at = (newest.sent_at, newest.tsn);
            if !spurious && self.rack.is_none_or(|rack| rack < at) {
                self.rack = Some(at);
                self.rtt = rtt;
            }
        }
        self.acked += acked.bytes;
        if flight.cumulative() >= self.round {
            self.round = flight.next();
            self.lost = 0;
            self.acked = acked.bytes;
        }
        let Some(episode) = &mut self.episode else {
            return;
        };
        if flight.cumulative() >= episode.end {
            self.episode = None;
            return;
        }
        // RFC 6937 §3.
        episode.delivered += acked.bytes;
        let in_flight = flight.bytes();
        episode.credit = if in_flight > episode.target {
            (episode.delivered * episode.target)
                .div_ceil(episode.from.max(1))
                .saturating_sub(episode.out)
        } else {
            let limit = episode
                .delivered
                .saturating_sub(episode.out)
                .max(acked.bytes);
            (episode.target - in_flight).min(limit)
        };
    }

    /// Losses were found and taken for congestion: from now on no more than `target` in flight.
    pub(super) fn begin(&mut self, flight: &Flight, from: usize, target: usize, packet: usize) {
        self.episode = Some(Episode {
            end: flight.next() - 1,
            target,
            from,
            delivered: 0,
            out: 0,
            credit: packet,
            resent: 0,
            twice: 0,
        });
    }

    /// The peer got a chunk twice. Returns whether all that was sent again in this repair was sent
    /// in vain: then there was no loss.
    pub(super) fn on_duplicate(&mut self) -> bool {
        // RFC 8985 §6.2 step 4.
        self.window = (self.window + 1).min(MAX_WINDOW);
        let Some(episode) = &mut self.episode else {
            return false;
        };
        episode.twice += 1;
        let spurious = episode.twice >= episode.resent;
        if spurious {
            self.episode = None;
        }
        spurious
    }

    /// RFC 8985 §6.2 step 5: everything that was sent so long before something that was
    /// acknowledged.
    pub(super) fn find_lost(&mut self, now: Instant, flight: &mut Flight) -> (usize, Vec<GivenUp>) {
        self.reordering = None;
        let (mut lost, mut given_up) = (0, Vec::new());
        let Some(rack) = self.rack else {
            return (0, given_up);
        };
        let least = flight.path.min_rtt().unwrap_or(self.rtt);
        let window = if !self.reordered && flight.has_three_beyond() {
            Duration::ZERO
        } else {
            let smoothed = self.rto.smoothed().unwrap_or(self.rtt);
            (least / 4 * self.window).min(smoothed)
        };
        while let Some((tsn, sent_at)) = flight.oldest()
            && (sent_at, tsn) < rack
        {
            let due = sent_at + self.rtt + window;
            if due > now {
                self.reordering = Some(due);
                break;
            }
            let before = flight.bytes();
            given_up.extend(flight.lose(now, tsn));
            lost += before - flight.bytes();
            self.fast += 1;
        }
        self.lost += lost;
        (lost, given_up)
    }

    /// The present timers, for what is in flight.
    fn timer(&self, flight: &Flight) -> Option<(Instant, Expired)> {
        if flight.is_empty() {
            return None;
        }
        let timeout = (self.progress + self.rto.current(), Expired::Timeout);
        let probe = self.probe(flight).map(|at| (at, Expired::Probe));
        let reordering = self.reordering.map(|at| (at, Expired::Reordering));
        [Some(timeout), probe, reordering]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }

    /// RFC 8985 §7.2.
    fn probe(&self, flight: &Flight) -> Option<Instant> {
        if self.probed || self.rto.is_backed_off() || flight.bytes() == 0 {
            return None;
        }
        let mut after = (self.rto.smoothed()? * 2).max(MIN_PROBE);
        if flight.chunks() == 1 {
            after += MAX_ACK_DELAY;
        }
        Some(self.sent.max(self.progress) + after)
    }

    pub(super) fn poll_timeout(&self, flight: &Flight) -> Option<Instant> {
        earlier(self.timer(flight).map(|(at, _)| at), None)
    }

    /// What has run out.
    pub(super) fn expired(&mut self, now: Instant, flight: &Flight) -> Option<Expired> {
        let (_, expired) = self.timer(flight).filter(|(at, _)| *at <= now)?;
        match expired {
            Expired::Reordering => self.reordering = None,
            Expired::Probe => self.probed = true,
            Expired::Timeout => {
                self.timeouts += 1;
                self.progress = now;
                self.probed = false;
                self.episode = None;
                self.reordering = None;
                self.rto.back_off();
            }
        }
        Some(expired)
    }

    /// The timeout is due now.
    pub(super) fn hasten(&mut self, now: Instant) {
        if let Some(past) = now.checked_sub(self.rto.current()) {
            self.progress = past;
        }
    }
}
