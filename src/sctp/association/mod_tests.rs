use std::time::Duration;

use super::super::{
    Association, Capabilities, ChannelError, ChannelOptions, ChannelState, Config, Event, Message,
    OpenError, SendError,
};
use crate::random::Random;
use crate::sctp::testing::{Conditions, Pair, pattern};
use crate::sctp::wire::packet::kind;

const SECOND: Duration = Duration::from_secs(1);

fn lossy(loss: f64) -> Conditions {
    Conditions {
        loss,
        jitter: Duration::from_millis(5),
        duplicates: 0.01,
        ..Default::default()
    }
}

fn messages_of_every_size_arrive_in_order() {
    let mut pair = Pair::new(Config::default(), lossy(0.02), 2);
    let id = pair.open(0, "sizes", ChannelOptions::default());
    pair.connect();
    let sizes = [0, 1, 1115, 1116, 1117, 65_535, 65_536, 262_144];
    for (index, &size) in sizes.iter().enumerate() {
        pair.send(0, id, pattern(size, index as u8)).unwrap();
    }
    pair.send(0, id, "").unwrap();
    pair.send(0, id, "grüße").unwrap();
    assert!(pair.run_until(60 * SECOND, |pair| pair.sides[1].received.len() == 10));
    let theirs = pair.incoming(1)[0];
    for (index, &size) in sizes.iter().enumerate() {
        let expected = Message::Binary(pattern(size, index as u8));
        assert_eq!(pair.sides[1].received[index], (theirs, expected));
    }
    assert_eq!(pair.sides[1].received[8].1, Message::text(""));
    assert_eq!(pair.sides[1].received[9].1, Message::text("grüße"));
    assert!(pair.has(0, Event::ChannelOpen(id)));
}

fn a_message_beyond_the_limit_is_an_error_and_nothing_is_sent() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 3);
    let id = pair.open(0, "limit", ChannelOptions::default());
    pair.run_for(SECOND);
    let sent = pair.sent[0];
    let error = pair.send(0, id, pattern(262_145, 0)).unwrap_err();
    assert_eq!(
        error,
        SendError::TooLarge {
            size: 262_145,
            limit: 262_144
        }
    );
    pair.run_for(SECOND);
    assert_eq!(pair.sent[0], sent);
    assert_eq!(pair.sides[0].association.buffered_amount(id), 0);
}

fn the_smaller_limit_of_the_two_sides_holds() {
    let now = crate::sctp::testing::epoch();
    for (remote, expected) in [(0, 262_144), (16_384, 16_384), (1 << 30, 262_144)] {
        let mut association = Association::new(Config::default(), Random::from_number(1));
        assert_eq!(association.max_message_size(), 65_536);
        association.start(
            now,
            true,
            Capabilities {
                max_message_size: remote,
            },
            5000,
        );
        assert_eq!(association.max_message_size(), expected);
    }
}

fn packets_fit_into_a_datagram_even_with_tiny_messages() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 4);
    let id = pair.open(0, "tiny", ChannelOptions::default());
    for size in (1..200).chain([1000, 1116, 5000]) {
        pair.send(0, id, pattern(size, 0)).unwrap();
        pair.send(0, id, pattern(1, 0)).unwrap();
    }
    assert!(pair.run_until(10 * SECOND, |pair| pair.sides[1].received.len() == 404));
}

fn unordered_messages_arrive_all_but_not_in_order() {
    let mut pair = Pair::new(Config::default(), lossy(0.25), 5);
    let options = ChannelOptions {
        ordered: false,
        ..Default::default()
    };
    let id = pair.open(0, "unordered", options);
    pair.connect();
    assert!(pair.run_until(30 * SECOND, |pair| pair.has(0, Event::ChannelOpen(id))));
    for index in 0..200u8 {
        pair.send(0, id, vec![index; 500]).unwrap();
    }
    assert!(pair.run_until(600 * SECOND, |pair| pair.sides[1].received.len() == 200));
    let order: Vec<u8> = pair.sides[1]
        .received
        .iter()
        .map(|(_, m)| m.as_bytes()[0])
        .collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..200).collect::<Vec<u8>>());
    assert_ne!(order, sorted);
}

fn without_retransmissions_lost_messages_stay_lost_and_the_rest_arrives() {
    for (seed, max_retransmits, ordered) in [(6, 0, true), (7, 0, false), (8, 2, true)] {
        let mut pair = Pair::new(Config::default(), lossy(0.25), seed);
        let options = ChannelOptions {
            ordered,
            max_retransmits: Some(max_retransmits),
            ..Default::default()
        };
        let id = pair.open(0, "partial", options);
        pair.connect();
        assert!(pair.run_until(30 * SECOND, |pair| pair.has(0, Event::ChannelOpen(id))));
        for index in 0..200u8 {
            pair.send(0, id, vec![index; 500]).unwrap();
            pair.run_for(Duration::from_millis(20));
        }
        pair.run_for(30 * SECOND);
        let received = pair.sides[1].received.len();
        let least = if max_retransmits == 0 { 110 } else { 180 };
        assert!((least..200).contains(&received), "{received} of 200");
        // The association is alive, and nothing is left of the lost ones.
        assert_eq!(pair.sides[0].association.stats().in_flight_bytes, 0);
        if ordered {
            assert!(
                pair.sides[1]
                    .received
                    .is_sorted_by_key(|(_, m)| m.as_bytes()[0])
            );
        }
    }
}

fn messages_beyond_their_lifetime_are_not_sent() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 9);
    let options = ChannelOptions {
        max_packet_lifetime: Some(100),
        ..Default::default()
    };
    let id = pair.open(0, "timed", options);
    pair.run_for(SECOND);
    pair.conditions.loss = 1.0;
    for index in 0..100u8 {
        pair.send(0, id, vec![index; 10_000]).unwrap();
    }
    pair.run_for(SECOND);
    pair.conditions.loss = 0.0;
    assert!(pair.run_until(30 * SECOND, |pair| {
        pair.sides[0].association.buffered_amount(id) == 0
    }));
    pair.send(0, id, "late").unwrap();
    pair.run_for(10 * SECOND);
    assert_eq!(
        pair.sides[1].received.last().map(|(_, m)| m.clone()),
        Some(Message::text("late"))
    );
    assert!(
        pair.sides[1].received.len() < 10,
        "{}",
        pair.sides[1].received.len()
    );
    assert!(pair.sides[0].association.stats().counters.expired_messages > 50);
}

fn text_that_is_not_utf8_is_mended_and_counted() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 10);
    let id = pair.open(0, "text", ChannelOptions::default());
    pair.run_for(SECOND);
    pair.filter = Some(Box::new(|_, _| true));
    // No way of ours sends it: take a text apart on the wire.
    pair.mend = Some(Box::new(|packet| {
        let at = packet.windows(4).position(|window| window == b"abcd")?;
        packet[at] = 0xff;
        Some(())
    }));
    pair.send(0, id, "abcd").unwrap();
    pair.run_for(SECOND);
    assert_eq!(pair.sides[1].received[0].1, Message::text("\u{fffd}bcd"));
    assert_eq!(pair.sides[1].association.stats().counters.invalid_text, 1);
}

fn open_rejects_what_cannot_be() {
    let now = crate::sctp::testing::epoch();
    let config = Config {
        max_channels: 3,
        ..Default::default()
    };
    let mut association = Association::new(config, Random::from_number(1));
    let mut open =
        |label: &str, options: ChannelOptions| association.open(now, label.to_owned(), options);
    let plain = ChannelOptions::default;
    let long = "x".repeat(65_536);
    assert_eq!(open(&long, plain()), Err(OpenError::LabelTooLong(65_536)));
    let protocol = ChannelOptions {
        protocol: long.clone(),
        ..plain()
    };
    assert_eq!(open("", protocol), Err(OpenError::ProtocolTooLong(65_536)));
    let both = ChannelOptions {
        max_retransmits: Some(1),
        max_packet_lifetime: Some(1),
        ..plain()
    };
    assert_eq!(open("", both), Err(OpenError::TwoReliabilities));
    let id = |id| ChannelOptions {
        negotiated: Some(id),
        ..plain()
    };
    assert_eq!(open("", id(65_535)), Err(OpenError::IdOutOfRange(65_535)));
    assert!(open("", id(65_534)).is_ok());
    assert_eq!(open("", id(65_534)), Err(OpenError::IdTaken(65_534)));
    assert!(open("", plain()).is_ok());
    assert!(open(&long[..65_535], plain()).is_ok());
    assert_eq!(open("", plain()), Err(OpenError::TooManyChannels(3)));
    association.abort(now);
    assert_eq!(
        association.open(now, String::new(), plain()),
        Err(OpenError::Closed)
    );
}

fn identifiers_follow_the_dtls_role_and_pass_by_negotiated_ones() {
    let mut pair = Pair::new(Config::default(), Conditions::default(), 11);
    let early = pair.open(0, "early", ChannelOptions::default());
    let negotiated = ChannelOptions {
        negotiated: Some(0),
        ..Default::default()
    };
    let zero = pair.open(0, "zero", negotiated.clone());
    let their_zero = pair.open(1, "zero", negotiated);
    let theirs = pair.open(1, "theirs", ChannelOptions::default());
    pair.connect();
    let late = pair.open(0, "late", ChannelOptions::default());
    pair.run_for(SECOND);
    let stream = |pair: &Pair, side: usize, id| {
        let info = pair.sides[side].association.channel(id).unwrap();
        assert_eq!(info.state, ChannelState::Open);
        info.stream_id.unwrap()
    };
    assert_eq!(stream(&pair, 0, zero), 0);
    assert_eq!(stream(&pair, 0, early), 2);
    assert_eq!(stream(&pair, 0, late), 4);
    assert_eq!(stream(&pair, 1, theirs), 1);
    pair.send(0, zero, "a").unwrap();
    pair.send(1, their_zero, "b").unwrap();
    pair.run_for(SECOND);
    assert_eq!(pair.sides[0].received, [(zero, Message::text("b"))]);
    assert_eq!(pair.sides[1].received, [(their_zero, Message::text("a"))]);
}

/// Makes each side say in INIT and INIT ACK that it takes so many streams (RFC 9260 §3.3.2).
fn limit_streams(pair: &mut Pair, streams: u16) {
    pair.mend = Some(Box::new(move |packet| {
        let init = matches!(packet.get(12), Some(&(kind::INIT | kind::INIT_ACK)));
        let field = packet.get_mut(26..28).filter(|_| init)?;
        field.copy_from_slice(&streams.to_be_bytes());
        Some(())
    }));
}

fn when_the_peer_takes_no_more_streams_open_is_an_error() {
    let mut pair = Pair::new(Config::default(), Conditions::default(), 12);
    limit_streams(&mut pair, 6);
    pair.connect();
    // 0, 2 and 4 belong to one side, 1, 3 and 5 to the other.
    for side in 0..2 {
        for _ in 0..3 {
            pair.open(side, "x", ChannelOptions::default());
        }
        let now = pair.now;
        let association = &mut pair.sides[side].association;
        let mut open = |negotiated| {
            let options = ChannelOptions {
                negotiated,
                ..Default::default()
            };
            association.open(now, String::new(), options)
        };
        assert_eq!(open(None), Err(OpenError::IdsExhausted));
        assert_eq!(open(Some(6)), Err(OpenError::IdOutOfRange(6)));
        assert_eq!(association.stats().channels, 3);
    }
    pair.run_for(SECOND);
    // One that was closed leaves its identifier to another.
    let first = pair.sides[0].association.channel_ids()[0];
    let now = pair.now;
    pair.sides[0].association.close_channel(now, first);
    pair.run_for(SECOND);
    let again = pair.open(0, "again", ChannelOptions::default());
    pair.run_for(SECOND);
    let info = pair.sides[0].association.channel(again).unwrap();
    assert_eq!((info.stream_id, info.state), (Some(0), ChannelState::Open));
}

fn channels_that_were_opened_before_and_find_no_stream_are_closed_with_that_reason() {
    let mut pair = Pair::new(Config::default(), Conditions::default(), 13);
    limit_streams(&mut pair, 4);
    let ids: Vec<_> = (0..4)
        .map(|_| pair.open(0, "early", ChannelOptions::default()))
        .collect();
    let negotiated = ChannelOptions {
        negotiated: Some(4),
        ..Default::default()
    };
    let beyond = pair.open(1, "beyond", negotiated);
    pair.connect();
    pair.run_for(SECOND);
    let no_stream = |id| Event::ChannelClosed(id, Some(ChannelError::NoStream));
    for (index, &id) in ids.iter().enumerate() {
        assert_eq!(pair.has(0, Event::ChannelOpen(id)), index < 2);
        assert_eq!(pair.has(0, no_stream(id)), index >= 2);
    }
    assert!(pair.has(1, no_stream(beyond)) && !pair.has(1, Event::ChannelOpen(beyond)));
    assert_eq!(pair.incoming(1).len(), 2);
}

/// RFC 8832 §6: half of them belongs to each side.
fn all_identifiers_of_a_side_can_be_open_at_once_and_the_next_is_an_error() {
    let config = Config {
        max_channels: u16::MAX,
        ..Default::default()
    };
    // Known before the identifiers are given, and only when the role is.
    for before in [false, true] {
        let now = crate::sctp::testing::epoch();
        let mut association = Association::new(config.clone(), Random::from_number(1));
        let start = |association: &mut Association| {
            association.start(now, true, Capabilities::default(), 5000);
        };
        if before {
            start(&mut association);
        }
        let open = |association: &mut Association| {
            association.open(now, String::new(), ChannelOptions::default())
        };
        for _ in 0..32_768 {
            assert!(open(&mut association).is_ok());
        }
        if !before {
            start(&mut association);
        }
        assert_eq!(open(&mut association), Err(OpenError::IdsExhausted));
        assert_eq!(association.stats().channels, 32_768);
    }
}

crate::sctp::testing::on_both_engines! {
    messages_of_every_size_arrive_in_order,
    a_message_beyond_the_limit_is_an_error_and_nothing_is_sent,
    the_smaller_limit_of_the_two_sides_holds,
    packets_fit_into_a_datagram_even_with_tiny_messages,
    unordered_messages_arrive_all_but_not_in_order,
    without_retransmissions_lost_messages_stay_lost_and_the_rest_arrives,
    messages_beyond_their_lifetime_are_not_sent,
    text_that_is_not_utf8_is_mended_and_counted,
    open_rejects_what_cannot_be,
    identifiers_follow_the_dtls_role_and_pass_by_negotiated_ones,
    when_the_peer_takes_no_more_streams_open_is_an_error,
    channels_that_were_opened_before_and_find_no_stream_are_closed_with_that_reason,
    all_identifiers_of_a_side_can_be_open_at_once_and_the_next_is_an_error,
}
