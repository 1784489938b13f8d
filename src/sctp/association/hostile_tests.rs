//! A peer that does what no peer of ours would do.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::super::life::Phase;
use crate::sctp::engine::{Delivery, Reliability};
use crate::sctp::message::Ppid;
use crate::sctp::testing::{Conditions, Pair};
use crate::sctp::wire::dcep::{Dcep, Open};
use crate::sctp::wire::packet::kind;
use crate::sctp::{ChannelOptions, Config, Counters, Event, FailureReason, Message, OpenError};

const SECOND: Duration = Duration::from_secs(1);

/// A message past the channels of the side that sends it.
fn raw(pair: &mut Pair, side: usize, stream: u16, ppid: Ppid, contents: impl Into<Bytes>) {
    write(pair, side, stream, ppid, contents);
    pair.drain();
}

/// The same, and it does not leave yet.
fn write(pair: &mut Pair, side: usize, stream: u16, ppid: Ppid, contents: impl Into<Bytes>) {
    let now = pair.now;
    let Phase::Connected { engine, .. } = &mut pair.sides[side].association.phase else {
        panic!("not connected");
    };
    let delivery = Delivery {
        ordered: true,
        reliability: Reliability::Full,
        weight: 256,
    };
    engine
        .write(now, stream, ppid, contents.into(), delivery)
        .unwrap();
    engine.wake_now();
}

/// How many streams this side has under way to be reset.
fn resetting(pair: &Pair, side: usize) -> usize {
    match &pair.sides[side].association.phase {
        Phase::Connected { engine, .. } => engine.resetting(),
        _ => panic!("not connected"),
    }
}

fn open(label: &str) -> Bytes {
    Open::encode(label, &ChannelOptions::default())
}

fn counters(pair: &Pair, side: usize) -> Counters {
    pair.sides[side].association.stats().counters
}

/// A message from each side arrives.
fn talk(pair: &mut Pair) {
    for side in 0..2 {
        let id = pair.open(side, "talk", ChannelOptions::default());
        pair.send(side, id, "hello").unwrap();
        pair.run_for(SECOND);
        let last = pair.sides[1 - side].received.last();
        assert_eq!(last.map(|(_, m)| m), Some(&Message::text("hello")));
    }
}

fn dcep_that_makes_no_sense_is_counted_and_changes_nothing() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 1);
    let id = pair.open(0, "fine", ChannelOptions::default());
    pair.run_for(SECOND);
    let theirs = pair.incoming(1)[0];
    let stream = pair.sides[0].association.channel(id).unwrap().stream_id;
    let stream = stream.unwrap();
    let before = pair.sides[1].events.len();
    let nonsense: [(u16, Bytes); 7] = [
        // OPEN twice; ACK for a channel that the other side opened; ACK where there is no channel.
        (stream, open("again")),
        (stream, Dcep::encode_ack()),
        (100, Dcep::encode_ack()),
        // An unknown message, an unknown channel type, lengths that lie, nothing but the type.
        (102, Bytes::from_static(&[0x7f, 0, 0])),
        (
            104,
            Bytes::from_static(&[3, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        (
            106,
            Bytes::from_static(&[3, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 9, b'x']),
        ),
        (108, Bytes::from_static(&[3])),
    ];
    for (count, (stream, message)) in nonsense.into_iter().enumerate() {
        raw(&mut pair, 0, stream, Ppid::Dcep, message);
        pair.run_for(SECOND);
        assert_eq!(counters(&pair, 1).dcep_errors, count as u64 + 1);
    }
    assert_eq!(pair.sides[1].events.len(), before);
    assert_eq!(pair.sides[1].association.channel_ids(), [theirs]);
    assert_eq!(
        pair.sides[1].association.channel(theirs).unwrap().label,
        "fine"
    );
    talk(&mut pair);
}

fn an_ack_that_was_asked_for_and_comes_twice_is_no_error() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 2);
    let id = pair.open(0, "x", ChannelOptions::default());
    pair.run_for(SECOND);
    raw(&mut pair, 1, 0, Ppid::Dcep, Dcep::encode_ack());
    pair.run_for(SECOND);
    assert_eq!(counters(&pair, 0).dcep_errors, 0);
    assert!(pair.has(0, Event::ChannelOpen(id)));
}

fn a_message_with_an_unknown_ppid_is_dropped_and_counted() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 3);
    pair.open(0, "x", ChannelOptions::default());
    pair.run_for(SECOND);
    for _ in 0..3 {
        raw(&mut pair, 0, 0, Ppid::Unknown, "what is this");
    }
    raw(&mut pair, 0, 0, Ppid::Binary, "known");
    pair.run_for(SECOND);
    assert_eq!(counters(&pair, 1).unknown_ppid, 3);
    assert_eq!(pair.sides[1].received.len(), 1);
    assert_eq!(pair.sides[1].association.stats().unread, 0);
}

fn an_open_on_a_stream_of_our_parity_is_refused_by_a_reset() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 4);
    raw(&mut pair, 0, 1, Ppid::Dcep, open("not yours"));
    raw(&mut pair, 0, 1, Ppid::Binary, "data for nobody");
    pair.run_for(3 * SECOND);
    assert_eq!(counters(&pair, 1).channels_refused, 1);
    assert!(pair.incoming(1).is_empty());
    assert_eq!(pair.sides[1].association.stats().unread, 0);
    talk(&mut pair);
}

fn a_flood_of_opens_is_bounded_by_the_limit_of_channels_and_of_their_names() {
    let config = Config {
        max_channels: 100,
        ..Default::default()
    };
    let mut pair = Pair::connected(config, Conditions::default(), 5);
    // Every stream of the peer's parity.
    for stream in (0..65_534).step_by(2) {
        raw(&mut pair, 0, stream, Ppid::Dcep, open("flood"));
        if stream % 2_000 == 0 {
            pair.run_for(Duration::from_millis(100));
        }
    }
    pair.run_for(60 * SECOND);
    let stats = pair.sides[1].association.stats();
    assert_eq!(stats.channels, 100);
    assert_eq!(stats.counters.channels_refused, 32_767 - 100);
    assert_eq!(pair.incoming(1).len(), 100);
    // The refused streams are reset by both sides in the end: nothing is remembered of them.
    assert!(pair.run_until(600 * SECOND, |pair| {
        let association = &pair.sides[1].association;
        association.refused.is_empty()
            && association.phase.dead().is_some_and(|dead| dead.is_empty())
    }));
    pair.run_for(SECOND);
    assert_eq!(resetting(&pair, 1), 0);

    let mut pair = Pair::connected(Config::default(), Conditions::default(), 6);
    let long = "x".repeat(65_535);
    for stream in (0..400).step_by(2) {
        raw(&mut pair, 0, stream, Ppid::Dcep, open(&long));
    }
    pair.run_for(60 * SECOND);
    // 4 MiB of names, and not one more.
    assert_eq!(pair.incoming(1).len(), 64);
    assert_eq!(counters(&pair, 1).channels_refused, 200 - 64);
}

/// One request for all of them would be too large for a DTLS record, and no stream would ever be
/// reset again.
fn refusals_in_one_flight_are_reset_a_few_at_a_time() {
    let config = Config {
        max_channels: 2,
        ..Default::default()
    };
    let mut pair = Pair::with([Config::default(), config], Conditions::default(), 5);
    pair.connect();
    let ours = pair.open(1, "ours", ChannelOptions::default());
    pair.run_for(SECOND);
    for stream in (0..4000).step_by(2) {
        write(&mut pair, 0, stream, Ppid::Dcep, open("refused"));
    }
    pair.drain();
    let mut most = 0;
    let refused = |pair: &Pair| counters(pair, 1).channels_refused;
    assert!(pair.run_until(60 * SECOND, |pair| {
        most = most.max(resetting(pair, 1));
        refused(pair) == 1999
    }));
    let now = pair.now;
    pair.sides[1].association.close_channel(now, ours);
    assert!(pair.run_until(60 * SECOND, |pair| {
        most = most.max(resetting(pair, 1));
        pair.has(1, Event::ChannelClosed(ours, None))
            && pair.sides[1]
                .association
                .phase
                .dead()
                .is_some_and(|dead| dead.is_empty())
    }));
    assert_eq!(most, 64);
    talk(&mut pair);
}

fn a_stream_is_nobodys_while_a_refusal_on_it_waits() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 5);
    let id = |stream| ChannelOptions {
        negotiated: Some(stream),
        ..Default::default()
    };
    // Stream 1 belongs to side 1; none of its answers arrives.
    raw(&mut pair, 0, 1, Ppid::Dcep, open("not yours"));
    assert!(pair.run_until(SECOND, |pair| counters(pair, 1).channels_refused == 1));
    pair.filter = Some(Box::new(|from, _| from == 0));
    // Nobody will read this.
    raw(&mut pair, 0, 1, Ppid::Binary, "data for nobody");
    pair.run_for(SECOND);
    let now = pair.now;
    let side = &mut pair.sides[1].association;
    assert_eq!(
        side.open(now, "n".into(), id(1)),
        Err(OpenError::IdTaken(1))
    );
    let other = side
        .open(now, "other".into(), ChannelOptions::default())
        .unwrap();
    assert_eq!(side.channel(other).unwrap().stream_id, Some(3));
    assert_eq!(
        (side.stats().unread, counters(&pair, 1).orphaned_messages),
        (0, 0)
    );
    pair.filter = None;
    pair.run_for(10 * SECOND);
    let now = pair.now;
    assert!(
        pair.sides[1]
            .association
            .open(now, "n".into(), id(1))
            .is_ok()
    );
}

/// RFC 8831 §6.7: each of them is to be reset in answer, and sctp-proto does that by one request.
fn a_peer_that_resets_many_streams_in_one_request_gets_all_of_them_reset() {
    const CHANNELS: u16 = 1500;
    let config = Config {
        max_channels: CHANNELS + 2,
        ..Default::default()
    };
    for loss in [0.0, 0.2] {
        let mut pair = Pair::connected(config.clone(), Conditions::default(), 5);
        let Phase::Connected { engine, .. } = &pair.sides[0].association.phase else {
            panic!("not connected");
        };
        // RFC 6525 §4.1: the first request has the number of the first TSN.
        let number = engine.sent().0.wrapping_add(1);
        let ids: Vec<_> = (0..CHANNELS)
            .map(|_| pair.open(0, "x", ChannelOptions::default()))
            .collect();
        let other = pair.open(1, "other", ChannelOptions::default());
        pair.run_for(10 * SECOND);
        let theirs = pair.incoming(1);
        assert_eq!(theirs.len(), usize::from(CHANNELS));
        let Phase::Connected { engine, .. } = &pair.sides[0].association.phase else {
            panic!("not connected");
        };
        let mut value = [0, 13].to_vec();
        value.extend((16 + 2 * CHANNELS).to_be_bytes());
        value.extend(number.to_be_bytes());
        value.extend([0; 4]);
        value.extend(engine.sent().1.to_be_bytes());
        value.extend((0..CHANNELS).flat_map(|index| (2 * index).to_be_bytes()));
        let request = pair.forge(0, kind::RECONFIG, &value);
        pair.conditions.loss = loss;
        let now = pair.now;
        pair.sides[1].association.handle_packet(now, request);
        assert!(pair.run_until(60 * SECOND, |pair| {
            let left = |side: usize| pair.sides[side].association.stats().channels;
            left(0) == 1 && left(1) == 1
        }));
        assert!(
            ids.iter()
                .all(|&id| pair.has(0, Event::ChannelClosed(id, None)))
        );
        assert!(
            theirs
                .iter()
                .all(|&id| pair.has(1, Event::ChannelClosed(id, None)))
        );
        // The numbers of both sides still fit together.
        let now = pair.now;
        pair.sides[1].association.close_channel(now, other);
        assert!(pair.run_until(20 * SECOND, |pair| {
            pair.has(1, Event::ChannelClosed(other, None))
        }));
        pair.conditions.loss = 0.0;
        talk(&mut pair);
    }
}

fn a_heartbeat_that_is_too_large_to_be_answered_is_not() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 5);
    let answered = Rc::new(Cell::new(0));
    let count = answered.clone();
    pair.filter = Some(Box::new(move |_, packet| {
        let answer = packet[12] == 5;
        count.set(count.get() + usize::from(answer));
        true
    }));
    for size in [100u16, 2000] {
        let mut value = [0, 1].to_vec();
        value.extend(size.to_be_bytes());
        value.resize(size.into(), 7);
        let heartbeat = pair.forge(0, kind::HEARTBEAT, &value);
        let now = pair.now;
        pair.sides[1].association.handle_packet(now, heartbeat);
        pair.drain();
        assert_eq!(answered.get(), 1, "{size} bytes");
    }
    talk(&mut pair);
}

fn tiny_and_empty_messages_that_nobody_reads_are_bounded_by_the_window() {
    for size in [0, 1] {
        let mut pair = Pair::connected(Config::default(), Conditions::default(), 7);
        let id = pair.open(0, "tiny", ChannelOptions::default());
        pair.run_for(SECOND);
        pair.sides[1].reads = false;
        let mut sent = 0;
        pair.run_until(20 * SECOND, |pair| {
            while pair.sides[0]
                .association
                .send(pair.now, id, vec![7; size].into())
                .is_ok()
            {
                sent += 1;
            }
            false
        });
        let (window, overhead) = (2 << 20, 128);
        let stats = pair.sides[1].association.stats();
        let waiting = pair.sides[1].association.channel(pair.incoming(1)[0]);
        let waiting = waiting.unwrap().messages_received as usize;
        assert_eq!(stats.unread, waiting * (size + overhead));
        assert!(stats.unread <= window + 64 * 1024, "{}", stats.unread);
        // What is on its way is bounded, too; the sender has what its own limit allows.
        let queued = pair.sides[0].association.queued_messages(id);
        let under_way = sent - waiting - queued;
        assert!(under_way < window / 64 + 2_000, "{under_way} under way");
        pair.sides[1].reads = true;
        let theirs = pair.incoming(1)[0];
        pair.read(1, theirs);
        assert!(pair.run_until(60 * SECOND, |pair| pair.sides[1].received.len() == sent));
        assert_eq!(pair.sides[1].association.stats().unread, 0);
    }
}

fn parts_of_messages_that_never_become_whole_end_the_association() {
    for size in [1, 1_000] {
        let mut pair = Pair::connected(Config::default(), Conditions::default(), 8);
        pair.open(0, "x", ChannelOptions::default());
        pair.run_for(SECOND);
        // The last part of each message is made a middle one on the wire.
        pair.mend = Some(Box::new(|packet| {
            let data = packet.get(12).is_some_and(|&kind| kind == kind::DATA);
            let flags = packet.get_mut(13).filter(|_| data)?;
            *flags &= !3;
            Some(())
        }));
        let ended = pair.run_until(600 * SECOND, |pair| {
            for _ in 0..100usize.saturating_sub(pair.sides[0].association.stats().in_flight_chunks)
            {
                raw(pair, 0, 0, Ppid::Binary, vec![7; size]);
            }
            let failed = Event::Failed(FailureReason::ReceiveBufferExhausted);
            pair.has(1, failed)
        });
        assert!(
            ended,
            "{size} bytes: {:?}, {:?}",
            pair.sides[1].events,
            pair.sides[1].association.stats()
        );
        let received = pair.sides[1].association.stats().packets_received;
        assert!(received < 70_000, "{received}");
    }
}

/// RFC 9260 §3.3.4: each is a walk over what is in flight, and thousands fit into a packet.
fn gap_blocks_that_do_not_ascend_are_not_walked() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 9);
    let id = pair.open(0, "gaps", ChannelOptions::default());
    pair.run_for(SECOND);
    let sack = |blocks: &[(u16, u16)]| {
        // Of a TSN long ago: the blocks are looked at before the rest.
        let mut value = vec![0; 8];
        value.extend((blocks.len() as u16).to_be_bytes());
        value.extend([0; 2]);
        for (start, end) in blocks {
            value.extend(start.to_be_bytes());
            value.extend(end.to_be_bytes());
        }
        value
    };
    let cases: [(&[(u16, u16)], u64); 4] = [
        (&[(2, 3), (5, 5)], 0),
        (&[(2, 9), (2, 9)], 1),
        (&[(5, 6), (2, 3)], 1),
        (&[(4, 3)], 1),
    ];
    for (blocks, refused) in cases {
        let before = counters(&pair, 0).malformed;
        let packet = pair.forge(1, kind::SACK, &sack(blocks));
        let now = pair.now;
        pair.sides[0].association.handle_packet(now, packet);
        pair.drain();
        let after = counters(&pair, 0).malformed;
        assert_eq!(after - before, refused, "{blocks:?}");
    }
    pair.send(0, id, "it lives").unwrap();
    assert!(pair.run_until(SECOND, |pair| pair.sides[1].received.len() == 1));
}

crate::sctp::testing::on_both_engines! {
    dcep_that_makes_no_sense_is_counted_and_changes_nothing,
    an_ack_that_was_asked_for_and_comes_twice_is_no_error,
    a_message_with_an_unknown_ppid_is_dropped_and_counted,
    an_open_on_a_stream_of_our_parity_is_refused_by_a_reset,
    a_flood_of_opens_is_bounded_by_the_limit_of_channels_and_of_their_names,
    refusals_in_one_flight_are_reset_a_few_at_a_time,
    a_stream_is_nobodys_while_a_refusal_on_it_waits,
    a_peer_that_resets_many_streams_in_one_request_gets_all_of_them_reset,
    a_heartbeat_that_is_too_large_to_be_answered_is_not,
    tiny_and_empty_messages_that_nobody_reads_are_bounded_by_the_window,
    parts_of_messages_that_never_become_whole_end_the_association,
    gap_blocks_that_do_not_ascend_are_not_walked,
}
