//! The knobs of an agent.

use std::time::Duration;

use super::remote_addresses::RemoteAddresses;
use crate::builders::builders;

/// How an agent behaves. The defaults suit a server on the open Internet.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Ta, the pause between two ordinary checks (RFC 8445 §14.2). Default 50 ms. Shorter finds
    /// a path sooner where there are many candidates, and sends more in a burst. Triggered checks
    /// and nominations do not wait for it.
    pub ta: Duration,
    /// The first retransmission timeout of a check. Default 250 ms: RFC 8445 §14.3 recommends
    /// 500 ms for the sake of links that a few retransmitted 100-byte checks would burden; on
    /// lossy links half of it halves the time to connect. Grows with the number of pending
    /// checks, to `ta` times their number, as RFC 8445 §14.3 says.
    pub initial_rto: Duration,
    /// The longest retransmission timeout: each doubles the one before up to here. Default 3 s.
    /// Shorter finds a peer that comes late sooner.
    pub max_rto: Duration,
    /// How often a check is sent before its pair fails. Default 14, which with the default
    /// timeouts takes a little less than [`failure_patience`](Self::failure_patience).
    pub max_transmissions: u32,
    /// How long a controlling agent waits for better pairs after the first one worked, before it
    /// nominates. Default 500 ms. Data flows from the first pair on all the same.
    pub nomination_patience: Duration,
    /// How long without any working pair until the agent fails, as long as the peer has not said
    /// that it has no more candidates (RFC 8863 §4). Default 39.5 s.
    pub failure_patience: Duration,
    /// The mean pause between two consent checks; each is drawn from 80 % to 120 % of it
    /// (RFC 7675 §5.1). Default 5 s. RFC 7675 forbids less than 4 s between checks.
    pub consent_interval: Duration,
    /// How long after the last valid answer sending stops for good (RFC 7675 §5.1). Default 30 s.
    pub consent_timeout: Duration,
    /// How long the pair in use may leave checks unanswered until the state is `disconnected`.
    /// Default 5 s. Shorter says it sooner, and on lossy links wrongly.
    pub disconnected_timeout: Duration,
    /// After data came in, or went out, on the pair in use, how long a silence makes the agent
    /// probe it. Default 400 ms. It finds a NAT that gave a side another port within a second, and
    /// costs one check at each end of a burst of data.
    pub silence_probe: Duration,
    /// At most so many candidate pairs (RFC 8445 §6.1.2.5). Default 100.
    pub max_pairs: usize,
    /// At most so many remote candidates, peer-reflexive ones included. Default 100.
    pub max_remote_candidates: usize,
    /// Which addresses the peer may name. Default: those of the Internet, and nearer ones from
    /// addresses of ours that are as near. Wider lets whoever starts a session have checks sent
    /// into this network.
    pub remote_addresses: RemoteAddresses,
    /// At most so many triggered checks are held until the remote parameters come. Default 100.
    pub max_early_checks: usize,
    /// At most so many addresses of the peer are announced as authenticated at a time; the one
    /// not heard for longest makes room. Default 8.
    pub max_authenticated: usize,
    /// Whether this agent is a lite one (RFC 8445 §2.5), for a server on a public address: it
    /// begins no checks, is always controlled, and only verifies the pairs that the peer
    /// nominates. Default no.
    pub lite: bool,
    /// Whether a controlling agent nominates again when a clearly better pair than the nominated
    /// one works (better types of candidate, or a much shorter round trip). Goes beyond RFC 8445
    /// §8.1.1; browsers follow it. Default no.
    pub renomination: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            ta: Duration::from_millis(50),
            initial_rto: Duration::from_millis(250),
            max_rto: Duration::from_secs(3),
            max_transmissions: 14,
            nomination_patience: Duration::from_millis(500),
            failure_patience: Duration::from_millis(39_500),
            consent_interval: Duration::from_secs(5),
            consent_timeout: Duration::from_secs(30),
            disconnected_timeout: Duration::from_secs(5),
            silence_probe: Duration::from_millis(400),
            max_pairs: 100,
            max_remote_candidates: 100,
            remote_addresses: RemoteAddresses::AS_OURS,
            max_early_checks: 100,
            max_authenticated: 8,
            lite: false,
            renomination: false,
        }
    }
}

builders! {
    Config {
        ta: Duration,
        initial_rto: Duration,
        max_rto: Duration,
        max_transmissions: u32,
        nomination_patience: Duration,
        failure_patience: Duration,
        consent_interval: Duration,
        consent_timeout: Duration,
        disconnected_timeout: Duration,
        silence_probe: Duration,
        max_pairs: usize,
        max_remote_candidates: usize,
        remote_addresses: RemoteAddresses,
        max_early_checks: usize,
        max_authenticated: usize,
        lite: bool,
        renomination: bool,
    }
}
