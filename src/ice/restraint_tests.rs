use super::*;
use crate::ice::test_clock;

const MS: Duration = Duration::from_millis(1);

fn victim() -> SocketAddr {
    ([192, 0, 2, 1], 9).into()
}

fn told(credentials: usize, candidates: usize) -> Restraint {
    let mut restraint = Restraint::new();
    restraint.told(credentials, candidates);
    restraint
}

/// Sends all that it may for a minute, and says how much in the worst window.
fn worst(mut restraint: Restraint, size: usize, want: Want) -> (usize, usize) {
    let start = test_clock();
    let mut sent = Vec::new();
    let mut now = start;
    while now < start + 3 * WINDOW {
        match restraint.pay(now, victim(), size, want) {
            Ok(()) => sent.push(now),
            Err(at) => {
                assert!(at > now);
                now = at;
            }
        }
    }
    let within = |from: Instant| {
        let from = from..from + WINDOW;
        sent.iter().filter(|at| from.contains(*at)).count()
    };
    let most = sent.iter().map(|from| within(*from)).max().unwrap();
    (most, most * size)
}

#[test]
fn no_window_has_more_packets_or_bytes_than_it_may() {
    let (packets, _) = worst(told(28, 100), 92, Want::Heard);
    assert!((240..=250).contains(&packets), "{packets}");
    // The longest fragments make each check as long as eight candidates.
    let own = DESCRIPTION_BYTES + 278 + 100 * CANDIDATE_BYTES;
    let (_, bytes) = worst(told(278, 100), 348, Want::Heard);
    assert!((own * 7..=own * 8).contains(&bytes), "{bytes} for {own}");
}

#[test]
fn what_is_wanted_less_leaves_something_to_what_is_wanted_more() {
    let mut restraint = told(28, 100);
    let now = test_clock();
    let mut all = |want| {
        (0..)
            .take_while(|_| restraint.pay(now, victim(), 92, want).is_ok())
            .count()
    };
    assert_eq!(all(Want::Again), 97);
    assert_eq!(all(Want::First), 23);
    assert_eq!(all(Want::Heard), 30);
    assert_eq!(all(Want::Heard), 0);
}

#[test]
fn it_waits_until_there_is_enough_and_no_longer() {
    let mut restraint = told(28, 100);
    let start = test_clock();
    while restraint.pay(start, victim(), 92, Want::Heard).is_ok() {}
    let at = restraint.pay(start, victim(), 92, Want::Heard).unwrap_err();
    // A hundred packets in twenty seconds.
    assert!(
        (200 * MS..=202 * MS).contains(&(at - start)),
        "{:?}",
        at - start
    );
    assert!(
        restraint
            .pay(at - 3 * MS, victim(), 92, Want::Heard)
            .is_err()
    );
    assert!(restraint.pay(at, victim(), 92, Want::Heard).is_ok());
}

#[test]
fn more_words_allow_more_at_once_and_fewer_less() {
    let now = test_clock();
    let all = |restraint: &mut Restraint| {
        (0..)
            .take_while(|_| restraint.pay(now, victim(), 92, Want::Heard).is_ok())
            .count()
    };
    let mut restraint = told(28, 1);
    let first = all(&mut restraint);
    assert_eq!(first, (268 * 8 * 6 / 10) / 92);
    restraint.told(28, 11);
    // All in all as if it had been told at once.
    assert_eq!(all(&mut restraint) + first, 668 * 8 * 6 / 10 / 92);
    // To be told the same again, in a new generation for instance, is no new word.
    restraint.told(28, 11);
    assert_eq!(all(&mut restraint), 0);
    restraint.told(0, 0);
    assert_eq!(all(&mut restraint), 0);
}

#[test]
fn who_has_answered_costs_nothing_and_is_remembered_for_long() {
    let now = test_clock();
    let peer = |port: u16| SocketAddr::from(([192, 0, 2, 7], port));
    let mut restraint = told(0, 0);
    restraint.note_answered(peer(0));
    for port in 1..MAX_ANSWERED as u16 {
        restraint.note_answered(peer(port));
        restraint.note_answered(peer(0));
    }
    for _ in 0..1_000 {
        assert!(restraint.pay(now, peer(0), 348, Want::Again).is_ok());
    }
    let all = |restraint: &Restraint| restraint.answered.len();
    assert_eq!(all(&restraint), MAX_ANSWERED);
    restraint.note_answered(peer(999));
    assert_eq!(all(&restraint), MAX_ANSWERED);
    assert!(
        restraint.answered.contains(&peer(0)),
        "it answered just now"
    );
    assert!(!restraint.answered.contains(&peer(1)));
}
