use std::time::Duration;

use bytes::Bytes;

use super::super::super::{ChannelId, ChannelOptions, Config, Event, Message, SendError};
use super::super::life::Phase;
use crate::sctp::engine::Engine;
use crate::sctp::testing::{Conditions, Pair, pattern};
use crate::sctp::wire::packet::kind;

const SECOND: Duration = Duration::from_secs(1);

/// A link with this many Mbit/s and milliseconds of delay, and a queue of 50 ms.
fn link(megabits: u32, rtt: u64, loss: f64) -> Conditions {
    Conditions {
        rate: f64::from(megabits) * 1e6,
        loss,
        delay: Duration::from_millis(rtt) / 2,
        ..Default::default()
    }
}

fn engine(pair: &mut Pair) -> &mut dyn Engine {
    match &mut pair.sides[0].association.phase {
        Phase::Connected { engine, .. } => engine.as_mut(),
        other => panic!("{other:?}"),
    }
}

/// A message that says which one it is.
fn numbered(number: u32, size: usize) -> Bytes {
    let mut contents = pattern(size, number as u8).to_vec();
    contents[..4].copy_from_slice(&number.to_be_bytes());
    contents.into()
}

fn a_sender_a_hundred_times_faster_than_the_link_is_held_at_its_limit_and_every_byte_arrives() {
    const LIMIT: usize = 300_000;
    const SIZE: usize = 12_500;
    const COUNT: u32 = 1600;
    let config = Config {
        send_queue_limit: LIMIT,
        ..Default::default()
    };
    let mut pair = Pair::connected(config, link(10, 50, 0.0), 1);
    let id = pair.open(0, "fast", ChannelOptions::default());
    let sender = |pair: &Pair| pair.sides[0].association.buffered_amount(id);
    pair.sides[0]
        .association
        .set_buffered_amount_low_threshold(id, 100_000);
    let (mut sent, mut received, mut refused, mut most) = (0, 0, 0, 0);
    let heap = allocation_counter::measure(|| {
        let mut next = numbered(0, SIZE);
        let start = pair.now;
        while received < COUNT {
            // In each millisecond it would send 125,000 bytes: 1,000 Mbit/s.
            for _ in 0..10 {
                if sent == COUNT {
                    break;
                }
                match pair.send(0, id, next.clone()) {
                    Ok(()) => {
                        sent += 1;
                        next = numbered(sent, SIZE);
                    }
                    Err(SendError::WouldBlock { buffered }) => {
                        assert_eq!(buffered, sender(&pair));
                        refused += 1;
                        break;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            most = most.max(sender(&pair));
            pair.run_for(Duration::from_millis(1));
            for (_, message) in pair.sides[1].received.drain(..) {
                assert_eq!(message.as_bytes(), numbered(received, SIZE), "{received}");
                received += 1;
            }
            assert!(pair.now - start < 20 * SECOND, "{received} arrived");
        }
    });
    println!(
        "refused {refused} times, queued {most}, heap {} bytes",
        heap.bytes_max
    );
    // Nearly always: the sender is never the slower one.
    assert!(refused > 14_000, "{refused}");
    assert!((LIMIT - SIZE..=LIMIT).contains(&most), "{most}");
    // The queue, and what is in flight: with sctp-proto, on the link, and put together.
    assert!(heap.bytes_max < 3 * LIMIT as u64, "{}", heap.bytes_max);
    assert!(pair.has(0, Event::Writable(id)));
    assert!(pair.has(0, Event::BufferedAmountLow(id)));
}

fn messages_of_many_mebibytes_arrive_where_both_sides_allow_them() {
    const MAX: u32 = 16 << 20;
    let large = Config {
        max_message_size: MAX,
        ..Default::default()
    };
    let mut pair = Pair::connected(large.clone(), link(100, 50, 0.0), 5);
    let id = pair.open(0, "large", ChannelOptions::default());
    let messages = [MAX as usize, 1, 5 << 20].map(|size| pattern(size, 5));
    for message in &messages {
        assert!(pair.run_until(20 * SECOND, |pair| {
            let queued = pair.sides[0].association.queued_messages(id);
            queued == 0
        }));
        pair.send(0, id, message.clone()).unwrap();
    }
    assert!(pair.run_until(20 * SECOND, |pair| pair.sides[1].received.len() == 3));
    for (message, (_, received)) in messages.iter().zip(&pair.sides[1].received) {
        assert!(*received == Message::Binary(message.clone()));
    }
    assert_eq!(
        pair.send(0, id, vec![0; MAX as usize + 1]).unwrap_err(),
        SendError::TooLarge {
            size: MAX as usize + 1,
            limit: MAX
        }
    );
    // The window holds two of them that nobody reads, and no more.
    pair.sides[1].reads = false;
    for _ in 0..3 {
        pair.send(0, id, messages[0].clone()).unwrap();
        pair.run_for(5 * SECOND);
    }
    let unread = pair.sides[1].association.stats().unread;
    assert!(
        (2 * MAX as usize..3 * MAX as usize).contains(&unread),
        "{unread}"
    );

    let mut pair = Pair::with([large, Config::default()], link(100, 50, 0.0), 6);
    let id = pair.open(0, "large", ChannelOptions::default());
    pair.connect();
    assert_eq!(
        pair.send(0, id, vec![0; 262_145]).unwrap_err(),
        SendError::TooLarge {
            size: 262_145,
            limit: 262_144
        }
    );
}

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

fn goodput_on_simulated_links() {
    // Megabits per second that arrive at least, from the first INIT on.
    for (megabits, rtt, loss, least) in [
        (20, 50, 0.0, 17.0),
        (100, 50, 0.0, 85.0),
        (20, 100, 0.0, 15.0),
        (100, 100, 0.0, 75.0),
        (20, 50, 0.01, 1.4),
        (20, 50, 0.05, 0.5),
        (20, 100, 0.01, 0.5),
        (20, 100, 0.05, 0.15),
    ] {
        let mut pair = Pair::new(Config::default(), link(megabits, rtt, loss), 4);
        let id = pair.open(0, "bulk", ChannelOptions::default());
        let start = pair.now;
        pair.connect();
        let message = pattern(65_536, 0);
        // For more than ten seconds, after which the round trip is measured anew.
        let count = if loss > 0.0 {
            30
        } else {
            megabits as usize * 20
        };
        assert!(pair.pump(0, id, &message, count, 600 * SECOND));
        let seconds = (pair.now - start).as_secs_f64();
        let goodput = (count * message.len()) as f64 * 8.0 / seconds / 1e6;
        let stats = pair.sides[0].association.stats();
        println!(
            "{megabits:>3} Mbit/s, RTT {rtt:>3} ms, loss {:>1.0} %: {goodput:.1} Mbit/s, {} chunks sent again",
            loss * 100.0,
            stats.retransmitted_chunks
        );
        assert!(goodput > least);
        if loss == 0.0 {
            assert_eq!(stats.retransmitted_chunks, 0, "the queue overflowed");
        }
        let expected = Message::Binary(message);
        let mut received = pair.sides[1].received.iter();
        assert!(received.all(|(_, message)| *message == expected));
    }
}

/// What arrives in Mbit/s while a channel sends all it can for `time`.
fn flood(pair: &mut Pair, id: ChannelId, time: Duration) -> f64 {
    let message = pattern(65_536, 0);
    let before = pair.sides[1].received.len();
    let end = pair.now + time;
    loop {
        while pair.sides[0]
            .association
            .send(pair.now, id, message.clone().into())
            .is_ok()
        {}
        if !pair.step(end) {
            break;
        }
    }
    let received = (pair.sides[1].received.len() - before) * message.len();
    received as f64 * 8.0 / time.as_secs_f64() / 1e6
}

fn a_faster_link_is_used_at_once_and_a_slower_one_recovers() {
    let mut pair = Pair::connected(Config::default(), link(20, 50, 0.0), 6);
    let id = pair.open(0, "bulk", ChannelOptions::default());
    flood(&mut pair, id, 2 * SECOND);
    pair.conditions.rate = 100e6;
    flood(&mut pair, id, SECOND / 2);
    let fast = flood(&mut pair, id, SECOND);
    println!("half a second after 20 Mbit/s became 100: {fast:.1} Mbit/s");
    assert!(fast > 85.0);
    assert_eq!(pair.sides[0].association.stats().retransmitted_chunks, 0);
    pair.conditions.rate = 50e6;
    flood(&mut pair, id, 3 * SECOND);
    let slow = flood(&mut pair, id, SECOND);
    println!("three seconds after 100 Mbit/s became 50: {slow:.1} Mbit/s");
    assert!(slow > 40.0);
}

fn after_a_pause_the_full_rate_is_back_and_nothing_is_lost() {
    for rtt in [50, 100] {
        let mut pair = Pair::connected(Config::default(), link(100, rtt, 0.0), 7);
        let id = pair.open(0, "bulk", ChannelOptions::default());
        flood(&mut pair, id, 3 * SECOND);
        // Some messages only, over many round trips.
        pair.run_for(SECOND);
        for _ in 0..20 {
            pair.send(0, id, "a few words").unwrap();
            pair.run_for(SECOND / 5);
        }
        let goodput = flood(&mut pair, id, SECOND);
        println!("RTT {rtt} ms, the first second after a pause: {goodput:.1} Mbit/s");
        assert!(goodput > 70.0);
        assert_eq!(pair.sides[0].association.stats().retransmitted_chunks, 0);
    }
}

fn what_an_outage_lost_at_the_end_of_a_transfer_is_sent_again_as_in_a_slow_start() {
    for rtt in [50, 100] {
        let mut pair = Pair::connected(Config::default(), link(100, rtt, 0.0), 8);
        let id = pair.open(0, "bulk", ChannelOptions::default());
        flood(&mut pair, id, 2 * SECOND);
        pair.run_for(SECOND);
        pair.sides[1].received.clear();
        pair.conditions.loss = 1.0;
        for number in 0..8 {
            pair.send(0, id, pattern(65_536, number)).unwrap();
        }
        pair.run_for(3 * SECOND);
        pair.conditions.loss = 0.0;
        let lost = pair.sides[0].association.stats().in_flight_chunks;
        assert!(lost > 400, "{lost}");
        let start = pair.now;
        assert!(pair.run_until(60 * SECOND, |pair| {
            pair.sides[0].association.stats().in_flight_bytes == 0
        }));
        // The rest of the timeout, and nine round trips in which what is sent doubles.
        let took = pair.now - start;
        println!("RTT {rtt} ms: {lost} chunks, sent again within {took:?}");
        assert!(took < Config::default().rto_max + Duration::from_millis(15 * rtt));
        for (number, (_, message)) in pair.sides[1].received.iter().enumerate() {
            assert!(*message == Message::Binary(pattern(65_536, number as u8)));
        }
        assert_eq!(pair.sides[1].received.len(), 8);
    }
}

/// RFC 9260 §6.2.1 D i.
fn a_sack_that_was_overtaken_says_nothing_of_the_window() {
    const MS: Duration = Duration::from_millis(1);
    // How long a message takes that leaves in three bursts, when an old SACK with this window comes
    // so long after the first.
    let takes = |overtaken: Option<(Duration, u32)>| {
        let mut pair = Pair::connected(Config::default(), link(100, 50, 0.0), 9);
        let id = pair.open(0, "bulk", ChannelOptions::default());
        flood(&mut pair, id, 2 * SECOND);
        pair.run_for(SECOND);
        pair.sides[1].received.clear();
        let old = engine(&mut pair).sent().0.wrapping_sub(1);
        let start = pair.now;
        pair.send(0, id, pattern(125_000, 0)).unwrap();
        if let Some((after, window)) = overtaken {
            let sack = pair.forge(
                1,
                kind::SACK,
                &[old, window, 0].map(u32::to_be_bytes).concat(),
            );
            pair.run_for(after);
            assert!(engine(&mut pair).pending() > 0, "the rest waits");
            let now = pair.now;
            pair.sides[0].association.handle_packet(now, sack);
            pair.drain();
        }
        assert!(pair.run_until(SECOND, |pair| !pair.sides[1].received.is_empty()));
        pair.now - start
    };
    let alone = takes(None);
    // Before the second and before the third burst.
    for after in [MS, 5 * MS] {
        for window in [0, 1 << 20] {
            let took = takes(Some((after, window)));
            // At most a pause between two bursts more; to wait for the next SACK is a round trip.
            let most = alone + 5 * MS;
            assert!(
                took <= most,
                "{took:?} instead of {alone:?}: {window} after {after:?}"
            );
        }
    }
}

/// sctp-proto looks at all that is in flight each time that it is asked.
#[test]
fn with_no_chunk_left_to_give_nothing_is_asked_again() {
    let mut pair = Pair::connected(Config::default(), link(0, 50, 0.0), 10);
    let id = pair.open(0, "tiny", ChannelOptions::default());
    pair.run_for(SECOND);
    for _ in 0..1_000 {
        let tiny = Message::text("x");
        let now = pair.now;
        pair.sides[0].association.send(now, id, tiny).unwrap();
    }
    pair.drain();
    let now = pair.now;
    let engine = engine(&mut pair);
    let (bytes, chunks) = engine.room(2);
    assert!(bytes > 0 && chunks == 0, "{bytes} bytes, {chunks} chunks");
    assert_eq!(engine.pending(), 0, "all that was given has left");
    assert!(!engine.is_due(now));
    assert!(pair.run_until(SECOND, |pair| pair.sides[1].received.len() == 1_000));
}

crate::sctp::testing::on_both_engines! {
    a_sender_a_hundred_times_faster_than_the_link_is_held_at_its_limit_and_every_byte_arrives,
    messages_of_many_mebibytes_arrive_where_both_sides_allow_them,
    an_application_that_does_not_read_closes_the_window_and_reading_opens_it_at_once,
    a_lone_message_is_acknowledged_at_once_and_never_sent_twice,
    goodput_on_simulated_links,
    a_faster_link_is_used_at_once_and_a_slower_one_recovers,
    after_a_pause_the_full_rate_is_back_and_nothing_is_lost,
    what_an_outage_lost_at_the_end_of_a_transfer_is_sent_again_as_in_a_slow_start,
    a_sack_that_was_overtaken_says_nothing_of_the_window,
}
