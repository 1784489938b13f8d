use std::time::Duration;

use super::super::testkit::*;
use super::super::{HashAlgorithm, SrtpProfile, Versions, WallClock};
use super::*;
use crate::dtls::FailureReason;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn each_combination_of_versions_connects_and_moves_data() {
    for (client, server, version) in COMBINATIONS {
        let mut pair = Pair::of(client, server, perfect());
        pair.start();
        pair.run(MINUTE, |p| p.both(State::Connected));
        for end in [CLIENT, SERVER] {
            assert_eq!(
                pair.events[end],
                [Event::Connected],
                "{client:?} {server:?}"
            );
            assert_eq!(pair.ends[end].version(), Some(version));
            let peer = pair.ends[1 - end].certificate().der();
            assert_eq!(
                pair.ends[end].peer_certificate().map(|c| &c[..]),
                Some(peer)
            );
        }
        let suites = pair.ends.each_ref().map(|e| e.cipher_suite().unwrap());
        assert_eq!(suites[0], suites[1]);
        assert_ne!(suites[0], "unknown");
        pair.assert_alive();
        pair.run(MINUTE, |_| false);
        pair.assert_alive();
        assert_eq!(pair.ends[0].poll_timeout(), None);
        assert_eq!(pair.ends[1].poll_timeout(), None);
    }
}

#[test]
fn both_sides_export_the_same_srtp_keys_of_the_profile() {
    for (client, server, _) in COMBINATIONS {
        let srtp_profiles = SrtpProfile::ALL.to_vec();
        let config = |versions| Config {
            versions,
            srtp_profiles: srtp_profiles.clone(),
            ..Config::default()
        };
        let pair = Pair::new([config(client), config(server)], perfect()).connected();
        let [client, server] = pair
            .ends
            .each_ref()
            .map(|e| e.srtp_keying_material().unwrap());
        assert_eq!(client, server);
        assert_eq!(
            client.as_bytes().len(),
            client.profile().keying_material_len()
        );
        let (key, salt) = client.server();
        assert_eq!(
            (key.len(), salt.len()),
            (client.profile().key_len(), client.profile().salt_len())
        );
        assert!(client.as_bytes().ends_with(salt));
        assert!(!format!("{client:?}").contains("material: ["));
    }
}

#[test]
fn without_a_profile_there_is_data_but_no_srtp() {
    let none = Config {
        srtp_profiles: Vec::new(),
        ..Config::default()
    };
    let only = Config {
        srtp_profiles: vec![SrtpProfile::Aes128CmHmacSha1_80],
        ..Config::default()
    };
    let mut pair = Pair::new([none, only], perfect()).connected();
    assert_eq!(pair.ends[CLIENT].srtp_profile(), None);
    assert_eq!(pair.ends[SERVER].srtp_profile(), None);
    let refused = pair.ends[CLIENT].export_keying_material("label", &[], 32);
    assert_eq!(refused, Err(ExportError::Unsupported));
    pair.assert_alive();
}

#[test]
fn a_datagram_is_never_larger_than_the_mtu() {
    for (client, server, version) in COMBINATIONS {
        let config = |versions| Config {
            versions,
            mtu: 600,
            ..Config::default()
        };
        let mut pair = Pair::new([config(client), config(server)], perfect()).connected();
        let max = pair.ends[CLIENT].config().max_payload();
        pair.send(CLIENT, &vec![7; max]);
        pair.run(MINUTE, |p| !p.data(SERVER).is_empty());
        assert_eq!(pair.data(SERVER), [vec![7; max]]);
        let error = pair.ends[CLIENT].send(pair.now, &vec![7; max + 1]);
        assert_eq!(error, Err(SendError::TooLarge { size: max + 1, max }));
        let longest = pair.sent.iter().flatten().map(Vec::len).max().unwrap();
        assert!(longest <= 600, "{version} {longest}");
    }
}

#[test]
fn a_batch_comes_out_as_slices_of_one_buffer_and_goes_out_in_one_send() {
    for version in [Versions::Only12, Versions::Only13] {
        let mut pair = Pair::of(version, version, perfect()).connected();
        let payloads: Vec<Vec<u8>> = (0..50).map(|i| vec![i; 1_000]).collect();
        for payload in &payloads {
            pair.ends[CLIENT].send(pair.now, payload).unwrap();
        }
        let batch = pair.ends[CLIENT].poll_transmit(pair.now).unwrap();
        assert_eq!(
            (batch.count(), pair.ends[CLIENT].poll_transmit(pair.now)),
            (50, None)
        );
        pair.ends[SERVER].handle_segments(pair.now, &batch);
        let mut received = Vec::new();
        while let Some(event) = pair.ends[SERVER].poll_event() {
            match event {
                Event::ApplicationData(data) => received.push(data),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(received, payloads);
        for pair in received.windows(2) {
            assert_eq!(
                pair[0].as_ptr() as usize + pair[0].len(),
                pair[1].as_ptr() as usize
            );
        }
    }
}

#[test]
fn handshakes_complete_at_10_20_and_30_percent_loss_200_times_each() {
    for (client, server, _) in COMBINATIONS {
        for loss in [0.1, 0.2, 0.3] {
            for seed in 0..200 {
                let mut pair = Pair::of(client, server, lossy(seed, loss));
                pair.start();
                pair.run(MINUTE, |p| p.both(State::Connected));
                assert!(
                    pair.both(State::Connected),
                    "{client:?} {server:?} loss {loss} seed {seed}: {:?}",
                    pair.events
                );
            }
        }
    }
}

#[test]
fn each_datagram_of_the_handshake_may_be_lost_once() {
    for (client, server, _) in COMBINATIONS {
        for end in [CLIENT, SERVER] {
            for lost in 0..6 {
                let mut count = 0;
                let link = Box::new(move |from: usize, _: &[u8]| {
                    count += usize::from(from == end);
                    if from == end && count == lost + 1 {
                        vec![]
                    } else {
                        vec![DELAY]
                    }
                });
                let mut pair = Pair::of(client, server, link).connected();
                // The one that is to be lost may not have been sent by now.
                pair.link = perfect();
                pair.assert_alive();
            }
        }
    }
}

#[test]
fn datagrams_that_come_before_the_start_are_held() {
    for (client, server, _) in COMBINATIONS {
        let mut pair = Pair::of(client, server, perfect());
        let of_server = pair.ends[SERVER].certificate().fingerprints();
        let of_client = pair.ends[CLIENT].certificate().fingerprints();
        pair.start_with(CLIENT, &of_server).unwrap();
        pair.run(Duration::from_millis(100), |_| false);
        assert_eq!(pair.ends[SERVER].state(), State::New);
        assert_eq!(pair.ends[SERVER].counters().early_held, 1);
        let begin = pair.now;
        pair.start_with(SERVER, &of_client).unwrap();
        pair.run(MINUTE, |p| p.both(State::Connected));
        assert!(
            pair.now - begin <= DELAY * 6,
            "no retransmission was needed"
        );
    }
}

#[test]
fn the_buffer_before_the_start_is_bounded() {
    let mut pair = Pair::of(Versions::Auto, Versions::Auto, perfect());
    for _ in 0..10_000 {
        pair.inject(SERVER, &record(22, 0, 0, &[1; 1_000]));
    }
    let counters = *pair.ends[SERVER].counters();
    assert!(counters.early_held <= 17, "{counters:?}");
    assert_eq!(counters.early_held + counters.early_dropped, 10_000);
    pair.connected().assert_alive();
}

/// An endpoint may take the place of another: records that were for that one, under its keys, do
/// not take up the room of the hello that is to come.
#[test]
fn what_is_left_of_an_earlier_connection_is_counted_and_not_held() {
    for (client, server, _) in COMBINATIONS {
        let mut pair = Pair::of(client, server, perfect());
        let unified = [vec![0b0010_1101, 0, 7], vec![9; 1_000]].concat();
        for _ in 0..1_000 {
            pair.inject(SERVER, &record(23, 1, 7, &[9; 1_000]));
            pair.inject(SERVER, &record(21, 1, 8, &[9; 40]));
            pair.inject(SERVER, &unified);
        }
        let counters = *pair.ends[SERVER].counters();
        assert_eq!((counters.early_held, counters.early_dropped), (0, 0));
        assert_eq!(counters.unexpected + counters.malformed, 3_000);
        let of_server = pair.ends[SERVER].certificate().fingerprints();
        let of_client = pair.ends[CLIENT].certificate().fingerprints();
        pair.start_with(CLIENT, &of_server).unwrap();
        pair.run(Duration::from_millis(100), |_| false);
        let begin = pair.now;
        pair.start_with(SERVER, &of_client).unwrap();
        pair.run(MINUTE, |p| p.both(State::Connected));
        assert!(pair.now - begin <= DELAY * 6, "the hello was held");
    }
}

#[test]
fn no_record_number_is_used_twice() {
    // Peers drop what they take for a replay.
    for (client, server, _) in COMBINATIONS {
        let mut pair = Pair::of(client, server, lossy(7, 0.4));
        pair.start();
        pair.run(MINUTE, |p| p.both(State::Connected));
        for sent in &pair.sent {
            let mut numbers: Vec<_> = sent
                .iter()
                .filter(|d| d[0] < 32 && d[3..5] == [0, 0])
                .map(|d| &d[3..11])
                .collect();
            let count = numbers.len();
            numbers.sort();
            numbers.dedup();
            assert_eq!(numbers.len(), count, "{client:?} {server:?}");
        }
    }
}

#[test]
fn mistakes_of_the_caller_are_errors_and_nothing_is_sent() {
    let mut pair = Pair::of(Versions::Auto, Versions::Auto, perfect());
    let now = pair.now;
    let good = pair.ends[SERVER].certificate().fingerprints();
    let client = &mut pair.ends[CLIENT];
    assert_eq!(client.send(now, b"x"), Err(SendError::NotConnected));
    let error = client.start(now, Role::Client, &[]).unwrap_err();
    assert_eq!(error.as_str(), "no_fingerprints");
    let md5 = Fingerprint {
        algorithm: "md5".into(),
        value: "AB".into(),
    };
    let error = client.start(now, Role::Client, &[md5]).unwrap_err();
    assert_eq!(error.as_str(), "unknown_algorithms");
    assert_eq!(
        (client.state(), client.poll_transmit(now)),
        (State::New, None)
    );
    client.start(now, Role::Client, &good).unwrap();
    client.start(now, Role::Client, &good).unwrap();
    assert_eq!(
        client.start(now, Role::Server, &good),
        Err(StartError::AlreadyStarted)
    );
    assert_eq!(client.send(now, b"x"), Err(SendError::NotConnected));
    client.close(now);
    client.close(now);
    assert_eq!(client.send(now, b"x"), Err(SendError::Closed));
    assert_eq!(
        client.start(now, Role::Client, &good),
        Err(StartError::Closed)
    );
    assert_eq!((client.state(), client.poll_event()), (State::Closed, None));
}

#[test]
fn a_certificate_that_is_not_valid_or_not_usable_is_refused() {
    let now = beginning();
    let certificate = certificate(1);
    let remote = certificate.fingerprints();
    let start = |time| {
        let wall_clock = Some(WallClock { instant: now, time });
        let config = Config {
            wall_clock,
            ..Config::default()
        };
        Endpoint::new(config, certificate.clone()).start(now, Role::Client, &remote)
    };
    assert_eq!(start(certificate.expires()), Ok(()));
    let after = certificate.expires() + Duration::from_secs(1);
    assert_eq!(start(after), Err(StartError::CertificateExpired));
    let rsa = Certificate::from_pem(include_str!("testdata/rsa.pem")).unwrap();
    let error = Endpoint::new(Config::default(), rsa).start(now, Role::Server, &remote);
    assert_eq!(error, Err(StartError::UnsupportedCertificate));
}

#[test]
fn close_notify_closes_the_other_side_and_both_at_once() {
    for (client, server, _) in COMBINATIONS {
        for end in [CLIENT, SERVER] {
            let mut pair = Pair::of(client, server, perfect()).connected();
            pair.assert_alive();
            pair.events = Default::default();
            pair.close(end);
            pair.run(MINUTE, |_| false);
            assert!(pair.both(State::Closed));
            assert_eq!(pair.events[end], []);
            assert_eq!(pair.events[1 - end], [Event::Closed]);
            assert!(pair.ends[1 - end].peer_certificate().is_some());
        }
        let mut pair = Pair::of(client, server, perfect()).connected();
        pair.close(CLIENT);
        pair.close(SERVER);
        pair.run(MINUTE, |_| false);
        assert!(pair.both(State::Closed));
        assert_eq!(pair.events, [vec![], vec![]]);
    }
}

#[test]
fn a_close_in_the_handshake_ends_it_silently() {
    for end in [CLIENT, SERVER] {
        let mut pair = Pair::of(Versions::Auto, Versions::Auto, perfect());
        pair.start();
        pair.run(Duration::from_millis(30), |_| false);
        pair.close(end);
        pair.run(MINUTE, |_| false);
        assert_eq!(pair.events[end], []);
        assert_eq!(
            pair.events[1 - end],
            [Event::Failed(FailureReason::HandshakeTimeout)]
        );
        assert_eq!(pair.ends[end].state(), State::Closed);
    }
}

#[test]
fn fingerprints_of_each_algorithm_are_accepted_and_one_of_several_suffices() {
    for algorithm in [
        HashAlgorithm::Sha256,
        HashAlgorithm::Sha384,
        HashAlgorithm::Sha512,
    ] {
        let mut pair = Pair::of(Versions::Auto, Versions::Auto, perfect());
        for end in [SERVER, CLIENT] {
            let wrong = certificate(99).fingerprint(algorithm);
            let mut right = pair.ends[1 - end].certificate().fingerprint(algorithm);
            right.value = right.value.to_lowercase();
            pair.start_with(end, &[wrong, right]).unwrap();
        }
        pair.run(MINUTE, |p| p.both(State::Connected));
        assert!(pair.both(State::Connected));
    }
}

#[test]
fn a_client_hello_in_six_datagrams_is_put_together_in_any_order_with_some_of_them_twice() {
    for (client, server, version) in COMBINATIONS {
        for order in [
            [0, 1, 2, 3, 4, 5, 5],
            [5, 4, 3, 2, 1, 0, 0],
            [3, 0, 3, 5, 1, 4, 2],
        ] {
            let is_hello = |datagram: &[u8]| datagram[0] == 22 && datagram[13] == 1;
            let link: Link = Box::new(move |from, datagram| {
                if from == CLIENT && is_hello(datagram) {
                    vec![]
                } else {
                    vec![DELAY]
                }
            });
            let mut pair = Pair::of(client, server, link);
            pair.start();
            // Both hellos: that without and that with a cookie.
            let mut seen = 0;
            for _ in 0..40 {
                pair.run(Duration::from_millis(50), |_| false);
                let hellos = pair.sent[CLIENT].iter().filter(|d| is_hello(d));
                let new: Vec<_> = hellos.skip(seen).cloned().collect();
                seen += new.len();
                for hello in new {
                    let parts = fragments(&hello, 6);
                    for at in order {
                        pair.inject(SERVER, &parts[at]);
                    }
                }
            }
            assert!(
                pair.both(State::Connected),
                "{client:?} {server:?} {order:?}: {:?}",
                pair.events
            );
            assert_eq!(pair.ends[SERVER].version(), Some(version));
            pair.assert_alive();
        }
    }
}

#[test]
fn a_close_notify_that_is_lost_leaves_the_other_side_connected_and_harms_nobody() {
    for (client, server, _) in COMBINATIONS {
        for end in [CLIENT, SERVER] {
            let mut pair = Pair::of(client, server, perfect()).connected();
            pair.assert_alive();
            pair.link = Box::new(|_, _| Vec::new());
            pair.close(end);
            pair.link = perfect();
            pair.events = Default::default();
            // DTLS does not ask whether its peer is there: that is what ICE's consent is for.
            pair.send(1 - end, b"still here");
            pair.run(MINUTE, |_| false);
            assert_eq!(pair.ends[1 - end].state(), State::Connected);
            assert_eq!(pair.events, [vec![], vec![]]);
            assert_eq!(pair.ends[end].counters().late, 1);
        }
    }
}

#[test]
fn a_certificate_with_p384_is_as_good_and_one_of_the_past_is_believed_by_its_fingerprint() {
    let p384 = Certificate::from_pem(include_str!("testdata/ec-p384.pem")).unwrap();
    assert_eq!(p384.key_type(), super::super::KeyType::EcdsaP384);
    for (client, server, version) in COMBINATIONS {
        for other in [CLIENT, SERVER] {
            let mut pair = Pair::of(client, server, perfect());
            let now = pair.now;
            let config = Config {
                // Valid now; that of the peer has ended (RFC 8827 §6.5 has no say in it).
                wall_clock: Some(WallClock {
                    instant: now,
                    time: p384.expires() - MINUTE,
                }),
                ..pair.ends[other].config().clone()
            };
            pair.ends[other] = Endpoint::new(config, p384.clone());
            pair.start();
            pair.run(MINUTE, |p| p.both(State::Connected));
            assert!(pair.both(State::Connected), "{:?}", pair.events);
            assert_eq!(pair.ends[other].version(), Some(version));
            pair.assert_alive();
        }
    }
}
