//! How long a handshake goes on: with a peer that comes late, in many pieces, or not at all.

use std::time::Duration;

use super::testkit::*;
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_handshake_that_nobody_answers_goes_on_until_the_peer_has_been_silent_for_too_long() {
    for (client, server, _) in COMBINATIONS {
        let mut pair = Pair::of(client, server, Box::new(|_, _| Vec::new()));
        let begin = pair.now;
        pair.start();
        pair.run(3 * MINUTE, |p| p.both(State::Failed));
        for end in [CLIENT, SERVER] {
            assert_eq!(
                pair.events[end],
                [Event::Failed(FailureReason::HandshakeTimeout)]
            );
        }
        assert_eq!(pair.now - begin, Duration::from_secs(120));
        let sent = pair.sent[CLIENT].len();
        assert!((60..90).contains(&sent), "backs off: {sent}");
        assert_eq!(
            pair.ends[CLIENT].counters().retransmissions,
            sent as u64 - 1
        );
    }
}

#[test]
fn a_peer_that_falls_silent_in_the_handshake_has_the_handshakes_time() {
    for (client, server, _) in COMBINATIONS {
        // The server's answers are lost, its client's hellos are not.
        let link: Link = Box::new(|from, _| match from {
            CLIENT => vec![DELAY],
            _ => Vec::new(),
        });
        let mut pair = Pair::of(client, server, link);
        let begin = pair.now;
        pair.start();
        pair.run(3 * MINUTE, |p| p.ends[SERVER].state() == State::Failed);
        assert_eq!(pair.now - begin, DELAY + Duration::from_secs(30));
        assert_eq!(pair.ends[CLIENT].state(), State::Connecting);
    }
}

#[test]
fn a_peer_that_learns_of_us_late_connects() {
    for (client, server, version) in COMBINATIONS {
        for late in [31, 60, 100] {
            for end in [CLIENT, SERVER] {
                let late = Duration::from_secs(late);
                // It is not there: what comes is held at best, and that only once.
                let mut first = end == SERVER && late.as_secs() == 60;
                let mut pair = Pair::of(
                    client,
                    server,
                    Box::new(move |_, _| match std::mem::take(&mut first) {
                        true => vec![DELAY],
                        false => vec![],
                    }),
                );
                let here = pair.now + late;
                let remote = pair.ends[end].certificate().fingerprints();
                pair.start_with(1 - end, &remote).unwrap();
                pair.run(late, |_| false);
                assert_eq!(pair.now, here);
                pair.link = perfect();
                let remote = pair.ends[1 - end].certificate().fingerprints();
                pair.start_with(end, &remote).unwrap();
                pair.run(Duration::from_secs(3), |p| p.both(State::Connected));
                assert!(
                    pair.both(State::Connected),
                    "{client:?} {server:?} {late:?}"
                );
                assert_eq!(pair.ends[SERVER].version(), Some(version));
                pair.assert_alive();
            }
        }
    }
}

/// Each plaintext handshake message of a datagram in parts of this size, in datagrams of its own.
fn cut(datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = datagram;
    while let Some(len) = rest.get(11..13) {
        let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
        let (one, after) = rest.split_at(13 + len);
        rest = after;
        if one[0] != 22 || one[3..5] != [0, 0] {
            out.push(one.to_vec());
            continue;
        }
        let mut messages = &one[13..];
        while let Some(len) = messages.get(9..12) {
            let len = usize::from(len[1]) << 8 | usize::from(len[2]);
            let (message, after) = messages.split_at(12 + len);
            messages = after;
            let alone = record(22, 0, 1, message);
            // A ServerHello fits into any datagram.
            match len > size && message[0] > 3 {
                true => out.extend(fragments(&alone, len.div_ceil(size))),
                false => out.push(alone),
            }
        }
    }
    out
}

#[test]
fn a_flight_in_very_many_pieces_is_put_together() {
    // The larger side's flight comes in far more pieces than dimpl keeps, and resent in other ones.
    for (version, seed, loss) in [(Versions::Only12, 1, 0.0), (Versions::Only12, 2, 0.05)] {
        let mut pair = Pair::of(version, version, Box::new(|_, _| Vec::new()));
        pair.start();
        let mut random = crate::random::Random::from_number(seed);
        let mut seen = [0, 0];
        let mut pieces = [0, 0];
        for round in 0..60 {
            for end in [CLIENT, SERVER] {
                let new = pair.sent[end][seen[end]..].to_vec();
                seen[end] = pair.sent[end].len();
                let is_hello = |d: &[u8]| d[0] == 22 && d[13] == 1;
                let mut flight = 0;
                for datagram in new {
                    let all = match is_hello(&datagram) {
                        true => vec![datagram],
                        false => cut(&datagram, 5 + round % 3),
                    };
                    flight += all.len();
                    for piece in all {
                        if random.fraction() >= loss {
                            pair.inject(1 - end, &piece);
                        }
                    }
                }
                pieces[end] = pieces[end].max(flight);
            }
            pair.run(Duration::from_millis(100), |_| false);
        }
        assert!(pieces[SERVER] > 40, "{pieces:?}");
        assert!(
            pair.both(State::Connected),
            "{version:?}: {:?}",
            pair.events
        );
    }
}

#[test]
fn a_fatal_alert_ends_the_handshake_by_its_name_when_nothing_follows_it() {
    let refused = AlertDescription::HANDSHAKE_FAILURE;
    for (client, server, _) in COMBINATIONS {
        for deceived in [CLIENT, SERVER] {
            // A peer that does not like the hello, or has not even sent one.
            let mut pair = Pair::of(client, server, Box::new(|_, _| Vec::new()));
            pair.start();
            let begin = pair.now;
            pair.inject(deceived, &refused.to_plaintext_record(0));
            pair.run(MINUTE, |p| p.ends[deceived].state() == State::Failed);
            let failed = Event::Failed(FailureReason::PeerAlert(refused));
            assert_eq!(pair.events[deceived], [failed]);
            assert!(pair.now - begin < Duration::from_secs(1));
            // One that somebody else has sent.
            let mut pair = Pair::of(client, server, perfect());
            pair.start();
            for _ in 0..3 {
                pair.inject(deceived, &refused.to_plaintext_record(0));
            }
            pair.run(MINUTE, |p| p.both(State::Connected));
            assert!(pair.both(State::Connected), "{client:?} {server:?}");
            pair.run(MINUTE, |_| false);
            pair.assert_alive();
        }
    }
}
