//! Which addresses of the peer checks may be sent to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::event::CandidateRejected;

/// How far an address reaches, from the nearest to the farthest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressScope {
    /// This host.
    Loopback,
    /// This link: 169.254.0.0/16, fe80::/10.
    LinkLocal,
    /// This site: RFC 1918, the provider's 100.64.0.0/10 (RFC 6598), 198.18.0.0/15 (RFC 2544),
    /// fc00::/7 (RFC 4193), and the old fec0::/10.
    Private,
    /// The Internet.
    Public,
}

impl AddressScope {
    /// The scope of an address. An IPv6 address that stands for an IPv4 address (mapped, NAT64,
    /// 6to4) has the scope of that one.
    pub fn of(ip: IpAddr) -> AddressScope {
        match ip.to_canonical() {
            IpAddr::V4(v4) => AddressScope::of_v4(v4),
            IpAddr::V6(v6) => match embedded_v4(v6) {
                Some(v4) => AddressScope::of_v4(v4),
                None => AddressScope::of_v6(v6),
            },
        }
    }

    fn of_v4(ip: Ipv4Addr) -> AddressScope {
        match ip.octets() {
            // RFC 1122 §3.2.1.3: 0.0.0.0/8 is this host, too.
            [127 | 0, ..] => AddressScope::Loopback,
            [169, 254, ..] => AddressScope::LinkLocal,
            [100, 64..=127, ..] | [198, 18..=19, ..] | [192, 0, 0, _] => AddressScope::Private,
            _ if ip.is_private() => AddressScope::Private,
            _ => AddressScope::Public,
        }
    }

    fn of_v6(ip: Ipv6Addr) -> AddressScope {
        match ip.segments() {
            _ if ip.is_loopback() || ip.is_unspecified() => AddressScope::Loopback,
            _ if ip.is_unicast_link_local() => AddressScope::LinkLocal,
            _ if ip.is_unique_local() => AddressScope::Private,
            [first, ..] if first & 0xffc0 == 0xfec0 => AddressScope::Private,
            _ => AddressScope::Public,
        }
    }

    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            AddressScope::Loopback => "loopback",
            AddressScope::LinkLocal => "link_local",
            AddressScope::Private => "private",
            AddressScope::Public => "public",
        }
    }
}

/// The IPv4 address that packets to this one end up at.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        // RFC 6052 §2.1, RFC 8215
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => {
            Some(v4(high, low))
        }
        // RFC 3056 §2
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// Which addresses the peer may name. Candidates are anybody's word: without this a server on the
/// Internet would send checks into its own network, and to itself, for whoever asks.
///
/// An address of the Internet may always be checked. A nearer one may be when the address of ours
/// that it is paired with is as near, or the peer is: see [`like`](Self::like). Where the peer's
/// own checks come from is not asked: there it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RemoteAddresses {
    nearest: AddressScope,
}

impl RemoteAddresses {
    /// What our own addresses allow. The default.
    pub const AS_OURS: RemoteAddresses = RemoteAddresses {
        nearest: AddressScope::Public,
    };

    /// All, for who knows the peers.
    pub const ANY: RemoteAddresses = RemoteAddresses {
        nearest: AddressScope::Loopback,
    };

    /// As far as the address allows from which the peer speaks otherwise, of its HTTP connection
    /// for instance: a browser on this host may name loopback addresses. Behind a proxy that is
    /// not the address of the connection, but the one that the proxy vouches for.
    pub fn like(peer: IpAddr) -> RemoteAddresses {
        RemoteAddresses {
            nearest: AddressScope::of(peer),
        }
    }

    /// Whether an address may be checked from one of ours.
    ///
    /// # Errors
    ///
    /// What it is, when it may not.
    pub fn permit(self, ours: AddressScope, remote: IpAddr) -> Result<(), CandidateRejected> {
        let remote = AddressScope::of(remote);
        if remote >= ours.min(self.nearest) {
            return Ok(());
        }
        Err(match remote {
            AddressScope::Loopback => CandidateRejected::Loopback,
            AddressScope::LinkLocal => CandidateRejected::LinkLocal,
            AddressScope::Private | AddressScope::Public => CandidateRejected::Private,
        })
    }
}

impl Default for RemoteAddresses {
    fn default() -> RemoteAddresses {
        RemoteAddresses::AS_OURS
    }
}

#[cfg(test)]
#[path = "remote_addresses_tests.rs"]
mod tests;
