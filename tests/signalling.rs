//! Sessions over HTTP: the right status, a readable body, and nothing that leaks.

use std::net::Ipv4Addr;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use actix_rtc::{
    Config, DataChannelOptions, DtlsTransportState, Message, RateLimit, Runtime, Session,
    SessionOptions, SessionState, UdpMode,
};

#[path = "harness/http.rs"]
mod http;
#[path = "harness/server.rs"]
mod server;
#[path = "harness/time_limit.rs"]
mod time_limit;

use http::{OFFER, refused};
use server::Server;
use time_limit::{LIMIT, within};

const CANDIDATE: &str = "a=mid:0\r\n\
    a=candidate:1 1 udp 2113937151 127.0.0.1 9 typ host\r\n";

fn config() -> Config {
    Config::default()
        .workers(1)
        .udp(UdpMode::Mux {
            ip: Ipv4Addr::LOCALHOST.into(),
            port: 0,
        })
        .loopback(true)
        .max_sessions(4)
}

fn server() -> Server {
    Server::start(config())
}

/// A session that was opened with [`OFFER`].
fn opened(server: &Server) -> (String, String) {
    let created = server.post(OFFER);
    assert_eq!(created.status, 201, "{}", created.text());
    let location = created.header("location").unwrap().to_owned();
    (location, created.header("etag").unwrap().to_owned())
}

fn restart(number: u32) -> String {
    format!("a=ice-ufrag:rest{number}\r\na=ice-pwd:0123456789abcdefghij{number:04}\r\n{CANDIDATE}")
}

#[test]
fn an_offer_makes_a_session_that_echoes_until_it_is_deleted() {
    let server = server();
    let client = Runtime::builder()
        .config(Config::default().workers(1).loopback(true))
        .start()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let options = SessionOptions::default().own_sockets(true);
    let session = client.session(options).unwrap();
    let (location, channel) = runtime.block_on(within(async {
        let created = server.post(&session.offer().await.unwrap());
        assert_eq!(created.status, 201, "{}", created.text());
        assert_eq!(created.header("content-type"), Some("application/sdp"));
        assert_eq!(
            created.header("accept-patch"),
            Some("application/trickle-ice-sdpfrag")
        );
        session.set_answer(created.text()).await.unwrap();
        let channel = session
            .create_data_channel("echo", DataChannelOptions::default())
            .await
            .unwrap();
        channel.opened().await.unwrap();
        for message in [
            Message::text("Grüße"),
            Message::binary(vec![0xff; 200 * 1024]),
        ] {
            channel.send(message.clone()).await.unwrap();
            assert_eq!(channel.recv().await, Some(message));
        }
        (created.header("location").unwrap().to_owned(), channel)
    }));

    let stats = server.get(&format!("{location}/stats"));
    assert_eq!(stats.status, 200);
    let stats = stats.json();
    assert_eq!(stats["dtlsState"], "connected", "{stats}");
    assert_eq!(stats["sctpState"], "connected", "{stats}");
    assert!(
        location.ends_with(stats["session"].as_str().unwrap()),
        "{stats}"
    );

    statistics_have_the_names_of_the_w3c(&stats, &session);
    drop(channel);

    assert_eq!(server.delete(&location).status, 200);
    // Told by the server.
    runtime.block_on(within(session.closed()));
    assert_eq!(session.state(), SessionState::Closed);
    server.until_empty();
    assert!(runtime.block_on(client.shutdown(LIMIT)));
}

/// After two messages there and back with this peer.
fn statistics_have_the_names_of_the_w3c(stats: &serde_json::Value, peer: &Session) {
    let report = stats["report"].as_object().unwrap();
    let of_type = |kind: &str| {
        let of_it = report.values().filter(|object| object["type"] == kind);
        let found = of_it.collect::<Vec<_>>();
        assert!(!found.is_empty(), "no {kind} in {stats}");
        found
    };
    let transport = of_type("transport")[0];
    for (key, value) in [
        ("iceRole", "controlled"),
        ("dtlsState", "connected"),
        ("tlsVersion", "FEFC"),
    ] {
        assert_eq!(transport[key], value, "{transport}");
    }
    assert!(
        transport["bytesSent"].as_u64() > Some(200 * 1024),
        "{transport}"
    );
    // What refers to another object finds it.
    let follow = |object: &serde_json::Value, key: &str| {
        let id = object[key]
            .as_str()
            .unwrap_or_else(|| panic!("no {key} in {object}"));
        report
            .get(id)
            .unwrap_or_else(|| panic!("no {id} in {stats}"))
            .clone()
    };
    let pair = follow(transport, "selectedCandidatePairId");
    assert_eq!(pair["state"], "succeeded", "{pair}");
    assert!(pair["currentRoundTripTime"].as_f64() > Some(0.0), "{pair}");
    assert_eq!(follow(&pair, "localCandidateId")["type"], "local-candidate");
    let remote = follow(&pair, "remoteCandidateId");
    assert_eq!(remote["type"], "remote-candidate");
    // Which of the host's addresses it is depends on which check is answered first.
    let candidates = peer.gatherer().local_candidates();
    let of_peer = |ip: &str| {
        candidates
            .iter()
            .any(|c| c.to_string().contains(&format!(" {ip} ")))
    };
    assert!(remote["address"].as_str().is_some_and(of_peer), "{remote}");
    for key in ["localCertificateId", "remoteCertificateId"] {
        let certificate = follow(transport, key);
        assert_eq!(certificate["fingerprintAlgorithm"], "sha-256");
        assert!(
            !certificate["base64Certificate"]
                .as_str()
                .unwrap()
                .is_empty()
        );
    }
    let channel = of_type("data-channel")[0];
    assert_eq!(channel["label"], "echo", "{channel}");
    assert_eq!(channel["messagesReceived"], 2, "{channel}");
    assert_eq!(channel["messagesSent"], 2, "{channel}");
    // And ours.
    assert_eq!(stats["mailboxes"].as_object().unwrap().len(), 4, "{stats}");
    assert!(
        stats["sctp"]["roundTripTime"].as_f64() > Some(0.0),
        "{stats}"
    );
    assert!(stats["dropped"]["ice"].is_object(), "{stats}");
}

#[test]
fn malformed_sdp_is_400_with_a_sentence_and_no_session() {
    let server = server();
    let without = |line: &str| {
        let kept = OFFER.lines().filter(|l| !l.starts_with(line));
        kept.map(|l| format!("{l}\r\n")).collect::<String>()
    };
    for (offer, word) in [
        (String::new(), "v=0"),
        ("nonsense".to_owned(), "v=0"),
        ("{\"type\":\"offer\"}".to_owned(), "v=0"),
        (without("m="), "m="),
        (OFFER.replace("m=application", "m=audio"), "m=application"),
        (without("a=ice-ufrag"), "a=ice-ufrag"),
        (without("a=ice-pwd"), "a=ice-pwd"),
        (without("a=fingerprint"), "a=fingerprint"),
        (OFFER.replace("CC:E3", "XX:E3"), "a=fingerprint"),
        (
            OFFER.replace("a=setup:actpass", "a=setup:whatever"),
            "a=setup",
        ),
        (
            OFFER.replace("a=sctp-port:5000", "a=sctp-port:0"),
            "SCTP port",
        ),
        (OFFER.replace("sha-256", "md5"), "sha-256"),
    ] {
        let text = refused(&server.post(&offer), 400);
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
    let bytes = server.request(
        "POST",
        "/rtc/sessions",
        &[("Content-Type", "application/sdp")],
        b"v=0\r\no=\xff\xfe\r\n",
    );
    assert!(refused(&bytes, 400).contains("UTF-8"));
    server.until_empty();
    // And after all that it works.
    opened(&server);
}

#[test]
fn a_wrong_type_is_415_and_parameters_do_no_harm() {
    let server = server();
    let post = |headers: &[(&str, &str)]| {
        server.request("POST", "/rtc/sessions", headers, OFFER.as_bytes())
    };
    for headers in [
        &[][..],
        &[("Content-Type", "application/json")],
        &[("Content-Type", "text/plain")],
    ] {
        assert!(refused(&post(headers), 415).contains("application/sdp"));
    }
    server.until_empty();
    assert_eq!(
        post(&[("Content-Type", "Application/SDP; charset=utf-8")]).status,
        201
    );
    let (location, _) = opened(&server);
    let sdp = [("Content-Type", "application/sdp")];
    let patched = server.request("PATCH", &location, &sdp, CANDIDATE.as_bytes());
    assert!(refused(&patched, 415).contains("application/trickle-ice-sdpfrag"));
}

#[test]
fn too_large_a_body_is_413() {
    let server = server();
    let large = "a".repeat(actix_rtc::proto::sdp::MAX_DESCRIPTION_SIZE + 1);
    refused(&server.post(&large), 413);
    let (location, _) = opened(&server);
    let large = "a".repeat(actix_rtc::proto::sdp::MAX_FRAGMENT_SIZE + 1);
    refused(&server.patch(&location, None, &large), 413);
    assert_eq!(server.patch(&location, None, CANDIDATE).status, 204);
}

#[test]
fn an_unknown_session_is_404_for_every_method() {
    let server = server();
    for id in [
        "0123456789abcdef0123456789abcdef",
        "x",
        "..%2f..%2fetc%2fpasswd",
    ] {
        let location = format!("/rtc/sessions/{id}");
        refused(&server.patch(&location, None, CANDIDATE), 404);
        refused(&server.delete(&location), 404);
        refused(&server.get(&format!("{location}/events")), 404);
        refused(&server.get(&format!("{location}/stats")), 404);
    }
}

#[test]
fn delete_twice_is_200_and_then_404() {
    let server = server();
    let (location, _) = opened(&server);
    assert_eq!(server.delete(&location).status, 200);
    refused(&server.delete(&location), 404);
    refused(&server.patch(&location, None, CANDIDATE), 404);
    server.until_empty();
}

#[test]
fn a_stale_etag_is_412_and_none_is_fine() {
    let server = server();
    let (location, etag) = opened(&server);
    for if_match in [
        None,
        Some("*"),
        Some(&*etag),
        Some(&*format!("\"other\", {etag}")),
    ] {
        let patched = server.patch(&location, if_match, CANDIDATE);
        assert_eq!(patched.status, 204, "{if_match:?}");
        assert_eq!(patched.header("etag"), Some(&*etag));
    }
    let stale = refused(&server.patch(&location, Some("\"other\""), CANDIDATE), 412);
    assert!(stale.contains(&etag), "{stale:?} does not tell {etag}");
    // A weak tag never matches (RFC 9110 §13.1.1).
    refused(
        &server.patch(&location, Some(&format!("W/{etag}")), CANDIDATE),
        412,
    );

    // An ICE restart makes the tag another one.
    let restarted = server.patch(&location, Some(&etag), &restart(1));
    assert_eq!(restarted.status, 200, "{restarted:?}");
    assert_eq!(
        restarted.header("content-type"),
        Some("application/trickle-ice-sdpfrag")
    );
    assert!(
        restarted.text().contains("a=ice-ufrag:"),
        "{}",
        restarted.text()
    );
    let newer = restarted.header("etag").unwrap();
    assert_ne!(newer, etag);
    refused(&server.patch(&location, Some(&etag), CANDIDATE), 412);
    assert_eq!(server.patch(&location, Some(newer), CANDIDATE).status, 204);
}

#[test]
fn malformed_fragments_are_400_and_the_session_lives() {
    let server = server();
    let (location, _) = opened(&server);
    for fragment in [
        "nonsense",
        "a=ice-ufrag:abcd\r\n",
        "a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n",
    ] {
        refused(&server.patch(&location, None, fragment), 400);
    }
    assert_eq!(server.patch(&location, None, CANDIDATE).status, 204);
    assert_eq!(server.delete(&location).status, 200);
}

/// A handler on a runtime of several threads may await each of them.
#[test]
fn the_futures_of_signalling_are_send() {
    fn send<T: Send>(_: impl FnOnce(&'static Session) -> T) {}
    send(|session| session.accept(""));
    send(|session| session.offer());
    send(|session| session.set_answer(""));
    send(|session| session.trickle(""));
    send(|session| session.close());
    send(|session| session.stats());
    send(|session| session.create_data_channel("", DataChannelOptions::default()));
}

#[test]
fn two_patches_at_once_both_count() {
    let server = server();
    let (location, etag) = opened(&server);
    let at_once = Barrier::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                at_once.wait();
                let patched = server.patch(&location, Some(&etag), CANDIDATE);
                assert_eq!(patched.status, 204, "{patched:?}");
            });
        }
    });
}

/// Of two ICE restarts that were made for one generation, one is too late.
#[test]
fn two_restarts_at_once_are_one_restart() {
    let server = server();
    let (location, etag) = opened(&server);
    let mut tag = etag;
    for round in 0..10 {
        let at_once = Barrier::new(2);
        let answers = std::thread::scope(|scope| {
            let patch = |number| {
                at_once.wait();
                server.patch(&location, Some(&tag), &restart(number))
            };
            let first = scope.spawn(move || patch(2 * round));
            let second = scope.spawn(move || patch(2 * round + 1));
            [first.join().unwrap(), second.join().unwrap()]
        });
        let mut statuses = answers.each_ref().map(|answer| answer.status);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "round {round}");
        let won = answers.iter().find(|answer| answer.status == 200).unwrap();
        tag = won.header("etag").unwrap().to_owned();
    }
}

#[test]
fn the_list_is_for_callers_on_loopback_and_for_operators() {
    let server = server();
    let (location, _) = opened(&server);
    let list = server.get("/rtc/sessions");
    assert_eq!(list.status, 200);
    let list = list.json();
    let [listed] = list.as_array().unwrap().as_slice() else {
        panic!("{list}")
    };
    assert!(location.ends_with(listed["id"].as_str().unwrap()), "{list}");
    assert!(listed["state"].is_string(), "{list}");

    // A proxy on this host speaks for others.
    for header in [
        ("X-Forwarded-For", "203.0.113.7"),
        ("Forwarded", "for=203.0.113.7"),
    ] {
        let text = refused(&server.request("GET", "/rtc/sessions", &[header], b""), 403);
        assert!(!text.contains(listed["id"].as_str().unwrap()));
        let operator = [header, ("X-Operator", "sesame")];
        assert_eq!(
            server
                .request("GET", "/rtc/sessions", &operator, b"")
                .status,
            200
        );
    }
}

#[test]
fn the_limit_on_sessions_is_503_and_a_place_comes_back() {
    let server = server();
    let locations: Vec<String> = (0..4).map(|_| opened(&server).0).collect();
    let full = server.post(OFFER);
    refused(&full, 503);
    assert!(full.header("retry-after").is_some(), "{full:?}");
    assert_eq!(server.delete(&locations[0]).status, 200);
    opened(&server);
}

#[test]
fn the_limit_on_half_open_sessions_is_503() {
    let server = Server::start(config().max_half_open(1));
    let (location, _) = opened(&server);
    let full = server.post(OFFER);
    refused(&full, 503);
    assert!(full.header("retry-after").is_some(), "{full:?}");
    assert_eq!(server.delete(&location).status, 200);
    opened(&server);
}

#[test]
fn a_source_that_opens_sessions_too_fast_gets_429_and_others_do_not() {
    let server = Server::start(config().session_rate(RateLimit::new(0.001, 2)));
    opened(&server);
    refused(&server.post("nonsense"), 400);
    let fast = server.post(OFFER);
    refused(&fast, 429);
    assert!(fast.header("retry-after").is_some(), "{fast:?}");
    // A source that the server's own hook tells apart.
    let headers = [
        ("Content-Type", "application/sdp"),
        ("X-Client", "203.0.113.9"),
    ];
    let other = server.request("POST", "/rtc/sessions", &headers, OFFER.as_bytes());
    assert_eq!(other.status, 201, "{}", other.text());
}

#[test]
fn draining_is_503_for_new_sessions_and_for_readyz_only() {
    let server = server();
    let (location, _) = opened(&server);
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);

    let rtc = server.rtc.clone();
    let draining = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let began = Instant::now();
        runtime.block_on(rtc.drain(LIMIT));
        began.elapsed()
    });
    while !server.rtc.is_draining() {
        std::thread::yield_now();
    }
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 503);
    refused(&server.post(OFFER), 503);
    // The old session is served as before.
    assert_eq!(server.patch(&location, None, CANDIDATE).status, 204);
    assert_eq!(server.delete(&location).status, 200);
    assert!(
        draining.join().unwrap() < LIMIT,
        "it did not notice that the last session ended"
    );
    server.until_empty();
}

#[test]
fn the_deadline_of_a_drain_closes_what_is_left() {
    let server = server();
    opened(&server);
    let session = server.rtc.registry().sessions().remove(0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        server.rtc.drain(Duration::from_millis(50)).await;
    });
    assert_eq!(session.dtls().state(), DtlsTransportState::Closed);
    drop(session);
    server.until_empty();
}
