use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::super::super::{
    Association, Capabilities, ChannelError, ChannelOptions, Config, Event, FailureReason, Message,
};
use crate::machine::Machine;
use crate::random::Random;
use crate::sctp::testing::{Conditions, Pair, epoch, pattern};
use crate::sctp::wire::packet::{Builder, Chunks, Header, kind};

const SECOND: Duration = Duration::from_secs(1);

fn has_chunk(packet: &Bytes, wanted: u8) -> bool {
    Chunks::of(packet).any(|chunk| chunk.kind == wanted)
}

/// Says whether both sides can talk to each other.
fn talk(pair: &mut Pair) {
    for side in 0..2 {
        let before = pair.sides[1 - side].received.len();
        let id = pair.open(side, "talk", ChannelOptions::default());
        pair.send(side, id, "hello").unwrap();
        assert!(
            pair.run_until(20 * SECOND, |pair| pair.sides[1 - side].received.len()
                > before),
            "side {side} is not heard: {:?}",
            pair.sides[1 - side].events
        );
    }
}

fn init_from_both_sides_at_once_connects_in_one_and_a_half_round_trips() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 1);
    assert_eq!(pair.elapsed(), Duration::from_millis(75));
    talk(&mut pair);
}

fn one_side_may_be_much_later_and_its_peers_init_is_held() {
    for first in 0..2 {
        let mut pair = Pair::new(Config::default(), Conditions::default(), 2);
        pair.start_side(first);
        pair.run_for(Duration::from_millis(5400));
        pair.start_side(1 - first);
        let before = pair.elapsed();
        assert!(pair.run_until(SECOND, |pair| pair.is_connected(0) && pair.is_connected(1)));
        assert!(pair.elapsed() - before <= Duration::from_millis(75));
        talk(&mut pair);
    }
}

fn init_lost_init_ack_lost_cookie_echo_lost_cookie_ack_lost() {
    for lost in [
        kind::INIT,
        kind::INIT_ACK,
        kind::COOKIE_ECHO,
        kind::COOKIE_ACK,
    ] {
        for both in [false, true] {
            let mut pair = Pair::new(Config::default(), Conditions::default(), lost.into());
            let dropped = Rc::new(Cell::new(0));
            let count = dropped.clone();
            let mut seen = [false; 2];
            pair.filter = Some(Box::new(move |side, packet| {
                if (both || side == 0) && has_chunk(packet, lost) && !seen[side] {
                    seen[side] = true;
                    count.set(count.get() + 1);
                    return false;
                }
                true
            }));
            pair.connect();
            assert!(dropped.get() > 0, "chunk {lost} was never sent");
            talk(&mut pair);
        }
    }
}

fn it_connects_and_talks_over_a_bad_network_with_every_seed() {
    for seed in 0..40 {
        let conditions = Conditions {
            loss: 0.3,
            duplicates: 0.1,
            jitter: Duration::from_millis(100),
            ..Default::default()
        };
        let mut pair = Pair::new(Config::default(), conditions, seed);
        pair.connect();
        talk(&mut pair);
    }
}

fn a_peer_that_never_answers_is_a_timeout_with_that_reason() {
    let mut pair = Pair::new(Config::default(), Conditions::default(), 3);
    let id = pair.open(0, "never", ChannelOptions::default());
    pair.start_side(0);
    pair.run_for(31 * SECOND);
    assert_eq!(
        pair.sides[0].events,
        [
            Event::ChannelClosed(id, Some(ChannelError::AssociationEnded)),
            Event::Failed(FailureReason::HandshakeTimeout)
        ]
    );
    assert_eq!(pair.sides[0].association.poll_timeout(), None);
}

fn an_old_cookie_is_stale_and_the_peer_begins_again() {
    let mut pair = Pair::new(
        Config {
            handshake_timeout: 300 * SECOND,
            ..Default::default()
        },
        Conditions::default(),
        4,
    );
    // Only side 0 starts things: its COOKIE ECHO is held back for more than a minute.
    let begin = pair.now;
    let mut stale = 0;
    let counted = Rc::new(Cell::new(0));
    let count = counted.clone();
    let held: Rc<Cell<bool>> = Rc::default();
    let open = held.clone();
    pair.filter = Some(Box::new(move |side, packet| {
        if has_chunk(packet, kind::ERROR) {
            stale += 1;
            count.set(stale);
        }
        match side {
            0 => !has_chunk(packet, kind::COOKIE_ECHO) || open.get(),
            // Side 1 does not get through with an INIT of its own.
            _ => !has_chunk(packet, kind::INIT),
        }
    }));
    pair.start_side(0);
    pair.start_side(1);
    pair.run_for(70 * SECOND);
    held.set(true);
    assert!(pair.run_until(20 * SECOND, |pair| pair.is_connected(0)
        && pair.is_connected(1)));
    assert!(counted.get() >= 1);
    assert!(pair.now - begin > 70 * SECOND);
    talk(&mut pair);
}

fn other_ports_than_5000() {
    let config = |local_port| Config {
        local_port,
        ..Default::default()
    };
    let mut pair = Pair::with([config(6000), config(1)], Conditions::default(), 5);
    pair.connect();
    talk(&mut pair);
}

fn garbage_wrong_tags_and_wrong_ports_are_counted_and_dropped() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 6);
    let id = pair.open(0, "x", ChannelOptions::default());
    pair.run_for(SECOND);
    let captured: Rc<RefCell<Vec<Bytes>>> = Rc::default();
    let store = captured.clone();
    pair.filter = Some(Box::new(move |side, packet| {
        if side == 0 {
            store.borrow_mut().push(packet.clone());
        }
        true
    }));
    pair.send(0, id, "payload").unwrap();
    pair.run_for(SECOND);
    let packet = captured.borrow()[0].clone();
    let now = pair.now;
    let altered = |at: usize| {
        let mut copy = packet.to_vec();
        copy[at] ^= 0x55;
        Bytes::from(copy)
    };
    let receiver = &mut pair.sides[1].association;
    receiver.handle_packet(now, Bytes::from_static(b"short"));
    receiver.handle_packet(now, altered(20));
    receiver.handle_packet(now, altered(0));
    receiver.handle_packet(now, altered(5));
    receiver.handle_packet(now, packet.slice(..packet.len() - 5));
    let counters = receiver.stats().counters;
    assert_eq!(counters.malformed, 3);
    assert_eq!(counters.wrong_port, 1);
    assert_eq!(counters.wrong_tag, 1);
    talk(&mut pair);
}

fn close_sends_what_was_sent_before_and_the_peer_can_read_it() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 7);
    let id = pair.open(0, "last words", ChannelOptions::default());
    for index in 0..10 {
        pair.send(0, id, pattern(50_000, index)).unwrap();
    }
    pair.sides[1].reads = false;
    let now = pair.now;
    pair.sides[0].association.close(now);
    pair.run_for(3 * SECOND);
    assert_eq!(pair.sides[0].events.last(), Some(&Event::Closed));
    assert_eq!(pair.sides[1].events.last(), Some(&Event::Closed));
    let theirs = pair.incoming(1)[0];
    assert!(pair.has(1, Event::ChannelClosed(theirs, None)));
    pair.read(1, theirs);
    assert_eq!(pair.sides[1].received.len(), 10);
    assert_eq!(pair.sides[1].association.channel(theirs), None);
    assert_eq!(pair.sides[1].association.stats().unread, 0);
}

fn close_is_bounded_when_the_peer_is_gone() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 8);
    let id = pair.open(0, "nobody", ChannelOptions::default());
    pair.conditions.loss = 1.0;
    pair.send(0, id, "hello").unwrap();
    let now = pair.now;
    pair.sides[0].association.close(now);
    assert!(pair.run_until(6 * SECOND, |pair| pair.has(0, Event::Closed)));
    assert_eq!(pair.now - now, 5 * SECOND);
    // Nothing runs any more.
    assert_eq!(pair.sides[0].association.poll_timeout(), None);
    // Closing again, or aborting, changes nothing.
    pair.sides[0].association.close(now);
    pair.sides[0].association.abort(now);
    pair.drain();
    assert_eq!(
        pair.sides[0]
            .events
            .iter()
            .filter(|e| **e == Event::Closed)
            .count(),
        1
    );
}

fn abort_tells_the_peer_at_once_and_again_if_it_was_lost() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 9);
    let id = pair.open(1, "open", ChannelOptions::default());
    pair.run_for(SECOND);
    pair.filter = Some(Box::new(|side, _| side == 1));
    let now = pair.now;
    pair.sides[0].association.abort(now);
    pair.drain();
    assert!(pair.has(0, Event::Closed));
    pair.filter = None;
    pair.run_for(SECOND);
    assert!(!pair.has(1, Event::Closed));
    pair.send(1, id, "are you there?").unwrap();
    pair.run_for(SECOND);
    assert!(pair.has(1, Event::ChannelClosed(id, None)));
    assert_eq!(pair.sides[1].events.last(), Some(&Event::Closed));
}

/// Side 0 waits for the answer to this chunk, which is lost. Returns the tags that the sides drew.
fn until_sent(seed: u64, wanted: u8) -> (Pair, u32, u32) {
    let mut pair = Pair::new(Config::default(), Conditions::default(), seed);
    let tags: Rc<Cell<[u32; 2]>> = Rc::default();
    let store = tags.clone();
    pair.filter = Some(Box::new(move |side, packet| {
        if matches!(packet[12], kind::INIT | kind::INIT_ACK) {
            // Behind the chunk header.
            let mut both = store.get();
            both[side] = u32::from_be_bytes(packet[16..20].try_into().unwrap());
            store.set(both);
        }
        // Nor is the association set up by the INIT of side 1.
        !(has_chunk(packet, wanted) || side == 1 && has_chunk(packet, kind::INIT))
    }));
    pair.start_side(0);
    pair.start_side(1);
    pair.run_for(Duration::from_millis(200));
    let [ours, theirs] = tags.get();
    assert!(ours != 0 && theirs != 0 && !pair.is_connected(0));
    (pair, ours, theirs)
}

/// Tag, kind and flags of what side 0 has to send.
fn leaving(pair: &mut Pair) -> Vec<(u32, u8, u8)> {
    let now = pair.now;
    let association = &mut pair.sides[0].association;
    std::iter::from_fn(|| association.poll_transmit(now))
        .map(|packet| {
            let header = Header::read(&packet).unwrap();
            (header.verification_tag, packet[12], packet[13])
        })
        .collect()
}

/// RFC 9260 §8.5.1 B: the tag that the peer drew, without the T bit, since we know it.
fn an_abort_while_connecting_has_the_tag_of_the_peer() {
    let (mut pair, _, theirs) = until_sent(20, kind::COOKIE_ECHO);
    let now = pair.now;
    pair.sides[0].association.abort(now);
    assert_eq!(leaving(&mut pair), [(theirs, kind::ABORT, 0)]);
    // The same when its time is over.
    let (mut pair, _, theirs) = until_sent(21, kind::COOKIE_ECHO);
    let now = pair.now + 31 * SECOND;
    pair.sides[0].association.handle_timeout(now);
    assert_eq!(leaving(&mut pair), [(theirs, kind::ABORT, 0)]);
    // A peer that has said nothing is told nothing: it would have no association to end.
    let mut pair = Pair::new(Config::default(), Conditions::default(), 22);
    pair.start_side(0);
    let now = pair.now;
    pair.sides[0].association.abort(now);
    assert_eq!(leaving(&mut pair), []);
    assert_eq!(pair.sides[0].association.poll_event(), Some(Event::Closed));
}

/// RFC 9260 §8.4, §8.5.1 B: a peer that knows of no association reflects the tag of our packet, and
/// sets the T bit.
fn an_abort_of_the_peer_while_connecting_counts_only_with_the_right_tag() {
    for (reflected, theirs, ends) in [
        (false, false, true),
        (true, true, true),
        (false, true, false),
        (true, false, false),
    ] {
        let (mut pair, our_tag, their_tag) = until_sent(23, kind::COOKIE_ECHO);
        let header = Header {
            source_port: 5000,
            destination_port: 5000,
            verification_tag: if theirs { their_tag } else { our_tag },
        };
        let abort = Builder::new(header)
            .chunk(kind::ABORT, u8::from(reflected), &[])
            .finish();
        let now = pair.now;
        pair.sides[0].association.handle_packet(now, abort);
        pair.drain();
        assert_eq!(
            pair.has(0, Event::Closed),
            ends,
            "T {reflected}, theirs {theirs}"
        );
        if !ends {
            pair.filter = None;
            assert!(pair.run_until(5 * SECOND, |pair| pair.is_connected(0)));
        }
    }
    // Before we know the peer's, there is no tag to reflect.
    let mut pair = Pair::new(Config::default(), Conditions::default(), 24);
    pair.start_side(0);
    let header = Header {
        source_port: 5000,
        destination_port: 5000,
        verification_tag: 0,
    };
    let abort = Builder::new(header).chunk(kind::ABORT, 1, &[]).finish();
    let now = pair.now;
    pair.sides[0].association.handle_packet(now, abort);
    pair.drain();
    assert!(!pair.has(0, Event::Closed));
}

fn a_peer_that_restarts_is_a_failure_with_that_reason() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 10);
    let id = pair.open(0, "old", ChannelOptions::default());
    pair.run_for(SECOND);
    pair.sides[1].association = Association::new(Config::default(), Random::from_number(99));
    pair.start_side(1);
    pair.run_for(2 * SECOND);
    let events = &pair.sides[0].events;
    assert!(events.ends_with(&[
        Event::ChannelClosed(id, Some(ChannelError::AssociationEnded)),
        Event::Failed(FailureReason::PeerRestarted)
    ]));
}

fn a_late_copy_of_the_peers_init_does_no_harm() {
    let mut pair = Pair::new(Config::default(), Conditions::default(), 11);
    let captured: Rc<RefCell<Vec<Bytes>>> = Rc::default();
    let store = captured.clone();
    pair.filter = Some(Box::new(move |side, packet| {
        if side == 0 {
            store.borrow_mut().push(packet.clone());
        }
        true
    }));
    pair.connect();
    pair.run_for(SECOND);
    let handshake = captured.borrow().clone();
    assert!(handshake.iter().any(|packet| has_chunk(packet, kind::INIT)));
    assert!(
        handshake
            .iter()
            .any(|packet| has_chunk(packet, kind::COOKIE_ECHO))
    );
    for packet in handshake {
        let now = pair.now;
        pair.sides[1].association.handle_packet(now, packet);
    }
    talk(&mut pair);
}

fn data_before_the_end_is_delivered_before_it() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 12);
    let id = pair.open(0, "x", ChannelOptions::default());
    pair.run_for(SECOND);
    pair.send(0, id, "last").unwrap();
    let now = pair.now;
    pair.sides[0].association.abort(now);
    pair.run_for(SECOND);
    let events = &pair.sides[1].events;
    let readable = events
        .iter()
        .position(|event| matches!(event, Event::Readable(_)));
    assert!(readable < events.iter().position(|event| *event == Event::Closed));
    assert_eq!(pair.sides[1].received[0].1, Message::text("last"));
}

fn shutdown_by_the_peer_is_answered() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 13);
    let id = pair.open(0, "x", ChannelOptions::default());
    pair.run_for(SECOND);
    pair.send(0, id, pattern(200_000, 0)).unwrap();
    let answered: Rc<Cell<usize>> = Rc::default();
    let count = answered.clone();
    pair.filter = Some(Box::new(move |side, packet| {
        if side == 0 && has_chunk(packet, kind::SHUTDOWN_ACK) {
            count.set(count.get() + 1);
        }
        true
    }));
    let shutdown = pair.forge(1, kind::SHUTDOWN, &[0; 4]);
    let now = pair.now;
    pair.sides[0]
        .association
        .handle_packet(now, shutdown.clone());
    pair.run_for(SECOND);
    // What was under way was delivered first.
    assert_eq!(pair.sides[1].received.len(), 1);
    assert_eq!(pair.sides[0].events.last(), Some(&Event::Closed));
    assert_eq!(answered.get(), 1);
    // The answer was lost: the peer asks again.
    let now = pair.now;
    pair.sides[0].association.handle_packet(now, shutdown);
    pair.drain();
    assert_eq!(answered.get(), 2);
}

fn an_error_chunk_of_the_peer_does_no_harm() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 14);
    let error = pair.forge(1, kind::ERROR, &[0, 6, 0, 4]);
    let now = pair.now;
    pair.sides[0].association.handle_packet(now, error);
    let unknown = pair.forge(1, 0xbf, &[1, 2, 3]);
    pair.sides[0].association.handle_packet(now, unknown);
    let counters = pair.sides[0].association.stats().counters;
    assert_eq!((counters.peer_errors, counters.unknown_chunks), (1, 1));
    talk(&mut pair);
}

fn an_acknowledgement_of_what_was_never_sent_is_a_violation() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 15);
    let mut sack = vec![0; 12];
    sack[..4].copy_from_slice(&0x1234_5678u32.to_be_bytes());
    let mut now = pair.now;
    for half in [0u8, 0x80] {
        // One of the two is ahead of what was sent in serial arithmetic.
        sack[0] = half;
        let packet = pair.forge(1, kind::SACK, &sack);
        pair.sides[0].association.handle_packet(now, packet);
        now += Duration::from_millis(1);
    }
    pair.run_for(SECOND);
    assert_eq!(
        pair.sides[0].events.last(),
        Some(&Event::Failed(FailureReason::ProtocolViolation))
    );
    assert!(matches!(
        pair.sides[1].events.last(),
        Some(Event::Failed(FailureReason::Aborted))
    ));
}

fn before_start_nothing_is_sent_and_close_is_at_once() {
    let now = epoch();
    let mut association = Association::new(Config::default(), Random::from_number(1));
    let id = association
        .open(now, "x".to_owned(), ChannelOptions::default())
        .unwrap();
    association.send(now, id, Message::text("early")).unwrap();
    assert_eq!(association.poll_transmit(now), None);
    association.close(now);
    assert_eq!(
        association.poll_event(),
        Some(Event::ChannelClosed(id, None))
    );
    assert_eq!(association.poll_event(), Some(Event::Closed));
    association.start(now, true, Capabilities::default(), 5000);
    assert_eq!(association.poll_transmit(now), None);
}

crate::sctp::testing::on_both_engines! {
    init_from_both_sides_at_once_connects_in_one_and_a_half_round_trips,
    one_side_may_be_much_later_and_its_peers_init_is_held,
    init_lost_init_ack_lost_cookie_echo_lost_cookie_ack_lost,
    it_connects_and_talks_over_a_bad_network_with_every_seed,
    a_peer_that_never_answers_is_a_timeout_with_that_reason,
    an_old_cookie_is_stale_and_the_peer_begins_again,
    other_ports_than_5000,
    garbage_wrong_tags_and_wrong_ports_are_counted_and_dropped,
    close_sends_what_was_sent_before_and_the_peer_can_read_it,
    close_is_bounded_when_the_peer_is_gone,
    abort_tells_the_peer_at_once_and_again_if_it_was_lost,
    an_abort_while_connecting_has_the_tag_of_the_peer,
    an_abort_of_the_peer_while_connecting_counts_only_with_the_right_tag,
    a_peer_that_restarts_is_a_failure_with_that_reason,
    a_late_copy_of_the_peers_init_does_no_harm,
    data_before_the_end_is_delivered_before_it,
    shutdown_by_the_peer_is_answered,
    an_error_chunk_of_the_peer_does_no_harm,
    an_acknowledgement_of_what_was_never_sent_is_a_violation,
    before_start_nothing_is_sent_and_close_is_at_once,
}
