//! The client's Finished, which webrtc-dtls as a server never looks at.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ring::digest;
use tokio::sync::Notify;

use super::secrets::{RecordKey, Secrets, associated_data};

const CLIENT_HELLO: u8 = 1;
const HELLO_VERIFY_REQUEST: u8 = 3;
const FINISHED: u8 = 20;

const HANDSHAKE_HEADER: usize = 12;
const VERIFY_DATA: usize = 12;

/// The length of a record with a Finished: header, explicit nonce, message, tag.
const FINISHED_RECORD: usize = 13 + 8 + HANDSHAKE_HEADER + VERIFY_DATA + 16;

/// Bounds of what a transcript holds: a handshake has ten messages, and a certificate a few
/// kilobytes.
const MAX_MESSAGES: usize = 16;
const MAX_MESSAGE: usize = 64 * 1_024;

/// How many records are kept that may be the Finished, until that can be told.
const MAX_EARLY: usize = 32;

/// Waits for a Finished that says what it must.
#[derive(Default)]
pub(super) struct AwaitFinished {
    transcript: Mutex<Transcript>,
    progress: Mutex<Progress>,
    judged: Notify,
}

enum Progress {
    /// Records that may be it; the keys are not known yet.
    Early(Vec<Vec<u8>>),
    Awaited(Box<FinishedCheck>),
    Judged(Verdict),
}

impl Default for Progress {
    fn default() -> Progress {
        Progress::Early(Vec::new())
    }
}

impl AwaitFinished {
    /// Takes what a plaintext handshake record carries.
    pub(super) fn add(&self, of_client: bool, body: &[u8]) {
        lock(&self.transcript).add(of_client, body);
    }

    /// Looks at what may be the client's Finished.
    pub(super) fn judge(&self, record: &[u8]) {
        if record.len() != FINISHED_RECORD {
            return;
        }
        let mut progress = lock(&self.progress);
        match &mut *progress {
            Progress::Early(records) if records.len() < MAX_EARLY => records.push(record.to_vec()),
            Progress::Awaited(check) => match check.judge(record) {
                Verdict::NotAuthentic => {}
                verdict => {
                    *progress = Progress::Judged(verdict);
                    self.judged.notify_one();
                }
            },
            Progress::Early(_) | Progress::Judged(_) => {}
        }
    }

    /// Waits until the client's Finished was judged; `false` also when the transcript is not
    /// complete.
    pub(super) async fn is_right(&self, secrets: &Secrets) -> bool {
        let Some(check) = FinishedCheck::new(secrets, &lock(&self.transcript)) else {
            return false;
        };
        let awaited = Progress::Awaited(Box::new(check));
        let early = std::mem::replace(&mut *lock(&self.progress), awaited);
        if let Progress::Early(records) = early {
            records.iter().for_each(|record| self.judge(record));
        }
        loop {
            if let Progress::Judged(verdict) = *lock(&self.progress) {
                return verdict == Verdict::Right;
            }
            self.judged.notified().await;
        }
    }
}

/// Nothing panics while it holds one of these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What both sides of a handshake have said in plaintext.
#[derive(Debug, Default)]
struct Transcript {
    client: Messages,
    server: Messages,
}

type Messages = BTreeMap<u16, Message>;

/// One message, put together from its fragments.
#[derive(Debug)]
struct Message {
    kind: u8,
    body: Vec<u8>,
    /// Which bytes have come.
    filled: Vec<bool>,
}

impl Transcript {
    fn add(&mut self, of_client: bool, mut record: &[u8]) {
        let messages = if of_client {
            &mut self.client
        } else {
            &mut self.server
        };
        while let Some((header, rest)) = record.split_first_chunk::<HANDSHAKE_HEADER>() {
            let number = |at: usize| {
                u32::from_be_bytes([0, header[at], header[at + 1], header[at + 2]]) as usize
            };
            let (len, offset, fragment) = (number(1), number(6), number(9));
            let Some((fragment, after)) = rest.split_at_checked(fragment) else {
                return;
            };
            record = after;
            let end = offset + fragment.len();
            let sequence = u16::from_be_bytes([header[4], header[5]]);
            if end > len || len > MAX_MESSAGE {
                continue;
            }
            if !messages.contains_key(&sequence) && messages.len() == MAX_MESSAGES {
                continue;
            }
            let message = messages.entry(sequence).or_insert_with(|| Message {
                kind: header[0],
                body: vec![0; len],
                filled: vec![false; len],
            });
            if message.kind == header[0] && message.body.len() == len {
                // As in webrtc-dtls, what came first stays.
                for (at, byte) in (offset..end).zip(fragment) {
                    if !std::mem::replace(&mut message.filled[at], true) {
                        message.body[at] = *byte;
                    }
                }
            }
        }
    }

    /// The hash of all messages up to the client's Finished (RFC 6347 §4.2.6): without the hello
    /// that got a cookie, and that cookie. `None` when something is missing.
    fn hash(&self) -> Option<digest::Digest> {
        let (hello_at, _) = self
            .client
            .iter()
            .rfind(|(_, message)| message.kind == CLIENT_HELLO)?;
        let of_server = self
            .server
            .iter()
            .filter(|(_, message)| message.kind != HELLO_VERIFY_REQUEST);
        let hello = self.client.range(hello_at..=hello_at);
        let after_hello = self.client.range(hello_at + 1..);
        let mut hash = digest::Context::new(&digest::SHA256);
        for (sequence, message) in hello.chain(of_server).chain(after_hello) {
            if message.filled.contains(&false) {
                return None;
            }
            hash.update(&handshake_header(
                message.kind,
                *sequence,
                message.body.len(),
            ));
            hash.update(&message.body);
        }
        Some(hash.finish())
    }
}

/// The header of an unfragmented message.
fn handshake_header(kind: u8, sequence: u16, len: usize) -> [u8; HANDSHAKE_HEADER] {
    let [_, a, b, c] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    let [d, e] = sequence.to_be_bytes();
    [kind, a, b, c, d, e, 0, 0, 0, a, b, c]
}

/// What a record of the client turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// None of the client's.
    NotAuthentic,
    /// The client's Finished, which says what it must.
    Right,
    /// The client's, but it has seen another handshake than we have.
    Wrong,
}

/// Opens the record and compares.
struct FinishedCheck {
    key: RecordKey,
    verify_data: [u8; VERIFY_DATA],
}

impl FinishedCheck {
    /// `None` when the transcript is not complete.
    fn new(secrets: &Secrets, transcript: &Transcript) -> Option<FinishedCheck> {
        let [of_client, _] = secrets.keys()?;
        let hash = transcript.hash()?;
        Some(FinishedCheck {
            key: of_client,
            verify_data: secrets.client_verify_data(hash.as_ref()),
        })
    }

    /// Looks at a protected handshake record.
    fn judge(&self, record: &[u8]) -> Verdict {
        self.open_and_compare(record)
            .unwrap_or(Verdict::NotAuthentic)
    }

    fn open_and_compare(&self, record: &[u8]) -> Option<Verdict> {
        let mut record: [u8; FINISHED_RECORD] = record.try_into().ok()?;
        let (header, rest) = record.split_first_chunk_mut::<13>()?;
        let (explicit, sealed) = rest.split_first_chunk_mut::<8>()?;
        let associated = associated_data(header, HANDSHAKE_HEADER + VERIFY_DATA);
        let message = self.key.open(*explicit, associated, sealed)?;
        let (header, data) = message.split_first_chunk::<HANDSHAKE_HEADER>()?;
        let differs = data
            .iter()
            .zip(&self.verify_data)
            .fold(0, |differs, (a, b)| differs | (a ^ b));
        Some(if differs == 0 && header[0] == FINISHED {
            Verdict::Right
        } else {
            Verdict::Wrong
        })
    }
}

#[cfg(test)]
#[path = "finished_tests.rs"]
mod tests;
