//! DCEP messages of a peer, on any stream, among messages of channels.
//!
//! The input is a list of steps: a byte for the stream, one that chooses what it is, a length, and
//! that many bytes.
#![no_main]

#[path = "../sctp_wire.rs"]
mod sctp_wire;

use std::time::Duration;

use actix_rtc_proto::Machine;
use actix_rtc_proto::sctp::{ChannelOptions, Config, Event};
use libfuzzer_sys::fuzz_target;
use sctp_wire::Wire;

const DCEP: u32 = 50;

fuzz_target!(|input: &[u8]| {
    let mut input = input;
    let config = Config::default().max_channels(20);
    let mut wire = Wire::connected(config);
    while let Some((&[stream, step, len], rest)) = input.split_first_chunk::<3>() {
        let (bytes, rest) = rest.split_at(usize::from(len).min(rest.len()));
        input = rest;
        let now = wire.now;
        let packet = match step & 7 {
            0..=2 => wire.message(stream.into(), DCEP, bytes),
            3 => wire.message(stream.into(), DCEP, &open(bytes)),
            // A reset of the stream (RFC 6525 §4.1) in the order of the requests is for the other
            // target: here the channel is closed by us.
            4 => {
                let ids = wire.association.channel_ids();
                if let Some(&id) = ids.get(usize::from(stream) % ids.len().max(1)) {
                    wire.association.close_channel(now, id);
                }
                continue;
            }
            5 => {
                let id = (step & 8 != 0).then_some(stream.into());
                let options = ChannelOptions::default().negotiated(id);
                let label = String::from_utf8_lossy(bytes).into_owned();
                let _ = wire.association.open(now, label, options);
                continue;
            }
            6 => {
                wire.now += Duration::from_millis(u64::from(len) * 10);
                wire.association.handle_timeout(wire.now);
                continue;
            }
            _ => wire.message(stream.into(), 51 + u32::from(step >> 5), bytes),
        };
        wire.association.handle_packet(now, packet);
        for event in wire.events() {
            match event {
                Event::ChannelIncoming(id) => {
                    let info = wire.association.channel(id).expect("it has just come");
                    assert!(info.incoming && info.label.len() + info.protocol.len() <= 1200);
                }
                Event::Readable(id) => while wire.association.recv(now, id).is_some() {},
                _ => {}
            }
        }
    }
});

/// A DATA_CHANNEL_OPEN whose lengths fit, made of any bytes.
fn open(bytes: &[u8]) -> Vec<u8> {
    let (head, label) = bytes.split_at(bytes.len().min(7));
    let mut message = vec![3];
    message.extend_from_slice(head);
    message.resize(8, 0);
    message.extend_from_slice(&(label.len() as u16).to_be_bytes());
    message.extend_from_slice(&[0, 0]);
    message.extend_from_slice(label);
    message
}
