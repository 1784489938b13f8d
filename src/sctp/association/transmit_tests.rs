use std::time::Duration;

use super::super::super::testing::{Conditions, Pair, pattern};
use super::super::super::{ChannelOptions, Config, Event, Message, SendError};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_sender_faster_than_the_link_is_held_at_its_limit_and_every_byte_arrives() {
    let config = Config {
        send_queue_limit: 300_000,
        ..Default::default()
    };
    let conditions = Conditions {
        rate: 5e6,
        ..Default::default()
    };
    let mut pair = Pair::connected(config, conditions, 1);
    let id = pair.open(0, "fast", ChannelOptions::default());
    pair.sides[0]
        .association
        .set_buffered_amount_low_threshold(id, 100_000);
    let mut sent = 0u8;
    let mut most = 0;
    let mut refused = 0;
    let done = pair.run_until(60 * SECOND, |pair| {
        while sent < 100 {
            let message = Message::Binary(pattern(30_000, sent));
            match pair.sides[0].association.send(pair.now, id, message) {
                Ok(()) => sent += 1,
                Err(SendError::WouldBlock { buffered }) => {
                    assert_eq!(buffered, pair.sides[0].association.buffered_amount(id));
                    refused += 1;
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        most = most.max(pair.sides[0].association.buffered_amount(id));
        pair.sides[1].received.len() == 100
    });
    assert!(done);
    assert!(refused > 10);
    assert!((240_000..=300_000).contains(&most), "{most}");
    for (index, (_, message)) in pair.sides[1].received.iter().enumerate() {
        assert_eq!(*message, Message::Binary(pattern(30_000, index as u8)));
    }
    assert!(pair.has(0, Event::Writable(id)));
    assert!(pair.has(0, Event::BufferedAmountLow(id)));
}

#[test]
fn an_application_that_does_not_read_closes_the_window_and_reading_opens_it_at_once() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 2);
    let id = pair.open(0, "unread", ChannelOptions::default());
    pair.run_for(SECOND);
    pair.sides[1].reads = false;
    let message = pattern(50_000, 0);
    let mut sent = 0;
    pair.run_until(20 * SECOND, |pair| {
        while pair.sides[0]
            .association
            .send(pair.now, id, message.clone().into())
            .is_ok()
        {
            sent += 1;
        }
        false
    });
    let stats = pair.sides[1].association.stats();
    let window = 2 << 20;
    assert!(
        (window - 100_000..window + 100_000).contains(&stats.unread),
        "{}",
        stats.unread
    );
    assert!(pair.sides[0].association.buffered_amount(id) > 900_000);
    // Now it reads: the next data comes after a round trip, not after a retransmission timeout.
    let theirs = pair.incoming(1)[0];
    pair.sides[1].reads = true;
    pair.read(1, theirs);
    let before = pair.sides[1].received.len();
    pair.run_for(Duration::from_millis(60));
    assert!(pair.sides[1].received.len() > before);
    assert!(pair.run_until(20 * SECOND, |pair| pair.sides[1].received.len() == sent));
}

#[test]
fn a_lone_message_is_acknowledged_at_once_and_never_sent_twice() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 3);
    let id = pair.open(0, "lone", ChannelOptions::default());
    pair.run_for(SECOND);
    for _ in 0..20 {
        pair.send(0, id, "tick").unwrap();
        pair.run_for(Duration::from_millis(60));
        assert_eq!(pair.sides[0].association.stats().in_flight_bytes, 0);
        pair.run_for(Duration::from_millis(333));
    }
    let stats = pair.sides[0].association.stats();
    assert_eq!((stats.retransmitted_chunks, stats.timeouts), (0, 0));
    assert_eq!(stats.min_rtt, Some(Duration::from_millis(50)));
}

#[test]
fn goodput_on_simulated_links() {
    for (rate, loss, delay, least) in [
        (20e6, 0.0, 25, 15.0),
        (100e6, 0.0, 25, 85.0),
        (100e6, 0.0, 50, 25.0),
        (0.0, 0.01, 25, 1.5),
        (0.0, 0.05, 25, 0.4),
    ] {
        let delay = Duration::from_millis(delay);
        let conditions = Conditions {
            rate,
            loss,
            delay,
            ..Default::default()
        };
        let mut pair = Pair::connected(Config::default(), conditions, 4);
        let id = pair.open(0, "bulk", ChannelOptions::default());
        let message = pattern(65_536, 0);
        // Enough for the slow start not to count for much.
        let count = if loss > 0.0 {
            30
        } else {
            (rate / 1e6) as usize * 15
        };
        let start = pair.now;
        assert!(pair.pump(0, id, &message, count, 600 * SECOND));
        let seconds = (pair.now - start).as_secs_f64();
        let goodput = (count * message.len()) as f64 * 8.0 / seconds / 1e6;
        println!(
            "{:>4} Mbit/s, loss {loss}, RTT {:?}: {goodput:.1} Mbit/s",
            rate / 1e6,
            delay * 2
        );
        assert!(goodput > least);
        let expected = Message::Binary(message);
        assert!(
            pair.sides[1]
                .received
                .iter()
                .all(|(_, message)| *message == expected)
        );
    }
}
