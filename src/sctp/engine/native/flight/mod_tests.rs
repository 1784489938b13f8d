use super::super::chunk::{Skipped, flag};
use super::*;
use crate::sctp::testing::epoch;
use bytes::Bytes;

const FIRST: u32 = u32::MAX - 2;

/// A flight in which these messages were sent: stream, reliability, number of fragments.
fn flight(messages: &[(u16, Reliability, u32)]) -> Flight {
    let mut flight = Flight::new(false, FIRST);
    for (message, &(stream, reliability, fragments)) in (0..).zip(messages) {
        let mut previous = 0;
        for fragment in 0..fragments {
            let mut flags = 0;
            flags |= if fragment == 0 { flag::BEGIN } else { 0 };
            flags |= if fragment + 1 == fragments {
                flag::END
            } else {
                0
            };
            let tsn = flight.next();
            let data = Data {
                tsn: tsn as u32,
                stream,
                flags,
                message,
                fragment,
                ppid: 51,
                payload: Bytes::from_static(&[1; 100]),
            };
            flight.push(epoch(), data, reliability, previous);
            previous = tsn;
        }
    }
    flight
}

fn sack(cumulative: u32, gaps: &[(u16, u16)]) -> Sack {
    let mut out = bytes::BytesMut::new();
    Sack::encode(&mut out, 1000, cumulative, 5000, gaps.iter().copied(), &[]);
    Sack::decode(out.freeze().slice(4..)).unwrap()
}

#[test]
fn what_is_acknowledged_is_counted_once_over_the_wrap() {
    // Up to TSN 2.
    let mut flight = flight(&[(1, Reliability::Full, 6)]);
    let size = flight.bytes() / 6;
    let before = FIRST.wrapping_sub(1);
    let mut acknowledge = |cumulative, gaps: &[(u16, u16)]| {
        let acked = flight.acknowledge(epoch(), &sack(cumulative, gaps))?;
        Some((acked.bytes / size, acked.streams, acked.moved))
    };
    let blocks = [(2, 2), (5, 6)];
    assert_eq!(
        acknowledge(before, &blocks),
        Some((3, vec![(1, 300)], false))
    );
    assert_eq!(acknowledge(before, &blocks), Some((0, vec![], false)));
    assert_eq!(
        acknowledge(u32::MAX, &[(2, 3)]),
        Some((2, vec![(1, 200)], true))
    );
    // What was overtaken, and what was never sent.
    assert_eq!(acknowledge(before, &[]), Some((0, vec![], false)));
    assert_eq!(acknowledge(3, &[]), None);
    assert_eq!(acknowledge(u32::MAX, &[(2, 4)]), None);
    assert_eq!(flight.unacknowledged(), (100, 1));
    flight.acknowledge(epoch(), &sack(2, &[])).unwrap();
    assert!(flight.is_empty() && flight.bytes() == 0 && flight.payload() == 0);
}

#[test]
fn what_was_sent_first_is_the_oldest_and_what_is_sent_again_the_newest() {
    let mut flight = flight(&[(1, Reliability::Full, 3)]);
    let first = flight.next() - 3;
    let later = epoch() + Duration::from_millis(1);
    assert_eq!(flight.oldest().unwrap().0, first);
    assert_eq!(flight.lose(later, first), None);
    assert_eq!(flight.oldest().unwrap().0, first + 1);
    assert_eq!(flight.next_lost().unwrap().0, first);
    flight.resend(later, first).unwrap();
    assert_eq!(flight.next_lost(), None);
    flight.lose(later, first + 1);
    flight.lose(later, first + 2);
    assert_eq!(flight.oldest(), Some((first, later)));
    // One that was late after all is not sent again.
    flight.acknowledge(later, &sack(FIRST + 1, &[])).unwrap();
    assert_eq!(flight.next_lost().unwrap().0, first + 2);
}

#[test]
fn a_message_is_given_up_whole_and_the_peer_is_told_to_skip_it() {
    let twice = Reliability::Retransmissions(1);
    let mut flight = flight(&[(1, Reliability::Full, 1), (2, twice, 3), (3, twice, 1)]);
    let first = flight.next() - 5;
    flight.lose(epoch(), first + 2);
    flight.resend(epoch(), first + 2).unwrap();
    let given_up = flight.lose(epoch(), first + 2).unwrap();
    assert_eq!(
        (given_up.stream, given_up.bytes, given_up.has_rest),
        (2, 300, false)
    );
    assert_eq!(flight.unacknowledged(), (200, 2));
    // Not before the one that is still to arrive.
    assert_eq!(flight.forward(100), None);
    flight.acknowledge(epoch(), &sack(FIRST, &[])).unwrap();
    let skipped = Skipped {
        stream: 2,
        unordered: false,
        message: 1,
    };
    assert_eq!(flight.forward(100), Some((first + 3, vec![skipped])));
    // Without room for the stream it has to wait.
    assert_eq!(flight.forward(3), None);
    assert!(flight.has_abandoned());
    flight.acknowledge(epoch(), &sack(1, &[])).unwrap();
    assert!(flight.is_empty() && !flight.has_abandoned());
}

/// RFC 9260 §6.2.1: what was in a gap block may be dropped again by the peer.
#[test]
fn what_the_peer_reneges_on_is_sent_again_and_released_once() {
    let mut flight = flight(&[(1, Reliability::Full, 3)]);
    let before = FIRST.wrapping_sub(1);
    let acked = flight
        .acknowledge(epoch(), &sack(before, &[(1, 2)]))
        .unwrap();
    assert_eq!(acked.streams, [(1, 200)]);
    assert_eq!(flight.lose_all(epoch()), []);
    let mut again = 0;
    while let Some((tsn, _)) = flight.next_lost() {
        flight.resend(epoch(), tsn).unwrap();
        again += 1;
    }
    assert_eq!(again, 3);
    let acked = flight.acknowledge(epoch(), &sack(FIRST + 2, &[])).unwrap();
    assert_eq!(acked.streams, [(1, 100)]);
    assert_eq!((flight.bytes(), flight.unacknowledged()), (0, (0, 0)));
}
