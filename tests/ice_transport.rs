//! The ICE transport over real sockets: scenarios 12 and 13, and what outlives its failure.

#[path = "harness/pair.rs"]
mod pair;
#[path = "harness/time_limit.rs"]
mod time_limit;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_rtc::{
    Config, DataChannel, DtlsTransport, DtlsTransportState, GatherError, IceCandidate, IceError,
    IceGatherer, IceParameters, IceRole, IceServer, IceTransport, IceTransportState, MuxError,
    Runtime, SctpTransport, SctpTransportState, Session, SessionOptions, SignalError, StartError,
    TransportError, UdpMode,
};
use pair::{channel, connect, dialling, start};
use time_limit::{until, within};
use tokio::net::UdpSocket;

fn config() -> Config {
    Config::default().workers(1).loopback(true)
}

/// The four transports of a session; candidates are found.
struct Stack {
    gatherer: IceGatherer,
    ice: IceTransport,
    dtls: DtlsTransport,
    sctp: SctpTransport,
}

async fn stack(rtc: &Runtime, role: IceRole) -> Stack {
    let gatherer = rtc.gatherer(SessionOptions::default()).unwrap();
    within(gatherer.gather(Some(vec![]))).await.unwrap();
    let ice = IceTransport::new(&gatherer).unwrap();
    ice.set_role(role);
    let dtls = DtlsTransport::new(&ice).unwrap();
    let sctp = SctpTransport::new(&dtls).unwrap();
    Stack {
        gatherer,
        ice,
        dtls,
        sctp,
    }
}

fn stranger() -> IceParameters {
    IceParameters {
        username_fragment: "stranger".into(),
        password: "0123456789012345678901".into(),
        ice_lite: false,
    }
}

fn host(address: SocketAddr) -> IceCandidate {
    IceCandidate::host(address, actix_rtc::proto::net::Protocol::Udp)
}

/// Someone who receives and never answers.
async fn silent() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn scenario_12_stop_while_candidates_are_gathered() {
    let rtc = start(config());
    let (_server, address) = silent().await;
    let gatherer = rtc.gatherer(SessionOptions::default()).unwrap();
    let ice = IceTransport::new(&gatherer).unwrap();
    let servers = vec![IceServer::stun(format!("stun:{address}"))];
    let gathering = tokio::spawn({
        let gatherer = gatherer.clone();
        async move { gatherer.gather(Some(servers)).await }
    });
    until(|| !gatherer.local_candidates().is_empty()).await;
    within(ice.stop()).await;
    assert_eq!(ice.state(), IceTransportState::Closed);
    assert_eq!(
        within(ice.start(stranger())).await,
        Err(IceError::Closed),
        "closed for good"
    );
    drop((ice, gatherer));
    gathering.abort();
    let _ = gathering.await;
    until(|| rtc.session_count() == 0).await;
}

#[tokio::test]
async fn scenario_12_stop_during_checks_ends_the_start_that_waits() {
    let rtc = start(config());
    let stack = stack(&rtc, IceRole::Controlling).await;
    let (peer, address) = silent().await;
    stack.ice.add_remote_candidate(host(address));
    let start = tokio::spawn({
        let ice = stack.ice.clone();
        async move { ice.start(stranger()).await }
    });
    // The first check is there.
    within(peer.recv_from(&mut [0; 1500])).await.unwrap();
    assert_eq!(stack.ice.state(), IceTransportState::Checking);
    // Twice at once, and then again.
    within(async { tokio::join!(stack.ice.stop(), stack.ice.stop()) }).await;
    assert_eq!(within(start).await.unwrap(), Err(IceError::Closed));
    within(stack.ice.stop()).await;
    assert_eq!(stack.ice.state(), IceTransportState::Closed);
    assert_eq!(stack.dtls.state(), DtlsTransportState::Closed);
    assert_eq!(stack.sctp.state(), SctpTransportState::Closed);
    drop(stack);
    until(|| rtc.session_count() == 0).await;
}

#[tokio::test]
async fn scenario_12_stop_from_inside_an_event_callback() {
    let rtc = start(config());
    let stack = stack(&rtc, IceRole::Controlling).await;
    let (_peer, address) = silent().await;
    let mut handle = Some(stack.ice.clone());
    stack.ice.on_state_change(move |state| {
        if state == IceTransportState::Checking
            && let Some(ice) = handle.take()
        {
            // On the session's own worker thread, where the callback runs.
            tokio::task::spawn_local(async move { ice.stop().await });
        }
    });
    stack.ice.add_remote_candidate(host(address));
    let started = within(stack.ice.start(stranger())).await;
    assert_eq!(started, Err(IceError::Closed));
    assert_eq!(stack.ice.state(), IceTransportState::Closed);
    drop(stack);
    until(|| rtc.session_count() == 0).await;
}

/// Carries datagrams between two sides of which each knows only it, until it is cut.
struct Middle {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Middle {
    /// Whatever does not come from `second` comes from the first side.
    async fn before(second: SocketAddr) -> Middle {
        let (socket, address) = silent().await;
        let cut = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn({
            let cut = cut.clone();
            async move {
                let (mut buffer, mut first) = ([0; 2048], None);
                loop {
                    let Ok((len, from)) = socket.recv_from(&mut buffer).await else {
                        continue;
                    };
                    if from != second {
                        first = Some(from);
                    }
                    let to = if from == second { first } else { Some(second) };
                    if let Some(to) = to.filter(|_| !cut.load(Ordering::SeqCst)) {
                        let _ = socket.send_to(&buffer[..len], to).await;
                    }
                }
            }
        });
        Middle { address, cut, task }
    }

    fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }
}

impl Drop for Middle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Two stacks that are connected over someone in the middle, with a channel between them.
struct Stacks {
    a: Stack,
    b: Stack,
    middle: Middle,
    channels: [DataChannel; 2],
}

async fn connected(rtc: &Runtime) -> Stacks {
    let a = stack(rtc, IceRole::Controlling).await;
    let b = stack(rtc, IceRole::Controlled).await;
    let candidates = b.gatherer.local_candidates();
    let mut addresses = candidates.iter().filter_map(IceCandidate::socket_addr);
    let loopback = addresses.find(|a| a.ip() == Ipv4Addr::LOCALHOST).unwrap();
    let middle = Middle::before(loopback).await;
    a.ice.add_remote_candidate(host(middle.address));
    a.ice.add_remote_candidate(None);
    let start = async |near: &Stack, far: &Stack| {
        let (parameters, dtls) = (far.gatherer.local_parameters(), far.dtls.local_parameters());
        near.ice.start(parameters).await.unwrap();
        near.dtls.start(dtls).await.unwrap();
        let capabilities = SctpTransport::capabilities();
        near.sctp.start(capabilities, None).await.unwrap();
    };
    within(async { tokio::join!(start(&a, &b), start(&b, &a)) }).await;
    let near = a.sctp.create_data_channel("one", Default::default());
    let near = within(near).await.unwrap();
    let far = within(b.sctp.accept()).await.unwrap();
    Stacks {
        a,
        b,
        middle,
        channels: [near, far],
    }
}

impl Stacks {
    async fn expect_message(&self, text: &str) {
        let [near, far] = &self.channels;
        within(near.send(text)).await.unwrap();
        assert_eq!(within(far.recv()).await, Some(text.into()));
    }

    /// Cuts the connection and waits until both sides have failed.
    async fn fail(&self) {
        self.middle.cut(true);
        for stack in [&self.a, &self.b] {
            let mut events = stack.ice.events();
            within(async {
                while stack.ice.state() != IceTransportState::Failed {
                    events.next().await.expect("the session lives");
                }
            })
            .await;
        }
    }
}

/// Consent that ends soon, for a test that waits for it.
fn impatient() -> actix_rtc::proto::ice::Config {
    actix_rtc::proto::ice::Config::default()
        .consent_interval(Duration::from_secs(1))
        .consent_timeout(Duration::from_secs(5))
        .disconnected_timeout(Duration::from_secs(2))
}

#[tokio::test]
async fn scenario_7_dtls_and_sctp_outlive_a_failed_transport_and_a_restart_mends_it() {
    let rtc = start(config().ice(impatient()));
    let stacks = connected(&rtc).await;
    let states = Arc::new(Mutex::new(Vec::new()));
    stacks.a.ice.on_state_change({
        let states = states.clone();
        move |state| states.lock().unwrap().push(state)
    });
    stacks.expect_message("before").await;
    stacks.fail().await;
    for stack in [&stacks.a, &stacks.b] {
        assert_eq!(stack.dtls.state(), DtlsTransportState::Connected);
        assert_eq!(stack.sctp.state(), SctpTransportState::Connected);
        let failure = stack.ice.failure().expect("it says why");
        assert_eq!(failure.reason.as_str(), "consent_expired");
    }
    // Sent while nothing flows: it waits.
    within(stacks.channels[0].send("meanwhile")).await.unwrap();

    stacks.middle.cut(false);
    let [ours, theirs] = [&stacks.a, &stacks.b].map(|stack| stack.ice.restart());
    let (ours, theirs) = within(async { tokio::join!(ours, theirs) }).await;
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    stacks
        .a
        .ice
        .add_remote_candidate(host(stacks.middle.address));
    stacks.a.ice.add_remote_candidate(None);
    let both = async { tokio::join!(stacks.a.ice.start(theirs), stacks.b.ice.start(ours)) };
    let (a, b) = within(both).await;
    assert_eq!((a, b), (Ok(()), Ok(())));
    let far = &stacks.channels[1];
    assert_eq!(within(far.recv()).await, Some("meanwhile".into()));
    stacks.expect_message("after").await;
    within(stacks.a.ice.stop()).await;
    use IceTransportState::{Checking, Closed, Completed, Connected, Disconnected, Failed};
    within(async {
        // Events come after the states that they tell of.
        while !states.lock().unwrap().contains(&Closed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let states = states.lock().unwrap().clone();
    let mut entered = states.iter();
    for wanted in [Disconnected, Failed, Checking, Connected, Completed, Closed] {
        let found = entered.any(|state| *state == wanted);
        assert!(found, "{wanted} is not where it belongs in {states:?}");
    }
}

#[tokio::test]
async fn scenario_7_a_transport_that_stays_failed_closes_its_session_after_the_grace() {
    let rtc = start(config().ice(impatient()).ice_grace(Duration::from_secs(1)));
    let stacks = connected(&rtc).await;
    stacks.fail().await;
    let closed = |stack: &Stack| {
        let (ice, dtls) = (stack.ice.clone(), stack.dtls.clone());
        async move {
            let mut events = ice.events();
            while ice.state() != IceTransportState::Closed {
                if events.next().await.is_none() {
                    break;
                }
            }
            assert_eq!(ice.state(), IceTransportState::Closed);
            assert_eq!(dtls.state(), DtlsTransportState::Closed);
        }
    };
    within(async { tokio::join!(closed(&stacks.a), closed(&stacks.b)) }).await;
    until(|| rtc.session_count() == 0).await;
}

/// The one that only listens is never woken by its own data, and must look all the same.
#[tokio::test]
async fn scenario_7_data_that_stops_coming_is_asked_after() {
    let day = Duration::from_secs(24 * 3600);
    let asking_after = |silence_probe| {
        config().ice(
            actix_rtc::proto::ice::Config::default()
                .silence_probe(silence_probe)
                .consent_interval(day)
                .consent_timeout(2 * day),
        )
    };
    // The other one asks nothing: its checks would wake it.
    let runtimes = [day, Duration::from_millis(100)].map(|silence| start(asking_after(silence)));
    let [talks, listens] = runtimes
        .each_ref()
        .map(|rtc| rtc.session(SessionOptions::default()).unwrap());
    connect(&talks, &listens).await;
    let (near, far) = channel(&talks, &listens).await;
    // Until all that belongs to connecting is done.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let checks = async || {
        let stats = listens.ice().stats().await.unwrap();
        let sent = stats.pairs.iter().map(|pair| pair.counters.requests_sent);
        sent.sum::<u64>()
    };
    let before = checks().await;
    within(near.send("one word")).await.unwrap();
    assert_eq!(within(far.recv()).await, Some("one word".into()));
    within(async {
        while checks().await == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// A lite server, and a client that offers, of a runtime each.
async fn lite_server(client_lite: bool) -> (Runtime, Runtime, Session, Session) {
    let lite = |lite| config().ice(actix_rtc::proto::ice::Config::default().lite(lite));
    let (clients, servers) = (start(lite(client_lite)), start(lite(true)));
    let client = clients.session(SessionOptions::default()).unwrap();
    let server = servers.session(SessionOptions::default()).unwrap();
    (clients, servers, client, server)
}

#[tokio::test]
async fn scenario_9_a_lite_server_over_sdp() {
    let (_clients, _servers, client, server) = lite_server(false).await;
    let offer = within(client.offer()).await.unwrap();
    assert!(!offer.contains("a=ice-lite"));
    let answer = within(server.accept(&offer)).await.unwrap();
    assert!(answer.contains("\r\na=ice-lite\r\n"), "{answer}");
    within(client.set_answer(&answer)).await.unwrap();
    within(async {
        client.connected().await.unwrap();
        server.connected().await.unwrap();
    })
    .await;
    assert_eq!(client.ice().role(), IceRole::Controlling);
    assert_eq!(server.ice().role(), IceRole::Controlled);
    // An application cannot make it control.
    server.ice().set_role(IceRole::Controlling);
    within(server.ice().stats()).await.unwrap();
    assert_eq!(server.ice().role(), IceRole::Controlled);
    let channel = within(client.create_data_channel("lite", Default::default()));
    let (channel, far) = (channel.await.unwrap(), within(server.accept_data_channel()));
    within(channel.send("hello")).await.unwrap();
    assert_eq!(
        within(far.await.unwrap().recv()).await,
        Some("hello".into())
    );
}

#[tokio::test]
async fn scenario_9_two_lite_sides_are_told_why_they_cannot_connect() {
    let (_clients, _servers, client, server) = lite_server(true).await;
    let offer = within(client.offer()).await.unwrap();
    let error = within(server.accept(&offer)).await.unwrap_err();
    let SignalError::Ice(IceError::Parameters(reason)) = error else {
        panic!("{error}");
    };
    assert_eq!(reason.as_str(), "both_lite");
}

#[tokio::test]
async fn scenario_13_nobody_at_a_port_is_no_other_sessions_concern() {
    // One socket for all sessions: what the system reports on it is about any of them.
    let rtc = start(pair::config(1));
    let [near, far] = [dialling(), SessionOptions::default()].map(|o| rtc.session(o).unwrap());
    connect(&near, &far).await;
    let (channel, echo) = channel(&near, &far).await;

    // Ports at which nobody is: every check to them comes back as an ICMP error.
    let unlucky = stack(&rtc, IceRole::Controlling).await;
    for _ in 0..10 {
        let (socket, address) = silent().await;
        drop(socket);
        unlucky.ice.add_remote_candidate(host(address));
    }
    unlucky.ice.add_remote_candidate(None);
    let start = tokio::spawn({
        let ice = unlucky.ice.clone();
        async move { ice.start(stranger()).await }
    });
    for i in 0..200 {
        within(channel.send(format!("{i}"))).await.unwrap();
        let arrived = within(echo.recv()).await;
        assert_eq!(arrived, Some(format!("{i}").into()), "message {i}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for session in [&near, &far] {
        assert_eq!(session.failure(), None);
    }
    within(unlucky.ice.stop()).await;
    let ended = within(start).await.unwrap();
    let none_works = |e: &TransportError| e.reason.as_str() == "checks_failed";
    match ended {
        Err(IceError::Closed) => {}
        Err(IceError::Failed(error)) if none_works(&error) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn scenario_13_sessions_take_their_ports_from_the_range_until_it_is_exhausted() {
    // Below the ports that systems choose themselves.
    let range = 20_000..=20_999;
    let rtc = start(config().port_range(range.clone()));
    let one = stack(&rtc, IceRole::Controlling).await;
    for candidate in one.gatherer.local_candidates() {
        let port = candidate.socket_addr().unwrap().port();
        assert!(range.contains(&port), "{candidate}");
    }

    // One port, which is taken on every address.
    let any = |ip: std::net::IpAddr| UdpSocket::bind((ip, 0));
    let taken = match any(Ipv6Addr::UNSPECIFIED.into()).await {
        Ok(socket) => socket,
        Err(_) => any(Ipv4Addr::UNSPECIFIED.into()).await.unwrap(),
    };
    let port = taken.local_addr().unwrap().port();
    let rtc = start(config().port_range(port..=port));
    let gatherer = rtc.gatherer(SessionOptions::default()).unwrap();
    let Err(GatherError::Failed(error)) = within(gatherer.gather(Some(vec![]))).await else {
        panic!("{:?}", gatherer.local_candidates());
    };
    assert_eq!(error.reason.as_str(), "socket_bind");
    let words = format!("every port from {port} to {port} is in use");
    assert!(error.to_string().contains(&words), "{error}");
}

#[tokio::test]
async fn scenario_13_a_busy_port_is_an_error_with_that_reason() {
    let (_socket, address) = silent().await;
    let busy = config().udp(UdpMode::Mux {
        ip: address.ip(),
        port: address.port(),
    });
    let error = Runtime::builder().config(busy).start().unwrap_err();
    let StartError::Udp(MuxError::Bind {
        address: at,
        source,
    }) = error
    else {
        panic!("{error}");
    };
    assert_eq!((at, source.kind()), (address, ErrorKind::AddrInUse));
}
