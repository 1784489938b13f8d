//! The knobs of a gatherer.

use std::time::Duration;

use super::event::GatheredKind;
use super::url::Transport;
use crate::builders::builders;

/// How a [`Gatherer`](super::Gatherer) works.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Which candidates may be used. Default: all.
    pub policy: Policy,
    /// How much each kind of candidate is preferred.
    pub preferences: Preferences,
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
            preferences: Preferences::default(),
            ta: Duration::from_millis(50),
            rto: Duration::from_millis(500),
            max_transmissions: 7,
            server_timeout: Duration::from_secs(10),
            allocation_timeout: Duration::from_secs(15),
            keepalive: Duration::from_secs(15),
        }
    }
}

builders! {
    Config {
        policy: Policy,
        preferences: Preferences,
        ta: Duration,
        rto: Duration,
        max_transmissions: u32,
        server_timeout: Duration,
        allocation_timeout: Duration,
        keepalive: Duration,
    }
}

/// The type preference of each kind of candidate (RFC 8445 §5.1.2.1), 0 to 126: the upper byte of
/// its priority. Of two pairs that work the agents choose the one with the higher sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preferences {
    /// Default: 126.
    pub host: u8,
    /// Default: 100.
    pub server_reflexive: u8,
    /// Relayed, with the server reached over UDP. Default: 2.
    pub relayed_udp: u8,
    /// Relayed, with the server reached over TCP: what is lost holds up what follows. Default: 1.
    pub relayed_tcp: u8,
    /// Relayed, with the server reached over TLS. Default: 0.
    pub relayed_tls: u8,
}

impl Default for Preferences {
    fn default() -> Self {
        Preferences {
            host: 126,
            server_reflexive: 100,
            relayed_udp: 2,
            relayed_tcp: 1,
            relayed_tls: 0,
        }
    }
}

builders! {
    Preferences {
        host: u8,
        server_reflexive: u8,
        relayed_udp: u8,
        relayed_tcp: u8,
        relayed_tls: u8,
    }
}

impl Preferences {
    /// RFC 8445 §5.1.2.1: 126 is the highest.
    const MAX: u8 = 126;

    pub(super) fn of(&self, kind: GatheredKind, server: Option<Transport>) -> u8 {
        let preference = match (kind, server) {
            (GatheredKind::Host, _) => self.host,
            (GatheredKind::ServerReflexive, _) => self.server_reflexive,
            (GatheredKind::Relayed, Some(Transport::Tcp)) => self.relayed_tcp,
            (GatheredKind::Relayed, Some(Transport::Tls | Transport::Dtls)) => self.relayed_tls,
            (GatheredKind::Relayed, Some(Transport::Udp) | None) => self.relayed_udp,
        };
        preference.min(Preferences::MAX)
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
