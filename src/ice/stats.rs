//! What an agent counts.

use std::time::Duration;

use super::candidate::Candidate;
use super::pair::{PairCounters, PairState};
use super::state::{Role, State};
use crate::net::Path;
use crate::stun::Rejected;

/// Why a datagram was dropped, or a path not used: noise that never is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Dropped {
    /// Not a STUN message.
    NotStun,
    /// Not the Binding method.
    WrongMethod,
    /// Arrived on a socket that this agent does not know.
    UnknownBase,
    /// A request without USERNAME.
    MissingUsername,
    /// A request with the username fragment of another session.
    UnknownUfrag,
    /// No FINGERPRINT.
    MissingFingerprint,
    /// A wrong FINGERPRINT.
    WrongFingerprint,
    /// No MESSAGE-INTEGRITY.
    MissingIntegrity,
    /// A wrong MESSAGE-INTEGRITY.
    WrongIntegrity,
    /// Authentic, but not decodable.
    Undecodable,
    /// Authentic, with an attribute that must be understood and is not; answered with 420.
    UnknownAttribute,
    /// Authentic, but a role conflict that the peer has to solve; answered with 487.
    RoleConflict,
    /// A response that nobody waits for: late, replayed, or made up.
    UnknownTransaction,
    /// A response from another address than the request went to (RFC 8445 §7.2.5.2.1).
    WrongSource,
    /// An error response to a check.
    Refused,
    /// An authentic check that would have made one candidate or pair too many.
    TooMany,
    /// A Binding indication, which is just a keepalive.
    Indication,
    /// Data from an address that was not authenticated.
    UnauthenticatedData,
    /// An authentic check of a generation that has failed: not answered, so that the peer's
    /// consent ends, too (RFC 7675 §5.2).
    Revoked,
    /// The owner did not drain what was to be sent.
    Undrained,
}

impl Dropped {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Dropped; 20] = [
        Dropped::NotStun,
        Dropped::WrongMethod,
        Dropped::UnknownBase,
        Dropped::MissingUsername,
        Dropped::UnknownUfrag,
        Dropped::MissingFingerprint,
        Dropped::WrongFingerprint,
        Dropped::MissingIntegrity,
        Dropped::WrongIntegrity,
        Dropped::Undecodable,
        Dropped::UnknownAttribute,
        Dropped::RoleConflict,
        Dropped::UnknownTransaction,
        Dropped::WrongSource,
        Dropped::Refused,
        Dropped::TooMany,
        Dropped::Indication,
        Dropped::UnauthenticatedData,
        Dropped::Revoked,
        Dropped::Undrained,
    ];

    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Dropped::NotStun => "not_stun",
            Dropped::WrongMethod => "wrong_method",
            Dropped::UnknownBase => "unknown_base",
            Dropped::MissingUsername => "missing_username",
            Dropped::UnknownUfrag => "unknown_ufrag",
            Dropped::MissingFingerprint => "missing_fingerprint",
            Dropped::WrongFingerprint => "wrong_fingerprint",
            Dropped::MissingIntegrity => "missing_integrity",
            Dropped::WrongIntegrity => "wrong_integrity",
            Dropped::Undecodable => "undecodable",
            Dropped::UnknownAttribute => "unknown_attribute",
            Dropped::RoleConflict => "role_conflict",
            Dropped::UnknownTransaction => "unknown_transaction",
            Dropped::WrongSource => "wrong_source",
            Dropped::Refused => "refused",
            Dropped::TooMany => "too_many",
            Dropped::Indication => "indication",
            Dropped::UnauthenticatedData => "unauthenticated_data",
            Dropped::Revoked => "revoked",
            Dropped::Undrained => "undrained",
        }
    }
}

impl From<Rejected> for Dropped {
    fn from(rejected: Rejected) -> Dropped {
        match rejected {
            Rejected::Malformed => Dropped::NotStun,
            Rejected::MissingFingerprint => Dropped::MissingFingerprint,
            Rejected::WrongFingerprint => Dropped::WrongFingerprint,
            Rejected::MissingIntegrity => Dropped::MissingIntegrity,
            Rejected::WrongIntegrity => Dropped::WrongIntegrity,
            Rejected::Undecodable => Dropped::Undecodable,
        }
    }
}

/// Counts since the agent was made; none ever decreases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    dropped: [u64; Dropped::ALL.len()],
    /// Checks sent, consent checks included, retransmissions not.
    pub checks_sent: u64,
    /// Retransmissions of checks.
    pub checks_retransmitted: u64,
    /// Valid answers to our checks.
    pub checks_answered: u64,
    /// Connectivity checks that were never answered.
    pub checks_timed_out: u64,
    /// Consent checks sent (RFC 7675).
    pub consent_sent: u64,
    /// Consent checks that were not answered in time.
    pub consent_unanswered: u64,
    /// How often consent expired.
    pub consent_expired: u64,
    /// Authenticated checks of the peer.
    pub requests_received: u64,
    /// How many of them were held until the remote parameters came.
    pub early_requests: u64,
    /// How often our role changed by a conflict.
    pub role_switches: u64,
    /// How often ICE was restarted, from either side.
    pub restarts: u64,
    /// How often the owner could not send on a path.
    pub send_errors: u64,
}

impl Counters {
    /// How many datagrams were dropped for this reason.
    pub fn dropped(&self, reason: Dropped) -> u64 {
        self.dropped[reason as usize]
    }

    pub(super) fn drop(&mut self, reason: Dropped) {
        self.drop_many(reason, 1);
    }

    pub(super) fn drop_many(&mut self, reason: Dropped, datagrams: usize) {
        self.dropped[reason as usize] += datagrams as u64;
    }
}

/// One pair, as `RTCIceCandidatePairStats` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct PairStats {
    /// Where its datagrams go.
    pub path: Path,
    /// Our candidate, as the peer sees it.
    pub local: Candidate,
    /// The peer's candidate.
    pub remote: Candidate,
    /// Frozen to failed.
    pub state: PairState,
    /// RFC 8445 §6.1.2.3.
    pub priority: u64,
    /// Whether it was nominated.
    pub nominated: bool,
    /// Whether data goes over it now.
    pub selected: bool,
    /// The latest measured round trip.
    pub rtt: Option<Duration>,
    /// What was counted.
    pub counters: PairCounters,
}

/// A snapshot of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// Its state.
    pub state: State,
    /// Its role.
    pub role: Role,
    /// Its pairs, best first.
    pub pairs: Vec<PairStats>,
    /// What it counted.
    pub counters: Counters,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_in_its_own_place() {
        let mut counters = Counters::default();
        for (i, reason) in Dropped::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, i);
            counters.drop(reason);
            assert_eq!(counters.dropped(reason), 1, "{}", reason.as_str());
        }
    }
}
