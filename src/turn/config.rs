//! The knobs of a TURN client.

use std::time::Duration;

use super::message::Family;
use crate::builders::builders;

/// How a [`Client`](super::Client) works.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How long an allocation is asked for; the server may grant less or more. Default: 600 s, what
    /// RFC 8656 §7.2 recommends. It is refreshed well before. A shorter one is given up sooner by
    /// the server when we vanish, and costs more refreshes.
    pub lifetime: Duration,
    /// The family of the relayed address. Default: `None`, the server's choice (IPv4 by RFC 8656
    /// §7.2).
    pub family: Option<Family>,
    /// Until a request over UDP is first repeated, each repetition doubles it (RFC 8489 §6.2.1).
    /// Default: 500 ms.
    pub rto: Duration,
    /// How often a request over UDP is sent at most (Rc of RFC 8489 §6.2.1). Default: 7.
    pub max_transmissions: u32,
    /// How long an answer is waited for. Default: 10 s; RFC 8489's own 39.5 s is longer than
    /// anybody waits for a connection.
    pub request_timeout: Duration,
    /// How long [`close`](super::Client::close) may take to tell the server. Default: 2 s.
    pub close_timeout: Duration,
    /// After so long without anything sent over UDP an indication is, so that a NAT between us and
    /// the server keeps its mapping. Default: 15 s; zero turns it off.
    pub keepalive: Duration,
    /// When something was sent to a peer and nothing has come from the server for so long, the
    /// server is asked by a refresh whether it still knows us: one that was restarted does not, and
    /// drops data without a word. Default: 5 s, within which the peer of a live pair is always
    /// heard (RFC 7675 §5.1); zero turns it off.
    pub silence: Duration,
    /// Whether the first data to a peer that is not STUN binds a channel, which saves 32 bytes a
    /// datagram and the server some work. Default: yes.
    pub channels: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            lifetime: Duration::from_secs(600),
            family: None,
            rto: Duration::from_millis(500),
            max_transmissions: 7,
            request_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            keepalive: Duration::from_secs(15),
            silence: Duration::from_secs(5),
            channels: true,
        }
    }
}

builders! {
    Config {
        lifetime: Duration,
        family: impl Into<Option<Family>>,
        rto: Duration,
        max_transmissions: u32,
        request_timeout: Duration,
        close_timeout: Duration,
        keepalive: Duration,
        silence: Duration,
        channels: bool,
    }
}
