use std::net::SocketAddr;

use super::*;
use crate::net::Protocol;

fn candidate(address: &str, foundation: &str, priority: u32) -> Arc<Candidate> {
    let address: SocketAddr = address.parse().unwrap();
    let host = Candidate::host(address, Protocol::Udp);
    Arc::new(Candidate {
        foundation: foundation.into(),
        priority,
        ..host
    })
}

/// A list of pairs of (remote foundation, remote priority) with one local candidate.
fn list(max: usize, remotes: &[(&str, u32)]) -> (Checklist, Vec<Added>) {
    let mut list = Checklist::new(max);
    let local = candidate("10.0.0.1:1", "l", 1000);
    let mut added = vec![];
    for (i, (foundation, priority)) in remotes.iter().enumerate() {
        let remote = candidate(&format!("10.0.1.1:{}", i + 1), foundation, *priority);
        let path = path_between("10.0.0.1:1".parse().unwrap(), &remote).unwrap();
        added.push(list.add(
            Role::Controlling,
            0,
            path,
            &local,
            &remote,
            Wanted::Told,
            None,
        ));
    }
    (list, added)
}

fn states(list: &Checklist) -> Vec<PairState> {
    list.iter().map(|p| p.state).collect()
}

fn next(list: &mut Checklist) -> Option<u32> {
    let id = list.next_ordinary(Role::Controlling, 0, |_| false)?;
    list.get_mut(id).unwrap().state = PairState::InProgress;
    Some(id.0)
}

#[test]
fn the_best_pair_of_each_foundation_is_checked_first() {
    use PairState::*;
    let (mut list, _) = list(100, &[("a", 10), ("a", 30), ("b", 20), ("a", 20)]);
    assert_eq!(states(&list), [Frozen, Waiting, Waiting, Frozen]);
    assert_eq!((next(&mut list), next(&mut list)), (Some(1), Some(2)));
    // RFC 8445 §6.1.4.2: a foundation with a check in progress holds its others back.
    assert!(!list.has_ordinary(0));
    assert_eq!(next(&mut list), None);
    list.get_mut(PairId(1)).unwrap().doubtful = true;
    assert!(list.has_ordinary(0));
    assert_eq!(next(&mut list), Some(3));
    assert!(!list.has_ordinary(0));
    list.get_mut(PairId(1)).unwrap().state = Failed;
    list.get_mut(PairId(3)).unwrap().state = Succeeded;
    list.thaw(PairId(3));
    assert_eq!(states(&list), [Waiting, Failed, InProgress, Succeeded]);
    assert_eq!(next(&mut list), Some(0));
}

#[test]
fn what_is_promising_comes_before_what_has_priority() {
    let (list, _) = list(100, &[("a", 10), ("b", 30), ("c", 20)]);
    let promising = |p: &Pair| p.remote.foundation == "a";
    let next = |promising: &dyn Fn(&Pair) -> bool| {
        let next = list.next_ordinary(Role::Controlling, 0, promising);
        next.map(|id| id.0)
    };
    assert_eq!(next(&promising), Some(0));
    assert_eq!(next(&|_| false), Some(1));
}

#[test]
fn a_trickled_pair_waits_when_its_foundation_works() {
    use PairState::*;
    let (mut list, _) = list(100, &[("a", 10)]);
    list.get_mut(PairId(0)).unwrap().state = Succeeded;
    let local = candidate("10.0.0.1:1", "l", 1000);
    for (port, foundation) in [(7, "a"), (8, "a"), (9, "b")] {
        let remote = candidate(&format!("10.0.9.9:{port}"), foundation, port);
        let path = path_between("10.0.0.1:1".parse().unwrap(), &remote).unwrap();
        list.add(
            Role::Controlling,
            0,
            path,
            &local,
            &remote,
            Wanted::Told,
            None,
        );
    }
    assert_eq!(states(&list), [Succeeded, Waiting, Waiting, Waiting]);
}

#[test]
fn the_same_path_is_paired_once_and_the_limit_takes_the_worst() {
    let (mut list, added) = list(3, &[("a", 10), ("b", 20), ("c", 30), ("d", 5), ("e", 40)]);
    assert_eq!(added[3], Added::Full);
    let instead = Added::Instead {
        id: PairId(3),
        of: PairId(0),
    };
    assert_eq!(added[4], instead);
    let priorities: Vec<_> = list.iter().map(|p| p.remote.priority).collect();
    assert_eq!(priorities, [20, 30, 40]);
    let pair = list.iter().next().unwrap().clone();
    let again = list.add(
        Role::Controlling,
        0,
        pair.path,
        &pair.local,
        &pair.remote,
        Wanted::Told,
        None,
    );
    assert_eq!(again, Added::Redundant);
    // What works, is tried or is in use stays.
    list.get_mut(pair.id).unwrap().state = PairState::Succeeded;
    for p in list.iter_mut().skip(1) {
        p.state = PairState::InProgress;
    }
    let best = candidate("10.0.7.7:7", "z", u32::MAX);
    let path = path_between("10.0.0.1:1".parse().unwrap(), &best).unwrap();
    assert_eq!(
        list.add(
            Role::Controlling,
            0,
            path,
            &pair.local,
            &best,
            Wanted::Told,
            None
        ),
        Added::Full
    );
}

#[test]
fn triggered_checks_come_in_order_and_once() {
    let (mut list, _) = list(100, &[("a", 10), ("b", 20), ("c", 30)]);
    for id in [2, 0, 2] {
        list.trigger(PairId(id));
    }
    list.trigger(PairId(99));
    list.retain(|p| p.id != PairId(0));
    assert_eq!(
        (list.next_triggered(), list.next_triggered()),
        (Some(PairId(2)), None)
    );
}

#[test]
fn priorities_follow_the_roles() {
    let (list, _) = list(100, &[("a", 2000)]);
    let pair = list.iter().next().unwrap();
    // RFC 8445 §6.1.2.3, with G = 1000 and D = 2000, and the other way round.
    assert_eq!(pair.priority(Role::Controlling), (1000 << 32) + 4000);
    assert_eq!(pair.priority(Role::Controlled), (1000 << 32) + 4001);
}

#[test]
fn a_link_local_peer_is_in_the_zone_of_our_interface() {
    let remote = candidate("[fe80::2]:5", "a", 1);
    let base = "[fe80::1%3]:1".parse().unwrap();
    assert_eq!(
        path_between(base, &remote).unwrap().remote,
        "[fe80::2%3]:5".parse().unwrap()
    );
}
