//! sctp-proto as an [`Engine`].

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::Guarded;
use crate::sctp::engine::interface::{Blocked, Delivery, Engine, EngineEvent, Request};
use crate::sctp::handshake::Handshake;
use crate::sctp::message::Ppid;
use crate::sctp::stats::{Counters, Stats};
use crate::sctp::wire::packet::Header;

impl Engine for Guarded {
    fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    fn handle_packet(
        &mut self,
        now: Instant,
        header: Header,
        packet: Bytes,
        unread: usize,
        counters: &mut Counters,
        out: &mut VecDeque<Bytes>,
    ) -> Option<Request> {
        self.handle_packet(now, header, packet, unread, counters, out)
    }

    fn poll_event(&mut self) -> Option<EngineEvent> {
        self.proto.poll_event()
    }

    fn read(&mut self, stream: u16) -> Option<(Ppid, Bytes)> {
        self.read(stream)
    }

    fn is_exhausted(&self) -> bool {
        self.is_exhausted()
    }

    fn handle_read(&mut self, now: Instant, unread: usize) {
        self.handle_read(now, unread);
    }

    fn begin(&mut self, stream: u16) {
        self.proto.begin(stream);
    }

    fn is_writable(&mut self, stream: u16) -> bool {
        self.proto.is_writable(stream)
    }

    fn write(
        &mut self,
        now: Instant,
        stream: u16,
        ppid: Ppid,
        contents: Bytes,
        delivery: Delivery,
    ) -> Result<(), Blocked> {
        self.proto.write(now, stream, ppid, contents, delivery)
    }

    fn buffered(&mut self, stream: u16) -> usize {
        self.proto.buffered(stream)
    }

    fn outstanding(&mut self) -> usize {
        self.proto.outstanding()
    }

    fn pending(&mut self) -> usize {
        self.pending()
    }

    fn room(&mut self, ahead: usize) -> (usize, usize) {
        self.room(ahead)
    }

    fn reset(&mut self, stream: u16) {
        self.reset(stream);
    }

    fn is_resetting(&self, stream: u16) -> bool {
        self.requests.resetting().contains(&stream)
    }

    fn resetting(&self) -> usize {
        self.requests.resetting().len()
    }

    fn end_reset(&mut self, stream: u16) {
        self.requests.end(stream);
    }

    fn dead(&self) -> &HashSet<u16> {
        &self.dead
    }

    fn kill(&mut self, stream: u16) {
        self.dead.insert(stream);
    }

    fn revive(&mut self, stream: u16) {
        self.dead.remove(&stream);
    }

    fn wake(&mut self) {
        self.wake();
    }

    fn wake_now(&mut self) {
        self.wake_now();
    }

    fn is_due(&self, now: Instant) -> bool {
        self.is_due(now)
    }

    fn permit(&mut self, now: Instant) {
        self.permit(now);
    }

    fn transmit(&mut self, now: Instant, unread: usize, more: bool, out: &mut VecDeque<Bytes>) {
        self.transmit(now, unread, more, out);
    }

    fn poll_timeout(&self, now: Option<Instant>) -> Option<Instant> {
        self.poll_timeout(now)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn retransmit_now(&mut self, now: Instant) {
        self.retransmit_now(now);
    }

    fn report(&self, stats: &mut Stats) {
        let flight = &self.flight;
        stats.in_flight_bytes = flight.bytes();
        stats.in_flight_chunks = flight.chunks();
        stats.send_limit = flight.path.limit().bytes as usize;
        stats.rtt = flight.path.smoothed_rtt();
        stats.min_rtt = flight.path.min_rtt();
        stats.delivery_rate = flight.path.delivery_rate();
        stats.retransmitted_chunks = flight.retransmissions();
        (stats.timeouts, stats.fast_retransmits) = self.proto.losses();
    }

    #[cfg(test)]
    fn sent(&self) -> (u32, u32) {
        (self.flight.cumulative(), self.flight.newest())
    }
}
