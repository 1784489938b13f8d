use super::*;
use crate::sctp::testing::epoch;

fn delivery(ordered: bool, weight: u16) -> Delivery {
    Delivery {
        ordered,
        reliability: Reliability::Full,
        weight,
    }
}

fn push(queue: &mut Queue, stream: u16, size: usize, weight: u16) {
    let contents = Bytes::from(vec![stream as u8; size]);
    queue.push(stream, Ppid::Binary, contents, delivery(true, weight));
}

/// The streams in the order in which their fragments leave.
fn order(queue: &mut Queue) -> Vec<u16> {
    let next = |queue: &mut Queue| queue.next(1_000, 1);
    std::iter::from_fn(|| next(queue).map(|fragment| fragment.data.stream)).collect()
}

#[test]
fn messages_leave_whole_or_fragment_by_fragment() {
    for interleaved in [false, true] {
        let mut queue = Queue::new(interleaved);
        push(&mut queue, 1, 3_000, 256);
        push(&mut queue, 2, 2_500, 256);
        assert_eq!((queue.pending(), queue.messages()), (5_500, 2));
        let order = order(&mut queue);
        if interleaved {
            assert_eq!(order, [1, 2, 1, 2, 1, 2]);
        } else {
            assert_eq!(order, [1, 1, 1, 2, 2, 2]);
        }
        assert_eq!((queue.pending(), queue.messages()), (0, 0));
        assert_eq!((queue.outstanding(), queue.buffered(2)), (5_500, 2_500));
        queue.release(2, 2_500);
        assert_eq!(queue.outstanding(), 3_000);
    }
}

#[test]
fn turns_follow_the_weights_and_an_idle_stream_saves_none_up() {
    let mut queue = Queue::new(true);
    push(&mut queue, 1, 40_000, 256);
    push(&mut queue, 2, 40_000, 1_024);
    let first: Vec<u16> = std::iter::from_fn(|| queue.next(1_000, 1))
        .take(25)
        .map(|fragment| fragment.data.stream)
        .collect();
    let heavy = first.iter().filter(|&&stream| stream == 2).count();
    assert!((19..=21).contains(&heavy), "{heavy} of 25");
    push(&mut queue, 3, 10_000, 256);
    let next: Vec<u16> = std::iter::from_fn(|| queue.next(1_000, 1))
        .take(12)
        .map(|fragment| fragment.data.stream)
        .collect();
    let late = next.iter().filter(|&&stream| stream == 3).count();
    assert!((1..=3).contains(&late), "{late} of 12");
}

#[test]
fn numbers_and_fragments_are_counted_by_stream_and_order() {
    let mut queue = Queue::new(false);
    let contents = || Bytes::from(vec![0; 1_500]);
    for ordered in [true, false, true] {
        queue.push(1, Ppid::String, contents(), delivery(ordered, 1));
    }
    let mut seen = Vec::new();
    let mut tsn = 10;
    while let Some(fragment) = queue.next(1_000, tsn) {
        let Data { flags, message, .. } = fragment.data;
        seen.push((flags, message, fragment.data.fragment, fragment.previous));
        tsn += 1;
    }
    let (begin, end, unordered) = (flag::BEGIN, flag::END, flag::UNORDERED);
    assert_eq!(
        seen,
        [
            (begin, 0, 0, 0),
            (end, 0, 1, 10),
            (begin | unordered, 0, 0, 0),
            (end | unordered, 0, 1, 12),
            (begin, 1, 0, 0),
            (end, 1, 1, 14),
        ]
    );
    queue.reset(1);
    queue.push(1, Ppid::String, contents(), delivery(true, 1));
    assert_eq!(queue.next(1_000, 1).unwrap().data.message, 0);
}

#[test]
fn what_is_too_late_is_dropped_and_what_had_begun_is_told() {
    let mut queue = Queue::new(false);
    let late = Delivery {
        reliability: Reliability::Until(epoch()),
        ..delivery(true, 1)
    };
    let contents = || Bytes::from(vec![0; 1_500]);
    for delivery in [late, late, delivery(true, 1)] {
        queue.push(1, Ppid::String, contents(), delivery);
    }
    queue.next(1_000, 77).unwrap();
    let now = epoch() + std::time::Duration::from_secs(1);
    assert_eq!(queue.take_expired(now), Some(77));
    assert_eq!(queue.take_expired(now), None);
    // The second was never numbered.
    assert_eq!(queue.next(1_000, 78).unwrap().data.message, 1);
    assert_eq!((queue.pending(), queue.messages()), (500, 1));
}

#[test]
fn what_nobody_wants_any_more_goes_but_for_what_has_begun() {
    let mut queue = Queue::new(false);
    push(&mut queue, 1, 1_500, 1);
    push(&mut queue, 1, 700, 1);
    queue.next(1_000, 5).unwrap();
    queue.clear(1);
    assert_eq!((queue.pending(), queue.buffered(1)), (500, 1_500));
    assert_eq!(order(&mut queue), [1]);
    push(&mut queue, 1, 700, 1);
    queue.clear(1);
    assert_eq!((queue.pending(), queue.messages()), (0, 0));
    assert!(order(&mut queue).is_empty());
}
