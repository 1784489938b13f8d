//! The knobs of a gatherer.

use std::time::Duration;

/// How a [`Gatherer`](super::Gatherer) works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Which candidates may be used. Default: all.
    pub policy: Policy,
    /// Between the first messages to two servers (Ta of RFC 8445 §14.2). Default: 50 ms. Lower
    /// finds candidates sooner where there are many servers and interfaces, but cheap NATs drop
    /// bursts of new bindings.
    pub ta: Duration,
    /// Until a STUN request is first repeated, each repetition doubles it (RFC 8489 §6.2.1).
    /// Default: 500 ms. With many servers it grows to Ta times their number (RFC 8445 §14.3).
    pub rto: Duration,
    /// How often a STUN request is sent at most (Rc of RFC 8489 §6.2.1). Default: 7.
    pub max_transmissions: u32,
    /// How long one server is waited for: first for its name, then once for its answer to each of
    /// our sockets. Default: 10 s. It bounds how long gathering stays incomplete because of a dead
    /// server; candidates of others do not wait for it.
    pub server_timeout: Duration,
    /// How long an allocation is waited for before gathering is complete without it; it may still
    /// come later. Default: 15 s, since there may be a connection, TLS and a second server in it.
    pub allocation_timeout: Duration,
    /// How often a reflexive address is asked for again, so that a NAT keeps it until ICE has
    /// chosen (RFC 8445 §5.1.1.4). Default: 15 s; zero turns it off.
    pub keepalive: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            policy: Policy::All,
            ta: Duration::from_millis(50),
            rto: Duration::from_millis(500),
            max_transmissions: 7,
            server_timeout: Duration::from_secs(10),
            allocation_timeout: Duration::from_secs(15),
            keepalive: Duration::from_secs(15),
        }
    }
}

/// Which candidates may be used (`RTCIceTransportPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Policy {
    /// All kinds.
    #[default]
    All,
    /// Only relayed ones: nothing of our own addresses is found out or shown.
    Relay,
}

impl Policy {
    /// The W3C's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Policy::All => "all",
            Policy::Relay => "relay",
        }
    }
}
