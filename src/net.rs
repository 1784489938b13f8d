//! Addresses and datagrams, as all machines speak of them.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// The transport protocol below ICE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP with the framing of RFC 4571.
    Tcp,
}

impl Protocol {
    /// The name in candidate lines and metric labels: `udp` or `tcp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a datagram goes, or came from: the base of a local candidate and a remote address.
///
/// `local` is the address of a socket of ours, or the relayed address of a TURN allocation
/// (RFC 8445 §5.1.1: a relayed candidate is its own base). Both are [`canonical`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The transport protocol between the base and the peer.
    pub protocol: Protocol,
    /// Our side.
    pub local: SocketAddr,
    /// The peer's side.
    pub remote: SocketAddr,
}

impl Path {
    /// A UDP path; both addresses are made [`canonical`].
    pub fn udp(local: SocketAddr, remote: SocketAddr) -> Path {
        Path {
            protocol: Protocol::Udp,
            local: canonical(local),
            remote: canonical(remote),
        }
    }
}

impl Path {
    /// A TCP path; both addresses are made [`canonical`].
    pub fn tcp(local: SocketAddr, remote: SocketAddr) -> Path {
        Path {
            protocol: Protocol::Tcp,
            ..Path::udp(local, remote)
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.protocol, self.local, self.remote)
    }
}

/// The one form in which an address is stored and compared: no IPv4-mapped IPv6, no flow label,
/// and a scope only where it means something (link-local).
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(IpAddr::V4(ip), address.port()),
        IpAddr::V6(ip) => {
            let scope = match address {
                SocketAddr::V6(v6) if ip.is_unicast_link_local() => v6.scope_id(),
                _ => 0,
            };
            SocketAddr::V6(SocketAddrV6::new(ip, address.port(), 0, scope))
        }
    }
}

/// One or more datagrams back to back: each of [`segment_size`](Self::segment_size) bytes but the
/// last, which may be shorter. It is what GRO delivers and what GSO takes, so a batch crosses the
/// whole stack without being taken apart.
#[derive(Clone, PartialEq, Eq)]
pub struct Segments {
    contents: Bytes,
    segment_size: usize,
}

impl Segments {
    /// Cuts `contents` into datagrams of `segment_size` bytes; a size of 0 means one datagram.
    pub fn new(contents: Bytes, segment_size: usize) -> Segments {
        let segment_size = if segment_size == 0 {
            contents.len()
        } else {
            segment_size
        };
        Segments {
            contents,
            segment_size,
        }
    }

    /// All bytes, back to back.
    pub fn contents(&self) -> &Bytes {
        &self.contents
    }

    /// The size of each datagram but the last.
    pub fn segment_size(&self) -> usize {
        self.segment_size
    }

    /// How many bytes there are in all datagrams together.
    pub fn len(&self) -> usize {
        self.contents.len()
    }

    /// Whether there is not a single byte.
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// How many datagrams there are in a batch, and how many bytes.
    pub fn total<'a>(batch: impl IntoIterator<Item = &'a Segments>) -> (usize, usize) {
        let add = |(datagrams, bytes), segments: &Segments| {
            (datagrams + segments.count(), bytes + segments.len())
        };
        batch.into_iter().fold((0, 0), add)
    }

    /// How many datagrams there are.
    pub fn count(&self) -> usize {
        if self.segment_size == 0 {
            0
        } else {
            self.contents.len().div_ceil(self.segment_size)
        }
    }

    /// The datagrams one by one, as slices that share the same buffer.
    pub fn iter(&self) -> impl Iterator<Item = Bytes> + '_ {
        (0..self.count()).map(|i| {
            let start = i * self.segment_size;
            self.contents
                .slice(start..(start + self.segment_size).min(self.contents.len()))
        })
    }
}

impl From<Bytes> for Segments {
    /// A single datagram.
    fn from(datagram: Bytes) -> Segments {
        Segments::new(datagram, 0)
    }
}

impl fmt::Debug for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segments({} bytes in {})", self.len(), self.count())
    }
}

/// Joins datagrams into as few [`Segments`] as their sizes allow.
///
/// Datagrams are written straight into one buffer, so a batch costs one allocation.
#[derive(Debug)]
pub struct Coalescer {
    /// `filled` bytes of datagrams, then space that was written to before: it is not zeroed again.
    buffer: BytesMut,
    filled: usize,
    done: Vec<Segments>,
    segment_size: usize,
    count: usize,
    limit: usize,
}

/// What UDP carries at most in one segmented send: 64 segments, 65,507 bytes (IPv4).
const MAX_SEGMENTS: usize = 64;
const MAX_BYTES: usize = 65_507;

impl Default for Coalescer {
    fn default() -> Self {
        Coalescer {
            buffer: BytesMut::new(),
            filled: 0,
            done: Vec::new(),
            segment_size: 0,
            count: 0,
            limit: MAX_SEGMENTS,
        }
    }
}

impl Coalescer {
    /// Adds one datagram; an empty one is ignored.
    pub fn push(&mut self, datagram: &[u8]) {
        self.push_with(datagram.len(), |space| {
            space.copy_from_slice(datagram);
            Some(datagram.len())
        });
    }

    /// Adds one datagram that `write` puts into the given space of `capacity` bytes; it returns
    /// how many it wrote, `None` for nothing.
    pub fn push_with(&mut self, capacity: usize, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        let start = self.filled;
        let end = start + capacity;
        if self.buffer.len() < end {
            if self.buffer.capacity() < end {
                // After a second datagram room for a whole batch, instead of one reallocation per
                // datagram; a single one, and the look for the next, needs much less.
                let wanted = if start == 0 { 2 * capacity } else { MAX_BYTES };
                self.buffer.truncate(start);
                self.buffer
                    .reserve(capacity.max(wanted.saturating_sub(start)));
            }
            self.buffer.resize(end, 0);
        }
        let written = write(&mut self.buffer[start..end]);
        let written = written.unwrap_or(0).min(capacity);
        if written == 0 {
            return;
        }
        if !self.fits(written) {
            let datagram = self.buffer.split_off(start);
            self.finish();
            self.buffer = datagram;
        }
        if self.count == 0 {
            self.segment_size = written;
        }
        self.filled += written;
        self.count += 1;
        if written < self.segment_size {
            // Only the last segment may be shorter.
            self.finish();
        }
    }

    /// Takes what was added, in order. No buffer is kept.
    pub fn take(&mut self) -> Vec<Segments> {
        self.finish();
        self.buffer = BytesMut::new();
        std::mem::take(&mut self.done)
    }

    /// Whether nothing was added since the last [`take`](Self::take).
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.done.is_empty()
    }

    fn fits(&self, len: usize) -> bool {
        self.count == 0
            || (len <= self.segment_size
                && self.count < self.limit
                && self.count * self.segment_size + len <= MAX_BYTES)
    }

    fn finish(&mut self) {
        if self.count > 0 {
            let contents = self.buffer.split_to(std::mem::take(&mut self.filled));
            self.done
                .push(Segments::new(contents.freeze(), self.segment_size));
            self.count = 0;
        }
    }
}

#[cfg(test)]
#[path = "net_tests.rs"]
mod tests;
