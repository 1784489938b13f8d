//! Sessions through a real coturn, on loopback (scenarios 15 to 17).
//!
//! Each test starts servers of its own on free ports and ends them. Where `turnserver` is not
//! installed the tests say so and pass; with CI=true they fail.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use actix_rtc::proto::ice::CandidateType;
use actix_rtc::proto::turn::Family;
use actix_rtc::{
    Config, DataChannel, Event, GatherError, IceCandidateError, IceGatherer, IceGathererEvent,
    IceGathererState, IceServer, IceTransportPolicy, Message, Runtime, Session, SessionOptions,
};
use bytes::Bytes;

#[path = "harness/certificate.rs"]
mod certificate;
#[path = "harness/coturn.rs"]
mod coturn;
#[path = "harness/pair.rs"]
mod pair;
#[path = "harness/time_limit.rs"]
mod time_limit;

use certificate::Certificate;
use coturn::{Coturn, LOOPBACK_PEERS, free_address};
use pair::{channel, connect, echo};
use time_limit::within;

fn config() -> Config {
    let mut config = Config::default().workers(1).loopback(true);
    config.gather.server_timeout = Duration::from_secs(2);
    config.turn.request_timeout = Duration::from_secs(5);
    config.turn.silence = Duration::from_secs(1);
    config
}

/// What this process has counted, in Prometheus' text format.
fn scrape() -> String {
    use std::sync::LazyLock;
    static RECORDER: LazyLock<actix_rtc::metrics::PrometheusHandle> =
        LazyLock::new(|| actix_rtc::metrics::install_prometheus().unwrap());
    RECORDER.render()
}

/// The value of a metric with these labels.
fn counted(series: &str) -> f64 {
    let scrape = scrape();
    let line = scrape.lines().find(|line| line.starts_with(series));
    let value = line.and_then(|line| line.rsplit_once(' '));
    value
        .unwrap_or_else(|| panic!("no {series} in {scrape}"))
        .1
        .parse()
        .unwrap()
}

fn runtime(config: Config) -> Runtime {
    // The actors count with the recorder that is there when they start.
    scrape();
    Runtime::builder().config(config).start().unwrap()
}

fn turn(url: String) -> IceServer {
    IceServer::turn(url, "user", "secret")
}

/// Only reached through these servers.
fn relay_only(servers: &[IceServer]) -> SessionOptions {
    SessionOptions::default()
        .policy(IceTransportPolicy::Relay)
        .ice_servers(servers.to_vec())
}

/// Each message tells its number, and no two bytes that lie close are alike.
fn message(number: u32) -> Bytes {
    let body = (0..99_996_u32).map(|i| (i ^ number).wrapping_mul(31) as u8);
    number.to_be_bytes().into_iter().chain(body).collect()
}

async fn move_10_mb(from: &DataChannel, to: &DataChannel) {
    let send = async {
        for number in 0..100 {
            from.send(Message::binary(message(number))).await.unwrap();
        }
    };
    let receive = async {
        for number in 0..100 {
            let received = to.recv().await;
            assert!(
                received == Some(Message::binary(message(number))),
                "message {number} arrived otherwise than it was sent"
            );
        }
    };
    within(async { tokio::join!(send, receive) }).await;
}

fn kinds(gatherer: &IceGatherer) -> Vec<CandidateType> {
    let candidates = gatherer.local_candidates();
    candidates.iter().map(|candidate| candidate.kind).collect()
}

fn local_kind(session: &Session) -> CandidateType {
    session.ice().selected_pair().unwrap().local.kind
}

/// Gathers, and tells which servers failed.
async fn gather(gatherer: &IceGatherer, servers: Vec<IceServer>) -> Vec<IceCandidateError> {
    let mut events = gatherer.events();
    within(gatherer.gather(Some(servers))).await.unwrap();
    assert_eq!(gatherer.state(), IceGathererState::Complete);
    let mut errors = Vec::new();
    loop {
        match within(events.next()).await.unwrap() {
            IceGathererEvent::CandidateError(error) => errors.push(error),
            IceGathererEvent::StateChange(IceGathererState::Complete) => return errors,
            _ => {}
        }
    }
}

/// Two sessions that are both behind a relay, and what they send to each other.
async fn relay_to_relay(config: Config, url: String, meanwhile: impl Fn()) {
    let rtc = runtime(config);
    let options = relay_only(&[turn(url)]);
    let (a, b) = (
        rtc.session(options.clone()).unwrap(),
        rtc.session(options).unwrap(),
    );
    connect(&a, &b).await;
    for session in [&a, &b] {
        assert_eq!(kinds(session.gatherer()), [CandidateType::Relayed]);
        assert_eq!(local_kind(session), CandidateType::Relayed);
    }
    let (ours, theirs) = channel(&a, &b).await;
    move_10_mb(&ours, &theirs).await;
    echo(&ours, &theirs, "and back").await;
    meanwhile();
    within(a.close()).await;
    within(b.closed()).await;
    assert_eq!(rtc.session_count(), 0);
}

#[tokio::test]
async fn scenario_16_10_mb_from_relay_to_relay_over_udp() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    relay_to_relay(config(), coturn.url("turn:", "?transport=udp"), || ()).await;
}

#[tokio::test]
async fn scenario_16_10_mb_from_relay_to_relay_over_tcp() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    relay_to_relay(config(), coturn.url("turn:", "?transport=tcp"), || ()).await;
}

#[tokio::test]
async fn scenario_16_10_mb_from_relay_to_relay_over_tls() {
    let certificate = Certificate::new(&["127.0.0.1"]);
    let Some(coturn) = certificate.coturn() else {
        return;
    };
    let mut config = config();
    config.tls_roots = certificate.roots.clone();
    // No other test makes allocations over TLS.
    let allocations = || counted("rtc_turn_allocations{transport=\"tls\"}");
    relay_to_relay(config, coturn.url("turns:", ""), || {
        assert_eq!(allocations(), 2.0)
    })
    .await;
    assert_eq!(allocations(), 0.0);
}

#[tokio::test]
async fn scenario_16_relays_of_ipv6() {
    let localhost = IpAddr::from(Ipv6Addr::LOCALHOST);
    if UdpSocket::bind((localhost, 0)).is_err() {
        eprintln!("SKIPPED: there is no IPv6 here, relays of IPv6 are NOT tested");
        return;
    }
    let Some(coturn) = Coturn::start_at(free_address(localhost), localhost, &[LOOPBACK_PEERS])
    else {
        return;
    };
    let mut config = config();
    config.turn.family = Some(Family::Ipv6);
    for query in ["?transport=udp", "?transport=tcp"] {
        let rtc = runtime(config.clone());
        let options = relay_only(&[turn(coturn.url("turn:", query))]);
        let (a, b) = (
            rtc.session(options.clone()).unwrap(),
            rtc.session(options).unwrap(),
        );
        connect(&a, &b).await;
        let candidates = a.gatherer().local_candidates();
        assert_eq!(candidates.len(), 1);
        assert_eq!(candidates[0].socket_addr().unwrap().ip(), localhost);
        let nobody = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        assert_eq!(candidates[0].related_address, Some(nobody));
        let (ours, theirs) = channel(&a, &b).await;
        echo(&ours, &theirs, "by IPv6").await;
    }
}

#[tokio::test]
async fn scenario_16_a_relay_beside_a_port_that_sessions_share() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    let rtc = Runtime::builder()
        .config(config())
        .udp_mux(SocketAddr::from(([127, 0, 0, 1], 0)))
        .start()
        .unwrap();
    let servers = [turn(coturn.url("turn:", ""))];
    let beside = SessionOptions::default().ice_servers(servers.to_vec());
    let beside = rtc.session(beside).unwrap();
    let hidden = rtc.session(relay_only(&servers)).unwrap();
    connect(&hidden, &beside).await;
    let mut gathered = kinds(beside.gatherer());
    gathered.sort();
    assert_eq!(gathered, [CandidateType::Host, CandidateType::Relayed]);
    assert_eq!(local_kind(&hidden), CandidateType::Relayed);
    let (ours, theirs) = channel(&hidden, &beside).await;
    echo(&ours, &theirs, "beside").await;
    within(beside.close()).await;
    within(hidden.closed()).await;
}

#[tokio::test]
async fn a_url_that_makes_no_sense_is_the_callers_error_and_changes_nothing() {
    let rtc = runtime(config());
    let gatherer = rtc.gatherer(SessionOptions::default()).unwrap();
    for (url, words) in [
        ("http://192.0.2.1", "http://192.0.2.1"),
        ("turn:192.0.2.1?transport=sctp", "transport"),
        ("turn:192.0.2.1:99999", "99999"),
        ("turn:192.0.2.1", "needs a username and a credential"),
    ] {
        let gathered = within(gatherer.gather(Some(vec![IceServer::stun(url)]))).await;
        let Err(GatherError::BadServer(text)) = gathered else {
            panic!("{url}: {gathered:?}");
        };
        assert!(text.contains(words), "{url}: {text}");
        assert_eq!(gatherer.state(), IceGathererState::New);
    }
    within(gatherer.gather(Some(vec![]))).await.unwrap();
    assert_eq!(gatherer.state(), IceGathererState::Complete);
}

#[tokio::test]
async fn scenario_17_turns_verifies_who_vouches_and_for_which_name() {
    let certificate = Certificate::new(&["turn.example.org"]);
    let Some(coturn) = certificate.coturn() else {
        return;
    };
    let mut named = config();
    named.tls_roots = certificate.roots.clone();
    for (config, expected) in [(named, "NotValidForName"), (config(), "UnknownIssuer")] {
        let rtc = runtime(config);
        let gatherer = rtc.gatherer(relay_only(&[])).unwrap();
        let url = coturn.url("turns:", "");
        let errors = gather(&gatherer, vec![turn(url.clone())]).await;
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!((&errors[0].url, errors[0].code), (&url, 701));
        // rustls has the name of the reason in its text, or a sentence that says the same.
        let text = &errors[0].text;
        let sentence = text.contains("not valid for name");
        assert!(text.contains(expected) || sentence, "{text}");
        assert_eq!(kinds(&gatherer), []);
    }
}

#[tokio::test]
async fn scenario_17_relay_only_shows_and_uses_no_other_address() {
    let address = free_address(IpAddr::from([127, 0, 0, 2]));
    let relay = IpAddr::from([127, 0, 0, 3]);
    let Some(coturn) = Coturn::start_at(address, relay, &[LOOPBACK_PEERS]) else {
        return;
    };
    // Also where there is a port that others are reached on.
    let rtc = Runtime::builder()
        .config(config())
        .udp_mux(SocketAddr::from(([127, 0, 0, 1], 0)))
        .start()
        .unwrap();
    let servers = [
        turn(coturn.url("turn:", "")),
        IceServer::stun(coturn.url("stun:", "")),
    ];
    let hidden = rtc.session(relay_only(&servers)).unwrap();
    let open = rtc.session(SessionOptions::default()).unwrap();
    let offer = within(hidden.offer()).await.unwrap();
    // The origin of an offer names no address of ours (RFC 9429 §5.2.1).
    let lines = offer.lines().filter(|line| !line.starts_with("o="));
    for line in lines.filter(|line| line.contains("127.0.0")) {
        assert!(
            line.contains(" 127.0.0.3 ") && line.contains(" typ relay"),
            "{line}"
        );
    }
    let candidates = offer
        .lines()
        .filter(|line| line.starts_with("a=candidate:"));
    assert_eq!(candidates.count(), 1, "{offer}");
    for candidate in hidden.gatherer().local_candidates() {
        assert_eq!(candidate.kind, CandidateType::Relayed);
        assert_eq!(candidate.socket_addr().unwrap().ip(), relay);
        let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
        assert_eq!(candidate.related_address, Some(nobody));
    }
    let answer = within(open.accept(&offer)).await.unwrap();
    within(hidden.set_answer(&answer)).await.unwrap();
    within(hidden.connected()).await.unwrap();
    within(open.connected()).await.unwrap();
    assert_eq!(local_kind(&hidden), CandidateType::Relayed);
    let seen = open.ice().remote_candidates();
    assert!(!seen.is_empty());
    for candidate in seen {
        assert_eq!(candidate.socket_addr().unwrap().ip(), relay);
    }
    let (ours, theirs) = channel(&hidden, &open).await;
    echo(&ours, &theirs, "hidden").await;
}

#[tokio::test]
async fn scenario_17_a_wrong_password_is_an_event_and_gathering_completes() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    let rtc = runtime(config());
    for query in ["?transport=udp", "?transport=tcp"] {
        let url = coturn.url("turn:", query);
        let wrong = IceServer::turn(url.clone(), "user", "wrong");
        let gatherer = rtc.gatherer(relay_only(&[])).unwrap();
        let errors = gather(&gatherer, vec![wrong, turn(url.clone())]).await;
        let expected = IceCandidateError {
            url,
            code: 401,
            text: "401 Unauthorized".into(),
        };
        assert_eq!(errors, [expected]);
        assert_eq!(kinds(&gatherer), [CandidateType::Relayed]);
    }
}

#[tokio::test]
async fn scenario_16_a_nonce_that_expired_is_renewed() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS, "--stale-nonce=1"]) else {
        return;
    };
    let rtc = runtime(config());
    let options = relay_only(&[turn(coturn.url("turn:", ""))]);
    let (a, b) = (
        rtc.session(options).unwrap(),
        rtc.session(SessionOptions::default()).unwrap(),
    );
    let offer = within(a.offer()).await.unwrap();
    // What follows needs permissions, which coturn does not give for the first nonce any more.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let answer = within(b.accept(&offer)).await.unwrap();
    within(a.set_answer(&answer)).await.unwrap();
    within(a.connected()).await.unwrap();
    let (ours, theirs) = channel(&a, &b).await;
    echo(&ours, &theirs, "renewed").await;
    // No other test has nonces that expire.
    assert!(counted("rtc_turn_errors_total{code=\"438\"}") >= 1.0);
}

/// What the session's gatherer says, until `wanted` says that it is enough.
async fn wait_for(
    events: &mut actix_rtc::EventStream<Event>,
    mut wanted: impl FnMut(&IceGathererEvent) -> bool,
) {
    within(async {
        loop {
            match events.next().await.unwrap() {
                Event::Gatherer(event) if wanted(&event) => return,
                _ => {}
            }
        }
    })
    .await;
}

fn is_relayed(event: &IceGathererEvent) -> bool {
    matches!(event, IceGathererEvent::Candidate(c) if c.kind == CandidateType::Relayed)
}

/// The server is killed under a session, and comes back later.
async fn killed_and_restarted(query: &str) {
    let Some(mut coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    let rtc = runtime(config());
    let url = coturn.url("turn:", query);
    let a = rtc.session(relay_only(&[turn(url.clone())])).unwrap();
    let b = rtc.session(SessionOptions::default()).unwrap();
    connect(&a, &b).await;
    let (ours, theirs) = channel(&a, &b).await;
    echo(&ours, &theirs, "before").await;
    let mut events = a.events();
    coturn.kill();
    wait_for(&mut events, |event| match event {
        IceGathererEvent::CandidateError(error) => {
            assert_eq!((&error.url, error.code), (&url, 701), "{error:?}");
            true
        }
        _ => false,
    })
    .await;
    coturn.restart();
    // A new allocation takes over; keys and association are still those of before.
    wait_for(&mut events, is_relayed).await;
    echo(&ours, &theirs, "after").await;
    assert_eq!(kinds(a.gatherer()), [CandidateType::Relayed]);
    within(a.close()).await;
}

#[tokio::test]
async fn scenario_16_a_server_killed_under_us_over_udp_is_an_event_and_used_again_when_it_is_back()
{
    killed_and_restarted("?transport=udp").await;
}

#[tokio::test]
async fn scenario_16_a_server_killed_under_us_over_tcp_is_an_event_and_used_again_when_it_is_back()
{
    killed_and_restarted("?transport=tcp").await;
}

#[tokio::test]
async fn scenario_16_a_server_that_was_restarted_is_found_out_although_it_says_nothing() {
    let Some(mut coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    let rtc = runtime(config());
    let url = coturn.url("turn:", "?transport=udp");
    let a = rtc.session(relay_only(&[turn(url.clone())])).unwrap();
    let b = rtc.session(SessionOptions::default()).unwrap();
    connect(&a, &b).await;
    let (ours, theirs) = channel(&a, &b).await;
    let mut events = a.events();
    coturn.kill();
    coturn.restart();
    wait_for(&mut events, |event| match event {
        IceGathererEvent::CandidateError(error) => {
            assert_eq!(error.url, url);
            // ICMP may have told of the moment without a server.
            error.code == 437 || error.code == 701
        }
        _ => false,
    })
    .await;
    wait_for(&mut events, is_relayed).await;
    echo(&ours, &theirs, "after").await;
}

#[tokio::test]
async fn scenario_16_the_relay_dies_and_ice_moves_away() {
    let relays = [[127, 0, 0, 2], [127, 0, 0, 3]].map(IpAddr::from);
    let mut servers = Vec::new();
    for relay in relays {
        let Some(coturn) = Coturn::start_at(free_address(relay), relay, &[LOOPBACK_PEERS]) else {
            return;
        };
        servers.push(coturn);
    }
    let rtc = runtime(config());
    let urls: Vec<_> = servers
        .iter()
        .map(|s| turn(s.url("turn:", "?transport=tcp")))
        .collect();
    let a = rtc.session(relay_only(&urls)).unwrap();
    let b = rtc.session(SessionOptions::default()).unwrap();
    connect(&a, &b).await;
    let (ours, theirs) = channel(&a, &b).await;
    echo(&ours, &theirs, "by one").await;
    let used = || a.ice().selected_pair().unwrap().path.local.ip();
    let dies = used();
    let dying = relays.iter().position(|relay| *relay == dies).unwrap();
    servers[dying].kill();
    echo(&ours, &theirs, "by the other").await;
    assert_eq!(used(), relays[1 - dying]);
    assert_eq!(kinds(a.gatherer()), [CandidateType::Relayed]);
}

/// As a socket error would, or a bug: what it had is gone, and made again.
#[cfg(feature = "chaos")]
#[tokio::test]
async fn scenario_26_a_gatherer_that_panics_makes_its_relays_again() {
    use actix_rtc::ActorKind;
    use actix_rtc::chaos::{Fault, Moment};

    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    let rtc = runtime(config());
    for query in ["?transport=udp", "?transport=tcp"] {
        let a = rtc
            .session(relay_only(&[turn(coturn.url("turn:", query))]))
            .unwrap();
        let b = rtc.session(SessionOptions::default()).unwrap();
        connect(&a, &b).await;
        let (ours, theirs) = channel(&a, &b).await;
        echo(&ours, &theirs, "before").await;
        let mut events = a.events();
        a.inject(ActorKind::Gatherer, Fault::Panic, Moment::Now);
        wait_for(&mut events, is_relayed).await;
        echo(&ours, &theirs, "after").await;
        assert_eq!(kinds(a.gatherer()), [CandidateType::Relayed]);
        within(a.close()).await;
    }
}

#[tokio::test]
async fn scenario_16_several_allocations_of_a_session_are_given_back_when_it_closes() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS, "--user-quota=2"]) else {
        return;
    };
    let rtc = runtime(config());
    let servers = || {
        vec![
            turn(coturn.url("turn:", "?transport=tcp")),
            turn(coturn.url("turn:", "?transport=udp")),
        ]
    };
    let session = rtc.session(relay_only(&servers())).unwrap();
    assert_eq!(gather(session.gatherer(), servers()).await, []);
    let mut candidates = session.gatherer().local_candidates();
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
    let preferences: Vec<_> = candidates.iter().map(|c| c.priority >> 24).collect();
    assert_eq!(preferences, [2, 1], "UDP before TCP");
    let third = rtc.gatherer(relay_only(&[])).unwrap();
    let errors = gather(&third, servers()).await;
    let codes: Vec<_> = errors.iter().map(|error| error.code).collect();
    assert_eq!(codes, [486, 486], "{errors:?}");
    within(session.close()).await;
    // coturn counts again some seconds after it has said yes to a Refresh of no time.
    within(async {
        loop {
            let next = rtc.gatherer(relay_only(&[])).unwrap();
            if gather(&next, servers()).await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn scenario_16_a_redirection_is_followed() {
    let Some(other) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    let alternate = format!("--alternate-server={}", other.address);
    let Some(first) = Coturn::start(&[LOOPBACK_PEERS, &alternate]) else {
        return;
    };
    let rtc = runtime(config());
    for query in ["?transport=udp", "?transport=tcp"] {
        let gatherer = rtc.gatherer(relay_only(&[])).unwrap();
        let errors = gather(&gatherer, vec![turn(first.url("turn:", query))]).await;
        assert_eq!(errors, []);
        assert_eq!(kinds(&gatherer), [CandidateType::Relayed]);
    }
}

#[tokio::test]
async fn scenario_15_servers_that_fail_are_events_and_hold_back_no_other() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = format!("stun:{}", silent.local_addr().unwrap());
    let missing = "stun:does-not-exist.invalid".to_owned();
    let nobody = free_address(Ipv4Addr::LOCALHOST.into());
    let refused = format!("turn:{nobody}?transport=tcp");
    let rtc = runtime(config());
    let gatherer = rtc.gatherer(SessionOptions::default()).unwrap();
    let servers = vec![
        IceServer::stun(silent.clone()),
        IceServer::stun(missing.clone()),
        turn(refused.clone()),
        IceServer::stun(coturn.url("stun:", "")),
        turn(coturn.url("turn:", "")),
    ];
    let mut events = gatherer.events();
    let gathering = gatherer.gather(Some(servers));
    let (mut failed, mut relayed_after) = (Vec::new(), None);
    let listening = async {
        loop {
            match events.next().await.unwrap() {
                IceGathererEvent::CandidateError(error) => failed.push(error),
                IceGathererEvent::StateChange(IceGathererState::Complete) => return,
                event if is_relayed(&event) => {
                    let silent = |e: &IceCandidateError| e.url.starts_with(&silent);
                    relayed_after = Some(failed.iter().any(silent));
                }
                _ => {}
            }
        }
    };
    within(async { tokio::join!(gathering, listening).0.unwrap() }).await;
    assert_eq!(relayed_after, Some(false), "the silent one was waited for");
    let said = |url: &str| failed.iter().find(|error| error.url == url);
    for (url, text) in [
        (&silent, "does not answer"),
        (&missing, "the name"),
        (&refused, "no connection"),
    ] {
        let error = said(url).unwrap_or_else(|| panic!("nothing of {url}: {failed:?}"));
        assert_eq!(error.code, 701);
        assert!(
            !error.text.is_empty() && error.text.contains(text),
            "{error:?}"
        );
    }
    // IPv6's loopback may have no server, which is no failure of a server on IPv4's.
    assert!(
        failed
            .iter()
            .all(|e| !e.url.contains(&coturn.address.to_string()))
    );
}
