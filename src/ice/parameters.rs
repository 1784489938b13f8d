//! The username fragment and password of one side (RFC 8445 §5.3, RFC 8839 §5.4).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::stun::Key;

/// What one side tells the other before checks can begin (ORTC's RTCIceParameters).
///
/// `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    /// 4 to 256 characters; finds the session of a check.
    pub username_fragment: String,
    /// 22 to 256 characters; the key of all checks towards the one who made it.
    pub password: String,
    /// Whether that side only answers (RFC 8445 §2.5). Absent means no.
    #[serde(default)]
    pub ice_lite: bool,
}

/// What is wrong with [`Parameters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// Not 4 to 256 of the characters `A-Z a-z 0-9 + /`, those of URLs, or padded.
    #[error("the username fragment is not 4 to 256 characters of A-Z, a-z, 0-9, + and /")]
    InvalidUsernameFragment,
    /// Not 22 to 256 of the characters `A-Z a-z 0-9 + /`, those of URLs, or padded.
    #[error("the password is not 22 to 256 characters of A-Z, a-z, 0-9, + and /")]
    InvalidPassword,
}

impl ParametersError {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            ParametersError::InvalidUsernameFragment => "invalid_username_fragment",
            ParametersError::InvalidPassword => "invalid_password",
        }
    }
}

/// 48 bits: it is looked up process-wide, so it should not repeat (RFC 8839 §5.4 wants 24 bits).
const UFRAG_CHARS: usize = 8;
/// 144 bits (RFC 8839 §5.4 wants 128).
const PASSWORD_CHARS: usize = 24;

impl Parameters {
    /// Fresh random ones.
    pub fn generate(random: &mut Random, ice_lite: bool) -> Parameters {
        Parameters {
            username_fragment: random.ice_chars(UFRAG_CHARS),
            password: random.ice_chars(PASSWORD_CHARS),
            ice_lite,
        }
    }

    /// Checks lengths and characters (RFC 8839 §5.4). Beside its characters those of base64 as some
    /// stacks write it are taken: `-` and `_`, and `=` at the end.
    pub fn validate(&self) -> Result<(), ParametersError> {
        if !is_ice_chars(&self.username_fragment, 4) {
            return Err(ParametersError::InvalidUsernameFragment);
        }
        if !is_ice_chars(&self.password, 22) {
            return Err(ParametersError::InvalidPassword);
        }
        Ok(())
    }
}

fn is_ice_chars(text: &str, at_least: usize) -> bool {
    let unpadded = text.strip_suffix('=').unwrap_or(text);
    let unpadded = unpadded.strip_suffix('=').unwrap_or(unpadded);
    (at_least..=256).contains(&text.len())
        && unpadded
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(&b))
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters")
            .field("username_fragment", &self.username_fragment)
            .field("ice_lite", &self.ice_lite)
            .finish_non_exhaustive()
    }
}

/// Parameters with their key expanded, so that no check pays for it.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    pub(super) parameters: Parameters,
    pub(super) key: Key,
}

impl Credentials {
    pub(super) fn new(parameters: Parameters) -> Credentials {
        let key = Key::short_term(&parameters.password);
        Credentials { parameters, key }
    }

    pub(super) fn ufrag(&self) -> &str {
        &self.parameters.username_fragment
    }
}

#[cfg(test)]
#[path = "parameters_tests.rs"]
mod tests;
