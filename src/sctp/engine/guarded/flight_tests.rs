use std::time::Duration;

use super::*;
use crate::sctp::testing::epoch;

const MS: Duration = Duration::from_millis(1);

#[test]
fn what_is_in_flight_follows_sends_and_acknowledgements() {
    let now = epoch();
    let mut flight = Flight::new(u32::MAX - 1);
    for index in 0..5 {
        flight.on_sent(now, (u32::MAX - 1).wrapping_add(index), 100);
    }
    assert_eq!((flight.bytes(), flight.chunks()), (500, 5));
    // Up to the TSN after the wrap, and the fifth by a gap block.
    assert_eq!(
        flight.on_sack(now + 50 * MS, u32::MAX, [(3, 3)].into_iter()),
        300
    );
    assert_eq!((flight.bytes(), flight.chunks()), (200, 2));
    assert_eq!(flight.path.smoothed_rtt(), Some(50 * MS));
    // The same again changes nothing; neither does an old one.
    assert_eq!(
        flight.on_sack(now + 50 * MS, u32::MAX, [(3, 3)].into_iter()),
        0
    );
    assert_eq!(
        flight.on_sack(now + 50 * MS, u32::MAX - 9, [].into_iter()),
        0
    );
    assert_eq!(flight.on_sack(now + 60 * MS, 2, [].into_iter()), 200);
    assert_eq!((flight.bytes(), flight.chunks()), (0, 0));
}

#[test]
fn retransmissions_are_counted_and_say_nothing_of_the_round_trip() {
    let now = epoch();
    let mut flight = Flight::new(1);
    flight.on_sent(now, 1, 10);
    flight.on_sent(now + 500 * MS, 1, 10);
    assert_eq!((flight.retransmissions(), flight.bytes()), (1, 10));
    assert_eq!(flight.on_sack(now + 550 * MS, 1, [].into_iter()), 10);
    assert_eq!(flight.path.smoothed_rtt(), None);
}

#[test]
fn tsns_that_are_never_sent_are_passed_over() {
    let now = epoch();
    let mut flight = Flight::new(1);
    flight.on_sent(now, 1, 10);
    flight.on_sent(now, 4, 10);
    assert_eq!((flight.bytes(), flight.chunks()), (20, 2));
    flight.on_sack(now, 4, [].into_iter());
    assert_eq!(flight.bytes(), 0);
    // At the end they are known by the acknowledgement alone.
    flight.on_sack(now, 6, [].into_iter());
    assert_eq!(flight.cumulative(), 6);
    // One of far more than was sent stops at the end.
    flight.on_sack(now, 4000, [(1, 60_000)].into_iter());
    flight.on_sent(now, 7, 10);
    assert_eq!(flight.bytes(), 10);
}
