//! Long-term authentication from the client's side (RFC 8489 §9.2).

use bytes::Bytes;

use super::attribute::{NONCE, PASSWORD_ALGORITHM, PASSWORD_ALGORITHMS, REALM};
use super::credentials::Credentials;
use super::failure::Failure;
use crate::stun::{Builder, Integrity, Key, PasswordAlgorithm, attribute, attributes};

/// RFC 8489 §14.9, §14.10: realm and nonce have at most 763 bytes.
const MAX_QUOTED_LEN: usize = 763;

/// What a nonce begins with when the server says in it what it is capable of (RFC 8489 §9.2).
const NONCE_COOKIE: &[u8] = b"obMatJos2";

/// Credentials, and what the server asked for the last time.
#[derive(Debug)]
pub(super) struct Authentication {
    credentials: Credentials,
    challenge: Option<Challenge>,
}

#[derive(Debug)]
struct Challenge {
    realm: String,
    nonce: Bytes,
    /// PASSWORD-ALGORITHMS as the server sent it, to be sent back, so that the server notices when
    /// somebody shortened the list on the way.
    algorithms: Option<Bytes>,
    algorithm: PasswordAlgorithm,
    key: Key,
    accepted: bool,
}

impl Authentication {
    pub(super) fn new(credentials: Credentials) -> Authentication {
        Authentication {
            credentials,
            challenge: None,
        }
    }

    /// What responses must be signed with, once the server has asked for authentication.
    pub(super) fn key(&self) -> Option<&Key> {
        self.challenge.as_ref().map(|challenge| &challenge.key)
    }

    /// The realm that messages are signed for.
    fn realm(&self) -> Option<&str> {
        self.challenge.as_ref().map(|challenge| &*challenge.realm)
    }

    /// The nonce that messages are signed with.
    fn nonce(&self) -> Option<&Bytes> {
        self.challenge.as_ref().map(|challenge| &challenge.nonce)
    }

    /// Realm and nonce of what is signed now.
    pub(super) fn signs_for(&self) -> Option<(String, Bytes)> {
        Some((self.realm()?.to_owned(), self.nonce()?.clone()))
    }

    /// A response was signed with our key: the server knows it.
    pub(super) fn note_accepted(&mut self) {
        if let Some(challenge) = &mut self.challenge {
            challenge.accepted = true;
        }
    }

    /// Whether the server has once shown that it knows our key.
    pub(super) fn is_accepted(&self) -> bool {
        self.challenge.as_ref().is_some_and(|c| c.accepted)
    }

    /// Adds what the server asked for, if it asked.
    pub(super) fn sign(&self, message: Builder) -> Builder {
        let Some(challenge) = &self.challenge else {
            return message;
        };
        let mut message = message
            .attribute(attribute::USERNAME, self.credentials.username.as_bytes())
            .attribute(REALM, challenge.realm.as_bytes())
            .attribute(NONCE, &challenge.nonce);
        if let Some(algorithms) = &challenge.algorithms {
            let [high, low] = number(challenge.algorithm).to_be_bytes();
            message = message
                .attribute(PASSWORD_ALGORITHMS, algorithms)
                .attribute(PASSWORD_ALGORITHM, &[high, low, 0, 0]);
        }
        message.integrity(&challenge.key)
    }

    /// Takes the challenge of a 401 or 438 response. It is not signed: the server could not yet.
    ///
    /// # Errors
    ///
    /// It cannot be met (RFC 8489 §9.2.5).
    pub(super) fn handle_challenge(&mut self, datagram: &[u8]) -> Result<(), Failure> {
        let find = |kind| {
            attributes(datagram)
                .find(|a| a.kind == kind)
                .map(|a| a.value)
        };
        let is_sound = |value: &&[u8]| !value.is_empty() && value.len() <= MAX_QUOTED_LEN;
        let nonce = find(NONCE)
            .filter(is_sound)
            .ok_or(Failure::NoCommonAlgorithm)?;
        // A 438 may leave the realm out: it is the one that we signed for.
        let realm = match find(REALM) {
            Some(realm) if is_sound(&realm) => str::from_utf8(realm).ok(),
            Some(_) => None,
            None => self.realm(),
        };
        let realm = realm.ok_or(Failure::NoCommonAlgorithm)?.to_owned();
        let algorithms = find(PASSWORD_ALGORITHMS).map(Bytes::copy_from_slice);
        let algorithm = match &algorithms {
            Some(list) => first_supported(list).ok_or(Failure::NoCommonAlgorithm)?,
            // Somebody took the list out on the way, to have a weaker algorithm used.
            None if announces_algorithms(nonce) => return Err(Failure::NoCommonAlgorithm),
            None => PasswordAlgorithm::Md5,
        };
        let nonce = Bytes::copy_from_slice(nonce);
        // The key is expensive and rarely changes; a new nonce often comes.
        if let Some(old) = &mut self.challenge
            && old.realm == realm
            && old.algorithms == algorithms
        {
            old.nonce = nonce;
            return Ok(());
        }
        // RFC 8489 §9.2.4: with PASSWORD-ALGORITHMS, SHA-256 signs.
        let integrity = if algorithms.is_some() {
            Integrity::Sha256
        } else {
            Integrity::Sha1
        };
        let Credentials { username, password } = &self.credentials;
        let key = Key::long_term(integrity, username, &realm, password, algorithm)
            .ok_or(Failure::InvalidCredentials)?;
        self.challenge = Some(Challenge {
            realm,
            nonce,
            algorithms,
            algorithm,
            key,
            accepted: false,
        });
        Ok(())
    }
}

/// RFC 8489 §18.5
fn number(algorithm: PasswordAlgorithm) -> u16 {
    match algorithm {
        PasswordAlgorithm::Md5 => 1,
        PasswordAlgorithm::Sha256 => 2,
    }
}

/// The first algorithm of PASSWORD-ALGORITHMS (RFC 8489 §14.11) that we know: the server lists them
/// in the order of its preference.
fn first_supported(mut list: &[u8]) -> Option<PasswordAlgorithm> {
    while let Some((&[high, low, len_high, len_low], rest)) = list.split_first_chunk::<4>() {
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        match u16::from_be_bytes([high, low]) {
            // Neither has parameters.
            1 if len == 0 => return Some(PasswordAlgorithm::Md5),
            2 if len == 0 => return Some(PasswordAlgorithm::Sha256),
            _ => list = rest.get(len.next_multiple_of(4)..)?,
        }
    }
    None
}

/// Whether the nonce says that PASSWORD-ALGORITHMS stood beside it: the first of the 24 feature
/// bits, in base64 (RFC 8489 §9.2, §18.1), which is the first bit of the first of four characters.
fn announces_algorithms(nonce: &[u8]) -> bool {
    let Some([first, _, _, _, ..]) = nonce.strip_prefix(NONCE_COOKIE) else {
        return false;
    };
    // The upper half of the base64 alphabet.
    matches!(first, b'g'..=b'z' | b'0'..=b'9' | b'+' | b'/')
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
