use std::net::SocketAddr;

use super::*;
use crate::ice::checklist::{Added, Checklist, path_between};

fn candidate(kind: CandidateType, address: &str, priority: u32) -> Arc<Candidate> {
    let address: SocketAddr = address.parse().unwrap();
    Arc::new(Candidate {
        kind,
        priority,
        ..Candidate::host(address, Protocol::Udp)
    })
}

fn host(address: &str, priority: u32) -> Arc<Candidate> {
    candidate(CandidateType::Host, address, priority)
}

fn add(list: &mut Checklist, base: &str, remote: &Arc<Candidate>, wanted: Wanted) -> Added {
    let local = host(base, 1_000);
    let path = path_between(base.parse().unwrap(), remote).unwrap();
    list.add(Role::Controlled, 0, path, &local, remote, wanted, None)
}

const BASES: [&str; 4] = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"];

/// Hosts that are paired with four bases each, until the list is full.
fn full(max: usize) -> Checklist {
    let mut list = Checklist::new(max);
    for i in 0..max.div_ceil(4) as u32 {
        let remote = host(&format!("10.0.1.{}:9", i + 1), 5_000 - i);
        for base in BASES {
            add(&mut list, base, &remote, Wanted::Told);
        }
    }
    assert_eq!(list.iter().count(), max);
    list
}

fn has(list: &Checklist, remote: &Arc<Candidate>) -> bool {
    list.iter().any(|p| Arc::ptr_eq(&p.remote, remote))
}

fn remotes(list: &Checklist) -> usize {
    counted(list.iter().map(|p| Arc::as_ptr(&p.remote))).len()
}

#[test]
fn every_candidate_kind_and_family_finds_room_among_many_hosts() {
    use CandidateType::*;
    let mut list = full(40);
    let worst = [
        (Relayed, "10.0.9.1:9"),
        (ServerReflexive, "10.0.9.2:9"),
        (PeerReflexive, "10.0.9.3:9"),
        // A host that comes late, of the lowest priority.
        (Host, "10.0.9.4:9"),
    ];
    for (kind, address) in worst {
        let remote = candidate(kind, address, 1);
        for base in BASES {
            add(&mut list, base, &remote, Wanted::Told);
        }
        assert!(has(&list, &remote), "{kind}");
    }
    let v6 = host("[2001:db8::1]:9", 1);
    add(&mut list, "[2001:db8::2]:1", &v6, Wanted::Told);
    assert!(has(&list, &v6));
    assert_eq!(list.iter().count(), 40);
    assert_eq!(remotes(&list), 15, "nobody is without a pair");
}

#[test]
fn of_one_kind_each_candidate_has_a_pair_before_any_has_two() {
    let mut list = Checklist::new(10);
    for i in 0..10 {
        // The later, the better: priority alone would leave the last three.
        let remote = host(&format!("10.0.1.{}:9", i + 1), 1_000 + i);
        for base in BASES {
            add(&mut list, base, &remote, Wanted::Told);
        }
    }
    assert_eq!((list.iter().count(), remotes(&list)), (10, 10));
    let remote = host("10.0.2.1:9", 1);
    assert_eq!(add(&mut list, BASES[0], &remote, Wanted::Told), Added::Full);
}

#[test]
fn a_check_finds_room_whatever_the_others_do_but_works_answer_or_were_heard() {
    let learnt = candidate(CandidateType::PeerReflexive, "10.0.9.9:9", 1);
    let states = [
        PairState::Frozen,
        PairState::Waiting,
        PairState::InProgress,
        PairState::Failed,
    ];
    for state in states {
        for wanted in [Wanted::Told, Wanted::Checked] {
            let mut list = full(8);
            list.iter_mut().for_each(|p| p.state = state);
            let added = add(&mut list, BASES[0], &learnt, wanted);
            let waits = wanted == Wanted::Told && state == PairState::InProgress;
            assert_eq!(added == Added::Full, waits, "{state:?} {wanted:?}");
        }
    }
    for spare in [None, Some(3)] {
        let mut list = full(8);
        for (i, pair) in list.iter_mut().enumerate() {
            match i % 2 {
                _ if Some(i) == spare => {}
                0 => pair.state = PairState::Succeeded,
                _ => pair.counters.requests_received = 1,
            }
        }
        let added = add(&mut list, BASES[0], &learnt, Wanted::Checked);
        match (spare, added) {
            (None, Added::Full) => {}
            (Some(spare), Added::Instead { of, .. }) => assert_eq!(of, PairId(spare as u32)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_was_asked_in_vain_gives_way_to_a_late_candidate() {
    let mut list = full(8);
    for pair in list.iter_mut() {
        pair.state = PairState::InProgress;
    }
    let late = host("10.0.9.9:9", 1);
    assert_eq!(add(&mut list, BASES[0], &late, Wanted::Told), Added::Full);
    list.iter_mut()
        .nth(5)
        .unwrap()
        .counters
        .retransmissions_sent = IN_VAIN;
    let (id, of) = (PairId(8), PairId(5));
    assert_eq!(
        add(&mut list, BASES[0], &late, Wanted::Told),
        Added::Instead { id, of }
    );
}

#[test]
fn among_candidates_it_is_the_same() {
    let hosts: Vec<_> = (0..4)
        .map(|i| host(&format!("10.0.1.{i}:9"), 50 - i))
        .collect();
    let mut list = Checklist::new(100);
    for remote in &hosts {
        add(&mut list, BASES[0], remote, Wanted::Told);
    }
    let gone = |list: &Checklist, new: Option<&Arc<Candidate>>, protected| {
        least_promising_candidate(&hosts, list.pairs(), new, protected)
            .map(|c| hosts.iter().position(|h| Arc::ptr_eq(h, c)).unwrap())
    };
    let (relayed, late) = (
        candidate(CandidateType::Relayed, "10.0.9.9:9", 1),
        host("10.0.9.8:9", 1),
    );
    assert_eq!(
        gone(&list, Some(&relayed), None),
        Some(3),
        "kinds stay diverse"
    );
    assert_eq!(
        gone(&list, Some(&late), None),
        None,
        "the worst of the crowd"
    );
    assert_eq!(gone(&list, None, None), Some(3), "a check is there");
    assert_eq!(gone(&list, None, Some(PairId(3))), Some(2), "in use");
    let pair = list.get_mut(PairId(1)).unwrap();
    pair.state = PairState::InProgress;
    pair.counters.retransmissions_sent = IN_VAIN;
    assert_eq!(gone(&list, Some(&late), None), Some(1), "asked in vain");
    for pair in list.iter_mut() {
        pair.counters.requests_received = 1;
    }
    assert_eq!(gone(&list, None, None), None);
}
