//! What stands between webrtc-dtls 0.12 and the network.
//!
//! webrtc-dtls is handed a [`Conn`] that shows it only what it survives, and makes up for what it
//! does not do. Each rule of [`ConnGuard`] has its reason where it is written:
//!
//! 1. `recv` never fails: an error makes the reader spin.
//! 2. Records that its parser takes for fatal, or panics on, are dropped.
//! 3. No plaintext alert before the peer's hello, and no warning ever.
//! 4. After the handshake only protected data and alerts pass.
//! 5. The server's last flight waits for the client's Finished, is kept, and is sent again when
//!    the client repeats its own.
//! 6. Retransmissions back off.
//! 7. After the handshake nothing that it wants to send passes.
//! 8. Plaintext records are numbered anew.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use proto::dtls::record::Summary;
use tokio::sync::mpsc;
use tokio::time::Instant;
use webrtc_util::Conn;

use super::backoff::Backoff;
use super::finished::AwaitFinished;
use super::link::{Link, Output};
use super::records::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Record, records};
use super::secrets::Secrets;

/// How often the server repeats its last flight, and how soon again: RFC 6347 §4.2.4 wants an
/// answer to each repetition of the client, which backs off.
const MAX_FINAL_FLIGHTS: u32 = 20;
const FINAL_FLIGHT_PAUSE: Duration = Duration::from_millis(50);

/// How many datagrams a last flight has at most; it is two records in one.
const MAX_FINAL_FLIGHT: usize = 4;

/// The explicit nonce and the tag of AES-GCM: webrtc-dtls computes with the length of a shorter
/// record until it underflows.
const MIN_PROTECTED: usize = 8 + 16;

/// What the guard and the owner of the engine know of each other.
#[derive(Debug, Default)]
pub(super) struct Shared {
    established: AtomicBool,
    /// Something was sent.
    pub(super) answered: AtomicBool,
    /// A ServerHello was sent or received.
    hello: AtomicBool,
    /// The cipher suite of the ServerHello.
    pub(super) cipher_suite: AtomicUsize,
    /// The peer's fatal alert, plus one; 0 for none.
    pub(super) alert: AtomicUsize,
    /// Protected alerts that webrtc-dtls wanted to send: answers to the peer's, each.
    pub(super) alerts: AtomicUsize,
    /// Protected records that have passed after the handshake.
    pub(super) passed: AtomicU64,
    pub(super) plaintext: AtomicU64,
    pub(super) wrong_epoch: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) unexpected: AtomicU64,
    pub(super) retransmissions: AtomicU64,
}

impl Shared {
    pub(super) fn establish(&self) {
        self.established.store(true, Ordering::Relaxed);
    }

    pub(super) fn established(&self) -> bool {
        self.established.load(Ordering::Relaxed)
    }
}

/// See the [module](self).
pub(super) struct ConnGuard {
    client: bool,
    shared: Arc<Shared>,
    inbound: tokio::sync::Mutex<mpsc::Receiver<Vec<u8>>>,
    link: Link,
    sent: Mutex<Sent>,
    /// Plaintext records that have passed.
    plaintext: AtomicU64,
    /// A server waits for the client's.
    finished: AwaitFinished,
}

/// What was sent in the handshake.
struct Sent {
    backoff: Backoff,
    /// The explicit nonces of what was protected.
    nonces: Vec<[u8; 8]>,
    /// The last flight may go.
    released: bool,
    final_flight: Vec<Vec<u8>>,
    final_flights_left: u32,
    last_final_flight: Option<Instant>,
}

impl ConnGuard {
    /// A guard that reads from `inbound` and writes to `link`. `interval` is how often webrtc-dtls
    /// repeats a flight, `longest` how long the peer waits for a repetition at most.
    pub(super) fn new(
        client: bool,
        interval: Duration,
        longest: Duration,
        shared: Arc<Shared>,
        inbound: mpsc::Receiver<Vec<u8>>,
        link: Link,
    ) -> ConnGuard {
        ConnGuard {
            client,
            shared,
            inbound: tokio::sync::Mutex::new(inbound),
            link,
            sent: Mutex::new(Sent {
                backoff: Backoff::new(interval, longest),
                nonces: Vec::new(),
                released: false,
                final_flight: Vec::new(),
                final_flights_left: MAX_FINAL_FLIGHTS,
                last_final_flight: None,
            }),
            plaintext: AtomicU64::new(0),
            finished: AwaitFinished::default(),
        }
    }

    /// The explicit nonces that webrtc-dtls has used.
    pub(super) fn nonces(&self) -> Vec<[u8; 8]> {
        self.sent().nonces.clone()
    }

    /// Waits for a Finished of the client that fits to what a server has seen, and lets our own
    /// go then. `false` when the client has seen another handshake, or when what was seen is not
    /// enough to tell.
    pub(super) async fn client_finished(&self, secrets: &Secrets) -> bool {
        let right = self.finished.is_right(secrets).await;
        if right {
            self.sent().released = true;
            self.send_final_flight().await;
        }
        right
    }

    /// The records of a datagram that webrtc-dtls may see.
    async fn admit(&self, datagram: &[u8]) -> Vec<u8> {
        let established = self.shared.established();
        let summary = Summary::of(datagram);
        if !established && summary.server_hello.is_some() {
            self.note_hello(&summary);
        }
        let mut admitted = Vec::with_capacity(datagram.len());
        let mut repeated = false;
        for record in records(datagram) {
            if established && record.content_type == HANDSHAKE && record.epoch <= 1 {
                repeated = true;
            }
            if !self.client && record.content_type == HANDSHAKE {
                match record.epoch {
                    0 if !established => self.finished.add(true, record.body()),
                    1 => self.finished.judge(record.bytes),
                    _ => {}
                }
            }
            if self.passes(&record, established) {
                let start = admitted.len();
                admitted.extend_from_slice(record.bytes);
                if record.epoch == 0 {
                    // Rule 8: one spoofed number moves the window of the replay detector on, past
                    // all numbers of the peer.
                    let number = self.plaintext.fetch_add(1, Ordering::Relaxed).to_be_bytes();
                    admitted[start + 5..start + 11].copy_from_slice(&number[2..]);
                }
            }
        }
        if repeated && !self.client {
            self.repeat_final_flight().await;
        }
        if !established {
            self.sent().backoff.heard = true;
        }
        admitted
    }

    fn passes(&self, record: &Record<'_>, established: bool) -> bool {
        let shared = &self.shared;
        let body = record.body();
        match (record.epoch, record.content_type) {
            (2.., _) => count(&shared.wrong_epoch),
            // Rule 2.
            (1, _) if body.len() < MIN_PROTECTED => count(&shared.malformed),
            (1, APPLICATION_DATA | ALERT) => {
                if established {
                    shared.passed.fetch_add(1, Ordering::Relaxed);
                }
                true
            }
            // Rule 4: a handshake message that nobody waits for blocks the reader for ever.
            (1, HANDSHAKE) => !established || count(&shared.unexpected),
            // Rule 2: in epoch 1 a ChangeCipherSpec would be taken for authentic.
            (1, _) => count(&shared.malformed),
            // Rule 4: one spoofed record would end the connection.
            (0, _) if established => count(&shared.plaintext),
            (0, HANDSHAKE) => true,
            (0, CHANGE_CIPHER_SPEC) => body == [1] || count(&shared.malformed),
            (0, ALERT) => self.passes_alert(body),
            // Rule 2: data in plaintext, and unknown types, are fatal.
            (0, _) => count(&shared.malformed),
        }
    }

    /// Rule 3: webrtc-dtls answers each warning with a warning, and gives up at a fatal alert,
    /// which before the peer's hello anybody may have sent.
    fn passes_alert(&self, body: &[u8]) -> bool {
        let &[level, description] = body else {
            return count(&self.shared.malformed);
        };
        if level != 2 {
            return count(&self.shared.unexpected);
        }
        self.shared
            .alert
            .store(usize::from(description) + 1, Ordering::Relaxed);
        self.shared.hello.load(Ordering::Relaxed) || count(&self.shared.unexpected)
    }

    fn note_hello(&self, summary: &Summary) {
        self.shared.hello.store(true, Ordering::Relaxed);
        let suite = summary.server_hello.unwrap_or_default();
        self.shared
            .cipher_suite
            .store(usize::from(suite), Ordering::Relaxed);
    }

    /// Rule 5: webrtc-dtls regards itself as done and would let the client wait for ever.
    async fn repeat_final_flight(&self) {
        {
            let mut sent = self.sent();
            let now = Instant::now();
            let paused = sent
                .last_final_flight
                .is_none_or(|at| now >= at + FINAL_FLIGHT_PAUSE);
            if !paused || !sent.released || sent.final_flights_left == 0 {
                return;
            }
            sent.final_flights_left -= 1;
            sent.last_final_flight = Some(now);
        }
        self.shared.retransmissions.fetch_add(1, Ordering::Relaxed);
        self.send_final_flight().await;
    }

    async fn send_final_flight(&self) {
        let flight = self.sent().final_flight.clone();
        for datagram in flight {
            self.link.send(Output::Packet(datagram)).await;
        }
    }

    /// Looks at what is sent in the handshake; whether it is to be sent at all.
    fn note_sent(&self, datagram: &[u8]) -> bool {
        self.shared.answered.store(true, Ordering::Relaxed);
        let summary = Summary::of(datagram);
        if summary.server_hello.is_some() {
            self.note_hello(&summary);
        }
        if summary.fatal_alert.is_some() {
            // Rule 7: the peer knows its own alert.
            return self.shared.alert.load(Ordering::Relaxed) == 0;
        }
        let mut sent = self.sent();
        let mut changes_cipher = false;
        for record in records(datagram) {
            match (record.epoch, record.content_type) {
                (0, HANDSHAKE) if !self.client => self.finished.add(false, record.body()),
                (0, CHANGE_CIPHER_SPEC) => changes_cipher = true,
                (1, _) => sent.nonces.extend(record.body().first_chunk::<8>()),
                _ => {}
            }
        }
        if !self.client && (changes_cipher || !sent.final_flight.is_empty()) {
            // Rule 5: it is sent when the client's Finished was seen.
            if sent.final_flight.len() < MAX_FINAL_FLIGHT {
                sent.final_flight.push(datagram.to_vec());
            }
            return false;
        }
        let (pass, again) = sent.backoff.pass(Instant::now());
        if pass && again {
            self.shared.retransmissions.fetch_add(1, Ordering::Relaxed);
        }
        pass
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Conn for ConnGuard {
    async fn connect(&self, _: SocketAddr) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    /// Rule 1: it waits for ever rather than fail.
    async fn recv(&self, buffer: &mut [u8]) -> Result<usize, webrtc_util::Error> {
        let mut inbound = self.inbound.lock().await;
        while let Some(datagram) = inbound.recv().await {
            let admitted = self.admit(&datagram).await;
            if let Some(space) = buffer.get_mut(..admitted.len())
                && !space.is_empty()
            {
                space.copy_from_slice(&admitted);
                return Ok(admitted.len());
            }
        }
        std::future::pending().await
    }

    async fn recv_from(
        &self,
        buffer: &mut [u8],
    ) -> Result<(usize, SocketAddr), webrtc_util::Error> {
        let len = self.recv(buffer).await?;
        Ok((len, SocketAddr::from(([0, 0, 0, 0], 0))))
    }

    async fn send(&self, datagram: &[u8]) -> Result<usize, webrtc_util::Error> {
        let pass = if self.shared.established() {
            // Rule 7: it answers each alert with an alert, so that two of its kind could go on
            // for ever. Whatever there is to be said is sealed by the sealer.
            if datagram.first() == Some(&ALERT) {
                self.shared.alerts.fetch_add(1, Ordering::Relaxed);
            }
            false
        } else {
            self.note_sent(datagram)
        };
        if pass {
            self.link.send(Output::Packet(datagram.to_vec())).await;
        }
        Ok(datagram.len())
    }

    async fn send_to(&self, datagram: &[u8], _: SocketAddr) -> Result<usize, webrtc_util::Error> {
        self.send(datagram).await
    }

    fn local_addr(&self) -> Result<SocketAddr, webrtc_util::Error> {
        Ok(SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn std::any::Any + Send + Sync) {
        self
    }
}

/// Counts what does not pass.
fn count(counter: &AtomicU64) -> bool {
    counter.fetch_add(1, Ordering::Relaxed);
    false
}
