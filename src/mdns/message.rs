//! Questions and answers on the wire (RFC 1035 §4, RFC 6762 §18).

use std::net::IpAddr;
use std::str::FromStr;

use bytes::{BufMut, Bytes, BytesMut};

/// A message of mDNS is no longer (RFC 6762 §17).
pub const MAX_MESSAGE: usize = 9000;

/// RFC 1035 §2.3.4.
const MAX_LABEL: usize = 63;
const MAX_NAME: usize = 253;

/// More records than these are not looked at: no responder sends as many.
const MAX_RECORDS: usize = 64;

/// In a name, so many pointers are followed: each must point backwards, so there is an end anyway.
const MAX_POINTERS: usize = 16;

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
/// RFC 6762 §5.4: an answer may be sent to us alone.
const UNICAST_RESPONSE: u16 = 0x8000;
/// RFC 6762 §10.2: in an answer, the same bit says that it replaces others.
const CACHE_FLUSH: u16 = 0x8000;
/// QR and OPCODE of a response to a standard query.
const RESPONSE: u16 = 0x8000;
const RESPONSE_MASK: u16 = 0xF800;

/// A host name below `.local`, in lower case and without a dot at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(Box<str>);

/// A name that mDNS does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is no host name at all.
    #[error("not a host name")]
    Invalid,
    /// Its last label is not `local` (RFC 6762 §3).
    #[error("not a name that ends in .local")]
    NotLocal,
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Name, NameError> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let fits =
            |label: &str| !label.is_empty() && label.len() <= MAX_LABEL && label.bytes().all(plain);
        if name.len() > MAX_NAME || !name.split('.').all(fits) {
            return Err(NameError::Invalid);
        }
        match name.strip_suffix(".local") {
            Some(_) => Ok(Name(name.into())),
            None => Err(NameError::NotLocal),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Name {
    /// Asks for both kinds of address.
    pub(super) fn question(&self) -> Bytes {
        let mut message = BytesMut::with_capacity(64);
        // RFC 6762 §18: the identifier and all flags are zero.
        for word in [0, 0, 2, 0, 0, 0] {
            message.put_u16(word);
        }
        for kind in [TYPE_A, TYPE_AAAA] {
            self.write(&mut message);
            message.put_u16(kind);
            message.put_u16(CLASS_IN | UNICAST_RESPONSE);
        }
        message.freeze()
    }

    fn write(&self, message: &mut BytesMut) {
        for label in self.0.split('.') {
            message.put_u8(label.len() as u8); // at most 63
            message.put_slice(label.as_bytes());
        }
        message.put_u8(0);
    }
}

/// The addresses of a name in a message. Whatever is wrong with the message ends it.
#[derive(Debug)]
pub struct Answers<'a> {
    reader: Reader<'a>,
    name: &'a Name,
    left: usize,
}

impl<'a> Answers<'a> {
    /// Looks for `name`; a message that is not a response has no answers.
    pub fn parse(datagram: &'a [u8], name: &'a Name) -> Answers<'a> {
        let mut reader = Reader {
            message: datagram,
            at: 0,
        };
        let left = reader.records_ahead().unwrap_or(0).min(MAX_RECORDS);
        Answers { reader, name, left }
    }
}

impl Iterator for Answers<'_> {
    type Item = IpAddr;

    fn next(&mut self) -> Option<IpAddr> {
        while let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            let (address, matches) = self.reader.record(self.name).or_else(|| {
                self.left = 0;
                None
            })?;
            if matches && address.is_some_and(is_host) {
                return address;
            }
        }
        None
    }
}

/// Whether a candidate may be there at all.
fn is_host(ip: IpAddr) -> bool {
    let broadcast = ip == IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.message.get(self.at..)?.get(..count)?;
        self.at += count;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// Reads the header and the questions: how many records follow. Addresses may stand in any
    /// section (RFC 6762 §6: additional records count as much as answers).
    fn records_ahead(&mut self) -> Option<usize> {
        let (_, flags) = (self.u16()?, self.u16()?);
        if flags & RESPONSE_MASK != RESPONSE {
            return None;
        }
        let questions = usize::from(self.u16()?);
        let mut records = 0;
        for _ in 0..3 {
            records += usize::from(self.u16()?);
        }
        for _ in 0..questions.min(MAX_RECORDS) {
            self.skip_name()?;
            self.take(4)?;
        }
        (questions <= MAX_RECORDS).then_some(records)
    }

    /// Reads a record: its address, if it is of such a type, and whether it is of this name.
    fn record(&mut self, name: &Name) -> Option<(Option<IpAddr>, bool)> {
        let matches = self.name_is(&name.0);
        self.skip_name()?;
        let (kind, class) = (self.u16()?, self.u16()? & !CACHE_FLUSH);
        let ttl = self.take(4)?;
        let length = usize::from(self.u16()?);
        let data = self.take(length)?;
        // RFC 6762 §10.1: without a time to live it is a goodbye.
        let alive = class == CLASS_IN && ttl != [0; 4];
        let address = match kind {
            TYPE_A if alive => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
            TYPE_AAAA if alive => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
            _ => None,
        };
        Some((address, matches))
    }

    fn skip_name(&mut self) -> Option<()> {
        loop {
            let length = self.take(1)?[0];
            match length {
                0 => return Some(()),
                1..=63 => self.take(usize::from(length))?,
                // RFC 1035 §4.1.4: a pointer ends the name.
                192.. => return self.take(1).map(|_| ()),
                _ => return None,
            };
        }
    }

    /// Compares the name that begins here, without regard to case (RFC 6762 §16), and stays here.
    fn name_is(mut self, name: &str) -> bool {
        let mut labels = name.split('.');
        let mut pointers = 0;
        while let Some(length) = self.take(1).map(|byte| byte[0]) {
            match length {
                0 => return labels.next().is_none(),
                1..=63 => {
                    let label = self.take(usize::from(length));
                    let wanted = labels.next().map(str::as_bytes);
                    let same = label
                        .zip(wanted)
                        .is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
                    if !same {
                        return false;
                    }
                }
                192.. => {
                    let from = self.at - 1;
                    let Some(low) = self.take(1) else {
                        return false;
                    };
                    self.at = usize::from(length & 63) << 8 | usize::from(low[0]);
                    pointers += 1;
                    if self.at >= from || pointers > MAX_POINTERS {
                        return false;
                    }
                }
                _ => return false,
            }
        }
        false
    }
}
