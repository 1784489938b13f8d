//! A stream means the same however it is cut.
#![no_main]

use std::net::SocketAddr;
use std::time::Instant;

use actix_rtc_proto::Machine;
use actix_rtc_proto::random::Random;
use actix_rtc_proto::turn::{Client, Config, Counters, Credentials, Event, Framing};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

const PEER: ([u8; 4], u16) = ([203, 0, 113, 5], 7000);

fuzz_target!(|input: &[u8]| {
    let Some((&cut, stream)) = input.split_first() else { return };
    let now = Instant::now();
    let whole = run(now, stream.chunks(stream.len().max(1)));
    let pieces = run(now, stream.chunks(usize::from(cut) + 1));
    assert_eq!(whole, pieces);
});

/// What a client with an allocation and a channel makes of these reads.
fn run<'a>(now: Instant, reads: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Counters) {
    let server = SocketAddr::from(([192, 0, 2, 1], 3478));
    let credentials = Credentials::new("user", "secret");
    let random = Random::from_number(1);
    let mut client = Client::new(Config::default(), server, Framing::Stream, credentials, random);
    let _ = client.allocate(now);
    // XOR-RELAYED-ADDRESS 192.0.2.1:50000; a server without authentication signs nothing.
    answer(&mut client, now, &[0, 0x16, 0, 8, 0, 1, 0xe2, 0x42, 0xe1, 0x12, 0xa6, 0x43]);
    let _ = client.bind(now, PEER.into());
    answer(&mut client, now, &[]);
    assert!(client.relayed().is_some());
    for read in reads {
        client.handle_stream(now, Bytes::copy_from_slice(read));
    }
    (std::iter::from_fn(|| client.poll_event()).collect(), client.counters())
}

/// Says yes to the last request.
fn answer(client: &mut Client, now: Instant, attributes: &[u8]) {
    let mut last = Bytes::new();
    while let Some(segments) = client.poll_transmit(now) {
        last = segments.contents().clone();
    }
    let mut response = last[..20].to_vec();
    response[0] |= 1;
    response[2..4].copy_from_slice(&(attributes.len() as u16).to_be_bytes());
    response.extend_from_slice(attributes);
    client.handle_stream(now, response.into());
}
