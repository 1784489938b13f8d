//! A hostile TURN server, a hostile network and a careless owner, in any order.
//!
//! The input is a list of steps: a byte that chooses one, a length, and that many bytes. Responses
//! get the number of the last request, without which nothing would be read of them.
#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::random::Random;
use actix_rtc_proto::turn::{Client, Config, Credentials, Event, Framing, State};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

fuzz_target!(|input: &[u8]| {
    let Some((&first, mut input)) = input.split_first() else { return };
    let framing = if first & 1 == 0 { Framing::Datagrams } else { Framing::Stream };
    let server = SocketAddr::from(([192, 0, 2, 1], 3478));
    let credentials = Credentials::new("user", "secret");
    let random = Random::from_number(first.into());
    let mut client = Client::new(Config::default(), server, framing, credentials, random);
    let mut now = Instant::now();
    let _ = client.allocate(now);
    let mut last_request = [0; 12];
    let (mut ends, mut fed) = (0, 0);
    while let Some((&[step, len], rest)) = input.split_first_chunk::<2>() {
        let (bytes, rest) = rest.split_at(usize::from(len).min(rest.len()));
        input = rest;
        fed += bytes.len();
        let peer = SocketAddr::from(([203, 0, 113, step >> 4], 7000));
        match step & 15 {
            0..=5 => {
                // As it is, or made a response to the last request.
                let mut message = bytes.to_vec();
                if step & 1 == 1 && message.len() >= 20 {
                    message.truncate(message.len() / 4 * 4);
                    let len = (message.len() - 20) as u16;
                    message[2..4].copy_from_slice(&len.to_be_bytes());
                    message[4..8].copy_from_slice(&COOKIE);
                    message[8..20].copy_from_slice(&last_request);
                }
                match framing {
                    Framing::Datagrams => client.handle_datagram(now, server, message.into()),
                    Framing::Stream => client.handle_stream(now, message.into()),
                }
            }
            6 => client.handle_datagram(now, peer, Bytes::copy_from_slice(bytes)),
            7 => {
                let _ = client.send(now, peer, bytes);
            }
            8 => {
                let _ = client.bind(now, peer);
            }
            9 => {
                let _ = client.permit(now, peer.ip());
            }
            10 => client.probe(now),
            11 => client.handle_unreachable(now),
            12 => client.handle_disconnected(now),
            13 => client.close(now),
            _ => {
                now += Duration::from_millis(u64::from(len) * 300);
                client.handle_timeout(now);
            }
        }
        while let Some(segments) = client.poll_transmit(now) {
            for message in segments.iter() {
                if message.len() >= 20 && message[0] < 2 && message[4..8] == COOKIE {
                    last_request.copy_from_slice(&message[8..20]);
                }
            }
        }
        while let Some(event) = client.poll_event() {
            assert_eq!(ends, 0, "{event:?} after the end");
            match event {
                Event::Failed(_) | Event::Closed => ends += 1,
                Event::Received { data, .. } => assert!(data.len() <= fed),
                _ => {}
            }
        }
        let is_over = matches!(client.state(), State::Failed | State::Closed);
        assert_eq!(is_over, ends == 1);
        assert!(!is_over || client.poll_timeout().is_none(), "an inert machine wants nothing");
    }
});
