//! What strangers send to webrtc-dtls, and what it would do by itself.

use std::time::Duration;

use proto::dtls::record::Summary;
use proto::dtls::{Event, FailureReason, State};
use proto::random::Random;

use crate::base::config::DtlsEngine;
use crate::transport::dtls::engine_testkit::*;

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
            // To a client the handshake begins with these.
            if ["server hello", "hello verify request"].contains(&what) && end == CLIENT {
                continue;
            }
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

#[test]
fn a_server_is_not_connected_before_it_has_seen_the_clients_finished() {
    for client in [DtlsEngine::Dimpl, DtlsEngine::WebrtcDtls] {
        virtual_time(async {
            let kinds = [client, DtlsEngine::WebrtcDtls];
            let protected = |datagram: &[u8]| Summary::of(datagram).protected;
            // The client's last flight does not arrive by itself.
            let link: Link = Box::new(move |from, datagram| {
                if from == CLIENT && protected(datagram) {
                    vec![]
                } else {
                    vec![DELAY]
                }
            });
            let mut pair = Pair::new(kinds, link);
            pair.start();
            let lost = |p: &Pair| p.sent[CLIENT].iter().any(|d| protected(d));
            pair.run(Duration::from_secs(60), lost).await;
            let flight = pair.sent[CLIENT].last().unwrap().clone();
            let at = protected_record(&flight);
            let mut forged = flight.clone();
            *forged.last_mut().unwrap() ^= 1;
            // All but the Finished, and then a Finished of somebody else.
            pair.inject(SERVER, &flight[..at]);
            pair.inject(SERVER, &forged[at..]);
            pair.run(Duration::from_secs(1), |_| false).await;
            for end in [CLIENT, SERVER] {
                assert_eq!(pair.events[end], [], "{client:?}");
            }
            pair.inject(SERVER, &flight[at..]);
            pair.link = perfect();
            pair.run(Duration::from_secs(60), |p| p.both(State::Connected))
                .await;
            pair.assert_alive().await;
        });
    }
}

/// Where the first record of epoch 1 begins.
fn protected_record(datagram: &[u8]) -> usize {
    let mut at = 0;
    while datagram[at + 3..at + 5] == [0, 0] {
        at += 13 + usize::from(u16::from_be_bytes([datagram[at + 11], datagram[at + 12]]));
    }
    at
}

#[test]
fn nonces_are_counted_and_never_used_twice() {
    virtual_time(async {
        let kinds = [DtlsEngine::WebrtcDtls; 2];
        let mut pair = Pair::new(kinds, lossy(3, 0.3)).connected().await;
        pair.link = perfect();
        for _ in 0..50 {
            pair.assert_alive().await;
        }
        pair.close(CLIENT);
        pair.run(Duration::from_secs(1), |p| p.both(State::Closed))
            .await;
        for sent in &pair.sent {
            let mut nonces = Vec::new();
            for datagram in sent.iter().filter(|d| Summary::of(d).protected) {
                let record = &datagram[protected_record(datagram)..];
                let (number, nonce) = (&record[3..11], &record[13..21]);
                if record[0] != 22 {
                    assert_eq!(number, nonce, "counted");
                }
                nonces.push((nonce, record));
            }
            assert!(nonces.len() > 50);
            nonces.sort();
            // The last flight of a server is the same record each time.
            nonces.dedup();
            let count = nonces.len();
            nonces.dedup_by_key(|(nonce, _)| *nonce);
            assert_eq!(nonces.len(), count);
        }
    });
}

/// Copies of some of what was sent, with some bytes changed, and faster than the originals.
#[test]
fn altered_datagrams_in_the_handshake_end_it_by_name_at_worst() {
    let mut connected = 0;
    for seed in 0..200 {
        virtual_time(async {
            let mut random = Random::from_number(seed);
            let mut pair = Pair::new([DtlsEngine::WebrtcDtls; 2], perfect());
            pair.start();
            let mut altered = [0; 2];
            for _ in 0..60 {
                pair.run(Duration::from_millis(10), |p| p.both(State::Connected))
                    .await;
                for from in [CLIENT, SERVER] {
                    let sent = pair.sent[from].clone();
                    for mut datagram in sent.into_iter().skip(altered[from]) {
                        altered[from] += 1;
                        if random.fraction() < 0.8 {
                            continue;
                        }
                        for _ in 0..1 + random.u32() % 4 {
                            let at = random.u64() as usize % datagram.len();
                            datagram[at] ^= random.u32() as u8;
                        }
                        pair.inject(1 - from, &datagram);
                    }
                }
            }
            pair.run(Duration::from_secs(60), |p| {
                p.engines.iter().all(|e| e.state() != State::Connecting)
            })
            .await;
            for end in [CLIENT, SERVER] {
                match &pair.events[end][..] {
                    [Event::Connected] => {
                        let certificate = pair.engines[end].peer_certificate().unwrap();
                        assert_eq!(&certificate[..], pair.certificates[1 - end].der());
                    }
                    [Event::Failed(reason)] | [Event::Connected, Event::Failed(reason)] => {
                        assert_ne!(
                            *reason,
                            FailureReason::Engine,
                            "seed {seed}: {:?}",
                            pair.events
                        );
                    }
                    other => panic!("seed {seed}: {other:?}"),
                }
            }
            connected += u32::from(pair.both(State::Connected));
        });
    }
    println!("{connected} of 200 connected");
    assert!(connected > 0);
}
