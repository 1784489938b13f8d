//! What strangers send to webrtc-dtls.

use std::time::Duration;

use crate::config::DtlsEngine;
use crate::dtls::engine_testkit::*;
use crate::proto::dtls::State;

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
