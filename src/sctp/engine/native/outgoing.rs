//! What leaves, in packets: answers, what is to be skipped, resets, a SACK, data.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{BufMut, Bytes};

use super::chunk::{Data, Skipped};
use super::packets::Packets;
use super::sender::Next;
use super::{Native, resets};
use crate::sctp::wire::packet::{self, CHUNK_HEADER_SIZE, HEADER_SIZE, Header};

/// Room for a SACK with a few gaps; more are reported as far as there is room.
const LEAST_SACK: usize = 32;

impl Native {
    /// Makes packets of all that may leave.
    pub(super) fn make_packets(
        &mut self,
        now: Instant,
        unread: usize,
        more: bool,
        out: &mut VecDeque<Bytes>,
    ) {
        let mut packets = self.packets(out);
        while let Some(answer) = self.answers.pop_front() {
            packets.reserve(answer.len());
            packets.buffer.put_slice(&answer);
        }
        let room = self.packet_size - HEADER_SIZE - CHUNK_HEADER_SIZE - 4;
        if let Some((tsn, skipped)) = self.sender.forward(now, room) {
            packets
                .reserve(CHUNK_HEADER_SIZE + 4 + Skipped::size(self.interleaved) * skipped.len());
            Skipped::encode_all(self.interleaved, tsn as u32, &skipped, &mut packets.buffer);
        }
        let last_tsn = (self.sender.flight.next() - 1) as u32;
        let timeout = self.sender.recovery.rto.current();
        let queue = &self.sender.queue;
        for value in self
            .resets
            .chunks(now, timeout, last_tsn, |id| queue.buffered(id) == 0)
        {
            let chunk = packet::chunk(resets::KIND, 0, &value);
            packets.reserve(chunk.len());
            packets.buffer.put_slice(&chunk);
        }
        let mut sack = self.received.is_waiting();
        if self.received.is_due(now) {
            packets.reserve(LEAST_SACK);
            self.put_sack(&mut packets, 0, unread);
            sack = false;
        }
        loop {
            match self.sender.next(now, packets.room()) {
                Next::Chunk(data) => {
                    // RFC 9260 §6.1: a SACK travels with data, in front of it.
                    if sack {
                        sack = false;
                        let size = Data::size(self.interleaved, data.payload.len());
                        self.put_sack(&mut packets, size, unread);
                    }
                    packets.put_data(&data, self.interleaved);
                }
                Next::Full => packets.flush(),
                Next::None => break,
            }
        }
        packets.finish(self.sender.is_last(more));
        self.sender.rest();
    }

    /// Writes a SACK, with `beside` bytes left for what comes behind it.
    fn put_sack(&mut self, packets: &mut Packets<'_>, beside: usize, unread: usize) {
        let window = self.credit(unread);
        self.advertised = window;
        let window = u32::try_from(window).unwrap_or(u32::MAX);
        // Without a gap it takes 16 bytes.
        if packets.room() < beside + LEAST_SACK {
            // The packet is full without it: it leaves alone, before.
            let mut alone = self.packets(packets.out);
            let room = alone.room();
            self.received.write_sack(&mut alone.buffer, room, window);
            return alone.finish(false);
        }
        let room = packets.room() - beside;
        self.received.write_sack(&mut packets.buffer, room, window);
    }

    fn packets<'a>(&self, out: &'a mut VecDeque<Bytes>) -> Packets<'a> {
        Packets::new(self.header(), self.packet_size, !self.sends_zero, out)
    }

    fn header(&self) -> Header {
        let ports = self.handshake.ports();
        Header {
            source_port: ports.local,
            destination_port: ports.remote,
            verification_tag: self.handshake.peer().map_or(0, |peer| peer.initiate_tag),
        }
    }
}
