//! The small values that a description is made of.

use std::fmt;
use std::str::FromStr;

use super::error::{SdpError, excerpt};

/// What names a session description: the `o=` line (RFC 8866 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Random and the same for all descriptions of a session; below 2^63 (RFC 9429 §5.2.1), the
    /// highest bit is not written.
    pub session_id: u64,
    /// Counts the descriptions of the session.
    pub version: u64,
}

/// The secrets of one ICE generation (RFC 8839 §5.4), and whether their owner is a lite agent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IceCredentials {
    /// `a=ice-ufrag`: 4 to 256 letters, digits, `+` or `/`; a peer's may be as base64 is written
    /// elsewhere, with `-`, `_` and `=` at the end.
    pub ufrag: String,
    /// `a=ice-pwd`: 22 to 256 of the same characters.
    pub pwd: String,
    /// `a=ice-lite`: this agent only answers checks (RFC 8445 §2.5).
    pub lite: bool,
}

impl IceCredentials {
    /// Checks both against RFC 8839 §5.4, but for other forms of base64. What passes can neither
    /// break a line of SDP nor the colon in the USERNAME of a check.
    pub(super) fn check(&self) -> Result<(), SdpError> {
        for (attribute, value, least) in [("ice-ufrag", &self.ufrag, 4), ("ice-pwd", &self.pwd, 22)]
        {
            if !(least..=256).contains(&value.len()) {
                return Err(SdpError::IceCredentialLength {
                    attribute,
                    length: value.len(),
                    least,
                });
            }
            let unpadded = value.strip_suffix('=').unwrap_or(value);
            let unpadded = unpadded.strip_suffix('=').unwrap_or(unpadded);
            let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"+/-_".contains(&b);
            if !unpadded.bytes().all(is_allowed) {
                return Err(SdpError::IceCredentialCharacter { attribute });
            }
        }
        Ok(())
    }
}

impl fmt::Debug for IceCredentials {
    // The password stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCredentials")
            .field("ufrag", &self.ufrag)
            .field("lite", &self.lite)
            .finish_non_exhaustive()
    }
}

/// A hash of a certificate, `a=fingerprint` (RFC 8122 §5). Only its form is checked here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// The hash function in lower case, such as `sha-256`.
    pub algorithm: String,
    /// The hash: pairs of upper-case hexadecimal digits with colons between.
    pub value: String,
}

impl FromStr for Fingerprint {
    type Err = SdpError;

    /// From `sha-256 AB:CD:…`, in either case.
    fn from_str(text: &str) -> Result<Fingerprint, SdpError> {
        let bad = || SdpError::Fingerprint {
            found: excerpt(text),
        };
        let (algorithm, value) = text.trim().split_once(' ').ok_or_else(bad)?;
        let value = value.trim();
        let hex = |pair: &str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_token(algorithm) || !value.split(':').all(hex) {
            return Err(bad());
        }
        Ok(Fingerprint {
            algorithm: algorithm.to_ascii_lowercase(),
            value: value.to_ascii_uppercase(),
        })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, self.value)
    }
}

/// Who starts the DTLS handshake: `a=setup` (RFC 4145 §4, RFC 8842 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setup {
    /// Either: the answerer chooses. Only in offers.
    ActPass,
    /// The DTLS client.
    Active,
    /// The DTLS server.
    Passive,
}

impl Setup {
    /// The word in SDP.
    pub fn as_str(self) -> &'static str {
        match self {
            Setup::ActPass => "actpass",
            Setup::Active => "active",
            Setup::Passive => "passive",
        }
    }

    /// What to answer to an offer of this: `active` where there is a choice (RFC 8842 §5.3), as
    /// the handshake then need not wait for the answer to reach the offerer.
    pub fn answer(self) -> Setup {
        match self {
            Setup::ActPass | Setup::Passive => Setup::Active,
            Setup::Active => Setup::Passive,
        }
    }

    /// Whether `answer` may be answered to an offer of this.
    pub fn allows(self, answer: Setup) -> bool {
        matches!(
            (self, answer),
            (Setup::ActPass, Setup::Active | Setup::Passive)
                | (Setup::Active, Setup::Passive)
                | (Setup::Passive, Setup::Active)
        )
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Setup {
    type Err = SdpError;

    /// From the word in SDP. `holdconn` is refused: there is nothing to hold in WebRTC.
    fn from_str(text: &str) -> Result<Setup, SdpError> {
        match text.trim() {
            "actpass" => Ok(Setup::ActPass),
            "active" => Ok(Setup::Active),
            "passive" => Ok(Setup::Passive),
            other => Err(SdpError::Setup {
                found: excerpt(other),
            }),
        }
    }
}

/// RFC 8866 §9: `token`, the characters of identifiers such as `a=mid`.
pub(super) fn is_token(text: &str) -> bool {
    let token = |b: u8| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&b);
    !text.is_empty() && text.bytes().all(token)
}

/// Whether a text can be the value of a line.
pub(super) fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\r', '\n', '\0'])
}

#[cfg(test)]
#[path = "types_tests.rs"]
mod tests;
