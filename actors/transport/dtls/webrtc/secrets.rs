//! What a finished handshake of webrtc-dtls is keyed with.
//!
//! webrtc-dtls has no call for it, but its state can be serialized, with bincode. If that form ever
//! changes, nothing is read from it, and the connection fails instead of being weaker than it says.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use webrtc_dtls::state::State;

const MASTER_SECRET: usize = 48;
const RANDOM: usize = 32;
/// AES-128, and the part of the nonce that is not sent (RFC 5288 §3).
const KEY: usize = 16;
const SALT: usize = 4;

/// The secrets of a connection.
pub(super) struct Secrets {
    master_secret: [u8; MASTER_SECRET],
    client_random: [u8; RANDOM],
    server_random: [u8; RANDOM],
    /// The number of our next protected record.
    pub(super) sequence: u64,
}

impl Secrets {
    /// `None` before the handshake is complete.
    pub(super) fn of(state: &State, client: bool) -> Option<Secrets> {
        // It is `async` for a lock that nobody else takes.
        let marshal = pin!(state.marshal_binary());
        match marshal.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(serialized)) => Secrets::read(&serialized, client),
            Poll::Ready(Err(_)) | Poll::Pending => None,
        }
    }

    /// The fields are those of `SerializedState`, to the last.
    fn read(serialized: &[u8], client: bool) -> Option<Secrets> {
        let mut fields = Fields(serialized);
        let (local_epoch, _) = (fields.u16()?, fields.u16()?);
        let local_random = fields.array()?;
        let remote_random = fields.array()?;
        let _cipher_suite = fields.u16()?;
        let master_secret = fields.bytes()?.try_into().ok()?;
        let sequence = fields.u64()?;
        let _srtp_profile = fields.u16()?;
        for _certificate in 0..fields.u64()? {
            fields.bytes()?;
        }
        let _identity_hint = fields.bytes()?;
        let is_client = fields.array()? == [1];
        if local_epoch != 1 || is_client != client || !fields.0.is_empty() {
            return None;
        }
        let (client_random, server_random) = if client {
            (local_random, remote_random)
        } else {
            (remote_random, local_random)
        };
        Some(Secrets {
            master_secret,
            client_random,
            server_random,
            sequence,
        })
    }

    /// The keys of the records of the client, and of those of the server (RFC 5246 §6.3).
    pub(super) fn keys(&self) -> Option<[RecordKey; 2]> {
        let mut block = [0; 2 * (KEY + SALT)];
        let seed = [&self.server_random[..], &self.client_random].concat();
        prf(&self.master_secret, b"key expansion", &seed, &mut block);
        let (keys, salts) = block.split_at(2 * KEY);
        let key = |index: usize| {
            let salt = salts[index * SALT..][..SALT].try_into().ok()?;
            RecordKey::new(&keys[index * KEY..][..KEY], salt)
        };
        Some([key(0)?, key(1)?])
    }

    /// What the client's Finished has to say (RFC 5246 §7.4.9).
    pub(super) fn client_verify_data(&self, transcript: &[u8]) -> [u8; 12] {
        let mut data = [0; 12];
        prf(
            &self.master_secret,
            b"client finished",
            transcript,
            &mut data,
        );
        data
    }
}

/// The key of the records of one direction, with AES-128-GCM as in RFC 5288.
pub(super) struct RecordKey {
    key: LessSafeKey,
    salt: [u8; SALT],
}

impl RecordKey {
    fn new(key: &[u8], salt: [u8; SALT]) -> Option<RecordKey> {
        let key = UnboundKey::new(&AES_128_GCM, key).ok()?;
        Some(RecordKey {
            key: LessSafeKey::new(key),
            salt,
        })
    }

    /// Seals in place, and returns the tag.
    pub(super) fn seal(
        &self,
        explicit: [u8; 8],
        associated: [u8; 13],
        payload: &mut [u8],
    ) -> Option<[u8; 16]> {
        let (nonce, associated) = (self.nonce(explicit), Aad::from(associated));
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, associated, payload)
            .ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Opens in place, and returns the payload if it is authentic.
    pub(super) fn open<'a>(
        &self,
        explicit: [u8; 8],
        associated: [u8; 13],
        sealed: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        let (nonce, associated) = (self.nonce(explicit), Aad::from(associated));
        let payload = self.key.open_in_place(nonce, associated, sealed).ok()?;
        Some(payload)
    }

    fn nonce(&self, explicit: [u8; 8]) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[..SALT].copy_from_slice(&self.salt);
        nonce[SALT..].copy_from_slice(&explicit);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// What is authenticated besides the payload (RFC 6347 §4.1.2.1), from the header of a record.
pub(super) fn associated_data(header: &[u8; 13], payload_len: usize) -> [u8; 13] {
    let mut data = [0; 13];
    data[..8].copy_from_slice(&header[3..11]);
    data[8..11].copy_from_slice(&header[..3]);
    let len = u16::try_from(payload_len).unwrap_or(u16::MAX);
    data[11..].copy_from_slice(&len.to_be_bytes());
    data
}

/// The pseudorandom function of TLS 1.2 with SHA-256, which both of our cipher suites have
/// (RFC 5246 §5).
fn prf(secret: &[u8], label: &[u8], seed: &[u8], out: &mut [u8]) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let seed = [label, seed].concat();
    let mut a = hmac::sign(&key, &seed);
    for chunk in out.chunks_mut(32) {
        let block = hmac::sign(&key, &[a.as_ref(), &seed].concat());
        chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        a = hmac::sign(&key, a.as_ref());
    }
}

/// bincode: little endian, and a length of 64 bits before what has one.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u64()?).ok()?;
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
pub(super) mod tests;
