//! Verification before belief.

use std::time::Duration;

use super::testkit::*;
use super::*;
use crate::machine::Machine;

const MINUTE: Duration = Duration::from_secs(60);

/// Both sides, where one of them (the deceived) expects another certificate.
fn mismatch(version: Versions, deceived: usize, link: Link) -> Pair {
    let mut pair = Pair::of(version, version, link);
    for end in [SERVER, CLIENT] {
        let expected = if end == deceived {
            &certificate(99)
        } else {
            pair.ends[1 - end].certificate()
        };
        let expected = expected.fingerprints();
        pair.start_with(end, &expected).unwrap();
    }
    pair
}

fn assert_nothing_was_believed(pair: &mut Pair, deceived: usize) {
    assert_eq!(
        pair.events[deceived],
        [Event::Failed(FailureReason::FingerprintMismatch)]
    );
    let end = &mut pair.ends[deceived];
    assert_eq!(end.state(), State::Failed);
    assert!(end.peer_certificate().is_none() && end.srtp_keying_material().is_none());
    assert_eq!(end.send(pair.now, b"x"), Err(SendError::Closed));
    assert_eq!(
        (end.poll_timeout(), end.counters().records_received),
        (None, 0)
    );
}

#[test]
fn in_dtls_12_both_sides_fail_at_once() {
    for deceived in [CLIENT, SERVER] {
        let mut pair = mismatch(Versions::Only12, deceived, perfect());
        let begin = pair.now;
        pair.run(MINUTE, |p| p.both(State::Failed));
        assert_nothing_was_believed(&mut pair, deceived);
        let told = pair.ends[deceived].alert_sent();
        assert_eq!(told, Some(AlertDescription::BAD_CERTIFICATE));
        assert_eq!(pair.ends[1 - deceived].alert_sent(), None);
        assert_eq!(
            pair.events[1 - deceived],
            [Event::Failed(FailureReason::PeerRejected)]
        );
        assert!(pair.now - begin <= DELAY * 7);
    }
}

#[test]
fn in_dtls_13_a_wrong_client_is_closed_and_a_wrong_server_hears_nothing() {
    let mut pair = mismatch(Versions::Only13, SERVER, perfect());
    pair.run(MINUTE, |p| p.both(State::Failed));
    assert_nothing_was_believed(&mut pair, SERVER);
    let rejected = Event::Failed(FailureReason::PeerRejected);
    assert_eq!(pair.events[CLIENT], [Event::Connected, rejected]);

    let mut pair = mismatch(Versions::Only13, CLIENT, perfect());
    pair.run(MINUTE, |p| p.both(State::Failed));
    assert_nothing_was_believed(&mut pair, CLIENT);
    assert_eq!(
        pair.events[SERVER],
        [Event::Failed(FailureReason::HandshakeTimeout)]
    );
}

#[test]
fn the_peer_is_told_however_lossy_the_way_is() {
    for (version, deceived) in [
        (Versions::Only12, CLIENT),
        (Versions::Only12, SERVER),
        (Versions::Only13, SERVER),
    ] {
        for seed in 0..20 {
            let mut pair = mismatch(version, deceived, lossy(seed, 0.3));
            pair.run(MINUTE, |p| p.both(State::Failed));
            assert_nothing_was_believed(&mut pair, deceived);
            let last = pair.events[1 - deceived].last();
            assert_eq!(
                last,
                Some(&Event::Failed(FailureReason::PeerRejected)),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn resends_of_the_peer_never_complete_anything_and_are_answered_a_bounded_number_of_times() {
    for version in [Versions::Only12, Versions::Only13] {
        for deceived in [CLIENT, SERVER] {
            let mut pair = mismatch(version, deceived, perfect());
            pair.run(MINUTE, |p| p.both(State::Failed));
            let flight = pair.sent[1 - deceived].clone();
            let before = pair.sent[deceived].len();
            for _ in 0..200 {
                for datagram in &flight {
                    pair.inject(deceived, datagram);
                }
            }
            assert_nothing_was_believed(&mut pair, deceived);
            assert!(pair.sent[deceived].len() - before <= 20);
        }
    }
}

#[test]
fn data_behind_a_wrong_certificate_is_not_delivered() {
    // The client sends data together with its last flight, before any answer.
    let mut pair = mismatch(Versions::Only13, SERVER, perfect());
    pair.run(MINUTE, |p| p.ends[CLIENT].state() == State::Connected);
    pair.send(CLIENT, b"believe me");
    pair.run(MINUTE, |_| false);
    assert_nothing_was_believed(&mut pair, SERVER);
    assert_eq!(pair.data(SERVER), [b""; 0]);
}

#[test]
fn a_client_of_dtls_13_that_never_hears_of_its_server_again_was_rejected() {
    // All that the server says after its flight is lost.
    let mut from_server = 0;
    let link: Link = Box::new(move |from, _| {
        from_server += usize::from(from == SERVER);
        if from == SERVER && from_server > 2 {
            vec![]
        } else {
            vec![DELAY]
        }
    });
    let mut pair = Pair::of(Versions::Only13, Versions::Only13, link);
    pair.start();
    pair.run(MINUTE, |p| p.ends[CLIENT].state() == State::Failed);
    let rejected = Event::Failed(FailureReason::PeerRejected);
    assert_eq!(pair.events[CLIENT], [Event::Connected, rejected]);
}

#[test]
fn a_close_after_data_is_a_close() {
    let mut pair = Pair::of(Versions::Only13, Versions::Only13, perfect()).connected();
    pair.assert_alive();
    pair.close(SERVER);
    pair.run(MINUTE, |_| false);
    assert_eq!(pair.events[CLIENT].last(), Some(&Event::Closed));
}
