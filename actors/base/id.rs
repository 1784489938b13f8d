//! The names of sessions.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use proto::random::Random;
use serde::Serialize;

/// Names a session: 128 unguessable bits in hexadecimal, with the node's name in front where one
/// is configured (`node-…`). It is a capability: who knows it may signal for the session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Arc<str>);

impl SessionId {
    pub(crate) fn random(node: Option<&str>, random: &mut Random) -> SessionId {
        let id = u128::from_be_bytes(random.bytes());
        SessionId(match node {
            Some(node) => format!("{node}-{id:032x}").into(),
            None => format!("{id:032x}").into(),
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
