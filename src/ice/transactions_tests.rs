use super::*;
use crate::ice::test_clock;

const MAX_RTO: Duration = Duration::from_secs(3);

fn take(all: &mut Transactions, now: Instant) -> Option<Due> {
    let (id, _) = all.due(now)?;
    all.take_due(id, now, MAX_RTO)
}

fn transaction(now: Instant, tries: u32) -> Transaction {
    let rto = Duration::from_millis(250);
    Transaction {
        pair: PairId(1),
        path: Path::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()),
        purpose: Purpose::Connectivity,
        role: Role::Controlling,
        use_candidate: false,
        sent_at: now,
        transmissions: 1,
        hurried: false,
        max_transmissions: tries,
        datagram: Bytes::from_static(b"check"),
        rto,
        deadline: now + rto,
        gives_up: now + lifetime(rto, MAX_RTO, tries),
    }
}

#[test]
fn timeouts_double_up_to_their_bound_and_end() {
    let start = test_clock();
    let mut all = Transactions::default();
    all.insert(TransactionId([1; 12]), transaction(start, 8));
    let mut sent = vec![];
    let end = loop {
        let now = all.next_deadline().unwrap();
        match take(&mut all, now).unwrap() {
            Due::Retransmit { .. } => sent.push((now - start).as_millis()),
            Due::TimedOut { .. } => break now,
        }
        assert!(take(&mut all, now).is_none());
    };
    assert_eq!(sent, [250, 750, 1750, 3750, 6750, 9750, 12750]);
    assert_eq!((end - start).as_millis(), 15750);
    assert_eq!(all.next_deadline(), None);
}

#[test]
fn a_check_is_hurried_once_between_two_timeouts() {
    let start = test_clock();
    let mut all = Transactions::default();
    all.insert(TransactionId([1; 12]), transaction(start, 3));
    assert!(!all.hurry(PairId(2)));
    assert!(all.hurry(PairId(1)));
    assert!(!all.hurry(PairId(1)));
    let due = take(&mut all, start + Duration::from_millis(250));
    assert!(matches!(due, Some(Due::Retransmit { .. })));
    assert!(all.hurry(PairId(1)));
}

#[test]
fn what_is_postponed_goes_on_with_the_one_that_was_sent_least_and_ends_in_time() {
    let start = test_clock();
    let mut all = Transactions::default();
    for id in [1, 2] {
        all.insert(TransactionId([id; 12]), transaction(start, 8));
    }
    let ms = Duration::from_millis;
    let (first, second) = (TransactionId([1; 12]), TransactionId([2; 12]));
    assert!(all.take_due(first, start + ms(250), MAX_RTO).is_some());
    for id in [first, second] {
        all.postpone(id, start + ms(5_000));
    }
    assert_eq!(all.due(start + ms(4_999)), None);
    let due = all.due(start + ms(5_000));
    assert_eq!(due, Some((second, Some(PairId(1)))));
    for id in [first, second] {
        all.postpone(id, start + ms(60_000));
    }
    // As if it had not been postponed.
    assert_eq!(all.next_deadline(), Some(start + ms(15_750)));
    for _ in 0..2 {
        let over = take(&mut all, start + ms(15_750));
        assert!(matches!(over, Some(Due::TimedOut { .. })));
    }
    assert_eq!(all.next_deadline(), None);
}
