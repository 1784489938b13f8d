//! Multicast DNS (RFC 6762), as far as it takes to find the address behind a `.local` name:
//! browsers put such a name into their host candidates instead of the address
//! (draft-ietf-mmusic-mdns-ice-candidates).
//!
//! Only questions are asked here, never answered. [`Query`] is one of them: it says what to send
//! and when, and takes what comes in. What it is told by others on the link is believed, as mDNS
//! is; an answer costs nothing but the connectivity check to the address in it.

mod message;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use message::{Answers, MAX_MESSAGE, Name, NameError};

/// Where questions go over IPv4 (RFC 6762 §3).
pub const GROUP_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251)), 5353);

/// Where questions go over IPv6.
pub const GROUP_V6: SocketAddr = SocketAddr::V6(SocketAddrV6::new(
    Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0xFB),
    5353,
    0,
    0,
));

/// The first pause until a question is asked again; each doubles (RFC 6762 §5.2 wants 1 s for
/// questions that go on; this one is over in a few seconds).
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The search for one name.
#[derive(Debug)]
pub struct Query {
    name: Name,
    next: Instant,
    pause: Duration,
    deadline: Instant,
    found: Option<IpAddr>,
}

/// How a search stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The address is there.
    Found(IpAddr),
    /// Nobody has answered within the time.
    Unresolved,
    /// There may still be an answer.
    Pending,
}

impl Query {
    /// Begins to search, for at most `patience`.
    pub fn new(now: Instant, name: Name, patience: Duration) -> Query {
        Query {
            name,
            next: now,
            pause: FIRST_PAUSE,
            deadline: now + patience,
            found: None,
        }
    }

    /// What is to be multicast now, if anything.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        if self.next > now || self.progress(now) != Progress::Pending {
            return None;
        }
        self.next = now + self.pause;
        self.pause *= 2;
        Some(self.name.question())
    }

    /// A datagram came in.
    pub fn handle_datagram(&mut self, datagram: &[u8]) {
        // The first address is as good as any: a browser's name has one (§3.1.1 of the draft).
        self.found = self
            .found
            .or_else(|| Answers::parse(datagram, &self.name).next());
    }

    /// How it stands.
    pub fn progress(&self, now: Instant) -> Progress {
        match self.found {
            Some(address) => Progress::Found(address),
            None if now >= self.deadline => Progress::Unresolved,
            None => Progress::Pending,
        }
    }

    /// When to look again, if nothing comes in.
    pub fn poll_timeout(&self) -> Instant {
        self.next.min(self.deadline)
    }
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
