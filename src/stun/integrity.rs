//! Whether a message is whole and from whom it says: FINGERPRINT and MESSAGE-INTEGRITY.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use stun_rs::{HMACKey, MessageDecoderBuilder, StunMessage};

use super::{HEADER_SIZE, Header, MAX_ATTRIBUTES, MAX_STUN_SIZE, attribute, attributes, peek};

/// Which attribute protects a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// MESSAGE-INTEGRITY (RFC 8489 §14.5): ICE, and TURN servers of RFC 5389.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256 (RFC 8489 §14.6).
    Sha256,
}

impl Integrity {
    pub(super) fn attribute(self) -> u16 {
        match self {
            Integrity::Sha1 => attribute::MESSAGE_INTEGRITY,
            Integrity::Sha256 => attribute::MESSAGE_INTEGRITY_SHA256,
        }
    }

    /// The size of a whole HMAC, in bytes.
    pub(super) fn size(self) -> usize {
        match self {
            Integrity::Sha1 => 20,
            Integrity::Sha256 => 32,
        }
    }

    /// RFC 8489 §14.6 lets a sender truncate to 16 bytes or more, in steps of 4.
    fn allows(self, size: usize) -> bool {
        match self {
            Integrity::Sha1 => size == 20,
            Integrity::Sha256 => (16..=32).contains(&size) && size.is_multiple_of(4),
        }
    }
}

/// How a long-term key is made of a password (RFC 8489 §18.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PasswordAlgorithm {
    /// The only one of RFC 5389, and the default of RFC 8489.
    Md5,
    /// SHA-256.
    Sha256,
}

/// A key, expanded once and used for many messages.
#[derive(Clone)]
pub struct Key {
    integrity: Integrity,
    hmac: hmac::Key,
}

impl Key {
    /// The short-term credential of ICE (RFC 8489 §9.1.1). An ICE password is ASCII, for which
    /// SASLprep changes nothing.
    pub fn short_term(password: &str) -> Key {
        Key::new(Integrity::Sha1, password.as_bytes())
    }

    /// The long-term credential of TURN (RFC 8489 §9.2.2). `None` when a part of it is not
    /// acceptable to the OpaqueString profile (RFC 8265), and so to no server.
    pub fn long_term(
        integrity: Integrity,
        username: &str,
        realm: &str,
        password: &str,
        algorithm: PasswordAlgorithm,
    ) -> Option<Key> {
        let algorithm = stun_rs::Algorithm::from(match algorithm {
            PasswordAlgorithm::Md5 => stun_rs::AlgorithmId::MD5,
            PasswordAlgorithm::Sha256 => stun_rs::AlgorithmId::SHA256,
        });
        let key = HMACKey::new_long_term(username, realm, password, algorithm).ok()?;
        Some(Key::new(integrity, key.as_bytes()))
    }

    fn new(integrity: Integrity, secret: &[u8]) -> Key {
        let algorithm = match integrity {
            Integrity::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Integrity::Sha256 => hmac::HMAC_SHA256,
        };
        Key {
            integrity,
            hmac: hmac::Key::new(algorithm, secret),
        }
    }

    /// Which attribute this key makes and verifies.
    pub fn integrity(&self) -> Integrity {
        self.integrity
    }

    /// The HMAC over `message`, which ends where the integrity attribute begins, with the header's
    /// length field saying `length` (RFC 8489 §14.5).
    pub(super) fn sign(&self, message: &[u8], length: u16) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.hmac);
        context.update(&message[..2]);
        context.update(&length.to_be_bytes());
        context.update(&message[4..]);
        context.sign()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, …)", self.integrity)
    }
}

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// The header or the attributes' frames are not those of a STUN message.
    #[error("not a STUN message")]
    Malformed,
    /// There is no FINGERPRINT at the end, and ICE wants one (RFC 8445 §7.1).
    #[error("FINGERPRINT is missing")]
    MissingFingerprint,
    /// FINGERPRINT is that of other bytes.
    #[error("FINGERPRINT is wrong")]
    WrongFingerprint,
    /// There is no MESSAGE-INTEGRITY.
    #[error("MESSAGE-INTEGRITY is missing")]
    MissingIntegrity,
    /// MESSAGE-INTEGRITY was made with another key, or over other bytes.
    #[error("MESSAGE-INTEGRITY is wrong")]
    WrongIntegrity,
    /// The message is authentic, but the codec cannot read it.
    #[error("an authentic message that cannot be decoded")]
    Undecodable,
}

impl Rejected {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Rejected::Malformed => "malformed",
            Rejected::MissingFingerprint => "missing_fingerprint",
            Rejected::WrongFingerprint => "wrong_fingerprint",
            Rejected::MissingIntegrity => "missing_integrity",
            Rejected::WrongIntegrity => "wrong_integrity",
            Rejected::Undecodable => "undecodable",
        }
    }
}

/// The part of a message that its key vouches for. Only [`verify`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Verified<'a> {
    header: Header,
    /// Header and attributes up to, and without, the integrity attribute.
    bytes: &'a [u8],
}

impl Verified<'_> {
    /// The header.
    pub fn header(&self) -> Header {
        self.header
    }

    /// Decodes with `stun-rs`. What follows the integrity attribute is not there any more
    /// (RFC 8489 §14.5: it has to be ignored), and neither is the integrity attribute.
    pub fn decode(&self) -> Result<StunMessage, Rejected> {
        let mut message = [0; MAX_STUN_SIZE];
        let message = message
            .get_mut(..self.bytes.len())
            .ok_or(Rejected::Malformed)?;
        message.copy_from_slice(self.bytes);
        let length = (self.bytes.len() - HEADER_SIZE) as u16;
        message[2..4].copy_from_slice(&length.to_be_bytes());
        decode(message)
    }
}

fn decode(message: &[u8]) -> Result<StunMessage, Rejected> {
    match MessageDecoderBuilder::default().build().decode(message) {
        Ok((decoded, _)) => Ok(decoded),
        Err(_) => Err(Rejected::Undecodable),
    }
}

/// Decodes a message for which there is no key: the answer of a STUN server, or a TURN server's
/// demand for credentials. FINGERPRINT is checked where there is one. The transaction must have
/// been found before, for this is the costly call.
pub fn decode_unauthenticated(datagram: &[u8]) -> Result<StunMessage, Rejected> {
    peek(datagram).ok_or(Rejected::Malformed)?;
    verify_fingerprint(datagram, false)?;
    if attributes(datagram).count() >= MAX_ATTRIBUTES {
        return Err(Rejected::Malformed);
    }
    decode(datagram)
}

/// Checks FINGERPRINT, where there is one or `fingerprint_required`, and then MESSAGE-INTEGRITY,
/// which must be there. Comparisons take the same time whatever differs.
pub fn verify<'a>(
    datagram: &'a [u8],
    key: &Key,
    fingerprint_required: bool,
) -> Result<Verified<'a>, Rejected> {
    let header = peek(datagram).ok_or(Rejected::Malformed)?;
    verify_fingerprint(datagram, fingerprint_required)?;
    let wanted = key.integrity.attribute();
    let integrity = attributes(datagram)
        .find(|a| a.kind == wanted)
        .ok_or(Rejected::MissingIntegrity)?;
    if !key.integrity.allows(integrity.value.len()) {
        return Err(Rejected::WrongIntegrity);
    }
    // RFC 8489 §14.5: the length covers the integrity attribute and nothing behind it.
    let length = integrity.offset + 4 + integrity.value.len() - HEADER_SIZE;
    let bytes = &datagram[..integrity.offset];
    let tag = key.sign(bytes, length as u16);
    constant_time::verify_slices_are_equal(&tag.as_ref()[..integrity.value.len()], integrity.value)
        .map_err(|_| Rejected::WrongIntegrity)?;
    Ok(Verified { header, bytes })
}

/// FINGERPRINT is the last attribute, so its place is known (RFC 8489 §14.7).
fn verify_fingerprint(datagram: &[u8], required: bool) -> Result<(), Rejected> {
    let missing = if required {
        Err(Rejected::MissingFingerprint)
    } else {
        Ok(())
    };
    let Some((message, last)) = datagram.split_last_chunk::<8>() else {
        return missing;
    };
    if message.len() < HEADER_SIZE || last[..4] != [0x80, 0x28, 0, 4] {
        return missing;
    }
    if fingerprint(message).to_be_bytes() == last[4..] {
        Ok(())
    } else {
        Err(Rejected::WrongFingerprint)
    }
}

/// RFC 8489 §14.7.
pub(super) fn fingerprint(message: &[u8]) -> u32 {
    crc32fast::hash(message) ^ 0x5354_554E
}

#[cfg(test)]
#[path = "integrity_tests.rs"]
mod tests;
