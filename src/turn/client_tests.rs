use super::test_server::*;
use super::*;
use crate::turn::attribute::*;

fn rig(server: Server) -> Rig {
    Rig::new(Framing::Datagrams, Config::default(), server)
}

fn with_fault(method: u16, fault: Fault) -> Rig {
    let mut server = Server::default();
    server.fault(method, fault);
    rig(server)
}

fn allocated() -> Event {
    Event::Allocated {
        relayed: at(RELAYED),
        mapped: Some(at(MAPPED)),
        lifetime: secs(600),
    }
}

#[test]
fn scenario_16_allocates_with_sha1_and_sha256_over_datagrams_and_streams() {
    for framing in [Framing::Datagrams, Framing::Stream] {
        for sha256 in [false, true] {
            let server = Server {
                sha256,
                ..Server::default()
            };
            let mut rig = Rig::new(framing, Config::default(), server);
            rig.allocate();
            assert_eq!(rig.events, [allocated()], "{framing:?} {sha256}");
            // 401 first, then the answer.
            assert_eq!(rig.server.requests, [ALLOCATE, ALLOCATE]);
            assert_eq!(rig.client.relayed(), Some(at(RELAYED)));
            assert_eq!(rig.client.mapped(), Some(at(MAPPED)));
        }
    }
}

#[test]
fn a_server_without_authentication_is_used_as_it_is() {
    let mut rig = rig(Server {
        needs_auth: false,
        ..Server::default()
    });
    rig.allocate();
    assert_eq!(rig.events, [allocated()]);
    assert_eq!(rig.server.requests, [ALLOCATE]);
}

#[test]
fn it_is_started_once() {
    let mut rig = Rig::allocated();
    assert_eq!(rig.client.allocate(rig.now), Err(AlreadyStarted));
}

#[test]
fn scenario_17_a_wrong_password_is_401_after_one_attempt() {
    for sha256 in [false, true] {
        let mut rig = rig(Server {
            sha256,
            password: "other",
            ..Server::default()
        });
        rig.allocate();
        let failure = rig.failure().unwrap();
        assert_eq!((failure.code(), failure.reason()), (401, "unauthorized"));
        assert_eq!(rig.server.requests.len(), 2);
        assert_eq!(rig.client.state(), State::Failed);
        assert_eq!(rig.client.poll_timeout(), None);
    }
}

#[test]
fn scenario_16_a_stale_nonce_is_replaced_again_and_again_but_not_for_ever() {
    let mut rig = with_fault(ALLOCATE, Fault::Error(0));
    rig.server.faults.clear();
    for _ in 0..4 {
        rig.server.fault(ALLOCATE, Fault::Stale);
    }
    rig.allocate();
    assert_eq!(rig.events, [allocated()]);
    assert_eq!(rig.client.counters().stale_nonces, 4);

    let mut rig = with_fault(ALLOCATE, Fault::Stale);
    for _ in 0..20 {
        rig.server.fault(ALLOCATE, Fault::Stale);
    }
    rig.allocate();
    assert_eq!(rig.failure().unwrap().code(), 438);
    assert_eq!(rig.server.requests.len(), 6);
}

#[test]
fn scenario_16_the_nonce_expires_under_an_allocation() {
    let mut rig = Rig::allocated();
    rig.server.nonce += 1;
    rig.send(PEER, b"data").unwrap();
    rig.server.nonce += 1;
    rig.pass(secs(540));
    assert_eq!(rig.client.state(), State::Allocated);
    assert_eq!(rig.server.relayed.len(), 1);
    assert_eq!(rig.client.counters().refreshes, 1);
    assert!(rig.client.counters().stale_nonces >= 2);
}

#[test]
fn a_new_nonce_is_used_where_a_server_says_401_for_438() {
    // Under an allocation, for each kind of request, and again and again.
    let mut rig = Rig::allocated();
    for method in [REFRESH, CREATE_PERMISSION, CHANNEL_BIND] {
        for _ in 0..3 {
            rig.server.fault(method, Fault::StaleUnauthorized);
        }
    }
    rig.send(PEER, b"data").unwrap();
    rig.pass(secs(1_200));
    assert_eq!(rig.client.state(), State::Allocated);
    assert_eq!(rig.server.relayed.len(), 1);
    assert!(rig.client.counters().refreshes >= 2);
    assert!(rig.client.counters().stale_nonces >= 6);
    // A server that gives each request another nonce, from the first one on.
    let mut rig = with_fault(ALLOCATE, Fault::StaleUnauthorized);
    rig.server.fault(ALLOCATE, Fault::StaleUnauthorized);
    rig.allocate();
    assert_eq!(rig.events, [allocated()]);
    // A wrong password is one all the same, after one attempt more.
    let mut rig = with_fault(ALLOCATE, Fault::StaleUnauthorized);
    for _ in 0..20 {
        rig.server.fault(ALLOCATE, Fault::StaleUnauthorized);
    }
    rig.allocate();
    assert_eq!(rig.failure().unwrap().code(), 401);
    assert_eq!(rig.server.requests.len(), 3);
}

#[test]
fn a_server_that_comes_back_with_another_realm_is_followed() {
    let mut rig = Rig::allocated();
    rig.server.realm = "other.example".into();
    rig.client.permit(rig.now, at(PEER).ip()).unwrap();
    rig.exchange();
    assert_eq!(
        rig.events,
        [Event::Permitted {
            peer: at(PEER).ip()
        }]
    );
}

#[test]
fn scenario_16_every_refusal_of_an_allocation_has_its_code_and_reason() {
    for (code, reason) in [
        (400, "refused"),
        (403, "forbidden"),
        (437, "allocation_mismatch"),
        (440, "refused"),
        (442, "unsupported_transport"),
        (486, "quota_reached"),
        (500, "refused"),
        (508, "insufficient_capacity"),
    ] {
        // Signed, or before the server asks who we are.
        let mut server = Server::default();
        server.fault(ALLOCATE, Fault::Unsigned(code));
        let mut early = rig(server);
        early.allocate();
        let mut late = Rig::new(Framing::Datagrams, Config::default(), Server::default());
        late.server.fault(ALLOCATE, Fault::Stale);
        late.server.fault(ALLOCATE, Fault::Error(code));
        late.allocate();
        for rig in [early, late] {
            let failure = rig.failure().unwrap();
            assert_eq!((failure.code(), failure.reason()), (code, reason));
            assert!(
                failure.to_string().starts_with(&code.to_string()),
                "{failure}"
            );
        }
    }
}

#[test]
fn scenario_16_a_redirection_names_the_other_server() {
    let mut rig = with_fault(ALLOCATE, Fault::Redirect(at("192.0.2.2:3479")));
    rig.allocate();
    let to = Failure::Redirected {
        address: at("192.0.2.2:3479"),
        domain: Some("b.example".into()),
    };
    assert_eq!(rig.failure(), Some(&to));
}

#[test]
fn an_unsigned_refusal_is_doubted_for_a_second() {
    let mut rig = with_fault(ALLOCATE, Fault::Stale);
    rig.server.fault(ALLOCATE, Fault::Unsigned(486));
    rig.allocate();
    assert_eq!(rig.client.state(), State::Allocating);
    rig.server.faults.clear();
    // The request is repeated, and the true answer comes.
    rig.pass(secs(1));
    assert_eq!(rig.events, [allocated()]);

    let mut rig = with_fault(ALLOCATE, Fault::Stale);
    for _ in 0..9 {
        rig.server.fault(ALLOCATE, Fault::Unsigned(486));
    }
    rig.allocate();
    rig.pass(secs(1));
    assert_eq!(rig.failure().unwrap().code(), 486);
    assert!(rig.client.counters().unverified_responses >= 1);

    // A stream loses nothing: no better answer will come.
    let mut server = Server::default();
    server.fault(ALLOCATE, Fault::Stale);
    server.fault(ALLOCATE, Fault::Unsigned(486));
    let mut rig = Rig::new(Framing::Stream, Config::default(), server);
    rig.allocate();
    assert_eq!(rig.failure().unwrap().code(), 486);
}

#[test]
fn a_forged_success_is_not_believed() {
    let mut rig = with_fault(ALLOCATE, Fault::Stale);
    rig.server.fault(ALLOCATE, Fault::Forged);
    rig.allocate();
    assert_eq!(rig.client.state(), State::Allocating);
    assert_eq!(rig.client.counters().unverified_responses, 1);
    rig.pass(secs(1));
    assert_eq!(rig.client.state(), State::Allocated);

    let mut server = Server::default();
    server.fault(ALLOCATE, Fault::Stale);
    server.fault(ALLOCATE, Fault::Forged);
    let mut rig = Rig::new(Framing::Stream, Config::default(), server);
    rig.allocate();
    assert_eq!(rig.failure(), Some(&Failure::IntegrityViolation));
}

#[test]
fn a_success_without_an_address_is_a_failure() {
    let mut rig = with_fault(ALLOCATE, Fault::Stale);
    rig.server.fault(ALLOCATE, Fault::Empty);
    rig.allocate();
    assert_eq!(rig.failure(), Some(&Failure::IncompleteResponse));
}

#[test]
fn a_silent_server_times_out_after_repetitions_over_udp() {
    let mut rig = rig(Server::default());
    rig.cut = true;
    rig.allocate();
    rig.pass(secs(60));
    assert_eq!(rig.failure(), Some(&Failure::Timeout));
    // At 0, 0.5, 1.5, 3.5 and 7.5 s.
    assert_eq!(rig.client.counters().requests_sent, 5);

    let mut rig = Rig::new(Framing::Stream, Config::default(), Server::default());
    rig.cut = true;
    rig.allocate();
    rig.pass(secs(60));
    assert_eq!(rig.failure(), Some(&Failure::Timeout));
    assert_eq!(rig.client.counters().requests_sent, 1);
}

#[test]
fn a_lost_answer_is_made_up_for() {
    let mut rig = with_fault(ALLOCATE, Fault::Silence);
    rig.allocate();
    rig.pass(secs(1));
    assert_eq!(rig.events, [allocated()]);
    assert_eq!(rig.client.counters().requests_repeated, 1);
}

#[test]
fn icmp_before_there_is_an_allocation_is_the_end() {
    let mut rig = rig(Server::default());
    rig.cut = true;
    rig.allocate();
    rig.client.handle_unreachable(rig.now);
    rig.exchange();
    assert_eq!(rig.failure(), Some(&Failure::Unreachable));
    rig.client.handle_unreachable(rig.now);
    assert_eq!(rig.client.poll_event(), None, "said once");
}

#[test]
fn icmp_under_an_allocation_makes_us_ask() {
    let mut rig = Rig::allocated();
    rig.client.handle_unreachable(rig.now);
    rig.client.handle_unreachable(rig.now);
    rig.exchange();
    assert_eq!(rig.server.requests, [REFRESH]);
    assert_eq!(
        (rig.client.state(), rig.events.len()),
        (State::Allocated, 0)
    );
    rig.cut = true;
    rig.client.handle_unreachable(rig.now);
    rig.pass(secs(2));
    assert_eq!(rig.failure(), None);
    rig.pass(secs(1));
    assert_eq!(rig.failure(), Some(&Failure::Unreachable));
}

#[test]
fn scenario_16_refreshed_before_it_expires() {
    let mut rig = Rig::allocated();
    rig.pass(secs(2000));
    assert_eq!(rig.server.requests, [REFRESH; 3]);
    assert_eq!(rig.client.counters().refreshes, 3);
    assert_eq!(rig.client.state(), State::Allocated);
    // The server grants less than was asked: earlier, then.
    rig.server.lifetime = 40;
    rig.pass(secs(300));
    let before = rig.client.counters().refreshes;
    rig.pass(secs(300));
    assert_eq!(rig.client.counters().refreshes - before, 10);
}

#[test]
fn absurd_lifetimes_neither_overflow_nor_spin() {
    for (lifetime, at_most) in [(0, 300), (u32::MAX, 0)] {
        let mut rig = rig(Server {
            lifetime,
            ..Server::default()
        });
        rig.allocate();
        assert_eq!(rig.client.state(), State::Allocated);
        rig.pass(secs(100));
        assert!(rig.client.counters().refreshes <= at_most);
    }
}

#[test]
fn scenario_16_a_failed_refresh_is_an_event_and_is_tried_again() {
    let mut rig = Rig::allocated();
    rig.server.fault(REFRESH, Fault::Error(500));
    rig.pass(secs(541));
    let failure = Failure::Refused {
        code: 500,
        text: "Refused".into(),
    };
    assert_eq!(rig.events, [Event::RefreshFailed(failure)]);
    rig.pass(secs(600));
    assert_eq!(rig.client.state(), State::Allocated);

    let mut rig = Rig::allocated();
    rig.cut = true;
    rig.pass(secs(601));
    assert!(rig.events.len() >= 4, "{:?}", rig.events);
    assert_eq!(rig.events[0], Event::RefreshFailed(Failure::Timeout));
    assert_eq!(rig.failure(), Some(&Failure::Timeout));
    assert_eq!(rig.elapsed(), secs(601));
}

#[test]
fn scenario_16_a_restarted_server_is_noticed_by_the_next_request() {
    for request in [REFRESH, CREATE_PERMISSION, CHANNEL_BIND] {
        let mut rig = Rig::allocated();
        rig.server = Server {
            nonce: 99,
            ..Server::default()
        };
        match request {
            REFRESH => rig.client.probe(rig.now),
            CREATE_PERMISSION => rig.client.permit(rig.now, at(PEER).ip()).unwrap(),
            _ => rig.client.bind(rig.now, at(PEER)).unwrap(),
        }
        rig.exchange();
        assert_eq!(rig.failure().map(Failure::code), Some(437));
        assert_eq!(rig.server.requests, [request; 2]);
        assert_eq!(rig.client.relayed(), None);
    }
}

#[test]
fn the_connection_is_lost() {
    let mut rig = Rig::allocated_over(Framing::Stream, Config::default());
    rig.client.handle_disconnected(rig.now);
    rig.exchange();
    assert_eq!(rig.failure(), Some(&Failure::ConnectionLost));
}

#[test]
fn scenario_16_junk_on_the_stream_is_the_end_of_it() {
    let mut rig = Rig::allocated_over(Framing::Stream, Config::default());
    rig.inject(Bytes::from_static(b"\xffjunk"));
    assert_eq!(rig.failure(), Some(&Failure::Desynchronised));
}

#[test]
fn close_gives_the_allocation_back() {
    for framing in [Framing::Datagrams, Framing::Stream] {
        let mut rig = Rig::allocated_over(framing, Config::default());
        rig.server.nonce += 1;
        rig.client.close(rig.now);
        assert_eq!(rig.client.state(), State::Closing);
        rig.exchange();
        assert_eq!(rig.events, [Event::Closed]);
        assert!(!rig.server.allocated);
        assert_eq!(rig.server.requests, [REFRESH; 2], "with a fresh nonce");
        rig.client.close(rig.now);
        assert_eq!(rig.client.poll_event(), None);
        assert_eq!(rig.client.poll_timeout(), None);
    }
}

#[test]
fn close_is_bounded_in_time() {
    let mut rig = Rig::allocated();
    rig.cut = true;
    rig.client.close(rig.now);
    rig.pass(secs(2));
    assert_eq!(rig.events, [Event::Closed]);
    assert_eq!(rig.elapsed(), secs(2));

    let mut rig = Rig::allocated();
    rig.cut = true;
    rig.client.close(rig.now);
    rig.client.handle_unreachable(rig.now);
    rig.exchange();
    assert_eq!(rig.events, [Event::Closed]);
}

#[test]
fn close_while_allocating_leaves_nothing_on_the_server() {
    let mut rig = with_fault(ALLOCATE, Fault::Stale);
    rig.server.fault(ALLOCATE, Fault::Silence);
    rig.allocate();
    // The request came through, only its answer is missing.
    rig.server.allocated = true;
    rig.client.close(rig.now);
    rig.exchange();
    assert!(!rig.server.allocated);
    assert_eq!(rig.events, [Event::Closed]);

    for early in [true, false] {
        let mut rig = rig_cut();
        if !early {
            rig.allocate();
        }
        rig.client.close(rig.now);
        rig.exchange();
        assert_eq!(rig.events, [Event::Closed]);
    }
}

fn rig_cut() -> Rig {
    let mut rig = rig(Server::default());
    rig.cut = true;
    rig
}

#[test]
fn noise_from_the_network_is_dropped_and_counted() {
    let mut rig = Rig::allocated();
    let from = at(SERVER);
    let mapped = SocketAddr::new("::ffff:192.0.2.1".parse().unwrap(), 3478);
    rig.client
        .handle_datagram(rig.now, at("192.0.2.9:3478"), data_indication(PEER, b"x"));
    for junk in [
        &b""[..],
        b"\x00",
        b"\x16\xfe\xfd",
        b"\x80\x00",
        b"\x40\x00\x00\x09x",
        &[0; 20],
    ] {
        rig.client
            .handle_datagram(rig.now, from, Bytes::copy_from_slice(junk));
    }
    rig.client
        .handle_datagram(rig.now, mapped, data_indication(PEER, b"x"));
    rig.client
        .handle_datagram(rig.now, from, channel_data(0x4000, b"x"));
    let other = Request::Deallocate.builder(TransactionId([9; 12])).build();
    rig.client.handle_datagram(rig.now, from, other);
    rig.exchange();
    assert!(rig.events.is_empty());
    let counters = rig.client.counters();
    assert_eq!(counters.from_elsewhere, 1);
    assert_eq!(counters.malformed, 7);
    assert_eq!(counters.not_permitted, 2);
    assert_eq!(rig.client.state(), State::Allocated);
}

#[test]
fn a_nat_is_reminded_of_us_only_when_nothing_else_was_sent() {
    let mut rig = Rig::allocated();
    rig.pass(secs(44));
    assert_eq!(rig.server.keepalives, 2);
    let mut rig = Rig::allocated_over(Framing::Stream, Config::default());
    rig.pass(secs(44));
    assert_eq!(rig.server.keepalives, 0);
    let config = Config {
        keepalive: Duration::ZERO,
        ..Config::default()
    };
    let mut rig = Rig::allocated_over(Framing::Datagrams, config);
    rig.pass(secs(44));
    assert_eq!(rig.server.keepalives, 0);
}
