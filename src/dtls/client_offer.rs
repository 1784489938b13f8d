//! What a ClientHello says of the one who sent it (RFC 5246 §7.4.1.2, RFC 6347 §4.2.1).
//!
//! An engine that verifies ECDSA only cannot serve a peer with an RSA certificate, and finds out
//! when the handshake is beyond mending: what a peer has it shows after the server has spoken. Its
//! hello says whether it *may* have one, in time for a server to choose its engine.

use super::record::Version;

const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SIGNATURE_ALGORITHMS: u16 = 13;
const SUPPORTED_VERSIONS: u16 = 43;
const DTLS_13: u16 = 0xFEFC;

/// What a client offers, as far as a server's choice depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientOffer {
    /// The highest version.
    pub version: Version,
    /// Whether it knows signatures with RSA keys: then its own key may be one.
    pub knows_rsa: bool,
}

impl ClientOffer {
    /// Reads the offer of a datagram that begins with a whole ClientHello, the first or the second
    /// of a handshake. `None` for anything else, also for a hello in fragments: only a hello with
    /// key shares is so large, and that is one of DTLS 1.3.
    pub fn of(datagram: &[u8]) -> Option<ClientOffer> {
        let (record, rest) = datagram.split_at_checked(RECORD_HEADER)?;
        if record[0] != HANDSHAKE || record[3..5] != [0, 0] {
            return None;
        }
        let mut rest = Reader(rest);
        let header = rest.take(MESSAGE_HEADER)?;
        let length = &header[1..4];
        if header[0] != CLIENT_HELLO || header[6..9] != [0; 3] || header[9..12] != *length {
            return None;
        }
        let mut hello = rest.vector(length)?;
        // Version and random number.
        hello.take(2 + 32)?;
        let _session_id = hello.list(1)?;
        let _cookie = hello.list(1)?;
        let _cipher_suites = hello.list(2)?;
        let _compression_methods = hello.list(1)?;
        let mut offer = ClientOffer {
            version: Version::Dtls12,
            // RFC 5246 §7.4.1.4.1: without the extension SHA-1 and RSA are implied.
            knows_rsa: true,
        };
        if hello.0.is_empty() {
            return Some(offer);
        }
        let mut extensions = hello.list(2)?;
        while !extensions.0.is_empty() {
            let kind = extensions.number()?;
            let mut value = extensions.list(2)?;
            match kind {
                SUPPORTED_VERSIONS => {
                    let mut versions = value.list(1)?;
                    while let Some(version) = versions.number() {
                        if version == DTLS_13 {
                            offer.version = Version::Dtls13;
                        }
                    }
                }
                SIGNATURE_ALGORITHMS => {
                    let mut schemes = value.list(2)?;
                    offer.knows_rsa = false;
                    while let Some(scheme) = schemes.number() {
                        offer.knows_rsa |= is_rsa(scheme);
                    }
                }
                _ => {}
            }
        }
        Some(offer)
    }

    /// Whether the client may come with an RSA certificate: it knows RSA, and is none of the
    /// clients of DTLS 1.3, browsers above all, that make ECDSA certificates for WebRTC.
    pub fn may_have_rsa_certificate(&self) -> bool {
        self.knows_rsa && self.version == Version::Dtls12
    }
}

/// RFC 5246 §7.4.1.4.1 (the second byte is the algorithm), RFC 8446 §4.2.3.
fn is_rsa(scheme: u16) -> bool {
    matches!(scheme, 0x0804..=0x0806 | 0x0809..=0x080B) || scheme & 0xFF == 1 && scheme >> 8 < 8
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// So many bytes as the number in `length` says.
    fn vector(&mut self, length: &[u8]) -> Option<Reader<'a>> {
        let len = length.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        self.take(len).map(Reader)
    }

    /// A vector behind its length, of so many bytes.
    fn list(&mut self, length: usize) -> Option<Reader<'a>> {
        let length = self.take(length)?;
        self.vector(length)
    }
}

#[cfg(test)]
#[path = "client_offer_tests.rs"]
mod tests;
