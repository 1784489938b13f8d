//! Partial reliability and bad networks.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use crate::sctp::testing::{Conditions, Pair, pattern};
use crate::sctp::wire::packet::{Chunks, kind};
use crate::sctp::{ChannelId, ChannelOptions, Config, Event, Message};

const SECOND: Duration = Duration::from_secs(1);

fn open(pair: &mut Pair, options: ChannelOptions) -> ChannelId {
    let id = pair.open(0, "x", options);
    assert!(pair.run_until(60 * SECOND, |pair| pair.has(0, Event::ChannelOpen(id))));
    id
}

/// The first bytes of what arrived at the second side.
fn arrived(pair: &Pair) -> Vec<u8> {
    let received = pair.sides[1].received.iter();
    received.map(|(_, message)| message.as_bytes()[0]).collect()
}

fn a_forward_tsn_that_is_lost_is_sent_again() {
    let cases = [true, false]
        .into_iter()
        .flat_map(|ordered| [(Some(0), None), (None, Some(100))].map(|limits| (ordered, limits)));
    for (ordered, (max_retransmits, max_packet_lifetime)) in cases {
        let mut pair = Pair::connected(Config::default(), Conditions::default(), 1);
        let options = ChannelOptions {
            ordered,
            max_retransmits,
            max_packet_lifetime,
            ..Default::default()
        };
        let id = open(&mut pair, options);
        pair.send(0, id, vec![1]).unwrap();
        pair.run_for(SECOND);
        // This message is lost, and after it every FORWARD-TSN three times.
        pair.filter = Some(Box::new(|from, _| from == 1));
        pair.send(0, id, vec![2]).unwrap();
        pair.run_for(Duration::from_millis(10));
        let lost = Rc::new(Cell::new(0));
        let count = lost.clone();
        pair.filter = Some(Box::new(move |from, packet| {
            let skips = from == 0 && Chunks::of(packet).any(|c| c.kind == kind::FORWARD_TSN);
            if skips && count.get() < 3 {
                count.set(count.get() + 1);
                return false;
            }
            true
        }));
        assert!(
            pair.run_until(60 * SECOND, |_| lost.get() == 3),
            "ordered {ordered}: {} FORWARD-TSN",
            lost.get()
        );
        pair.send(0, id, vec![3]).unwrap();
        pair.run_for(30 * SECOND);
        assert_eq!(arrived(&pair), [1, 3], "ordered {ordered}");
        assert_eq!(pair.sides[0].association.stats().in_flight_chunks, 0);
    }
}

/// RFC 3758 §3.2: each stream takes four bytes of the FORWARD-TSN, and one for all of them would be
/// too large for a DTLS record: nothing would ever arrive again.
fn messages_that_many_channels_lost_at_once_are_skipped_together() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 5);
    let options = ChannelOptions {
        max_retransmits: Some(0),
        ..Default::default()
    };
    let ids: Vec<_> = (0..700)
        .map(|_| pair.open(0, "x", options.clone()))
        .collect();
    pair.run_for(10 * SECOND);
    assert!(ids.iter().all(|&id| pair.has(0, Event::ChannelOpen(id))));
    let say = |pair: &mut Pair, what: u8| {
        for &id in &ids {
            pair.send(0, id, vec![what]).unwrap();
        }
        pair.run_for(SECOND);
    };
    pair.conditions.loss = 1.0;
    say(&mut pair, 1);
    pair.conditions.loss = 0.0;
    pair.run_for(10 * SECOND);
    say(&mut pair, 2);
    let arrived = arrived(&pair);
    let count = |what| arrived.iter().filter(|&&first| first == what).count();
    // What was not sent before the loss was over arrived; more than fit into a FORWARD-TSN did not.
    assert!(count(1) < 400, "{} of 700", count(1));
    assert_eq!(count(2), 700);
    assert_eq!(pair.sides[0].association.stats().in_flight_chunks, 0);
}

/// Many acknowledgements are waited for, but nothing keeps the message from leaving at once.
fn a_message_without_a_lifetime_does_not_wait_for_a_batch() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 6);
    let bulk = open(&mut pair, ChannelOptions::default());
    assert!(pair.pump(0, bulk, &pattern(60_000, 0), 60, 60 * SECOND));
    pair.run_for(SECOND);
    let options = ChannelOptions {
        max_packet_lifetime: Some(0),
        ..Default::default()
    };
    let id = open(&mut pair, options);
    let before = pair.sides[1].received.len();
    pair.send(0, bulk, pattern(100_000, 0)).unwrap();
    assert!(pair.sides[0].association.stats().in_flight_chunks > 64);
    pair.run_for(Duration::from_micros(500));
    pair.send(0, id, vec![1]).unwrap();
    pair.run_for(SECOND);
    assert_eq!(pair.sides[1].received.len(), before + 2);
}

fn a_message_of_many_parts_of_which_one_is_lost_is_lost_whole() {
    let conditions = Conditions {
        loss: 0.02,
        ..Default::default()
    };
    let mut pair = Pair::connected(Config::default(), conditions, 2);
    let options = ChannelOptions {
        ordered: false,
        max_retransmits: Some(0),
        ..Default::default()
    };
    let id = open(&mut pair, options);
    for index in 0..100u8 {
        pair.send(0, id, pattern(40_000, index)).unwrap();
        let sent = |pair: &mut Pair| pair.sides[0].association.buffered_amount(id) == 0;
        assert!(pair.run_until(60 * SECOND, sent));
    }
    pair.run_for(60 * SECOND);
    let received = &pair.sides[1].received;
    assert!((20..90).contains(&received.len()), "{}", received.len());
    for (_, message) in received {
        let whole = (0..100).any(|index| *message == Message::Binary(pattern(40_000, index)));
        assert!(whole, "a part of a message arrived");
    }
    assert_eq!(pair.sides[1].association.stats().unread, 0);
}

fn each_reliability_at_a_quarter_of_loss() {
    let reliable = ChannelOptions::default;
    let modes = [
        ("reliable", reliable()),
        (
            "no retransmissions",
            ChannelOptions {
                max_retransmits: Some(0),
                ..reliable()
            },
        ),
        (
            "three retransmissions",
            ChannelOptions {
                max_retransmits: Some(3),
                ..reliable()
            },
        ),
        (
            "no time",
            ChannelOptions {
                max_packet_lifetime: Some(0),
                ..reliable()
            },
        ),
        (
            "300 ms",
            ChannelOptions {
                max_packet_lifetime: Some(300),
                ..reliable()
            },
        ),
        (
            "a minute",
            ChannelOptions {
                max_packet_lifetime: Some(60_000),
                ..reliable()
            },
        ),
    ];
    for (mode, options) in modes {
        for ordered in [true, false] {
            let conditions = Conditions {
                loss: 0.25,
                ..Default::default()
            };
            let mut pair = Pair::new(Config::default(), conditions, 3);
            pair.connect();
            let options = ChannelOptions {
                ordered,
                ..options.clone()
            };
            let complete = options.max_retransmits.is_none()
                && options
                    .max_packet_lifetime
                    .is_none_or(|millis| millis > 10_000);
            let id = open(&mut pair, options);
            let skips = Rc::new(Cell::new(0));
            let count = skips.clone();
            pair.filter = Some(Box::new(move |_, packet| {
                let skips = Chunks::of(packet).any(|chunk| chunk.kind == kind::FORWARD_TSN);
                count.set(count.get() + usize::from(skips));
                true
            }));
            for index in 0..100u8 {
                pair.send(0, id, vec![index; 700]).unwrap();
                pair.run_for(Duration::from_millis(100));
            }
            pair.run_for(60 * SECOND);
            let arrived = arrived(&pair);
            println!("{mode}, ordered {ordered}: {} of 100", arrived.len());
            let unique: BTreeSet<_> = arrived.iter().collect();
            assert_eq!(unique.len(), arrived.len(), "{mode}: something came twice");
            assert!(!ordered || arrived.is_sorted(), "{mode}: out of order");
            if complete {
                assert_eq!(arrived.len(), 100, "{mode}, ordered {ordered}");
            }
            // What is given up is skipped, and nothing else is.
            let (lost, skips) = (100 - arrived.len(), skips.get());
            assert_eq!(
                skips > 0,
                lost > 0,
                "{mode}: {lost} lost, {skips} FORWARD-TSN"
            );
            let stats = pair.sides[0].association.stats();
            assert_eq!((stats.in_flight_bytes, stats.buffered), (0, 0), "{mode}");
            if mode == "no time" {
                // Each is sent once, and what is lost is not sent again.
                assert!(
                    (60..90).contains(&arrived.len()),
                    "{mode}: {}",
                    arrived.len()
                );
            }
        }
    }
}

fn a_network_that_is_gone_for_a_while_loses_nothing_reliable() {
    for gone in [2, 20, 120] {
        let mut pair = Pair::connected(Config::default(), Conditions::default(), 4);
        let id = open(&mut pair, ChannelOptions::default());
        pair.conditions.loss = 1.0;
        for index in 0..20 {
            pair.send(0, id, vec![index; 5_000]).unwrap();
        }
        pair.run_for(gone * SECOND);
        assert!(pair.sides[1].received.is_empty());
        pair.conditions.loss = 0.0;
        // The timeout has a maximum, so that the path is noticed soon.
        assert!(
            pair.run_until(5 * SECOND, |pair| pair.sides[1].received.len() == 20),
            "after {gone} s: {} of 20",
            pair.sides[1].received.len()
        );
        assert_eq!(arrived(&pair), (0..20).collect::<Vec<u8>>());
    }
}

crate::sctp::testing::on_both_engines! {
    a_forward_tsn_that_is_lost_is_sent_again,
    messages_that_many_channels_lost_at_once_are_skipped_together,
    a_message_without_a_lifetime_does_not_wait_for_a_batch,
    a_message_of_many_parts_of_which_one_is_lost_is_lost_whole,
    each_reliability_at_a_quarter_of_loss,
    a_network_that_is_gone_for_a_while_loses_nothing_reliable,
}
