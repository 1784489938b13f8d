//! A real TURN server, coturn, on addresses of loopback or of a namespace.

#![allow(dead_code, reason = "each test uses its part of it")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use actix_rtc_proto::stun;

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// The options without which coturn relays to no peer on loopback.
pub(crate) const LOOPBACK_PEERS: &str = "--allow-loopback-peers";

/// Whether coturn is installed. Says so if not, which is a failure where nothing may be left out.
pub(crate) fn is_installed() -> bool {
    let found = Command::new("turnserver").arg("--version").output().is_ok();
    if !found {
        let said = "`turnserver` (Debian: coturn) is not installed, TURN is NOT tested";
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{said}");
        eprintln!("SKIPPED: {said}");
    }
    found
}

/// A server that ends with the test. It knows `user` with the password `secret`.
pub(crate) struct Coturn {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    options: Vec<String>,
    directory: PathBuf,
}

impl Coturn {
    /// On a free port of 127.0.0.1; `None` where coturn is not installed.
    pub(crate) fn start(options: &[&str]) -> Option<Coturn> {
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Coturn::start_at(free_address(localhost), localhost, options)
    }

    /// Listens at `address` and relays from `relay`; `None` where coturn is not installed.
    pub(crate) fn start_at(address: SocketAddr, relay: IpAddr, options: &[&str]) -> Option<Coturn> {
        if !is_installed() {
            return None;
        }
        let directory =
            std::env::temp_dir().join(format!("coturn-{}-{}", std::process::id(), address));
        std::fs::create_dir_all(&directory).unwrap();
        let relay = format!("--relay-ip={relay}");
        let options = options.iter().copied().chain([&*relay]);
        let options: Vec<_> = options.map(str::to_owned).collect();
        let child = spawn(address, &options, &directory);
        let mut coturn = Coturn {
            child,
            address,
            options,
            directory,
        };
        coturn.wait();
        Some(coturn)
    }

    /// The URL of this server with a scheme and a query, as `turn:` and `?transport=tcp`.
    pub(crate) fn url(&self, scheme: &str, query: &str) -> String {
        format!("{scheme}{}{query}", self.address)
    }

    /// Until it listens on TCP and answers on UDP: it opens them one after the other.
    fn wait(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let pause = Duration::from_millis(20);
        let any = match self.address {
            SocketAddr::V4(_) => "0.0.0.0:0",
            SocketAddr::V6(_) => "[::]:0",
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(self.address).unwrap();
        socket.set_read_timeout(Some(pause)).unwrap();
        let request = stun::binding::discovery(stun::TransactionId([1; 12]));
        let answers = || socket.send(&request).is_ok() && socket.recv(&mut [0; 1500]).is_ok();
        while TcpStream::connect(self.address).is_err() || !answers() {
            let ended = self.child.try_wait().unwrap();
            assert!(
                Instant::now() < deadline && ended.is_none(),
                "coturn does not answer on {} (ended: {ended:?})",
                self.address
            );
            std::thread::sleep(pause);
        }
    }

    /// Ends it without a word to its clients.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was. It remembers nothing.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.address, &self.options, &self.directory);
        self.wait();
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn spawn(address: SocketAddr, options: &[String], directory: &Path) -> Child {
    let mut command = Command::new("turnserver");
    command
        .args(["-n", "--no-dtls", "--no-cli", "--no-rfc5780"])
        .args(["--lt-cred-mech", "--realm=example.org"])
        .args(["--user=user:secret", "--log-file=stdout"])
        .arg(format!("--listening-ip={}", address.ip()))
        .arg(format!("--listening-port={}", address.port()))
        .arg("--userdb")
        .arg(directory.join("turndb"))
        .arg("--pidfile")
        .arg(directory.join("pid"))
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // With a certificate it speaks TLS on the same port as TCP; its other port is not used.
    if options.iter().any(|option| option.starts_with("--cert")) {
        command.arg(format!("--tls-listening-port={}", address.port() + 1));
    } else {
        command.arg("--no-tls");
    }
    command.spawn().unwrap()
}

/// A port that is free for UDP and TCP, and the one after it, too, which coturn may want.
pub(crate) fn free_address(ip: IpAddr) -> SocketAddr {
    loop {
        let udp = UdpSocket::bind((ip, 0)).unwrap();
        let address = udp.local_addr().unwrap();
        let next = SocketAddr::new(ip, address.port().wrapping_add(1));
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(next).is_ok() {
            return address;
        }
    }
}
