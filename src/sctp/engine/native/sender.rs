//! The way out: what leaves, when it leaves again, and what the peer says of it.

use std::time::{Duration, Instant};

use super::chunk::{Data, Sack, Skipped};
use super::congestion::{Acked, Controller, Lost, controller};
use super::flight::{Flight, GivenUp};
use super::queue::Queue;
use super::recovery::{Expired, Recovery};
use super::rto::Rto;
use crate::sctp::config::Config;
use crate::sctp::engine::interface::MAX_PAUSE;
use crate::sctp::wire::init::Parameters;
use crate::timer::earlier;

/// How much more than what the window lets out may be written, in packets: it must never run dry
/// between two acknowledgements, and what waits here delays all other channels.
const AHEAD_PACKETS: usize = 1;
/// A pause between two bursts is this part of the round trip, ...
const RTT_PART: u32 = 16;
/// ... but not less than this: a timer is not more exact.
const MIN_PAUSE: Duration = Duration::from_millis(1);
/// How many TSNs there may be that are not acknowledged cumulatively: with full packets that is 9 MB
/// a round trip, with tiny ones it is what the peer may have to hold.
const MAX_SPAN: usize = 8192;

#[derive(Debug)]
pub(super) struct Sender {
    interleaved: bool,
    /// RFC 3758: the peer lets us give up.
    pub(super) forgiving: bool,
    packet: usize,
    pub(super) queue: Queue,
    pub(super) flight: Flight,
    pub(super) recovery: Recovery,
    controller: Box<dyn Controller>,
    /// What the peer last had room for.
    peer_window: usize,
    /// The peer is to be told what to skip; when it last was.
    forward: bool,
    forwarded: Option<Instant>,
    /// One chunk leaves whatever the window says (RFC 8985 §7.3).
    probe: bool,
    /// How many bytes more may leave now, and since when.
    allowance: usize,
    allowed: Option<Instant>,
    last_sent: Option<Instant>,
    /// There is more, which leaves after a pause.
    pub(super) paced: bool,
}

impl Sender {
    pub(super) fn new(
        now: Instant,
        config: &Config,
        interleaved: bool,
        local: &Parameters,
        peer: &Parameters,
    ) -> Sender {
        let packet = config.packet_size();
        let rto = Rto::new(config.rto_initial, config.rto_min, config.rto_max);
        Sender {
            interleaved,
            forgiving: peer.forward_tsn || interleaved,
            packet,
            queue: Queue::new(interleaved),
            flight: Flight::new(interleaved, local.initial_tsn),
            recovery: Recovery::new(now, rto),
            controller: controller(config.congestion_control, packet),
            peer_window: peer.window as usize,
            forward: false,
            forwarded: None,
            probe: false,
            allowance: 0,
            allowed: None,
            last_sent: None,
            paced: false,
        }
    }

    pub(super) fn window(&self) -> usize {
        self.controller.window(&self.flight.path)
    }

    /// A SACK. `false` if it acknowledges what was never sent.
    pub(super) fn on_sack(&mut self, now: Instant, sack: &Sack) -> bool {
        let in_flight = self.flight.bytes();
        let before = self.flight.cumulative();
        let Some(acked) = self.flight.acknowledge(now, sack) else {
            return false;
        };
        // One that was overtaken says nothing new (RFC 9260 §6.2.1 D i).
        if sack.cumulative == self.flight.cumulative() as u32 {
            self.peer_window = sack.window as usize;
        }
        for &(stream, bytes) in &acked.streams {
            self.queue.release(stream, bytes);
        }
        for _ in sack.duplicates() {
            if self.recovery.on_duplicate() {
                self.controller.on_spurious_loss();
            }
        }
        if acked.bytes > 0 || self.flight.cumulative() > before {
            let rtt = acked.sample.map(|sample| self.flight.measure(now, sample));
            if let Some(rtt) = rtt {
                self.recovery.rto.on_sample(rtt);
            }
            self.recovery.on_acked(now, &acked, &self.flight);
            let newest = acked.newest.map_or(before, |newest| newest.tsn);
            self.controller.on_acked(
                Acked {
                    now,
                    bytes: acked.bytes,
                    in_flight,
                    rtt,
                    newest,
                    next: self.flight.next(),
                    recovering: self.recovery.is_recovering(),
                },
                &self.flight.path,
            );
        }
        self.find_lost(now, in_flight);
        let pause = self.recovery.rto.smoothed().unwrap_or_default();
        let told = self.forwarded.is_some_and(|at| now < at + pause);
        // RFC 3758 §3.5 C: also again, if the peer does not seem to have heard of it.
        self.forward |= self.flight.has_abandoned() && (!told || acked.moved);
        true
    }

    fn find_lost(&mut self, now: Instant, in_flight: usize) {
        let (lost, given_up) = self.recovery.find_lost(now, &mut self.flight);
        self.give_up(given_up);
        if lost == 0 || self.recovery.is_recovering() {
            return;
        }
        let (lost, acked) = self.recovery.round();
        let congested = self
            .controller
            .on_loss(Lost { lost, acked }, &self.flight.path);
        if congested && let Some(target) = self.controller.target() {
            self.recovery
                .begin(&self.flight, in_flight, target, self.packet);
        }
    }

    fn give_up(&mut self, given_up: impl IntoIterator<Item = GivenUp>) {
        for given in given_up {
            self.queue.release(given.stream, given.bytes);
            if given.has_rest {
                self.queue.drop_rest(given.stream);
            }
            self.forward = true;
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let pause = self.paced.then(|| self.pause_end()).flatten();
        earlier(self.recovery.poll_timeout(&self.flight), pause)
    }

    /// Returns whether there is something to send.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        let Some(expired) = self.recovery.expired(now, &self.flight) else {
            return false;
        };
        match expired {
            Expired::Reordering => self.find_lost(now, self.flight.bytes()),
            Expired::Probe => {
                // New data tells as much, and is not sent in vain.
                let fits = self.peer_window > self.flight.payload() + self.packet;
                self.probe = (self.queue.pending() > 0 && fits) || self.flight.lose_newest(now);
            }
            Expired::Timeout => {
                let given_up = self.flight.lose_all(now);
                self.give_up(given_up);
                self.forward |= self.flight.has_abandoned();
                self.controller.on_timeout(now, &self.flight.path);
                self.probe = true;
            }
        }
        true
    }

    /// The path is back: what the timer waits for has happened. Where something was acknowledged
    /// since, the repair is under way.
    pub(super) fn retransmit_now(&mut self, now: Instant) -> bool {
        if !self.recovery.rto.is_backed_off() || self.flight.is_empty() {
            return false;
        }
        self.recovery.hasten(now);
        self.handle_timeout(now)
    }

    fn pause(&self) -> Duration {
        let rtt = self.flight.path.smoothed_rtt().unwrap_or_default();
        (rtt / RTT_PART).clamp(MIN_PAUSE, MAX_PAUSE)
    }

    fn pause_end(&self) -> Option<Instant> {
        self.last_sent.map(|last| last + self.pause())
    }

    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.pause_end().is_some_and(|end| now < end)
    }

    /// A batch begins. What has passed since the last lets more out; all at once would overflow the
    /// queue at the bottleneck.
    pub(super) fn permit(&mut self, now: Instant) {
        let Some(pace) = self.controller.pace(&self.flight.path) else {
            self.allowance = usize::MAX;
            self.allowed = None;
            self.paced = false;
            return;
        };
        // What a pause lets out.
        let most = (pace * self.pause().as_secs_f64()).max((4 * self.packet) as f64);
        let since = self
            .allowed
            .map_or(most, |at| pace * now.duration_since(at).as_secs_f64());
        // A cast from a float saturates.
        self.allowance = (self.allowance.saturating_add(since as usize)).min(most as usize);
        // Less than a byte is not lost in rounding.
        if since >= 1.0 {
            self.allowed = Some(now);
        }
        self.last_sent = Some(now);
        self.paced = false;
    }

    /// How much more may be in flight, pacing aside.
    fn left(&self) -> usize {
        let window = self.window().saturating_sub(self.flight.bytes());
        self.recovery.credit().map_or(window, |credit| credit)
    }

    /// How many bytes and chunks may be written now.
    pub(super) fn room(&self, ahead: usize) -> (usize, usize) {
        let ahead = ahead.saturating_mul(AHEAD_PACKETS * self.packet);
        let window = self.left().min(self.allowance.max(self.packet));
        let bytes = window.saturating_add(ahead).min(
            // Nothing is gained by what the window of the peer keeps back.
            self.left() + AHEAD_PACKETS * self.packet,
        );
        let open = self.peer_window.saturating_sub(self.flight.payload());
        let bytes = bytes.min(open + self.packet);
        let bytes = bytes.saturating_sub(self.queue.pending());
        let chunks = self.flight.span() + self.queue.messages();
        (bytes, MAX_SPAN.saturating_sub(chunks))
    }

    /// Whether a chunk of this size may leave; `user` is its user data.
    fn may_leave(&mut self, size: usize, user: usize) -> bool {
        if self.flight.span() >= MAX_SPAN {
            return false;
        }
        if std::mem::take(&mut self.probe) {
            return true;
        }
        let alone = self.flight.bytes() == 0;
        // RFC 9260 §6.1 A: one chunk always, to learn when the window of the peer opens.
        if !alone && self.flight.payload() + user > self.peer_window {
            return false;
        }
        if self.left() < size && !(alone && self.recovery.credit().is_none()) {
            self.flight.path.on_limited();
            return false;
        }
        if self.allowance < size {
            self.paced = true;
            return false;
        }
        true
    }

    /// The next chunk that leaves, if there is one that may and that fits into `room` bytes.
    pub(super) fn next(&mut self, now: Instant, room: usize) -> Next {
        while let Some((tsn, size)) = self.flight.next_lost() {
            if self.flight.is_over(tsn, now) {
                let given_up = self.flight.abandon(tsn);
                self.give_up(given_up);
                continue;
            }
            let user = size.saturating_sub(Data::overhead(self.interleaved));
            if size > room {
                return Next::Full;
            }
            if !self.may_leave(size, user) {
                return Next::None;
            }
            return match self.flight.resend(now, tsn) {
                Some(data) => self.leaves(now, data, size, true),
                None => Next::None,
            };
        }
        while self.forgiving
            && let Some(previous) = self.queue.take_expired(now)
        {
            let given_up = self.flight.abandon(previous);
            self.give_up(given_up);
        }
        let most = self.most();
        let Some(user) = self.queue.peek(most) else {
            return Next::None;
        };
        let size = Data::size(self.interleaved, user);
        if size > room {
            return Next::Full;
        }
        if !self.may_leave(size, user) {
            return Next::None;
        }
        let Some(fragment) = self.queue.next(most, self.flight.next()) else {
            return Next::None;
        };
        let data = fragment.data.clone();
        self.flight
            .push(now, fragment.data, fragment.reliability, fragment.previous);
        self.leaves(now, data, size, false)
    }

    /// The user data of a full packet.
    fn most(&self) -> usize {
        const HEADER_SIZE: usize = crate::sctp::wire::packet::HEADER_SIZE;
        (self.packet - HEADER_SIZE - Data::overhead(self.interleaved)) & !3
    }

    fn leaves(&mut self, now: Instant, data: Data, size: usize, again: bool) -> Next {
        self.allowance = self.allowance.saturating_sub(size);
        let alone = self.flight.chunks() == 1;
        self.recovery.on_sent(now, size, again, alone);
        Next::Chunk(data)
    }

    /// Everything that may leave has left.
    pub(super) fn rest(&mut self) {
        self.probe = false;
    }

    /// What the peer is to skip, if it is to be told now.
    pub(super) fn forward(&mut self, now: Instant, room: usize) -> Option<(u64, Vec<Skipped>)> {
        if !std::mem::take(&mut self.forward) {
            return None;
        }
        let forward = self.flight.forward(room)?;
        self.forwarded = Some(now);
        Some(forward)
    }

    /// Whether something must leave whatever the pace is.
    pub(super) fn is_urgent(&self) -> bool {
        self.forward || self.probe
    }

    /// Nothing follows that would make the peer acknowledge this soon.
    pub(super) fn is_last(&self, more: bool) -> bool {
        let drained = self.queue.pending() == 0 && !more;
        drained || self.flight.chunks() <= 1 || self.left() < self.packet
    }
}

/// What [`Sender::next`] finds.
#[derive(Debug)]
pub(super) enum Next {
    Chunk(Data),
    /// There is one, for another packet.
    Full,
    /// There is none, or none may leave.
    None,
}
