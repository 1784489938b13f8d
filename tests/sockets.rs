//! The ways to be reached: shared ports, port ranges, changing interfaces, TCP and mDNS, over real
//! sockets of this host.

#[path = "harness/pair.rs"]
mod pair;
#[path = "harness/time_limit.rs"]
mod time_limit;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_rtc::proto::ice::{Address, CandidateRejected, TcpType};
use actix_rtc::proto::net::Protocol;
use actix_rtc::{
    AddressFilter, Config, ConfigError, IceCandidate, IceGathererEvent, IceTransport,
    IceTransportEvent, IceTransportState, Interfaces, Message, NetworkInterface, Runtime,
    SelectedPair, Session, SessionOptions, StartError, UdpMode,
};
use pair::{channel, echo, start};
use socket2::{Domain, Socket, Type};
use time_limit::{LIMIT, until, within};

/// Only 127.0.0.1, or such.
fn only(address: &str) -> AddressFilter {
    AddressFilter::default().addresses([address.parse().unwrap()])
}

fn config() -> Config {
    Config::default()
        .workers(2)
        .loopback(true)
        .addresses(only("127.0.0.1"))
}

async fn connect(from: &Runtime, to: &Runtime) -> (Session, Session) {
    let offerer = from.session(SessionOptions::default()).unwrap();
    let answerer = to.session(SessionOptions::default()).unwrap();
    pair::connect(&offerer, &answerer).await;
    (offerer, answerer)
}

/// What is sent arrives, and nothing else.
async fn exchange(from: &Session, to: &Session, content: Vec<u8>) {
    let (ours, theirs) = channel(from, to).await;
    echo(&ours, &theirs, content).await;
}

#[tokio::test]
async fn sessions_of_several_workers_share_a_single_port() {
    let server = start(config().workers(3).udp(UdpMode::SinglePort {
        ip: Ipv4Addr::LOCALHOST.into(),
        port: 0,
    }));
    let addresses = server.udp_addresses();
    assert_eq!(addresses.len(), 3);
    assert!(addresses.iter().all(|address| *address == addresses[0]));
    let client = start(config());
    let mut sessions = Vec::new();
    for number in 0..12u8 {
        let (a, b) = connect(&client, &server).await;
        let pair = a.ice().selected_pair().unwrap();
        assert_eq!(pair.path.remote, addresses[0]);
        exchange(&a, &b, vec![number; 1000]).await;
        sessions.push((a, b));
    }
    assert!(server.worker_loads().iter().all(|load| *load == 4));
    for (number, (a, b)) in sessions.iter().enumerate() {
        exchange(a, b, vec![number as u8; 50_000]).await;
    }
}

#[test]
fn what_cannot_be_bound_or_announced_is_an_error_at_the_start() {
    let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
    let mux = |ip: IpAddr, port| UdpMode::Mux { ip, port };
    let announce = |udp, announced: &[&str]| {
        let config = config().workers(1).udp(udp).announce(
            announced
                .iter()
                .map(|ip| ip.parse().unwrap())
                .collect::<Vec<_>>(),
        );
        Runtime::builder().config(config).start().map(drop)
    };
    for (announced, words) in [
        (&["2001:db8::1"][..], "not of the same family"),
        (&["0.0.0.0"], "no peer can send there"),
        (&["224.0.0.1"], "no peer can send there"),
        (&["255.255.255.255"], "no peer can send there"),
        (&["192.0.2.1", "192.0.2.1"], "twice"),
    ] {
        for udp in [
            mux(localhost, 0),
            UdpMode::SinglePort {
                ip: localhost,
                port: 0,
            },
        ] {
            let error = announce(udp, announced).unwrap_err();
            assert!(matches!(error, StartError::Config(_)), "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
    let refused = announce(UdpMode::PerSession, &["192.0.2.1"]).unwrap_err();
    let without = StartError::Config(ConfigError::AnnounceWithoutMux);
    assert_eq!(refused.to_string(), without.to_string());
    announce(mux(localhost, 0), &["192.0.2.1", "192.0.2.2"]).unwrap();

    // A wildcard, and no address of its family that peers could be told.
    let lonely = config()
        .workers(1)
        .udp(mux(IpAddr::from(std::net::Ipv6Addr::UNSPECIFIED), 0));
    let error = Runtime::builder().config(lonely).start().unwrap_err();
    assert!(error.to_string().contains("announce one"), "{error}");

    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for udp in [
        mux(localhost, port),
        UdpMode::SinglePort {
            ip: localhost,
            port,
        },
    ] {
        let error = announce(udp, &[]).unwrap_err();
        let words = format!("cannot open UDP 127.0.0.1:{port}");
        assert!(error.to_string().contains(&words), "{error}");
    }
}

/// Interfaces as a test wants them.
#[derive(Clone, Default)]
struct Wires(Arc<Mutex<Vec<&'static str>>>);

impl Wires {
    fn set(&self, addresses: &[&'static str]) {
        *self.0.lock().unwrap() = addresses.to_vec();
    }

    fn config(&self) -> Config {
        let wires = self.0.clone();
        config()
            .addresses(AddressFilter::default())
            .interface_interval(Duration::from_millis(20))
            .interfaces(Interfaces::from_fn(move || {
                let wires = wires.lock().unwrap();
                let interface = |ip: &&str| NetworkInterface::new("test0", ip.parse().unwrap(), 1);
                Ok(wires.iter().map(interface).collect())
            }))
    }
}

fn ips(session: &Session) -> Vec<String> {
    let candidates = session.gatherer().local_candidates();
    let mut ips: Vec<String> = candidates
        .iter()
        .map(|candidate| candidate.socket_addr().unwrap().ip().to_string())
        .collect();
    ips.sort();
    ips
}

#[tokio::test]
async fn an_interface_that_comes_is_a_candidate_and_one_that_goes_moves_the_session() {
    let anywhere = UdpMode::Mux {
        ip: Ipv4Addr::UNSPECIFIED.into(),
        port: 0,
    };
    for udp in [UdpMode::PerSession, anywhere] {
        let wires = Wires::default();
        wires.set(&["127.0.0.1"]);
        let moving = start(wires.config().udp(udp.clone()));
        let fixed = start(config());
        let (a, b) = connect(&moving, &fixed).await;
        exchange(&a, &b, b"before".to_vec()).await;

        let mut found = a.gatherer().events();
        wires.set(&["127.0.0.1", "127.0.0.2"]);
        let new = within(async {
            loop {
                match found.next().await.unwrap() {
                    IceGathererEvent::Candidate(candidate) => return candidate,
                    _ => continue,
                }
            }
        })
        .await;
        let new = new.socket_addr().unwrap();
        assert_eq!(new.ip().to_string(), "127.0.0.2", "{udp:?}");
        assert_eq!(ips(&a), ["127.0.0.1", "127.0.0.2"]);

        // The address in use goes: by the other one the session goes on, without signalling.
        let mut events = a.ice().events();
        wires.set(&["127.0.0.2"]);
        until(|| {
            let pair = a.ice().selected_pair();
            let works = [IceTransportState::Connected, IceTransportState::Completed];
            pair.is_some_and(|pair| pair.path.local == new) && works.contains(&a.ice().state())
        })
        .await;
        assert_eq!(ips(&a), ["127.0.0.2"]);
        exchange(&a, &b, b"after".to_vec()).await;

        // Nothing that it had is left: that takes an ICE restart, which is offered.
        wires.set(&["127.0.0.3"]);
        within(async { while events.next().await.unwrap() != IceTransportEvent::RestartNeeded {} })
            .await;
        until(|| ips(&a) == ["127.0.0.3"]).await;
    }
}

fn over_tcp(udp: UdpMode) -> Config {
    config().tcp(true).udp(udp)
}

#[tokio::test]
async fn two_sessions_connect_over_tcp_alone() {
    let [a, b] = [0, 1].map(|_| start(over_tcp(UdpMode::Off)));
    let (a, b) = connect(&a, &b).await;
    for session in [&a, &b] {
        let kinds: Vec<_> = session
            .gatherer()
            .local_candidates()
            .iter()
            .map(|c| (c.protocol, c.tcp_type.unwrap(), c.address.port() == 9))
            .collect();
        assert_eq!(
            kinds,
            [
                (Protocol::Tcp, TcpType::Active, true),
                (Protocol::Tcp, TcpType::Passive, false)
            ]
        );
        let pair = session.ice().selected_pair().unwrap();
        assert_eq!(pair.path.protocol, Protocol::Tcp);
    }
    for size in [0, 1, 1200, 262_144] {
        exchange(&a, &b, vec![size as u8; size]).await;
    }
    let (ours, theirs) = channel(&a, &b).await;
    let sending = async {
        for n in 0..64u8 {
            ours.send(Message::binary(vec![n; 64 << 10])).await.unwrap();
        }
    };
    let receiving = async {
        for n in 0..64u8 {
            let message = theirs.recv().await;
            assert_eq!(message, Some(Message::binary(vec![n; 64 << 10])));
        }
    };
    within(async { tokio::join!(sending, receiving) }).await;
    within(a.close()).await;
    within(b.closed()).await;
}

/// Behind one TCP port there may be a session of any worker.
#[tokio::test]
async fn tcp_connections_find_their_session_on_ports_that_are_shared() {
    let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
    for udp in [
        UdpMode::SinglePort { ip, port: 0 },
        UdpMode::Mux { ip, port: 0 },
    ] {
        let server = start(over_tcp(udp));
        let client = start(over_tcp(UdpMode::Off));
        let mut sessions = Vec::new();
        for number in 0..6u8 {
            let (a, b) = connect(&client, &server).await;
            let pair = a.ice().selected_pair().unwrap();
            assert_eq!(pair.path.protocol, Protocol::Tcp);
            exchange(&a, &b, vec![number; 3000]).await;
            sessions.push((a, b));
        }
    }
}

#[tokio::test]
async fn with_udp_and_tcp_udp_is_chosen() {
    let [a, b] = [0, 1].map(|_| start(over_tcp(UdpMode::PerSession)));
    let (a, b) = connect(&a, &b).await;
    // The best pair comes into use, and is nominated.
    until(|| {
        let pairs = [&a, &b].map(|session| session.ice().selected_pair());
        let best = |pair: &SelectedPair| pair.path.protocol == Protocol::Udp && pair.nominated;
        pairs
            .into_iter()
            .all(|pair| pair.is_some_and(|pair| best(&pair)))
    })
    .await;
}

#[tokio::test]
async fn a_tcp_connection_that_names_no_session_is_closed() {
    let rtc = start(over_tcp(UdpMode::Off));
    let gatherer = rtc.gatherer(SessionOptions::default()).unwrap();
    within(gatherer.gather(None)).await.unwrap();
    let candidates = gatherer.local_candidates();
    let passive = candidates
        .iter()
        .find(|c| c.tcp_type == Some(TcpType::Passive));
    let port = passive.unwrap().socket_addr().unwrap();
    use actix_rtc::proto::stun::binding::{self, Check, RoleClaim};
    use actix_rtc::proto::stun::{Key, TransactionId};
    let stranger = Check {
        transaction_id: TransactionId([1; 12]),
        username: "nobody:here",
        priority: 1,
        role: RoleClaim::Controlling(1),
        use_candidate: false,
    };
    let framed = |datagram: &[u8]| {
        let mut framed = (datagram.len() as u16).to_be_bytes().to_vec();
        framed.extend(datagram);
        framed
    };
    for (what, bytes) in [
        ("too long", vec![0xFF; 100]),
        ("no STUN", framed(b"hello, world")),
        (
            "no user name",
            framed(&binding::discovery(TransactionId([2; 12]))),
        ),
        (
            "a stranger",
            framed(&stranger.encode(&Key::short_term("a password"))),
        ),
    ] {
        let closed = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(port).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            stream.write_all(&bytes).unwrap();
            // Either is an end.
            matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_))
        });
        assert!(within(closed).await.unwrap(), "{what}");
    }
}

/// Answers for one name, as a browser does; ends when it is dropped.
struct Responder(Arc<AtomicBool>);

impl Responder {
    fn start(name: &'static str, address: Ipv4Addr) -> Responder {
        let group = Ipv4Addr::new(224, 0, 0, 251);
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.set_reuse_port(true).unwrap();
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5353));
        socket.bind(&any.into()).unwrap();
        socket
            .join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
            .unwrap();
        socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        let socket = std::net::UdpSocket::from(socket);
        let pause = Duration::from_millis(50);
        socket.set_read_timeout(Some(pause)).unwrap();
        let running = Arc::new(AtomicBool::new(true));
        let responder = Responder(running.clone());
        let mut labels = Vec::new();
        for label in name.split('.') {
            labels.push(label.len() as u8);
            labels.extend(label.as_bytes());
        }
        labels.push(0);
        let mut answer = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        answer.extend(&labels);
        answer.extend([0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4]);
        answer.extend(address.octets());
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while running.load(Ordering::Relaxed) {
                let Ok((length, _)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let is_question = buffer[2] & 0x80 == 0;
                let question = &buffer[..length];
                if is_question && question.windows(labels.len()).any(|w| w == labels) {
                    socket.send_to(&answer, (group, 5353)).unwrap();
                }
            }
        });
        responder
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The same candidate behind a name.
fn hidden(candidate: &IceCandidate, name: &str) -> IceCandidate {
    let port = candidate.address.port();
    IceCandidate {
        address: Address::Name(name.into(), port),
        ..candidate.clone()
    }
}

async fn ice(rtc: &Runtime) -> IceTransport {
    let gatherer = rtc.gatherer(SessionOptions::default()).unwrap();
    within(gatherer.gather(None)).await.unwrap();
    IceTransport::new(&gatherer).unwrap()
}

#[tokio::test]
async fn scenario_14_a_name_is_resolved_even_after_the_end_of_candidates() {
    const NAME: &str = "0e6d3b4c-5c1d-4f0e-9a57-c0ffee000001.local";
    let _responder = Responder::start(NAME, Ipv4Addr::LOCALHOST);
    let rtc = start(config());
    let (a, b) = (ice(&rtc).await, ice(&rtc).await);
    let candidates = a.ice_gatherer().local_candidates();
    let started = b.start(a.ice_gatherer().local_parameters());
    b.add_remote_candidate(hidden(&candidates[0], NAME));
    b.add_remote_candidate(None);
    within(async {
        let other = a.start(b.ice_gatherer().local_parameters());
        let (ours, theirs) = tokio::join!(started, other);
        ours.unwrap();
        theirs.unwrap();
    })
    .await;
    let known = b.remote_candidates();
    assert_eq!(known[0].socket_addr(), candidates[0].socket_addr());
}

#[tokio::test]
async fn scenario_14_a_name_that_nobody_answers_for_is_an_event_and_then_the_end() {
    let rtc = start(config().mdns(Duration::from_millis(300)));
    let (a, b) = (ice(&rtc).await, ice(&rtc).await);
    let candidate = a.ice_gatherer().local_candidates()[0].clone();
    let mut events = b.events();
    b.add_remote_candidate(hidden(&candidate, "0e6d3b4c-nobody-c0ffee000002.local"));
    b.add_remote_candidate(None);
    let rejected = within(async {
        loop {
            if let IceTransportEvent::CandidateRejected(why) = events.next().await.unwrap() {
                return why;
            }
        }
    })
    .await;
    assert_eq!(rejected, CandidateRejected::Unresolved);
    assert!(b.remote_candidates().is_empty());

    // Resolving is turned off: rejected at once.
    let off = start(config().mdns(None));
    let c = ice(&off).await;
    let mut events = c.events();
    c.add_remote_candidate(hidden(&candidate, "0e6d3b4c-nobody-c0ffee000003.local"));
    within(async {
        let wanted = IceTransportEvent::CandidateRejected(CandidateRejected::Unresolved);
        while events.next().await.unwrap() != wanted {}
    })
    .await;

    // The transport closes while a name is looked for.
    let d = ice(&start(config())).await;
    d.add_remote_candidate(hidden(&candidate, "0e6d3b4c-nobody-c0ffee000004.local"));
    within(d.stop()).await;
    assert_eq!(d.state(), IceTransportState::Closed);
}
