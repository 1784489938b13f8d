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
    let delivery = channel.delivery(channel.front().unwrap());
    assert_eq!(
        delivery,
        Delivery {
            ordered: true,
            // And the millisecond that is its last.
            reliability: Reliability::Until(now + Duration::from_millis(101)),
            weight: 256,
        }
    );
    channel.set_open();
    assert!(!channel.delivery(channel.front().unwrap()).ordered);
}
