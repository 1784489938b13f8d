use super::*;
use crate::ice::test_clock;

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
    }
}

#[test]
fn timeouts_double_up_to_their_bound_and_end() {
    let start = test_clock();
    let mut all = Transactions::default();
    all.insert(TransactionId([1; 12]), transaction(start, 8));
    let max_rto = Duration::from_secs(3);
    let mut sent = vec![];
    let end = loop {
        let now = all.next_deadline().unwrap();
        match all.take_due(now, max_rto).unwrap() {
            Due::Retransmit { .. } => sent.push((now - start).as_millis()),
            Due::TimedOut { .. } => break now,
        }
        assert!(all.take_due(now, max_rto).is_none());
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
    let due = all.take_due(start + Duration::from_millis(250), Duration::from_secs(1));
    assert!(matches!(due, Some(Due::Retransmit { .. })));
    assert!(all.hurry(PairId(1)));
}
