//! Packets as they are filled with chunks.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::chunk::{Data, flag};
use crate::sctp::wire::packet::{self, HEADER_SIZE, Header};

/// Packets as they are filled.
pub(super) struct Packets<'a> {
    header: Header,
    size: usize,
    checksum: bool,
    pub(super) buffer: BytesMut,
    /// Where the last DATA chunk of the present packet begins.
    last_data: Option<usize>,
    /// The packet before, and where its last DATA chunk begins: its flags are not settled before it
    /// is known whether something follows.
    before: Option<(BytesMut, usize)>,
    pub(super) out: &'a mut VecDeque<Bytes>,
}

impl<'a> Packets<'a> {
    /// Packets of at most `size` bytes, with or without a checksum.
    pub(super) fn new(
        header: Header,
        size: usize,
        checksum: bool,
        out: &'a mut VecDeque<Bytes>,
    ) -> Packets<'a> {
        let mut packets = Packets {
            header,
            size,
            checksum,
            buffer: BytesMut::new(),
            last_data: None,
            before: None,
            out,
        };
        packets.begin();
        packets
    }

    fn begin(&mut self) {
        self.buffer = BytesMut::with_capacity(self.size);
        self.header.write(&mut self.buffer);
        self.last_data = None;
    }

    /// How many bytes fit into the present packet.
    pub(super) fn room(&self) -> usize {
        self.size - self.buffer.len()
    }

    /// Makes room for so many bytes.
    pub(super) fn reserve(&mut self, bytes: usize) {
        if self.room() < bytes {
            self.flush();
        }
    }

    pub(super) fn put_data(&mut self, data: &Data, interleaved: bool) {
        self.last_data = Some(self.buffer.len());
        data.encode(interleaved, &mut self.buffer);
    }

    /// The present packet is full.
    pub(super) fn flush(&mut self) {
        if self.buffer.len() <= HEADER_SIZE {
            return;
        }
        if let Some((before, _)) = self.before.take() {
            self.leave(before);
        }
        let last_data = self.last_data;
        let full = std::mem::take(&mut self.buffer);
        match last_data {
            Some(at) => self.before = Some((full, at)),
            None => self.leave(full),
        }
        self.begin();
    }

    /// The last packet leaves. With `immediate` the peer is asked to acknowledge it at once
    /// (RFC 7053): nothing else follows that would make it do so.
    pub(super) fn finish(mut self, immediate: bool) {
        self.flush();
        if let Some((mut before, at)) = self.before.take() {
            if immediate {
                before[at + 1] |= flag::IMMEDIATE;
            }
            self.leave(before);
        }
    }

    fn leave(&mut self, mut packet: BytesMut) {
        if self.checksum {
            packet::seal(&mut packet);
        }
        self.out.push_back(packet.freeze());
    }
}
