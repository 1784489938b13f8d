use std::time::Duration;

use proto::dtls::{FailureReason, SrtpProfile, Versions};

use super::super::engine_testkit::*;
use std::sync::Arc;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// All combinations in which webrtc-dtls takes part; the machine's own tests are about dimpl.
fn combinations() -> impl Iterator<Item = [DtlsEngine; 2]> {
    COMBINATIONS
        .into_iter()
        .filter(|kinds| kinds.contains(&DtlsEngine::WebrtcDtls))
}

#[test]
fn each_engine_connects_with_each_in_each_role_and_moves_data() {
    for kinds in COMBINATIONS {
        virtual_time(async {
            let mut pair = Pair::new(kinds, perfect());
            pair.start();
            pair.run(MINUTE, |p| p.both(State::Connected)).await;
            for end in [CLIENT, SERVER] {
                assert_eq!(pair.events[end], [Event::Connected], "{kinds:?}");
                let peer = pair.certificates[1 - end].der();
                let certificate = pair.engines[end].peer_certificate().unwrap();
                assert_eq!(&certificate[..], peer);
            }
            let [a, b] = pair
                .engines
                .each_ref()
                .map(|e| (e.version(), e.cipher_suite()));
            assert_eq!(a, b);
            assert_ne!(a.1, Some("unknown"));
            pair.assert_alive().await;
            pair.run(MINUTE, |_| false).await;
            pair.assert_alive().await;
        });
    }
}

#[test]
fn handshakes_complete_at_10_20_and_30_percent_loss_200_times_each() {
    for kinds in combinations() {
        for loss in [0.1, 0.2, 0.3] {
            for seed in 0..200 {
                virtual_time(async {
                    let mut pair = Pair::new(kinds, lossy(seed, loss));
                    pair.start();
                    pair.run(MINUTE, |p| p.both(State::Connected)).await;
                    let events = &pair.events;
                    assert!(
                        pair.both(State::Connected),
                        "{kinds:?} loss {loss} seed {seed}: {events:?}"
                    );
                });
            }
        }
    }
}

#[test]
fn each_datagram_of_the_handshake_may_be_lost_once() {
    for kinds in combinations() {
        for end in [CLIENT, SERVER] {
            for lost in 1..=6 {
                virtual_time(async {
                    let mut count = 0;
                    let link: Link = Box::new(move |from, _| {
                        count += usize::from(from == end);
                        if from == end && count == lost {
                            vec![]
                        } else {
                            vec![DELAY]
                        }
                    });
                    let mut pair = Pair::new(kinds, link).connected().await;
                    pair.link = perfect();
                    pair.assert_alive().await;
                });
            }
        }
    }
}

#[test]
fn a_mismatch_fails_both_sides_at_once_and_nothing_was_believed() {
    for kinds in combinations() {
        for deceived in [CLIENT, SERVER] {
            for seed in 0..5 {
                virtual_time(async {
                    let link = if seed == 0 {
                        perfect()
                    } else {
                        lossy(seed, 0.3)
                    };
                    let mut pair = Pair::new(kinds, link);
                    for end in [SERVER, CLIENT] {
                        let certificate = if end == deceived {
                            certificate(99)
                        } else {
                            pair.certificates[1 - end].clone()
                        };
                        pair.start_with(end, &certificate.fingerprints());
                    }
                    pair.run(MINUTE, |p| p.both(State::Failed)).await;
                    let mismatch = Event::Failed(FailureReason::FingerprintMismatch);
                    let rejected = Event::Failed(FailureReason::PeerRejected);
                    assert_eq!(
                        pair.events[deceived],
                        [mismatch],
                        "{kinds:?} {deceived} {seed}"
                    );
                    assert_eq!(
                        pair.events[1 - deceived],
                        [rejected],
                        "{kinds:?} {deceived} {seed}"
                    );
                    let engine = &mut pair.engines[deceived];
                    let told = engine.alert_sent().map(|alert| alert.as_str());
                    assert_eq!(told, Some("bad_certificate"), "{kinds:?} {deceived} {seed}");
                    assert!(engine.peer_certificate().is_none());
                    assert!(engine.srtp_keying_material().is_none());
                    assert_eq!(engine.send(now(), b"x"), Err(SendError::Closed));
                    // However often the peer resends.
                    let flight = pair.sent[1 - deceived].clone();
                    let before = pair.sent[deceived].len();
                    for datagram in flight.iter().cycle().take(500) {
                        pair.inject(deceived, datagram);
                    }
                    assert!(pair.sent[deceived].len() - before <= 20);
                    assert_eq!(pair.events[deceived].len(), 1);
                });
            }
        }
    }
}

#[test]
fn close_notify_closes_the_other_side_and_both_at_once() {
    for kinds in combinations() {
        for end in [CLIENT, SERVER] {
            virtual_time(async {
                let mut pair = Pair::new(kinds, perfect()).connected().await;
                pair.assert_alive().await;
                pair.events = Default::default();
                pair.send(end, b"the last word");
                pair.close(end);
                pair.run(Duration::from_secs(5), |_| false).await;
                assert!(pair.both(State::Closed), "{kinds:?} {end}");
                assert_eq!(pair.events[end], []);
                let last = Event::ApplicationData(Bytes::from_static(b"the last word"));
                assert_eq!(
                    pair.events[1 - end],
                    [last, Event::Closed],
                    "{kinds:?} {end}"
                );
            });
        }
        virtual_time(async {
            let mut pair = Pair::new(kinds, perfect()).connected().await;
            pair.close(CLIENT);
            pair.close(SERVER);
            pair.close(SERVER);
            pair.run(Duration::from_secs(5), |_| false).await;
            assert!(pair.both(State::Closed));
            assert_eq!(pair.events, [vec![], vec![]]);
        });
    }
}

#[test]
fn a_handshake_without_answer_backs_off_and_fails_at_its_deadline() {
    for kinds in combinations() {
        virtual_time(async {
            let begin = now();
            let config = Config::default().silence_timeout(Duration::from_secs(30));
            let mut pair = Pair::with(kinds, config, Box::new(|_, _| Vec::new()));
            pair.start();
            pair.run(MINUTE, |p| p.both(State::Failed)).await;
            for end in [CLIENT, SERVER] {
                assert_eq!(
                    pair.events[end],
                    [Event::Failed(FailureReason::HandshakeTimeout)]
                );
            }
            assert_eq!(now() - begin, Duration::from_secs(30));
            let sent = pair.sent[CLIENT].len();
            assert!((5..25).contains(&sent), "{sent}");
            assert_eq!(
                pair.engines[CLIENT].counters().retransmissions,
                sent as u64 - 1
            );
        });
    }
}

#[test]
fn datagrams_that_come_before_the_start_are_held() {
    for kinds in combinations() {
        virtual_time(async {
            let mut pair = Pair::new(kinds, perfect());
            let [of_client, of_server] =
                pair.certificates.each_ref().map(Certificate::fingerprints);
            pair.start_with(CLIENT, &of_server);
            pair.run(Duration::from_millis(100), |_| false).await;
            assert_eq!(pair.engines[SERVER].counters().early_held, 1);
            let begin = now();
            pair.start_with(SERVER, &of_client);
            pair.run(MINUTE, |p| p.both(State::Connected)).await;
            assert!(now() - begin <= DELAY * 6, "no retransmission was needed");
        });
    }
}

#[test]
fn both_sides_export_the_same_keys() {
    for kinds in combinations() {
        virtual_time(async {
            let srtp_profiles = SrtpProfile::ALL.to_vec();
            let config = Config::default().srtp_profiles(srtp_profiles);
            let pair = Pair::with(kinds, config, perfect()).connected().await;
            let [a, b] = pair
                .engines
                .each_ref()
                .map(|e| e.srtp_keying_material().unwrap());
            assert_eq!(a, b, "{kinds:?}");
            let [a, b] = pair
                .engines
                .each_ref()
                .map(|e| e.export_keying_material("EXPORTER-test", &[], 48));
            if kinds == [DtlsEngine::WebrtcDtls; 2] {
                assert_eq!(a.as_ref().map(Vec::len), Ok(48));
                assert_eq!(a, b);
                let context = pair.engines[0].export_keying_material("EXPORTER-test", b"c", 48);
                assert_eq!(context, Err(ExportError::Unsupported));
            }
        });
    }
}

#[test]
fn a_peer_without_srtp_still_gets_its_data() {
    for kinds in combinations() {
        virtual_time(async {
            let mut pair = Pair::new(kinds, perfect()).connected().await;
            assert!(
                pair.engines
                    .iter()
                    .all(|e| e.srtp_keying_material().is_none())
            );
            pair.assert_alive().await;
        });
    }
}

#[test]
fn a_datagram_is_never_larger_than_the_mtu() {
    for kinds in combinations() {
        virtual_time(async {
            let config = Config::default().mtu(600);
            let max = config.max_payload();
            let mut pair = Pair::with(kinds, config, perfect()).connected().await;
            pair.send(CLIENT, &vec![7; max]);
            pair.run(MINUTE, |p| !p.data(SERVER).is_empty()).await;
            assert_eq!(pair.data(SERVER), [vec![7; max]]);
            let error = pair.engines[CLIENT].send(now(), &vec![7; max + 1]);
            assert_eq!(error, Err(SendError::TooLarge { size: max + 1, max }));
            let longest = pair.sent.iter().flatten().map(Vec::len).max().unwrap();
            assert!(longest <= 600, "{longest}");
        });
    }
}

#[test]
fn mistakes_of_the_caller_are_errors() {
    virtual_time(async {
        let webrtc = |config, certificate| {
            Engine::new(DtlsEngine::WebrtcDtls, config, certificate, Arc::new(|| {}))
        };
        let good = certificate(2).fingerprints();
        let mut engine = webrtc(Config::default(), certificate(1));
        assert_eq!(engine.send(now(), b"x"), Err(SendError::NotConnected));
        let error = engine.start(now(), Role::Client, &[]).unwrap_err();
        assert_eq!(error.as_str(), "no_fingerprints");
        engine.start(now(), Role::Client, &good).unwrap();
        engine.start(now(), Role::Client, &good).unwrap();
        assert_eq!(
            engine.start(now(), Role::Server, &good),
            Err(StartError::AlreadyStarted)
        );
        engine.close(now());
        assert_eq!(
            engine.start(now(), Role::Client, &good),
            Err(StartError::Closed)
        );
        assert_eq!(engine.state(), State::Closed);

        let only13 = Config::default().versions(Versions::Only13);
        let error = webrtc(only13, certificate(1)).start(now(), Role::Client, &good);
        assert_eq!(error, Err(StartError::UnsupportedVersion));
        let rsa =
            Certificate::from_pem(include_str!("../../../src/dtls/testdata/rsa.pem")).unwrap();
        let error = webrtc(Config::default(), rsa).start(now(), Role::Client, &good);
        assert_eq!(error, Err(StartError::UnsupportedCertificate));
    });
    // Without a runtime there is nowhere to run.
    let mut engine = Engine::new(
        DtlsEngine::WebrtcDtls,
        Config::default(),
        certificate(1),
        Arc::new(|| {}),
    );
    let error = engine.start(
        std::time::Instant::now(),
        Role::Client,
        &certificate(2).fingerprints(),
    );
    assert_eq!(error, Err(StartError::Engine));
}

#[test]
fn a_dropped_engine_leaves_no_task() {
    virtual_time(async {
        let tasks = || {
            tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks()
        };
        let settle = || tokio::time::sleep(Duration::from_secs(1));
        for kinds in combinations() {
            // In the handshake, connected, and just closed.
            let mut pair = Pair::new(kinds, perfect());
            pair.start();
            settle().await;
            assert!(tasks() > 0);
            drop(pair);
            settle().await;
            assert_eq!(tasks(), 0);
            let pair = Pair::new(kinds, perfect()).connected().await;
            assert!(tasks() > 0);
            drop(pair);
            settle().await;
            assert_eq!(tasks(), 0);
            let mut pair = Pair::new(kinds, perfect()).connected().await;
            pair.close(CLIENT);
            pair.run(Duration::from_secs(5), |_| false).await;
            assert_eq!(tasks(), 0);
        }
    });
}

#[test]
fn a_burst_arrives_whole_and_wakes_its_owner_once() {
    virtual_time(async {
        let mut pair = Pair::new([DtlsEngine::WebrtcDtls; 2], perfect())
            .connected()
            .await;
        for i in 0..200u8 {
            pair.engines[CLIENT].send(now(), &[i; 1_000]).unwrap();
        }
        pair.run(Duration::from_secs(1), |p| p.data(SERVER).len() == 200)
            .await;
        let data = pair.data(SERVER);
        assert!(data.len() == 200 && data.iter().zip(0..).all(|(d, i)| d == &[i; 1_000]));
    });
}
