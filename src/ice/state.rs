//! The seven states and the two roles.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which agent nominates (RFC 8445 §6.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Nominates the pair that both sides use; as a rule the side that made the offer.
    Controlling,
    /// Follows.
    Controlled,
}

impl Role {
    /// The W3C's name: `controlling` or `controlled`.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Controlling => "controlling",
            Role::Controlled => "controlled",
        }
    }

    /// The peer's role.
    pub fn opposite(self) -> Role {
        match self {
            Role::Controlling => Role::Controlled,
            Role::Controlled => Role::Controlling,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of an ICE transport (W3C webrtc-pc, RTCIceTransportState).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not started, or without any remote candidate yet.
    New,
    /// Checks run, and no pair works yet.
    Checking,
    /// A pair works; better ones may still be sought.
    Connected,
    /// A pair is nominated and nothing is left to be checked or to be expected.
    Completed,
    /// The pair in use does not answer at the moment. May heal by itself.
    Disconnected,
    /// No pair works, or consent has expired. Only a restart leads out.
    Failed,
    /// Shut down for good.
    Closed,
}

impl State {
    /// All states, for tables.
    pub const ALL: [State; 7] = [
        State::New,
        State::Checking,
        State::Connected,
        State::Completed,
        State::Disconnected,
        State::Failed,
        State::Closed,
    ];

    /// The W3C's name, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            State::New => "new",
            State::Checking => "checking",
            State::Connected => "connected",
            State::Completed => "completed",
            State::Disconnected => "disconnected",
            State::Failed => "failed",
            State::Closed => "closed",
        }
    }

    /// The transition table: the states that may follow this one at once.
    pub const fn successors(self) -> &'static [State] {
        use State::*;
        match self {
            New => &[Checking, Closed],
            Checking => &[Connected, Failed, Closed],
            Connected => &[Completed, Disconnected, Closed],
            // Back to connected by a restart, or when there is something to check again.
            Completed => &[Connected, Disconnected, Closed],
            // To checking by a restart.
            Disconnected => &[Connected, Checking, Failed, Closed],
            Failed => &[Checking, Closed],
            Closed => &[],
        }
    }

    /// The first step on the way to `target`, where the table has no direct one.
    pub(super) fn step_towards(self, target: State) -> State {
        use State::*;
        match (self, target) {
            (_, Closed) => Closed,
            (New, _) => Checking,
            (Checking, Completed | Disconnected) => Connected,
            (Connected | Completed, Failed | Checking) => Disconnected,
            (Disconnected, Completed) => Connected,
            (Failed, _) => Checking,
            (_, target) => target,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
