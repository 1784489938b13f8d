//! The simulated world of the tests: virtual time, and a network that delays, loses, reorders,
//! duplicates, translates and cuts, all from one seed.
//!
//! - [`network::Network`] carries datagrams between hosts. It knows nothing of ICE and serves the
//!   tests of any machine.
//! - [`link::Link`] is what lies between a host and its network, [`nat::Nat`] what lies between a
//!   network and the Internet, [`servers::Servers`] the STUN and TURN servers on it.
//! - [`peer::Peer`] is an ICE agent with sockets on a host, and [`sim::Sim`] two of them with
//!   signalling between them, driven to any virtual time.
//! - [`shared_port::World`] is any number of them, some of which share a port.
//!
//! A seed replays a run exactly.

#![allow(dead_code, reason = "every test uses its own part of the harness")]

pub(crate) mod link;
pub(crate) mod nat;
pub(crate) mod network;
pub(crate) mod peer;
pub(crate) mod servers;
pub(crate) mod shared_port;
pub(crate) mod sim;
pub(crate) mod turn_server;

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}
