//! What strangers send.

use super::testkit::*;
use super::*;

/// Datagrams that anybody can send to either side.
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
        ("client hello", handshake(1, &[7; 60])),
        ("server hello", handshake(2, &[7; 60])),
        ("hello verify request", handshake(3, &[254, 255, 2, 1, 2])),
        ("hello request", handshake(0, &[])),
        ("finished", handshake(20, &[7; 12])),
        ("truncated handshake", record(22, 0, 906, &[1, 0, 4])),
        ("ack", record(26, 0, 907, &[0, 0])),
        ("data of epoch 1", record(23, 1, 5, &[9; 60])),
        ("alert of epoch 1", record(21, 1, 6, &[9; 60])),
        ("handshake of epoch 1", record(22, 1, 7, &[9; 60])),
        ("short record of epoch 1", record(23, 1, 8, &[9; 3])),
        ("data of epoch 2", record(23, 2, 5, &[9; 60])),
        ("data of epoch 65535", record(23, 65_535, 5, &[9; 60])),
        (
            "dtls 1.3 record",
            [&[0b0010_1111, 0, 9, 0, 40][..], &[9; 40]].concat(),
        ),
        (
            "dtls 1.3 record of epoch 2",
            [&[0b0010_1110, 0, 9, 0, 40][..], &[9; 40]].concat(),
        ),
        (
            "dtls 1.3 record with cid",
            [&[0b0011_1111, 0, 9, 0, 40][..], &[9; 40]].concat(),
        ),
        ("unknown type", record(30, 0, 908, &[2; 20])),
        ("garbage", vec![22; 100]),
        ("one byte", vec![22]),
        ("nothing", vec![]),
    ]
}

#[test]
fn an_established_connection_is_deaf_to_strangers() {
    for version in [Versions::Only12, Versions::Only13, Versions::Auto] {
        let mut pair = Pair::of(version, version, perfect()).connected();
        pair.assert_alive();
        for end in [CLIENT, SERVER] {
            for (what, datagram) in spoofed() {
                let sent = pair.sent[end].len();
                let before = *pair.ends[end].counters();
                for _ in 0..50 {
                    pair.inject(end, &datagram);
                }
                let after = *pair.ends[end].counters();
                assert_eq!(after.dropped() - before.dropped(), 50, "{what}: {after:?}");
                assert_eq!(pair.sent[end].len(), sent, "{what} is answered");
                pair.assert_alive();
            }
        }
    }
}

#[test]
fn replayed_and_altered_records_are_rejected() {
    for version in [Versions::Only12, Versions::Only13] {
        let mut pair = Pair::of(version, version, perfect()).connected();
        pair.assert_alive();
        for from in [CLIENT, SERVER] {
            let record = pair.sent[from].last().unwrap().clone();
            pair.events = Default::default();
            let rejected = pair.ends[1 - from].counters().rejected;
            pair.inject(1 - from, &record);
            let mut altered = record;
            pair.send(from, b"genuine");
            let genuine = pair.sent[from].last().unwrap().clone();
            altered.clone_from(&genuine);
            *altered.last_mut().unwrap() ^= 1;
            pair.inject(1 - from, &altered);
            assert_eq!(pair.data(1 - from), [b""; 0]);
            assert_eq!(pair.ends[1 - from].counters().rejected - rejected, 2);
            pair.inject(1 - from, &genuine);
            assert_eq!(pair.data(1 - from), [b"genuine"]);
        }
    }
}

#[test]
fn before_the_peers_hello_nothing_that_a_stranger_sends_is_fatal() {
    for version in [Versions::Only12, Versions::Only13, Versions::Auto] {
        for end in [CLIENT, SERVER] {
            for (what, datagram) in spoofed() {
                // A well-formed ServerHello or HelloVerifyRequest chooses the version.
                if ["server hello", "hello verify request"].contains(&what) && end == CLIENT {
                    continue;
                }
                let mut pair = Pair::of(version, version, perfect());
                pair.start();
                pair.inject(end, &datagram);
                pair.run(std::time::Duration::from_secs(60), |p| {
                    p.both(State::Connected)
                });
                assert!(
                    pair.both(State::Connected),
                    "{version:?} {end} {what}: {:?}",
                    pair.events
                );
            }
        }
    }
}
