use super::*;
use crate::demux::classify;
use crate::ice::Config;
use crate::random::Random;
use crate::stun::binding::{self, Check, RoleClaim};
use crate::stun::{Builder, Header, Key};

/// Classified, as whoever read it has done, and routed.
fn route(
    routes: &mut Routes<u32>,
    from: SocketAddr,
    datagram: &[u8],
) -> Result<(u32, Asker), Miss> {
    let kind = classify(datagram).ok_or(Miss::Garbage)?;
    routes.route(kind, from, datagram)
}

const A: u32 = 1;
const B: u32 = 2;
const C: u32 = 3;

fn start() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "virtual time has to begin somewhere"
    )]
    Instant::now()
}

fn consent() -> Duration {
    Config::default().consent_timeout
}

fn routes(sessions: &[u32]) -> Routes<u32> {
    let mut routes = Routes::new(consent(), Tables::default());
    for session in sessions {
        routes.join(*session);
    }
    routes
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Over the first address of ours.
fn path(remote: &str) -> Path {
    Path::udp(addr("192.0.2.1:3478"), addr(remote))
}

fn id(n: u64) -> TransactionId {
    TransactionId::random(&mut Random::from_number(n))
}

fn request(ufrag: &str) -> bytes::Bytes {
    let check = Check {
        transaction_id: id(0),
        username: &format!("{ufrag}:peer"),
        priority: 1,
        role: RoleClaim::Controlling(1),
        use_candidate: false,
    };
    check.encode(&Key::short_term("it is not looked at here"))
}

fn response(n: u64) -> bytes::Bytes {
    binding::success(id(n), addr("192.0.2.1:3478"), &Key::short_term("nor here"))
}

const DTLS: &[u8] = &[22, 254, 253, 0];
const RTP: &[u8] = &[128, 96, 0, 1];
const PEER: &str = "198.51.100.7:40000";

#[test]
fn a_request_goes_by_its_username_fragment_never_by_its_address() {
    let mut routes = routes(&[A, B]);
    assert!(routes.add_ufrag(A, "aaaa"));
    assert!(routes.add_ufrag(B, "bbbb"));
    routes.answered(start(), A, path(PEER));
    let from = addr(PEER);
    assert_eq!(
        route(&mut routes, from, &request("aaaa")),
        Ok((A, Asker::Agent))
    );
    assert_eq!(
        route(&mut routes, from, &request("bbbb")),
        Ok((B, Asker::Agent))
    );
    assert_eq!(
        route(&mut routes, from, &request("cccc")),
        Err(Miss::UnknownUfrag)
    );
    assert_eq!(routes.by_ufrag(b"bbbb"), Some(B));
    let nameless = binding::discovery(id(1));
    assert_eq!(route(&mut routes, from, &nameless), Err(Miss::UnknownUfrag));
}

#[test]
fn a_username_fragment_is_of_whoever_had_it_first() {
    let mut routes = routes(&[A, B]);
    assert!(routes.add_ufrag(A, "same"));
    assert!(routes.add_ufrag(A, "same"));
    assert!(!routes.add_ufrag(B, "same"));
    routes.leave(B);
    assert_eq!(routes.by_ufrag(b"same"), Some(A));
    assert!(!routes.add_ufrag(B, "left"), "B has left");
}

#[test]
fn earlier_generations_keep_their_fragments_for_a_while() {
    let mut routes = routes(&[A]);
    for n in 0..=UFRAGS {
        assert!(routes.add_ufrag(A, &format!("gen{n}")));
    }
    assert_eq!(routes.by_ufrag(b"gen0"), None);
    for n in 1..=UFRAGS {
        assert_eq!(routes.by_ufrag(format!("gen{n}").as_bytes()), Some(A));
    }
}

#[test]
fn a_response_goes_to_who_asked_and_only_from_where_was_asked() {
    let mut routes = routes(&[A, B]);
    let (now, server) = (start(), addr("203.0.113.1:3478"));
    routes.expect(now, A, Asker::Agent, id(1), addr(PEER));
    routes.expect(now, B, Asker::Gatherer, id(2), server);
    // Known addresses do not help.
    routes.answered(now, A, path("203.0.113.66:1"));
    for elsewhere in ["203.0.113.66:1", "198.51.100.7:40001", "198.51.100.8:40000"] {
        assert_eq!(
            route(&mut routes, addr(elsewhere), &response(1)),
            Err(Miss::WrongSource)
        );
    }
    assert_eq!(
        route(&mut routes, addr(PEER), &response(1)),
        Ok((A, Asker::Agent))
    );
    assert_eq!(
        route(&mut routes, server, &response(2)),
        Ok((B, Asker::Gatherer))
    );
    // Once.
    assert_eq!(
        route(&mut routes, addr(PEER), &response(1)),
        Err(Miss::UnknownTransaction)
    );
    assert_eq!(
        route(&mut routes, addr(PEER), &response(3)),
        Err(Miss::UnknownTransaction)
    );
}

#[test]
fn nobody_takes_a_transaction_of_another_session() {
    let mut routes = routes(&[A, B]);
    let now = start();
    routes.expect(now, A, Asker::Agent, id(1), addr(PEER));
    routes.expect(now, B, Asker::Agent, id(1), addr("203.0.113.66:1"));
    routes.leave(B);
    assert_eq!(
        route(&mut routes, addr(PEER), &response(1)),
        Ok((A, Asker::Agent))
    );
}

#[test]
fn transactions_are_bounded_in_number_and_age() {
    let mut routes = routes(&[A]);
    let now = start();
    for n in 0..=TRANSACTIONS as u64 {
        routes.expect(now, A, Asker::Agent, id(n), addr(PEER));
        routes.expect(now, A, Asker::Agent, id(n), addr(PEER));
    }
    assert_eq!(routes.sizes().transactions, TRANSACTIONS);
    assert_eq!(
        route(&mut routes, addr(PEER), &response(0)),
        Err(Miss::UnknownTransaction)
    );
    assert!(route(&mut routes, addr(PEER), &response(1)).is_ok());
    let later = now + TRANSACTION_LIFETIME;
    routes.expect(later, A, Asker::Agent, id(1000), addr(PEER));
    assert_eq!(routes.sizes().transactions, 1);
}

#[test]
fn dtls_rtp_and_indications_go_by_the_exact_address() {
    let mut routes = routes(&[A]);
    routes.add_ufrag(A, "aaaa");
    routes.authenticated(start(), A, path(PEER));
    let header = Header {
        class: Class::Indication,
        method: stun::BINDING,
        transaction_id: id(1),
    };
    let indication = Builder::new(header).fingerprint().build();
    for datagram in [DTLS, RTP, &*indication] {
        assert_eq!(
            route(&mut routes, addr(PEER), datagram),
            Ok((A, Asker::Agent))
        );
        for other in ["198.51.100.7:40001", "198.51.100.8:40000", "[::1]:40000"] {
            let route = route(&mut routes, addr(other), datagram);
            assert_eq!(route, Err(Miss::UnknownAddress), "{other}");
        }
    }
    for garbage in [&[][..], &[70, 0, 0, 0], &[200; 20], &[0; 20], &[0; 3]] {
        assert_eq!(route(&mut routes, addr(PEER), garbage), Err(Miss::Garbage));
    }
}

#[test]
fn an_address_in_use_is_not_taken_by_who_is_entitled_to_it_as_well() {
    let mut routes = routes(&[A, B]);
    let now = start();
    routes.authenticated(now, A, path(PEER));
    routes.answered(now, A, path(PEER));
    assert_eq!(routes.authenticated(now, B, path(PEER)), Claim::Taken);
    assert_eq!(routes.answered(now, B, path(PEER)), Claim::Taken);
    // As long as A's checks are answered, it stays A's.
    for seconds in (0..300).step_by(5) {
        let now = now + Duration::from_secs(seconds);
        assert_eq!(routes.answered(now, A, path(PEER)), Claim::Held);
        assert_eq!(routes.answered(now, B, path(PEER)), Claim::Taken);
        assert_eq!(route(&mut routes, addr(PEER), DTLS), Ok((A, Asker::Agent)));
    }
}

#[test]
fn an_address_moves_once_consent_has_lapsed_and_the_newcomer_was_answered() {
    let mut routes = routes(&[A, B]);
    let now = start();
    routes.answered(now, A, path(PEER));
    let lapsed = now + consent();
    let before = lapsed - Duration::from_nanos(1);
    assert_eq!(routes.answered(before, B, path(PEER)), Claim::Taken);
    // To be heard is not enough, not even then.
    assert_eq!(routes.authenticated(lapsed, B, path(PEER)), Claim::Taken);
    assert_eq!(route(&mut routes, addr(PEER), DTLS), Ok((A, Asker::Agent)));
    assert_eq!(routes.answered(lapsed, B, path(PEER)), Claim::Moved);
    assert_eq!(route(&mut routes, addr(PEER), DTLS), Ok((B, Asker::Agent)));
    // What A does with it now is nothing to B.
    assert_eq!(routes.authenticated(lapsed, A, path(PEER)), Claim::Taken);
    routes.release(A, path(PEER));
    assert_eq!(route(&mut routes, addr(PEER), DTLS), Ok((B, Asker::Agent)));
    routes.leave(A);
    routes.leave(B);
    assert_eq!(routes.sizes(), Sizes::default());
}

/// Who sends checks from a neighbour's address, before that one does, gets no answers from there.
#[test]
fn an_address_that_never_answered_keeps_nobody_out() {
    let mut routes = routes(&[A, B]);
    let now = start();
    assert_eq!(routes.authenticated(now, A, path(PEER)), Claim::Held);
    assert_eq!(routes.authenticated(now, B, path(PEER)), Claim::Taken);
    assert_eq!(routes.answered(now, B, path(PEER)), Claim::Moved);
    assert_eq!(routes.authenticated(now, A, path(PEER)), Claim::Taken);
    assert_eq!(route(&mut routes, addr(PEER), DTLS), Ok((B, Asker::Agent)));
}

#[test]
fn who_waits_gets_what_is_let_go() {
    let now = start();
    for (leaves, b_first) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut routes = routes(&[A, B, C]);
        routes.answered(now, A, path(PEER));
        // B was answered, C only heard: the order does not matter.
        if b_first {
            routes.answered(now, B, path(PEER));
        }
        routes.authenticated(now, C, path(PEER));
        if !b_first {
            routes.answered(now, B, path(PEER));
        }
        if leaves {
            routes.leave(A);
        } else {
            routes.release(A, path(PEER));
        }
        assert_eq!(route(&mut routes, addr(PEER), DTLS), Ok((B, Asker::Agent)));
        // The answer counts.
        assert_eq!(routes.answered(now, C, path(PEER)), Claim::Taken);
        routes.leave(B);
        assert_eq!(route(&mut routes, addr(PEER), DTLS), Ok((C, Asker::Agent)));
        routes.leave(C);
        routes.leave(A);
        assert_eq!(routes.sizes(), Sizes::default());
    }
}

#[test]
fn who_waited_and_has_left_gets_nothing() {
    let mut routes = routes(&[A, B]);
    let now = start();
    routes.answered(now, A, path(PEER));
    routes.answered(now, B, path(PEER));
    routes.leave(B);
    routes.leave(A);
    assert_eq!(routes.sizes(), Sizes::default());
}

#[test]
fn a_session_has_eight_addresses_and_keeps_those_that_answer() {
    let mut routes = routes(&[A, B]);
    let now = start();
    let peer = |n: usize| path(&format!("198.51.100.7:{}", 1000 + n));
    for n in 0..ADDRESSES {
        routes.authenticated(now, A, peer(n));
    }
    let second = Duration::from_secs(1);
    for n in 1..ADDRESSES {
        routes.answered(now + second * n as u32, A, peer(n));
    }
    // Another one waits for the first, which is given up for the ninth.
    routes.authenticated(now, B, peer(0));
    routes.authenticated(now, A, peer(100));
    assert_eq!(routes.sizes().addresses, ADDRESSES + 1);
    assert_eq!(
        route(&mut routes, peer(0).remote, DTLS),
        Ok((B, Asker::Agent))
    );
    routes.authenticated(now, A, peer(101));
    assert_eq!(
        route(&mut routes, peer(100).remote, DTLS),
        Err(Miss::UnknownAddress)
    );
    for n in 1..ADDRESSES {
        assert_eq!(
            route(&mut routes, peer(n).remote, DTLS),
            Ok((A, Asker::Agent))
        );
    }
    for n in 0..10_000 {
        routes.authenticated(now, A, peer(200 + n));
    }
    assert_eq!(routes.sizes().addresses, ADDRESSES + 1);
    assert_eq!(
        route(&mut routes, peer(7).remote, DTLS),
        Ok((A, Asker::Agent))
    );
}

#[test]
fn two_addresses_of_ours_share_one_of_the_peer() {
    let mut routes = routes(&[A]);
    let other = Path::udp(addr("192.0.2.2:3478"), addr(PEER));
    routes.authenticated(start(), A, path(PEER));
    routes.authenticated(start(), A, other);
    routes.release(A, path(PEER));
    assert_eq!(route(&mut routes, addr(PEER), DTLS), Ok((A, Asker::Agent)));
    routes.release(A, other);
    assert_eq!(routes.sizes().addresses, 0);
}

/// Thousands of sessions, one after another and at once: nothing is left behind, nothing is lost.
#[test]
fn many_sessions_leave_nothing_behind() {
    let mut random = Random::from_number(7);
    let mut routes = routes(&[]);
    let mut now = start();
    for round in 0..3u32 {
        let ids: Vec<u32> = (0..2000).map(|n| round * 10_000 + n).collect();
        let remote = |n: u32| match round {
            0 => path(&format!("198.51.100.7:{}", 1000 + n % 10_000)),
            _ => path(PEER),
        };
        for n in &ids {
            now += Duration::from_millis(1);
            routes.join(*n);
            routes.add_ufrag(*n, &format!("u{n}"));
            routes.expect(
                now,
                *n,
                Asker::Agent,
                TransactionId::random(&mut random),
                remote(*n).remote,
            );
            routes.answered(now, *n, remote(*n));
            if round == 1 {
                assert_eq!(route(&mut routes, addr(PEER), DTLS), Ok((*n, Asker::Agent)));
                routes.leave(*n);
            }
        }
        if round == 0 {
            for n in &ids {
                let from = remote(*n).remote;
                assert_eq!(route(&mut routes, from, DTLS), Ok((*n, Asker::Agent)));
            }
        }
        for n in &ids {
            routes.leave(*n);
        }
        assert_eq!(routes.sizes(), Sizes::default());
    }
}
