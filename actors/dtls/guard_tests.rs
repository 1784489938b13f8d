//! What strangers send to webrtc-dtls.

use std::time::Duration;

use super::engine_testkit::*;
use crate::config::DtlsEngine;
use crate::proto::dtls::State;

fn spoofed() -> Vec<(&'static str, Vec<u8>)> {
    let handshake = |message: u8, body: &[u8]| {
        let len = (body.len() as u32).to_be_bytes();
        let mut h = vec![
            message, len[1], len[2], len[3], 0, 0, 0, 0, 0, len[1], len[2], len[3],
        ];
        h.extend(body);
        record(22, 0, 900, &h)
    };
    vec![
        ("fatal alert", record(21, 0, 900, &[2, 40])),
        ("close_notify", record(21, 0, 901, &[1, 0])),
        ("warning", record(21, 0, 902, &[1, 90])),
        ("empty alert", record(21, 0, 903, &[])),
        ("plaintext data", record(23, 0, 904, b"evil")),
        ("change cipher spec", record(20, 0, 905, &[1])),
        ("wrong change cipher spec", record(20, 0, 905, &[2])),
        ("change cipher spec of epoch 1", record(20, 1, 905, &[1])),
        ("client hello", handshake(1, &[7; 60])),
        ("hello request", handshake(0, &[])),
        ("finished", handshake(20, &[7; 12])),
        ("truncated handshake", record(22, 0, 906, &[1, 0, 4])),
        ("ack", record(26, 0, 907, &[0, 0])),
        ("data of epoch 1", record(23, 1, 5, &[9; 60])),
        ("alert of epoch 1", record(21, 1, 6, &[9; 60])),
        ("handshake of epoch 1", record(22, 1, 7, &[9; 60])),
        ("empty record of epoch 1", record(23, 1, 8, &[])),
        ("short record of epoch 1", record(23, 1, 8, &[9; 23])),
        ("data of epoch 2", record(23, 2, 5, &[9; 60])),
        ("data of epoch 65535", record(23, 65_535, 5, &[9; 60])),
        (
            "dtls 1.3 record",
            [&[0b0010_1111, 0, 9, 0, 40][..], &[9; 40]].concat(),
        ),
        ("unknown type", record(30, 0, 908, &[2; 20])),
        ("garbage", vec![22; 100]),
        ("one byte", vec![22]),
        ("nothing", vec![]),
        (
            "more than the reader's buffer",
            record(23, 1, 9, &[9; 9_000]),
        ),
    ]
}

#[test]
fn an_established_connection_is_deaf_to_strangers() {
    for server in [DtlsEngine::WebrtcDtls, DtlsEngine::Dimpl] {
        for end in [CLIENT, SERVER] {
            for (what, datagram) in spoofed() {
                virtual_time(async {
                    let kinds = [DtlsEngine::WebrtcDtls, server];
                    let mut pair = Pair::new(kinds, perfect()).connected().await;
                    pair.assert_alive().await;
                    let before = *pair.engines[end].counters();
                    for _ in 0..50 {
                        pair.inject(end, &datagram);
                        pair.run(Duration::from_millis(1), |_| false).await;
                    }
                    let after = *pair.engines[end].counters();
                    assert_eq!(after.dropped() - before.dropped(), 50, "{what}: {after:?}");
                    pair.assert_alive().await;
                });
            }
        }
    }
}

#[test]
fn before_the_peers_hello_nothing_that_a_stranger_sends_is_fatal() {
    for end in [CLIENT, SERVER] {
        for (what, datagram) in spoofed() {
            virtual_time(async {
                let mut pair = Pair::new([DtlsEngine::WebrtcDtls; 2], perfect());
                pair.start();
                pair.inject(end, &datagram);
                pair.run(Duration::from_secs(60), |p| p.both(State::Connected))
                    .await;
                assert!(
                    pair.both(State::Connected),
                    "{end} {what}: {:?}",
                    pair.events
                );
            });
        }
    }
}
