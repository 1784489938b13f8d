use super::*;
use crate::sctp::testing::epoch;

const LOCAL: u32 = 100;
const PEER: u32 = 1000;
const TIMEOUT: Duration = Duration::from_millis(500);

fn resets() -> Resets {
    Resets::new(true, 1160, LOCAL, PEER)
}

fn parameter(kind: u16, fields: &[u32], streams: &[u16]) -> Vec<u8> {
    let mut value = kind.to_be_bytes().to_vec();
    value.extend((4 + 4 * fields.len() as u16 + 2 * streams.len() as u16).to_be_bytes());
    value.extend(fields.iter().flat_map(|field| field.to_be_bytes()));
    value.extend(streams.iter().flat_map(|stream| stream.to_be_bytes()));
    value.resize(value.len().next_multiple_of(4), 0);
    value
}

/// A reset by the peer of what it sent up to this TSN.
fn reset(number: u32, last_tsn: u32, streams: &[u16]) -> Vec<u8> {
    parameter(13, &[number, 0, last_tsn], streams)
}

/// What leaves: kind, number, and the result or the first stream.
fn leaves(resets: &mut Resets, now: Instant) -> Vec<(u16, u32, u32)> {
    let chunks = resets.chunks(now, TIMEOUT, 7, |_| true);
    let read = |value: Bytes| {
        let kind = u16_at(&value, 0).unwrap();
        let number = u32_at(&value, 4).unwrap();
        let last = match kind {
            parameter::RESPONSE => u32_at(&value, 8).unwrap(),
            _ => u16_at(&value, 16).unwrap().into(),
        };
        (kind, number, last)
    };
    chunks.into_iter().map(read).collect()
}

/// The peer's TSNs up to this one are here.
fn have(tsn: u32) -> u64 {
    serial::start(tsn)
}

#[test]
fn a_reset_that_waited_for_data_is_done_once_and_numbers_have_no_hole() {
    let (now, mut resets) = (epoch(), resets());
    assert_eq!(resets.handle(now, &reset(1000, 50, &[4]), have(49)), []);
    assert_eq!(leaves(&mut resets, now), [(16, 1000, result::IN_PROGRESS)]);
    // It asks under the same number, as usrsctp does.
    assert_eq!(resets.handle(now, &reset(1000, 50, &[4]), have(49)), []);
    assert_eq!(leaves(&mut resets, now), [(16, 1000, result::IN_PROGRESS)]);
    // The data arrives.
    assert_eq!(resets.on_arrived(have(49)), None);
    assert_eq!(resets.on_arrived(have(50)), Some(Outcome::Reset(vec![4])));
    // It asks again, under another number, as browsers do, or under the same.
    assert_eq!(resets.handle(now, &reset(1000, 50, &[4]), have(50)), []);
    assert_eq!(resets.handle(now, &reset(1001, 50, &[4]), have(50)), []);
    assert_eq!(
        leaves(&mut resets, now),
        [(16, 1000, result::PERFORMED), (16, 1001, result::PERFORMED)]
    );
    for number in 1002..1010 {
        let outcome = resets.handle(now, &reset(number, 50, &[6]), have(50));
        assert_eq!(outcome, [Outcome::Reset(vec![6])]);
        assert_eq!(leaves(&mut resets, now), [(16, number, result::PERFORMED)]);
    }
}

#[test]
fn every_request_is_answered_and_counted() {
    let (now, mut resets) = (epoch(), resets());
    let requests = [
        (parameter(17, &[1000, 16 << 16], &[]), result::PERFORMED),
        (parameter(18, &[1001, 16 << 16], &[]), result::DENIED),
        (parameter(14, &[1002], &[1]), result::DENIED),
        (parameter(15, &[1003], &[]), result::DENIED),
        (parameter(99, &[1004], &[]), result::DENIED),
    ];
    for (number, (request, answer)) in (1000..).zip(requests) {
        assert_eq!(resets.handle(now, &request, have(50)), []);
        assert_eq!(leaves(&mut resets, now), [(16, number, answer)]);
    }
    // Repeated, and out of order.
    resets.handle(now, &parameter(99, &[1004], &[]), have(50));
    resets.handle(now, &reset(1006, 50, &[1]), have(50));
    assert_eq!(
        leaves(&mut resets, now),
        [(16, 1004, result::DENIED), (16, 1006, result::BAD_NUMBER)]
    );
    let outcome = resets.handle(now, &reset(1005, 50, &[1]), have(50));
    assert_eq!(outcome, [Outcome::Reset(vec![1])]);
}

#[test]
fn one_request_is_under_way_and_each_has_the_next_number() {
    let (now, mut resets) = (epoch(), resets());
    assert!(resets.begin(1));
    assert_eq!(leaves(&mut resets, now), [(13, LOCAL, 1)]);
    assert!(resets.begin(3));
    assert_eq!(leaves(&mut resets, now), []);
    let again = resets.poll_timeout().unwrap();
    assert_eq!(leaves(&mut resets, again), [(13, LOCAL, 1)]);
    // In progress: asked again later, under another number.
    resets.handle(now, &parameter(16, &[LOCAL, result::IN_PROGRESS], &[]), 0);
    let again = resets.poll_timeout().unwrap();
    assert_eq!(leaves(&mut resets, again), [(13, LOCAL + 1, 1)]);
    let done = parameter(16, &[LOCAL + 1, result::PERFORMED], &[]);
    assert_eq!(resets.handle(now, &done, 0), [Outcome::Done(vec![1])]);
    // An answer that comes twice.
    assert_eq!(resets.handle(now, &done, 0), []);
    assert_eq!(leaves(&mut resets, now), [(13, LOCAL + 2, 3)]);
    let refused = parameter(16, &[LOCAL + 2, result::DENIED], &[]);
    assert_eq!(resets.handle(now, &refused, 0), [Outcome::Failed(vec![3])]);
    assert_eq!(resets.len(), 0);
}

#[test]
fn a_peer_that_resets_the_same_streams_in_answer_has_answered() {
    let (now, mut resets) = (epoch(), resets());
    resets.begin(1);
    leaves(&mut resets, now);
    let request = parameter(13, &[1000, LOCAL, 50], &[1, 2]);
    assert_eq!(
        resets.handle(now, &request, have(50)),
        [Outcome::Done(vec![1]), Outcome::Reset(vec![1, 2])]
    );
}

#[test]
fn nobody_waits_for_ever_for_an_answer() {
    let (mut now, mut resets) = (epoch(), resets());
    resets.begin(1);
    let mut sent = leaves(&mut resets, now).len();
    resets.begin(3);
    let failed = loop {
        now = resets.poll_timeout().unwrap();
        if let Some(outcome) = resets.handle_timeout(now) {
            break outcome;
        }
        sent += leaves(&mut resets, now).len();
    };
    assert_eq!(failed, Outcome::Failed(vec![1, 3]));
    assert_eq!(sent, MAX_TRIES as usize);
    assert!(!resets.begin(5));
    assert!(!Resets::new(false, 1160, 1, 1).begin(1));
}

#[test]
fn garbage_is_no_request() {
    let mut resets = resets();
    for value in [
        &[][..],
        &[0, 13],
        &[0, 13, 0, 40, 1],
        &[0, 13, 0, 3],
        &[0, 16, 0, 4],
    ] {
        assert_eq!(resets.handle(epoch(), value, have(50)), []);
        assert_eq!(leaves(&mut resets, epoch()), []);
    }
}
