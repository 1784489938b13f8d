//! The DTLS machine against OpenSSL's server over UDP on loopback: flights of many fragments, and
//! handshakes that OpenSSL refuses.
//!
//! Without OpenSSL the tests say that they are skipped, and fail with `CI=true`.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use actix_rtc::proto::Machine;
use actix_rtc::proto::dtls::{
    Certificate, Config, Endpoint, Event, FailureReason, Fingerprint, Role, State,
};
use actix_rtc::proto::random::Random;

/// How long anything may take that should take milliseconds.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs `openssl` to its end; what it printed, or `None` when there is no OpenSSL.
fn openssl(args: &[&str]) -> Option<String> {
    let output = Command::new("openssl").args(args).output();
    let Ok(output) = output else {
        let why = "there is no openssl: nothing was tried against it";
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}");
        let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// OpenSSL's server with a certificate of its own making; ends when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
    fingerprint: Fingerprint,
    folder: PathBuf,
}

impl Server {
    /// With a key of this kind and so many names in its certificate.
    fn start(key: &[&str], names: usize, args: &[&str]) -> Option<Server> {
        let name = format!(
            "actix-rtc-dtls-{}-{names}-{}",
            std::process::id(),
            key.len()
        );
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (key_path, cert) = (path("key.pem"), path("cert.pem"));
        let names = (0..names).map(|i| format!("DNS:host-{i:05}.example"));
        let names = names.collect::<Vec<_>>().join(",");
        let names = format!("subjectAltName={names}");
        let mut make = vec!["req", "-x509", "-nodes", "-subj", "/CN=peer", "-days", "2"];
        make.extend(key);
        make.extend(["-keyout", &key_path, "-out", &cert, "-addext", &names]);
        openssl(&make)?;
        let said = openssl(&["x509", "-in", &cert, "-noout", "-fingerprint", "-sha256"])?;
        let fingerprint = Fingerprint {
            algorithm: "sha-256".into(),
            value: said.split('=').nth(1).unwrap().trim().to_owned(),
        };
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new("openssl")
            .args(["s_server", "-dtls1_2", "-timeout", "-quiet", "-verify", "1"])
            .args([
                "-accept",
                &address.to_string(),
                "-cert",
                &cert,
                "-key",
                &key_path,
            ])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Server {
            child,
            address,
            fingerprint,
            folder,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A client of ours, until it is connected or has failed; and how many datagrams came.
fn handshake(server: &Server) -> (Endpoint, Vec<Event>, Duration) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(server.address).unwrap();
    let mut random = Random::from_number(7);
    let ours = Certificate::generate(&mut random, SystemTime::now(), LIMIT * 1_000).unwrap();
    let mut client = Endpoint::new(Config::default(), ours);
    let began = Instant::now();
    let remote = std::slice::from_ref(&server.fingerprint);
    client.start(began, Role::Client, remote).unwrap();
    let (mut buffer, mut events) = ([0; 2_048], Vec::new());
    while client.state() == State::Connecting && began.elapsed() < LIMIT {
        while let Some(segments) = client.poll_transmit(Instant::now()) {
            for datagram in segments.iter() {
                // Nobody listens there yet, perhaps: it is sent again.
                let _ = socket.send(&datagram);
            }
        }
        let wait = client.poll_timeout().unwrap() - Instant::now();
        let wait = wait.clamp(Duration::from_millis(1), Duration::from_millis(50));
        socket.set_read_timeout(Some(wait)).unwrap();
        let now = || Instant::now();
        if let Ok(len) = socket.recv(&mut buffer) {
            client.handle_datagram(now(), &buffer[..len]);
        }
        if client.poll_timeout().is_some_and(|at| at <= now()) {
            client.handle_timeout(now());
        }
        events.extend(std::iter::from_fn(|| client.poll_event()));
    }
    (client, events, began.elapsed())
}

const EC: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const RSA: [&str; 2] = ["-newkey", "rsa:2048"];

#[test]
fn a_certificate_in_very_many_fragments_is_put_together() {
    // Some 6 KB, and 24 KB, which is more than a record holds.
    for (names, least) in [(300, 30), (1_200, 100)] {
        let Some(server) = Server::start(&EC, names, &["-mtu", "256"]) else {
            return;
        };
        let (client, events, took) = handshake(&server);
        let received = client.counters().datagrams_received;
        println!("{names} names: {received} datagrams, {took:?}");
        assert_eq!(events, [Event::Connected], "{names} names");
        assert!(received >= least, "{received}");
    }
}

#[test]
fn what_openssl_refuses_is_told_by_its_name() {
    let Some(server) = Server::start(&RSA, 1, &[]) else {
        return;
    };
    let (_, events, took) = handshake(&server);
    println!("refused after {took:?}");
    let [Event::Failed(FailureReason::PeerAlert(alert))] = events[..] else {
        panic!("{events:?}");
    };
    // No shared cipher: its key is one that dimpl cannot verify.
    assert_eq!(alert.as_str(), "handshake_failure");
}
