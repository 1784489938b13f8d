//! Datagrams of a hostile peer: the association holds, whatever its owner does meanwhile.
//!
//! The input is a list of steps: a byte that chooses one, a length, and that many bytes.
#![no_main]

#[path = "../sctp_wire.rs"]
mod sctp_wire;

use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::random::Random;
use actix_rtc_proto::sctp::{Association, Capabilities, ChannelOptions, Config, Event, Message};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sctp_wire::{Wire, chunk};

fuzz_target!(|input: &[u8]| {
    let Some((&first, mut input)) = input.split_first() else { return };
    // Before `start`, while the handshake runs, and on an established association.
    for begin in 0..2 {
        let mut early = Association::new(Config::default(), Random::from_number(first.into()));
        let now = Instant::now();
        if begin == 1 {
            early.start(now, first & 1 == 0, Capabilities::UNSTATED, 5000);
        }
        early.handle_packet(now, Bytes::copy_from_slice(input));
        sctp_wire::send_to_nobody(&mut early, now);
    }
    let mut wire = Wire::connected(Config::default());
    let mut reads = true;
    while let Some((&[step, len], rest)) = input.split_first_chunk::<2>() {
        let (bytes, rest) = rest.split_at(usize::from(len).min(rest.len()));
        input = rest;
        let now = wire.now;
        let ids = wire.association.channel_ids();
        let id = ids.get(usize::from(step >> 4) % ids.len().max(1)).copied();
        match step & 15 {
            0 => wire.association.handle_packet(now, Bytes::copy_from_slice(bytes)),
            // Any bytes as chunks.
            1 | 2 => {
                let packet = wire.packet(bytes);
                wire.association.handle_packet(now, packet);
            }
            // Chunks that are well formed: one, or the same twice.
            3..=6 => {
                let Some((&[kind, flags], value)) = bytes.split_first_chunk::<2>() else { continue };
                let chunk = chunk(kind % 16 | (kind & 0xc0), flags, value);
                let chunks = if step & 0x10 == 0 { chunk } else { [chunk.clone(), chunk].concat() };
                let packet = wire.packet(&chunks);
                wire.association.handle_packet(now, packet);
            }
            7..=9 => {
                let Some((&[stream, ppid], contents)) = bytes.split_first_chunk::<2>() else { continue };
                let packet = wire.message(stream.into(), 50 + u32::from(ppid % 8), contents);
                wire.association.handle_packet(now, packet);
            }
            10 => {
                let label = String::from_utf8_lossy(bytes).into_owned();
                let _ = wire.association.open(now, label, ChannelOptions::default());
            }
            11 => {
                if let Some(id) = id {
                    let message = Message::binary(bytes.repeat(1 + usize::from(step >> 4) * 100));
                    let _ = wire.association.send(now, id, message);
                }
            }
            12 => {
                if let Some(id) = id {
                    wire.association.close_channel(now, id);
                }
            }
            13 => reads = !reads,
            14 if len == 255 => wire.association.close(now),
            _ => {
                wire.now += Duration::from_millis(u64::from(len) * 10);
                wire.association.handle_timeout(wire.now);
            }
        }
        for event in wire.events() {
            if let Event::Readable(id) = event
                && reads
            {
                while wire.association.recv(now, id).is_some() {}
            }
        }
    }
});
