//! The TURN client against a real coturn, over loopback (scenario 16, 17).
//!
//! Each test starts a server of its own on free ports and ends it. Where `turnserver` is not
//! installed the tests say so and pass; with CI=true they fail.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use actix_rtc_proto::Machine;
use actix_rtc_proto::random::Random;
use actix_rtc_proto::turn::{Client, Config, Credentials, Event, Failure, Framing, State};
use bytes::Bytes;

#[path = "harness/coturn.rs"]
mod coturn;

use coturn::{Coturn, LOOPBACK_PEERS};

const PATIENCE: Duration = Duration::from_secs(20);

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// A client with its socket and a clock.
struct Driver {
    client: Client,
    socket: Socket,
    events: Vec<Event>,
}

impl Driver {
    fn udp(server: SocketAddr, config: Config, password: &str) -> Driver {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect(server).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        Driver::new(
            server,
            config,
            password,
            Framing::Datagrams,
            Socket::Udp(socket),
        )
    }

    fn tcp(server: SocketAddr, config: Config, password: &str) -> Driver {
        let socket = TcpStream::connect(server).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        socket.set_nodelay(true).unwrap();
        Driver::new(
            server,
            config,
            password,
            Framing::Stream,
            Socket::Tcp(socket),
        )
    }

    fn new(
        server: SocketAddr,
        config: Config,
        password: &str,
        framing: Framing,
        socket: Socket,
    ) -> Driver {
        let random = Random::from_number(u64::from(server.port()));
        let credentials = Credentials::new("user", password);
        let mut client = Client::new(config, server, framing, credentials, random);
        client.allocate(Instant::now()).unwrap();
        Driver {
            client,
            socket,
            events: Vec::new(),
        }
    }

    fn allocated(mut self) -> Driver {
        let relayed = self.wait(|event| match event {
            Event::Allocated { relayed, .. } => Some(*relayed),
            _ => None,
        });
        assert_eq!(self.client.relayed(), Some(relayed));
        self
    }

    /// One turn of the drive loop.
    fn turn(&mut self) {
        let now = Instant::now();
        if self.client.poll_timeout().is_some_and(|at| at <= now) {
            self.client.handle_timeout(now);
        }
        while let Some(segments) = self.client.poll_transmit(now) {
            match &mut self.socket {
                Socket::Udp(socket) => {
                    for datagram in segments.iter() {
                        // An error of an earlier datagram may surface here.
                        if socket.send(&datagram).is_err() {
                            self.client.handle_unreachable(now);
                        }
                    }
                }
                Socket::Tcp(socket) => {
                    if socket.write_all(segments.contents()).is_err() {
                        self.client.handle_disconnected(now);
                    }
                }
            }
        }
        let mut buffer = [0; 65_536];
        let server = self.client.server();
        let now = Instant::now();
        match &mut self.socket {
            Socket::Udp(socket) => match socket.recv(&mut buffer) {
                Ok(len) => {
                    let datagram = Bytes::copy_from_slice(&buffer[..len]);
                    self.client.handle_datagram(now, server, datagram);
                }
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    self.client.handle_unreachable(now);
                }
                Err(_) => {}
            },
            Socket::Tcp(socket) => match socket.read(&mut buffer) {
                Ok(0) => self.client.handle_disconnected(now),
                Ok(len) => {
                    self.client
                        .handle_stream(now, Bytes::copy_from_slice(&buffer[..len]));
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => self.client.handle_disconnected(now),
            },
        }
        self.events
            .extend(std::iter::from_fn(|| self.client.poll_event()));
    }

    fn wait<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.turn();
            if let Some(found) = self.events.iter().find_map(&wanted) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "waited in vain, saw {:?}",
                self.events
            );
        }
    }

    fn failure(&mut self) -> Failure {
        self.wait(|event| match event {
            Event::Failed(failure) => Some(failure.clone()),
            _ => None,
        })
    }

    fn send(&mut self, peer: SocketAddr, data: &[u8]) {
        self.client.send(Instant::now(), peer, data).unwrap();
    }

    fn close(mut self) {
        self.client.close(Instant::now());
        self.wait(|event| matches!(event, Event::Closed).then_some(()));
        assert_eq!(self.client.state(), State::Closed);
    }
}

/// A socket that sends back what it gets, until the test ends.
fn echo_peer() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..len], from);
        }
    });
    address
}

/// Moves 10 MB to a peer and back, in numbered datagrams of odd length (which a stream pads), and
/// sends what was lost again.
fn move_10_mb(mut driver: Driver) {
    const LEN: usize = 1199;
    const COUNT: u32 = 10_000_000_u32.div_ceil(LEN as u32);
    const WINDOW: usize = 48;
    let peer = echo_peer();
    let datagram = |number: u32| {
        let mut data = vec![0x17; LEN];
        data[1..5].copy_from_slice(&number.to_be_bytes());
        for (index, byte) in data[5..].iter_mut().enumerate() {
            *byte = (number as usize + index) as u8;
        }
        data
    };
    let (mut next, mut flying, mut progress) = (0, BTreeSet::new(), Instant::now());
    let started = Instant::now();
    while next < COUNT || !flying.is_empty() {
        if flying.is_empty() || progress.elapsed() > Duration::from_millis(200) {
            // Lost, all of them or some.
            for &number in &flying {
                driver.send(peer, &datagram(number));
            }
            progress = Instant::now();
        }
        // The first one alone: it waits for the permission.
        let window = if next == 0 { 1 } else { WINDOW };
        while flying.len() < window && next < COUNT {
            driver.send(peer, &datagram(next));
            flying.insert(next);
            next += 1;
        }
        driver.turn();
        for event in driver.events.drain(..) {
            if let Event::Received { peer: from, data } = event {
                assert_eq!(from, peer);
                let number = u32::from_be_bytes(data[1..5].try_into().unwrap());
                assert_eq!(data, datagram(number), "datagram {number}");
                if flying.remove(&number) {
                    progress = Instant::now();
                }
            }
        }
        assert!(progress.elapsed() < PATIENCE && started.elapsed() < Duration::from_secs(120));
    }
    let counters = driver.client.counters();
    eprintln!("10 MB and back in {:.1?}: {counters:?}", started.elapsed());
    assert!(
        counters.channel_data_sent > u64::from(COUNT) / 2,
        "{counters:?}"
    );
    assert!(counters.bytes_received >= 10_000_000);
    driver.close();
}

#[test]
fn scenario_16_10_mb_through_coturn_over_udp() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    move_10_mb(Driver::udp(coturn.address, Config::default(), "secret").allocated());
}

#[test]
fn scenario_16_10_mb_through_coturn_over_tcp() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    move_10_mb(Driver::tcp(coturn.address, Config::default(), "secret").allocated());
}

#[test]
fn scenario_16_indications_alone_carry_data_both_ways() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    let config = Config::default().channels(false);
    for make in [Driver::udp, Driver::tcp] {
        let mut driver = make(coturn.address, config.clone(), "secret").allocated();
        let peer = echo_peer();
        for len in [1, 2, 3, 4, 500, 1200] {
            driver.events.clear();
            driver.send(peer, &vec![0x80; len]);
            let echoed = driver.wait(|event| match event {
                Event::Received { data, .. } => Some(data.clone()),
                _ => None,
            });
            assert_eq!(echoed, vec![0x80; len]);
        }
        assert_eq!(driver.client.counters().channel_data_sent, 0);
        driver.close();
    }
}

#[test]
fn scenario_17_a_wrong_password_is_401() {
    let Some(coturn) = Coturn::start(&[]) else {
        return;
    };
    for make in [Driver::udp, Driver::tcp] {
        let failure = make(coturn.address, Config::default(), "wrong").failure();
        assert_eq!(
            (failure.code(), failure.reason()),
            (401, "unauthorized"),
            "{failure}"
        );
    }
}

#[test]
fn scenario_16_an_expired_nonce_is_replaced() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS, "--stale-nonce=1"]) else {
        return;
    };
    let mut driver = Driver::udp(coturn.address, Config::default(), "secret").allocated();
    let peer = echo_peer();
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(2100));
        driver.client.probe(Instant::now());
        driver.turn();
    }
    driver.send(peer, b"\x80data");
    driver.wait(|event| matches!(event, Event::Received { .. }).then_some(()));
    let counters = driver.client.counters();
    assert!(
        counters.stale_nonces >= 1 && counters.refreshes >= 1,
        "{counters:?}"
    );
    driver.close();
}

#[test]
fn scenario_16_a_server_that_was_killed_is_noticed() {
    let Some(mut coturn) = Coturn::start(&[]) else {
        return;
    };
    let config = Config::default().request_timeout(Duration::from_secs(2));
    let mut udp = Driver::udp(coturn.address, config.clone(), "secret").allocated();
    let mut tcp = Driver::tcp(coturn.address, config.clone(), "secret").allocated();
    coturn.kill();
    assert_eq!(tcp.failure(), Failure::ConnectionLost);
    // UDP learns of it by ICMP as soon as anything is sent, and then asks once more.
    udp.client.probe(Instant::now());
    assert_eq!(udp.failure(), Failure::Unreachable);
    let mut late = Driver::udp(coturn.address, config, "secret");
    assert_eq!(late.failure(), Failure::Unreachable);
}

#[test]
fn scenario_16_a_server_that_was_restarted_knows_us_no_more() {
    let Some(mut coturn) = Coturn::start(&[]) else {
        return;
    };
    let mut driver = Driver::udp(coturn.address, Config::default(), "secret").allocated();
    coturn.kill();
    coturn.restart();
    driver.client.probe(Instant::now());
    let failure = driver.failure();
    assert_eq!(
        (failure.code(), failure.reason()),
        (437, "allocation_mismatch"),
        "{failure}"
    );
    // A new client on a new port has a new allocation.
    Driver::udp(coturn.address, Config::default(), "secret")
        .allocated()
        .close();
}

#[test]
fn scenario_16_the_quota_is_486_and_given_back_by_close() {
    let Some(coturn) = Coturn::start(&["--user-quota=1"]) else {
        return;
    };
    let first = Driver::udp(coturn.address, Config::default(), "secret").allocated();
    let failure = Driver::udp(coturn.address, Config::default(), "secret").failure();
    assert_eq!(
        (failure.code(), failure.reason()),
        (486, "quota_reached"),
        "{failure}"
    );
    first.close();
    // coturn counts again some seconds after it has said yes to the Refresh.
    let deadline = Instant::now() + PATIENCE;
    let outcome = |event: &Event| match event {
        Event::Allocated { .. } => Some(true),
        Event::Failed(_) => Some(false),
        _ => None,
    };
    loop {
        let mut next = Driver::udp(coturn.address, Config::default(), "secret");
        if next.wait(outcome) {
            next.close();
            return;
        }
        assert!(Instant::now() < deadline, "the quota is not given back");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn scenario_16_a_forbidden_peer_is_403_and_the_allocation_lives() {
    let Some(coturn) = Coturn::start(&["--denied-peer-ip=192.0.2.0-192.0.2.255"]) else {
        return;
    };
    let mut driver = Driver::udp(coturn.address, Config::default(), "secret").allocated();
    driver.send(SocketAddr::from(([192, 0, 2, 9], 9)), b"\x80data");
    let code = driver.wait(|event| match event {
        Event::PeerRefused { failure, .. } => Some(failure.code()),
        _ => None,
    });
    assert_eq!(code, 403);
    assert_eq!(driver.client.state(), State::Allocated);
    driver.close();
}

#[test]
fn scenario_16_two_clients_meet_relay_to_relay() {
    let Some(coturn) = Coturn::start(&[LOOPBACK_PEERS]) else {
        return;
    };
    let mut a = Driver::udp(coturn.address, Config::default(), "secret").allocated();
    let mut b = Driver::tcp(coturn.address, Config::default(), "secret").allocated();
    let (at_a, at_b) = (a.client.relayed().unwrap(), b.client.relayed().unwrap());
    // Both must permit the other before anything comes through.
    a.client.permit(Instant::now(), at_b.ip()).unwrap();
    b.client.permit(Instant::now(), at_a.ip()).unwrap();
    let permitted = |event: &Event| matches!(event, Event::Permitted { .. }).then_some(());
    a.wait(permitted);
    b.wait(permitted);
    let received = |event: &Event| match event {
        Event::Received { peer, data } => Some((*peer, data.clone())),
        _ => None,
    };
    for round in 0..10_u8 {
        a.events.clear();
        b.events.clear();
        a.send(at_b, &[0x80, round]);
        a.turn();
        assert_eq!(
            b.wait(received),
            (at_a, Bytes::copy_from_slice(&[0x80, round]))
        );
        b.send(at_a, &[0x81, round]);
        b.turn();
        assert_eq!(
            a.wait(received),
            (at_b, Bytes::copy_from_slice(&[0x81, round]))
        );
    }
    a.close();
    b.close();
}
