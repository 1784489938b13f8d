use super::*;
use crate::sctp::testing::epoch;

fn sack(received: &mut Received) -> (u32, Vec<(u16, u16)>, Vec<u32>) {
    let mut out = BytesMut::new();
    received.write_sack(&mut out, 1000, 5);
    let sack = Sack::decode(out.freeze().slice(4..)).unwrap();
    assert_eq!(sack.window, 5);
    (
        sack.cumulative,
        sack.gaps().collect(),
        sack.duplicates().collect(),
    )
}

fn take(received: &mut Received, tsn: u32) -> Arrival {
    let tsn = received.unwrap(tsn);
    let arrival = received.check(tsn);
    match arrival {
        Arrival::New => received.add(tsn),
        Arrival::Duplicate => received.add_duplicate(tsn as u32),
        Arrival::Beyond => {}
    }
    arrival
}

#[test]
fn tsns_are_acknowledged_over_the_wrap() {
    let first = u32::MAX - 1;
    let mut received = Received::new(first);
    assert_eq!(take(&mut received, first), Arrival::New);
    assert_eq!(take(&mut received, 2), Arrival::New);
    assert_eq!(take(&mut received, 0), Arrival::New);
    assert_eq!(take(&mut received, 0), Arrival::Duplicate);
    assert_eq!(take(&mut received, first - 1), Arrival::Duplicate);
    assert_eq!(
        sack(&mut received),
        (first, vec![(2, 2), (4, 4)], vec![0, first - 1])
    );
    assert_eq!(take(&mut received, u32::MAX), Arrival::New);
    assert_eq!(sack(&mut received), (0, vec![(2, 2)], vec![]));
    received.advance(received.unwrap(1));
    assert_eq!(sack(&mut received), (2, vec![], vec![]));
}

#[test]
fn every_second_packet_and_what_is_out_of_order_is_acknowledged_at_once() {
    let now = epoch();
    let mut received = Received::new(10);
    take(&mut received, 10);
    received.on_packet(now, false);
    assert!(received.is_waiting() && !received.is_due(now));
    assert!(received.is_due(now + DELAY));
    take(&mut received, 11);
    received.on_packet(now, false);
    assert!(received.is_due(now));
    sack(&mut received);
    assert!(!received.is_waiting());
    for (tsn, immediate) in [(12, true), (14, false), (13, false), (13, false)] {
        take(&mut received, tsn);
        received.on_packet(now, immediate);
        assert!(received.is_due(now), "{tsn}");
        sack(&mut received);
    }
}

#[test]
fn what_is_too_far_away_or_one_gap_too_many_is_not_kept() {
    let mut received = Received::new(10);
    assert_eq!(take(&mut received, 10 + 65_535), Arrival::Beyond);
    assert_eq!(take(&mut received, 9 + 65_535), Arrival::New);
    for n in 1..MAX_RANGES as u32 {
        assert_eq!(take(&mut received, 10 + 2 * n), Arrival::New);
    }
    assert_eq!(take(&mut received, 20_000), Arrival::Beyond);
    assert_eq!(take(&mut received, 10), Arrival::New);
}
