//! Scenarios 10 and 11: datagrams that are wrong, and far too many that are right.

use actix_rtc_proto::Machine;
use actix_rtc_proto::ice::{Candidate, CandidateRejected, Dropped, Event, State};
use actix_rtc_proto::net::Protocol;
use actix_rtc_proto::stun::binding::{self, RoleClaim};
use actix_rtc_proto::stun::{self, BINDING, Builder, Class, Header, Key, TransactionId, attribute};
use bytes::Bytes;

use crate::forge::{Forger, hand};
use crate::harness::sim::{A, B, Sim};
use crate::harness::{addr, ms, secs};

fn header(class: Class) -> Header {
    Header {
        class,
        method: BINDING,
        transaction_id: TransactionId([0x5A; 12]),
    }
}

/// A request with everything right, to be spoilt.
fn request(forger: &Forger) -> Builder {
    Builder::new(header(Class::Request))
        .attribute(attribute::USERNAME, forger.username().as_bytes())
        .attribute(attribute::PRIORITY, &[0, 0, 0, 7])
        .attribute(attribute::ICE_CONTROLLING, &[0; 8])
}

/// Hands it over and says what was counted; asserts that nothing else happened.
#[track_caller]
fn expect_dropped(sim: &mut Sim, datagram: &[u8], reason: Dropped, answered: bool) {
    let before = *sim.peers[B].agent.counters();
    let (states, pair) = (sim.states(), sim.agent(B).selected_pair());
    let now = sim.now;
    hand(sim, B, addr("198.51.100.66:6"), datagram);
    let agent = sim.agent(B);
    assert_eq!(
        agent.counters().dropped(reason),
        before.dropped(reason) + 1,
        "{reason:?}"
    );
    assert_eq!(
        agent.poll_transmit(now).is_some(),
        answered,
        "{reason:?}: answered"
    );
    assert_eq!(agent.poll_event(), None, "{reason:?}");
    assert_eq!(agent.selected_pair(), pair);
    assert_eq!(sim.states(), states);
}

#[test]
fn scenario_10_what_is_not_authentic_is_dropped_and_counted_and_changes_nothing() {
    let mut sim = Sim::connected(1);
    let remote = sim.agent(A).local_parameters().username_fragment.clone();
    let forger = Forger::of(&sim, B, &remote);
    let key = forger.key();
    let wrong = Key::short_term("not the password at all!");

    let bad = request(&forger).integrity(&wrong).fingerprint().build();
    expect_dropped(&mut sim, &bad, Dropped::WrongIntegrity, false);
    let bad = request(&forger).fingerprint().build();
    expect_dropped(&mut sim, &bad, Dropped::MissingIntegrity, false);
    let bad = request(&forger).integrity(&key).build();
    expect_dropped(&mut sim, &bad, Dropped::MissingFingerprint, false);
    let mut bad = request(&forger)
        .integrity(&key)
        .fingerprint()
        .build()
        .to_vec();
    *bad.last_mut().unwrap() ^= 1;
    expect_dropped(&mut sim, &bad, Dropped::WrongFingerprint, false);
    let bad = Builder::new(header(Class::Request))
        .attribute(attribute::USERNAME, b"nobody:else")
        .integrity(&key)
        .fingerprint()
        .build();
    expect_dropped(&mut sim, &bad, Dropped::UnknownUfrag, false);
    let bad = Builder::new(header(Class::Request))
        .integrity(&key)
        .fingerprint()
        .build();
    expect_dropped(&mut sim, &bad, Dropped::MissingUsername, false);
    let allocate = Header {
        method: 0x003,
        ..header(Class::Request)
    };
    let bad = Builder::new(allocate).integrity(&key).fingerprint().build();
    expect_dropped(&mut sim, &bad, Dropped::WrongMethod, false);
    expect_dropped(&mut sim, b"hello", Dropped::NotStun, false);
    let bad = Builder::new(header(Class::Indication))
        .fingerprint()
        .build();
    expect_dropped(&mut sim, &bad, Dropped::Indication, false);
}

#[test]
fn scenario_10_an_attribute_that_must_be_understood_gets_420() {
    let mut sim = Sim::connected(1);
    let remote = sim.agent(A).local_parameters().username_fragment.clone();
    let forger = Forger::of(&sim, B, &remote);
    let strange = request(&forger)
        .attribute(0x7F01, b"what")
        .integrity(&forger.key())
        .fingerprint()
        .build();
    expect_dropped(&mut sim, &strange, Dropped::UnknownAttribute, true);
    hand(&mut sim, B, addr("198.51.100.66:6"), &strange);
    let now = sim.now;
    let answer = sim.agent(B).poll_transmit(now).unwrap();
    let verified = stun::verify(&answer.datagram, &forger.key(), true).unwrap();
    assert_eq!(
        binding::decode(&verified).unwrap(),
        binding::Message::Error { code: 420 }
    );
}

#[test]
fn scenario_10_a_role_conflict_in_bad_faith_costs_the_forger_only_an_answer() {
    let mut sim = Sim::connected(1);
    let remote = sim.agent(A).local_parameters().username_fragment.clone();
    let forger = Forger::of(&sim, B, &remote);
    // B is controlled: a claim of the same role with the largest tie-breaker makes B stay and
    // the forger switch.
    let claim = forger.check(1, RoleClaim::Controlled(0), false);
    let before = sim.agent(B).role();
    hand(&mut sim, B, addr("198.51.100.66:6"), &claim);
    sim.run(secs(3));
    let states = sim.states();
    assert!(
        states
            .iter()
            .all(|s| matches!(s, State::Connected | State::Completed))
    );
    assert_eq!(
        sim.agent(A).role(),
        sim.agent(B).role().opposite(),
        "was {before}"
    );
    assert!(sim.data_flows());
}

#[test]
fn scenario_10_an_address_that_never_answered_gets_no_data_however_it_is_nominated() {
    let mut sim = Sim::connected(6);
    let remote = sim.agent(A).local_parameters().username_fragment.clone();
    let forger = Forger::of(&sim, B, &remote);
    let (path, victim) = (sim.agent(B).send_path(), addr("198.51.100.66:6"));
    // Someone who has the password points at a third party, again and again.
    for transaction in 0..50 {
        let check = forger.check(transaction, RoleClaim::Controlling(u64::MAX), true);
        hand(&mut sim, B, victim, &check);
        sim.talk(ms(100));
        assert_eq!(sim.agent(B).send_path(), path);
    }
    let to_victim = sim.peers[B].sent.iter().filter(|s| s.1.remote == victim);
    let kinds: Vec<_> = to_victim.map(|s| stun::peek(&s.2)).collect();
    assert!(kinds.iter().all(Option::is_some), "nothing but STUN");
    let checks = kinds.iter().flatten().filter(|h| h.class == Class::Request);
    let checks = checks.count();
    // Each of its datagrams draws an answer, and hurries our own check now and then.
    assert!(checks <= 60, "{checks} checks for 50");
}

/// The next response that is on its way to A: taken from B's answers.
fn response_to_a(sim: &mut Sim) -> Bytes {
    let answers = |sim: &Sim| {
        let sent = sim.peers[B].sent.iter().rev();
        let mut answers =
            sent.filter(|s| stun::peek(&s.2).is_some_and(|h| h.class == Class::SuccessResponse));
        answers.next().map(|s| s.2.clone())
    };
    let last = answers(sim);
    assert!(sim.run_while_not(secs(10), |sim| answers(sim) != last));
    answers(sim).unwrap()
}

#[test]
fn scenario_10_responses_count_once_from_the_right_address_and_under_the_right_key() {
    let mut sim = Sim::connected(1);
    let b = sim.peers[A].agent.send_path().unwrap().remote;
    let response = response_to_a(&mut sim);
    let dropped = |sim: &Sim, reason| sim.peers[A].agent.counters().dropped(reason);
    let answered = |sim: &Sim| sim.peers[A].agent.counters().checks_answered;
    let before = answered(&sim);
    let late = dropped(&sim, Dropped::UnknownTransaction);

    hand(&mut sim, A, addr("198.51.100.66:6"), &response);
    assert_eq!(dropped(&sim, Dropped::WrongSource), 1);
    let id = stun::peek(&response).unwrap().transaction_id;
    let forged = binding::success(id, addr("1.2.3.4:5"), &Key::short_term("guess"));
    hand(&mut sim, A, b, &forged);
    assert_eq!(dropped(&sim, Dropped::WrongIntegrity), 1);
    assert_eq!(answered(&sim), before);

    hand(&mut sim, A, b, &response);
    assert_eq!(answered(&sim), before + 1, "the true one still counts");
    hand(&mut sim, A, b, &response);
    assert_eq!(
        dropped(&sim, Dropped::UnknownTransaction),
        late + 1,
        "a replay"
    );
    let nobody = binding::success(TransactionId([9; 12]), b, &Key::short_term("guess"));
    hand(&mut sim, A, b, &nobody);
    assert_eq!(
        dropped(&sim, Dropped::UnknownTransaction),
        late + 2,
        "to nobody"
    );
    sim.run(secs(10));
    sim.expect_states([State::Completed; 2]);
}

#[test]
fn scenario_10_an_error_that_is_not_authentic_fails_nothing() {
    let mut sim = Sim::hosts(2);
    sim.go();
    sim.run(ms(10));
    let (_, path, check) = sim.peers[A].sent[0].clone();
    let id = stun::peek(&check).unwrap().transaction_id;
    for code in [400, 401, 487, 500] {
        let forged = binding::error(id, code, "No", &Key::short_term("guess"));
        hand(&mut sim, A, path.remote, &forged);
    }
    sim.run(secs(1));
    sim.expect_states([State::Completed; 2]);
    assert_eq!(sim.peers[A].entered(State::Connected), Some(ms(100)));
}

#[test]
fn scenario_11_four_thousand_authenticated_sources_stay_bounded() {
    let mut sim = Sim::connected(3);
    let remote = sim.agent(A).local_parameters().username_fragment.clone();
    let forger = Forger::of(&sim, B, &remote);
    let selected = sim.agent(B).selected_pair().unwrap().path;
    let mut routed = 0i64;
    let mut most = 0;
    for i in 0..4000u32 {
        let source = addr(&format!(
            "198.51.{}.{}:{}",
            101 + i % 3,
            i % 250 + 1,
            1000 + i
        ));
        forger.check_from(&mut sim, B, source);
        let now = sim.now;
        while let Some(event) = sim.agent(B).poll_event() {
            match event {
                Event::Authenticated(_) => routed += 1,
                Event::Released(path) => {
                    routed -= 1;
                    assert_ne!(path, selected, "the pair in use keeps its route");
                }
                _ => {}
            }
        }
        // One path was announced before the flood.
        most = most.max(routed + 1);
        let mut sent = 0;
        while sim.agent(B).poll_transmit(now).is_some() {
            sent += 1;
        }
        assert!(sent <= 3, "an answer, a triggered check, a probe: {sent}");
    }
    assert!(most <= 8, "{most} routes");
    let stats = sim.agent(B).stats();
    assert!(stats.pairs.len() <= 100, "{}", stats.pairs.len());
    assert!(sim.agent(B).remote_candidates().count() <= 100);
    assert!(stats.counters.dropped(Dropped::TooMany) >= 3800);
    assert_eq!(
        stats.counters.requests_received,
        stats.counters.requests_received.max(4000)
    );
    sim.run(secs(60));
    let states = sim.states();
    assert!(
        states
            .iter()
            .all(|s| matches!(s, State::Connected | State::Completed)),
        "{states:?}"
    );
    assert!(sim.data_flows());
}

#[test]
fn scenario_11_ten_thousand_remote_candidates_stay_bounded() {
    let mut sim = Sim::hosts(4);
    sim.gather(A);
    sim.offer(B);
    sim.run(ms(1));
    let mut refused = 0;
    for i in 0..10_000u32 {
        let address = addr(&format!(
            "198.51.{}.{}:{}",
            101 + i % 3,
            i % 250 + 1,
            1000 + i
        ));
        let now = sim.now;
        match sim
            .agent(A)
            .add_remote_candidate(now, Candidate::host(address, Protocol::Udp))
        {
            Ok(()) => {}
            Err(CandidateRejected::TooMany) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(refused, 9_900);
    assert_eq!(sim.agent(A).remote_candidates().count(), 100);
    assert_eq!(sim.agent(A).stats().pairs.len(), 100);
    let before = sim.peers[A].sent.len();
    sim.run(secs(10));
    let sent = sim.peers[A].sent.len() - before;
    assert!(sent < 900, "{sent} checks in 10 s");
    sim.run(secs(120));
    assert_eq!(sim.agent(A).state(), State::Failed);
}

#[test]
fn scenario_11_a_flood_of_replayed_requests_makes_no_more_than_answers() {
    let mut sim = Sim::connected(5);
    let remote = sim.agent(A).local_parameters().username_fragment.clone();
    let forger = Forger::of(&sim, B, &remote);
    let source = addr("198.51.100.66:6");
    for _ in 0..1000 {
        forger.check_from(&mut sim, B, source);
    }
    let now = sim.now;
    let mut answers = 0;
    let mut checks = 0;
    while let Some(transmit) = sim.agent(B).poll_transmit(now) {
        match stun::peek(&transmit.datagram).unwrap().class {
            Class::SuccessResponse => answers += 1,
            _ => checks += 1,
        }
    }
    assert!(
        answers <= 1000 && checks <= 4,
        "{answers} answers, {checks} checks"
    );
}
