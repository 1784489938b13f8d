//! What only the native engine does.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::random::Random;
use crate::sctp::config::CongestionControl;
use crate::sctp::testing::{Conditions, FIRST_TSN, Pair, pattern};
use crate::sctp::wire::packet::{Chunks, checksum_is_valid, kind};
use crate::sctp::{ChannelOptions, Config, Event, FailureReason, Message, SctpEngine};

const SECOND: Duration = Duration::from_secs(1);

fn native() -> Config {
    Config {
        sctp_engine: SctpEngine::Native,
        ..Default::default()
    }
}

fn link(megabits: u32, rtt: u64, loss: f64) -> Conditions {
    Conditions {
        rate: f64::from(megabits) * 1e6,
        loss,
        delay: Duration::from_millis(rtt) / 2,
        ..Default::default()
    }
}

#[test]
fn losses_do_not_slow_a_sender_down_that_can_tell_them_from_congestion() {
    use CongestionControl::{Cubic, Model, NewReno};
    for (controller, megabits, rtt, loss, least) in [
        (Model, 20, 50, 0.01, 15.0),
        (Model, 20, 50, 0.05, 8.0),
        (Model, 20, 200, 0.001, 13.0),
        (Cubic, 20, 200, 0.001, 10.0),
        (Cubic, 20, 50, 0.01, 5.0),
        (NewReno, 20, 50, 0.01, 1.4),
    ] {
        let config = Config {
            congestion_control: controller,
            ..native()
        };
        let mut pair = Pair::new(config, link(megabits, rtt, loss), 4);
        let id = pair.open(0, "bulk", ChannelOptions::default());
        let start = pair.now;
        pair.connect();
        let (message, count) = (pattern(16_384, 0), 1_000);
        assert!(pair.pump(0, id, &message, count, 600 * SECOND));
        let seconds = (pair.now - start).as_secs_f64();
        let goodput = (count * message.len()) as f64 * 8.0 / seconds / 1e6;
        println!("{controller:?}, RTT {rtt} ms, loss {loss}: {goodput:.1} Mbit/s");
        assert!(goodput > least);
    }
}

#[test]
fn with_interleaving_a_large_message_does_not_hold_up_a_small_one() {
    let delay = |interleaving, bulk: bool| {
        let config = Config {
            interleaving,
            ..native()
        };
        let mut pair = Pair::connected(config, link(20, 50, 0.0), 1);
        let flood = pair.open(0, "bulk", ChannelOptions::default());
        let small = pair.open(0, "small", ChannelOptions::default());
        pair.run_for(SECOND);
        let large = pattern(262_144, 0);
        let mut delays = Vec::new();
        for _ in 0..200 {
            let sent = pair.now;
            pair.send(0, small, vec![1; 100]).unwrap();
            let end = sent + Duration::from_millis(20);
            let mut arrived = None;
            while pair.now < end || arrived.is_none() {
                while bulk
                    && pair.sides[0]
                        .association
                        .send(pair.now, flood, large.clone().into())
                        .is_ok()
                {}
                pair.step(end.max(pair.now + Duration::from_millis(1)));
                for (_, message) in pair.sides[1].received.drain(..) {
                    match message.len() {
                        100 => arrived = Some(pair.now - sent),
                        _ => assert!(message == Message::Binary(large.clone())),
                    }
                }
            }
            delays.extend(arrived);
        }
        delays.drain(..50);
        delays.sort_unstable();
        delays[delays.len() * 99 / 100].as_secs_f64() * 1e3
    };
    let (idle, without, with) = (delay(true, false), delay(false, true), delay(true, true));
    println!("idle {idle:.1} ms, whole messages {without:.1} ms, interleaved {with:.1} ms");
    // A quarter of the round trip is in the queue of the link.
    assert!(with < idle + 15.0);
    assert!(without > with + 40.0);
}

#[test]
fn interleaved_messages_of_every_kind_arrive_whole_over_a_bad_link() {
    let config = Config {
        interleaving: true,
        ..native()
    };
    let conditions = Conditions {
        loss: 0.05,
        jitter: Duration::from_millis(10),
        duplicates: 0.02,
        ..link(20, 50, 0.05)
    };
    let mut pair = Pair::connected(config, conditions, 3);
    let seen = Rc::new(Cell::new((false, false)));
    let kinds = seen.clone();
    pair.filter = Some(Box::new(move |_, packet| {
        for chunk in Chunks::of(packet) {
            let (data, skip) = kinds.get();
            assert!(!matches!(chunk.kind, kind::DATA | kind::FORWARD_TSN));
            kinds.set((
                data || chunk.kind == kind::I_DATA,
                skip || chunk.kind == kind::I_FORWARD_TSN,
            ));
        }
        true
    }));
    let options = |ordered, max_retransmits| ChannelOptions {
        ordered,
        max_retransmits,
        ..Default::default()
    };
    let ids = [
        options(true, None),
        options(false, None),
        options(true, Some(0)),
        options(false, Some(0)),
    ]
    .into_iter()
    .zip(["0", "1", "2", "3"])
    .map(|(options, label)| pair.open(0, label, options))
    .collect::<Vec<_>>();
    pair.run_for(SECOND);
    for round in 0..60u8 {
        for (index, &id) in ids.iter().enumerate() {
            let message = pattern(5_000 + 7_000 * index, round);
            pair.send(0, id, message).unwrap();
        }
        pair.run_for(Duration::from_millis(100));
    }
    pair.run_for(20 * SECOND);
    let theirs = pair.incoming(1);
    assert_eq!(theirs.len(), 4);
    for id in theirs {
        let label = pair.sides[1].association.channel(id).unwrap().label;
        let index: usize = label.parse().unwrap();
        let of = pair.sides[1]
            .received
            .iter()
            .filter(|(from, _)| *from == id);
        let rounds: Vec<u8> = of
            .map(|(_, message)| {
                let size = 5_000 + 7_000 * index;
                (0..60u8)
                    .find(|&round| *message == Message::Binary(pattern(size, round)))
                    .expect("it is one of those that were sent")
            })
            .collect();
        match index {
            0 => assert_eq!(rounds, (0..60).collect::<Vec<_>>()),
            1 => assert_eq!(rounds.len(), 60),
            2 => assert!(rounds.is_sorted() && rounds.len() > 5, "{rounds:?}"),
            _ => assert!(rounds.len() > 5, "{rounds:?}"),
        }
    }
    assert_eq!(seen.get(), (true, true));
    let stats = pair.sides[0].association.stats();
    assert_eq!((stats.in_flight_bytes, stats.in_flight_chunks), (0, 0));
    assert_eq!(pair.sides[1].association.stats().unread, 0);
}

#[test]
fn extensions_are_used_only_where_both_sides_offer_them() {
    let extended = Config {
        interleaving: true,
        zero_checksum: true,
        ..native()
    };
    let other = Config::default();
    for configs in [[extended.clone(), native()], [other, extended]] {
        let mut pair = Pair::with(configs, link(20, 50, 0.0), 3);
        pair.filter = Some(Box::new(|_, packet| {
            assert!(checksum_is_valid(packet));
            !Chunks::of(packet).any(|chunk| chunk.kind == kind::I_DATA)
        }));
        pair.connect();
        for side in 0..2 {
            let id = pair.open(side, "x", ChannelOptions::default());
            pair.send(side, id, "hello").unwrap();
            pair.run_for(SECOND);
            assert_eq!(pair.sides[1 - side].received.len(), 1);
        }
    }
}

/// RFC 9653 §5.2.
#[test]
fn packets_have_no_checksum_where_both_sides_take_them_so() {
    let config = Config {
        zero_checksum: true,
        ..native()
    };
    let mut pair = Pair::new(config, link(20, 50, 0.0), 3);
    let counts = Rc::new(Cell::new((0, 0)));
    let count = counts.clone();
    pair.filter = Some(Box::new(move |_, packet| {
        let (with, without) = count.get();
        let handshake = |kind| matches!(kind, kind::INIT | kind::INIT_ACK | kind::COOKIE_ECHO);
        if packet[8..12] == [0; 4] {
            assert!(!Chunks::of(packet).any(|chunk| handshake(chunk.kind)));
            count.set((with, without + 1));
        } else {
            assert!(checksum_is_valid(packet));
            count.set((with + 1, without));
        }
        true
    }));
    pair.connect();
    let id = pair.open(0, "x", ChannelOptions::default());
    assert!(pair.pump(0, id, &pattern(10_000, 0), 20, 10 * SECOND));
    let (with, without) = counts.get();
    assert!(with < 10 && without > 200, "{with} with, {without} without");
    // A wrong one is wrong all the same.
    let mut wrong = pair.forge(0, kind::HEARTBEAT, &[0, 1, 0, 4]).to_vec();
    wrong[8] ^= 1;
    let now = pair.now;
    pair.sides[1].association.handle_packet(now, wrong.into());
    assert_eq!(pair.sides[1].association.stats().counters.malformed, 1);
}

#[test]
fn tsns_may_begin_anywhere() {
    for first in [0, 1, u32::MAX - 20, u32::MAX, 1 << 31] {
        FIRST_TSN.set(Some(first));
        let mut pair = Pair::connected(native(), link(20, 50, 0.02), 3);
        let id = pair.open(0, "x", ChannelOptions::default());
        let back = pair.open(1, "y", ChannelOptions::default());
        assert!(pair.pump(0, id, &pattern(20_000, 0), 40, 60 * SECOND));
        assert!(pair.pump(1, back, &pattern(20_000, 0), 40, 60 * SECOND));
        let now = pair.now;
        pair.sides[0].association.close_channel(now, id);
        assert!(pair.run_until(20 * SECOND, |pair| {
            pair.has(0, Event::ChannelClosed(id, None))
        }));
        FIRST_TSN.set(None);
    }
}

/// RFC 9260 §6.2.
#[test]
fn data_without_user_data_ends_the_association() {
    let mut pair = Pair::connected(native(), Conditions::default(), 3);
    pair.open(0, "x", ChannelOptions::default());
    pair.run_for(SECOND);
    let sent: Rc<RefCell<Vec<Bytes>>> = Rc::default();
    let store = sent.clone();
    pair.filter = Some(Box::new(move |side, packet| {
        if side == 1 {
            store.borrow_mut().push(packet.clone());
        }
        true
    }));
    let mut value = 77u32.to_be_bytes().to_vec();
    value.extend([0; 8]);
    let empty = pair.forge(0, kind::DATA, &value);
    let now = pair.now;
    pair.sides[1].association.handle_packet(now, empty);
    pair.run_for(SECOND);
    assert!(pair.has(1, Event::Failed(FailureReason::ProtocolViolation)));
    let sent = sent.borrow();
    let abort = Chunks::of(&sent[0]).next().unwrap();
    assert_eq!(abort.kind, kind::ABORT);
    // No User Data, with the TSN (§3.3.10.9).
    assert_eq!(abort.value, [0, 9, 0, 8, 0, 0, 0, 77]);
}

#[test]
fn an_unknown_chunk_is_reported_if_it_asks_for_that() {
    let mut pair = Pair::connected(native(), Conditions::default(), 3);
    pair.open(0, "x", ChannelOptions::default());
    pair.run_for(SECOND);
    for (unknown, errors) in [(0x3f, 0), (0x7f, 1), (0xbf, 1), (0xff, 2)] {
        let chunk = pair.forge(0, unknown, &[1, 2, 3, 4]);
        let now = pair.now;
        pair.sides[1].association.handle_packet(now, chunk);
        pair.run_for(SECOND);
        let counters = pair.sides[0].association.stats().counters;
        assert_eq!(counters.peer_errors, errors, "{unknown:x}");
    }
    assert_eq!(pair.sides[1].association.stats().counters.unknown_chunks, 4);
}

/// Both close a channel at about the same time, and one of them opens another as soon as its own is
/// closed: no reset of the old one may meet the new one.
#[test]
fn an_identifier_that_is_used_again_at_once_stays_alive() {
    for loss in [0.0, 0.2] {
        for lag in [0, 1, 5, 10, 24, 25, 26, 40, 49, 50, 51, 75] {
            let mut pair = Pair::connected(native(), link(20, 50, loss), 100 + lag);
            let mut id = pair.open(0, "first", negotiated(6));
            let mut theirs = pair.open(1, "first", negotiated(6));
            for round in 0..3 {
                pair.send(0, id, "old").unwrap();
                pair.run_for(SECOND);
                let now = pair.now;
                pair.sides[round % 2]
                    .association
                    .close_channel(now, [id, theirs][round % 2]);
                pair.run_for(Duration::from_millis(lag));
                let now = pair.now;
                let other = 1 - round % 2;
                pair.sides[other]
                    .association
                    .close_channel(now, [id, theirs][other]);
                let closed = |side: usize, id| {
                    move |pair: &mut Pair| pair.has(side, Event::ChannelClosed(id, None))
                };
                assert!(pair.run_until(60 * SECOND, closed(0, id)), "lag {lag}");
                id = pair.open(0, "next", negotiated(6));
                assert!(pair.run_until(60 * SECOND, closed(1, theirs)), "lag {lag}");
                theirs = pair.open(1, "next", negotiated(6));
                pair.run_for(10 * SECOND);
                for (side, id) in [(0, id), (1, theirs)] {
                    assert!(!pair.has(side, Event::ChannelClosing(id)), "lag {lag}");
                    let before = pair.sides[1 - side].received.len();
                    pair.send(side, id, "new").unwrap();
                    pair.run_for(5 * SECOND);
                    assert_eq!(pair.sides[1 - side].received.len(), before + 1, "lag {lag}");
                }
            }
        }
    }
}

fn negotiated(stream: u16) -> ChannelOptions {
    ChannelOptions {
        negotiated: Some(stream),
        ..Default::default()
    }
}

#[test]
fn a_peer_without_resets_ends_a_channel_with_an_error_and_at_once() {
    let mut pair = Pair::new(native(), Conditions::default(), 3);
    // Its INIT does not say that it knows RE-CONFIG.
    pair.mend = Some(Box::new(|packet| {
        let at = packet
            .windows(4)
            .position(|window| window == [0x80, 0x08, 0, 6])?;
        packet[at + 4] = 192;
        Some(())
    }));
    pair.connect();
    let id = pair.open(0, "x", ChannelOptions::default());
    pair.run_for(SECOND);
    let now = pair.now;
    pair.sides[0].association.close_channel(now, id);
    pair.run_for(SECOND);
    let ended = pair.sides[0].events.iter();
    let mut ended =
        ended.filter(|event| matches!(event, Event::ChannelClosed(ended, Some(_)) if *ended == id));
    assert!(ended.next().is_some());
    assert_eq!(pair.sides[0].association.stats().channels, 0);
}

/// What a peer of ours sends, altered at random behind its headers: nothing of it may panic, or be
/// held without bound, and whoever does not fail by it goes on.
#[test]
fn a_peer_that_is_altered_at_random_breaks_nothing() {
    for seed in 0..150 {
        let config = Config {
            interleaving: seed % 2 == 0,
            receive_window: 1 << 20,
            ..native()
        };
        let mut pair = Pair::connected(config, link(20, 20, 0.02), seed);
        let ids = [0, 1, 2].map(|kind| {
            let options = ChannelOptions {
                ordered: kind != 1,
                max_retransmits: (kind == 2).then_some(0),
                ..Default::default()
            };
            [
                pair.open(0, "x", options.clone()),
                pair.open(1, "y", options),
            ]
        });
        pair.run_for(SECOND / 2);
        let mut random = Random::from_number(seed);
        pair.mend = Some(Box::new(move |packet| {
            for _ in 0..1 + random.u32() % 3 {
                let at = 12 + random.u32() as usize % packet.len().saturating_sub(12).max(1);
                let small = random.u32().is_multiple_of(4);
                let byte = packet.get_mut(at.min(12 + random.u32() as usize % 48))?;
                *byte = if small {
                    byte.wrapping_add(1)
                } else {
                    random.u32() as u8
                };
            }
            random.u32().is_multiple_of(4).then_some(())
        }));
        for round in 0..30usize {
            let now = pair.now;
            for (side, id) in ids.iter().flat_map(|ids| ids.iter().enumerate()) {
                let message = pattern(1 + 3_000 * (round % 7), 0);
                let _ = pair.sides[side].association.send(now, *id, message.into());
            }
            if round == 20 {
                pair.sides[0].association.close_channel(now, ids[0][0]);
                pair.sides[1].association.close_channel(now, ids[1][1]);
            }
            pair.run_for(SECOND / 20);
            for side in &pair.sides {
                assert!(side.association.stats().unread < 4 << 20);
            }
        }
    }
}
