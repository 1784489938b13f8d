//! Network address translation, in the terms of RFC 4787.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use actix_rtc_proto::random::Random;

/// On what of the destination a mapping, or a filter, depends (RFC 4787 §4.1, §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depends {
    /// On nothing: endpoint-independent.
    No,
    /// On its IP address.
    Address,
    /// On its IP address and port.
    AddressAndPort,
}

impl Depends {
    fn same(self, a: SocketAddr, b: SocketAddr) -> bool {
        match self {
            Depends::No => true,
            Depends::Address => a.ip() == b.ip(),
            Depends::AddressAndPort => a == b,
        }
    }
}

/// The behaviours that the tests tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NatKind {
    /// Endpoint-independent mapping and filtering.
    FullCone,
    /// Endpoint-independent mapping, address-dependent filtering.
    Restricted,
    /// Endpoint-independent mapping, address- and port-dependent filtering.
    PortRestricted,
    /// Address-dependent mapping and filtering.
    AddressDependent,
    /// Address- and port-dependent mapping and filtering.
    Symmetric,
}

impl NatKind {
    pub(crate) const ALL: [NatKind; 5] = [
        NatKind::FullCone,
        NatKind::Restricted,
        NatKind::PortRestricted,
        NatKind::AddressDependent,
        NatKind::Symmetric,
    ];

    fn mapping(self) -> Depends {
        match self {
            NatKind::FullCone | NatKind::Restricted | NatKind::PortRestricted => Depends::No,
            NatKind::AddressDependent => Depends::Address,
            NatKind::Symmetric => Depends::AddressAndPort,
        }
    }

    fn filtering(self) -> Depends {
        match self {
            NatKind::FullCone => Depends::No,
            NatKind::Restricted | NatKind::AddressDependent => Depends::Address,
            NatKind::PortRestricted | NatKind::Symmetric => Depends::AddressAndPort,
        }
    }
}

#[derive(Debug)]
struct Mapping {
    inner: SocketAddr,
    /// The destination that made it, which matters as far as the mapping depends on it.
    made_for: SocketAddr,
    port: u16,
    /// To whom datagrams went out through it.
    peers: Vec<SocketAddr>,
    last_used: Instant,
}

/// A translator with one public address.
#[derive(Debug)]
pub(crate) struct Nat {
    pub(crate) public: IpAddr,
    kind: NatKind,
    /// A mapping without outgoing traffic lives so long (RFC 4787 §4.3). Default 2 minutes.
    pub(crate) expiry: Duration,
    /// Whether inner hosts reach each other by their public addresses (RFC 4787 §6).
    pub(crate) hairpin: bool,
    mappings: Vec<Mapping>,
}

impl Nat {
    pub(crate) fn new(public: IpAddr, kind: NatKind) -> Nat {
        Nat {
            public,
            kind,
            expiry: Duration::from_secs(120),
            hairpin: false,
            mappings: Vec::new(),
        }
    }

    /// Forgets all mappings, as after a restart: everyone gets new ports.
    pub(crate) fn rebind(&mut self) {
        self.mappings.clear();
    }

    /// Gives two inner addresses each other's public ports, as chance may after a restart.
    pub(crate) fn swap(&mut self, a: SocketAddr, b: SocketAddr) {
        for mapping in &mut self.mappings {
            if mapping.inner == a {
                mapping.inner = b;
            } else if mapping.inner == b {
                mapping.inner = a;
            }
        }
    }

    /// The public source of a datagram that goes out.
    pub(crate) fn outbound(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
        random: &mut Random,
    ) -> SocketAddr {
        self.expire(now);
        let depends = self.kind.mapping();
        let known = self
            .mappings
            .iter()
            .position(|m| m.inner == from && depends.same(m.made_for, to));
        let index = known.unwrap_or_else(|| {
            let port = loop {
                let port = 1024 + (random.u32() % 60_000) as u16;
                if !self.mappings.iter().any(|m| m.port == port) {
                    break port;
                }
            };
            let mapping = Mapping {
                inner: from,
                made_for: to,
                port,
                peers: Vec::new(),
                last_used: now,
            };
            self.mappings.push(mapping);
            self.mappings.len() - 1
        });
        let mapping = &mut self.mappings[index];
        mapping.last_used = now;
        if !mapping.peers.contains(&to) {
            mapping.peers.push(to);
        }
        SocketAddr::new(self.public, mapping.port)
    }

    /// The inner destination of a datagram that comes in, if it is let in.
    pub(crate) fn inbound(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Option<SocketAddr> {
        self.expire(now);
        let filter = self.kind.filtering();
        let mapping = self.mappings.iter().find(|m| m.port == to.port())?;
        mapping
            .peers
            .iter()
            .any(|peer| filter.same(*peer, from))
            .then_some(mapping.inner)
    }

    fn expire(&mut self, now: Instant) {
        let expiry = self.expiry;
        self.mappings.retain(|m| now < m.last_used + expiry);
    }
}
