//! A socket that candidates are gathered for.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::net::{Protocol, canonical};

/// More sockets than this are refused: each costs a transaction with every server.
pub const MAX_BASES: usize = 32;

/// More announced addresses for one socket are refused: each becomes a candidate that the peer
/// must check.
pub const MAX_ANNOUNCED: usize = 8;

/// The port in active TCP candidates, which nobody connects to (RFC 6544 §4.5).
pub const ACTIVE_PORT: u16 = 9;

/// A local socket: the base (RFC 8445 §3) of host and server-reflexive candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// What the socket is bound to: the `local` of every [`Path`](crate::net::Path) over it.
    pub address: SocketAddr,
    /// UDP; or TCP, for which there are only host candidates.
    pub protocol: Protocol,
    /// Behind a 1:1 NAT: the addresses that are told to peers instead of `address`. The port 0
    /// stands for the port of `address`. Empty when there is no such NAT.
    pub announced: Vec<SocketAddr>,
}

impl Base {
    /// A UDP socket whose own address is what peers are told.
    pub fn udp(address: SocketAddr) -> Base {
        Base {
            address,
            protocol: Protocol::Udp,
            announced: Vec::new(),
        }
    }

    /// The bases of a port that sessions share. Where addresses are announced, one for all of
    /// them; on a wildcard, one for each of the host's addresses of its family, but for IPv6
    /// link-local ones: datagrams that come to such do not say in which zone.
    pub fn of_port(
        protocol: Protocol,
        bound: SocketAddr,
        announced: &[SocketAddr],
        hosts: &[SocketAddr],
    ) -> Vec<Base> {
        let base = |address| Base {
            address,
            protocol,
            announced: announced.to_vec(),
        };
        if !announced.is_empty() || !bound.ip().is_unspecified() {
            return vec![base(bound)];
        }
        let usable = |ip: &IpAddr| {
            let zoned = matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
            ip.is_ipv4() == bound.is_ipv4() && !zoned
        };
        let hosts = hosts.iter().map(SocketAddr::ip).filter(usable);
        hosts
            .map(|ip| base(SocketAddr::new(ip, bound.port())))
            .collect()
    }

    /// The base of active TCP candidates beside this one of passive ones. Its connections leave
    /// from ports of their own; in candidates stands [`ACTIVE_PORT`] (RFC 6544 §4.5).
    pub fn active(&self) -> Base {
        let with_port = |mut address: SocketAddr| {
            address.set_port(ACTIVE_PORT);
            address
        };
        Base {
            address: with_port(self.address),
            protocol: Protocol::Tcp,
            announced: self.announced.iter().copied().map(with_port).collect(),
        }
    }

    /// The same with addresses canonical and ports filled in.
    ///
    /// # Errors
    ///
    /// The announced addresses do not fit, or the socket can have no host candidate.
    pub fn validate(mut self) -> Result<Base, BaseError> {
        self.address = canonical(self.address);
        let address = self.address;
        if address.port() == 0 {
            return Err(BaseError::NoPort { address });
        }
        if address.ip().is_unspecified() && self.announced.is_empty() {
            return Err(BaseError::WildcardWithoutAnnounced { address });
        }
        if self.announced.len() > MAX_ANNOUNCED {
            return Err(BaseError::TooManyAnnounced { address });
        }
        for announced in &mut self.announced {
            *announced = canonical(*announced);
            if announced.is_ipv4() != address.is_ipv4() {
                return Err(BaseError::WrongFamily {
                    address,
                    announced: announced.ip(),
                });
            }
            if announced.ip().is_unspecified() || announced.ip().is_multicast() {
                return Err(BaseError::NotAnAddress {
                    address,
                    announced: announced.ip(),
                });
            }
            if announced.port() == 0 {
                announced.set_port(address.port());
            }
        }
        Ok(self)
    }

    /// What peers are told: the announced addresses, or else the socket's own.
    pub(super) fn host_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let own = self.announced.is_empty().then_some(self.address);
        own.into_iter().chain(self.announced.iter().copied())
    }

    /// Whether a server at `server` can be asked from here: the family must be the same, and from
    /// an address that is valid only on this host or link one gets nowhere else.
    pub(super) fn reaches(&self, server: SocketAddr) -> bool {
        let (own, server) = (self.address.ip(), server.ip());
        own.is_ipv4() == server.is_ipv4()
            && (!own.is_loopback() || server.is_loopback())
            && (!is_link_local(own) || is_link_local(server))
    }
}

/// A [`Base`] that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BaseError {
    /// The port is 0: the socket is not bound.
    #[error("{address} has no port: bind the socket first")]
    NoPort {
        /// The socket's address.
        address: SocketAddr,
    },
    /// A wildcard address tells a peer nothing.
    #[error("{address} is a wildcard: bind to an interface's address, or announce one")]
    WildcardWithoutAnnounced {
        /// The socket's address.
        address: SocketAddr,
    },
    /// An IPv6 address announced for an IPv4 socket, or the other way round.
    #[error("{announced} cannot be announced for {address}: the family differs")]
    WrongFamily {
        /// The socket's address.
        address: SocketAddr,
        /// What should be announced.
        announced: IpAddr,
    },
    /// A wildcard or a multicast address.
    #[error("{announced} cannot be announced for {address}: no peer can send there")]
    NotAnAddress {
        /// The socket's address.
        address: SocketAddr,
        /// What should be announced.
        announced: IpAddr,
    },
    /// There are more than [`MAX_ANNOUNCED`].
    #[error("more than {MAX_ANNOUNCED} addresses are announced for {address}")]
    TooManyAnnounced {
        /// The socket's address.
        address: SocketAddr,
    },
    /// There are more than [`MAX_BASES`] sockets.
    #[error("more than {} sockets", MAX_BASES)]
    TooManyBases,
    /// The same socket twice.
    #[error("{address} was added before")]
    Duplicate {
        /// The socket's address.
        address: SocketAddr,
    },
    /// The gatherer is closed.
    #[error("the gatherer is closed")]
    Closed,
}

impl BaseError {
    /// The reason as a metric label.
    pub fn reason(self) -> &'static str {
        match self {
            BaseError::NoPort { .. } => "no_port",
            BaseError::WildcardWithoutAnnounced { .. } => "wildcard_without_announced",
            BaseError::WrongFamily { .. } => "wrong_family",
            BaseError::NotAnAddress { .. } => "not_an_address",
            BaseError::TooManyAnnounced { .. } => "too_many_announced",
            BaseError::TooManyBases => "too_many_bases",
            BaseError::Duplicate { .. } => "duplicate",
            BaseError::Closed => "closed",
        }
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
#[path = "base_tests.rs"]
mod tests;
