//! OpenSSL's `s_client` and `s_server` over UDP on loopback, for tests.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use proto::Machine;
use proto::dtls::{Certificate, Config, Event, Fingerprint, Role};
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::engine::Engine;
use super::engine_testkit::now;
use crate::base::config::DtlsEngine;

/// How long anything may take that should take milliseconds.
const WITHIN: Duration = Duration::from_secs(30);

/// A folder of its own, gone when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Folder {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("actix-rtc-openssl-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether there is an OpenSSL. Without one the tests say that they are skipped, and fail with
/// `CI=true`.
pub(super) fn openssl_is_here() -> bool {
    let found = Command::new("openssl").arg("version").output();
    if found.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let why = "there is no openssl: nothing was tried against it";
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}");
    // Not captured as a test's output is: whoever runs the tests shall see it.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
    false
}

/// What OpenSSL is told.
#[derive(Clone, Default)]
pub(super) struct OpenSsl {
    /// The PEM of its certificate and key, `None` for no certificate.
    pub(super) pem: Option<String>,
    pub(super) args: Vec<&'static str>,
    /// Its configuration file.
    pub(super) config: Option<&'static str>,
}

impl OpenSsl {
    pub(super) fn new(certificate: &Certificate, args: &[&'static str]) -> OpenSsl {
        OpenSsl {
            pem: Some(certificate.to_pem().unwrap()),
            args: args.to_vec(),
            config: None,
        }
    }
}

/// The running program.
pub(super) struct Process {
    child: Child,
    said: Arc<Mutex<String>>,
    heard: Arc<Notify>,
    _folder: Folder,
}

impl Process {
    fn spawn(command: &str, openssl: &OpenSsl, address: &[&str]) -> Process {
        let folder = Folder::new();
        let mut process = Command::new("openssl");
        process
            .args([command, "-dtls1_2", "-timeout"])
            .args(address);
        if let Some(pem) = &openssl.pem {
            let pem = folder.write("certificate.pem", pem);
            process.arg("-cert").arg(&pem).arg("-key").arg(&pem);
        }
        if let Some(text) = openssl.config {
            process.env("OPENSSL_CONF", folder.write("openssl.cnf", text));
        }
        let mut child = process
            .args(&openssl.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, heard) = (Arc::new(Mutex::new(String::new())), Arc::new(Notify::new()));
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for mut stream in streams {
            let (said, heard) = (said.clone(), heard.clone());
            std::thread::spawn(move || {
                let mut buffer = [0; 4_096];
                while let Ok(len @ 1..) = stream.read(&mut buffer) {
                    let text = String::from_utf8_lossy(&buffer[..len]);
                    said.lock().unwrap().push_str(&text);
                    heard.notify_one();
                }
                heard.notify_one();
            });
        }
        Process {
            child,
            said,
            heard,
            _folder: folder,
        }
    }

    /// All that it wrote.
    pub(super) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// The rest of the first line that has this in it.
    pub(super) fn after(&self, text: &str) -> Option<String> {
        let said = self.said();
        let (_, rest) = said.split_once(text)?;
        let (line, _) = rest.split_once('\n')?;
        Some(line.trim().to_owned())
    }

    pub(super) fn type_line(&mut self, line: &str) {
        // In one piece, or it comes in two records.
        let line = format!("{line}\n");
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(line.as_bytes()).unwrap();
    }

    fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One of our engines, connected to OpenSSL.
pub(super) struct Trial {
    pub(super) engine: Engine,
    pub(super) openssl: Process,
    pub(super) events: Vec<Event>,
    /// How many datagrams came.
    pub(super) received: usize,
    socket: UdpSocket,
    peer: Option<SocketAddr>,
    wake: Arc<Notify>,
}

impl Trial {
    /// Our engine in `role`, which expects a certificate with one of the fingerprints.
    pub(super) async fn start(
        kind: DtlsEngine,
        role: Role,
        config: Config,
        certificate: &Certificate,
        expected: &[Fingerprint],
        openssl: &OpenSsl,
    ) -> Trial {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut peer = None;
        let process = match role {
            Role::Server => {
                let address = socket.local_addr().unwrap().to_string();
                Process::spawn("s_client", openssl, &["-connect", &address])
            }
            Role::Client => {
                let process = Process::spawn(
                    "s_server",
                    openssl,
                    &["-4", "-naccept", "1", "-accept", "127.0.0.1:0"],
                );
                let end = Instant::now() + WITHIN;
                peer = loop {
                    match process.after("ACCEPT ") {
                        Some(address) => break address.parse().ok(),
                        None => assert!(Instant::now() < end, "{}", process.said()),
                    }
                    let _ = tokio::time::timeout(WITHIN, process.heard.notified()).await;
                };
                process
            }
        };
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        let waker = Arc::new(move || waker.notify_one());
        let mut engine = Engine::new(kind, config, certificate.clone(), waker);
        engine.start(now(), role, expected).unwrap();
        Trial {
            engine,
            openssl: process,
            events: Vec::new(),
            received: 0,
            socket,
            peer,
            wake,
        }
    }

    async fn drain(&mut self) {
        while let Some(segments) = self.engine.poll_transmit(now()) {
            for datagram in segments.iter() {
                if let Some(peer) = self.peer {
                    let _ = self.socket.send_to(&datagram, peer).await;
                }
            }
        }
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
    }

    /// Runs until `done`.
    pub(super) async fn until(&mut self, what: &str, done: impl Fn(&Trial) -> bool) {
        let end = Instant::now() + WITHIN;
        let mut buffer = [0; 4_096];
        loop {
            self.engine.handle_timeout(now());
            self.drain().await;
            if done(self) {
                return;
            }
            let said = self.openssl.said();
            assert!(Instant::now() < end, "no {what}: {:?}; {said}", self.events);
            let timeout = self.engine.poll_timeout().map_or(end, Instant::from_std);
            tokio::select! {
                came = self.socket.recv_from(&mut buffer) => {
                    // An ICMP error, when OpenSSL is gone.
                    let Ok((len, from)) = came else { continue };
                    self.peer = Some(from);
                    self.received += 1;
                    self.engine.handle_datagram(now(), &buffer[..len]);
                }
                () = self.wake.notified() => {}
                () = self.openssl.heard.notified() => {}
                () = tokio::time::sleep_until(timeout.min(end)) => {}
            }
        }
    }

    /// Runs until OpenSSL has said this.
    pub(super) async fn until_said(&mut self, text: &str) {
        self.until(text, |trial| trial.openssl.said().contains(text))
            .await;
    }

    /// Runs until OpenSSL has ended.
    pub(super) async fn until_ended(&mut self) {
        let end = Instant::now() + WITHIN;
        while !self.openssl.ended() {
            assert!(Instant::now() < end, "{}", self.openssl.said());
            self.drain().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) fn send(&mut self, payload: &[u8]) {
        self.engine.send(now(), payload).unwrap();
    }

    pub(super) fn data(&self) -> Vec<Bytes> {
        let data = self.events.iter().filter_map(|event| match event {
            Event::ApplicationData(data) => Some(data.clone()),
            _ => None,
        });
        data.collect()
    }
}

/// Runs in real time.
pub(super) fn real_time<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test)
}

/// A PEM of the tests of the machine.
pub(super) fn test_pem(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dtls/testdata");
    std::fs::read_to_string(path.join(name)).unwrap()
}
