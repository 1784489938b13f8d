//! The association as an [`Engine`].

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::Native;
use super::queue::Side;
use crate::sctp::engine::interface::{
    Blocked, Delivery, Engine, EngineEvent, Reliability, Request,
};
use crate::sctp::handshake::Handshake;
use crate::sctp::message::Ppid;
use crate::sctp::stats::{Counters, Stats};
use crate::sctp::wire::packet::Header;
use crate::timer::earlier;

impl Engine for Native {
    fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    fn handle_packet(
        &mut self,
        now: Instant,
        header: Header,
        packet: Bytes,
        _: usize,
        counters: &mut Counters,
        out: &mut VecDeque<Bytes>,
    ) -> Option<Request> {
        self.accept(now, header, packet, counters, out)
    }

    fn poll_event(&mut self) -> Option<EngineEvent> {
        self.events.pop_front()
    }

    fn read(&mut self, stream: u16) -> Option<(Ppid, Bytes)> {
        self.reassembly.read(stream, &mut self.events)
    }

    fn is_exhausted(&self) -> bool {
        self.reassembly.cost() > self.limit()
    }

    fn handle_read(&mut self, _: Instant, unread: usize) {
        let credit = self.credit(unread);
        // RFC 9260 §6.2: like RFC 1122 §4.2.3.3, no update for every byte.
        let worth = if self.advertised < 4 * self.packet_size {
            self.packet_size
        } else if self.advertised < self.window / 2 {
            self.window / 4
        } else {
            return;
        };
        if credit >= self.advertised + worth {
            self.received.announce();
            self.urgent = true;
        }
    }

    fn begin(&mut self, stream: u16) {
        self.sender.queue.stream(stream).used = true;
        self.reassembly.touch(stream);
    }

    fn is_writable(&mut self, stream: u16) -> bool {
        self.sender.queue.is_open(stream)
    }

    fn write(
        &mut self,
        _: Instant,
        stream: u16,
        ppid: Ppid,
        contents: Bytes,
        delivery: Delivery,
    ) -> Result<(), Blocked> {
        if self.sender.queue.stream(stream).side == Side::Closing {
            return Err(Blocked);
        }
        self.reassembly.touch(stream);
        let reliability = if self.sender.forgiving {
            delivery.reliability
        } else {
            Reliability::Full
        };
        let delivery = Delivery {
            reliability,
            ..delivery
        };
        self.sender.queue.push(stream, ppid, contents, delivery);
        Ok(())
    }

    fn buffered(&mut self, stream: u16) -> usize {
        self.sender.queue.buffered(stream)
    }

    fn outstanding(&mut self) -> usize {
        self.sender.queue.outstanding()
    }

    fn pending(&mut self) -> usize {
        self.sender.queue.pending()
    }

    fn room(&mut self, ahead: usize) -> (usize, usize) {
        self.sender.room(ahead)
    }

    fn is_interleaved(&self) -> bool {
        self.interleaved
    }

    fn interleaves(&self, stream: u16) -> bool {
        self.interleaved && !self.sender.queue.has_waiting(stream)
    }

    fn reset(&mut self, stream: u16) {
        self.reassembly.kill(stream, &mut self.events);
        self.close_side(stream);
    }

    fn is_resetting(&self, stream: u16) -> bool {
        !self.sender.queue.is_open(stream)
    }

    fn resetting(&self) -> usize {
        self.resets.len()
    }

    fn end_reset(&mut self, _: u16) {}

    fn dead(&self) -> &HashSet<u16> {
        &self.reassembly.dead
    }

    fn kill(&mut self, stream: u16) {
        self.reassembly.kill(stream, &mut self.events);
    }

    fn revive(&mut self, stream: u16) {
        self.reassembly.dead.remove(&stream);
    }

    fn wake(&mut self) {
        self.dirty = true;
    }

    fn wake_now(&mut self) {
        self.dirty = true;
        self.urgent = true;
    }

    fn is_due(&self, now: Instant) -> bool {
        self.urgent
            || self.dirty
            || self.sender.is_urgent()
            || self.received.is_due(now)
            || self.resets.poll_timeout().is_some_and(|due| due <= now)
            || (self.sender.paced && !self.sender.is_paused(now))
    }

    fn permit(&mut self, now: Instant) {
        self.sender.permit(now);
    }

    fn transmit(&mut self, now: Instant, unread: usize, more: bool, out: &mut VecDeque<Bytes>) {
        self.dirty = false;
        self.urgent = false;
        self.make_packets(now, unread, more, out);
        let (bytes, _) = self.sender.room(0);
        if more && bytes == 0 && self.sender.queue.pending() == 0 {
            self.sender.flight.path.on_limited();
        }
    }

    fn poll_timeout(&self, now: Option<Instant>) -> Option<Instant> {
        let due = now.filter(|&now| self.is_due(now));
        let timers = earlier(self.received.poll_timeout(), self.resets.poll_timeout());
        earlier(due, earlier(timers, self.sender.poll_timeout()))
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.dirty |= self.sender.handle_timeout(now);
        if let Some(outcome) = self.resets.handle_timeout(now) {
            self.apply(outcome);
        }
    }

    fn retransmit_now(&mut self, now: Instant) {
        if self.sender.retransmit_now(now) {
            self.urgent = true;
        }
    }

    fn report(&self, stats: &mut Stats) {
        let flight = &self.sender.flight;
        (stats.in_flight_bytes, stats.in_flight_chunks) = flight.unacknowledged();
        stats.send_limit = self.sender.window();
        stats.rtt = flight.path.smoothed_rtt();
        stats.min_rtt = flight.path.min_rtt();
        stats.delivery_rate = flight.path.delivery_rate();
        stats.retransmitted_chunks = flight.retransmissions;
        stats.timeouts = self.sender.recovery.timeouts;
        stats.fast_retransmits = self.sender.recovery.fast;
    }

    #[cfg(test)]
    fn sent(&self) -> (u32, u32) {
        let flight = &self.sender.flight;
        (flight.cumulative() as u32, (flight.next() - 1) as u32)
    }
}
