//! An association that is established with a peer, and packets in the name of that peer.

use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::random::Random;
use actix_rtc_proto::sctp::{Association, Config, Event};
use bytes::Bytes;

pub const DATA: u8 = 0;
const INIT: u8 = 1;

pub struct Wire {
    pub association: Association,
    pub now: Instant,
    /// The tag that packets to the association carry.
    tag: u32,
    next_tsn: u32,
    ends: usize,
}

impl Wire {
    /// The handshake is done by a peer that is none of our concern afterwards.
    pub fn connected(config: Config) -> Wire {
        let mut now = Instant::now();
        let mut association = Association::new(config.clone(), Random::from_number(1));
        let mut peer = Association::new(config.clone(), Random::from_number(2));
        association.start(now, false, config.capabilities(), 5000);
        peer.start(now, true, config.capabilities(), 5000);
        let (mut tag, mut next_tsn) = (0, 0);
        for _ in 0..10 {
            while let Some(packet) = association.poll_transmit(now) {
                peer.handle_packet(now, packet);
            }
            while let Some(packet) = peer.poll_transmit(now) {
                let number = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
                if packet[12] == INIT {
                    // Behind the chunk header: tag, window, streams, initial TSN.
                    next_tsn = number(28);
                }
                tag = tag.max(number(4));
                association.handle_packet(now, packet);
            }
            now += Duration::from_millis(1);
        }
        assert!(tag != 0);
        let mut wire = Wire { association, now, tag, next_tsn, ends: 0 };
        assert!(wire.events().contains(&Event::Connected));
        wire
    }

    /// A packet of the peer with these chunks, which may be nonsense.
    pub fn packet(&self, chunks: &[u8]) -> Bytes {
        let mut packet = [0x13, 0x88, 0x13, 0x88].to_vec();
        packet.extend_from_slice(&self.tag.to_be_bytes());
        packet.extend_from_slice(&[0; 4]);
        packet.extend_from_slice(chunks);
        let checksum = crc32c(&packet).to_le_bytes();
        packet[8..12].copy_from_slice(&checksum);
        packet.into()
    }

    /// A whole message of the peer in one chunk.
    pub fn message(&mut self, stream: u16, ppid: u32, contents: &[u8]) -> Bytes {
        let mut value = self.next_tsn.to_be_bytes().to_vec();
        self.next_tsn = self.next_tsn.wrapping_add(1);
        value.extend_from_slice(&stream.to_be_bytes());
        value.extend_from_slice(&[0; 2]);
        value.extend_from_slice(&ppid.to_be_bytes());
        value.extend_from_slice(contents);
        // Unordered: its place in the stream does not matter.
        self.packet(&chunk(DATA, 7, &value))
    }

    /// Sends what there is to send to nobody, and checks what holds for every association.
    pub fn events(&mut self) -> Vec<Event> {
        send_to_nobody(&mut self.association, self.now);
        let mut events = Vec::new();
        while let Some(event) = self.association.poll_event() {
            assert_eq!(self.ends, 0, "{event:?} after the end");
            self.ends += usize::from(matches!(event, Event::Closed | Event::Failed(_)));
            events.push(event);
        }
        let (stats, config) = (self.association.stats(), self.association.config());
        assert!(stats.channels <= usize::from(config.max_channels));
        let largest = config.max_message_size.max(131_082) as usize;
        let window = (config.receive_window as usize).max(2 * largest);
        assert!(stats.unread <= window + largest + 128, "{} unread", stats.unread);
        events
    }
}

/// Takes what there is to send: no DTLS record takes more than one packet of this size.
pub fn send_to_nobody(association: &mut Association, now: Instant) {
    let limit = usize::from(association.config().max_packet_size);
    while let Some(packet) = association.poll_transmit(now) {
        assert!(packet.len() <= limit, "{} bytes do not fit into a record", packet.len());
    }
}

/// A chunk with its padding.
pub fn chunk(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let mut chunk = vec![kind, flags];
    chunk.extend_from_slice(&(value.len() as u16 + 4).to_be_bytes());
    chunk.extend_from_slice(value);
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

/// RFC 9260 Appendix A, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 }
        })
    })
}
