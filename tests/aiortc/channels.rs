//! Data channels of every kind, whoever opens and closes them.

use actix_rtc::{DataChannel, DataChannelOptions, DtlsEngine, Message, SendError, Session};
use serde_json::json;

use super::answerer::Answerer;
use super::{WITHIN, connect, runtime, wait};

/// What a channel may be.
pub(super) fn reliabilities() -> Vec<(&'static str, DataChannelOptions)> {
    let plain = DataChannelOptions::default;
    let with = |ordered, max_retransmits, max_packet_lifetime| {
        plain()
            .ordered(ordered)
            .max_retransmits(max_retransmits)
            .max_packet_lifetime(max_packet_lifetime)
    };
    vec![
        ("reliable", plain()),
        ("unordered", with(false, None, None)),
        ("no retransmissions", with(true, Some(0), None)),
        (
            "unordered, three retransmissions",
            with(false, Some(3), None),
        ),
        ("half a second", with(true, None, Some(500))),
        ("unordered, half a second", with(false, None, Some(500))),
    ]
}

pub(super) fn is_reliable(options: &DataChannelOptions) -> bool {
    options.max_retransmits.is_none() && options.max_packet_lifetime.is_none()
}

/// We open a channel, and aiortc sees what it is.
#[track_caller]
pub(super) fn open(
    peer: &mut Answerer,
    session: &Session,
    label: &str,
    options: &DataChannelOptions,
) -> DataChannel {
    let channel = wait(session.create_data_channel(label, options.clone())).unwrap();
    wait(channel.opened()).unwrap();
    let seen = peer.until("the channel", |line| line["channel"] == label);
    let wanted = json!({
        "channel": label, "id": channel.id(), "protocol": options.protocol,
        "ordered": options.ordered, "maxRetransmits": options.max_retransmits,
        "maxPacketLifeTime": options.max_packet_lifetime,
    });
    assert_eq!(seen, wanted);
    channel
}

/// aiortc opens a channel.
fn have_opened(peer: &mut Answerer, label: &str, options: &DataChannelOptions) {
    peer.say(&json!({ "open": {
        "label": label, "protocol": options.protocol, "ordered": options.ordered,
        "maxRetransmits": options.max_retransmits,
        "maxPacketLifeTime": options.max_packet_lifetime,
        "negotiated": options.negotiated.is_some(), "id": options.negotiated,
    } }));
}

#[track_caller]
fn is_as_wanted(channel: &DataChannel, label: &str, options: &DataChannelOptions) {
    assert_eq!(channel.label(), label);
    assert_eq!(channel.protocol(), options.protocol, "{label}");
    assert_eq!(channel.ordered(), options.ordered, "{label}");
    assert_eq!(channel.max_retransmits(), options.max_retransmits);
    assert_eq!(channel.max_packet_lifetime(), options.max_packet_lifetime);
    assert_eq!(channel.negotiated(), options.negotiated.is_some());
}

#[track_caller]
fn echo(channel: &DataChannel, message: impl Into<Message>) {
    let message = message.into();
    wait(channel.send(message.clone())).unwrap();
    let back = wait(channel.recv());
    assert!(back == Some(message), "{channel:?}: {back:?} came back");
}

/// Messages both ways, the largest ones where none may be lost.
#[track_caller]
fn talk(channel: &DataChannel, options: &DataChannelOptions) {
    // One after another: what is sent without retransmissions is not to meet a full buffer.
    for number in 0..10 {
        echo(channel, format!("{} {number}", channel.label()));
    }
    if is_reliable(options) {
        let largest: Vec<u8> = (0..262_144).map(|at| (at * 31 % 251) as u8).collect();
        echo(channel, largest);
        let more = wait(channel.send(vec![0; 262_145]));
        assert!(matches!(more, Err(SendError::TooLarge { .. })), "{more:?}");
    }
}

/// One side closes, and both are closed.
#[track_caller]
fn end(peer: &mut Answerer, channel: &DataChannel, by_us: bool) {
    let label = channel.label();
    if by_us {
        channel.close();
    } else {
        peer.say(&json!({ "closeChannel": label }));
    }
    assert_eq!(wait(channel.closed()), None, "{label}");
    peer.until("the close of the channel", |line| {
        line["closed"] == label.as_str()
    });
}

fn every_reliability_256_kib_and_the_reset_of_streams(opened_by_us: bool) {
    let Some(mut peer) = Answerer::start() else {
        return;
    };
    let rtc = runtime(DtlsEngine::Dimpl);
    let (session, _channel) = connect(&mut peer, &rtc);
    assert_eq!(session.sctp().max_message_size(), Some(262_144));
    let mut ids = Vec::new();
    for (closed_by_us, (mode, options)) in [true, false]
        .into_iter()
        .flat_map(|by_us| reliabilities().into_iter().map(move |mode| (by_us, mode)))
    {
        let by = if closed_by_us { "us" } else { "aiortc" };
        let label = format!("{mode}, closed by {by}");
        let options = options.protocol(format!("v{}.test", ids.len()));
        let channel = if opened_by_us {
            open(&mut peer, &session, &label, &options)
        } else {
            have_opened(&mut peer, &label, &options);
            wait(session.accept_data_channel()).unwrap()
        };
        is_as_wanted(&channel, &label, &options);
        talk(&channel, &options);
        end(&mut peer, &channel, closed_by_us);
        ids.push(channel.id());
    }
    if !opened_by_us {
        assert_eq!(ids, [ids[0]; 12], "aiortc takes the first id that is free");
    }
    wait(session.close());
    peer.end();
    assert!(wait(rtc.shutdown(WITHIN)));
}

#[test]
fn every_reliability_256_kib_and_the_reset_of_streams_with_aiortc() {
    every_reliability_256_kib_and_the_reset_of_streams(true);
}

#[test]
fn every_reliability_256_kib_and_the_reset_of_streams_that_aiortc_opened() {
    every_reliability_256_kib_and_the_reset_of_streams(false);
}

#[test]
fn channels_that_both_sides_open_by_themselves_with_aiortc() {
    let Some(mut peer) = Answerer::start() else {
        return;
    };
    let rtc = runtime(DtlsEngine::Dimpl);
    let (session, _channel) = connect(&mut peer, &rtc);
    for (id, (label, options)) in (100..).zip(reliabilities()) {
        let options = options.negotiated(id);
        have_opened(&mut peer, label, &options);
        let channel = wait(session.create_data_channel(label, options.clone())).unwrap();
        peer.until("its channel", |line| line["channel"] == label);
        is_as_wanted(&channel, label, &options);
        assert_eq!(channel.id(), Some(id));
        talk(&channel, &options);
        end(&mut peer, &channel, id % 2 == 0);
    }
    wait(session.close());
    peer.end();
    assert!(wait(rtc.shutdown(WITHIN)));
}

#[test]
fn streams_that_were_reset_are_used_again_with_aiortc() {
    let Some(mut peer) = Answerer::start() else {
        return;
    };
    let rtc = runtime(DtlsEngine::Dimpl);
    // Three of ours, and one of them is in use.
    peer.say(&json!({ "streams": 6 }));
    let (session, first) = connect(&mut peer, &rtc);
    let mut ids = Vec::new();
    for round in 0..8 {
        let label = format!("round {round}");
        let options = DataChannelOptions::default();
        let channel = open(&mut peer, &session, &label, &options);
        for number in 0..=round {
            echo(&channel, format!("{label}, {number}"));
        }
        end(&mut peer, &channel, round % 2 == 0);
        ids.push(channel.id().unwrap());
    }
    let others: Vec<u16> = (0..6)
        .filter(|id| id % 2 == first.id().unwrap() % 2 && Some(*id) != first.id())
        .collect();
    assert_eq!(ids, others.repeat(4));
    wait(session.close());
    peer.end();
    assert!(wait(rtc.shutdown(WITHIN)));
}
