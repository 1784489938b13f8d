use super::super::{CandidateRejected, Config, PairState, StartError};
use super::test_link::{A, B, Link, addr, host, ms};
use super::*;

#[test]
fn two_hosts_connect_in_one_round_trip() {
    let mut link = Link::ready();
    link.go();
    link.end();
    link.run(ms(2000));
    use State::*;
    assert_eq!(
        link.history(A),
        [(0, Checking), (100, Connected), (200, Completed)]
    );
    assert_eq!(
        link.history(B),
        [(0, Checking), (100, Connected), (150, Completed)]
    );
    for side in [A, B] {
        let pair = link.agents[side].selected_pair().unwrap();
        assert!(pair.nominated);
        assert_eq!(pair.rtt, Some(ms(100)));
        assert_eq!(link.agents[side].send_path(), Some(pair.path));
    }
    let count = |f: fn(&Event) -> bool| link.log[A].iter().filter(|e| f(&e.1)).count();
    assert_eq!(count(|e| matches!(e, Event::Authenticated(_))), 1);
    assert_eq!(count(|e| matches!(e, Event::SelectedPairChanged(_))), 1);
    assert_eq!(count(|e| matches!(e, Event::Nominated)), 1, "later");
}

#[test]
fn a_gathered_agent_answers_before_it_has_remote_parameters() {
    let mut link = Link::ready();
    link.start_side(A);
    link.run(ms(300));
    use State::*;
    // A works on its own: B needs nothing but its own password to answer.
    assert_eq!(link.states(), [Connected, New]);
    assert!(
        link.log[B]
            .iter()
            .any(|(_, e)| matches!(e, Event::Authenticated(_)))
    );
    assert_eq!(link.agents[B].counters().early_requests, 2);
    link.start_side(B);
    link.run(ms(101));
    assert_eq!(link.states(), [Connected, Connected]);
    assert!(
        link.agents[B].selected_pair().unwrap().nominated,
        "B adopted the early nomination"
    );
}

#[test]
fn an_unknown_source_becomes_a_peer_reflexive_candidate_and_then_its_host_twin() {
    let mut link = Link::with(Config::default());
    link.agents[A].add_local_candidate(link.now, host("10.0.0.1:1"), addr("10.0.0.1:1"));
    link.add(B, "10.0.0.2:2");
    link.go();
    link.run(ms(1000));
    assert_eq!(link.states(), [State::Connected; 2]);
    let learnt = link.agents[B].remote_candidates().next().unwrap().clone();
    assert_eq!(learnt.kind.as_str(), "prflx");
    assert!(link.log[B].contains(&(50, Event::RemoteCandidate(learnt))));
    let events = link.log[B].len();
    let twin = host("10.0.0.1:1");
    assert_eq!(
        link.agents[B].add_remote_candidate(link.now, twin.clone()),
        Ok(())
    );
    assert_eq!(
        link.agents[B].add_remote_candidate(link.now, twin),
        Err(CandidateRejected::Duplicate)
    );
    link.run(ms(1000));
    assert_eq!(
        link.agents[B].selected_pair().unwrap().remote.kind.as_str(),
        "host"
    );
    assert_eq!(link.agents[B].remote_candidates().count(), 1);
    let since: Vec<_> = link.log[B][events..].iter().map(|e| &e.1).collect();
    assert_eq!(since, [&Event::SelectedPairUpdated], "it says so");
}

#[test]
fn a_local_address_that_a_check_showed_is_called_what_it_is_once_it_is_gathered() {
    let mut link = Link::connected();
    let now = link.now;
    let base = addr("10.0.0.1:1000");
    let mapped = addr("10.0.7.7:7000");
    let server = addr("10.0.0.9:3478").ip();
    let gathered = Candidate::server_reflexive(mapped, base, Protocol::Udp, server);
    // A NAT that shows itself only to the peer.
    let id = link.agents[A].active.unwrap();
    let learnt = Candidate {
        kind: crate::ice::CandidateType::PeerReflexive,
        ..gathered.clone()
    };
    link.agents[A].checklist.get_mut(id).unwrap().mapped = Some(Arc::new(learnt));
    let kind = |link: &Link| link.agents[A].selected_pair().unwrap().local.kind.as_str();
    assert_eq!(kind(&link), "prflx");
    link.agents[A].add_local_candidate(now, gathered, base);
    assert_eq!(kind(&link), "srflx");
    let events: Vec<_> = std::iter::from_fn(|| link.agents[A].poll_event()).collect();
    assert_eq!(events, [Event::SelectedPairUpdated]);
}

#[test]
fn role_conflicts_end_with_one_of_each() {
    for role in [Role::Controlling, Role::Controlled] {
        for tie in [(1, 2), (2, 1), (7, 7)] {
            let mut link = Link::ready();
            (link.agents[A].tie_breaker, link.agents[B].tie_breaker) = tie;
            link.agents
                .iter_mut()
                .for_each(|agent| agent.set_role(role));
            link.go();
            link.end();
            link.run(ms(3000));
            assert_eq!(link.states(), [State::Completed; 2], "{role} {tie:?}");
            assert_ne!(link.agents[A].role(), link.agents[B].role());
            if tie == (2, 1) {
                // RFC 8445 §7.3.1.1: the larger tie-breaker controls.
                assert_eq!(link.agents[A].role(), Role::Controlling);
            }
        }
    }
}

#[test]
fn nothing_answers_fails_after_the_patience_whatever_the_peer_has_told() {
    let mut link = Link::ready();
    link.drop = |_, _, _| true;
    link.start_side(A);
    link.run(ms(60_000));
    use State::*;
    assert_eq!(link.history(A), [(0, Checking), (39_500, Failed)]);
    let failed = Event::Failed(FailureReason::ChecksFailed);
    let position = link.log[A].iter().position(|(_, e)| *e == failed).unwrap();
    assert_eq!(link.log[A][position + 1].1, Event::StateChanged(Failed));
    assert_eq!(link.agents[A].poll_timeout(), None);

    let mut link = Link::with(Config::default());
    link.agents[A].add_local_candidate(link.now, host("10.0.0.1:1"), addr("10.0.0.1:1"));
    link.start_side(A);
    link.run(ms(100));
    assert_eq!(link.agents[A].state(), New);
    link.agents[A].end_of_remote_candidates(link.now);
    // RFC 8863 §4
    link.run(ms(60_000));
    assert_eq!(link.history(A), [(39_500, Checking), (39_500, Failed)]);
    assert_eq!(
        link.agents[A].failure(),
        Some(FailureReason::NoCandidatePairs)
    );
}

#[test]
fn consent_is_lost_found_and_lost_for_good() {
    let mut link = Link::connected();
    // Nothing gets through from 10 s to 25 s, and again from 60 s on.
    link.drop = |_, _, at| (ms(10_000)..ms(25_000)).contains(&at) || at >= ms(60_000);
    link.run(ms(120_000));
    for side in [A, B] {
        let history = link.history(side);
        use State::*;
        let states: Vec<_> = history.iter().map(|h| h.1).collect();
        assert_eq!(
            states,
            [
                Checking,
                Connected,
                Disconnected,
                Connected,
                Disconnected,
                Failed
            ],
            "{history:?}"
        );
        assert!((15_000..21_100).contains(&history[2].0), "{history:?}");
        assert!((25_000..27_200).contains(&history[3].0), "{history:?}");
        assert!((84_000..90_100).contains(&history[5].0), "{history:?}");
        assert_eq!(
            link.agents[side].failure(),
            Some(FailureReason::ConsentExpired)
        );
        assert_eq!(link.agents[side].send_path(), None);
    }
}

#[test]
fn a_restart_keeps_the_old_pair_until_the_new_one_is_nominated() {
    for first in [A, B] {
        let mut link = Link::connected();
        let old = link.agents.each_ref().map(|a| a.local_parameters().clone());
        let path = link.agents[A].send_path();
        let new = link.agents[first].restart(link.now);
        assert_ne!(new, old[first]);
        assert!(link.agents[first].send_path().is_some());
        // The other side answers the offer with new parameters of its own.
        link.run(ms(200));
        let other = 1 - first;
        let answer = link.agents[other].restart(link.now);
        link.agents[other].start(link.now, new).unwrap();
        for side in [A, B] {
            let candidate = link.agents[1 - side]
                .local_candidates()
                .next()
                .unwrap()
                .clone();
            let _ = link.agents[side].add_remote_candidate(link.now, candidate);
        }
        link.run(ms(200));
        assert_eq!(link.agents[A].send_path(), path);
        link.agents[first].start(link.now, answer).unwrap();
        link.run(ms(3000));
        assert_eq!(link.states(), [State::Connected; 2]);
        for side in [A, B] {
            assert!(link.agents[side].selected_pair().unwrap().nominated);
            assert_eq!(link.agents[side].stats().pairs.len(), 1);
            let states: Vec<_> = link.history(side).iter().map(|h| h.1).collect();
            assert_eq!(states, [State::Checking, State::Connected]);
        }
    }
}

#[test]
fn it_has_chosen_while_the_nominated_pair_answers() {
    let mut link = Link::ready();
    link.go();
    link.run(ms(100));
    let chosen = |link: &Link| link.agents.each_ref().map(Agent::has_chosen);
    assert_eq!(link.states(), [State::Connected; 2]);
    assert_eq!(chosen(&link), [false; 2], "it works, and is not nominated");
    link.run(ms(900));
    assert_eq!(chosen(&link), [true; 2]);
    link.drop = |_, _, at| (ms(1_000)..ms(20_000)).contains(&at);
    link.run(ms(15_000));
    assert_eq!(link.states(), [State::Disconnected; 2]);
    assert_eq!(chosen(&link), [false; 2]);
    link.run(ms(10_000));
    assert_eq!(chosen(&link), [true; 2]);
    link.agents[A].restart(link.now);
    assert_eq!(chosen(&link), [false, true]);
}

#[test]
fn a_failed_agent_is_restarted() {
    let mut link = Link::connected();
    link.drop = |_, _, at| at < ms(60_000);
    link.run(ms(58_000));
    assert_eq!(link.states(), [State::Failed; 2]);
    let new = [A, B].map(|side| link.agents[side].restart(link.now));
    for (side, remote) in [(A, new[B].clone()), (B, new[A].clone())] {
        let candidate = link.agents[1 - side]
            .local_candidates()
            .next()
            .unwrap()
            .clone();
        link.agents[side].start(link.now, remote).unwrap();
        link.agents[side]
            .add_remote_candidate(link.now, candidate)
            .unwrap();
    }
    assert_eq!(link.states(), [State::Checking; 2]);
    link.run(ms(5000));
    assert_eq!(link.states(), [State::Connected; 2]);
}

#[test]
fn a_lite_agent_follows_and_verifies() {
    let mut link = Link::with(Config::default());
    let lite = Config {
        lite: true,
        ..Config::default()
    };
    link.agents[B] = Agent::new(lite, Role::Controlling, Random::from_number(3));
    assert_eq!(link.agents[B].role(), Role::Controlled);
    link.agents[A].set_role(Role::Controlled);
    link.add(A, "10.0.0.1:1");
    link.add(B, "10.0.0.2:2");
    link.go();
    link.run(ms(2000));
    assert_eq!(link.states(), [State::Connected; 2]);
    assert_eq!(link.agents[A].role(), Role::Controlling);
    let first = link.sent[B].iter().find(|s| s.2[..2] == [0, 1]).unwrap();
    assert_eq!(
        first.0, 150,
        "the lite side asks back only what was nominated"
    );
    let remote = Parameters {
        ice_lite: true,
        ..link.agents[A].local_parameters().clone()
    };
    let mut lite = Agent::new(
        Config {
            lite: true,
            ..Config::default()
        },
        Role::Controlled,
        Random::from_number(4),
    );
    assert_eq!(lite.start(link.now, remote), Err(StartError::BothLite));
}

#[test]
fn start_refuses_what_cannot_work() {
    let mut link = Link::ready();
    let now = link.now;
    let good = link.agents[B].local_parameters().clone();
    let own = link.agents[A].local_parameters().clone();
    let a = &mut link.agents[A];
    let empty = Parameters {
        username_fragment: String::new(),
        ..good.clone()
    };
    assert!(matches!(
        a.start(now, empty),
        Err(StartError::InvalidParameters(_))
    ));
    assert_eq!(a.start(now, own), Err(StartError::OwnParameters));
    assert_eq!(a.start(now, good.clone()), Ok(()));
    assert_eq!(a.start(now, good.clone()), Ok(()));
    assert_eq!(a.counters().restarts, 0);
    a.close(now);
    a.close(now);
    assert_eq!(a.start(now, good), Err(StartError::Closed));
    assert_eq!(a.poll_transmit(now), None);
    assert_eq!(a.poll_timeout(), None);
}

#[test]
fn a_lost_interface_moves_data_to_the_other_one() {
    let mut link = Link::with(Config::default());
    link.add(A, "10.0.0.1:1");
    link.add(A, "10.9.0.1:1");
    link.add(B, "10.0.0.2:2");
    link.go();
    link.run(ms(2000));
    let base = link.agents[A].send_path().unwrap().local;
    link.agents[A].remove_local_base(link.now, base);
    link.run(ms(3000));
    let path = link.agents[A].send_path().unwrap();
    assert_ne!(path.local, base);
    assert!(link.log[A].contains(&(2000, Event::Released(Path::udp(base, path.remote)))));
    assert_eq!(
        link.agents[B].send_path().unwrap().remote,
        path.local,
        "B followed"
    );
    assert_eq!(link.states(), [State::Connected; 2]);
}

#[test]
fn an_unreachable_network_does_not_stall_the_list() {
    let mut link = Link::with(Config::default());
    link.add(A, "10.0.0.1:1");
    link.add(B, "10.0.0.2:2");
    link.agents[A]
        .add_remote_candidate(link.now, host("10.0.0.3:3"))
        .unwrap();
    link.start_side(A);
    let first = link.agents[A].poll_transmit(link.now).unwrap();
    link.agents[A].handle_send_error(link.now, first.path);
    let second = link.agents[A].poll_transmit(link.now).unwrap();
    assert_ne!(first.path, second.path, "the next pair is checked at once");
    let stats = link.agents[A].stats();
    let failed = stats.pairs.iter().find(|p| p.path == first.path).unwrap();
    assert_eq!(failed.state, PairState::Failed);
}

#[test]
fn data_is_believed_only_from_authenticated_paths() {
    let mut link = Link::connected();
    let (now, path) = (link.now, link.agents[A].send_path().unwrap());
    assert!(link.agents[A].handle_data(now, &path, 1));
    let other = Path::udp(path.local, addr("10.6.6.6:6"));
    assert!(!link.agents[A].handle_data(now, &other, 3));
    assert_eq!(
        link.agents[A]
            .counters()
            .dropped(Dropped::UnauthenticatedData),
        3
    );
}

#[test]
fn data_that_stops_coming_is_asked_after() {
    let mut link = Link::connected();
    let (start, path) = (link.now, link.agents[A].send_path().unwrap());
    let patience = Config::default().silence_probe;
    let agent = &mut link.agents[A];
    let due = |agent: &mut Agent| agent.poll_timeout().unwrap() - start;
    assert!(due(agent) > 3 * patience, "the next consent check");
    assert!(agent.handle_data(start, &path, 1));
    assert_eq!(due(agent), patience);
    // It goes on coming, and is looked after all the same.
    let last = patience * 3 / 4;
    agent.handle_data(start + last, &path, 1);
    assert_eq!(due(agent), patience);
    agent.handle_timeout(start + patience);
    assert_eq!(agent.poll_transmit(start + patience), None);
    assert_eq!(due(agent), last + patience);
    agent.handle_timeout(start + last + patience);
    let check = agent.poll_transmit(start + last + patience).unwrap();
    assert_eq!(check.path, path);
}
