//! What the two sides tell each other in INIT and INIT ACK, and the state cookie
//! (RFC 9260 §3.3.2, §3.3.3, §5.1.3).

use std::time::Duration;

use aws_lc_rs::hmac;
use bytes::{BufMut, Bytes, BytesMut};

use super::packet::{self, kind, padded, u16_at, u32_at};
use crate::random::Random;

/// RFC 9260 §16, Valid.Cookie.Life.
pub(in crate::sctp) const COOKIE_LIFETIME: Duration = Duration::from_secs(60);
/// The longest INIT or INIT ACK that is looked at; a real one has some hundred bytes.
const MAX_INIT_SIZE: usize = 2048;
/// The parameters of an INIT that are looked at: an honest peer sends about six.
const MAX_PARAMETERS: usize = 32;
/// RFC 9260 §3.3.2: a_rwnd below this is an error.
const MIN_WINDOW: u32 = 1500;

const STATE_COOKIE: u16 = 7;
/// RFC 5061 §4.2.7: the chunk types that the sender understands.
const SUPPORTED_EXTENSIONS: u16 = 0x8008;
/// RFC 9653 §4: Zero Checksum Acceptable, and what detects errors instead: DTLS (§5).
const ZERO_CHECKSUM: u16 = 0x8001;
const BY_DTLS: u32 = 1;
/// RFC 3758 §3.1.
const FORWARD_TSN_SUPPORTED: u16 = 0xC000;

/// One side's half of the association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) struct Parameters {
    pub(in crate::sctp) initiate_tag: u32,
    pub(in crate::sctp) window: u32,
    pub(in crate::sctp) outbound_streams: u16,
    pub(in crate::sctp) inbound_streams: u16,
    pub(in crate::sctp) initial_tsn: u32,
    /// Partial reliability (RFC 3758).
    pub(in crate::sctp) forward_tsn: bool,
    /// Stream reset (RFC 6525).
    pub(in crate::sctp) reconfig: bool,
    /// Message interleaving (RFC 8260).
    pub(in crate::sctp) interleaving: bool,
    /// Packets without a checksum are taken, because DTLS has one (RFC 9653).
    pub(in crate::sctp) zero_checksum: bool,
}

/// What we say of ourselves, besides what is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) struct Offer {
    pub(in crate::sctp) window: u32,
    pub(in crate::sctp) interleaving: bool,
    pub(in crate::sctp) zero_checksum: bool,
}

impl Parameters {
    /// Ours, with a fresh tag and a fresh initial TSN.
    pub(in crate::sctp) fn generate(random: &mut Random, offer: Offer) -> Parameters {
        Parameters {
            initiate_tag: non_zero(random),
            window: offer.window.max(MIN_WINDOW),
            outbound_streams: u16::MAX,
            inbound_streams: u16::MAX,
            initial_tsn: first_tsn(random),
            forward_tsn: true,
            reconfig: true,
            interleaving: offer.interleaving,
            zero_checksum: offer.zero_checksum,
        }
    }

    /// The same with another tag and TSN.
    pub(in crate::sctp) fn renewed(&self, random: &mut Random) -> Parameters {
        Parameters {
            initiate_tag: non_zero(random),
            initial_tsn: first_tsn(random),
            ..*self
        }
    }

    /// Reads the value of an INIT or INIT ACK chunk, and the state cookie of the latter.
    pub(in crate::sctp) fn decode(value: &[u8]) -> Option<(Parameters, Option<&[u8]>)> {
        if value.len() > MAX_INIT_SIZE {
            return None;
        }
        let mut parameters = Parameters {
            initiate_tag: u32_at(value, 0)?,
            window: u32_at(value, 4)?,
            outbound_streams: u16_at(value, 8)?,
            inbound_streams: u16_at(value, 10)?,
            initial_tsn: u32_at(value, 12)?,
            forward_tsn: false,
            reconfig: false,
            interleaving: false,
            zero_checksum: false,
        };
        // RFC 9260 §3.3.2: none of these may be zero. A TSN may.
        if parameters.initiate_tag == 0
            || parameters.outbound_streams == 0
            || parameters.inbound_streams == 0
            || parameters.window < MIN_WINDOW
        {
            return None;
        }
        let mut cookie = None;
        let mut rest = &value[16..];
        for _ in 0..MAX_PARAMETERS {
            let (Some(kind), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) else {
                break;
            };
            let content = rest.get(4..usize::from(length))?;
            match kind {
                STATE_COOKIE => cookie = Some(content),
                FORWARD_TSN_SUPPORTED => parameters.forward_tsn = true,
                ZERO_CHECKSUM => parameters.zero_checksum |= u32_at(content, 0) == Some(BY_DTLS),
                SUPPORTED_EXTENSIONS => {
                    parameters.forward_tsn |= content.contains(&kind::FORWARD_TSN);
                    parameters.reconfig |= content.contains(&kind::RECONFIG);
                    // RFC 8260 §2.2.1: both.
                    parameters.interleaving |=
                        content.contains(&kind::I_DATA) && content.contains(&kind::I_FORWARD_TSN);
                }
                // RFC 9260 §3.2.1: the highest bit says whether one that we do not know may be
                // passed over.
                unknown if unknown & 0x8000 == 0 && !is_harmless(unknown) => break,
                _ => {}
            }
            rest = rest.get(padded(usize::from(length))..).unwrap_or_default();
        }
        Some((parameters, cookie))
    }

    /// The value of the INIT chunk, or of the INIT ACK chunk if there is a cookie.
    pub(in crate::sctp) fn encode(&self, cookie: Option<&[u8]>) -> Bytes {
        let mut out = BytesMut::with_capacity(128);
        out.put_u32(self.initiate_tag);
        out.put_u32(self.window);
        out.put_u16(self.outbound_streams);
        out.put_u16(self.inbound_streams);
        out.put_u32(self.initial_tsn);
        if let Some(cookie) = cookie {
            parameter(&mut out, STATE_COOKIE, cookie);
        }
        if self.forward_tsn {
            parameter(&mut out, FORWARD_TSN_SUPPORTED, &[]);
        }
        if self.zero_checksum {
            parameter(&mut out, ZERO_CHECKSUM, &BY_DTLS.to_be_bytes());
        }
        let extensions: Vec<u8> = [
            self.reconfig.then_some(kind::RECONFIG),
            self.forward_tsn.then_some(kind::FORWARD_TSN),
            self.interleaving.then_some(kind::I_DATA),
            self.interleaving.then_some(kind::I_FORWARD_TSN),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !extensions.is_empty() {
            parameter(&mut out, SUPPORTED_EXTENSIONS, &extensions);
        }
        out.freeze()
    }

    /// An INIT chunk in the form that sctp-proto reads.
    pub(in crate::sctp) fn to_init_chunk(self) -> Bytes {
        packet::chunk(kind::INIT, 0, &self.encode(None))
    }
}

/// Parameters below 0x8000 that are defined and say nothing to us: addresses, cookie
/// preservative, host name, supported address types, unrecognised parameter.
fn is_harmless(kind: u16) -> bool {
    matches!(kind, 5 | 6 | 8 | 9 | 11 | 12)
}

/// Not 0, which some peers refuse.
fn first_tsn(random: &mut Random) -> u32 {
    #[cfg(test)]
    if let Some(tsn) = crate::sctp::testing::FIRST_TSN.get() {
        return tsn;
    }
    non_zero(random)
}

fn non_zero(random: &mut Random) -> u32 {
    random.u32().max(1)
}

fn parameter(out: &mut BytesMut, kind: u16, content: &[u8]) {
    out.put_bytes(0, padded(out.len()) - out.len());
    out.put_u16(kind);
    out.put_u16(u16::try_from(4 + content.len()).unwrap_or(u16::MAX));
    out.put_slice(content);
}

/// What a COOKIE ECHO brings back: the whole state of the association, so that nothing has to be
/// kept between INIT and COOKIE ECHO, however many INITs come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) struct Cookie {
    pub(in crate::sctp) local: Parameters,
    pub(in crate::sctp) peer: Parameters,
    /// RFC 9260 §5.2.2: the tags of the association that existed when the INIT came, else zeros.
    pub(in crate::sctp) tie_tags: (u32, u32),
    /// When it was made, on the machine's own time line.
    pub(in crate::sctp) issued: Duration,
}

/// Makes and verifies cookies. Only the secret is kept: the expanded key is large, and used twice in
/// the life of an association.
pub(in crate::sctp) struct CookieKey([u8; 32]);

impl std::fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieKey(..)")
    }
}

const PARAMETERS_SIZE: usize = 20;
const COOKIE_SIZE: usize = 2 * PARAMETERS_SIZE + 8 + 8;

impl CookieKey {
    pub(in crate::sctp) fn generate(random: &mut Random) -> CookieKey {
        CookieKey(random.bytes())
    }

    fn expand(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }

    pub(in crate::sctp) fn seal(&self, cookie: &Cookie) -> Bytes {
        let mut out = BytesMut::with_capacity(COOKIE_SIZE + 32);
        for side in [&cookie.local, &cookie.peer] {
            out.put_u32(side.initiate_tag);
            out.put_u32(side.window);
            out.put_u16(side.outbound_streams);
            out.put_u16(side.inbound_streams);
            out.put_u32(side.initial_tsn);
            out.put_u8(side.forward_tsn.into());
            out.put_u8(side.reconfig.into());
            out.put_u8(side.interleaving.into());
            out.put_u8(side.zero_checksum.into());
        }
        out.put_u32(cookie.tie_tags.0);
        out.put_u32(cookie.tie_tags.1);
        out.put_u64(u64::try_from(cookie.issued.as_millis()).unwrap_or(u64::MAX));
        let tag = hmac::sign(&self.expand(), &out);
        out.put_slice(tag.as_ref());
        out.freeze()
    }

    /// `None` if we did not make it. The comparison takes constant time.
    pub(in crate::sctp) fn open(&self, sealed: &[u8]) -> Option<Cookie> {
        let (content, tag) = sealed.split_at_checked(COOKIE_SIZE)?;
        hmac::verify(&self.expand(), content, tag).ok()?;
        let side = |at: usize| {
            Some(Parameters {
                initiate_tag: u32_at(content, at)?,
                window: u32_at(content, at + 4)?,
                outbound_streams: u16_at(content, at + 8)?,
                inbound_streams: u16_at(content, at + 10)?,
                initial_tsn: u32_at(content, at + 12)?,
                forward_tsn: content[at + 16] != 0,
                reconfig: content[at + 17] != 0,
                interleaving: content[at + 18] != 0,
                zero_checksum: content[at + 19] != 0,
            })
        };
        let at = 2 * PARAMETERS_SIZE;
        let issued =
            u64::from(u32_at(content, at + 8)?) << 32 | u64::from(u32_at(content, at + 12)?);
        Some(Cookie {
            local: side(0)?,
            peer: side(PARAMETERS_SIZE)?,
            tie_tags: (u32_at(content, at)?, u32_at(content, at + 4)?),
            issued: Duration::from_millis(issued),
        })
    }
}

#[cfg(test)]
#[path = "init_tests.rs"]
mod tests;
