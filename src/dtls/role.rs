//! Who is client and who is server, and the parameters that two sides exchange about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Fingerprint;

/// The decided role of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sends the ClientHello; `a=setup:active` in SDP.
    Client,
    /// Waits for the ClientHello; `a=setup:passive` in SDP.
    Server,
}

impl Role {
    /// `client` or `server`.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Client => "client",
            Role::Server => "server",
        }
    }

    /// The role of the other side.
    pub fn opposite(self) -> Role {
        match self {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        }
    }

    /// Decides our role from what both sides said. Where both leave it open, the ICE role decides:
    /// the controlled side is the client (ORTC §4.4.3).
    ///
    /// # Errors
    ///
    /// When both sides insist on the same role.
    pub fn resolve(
        local: ParametersRole,
        remote: ParametersRole,
        ice_controlling: bool,
    ) -> Result<Role, RoleConflict> {
        match (local.fixed(), remote.fixed()) {
            (Some(local), Some(remote)) if local == remote => Err(RoleConflict { role: local }),
            (Some(local), _) => Ok(local),
            (None, Some(remote)) => Ok(remote.opposite()),
            (None, None) if ice_controlling => Ok(Role::Server),
            (None, None) => Ok(Role::Client),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Both sides insist on being client, or on being server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("both sides want to be the DTLS {role}")]
pub struct RoleConflict {
    /// What both want to be.
    pub role: Role,
}

/// The role in [`Parameters`]: decided, or left open (`RTCDtlsRole`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParametersRole {
    /// Open: see [`Role::resolve`].
    #[default]
    Auto,
    /// Insists on being the client.
    Client,
    /// Insists on being the server.
    Server,
}

impl ParametersRole {
    /// `auto`, `client` or `server`.
    pub fn as_str(self) -> &'static str {
        match self {
            ParametersRole::Auto => "auto",
            ParametersRole::Client => "client",
            ParametersRole::Server => "server",
        }
    }

    /// The role, unless it is open.
    pub fn fixed(self) -> Option<Role> {
        match self {
            ParametersRole::Auto => None,
            ParametersRole::Client => Some(Role::Client),
            ParametersRole::Server => Some(Role::Server),
        }
    }
}

impl From<Role> for ParametersRole {
    fn from(role: Role) -> ParametersRole {
        match role {
            Role::Client => ParametersRole::Client,
            Role::Server => ParametersRole::Server,
        }
    }
}

/// What one side tells the other before the handshake (`RTCDtlsParameters`, with the browser's
/// names in serde).
#[doc(alias = "RTCDtlsParameters")]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Parameters {
    /// Fingerprints of the certificate that will be presented; one that matches suffices.
    pub fingerprints: Vec<Fingerprint>,
    /// The role that the side wants; open when absent.
    #[serde(default)]
    pub role: ParametersRole,
}

#[cfg(test)]
#[path = "role_tests.rs"]
mod tests;
