//! Certificate fingerprints (RFC 8122 §5).

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Serialize};

/// How many fingerprints of a peer are looked at; a certificate has a handful at most.
pub const MAX_FINGERPRINTS: usize = 32;

/// A hash of a certificate that was signalled, or is to be signalled
/// (`RTCDtlsFingerprint`, with the browser's names in serde).
#[doc(alias = "RTCDtlsFingerprint")]
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The hash function as RFC 8122 names it, such as `sha-256`; case does not matter.
    pub algorithm: String,
    /// Pairs of hexadecimal digits with colons between them; case does not matter.
    pub value: String,
}

/// The hash functions that are understood. `sha-256` is the one that we offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// `sha-256`.
    Sha256,
    /// `sha-384`.
    Sha384,
    /// `sha-512`.
    Sha512,
}

impl HashAlgorithm {
    /// By its name in RFC 8122, in any case.
    pub fn from_name(name: &str) -> Option<HashAlgorithm> {
        [
            HashAlgorithm::Sha256,
            HashAlgorithm::Sha384,
            HashAlgorithm::Sha512,
        ]
        .into_iter()
        .find(|a| a.as_str().eq_ignore_ascii_case(name))
    }

    /// The name in RFC 8122.
    pub fn as_str(self) -> &'static str {
        match self {
            HashAlgorithm::Sha256 => "sha-256",
            HashAlgorithm::Sha384 => "sha-384",
            HashAlgorithm::Sha512 => "sha-512",
        }
    }

    fn digest(self, data: &[u8]) -> digest::Digest {
        let algorithm = match self {
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
            HashAlgorithm::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, data)
    }

    fn digest_len(self) -> usize {
        match self {
            HashAlgorithm::Sha256 => 32,
            HashAlgorithm::Sha384 => 48,
            HashAlgorithm::Sha512 => 64,
        }
    }
}

impl Fingerprint {
    /// The fingerprint of a DER certificate, in the upper case that RFC 8122 asks for.
    pub fn of_certificate(algorithm: HashAlgorithm, der: &[u8]) -> Fingerprint {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let digest = algorithm.digest(der);
        let mut value = String::with_capacity(digest.as_ref().len() * 3);
        for byte in digest.as_ref() {
            if !value.is_empty() {
                value.push(':');
            }
            value.push(HEX[usize::from(byte >> 4)] as char);
            value.push(HEX[usize::from(byte & 15)] as char);
        }
        Fingerprint {
            algorithm: algorithm.as_str().to_owned(),
            value,
        }
    }
}

impl fmt::Display for Fingerprint {
    /// As in an SDP attribute: `sha-256 AB:CD:…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, self.value)
    }
}

/// The fingerprints of a peer, checked and ready to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FingerprintSet(Vec<(HashAlgorithm, Vec<u8>)>);

impl FingerprintSet {
    /// Those of the first [`MAX_FINGERPRINTS`] that are understood.
    ///
    /// # Errors
    ///
    /// When there is none, or none that could ever match.
    pub fn new(fingerprints: &[Fingerprint]) -> Result<FingerprintSet, FingerprintError> {
        if fingerprints.is_empty() {
            return Err(FingerprintError::None);
        }
        let mut known = false;
        let mut set = Vec::new();
        for fingerprint in fingerprints.iter().take(MAX_FINGERPRINTS) {
            let Some(algorithm) = HashAlgorithm::from_name(fingerprint.algorithm.trim()) else {
                continue;
            };
            known = true;
            if let Some(digest) = parse_hex(fingerprint.value.trim())
                && digest.len() == algorithm.digest_len()
            {
                set.push((algorithm, digest));
            }
        }
        match (set.is_empty(), known) {
            (false, _) => Ok(FingerprintSet(set)),
            (true, true) => Err(FingerprintError::Malformed),
            (true, false) => Err(FingerprintError::UnknownAlgorithms),
        }
    }

    /// Whether any one of them is that of this DER certificate. The comparison takes the same time
    /// wherever the digests differ.
    pub fn matches(&self, der: &[u8]) -> bool {
        // RFC 8122 §5: several fingerprints may be of several certificates; one must match.
        self.0.iter().any(|(algorithm, expected)| {
            constant_time::verify_slices_are_equal(algorithm.digest(der).as_ref(), expected).is_ok()
        })
    }
}

/// Why no certificate could ever match a list of fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// The list is empty.
    #[error("there is no certificate fingerprint")]
    None,
    /// No hash function of the list is known.
    #[error("no fingerprint uses sha-256, sha-384 or sha-512")]
    UnknownAlgorithms,
    /// The hash functions are known, but no value is pairs of hexadecimal digits of the right
    /// number.
    #[error("no fingerprint value has the form of its algorithm")]
    Malformed,
}

fn parse_hex(value: &str) -> Option<Vec<u8>> {
    value
        .split(':')
        .map(|pair| match pair.as_bytes() {
            // from_str_radix alone would take "+F".
            [a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                u8::from_str_radix(pair, 16).ok()
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
#[path = "fingerprint_tests.rs"]
mod tests;
