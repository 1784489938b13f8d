//! Candidates: transport addresses that may be used to reach a side (RFC 8445 §5.1).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::net::{Protocol, canonical};

/// How a candidate was found (RFC 8445 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CandidateType {
    /// The address of an interface.
    Host,
    /// The address that a STUN or TURN server saw.
    ServerReflexive,
    /// The address that the peer saw.
    PeerReflexive,
    /// An address on a TURN server.
    Relayed,
}

impl CandidateType {
    /// The name in candidate lines: `host`, `srflx`, `prflx` or `relay`.
    pub fn as_str(self) -> &'static str {
        match self {
            CandidateType::Host => "host",
            CandidateType::ServerReflexive => "srflx",
            CandidateType::PeerReflexive => "prflx",
            CandidateType::Relayed => "relay",
        }
    }

    /// RFC 8445 §5.1.2.2, the recommended values.
    pub fn preference(self) -> u8 {
        match self {
            CandidateType::Host => 126,
            CandidateType::PeerReflexive => 110,
            CandidateType::ServerReflexive => 100,
            CandidateType::Relayed => 0,
        }
    }
}

impl fmt::Display for CandidateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which side of a TCP candidate opens the connection (RFC 6544 §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TcpType {
    /// Opens connections; its port means nothing.
    Active,
    /// Accepts them.
    Passive,
    /// Simultaneous open.
    SimultaneousOpen,
}

impl TcpType {
    /// The name in candidate lines: `active`, `passive` or `so`.
    pub fn as_str(self) -> &'static str {
        match self {
            TcpType::Active => "active",
            TcpType::Passive => "passive",
            TcpType::SimultaneousOpen => "so",
        }
    }

    /// RFC 6544 §6.2: what may be paired and checked. A passive candidate waits until the peer's
    /// active one has connected, and is then paired with what the peer's check shows.
    fn checks(self, remote: TcpType) -> bool {
        matches!(
            (self, remote),
            (TcpType::Active, TcpType::Passive)
                | (TcpType::SimultaneousOpen, TcpType::SimultaneousOpen)
        )
    }
}

/// Where a candidate is: an IP address and port, or a name that has to be resolved first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and a port.
    Socket(SocketAddr),
    /// A name, as a rule of mDNS (`….local`), and a port.
    Name(String, u16),
}

impl Address {
    /// The address, `None` for a name.
    pub fn socket(&self) -> Option<SocketAddr> {
        match self {
            Address::Socket(address) => Some(*address),
            Address::Name(..) => None,
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        match self {
            Address::Socket(address) => address.port(),
            Address::Name(_, port) => *port,
        }
    }
}

/// A candidate of either side. Parses from and prints as the candidate line of RFC 8839 §5.1, and
/// is the browser's `RTCIceCandidateInit` in serde.
///
/// ```
/// use actix_rtc_proto::ice::{Candidate, CandidateType};
///
/// let line = "candidate:1 1 udp 2113937151 192.0.2.1 54321 typ host generation 0";
/// let candidate: Candidate = line.parse()?;
/// assert_eq!(candidate.kind, CandidateType::Host);
/// assert_eq!(candidate.to_string(), line);
/// # Ok::<(), actix_rtc_proto::ice::CandidateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Equal for candidates that a network treats alike (RFC 8445 §5.1.1.3); 1 to 32 characters.
    pub foundation: String,
    /// 1 for all that this stack does (data channels, and media with rtcp-mux).
    pub component: u16,
    /// The transport protocol.
    pub protocol: Protocol,
    /// RFC 8445 §5.1.2; higher is better.
    pub priority: u32,
    /// Where it is.
    pub address: Address,
    /// How it was found.
    pub kind: CandidateType,
    /// For what is not a host candidate, the address behind it, where it is told.
    pub related_address: Option<SocketAddr>,
    /// For TCP, who opens the connection.
    pub tcp_type: Option<TcpType>,
    /// The `generation` attribute that some agents send.
    pub generation: Option<u32>,
    /// The `network-cost` attribute of libwebrtc; 0 is best.
    pub network_cost: Option<u16>,
    /// Extension attributes that have no field here, in their order (RFC 8839 §5.1).
    pub extensions: Vec<(String, String)>,
    /// The media section's identification tag (`sdpMid`).
    pub sdp_mid: Option<String>,
    /// The media section's index (`sdpMLineIndex`).
    pub sdp_m_line_index: Option<u16>,
    /// To which ICE generation it belongs (`usernameFragment`, `ufrag` in the line).
    pub username_fragment: Option<String>,
}

impl Candidate {
    /// A host candidate.
    pub fn host(address: SocketAddr, protocol: Protocol) -> Candidate {
        let address = canonical(address);
        Candidate::local(CandidateType::Host, protocol, address, address.ip(), None)
    }

    /// A server-reflexive candidate: `address` is what the server saw of the socket `base`.
    pub fn server_reflexive(
        address: SocketAddr,
        base: SocketAddr,
        protocol: Protocol,
        server: IpAddr,
    ) -> Candidate {
        let base = canonical(base);
        let kind = CandidateType::ServerReflexive;
        let candidate = Candidate::local(kind, protocol, address, base.ip(), Some(server));
        Candidate {
            related_address: Some(base),
            ..candidate
        }
    }

    /// A relayed candidate: `address` is the allocation on `server`, `mapped` the address of ours
    /// that the server saw.
    pub fn relayed(address: SocketAddr, mapped: SocketAddr, server: IpAddr) -> Candidate {
        let kind = CandidateType::Relayed;
        // RFC 8445 §5.1.1.2: a relayed candidate is its own base.
        let candidate = Candidate::local(kind, Protocol::Udp, address, address.ip(), Some(server));
        Candidate {
            related_address: Some(canonical(mapped)),
            ..candidate
        }
    }

    fn local(
        kind: CandidateType,
        protocol: Protocol,
        address: SocketAddr,
        base: IpAddr,
        server: Option<IpAddr>,
    ) -> Candidate {
        let address = canonical(address);
        Candidate {
            foundation: foundation(kind, protocol, &format_args!("{base} {server:?}")),
            component: 1,
            protocol,
            priority: priority(kind, default_local_preference(address.ip(), protocol), 1),
            address: Address::Socket(address),
            kind,
            related_address: None,
            tcp_type: (protocol == Protocol::Tcp).then_some(TcpType::Passive),
            generation: None,
            network_cost: None,
            extensions: Vec::new(),
            sdp_mid: None,
            sdp_m_line_index: None,
            username_fragment: None,
        }
    }

    /// With a local preference, 65,535 being best: whoever gathers from several interfaces gives
    /// each its own (RFC 8445 §5.1.2.1). Recomputes the priority.
    pub fn with_local_preference(mut self, preference: u16) -> Candidate {
        self.priority = priority(self.kind, preference, self.component);
        self
    }

    /// With another type preference than RFC 8445 §5.1.2.2 recommends, 126 being the highest. It
    /// is the upper byte of the priority; the rest stays.
    pub fn with_type_preference(mut self, preference: u8) -> Candidate {
        self.priority = u32::from(preference.min(126)) << 24 | self.priority & 0x00FF_FFFF;
        self
    }

    /// With a TCP type (RFC 6544). Recomputes the priority.
    pub fn with_tcp_type(mut self, tcp_type: TcpType) -> Candidate {
        self.tcp_type = Some(tcp_type);
        let is_ipv6 = self.socket_addr().is_some_and(|address| address.is_ipv6());
        self.with_local_preference(tcp_local_preference(tcp_type, is_ipv6))
    }

    /// With the IP address of its name, which has been resolved.
    pub fn with_ip(mut self, ip: IpAddr) -> Candidate {
        self.address = Address::Socket(canonical(SocketAddr::new(ip, self.address.port())));
        self
    }

    /// The IP address and port, `None` when it is a name that has not been resolved.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        self.address.socket()
    }

    /// The priority of a peer-reflexive candidate that a check from this one would make
    /// (RFC 8445 §7.1.1).
    pub(super) fn peer_reflexive_priority(&self) -> u32 {
        u32::from(CandidateType::PeerReflexive.preference()) << 24 | self.priority & 0x00FF_FFFF
    }

    /// A remote candidate that is learnt from a check (RFC 8445 §7.3.1.3).
    pub(super) fn peer_reflexive(
        address: SocketAddr,
        protocol: Protocol,
        priority: u32,
        foundation: String,
    ) -> Candidate {
        let kind = CandidateType::PeerReflexive;
        let candidate = Candidate::local(kind, protocol, address, address.ip(), None);
        // The connection is there already: the type does not matter any more.
        Candidate {
            foundation,
            priority,
            tcp_type: None,
            ..candidate
        }
    }

    /// Whether a check can be sent from this local candidate to that remote one
    /// (RFC 8445 §6.1.2.2).
    pub(super) fn pairs_with(&self, base: SocketAddr, remote: &Candidate) -> bool {
        let Some(to) = remote.socket_addr() else {
            return false;
        };
        self.component == remote.component
            && self.protocol == remote.protocol
            && base.is_ipv4() == to.is_ipv4()
            && is_link_local(base.ip()) == is_link_local(to.ip())
            && match (self.tcp_type, remote.tcp_type) {
                (Some(local), Some(remote)) => local.checks(remote),
                _ => true,
            }
    }
}

/// RFC 8445 §6.1.2.2: IPv6 link-local addresses reach only each other.
fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// RFC 8445 §5.1.2.1.
pub(super) fn priority(kind: CandidateType, local_preference: u16, component: u16) -> u32 {
    u32::from(kind.preference()) << 24
        | u32::from(local_preference) << 8
        | 256u32.saturating_sub(u32::from(component)).min(255)
}

/// RFC 8421 §4: IPv6 first, but by a hair; UDP before TCP (RFC 6544 §4.2).
fn default_local_preference(ip: IpAddr, protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Udp => 65_534 + u16::from(ip.is_ipv6()),
        Protocol::Tcp => tcp_local_preference(TcpType::Passive, ip.is_ipv6()),
    }
}

/// RFC 6544 §4.2, the recommended values for host candidates, and the other preference as large
/// as it may be.
fn tcp_local_preference(tcp_type: TcpType, is_ipv6: bool) -> u16 {
    let direction: u16 = match tcp_type {
        TcpType::Active => 6,
        TcpType::Passive => 4,
        TcpType::SimultaneousOpen => 2,
    };
    (direction << 13) | (8190 + u16::from(is_ipv6))
}

/// RFC 8445 §5.1.1.3: equal type, protocol, and origin (base and server) make an equal foundation.
pub(super) fn foundation(
    kind: CandidateType,
    protocol: Protocol,
    origin: &dyn fmt::Display,
) -> String {
    let what = format!("{kind} {protocol} {origin}");
    crc32fast::hash(what.as_bytes()).to_string()
}

#[cfg(test)]
#[path = "candidate_tests.rs"]
mod tests;
