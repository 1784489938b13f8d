//! What can be read off a datagram without any key.

use std::fmt;

/// How many bytes a record adds to its payload at most: the header, an explicit nonce and a tag of
/// AES-GCM in DTLS 1.2.
pub const MAX_RECORD_OVERHEAD: usize = HEADER_LEN + 8 + 16;

/// How many bytes of payload a record carries at most (RFC 6347 §4.1.1).
pub const MAX_RECORD_PLAINTEXT: usize = 1 << 14;

/// RFC 6347 §4.1: the header of a DTLS 1.2 record and of every plaintext record.
const HEADER_LEN: usize = 13;

/// How many records of a datagram are looked at; dimpl takes no more than 16 either.
const MAX_RECORDS: usize = 16;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;

/// A version of DTLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// DTLS 1.2 (RFC 6347).
    Dtls12,
    /// DTLS 1.3 (RFC 9147).
    Dtls13,
}

impl Version {
    /// `1.2` or `1.3`.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::Dtls12 => "1.2",
            Version::Dtls13 => "1.3",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DTLS {}", self.as_str())
    }
}

/// The IANA name of a cipher suite, `unknown` for one that no engine here would choose.
pub fn cipher_suite_name(suite: u16) -> &'static str {
    match suite {
        0x1301 => "TLS_AES_128_GCM_SHA256",
        0x1302 => "TLS_AES_256_GCM_SHA384",
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        0xc009 => "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        0xc00a => "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        0xc014 => "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        0xc02b => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        0xc02c => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xc02f => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xcca9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        _ => "unknown",
    }
}

/// The records of one datagram, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Some record does not have the form of DTLS.
    pub malformed: bool,
    /// There is a handshake message in plaintext.
    pub handshake: bool,
    /// It is a ClientHello.
    pub client_hello: Option<ClientHello>,
    /// It is a HelloVerifyRequest.
    pub hello_verify_request: bool,
    /// It is a ServerHello, with this cipher suite.
    pub server_hello: Option<u16>,
    /// There is a fatal alert in plaintext.
    pub fatal_alert: Option<u8>,
    /// There is a protected record of an epoch that may exist.
    pub protected: bool,
    /// There is a record of an epoch that cannot exist.
    pub wrong_epoch: bool,
    /// The highest sequence number in plaintext.
    pub plaintext_sequence: Option<u64>,
}

/// Adds to the sequence numbers of the plaintext records of a datagram of ours.
pub(super) fn shift_plaintext_sequence(datagram: &mut [u8], by: u64) {
    let mut rest = datagram;
    while let Some((header, body)) = rest.split_first_chunk_mut::<HEADER_LEN>() {
        if !matches!(header[0], 20..=26) {
            return;
        }
        if header[3..5] == [0, 0] {
            let mut sequence = [0; 8];
            sequence[2..].copy_from_slice(&header[5..11]);
            let shifted = u64::from_be_bytes(sequence).wrapping_add(by).to_be_bytes();
            header[5..11].copy_from_slice(&shifted[2..]);
        }
        let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
        match body.split_at_mut_checked(len) {
            Some((_, after)) => rest = after,
            None => return,
        }
    }
}

/// How much of a ClientHello there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientHello {
    /// All of it.
    Complete,
    /// A part of it.
    Fragment,
}

impl Summary {
    /// Looks at the record headers, and at the first bytes of plaintext records.
    pub fn of(datagram: &[u8]) -> Summary {
        let mut summary = Summary {
            malformed: datagram.is_empty(),
            ..Summary::default()
        };
        let mut rest = datagram;
        for _ in 0..MAX_RECORDS {
            let Some(&first) = rest.first() else {
                return summary;
            };
            let len = match first {
                20..=26 => summary.legacy(rest),
                // RFC 9147 §4: 001CSLEE
                32..=63 => summary.unified(rest),
                _ => None,
            };
            match len.and_then(|len| rest.get(len..)) {
                Some(after) => rest = after,
                None => {
                    summary.malformed = true;
                    return summary;
                }
            }
        }
        summary.malformed |= !rest.is_empty();
        summary
    }

    /// Whether a handshake could begin with it. What is left of a connection before this one could
    /// not.
    pub fn may_begin(&self) -> bool {
        self.handshake && !self.malformed
    }

    /// A record with the header of DTLS 1.2. Returns its length.
    fn legacy(&mut self, record: &[u8]) -> Option<usize> {
        let header = record.get(..HEADER_LEN)?;
        // DTLS 1.0 in the record version is common in a first ClientHello.
        if header[1] != 254 || !matches!(header[2], 253 | 255) {
            return None;
        }
        let epoch = u16::from_be_bytes([header[3], header[4]]);
        let len = HEADER_LEN + usize::from(u16::from_be_bytes([header[11], header[12]]));
        let body = record.get(HEADER_LEN..len)?;
        match epoch {
            0 => {
                let mut sequence = [0; 8];
                sequence[2..].copy_from_slice(&header[5..11]);
                let sequence = u64::from_be_bytes(sequence);
                self.plaintext_sequence = Some(
                    self.plaintext_sequence
                        .map_or(sequence, |s| s.max(sequence)),
                );
                self.plaintext(header[0], body);
            }
            1 => self.protected = true,
            _ => self.wrong_epoch = true,
        }
        Some(len)
    }

    /// A record with the header of DTLS 1.3. Returns its length.
    fn unified(&mut self, record: &[u8]) -> Option<usize> {
        let flags = record[0];
        if flags & 0b1_0000 != 0 {
            // We never agree to connection ids.
            return None;
        }
        let sequence_len = if flags & 0b1000 != 0 { 2 } else { 1 };
        let len = if flags & 0b100 != 0 {
            let at = 1 + sequence_len;
            let bytes = record.get(at..at + 2)?;
            at + 2 + usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
        } else {
            record.len()
        };
        self.protected = true;
        (len <= record.len()).then_some(len)
    }

    fn plaintext(&mut self, content_type: u8, body: &[u8]) {
        match (content_type, body) {
            (HANDSHAKE, [message, rest @ ..]) => {
                self.handshake = true;
                match *message {
                    CLIENT_HELLO => self.client_hello = client_hello(rest),
                    SERVER_HELLO => self.server_hello = cipher_suite(rest).or(self.server_hello),
                    HELLO_VERIFY_REQUEST => self.hello_verify_request = true,
                    _ => {}
                }
            }
            (ALERT, [2, description, ..]) => self.fatal_alert = Some(*description),
            _ => {}
        }
    }
}

/// Whether what follows the message type is the rest of one ClientHello, the first or second of a
/// handshake, with nothing left over: RFC 6347 §4.2.2.
fn client_hello(message: &[u8]) -> Option<ClientHello> {
    let (header, fragment) = message.split_first_chunk::<11>()?;
    let number = |at: usize| {
        usize::from(header[at]) << 16
            | usize::from(header[at + 1]) << 8
            | usize::from(header[at + 2])
    };
    let (len, offset, fragment_len) = (number(0), number(5), number(8));
    let sequence = u16::from_be_bytes([header[3], header[4]]);
    if fragment.len() != fragment_len || offset + fragment_len > len || sequence > 1 {
        return None;
    }
    Some(if fragment_len == len {
        ClientHello::Complete
    } else {
        ClientHello::Fragment
    })
}

/// The cipher suite of a ServerHello, from what follows the message type: RFC 5246 §7.4.1.3.
fn cipher_suite(message: &[u8]) -> Option<u16> {
    const FRAGMENT_OFFSET: std::ops::Range<usize> = 5..8;
    const BODY: usize = 11;
    const SESSION_ID: usize = BODY + 2 + 32;
    if message.get(FRAGMENT_OFFSET)? != [0, 0, 0] {
        return None;
    }
    let at = SESSION_ID + 1 + usize::from(*message.get(SESSION_ID)?);
    let bytes = message.get(at..at + 2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
