use super::*;
use crate::sctp::testing::epoch;

fn channel(options: ChannelOptions) -> Channel {
    Channel::new("x".to_owned(), options, Some(0))
}

#[test]
fn the_queue_is_bounded_even_for_empty_messages() {
    let mut channel = channel(ChannelOptions::default());
    let mut queued = 0;
    while channel.has_room(0, 10 * MESSAGE_OVERHEAD) {
        channel.queue_message(epoch(), Message::text(""));
        queued += 1;
    }
    assert_eq!((queued, channel.buffered()), (10, 0));
}

#[test]
fn one_message_always_has_room_and_writable_comes_at_half() {
    let mut channel = channel(ChannelOptions::default());
    let limit = 10_000;
    assert!(channel.has_room(50_000, limit));
    channel.queue_message(epoch(), Message::binary(vec![0; 50_000]));
    channel.low_threshold = 1_000;
    assert!(!channel.has_room(1, limit));
    let (_, taken) = channel.pop(limit).unwrap();
    assert_eq!(
        taken,
        Taken {
            buffered_amount_low: true,
            writable: true
        }
    );
    for _ in 0..4 {
        assert!(channel.has_room(2_000, limit));
        channel.queue_message(epoch(), Message::binary(vec![0; 2_000]));
    }
    assert!(!channel.has_room(2_000, limit));
    let events: Vec<Taken> =
        std::iter::from_fn(|| channel.pop(limit).map(|(_, taken)| taken)).collect();
    let none = Taken {
        buffered_amount_low: false,
        writable: false,
    };
    let writable = Taken {
        writable: true,
        ..none
    };
    let low = Taken {
        buffered_amount_low: true,
        ..none
    };
    assert_eq!(events, [none, writable, none, low]);
}

#[test]
fn messages_stay_behind_the_open_until_the_peer_knows_the_channel() {
    let options = ChannelOptions {
        ordered: false,
        max_packet_lifetime: Some(100),
        ..Default::default()
    };
    let mut channel = channel(options);
    let now = epoch();
    channel.queue_message(now, Message::text("x"));
    let later = now + Duration::from_millis(40);
    let delivery = channel.delivery(later, channel.front().unwrap());
    assert_eq!(
        delivery,
        Delivery {
            ordered: true,
            reliability: ReliabilityType::Timed,
            // And the millisecond that is its last.
            limit: 61
        }
    );
    channel.set_open();
    assert!(!channel.delivery(later, channel.front().unwrap()).ordered);
}

/// sctp-proto never sends what has 0 milliseconds left.
#[test]
fn a_message_that_may_still_be_sent_has_a_millisecond_left() {
    let options = ChannelOptions {
        max_packet_lifetime: Some(0),
        ..Default::default()
    };
    let mut channel = channel(options);
    let now = epoch();
    channel.queue_message(now, Message::text("x"));
    for micros in [0, 1, 999, 1000] {
        let later = now + Duration::from_micros(micros);
        let queued = channel.front().unwrap();
        assert!(queued.deadline >= Some(later));
        assert_eq!(channel.delivery(later, queued).limit, 1);
    }
}
