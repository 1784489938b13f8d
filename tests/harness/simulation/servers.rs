//! The STUN and TURN servers of the simulated Internet.
//!
//! STUN is spoken as on the wire. TURN is what a TURN server *does* (allocations by 5-tuple,
//! permissions by address, RFC 8656 §9), without its wire format, which has tests of its own.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use actix_rtc_proto::stun::{self, Builder, Class, Header, attribute};
use bytes::Bytes;

use super::network::{Datagram, Tunnel};

/// Servers at fixed addresses.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    pub(crate) stun: Option<SocketAddr>,
    pub(crate) turn: Option<SocketAddr>,
    allocations: Vec<Allocation>,
    next_port: u16,
    /// Servers that receive and never answer.
    pub(crate) silent: bool,
}

#[derive(Debug)]
struct Allocation {
    relayed: SocketAddr,
    /// The client as the server sees it.
    client: SocketAddr,
    permissions: HashSet<IpAddr>,
}

impl Servers {
    /// Whether a datagram to this address is for a server, or for an address on one.
    pub(crate) fn owns(&self, to: SocketAddr) -> bool {
        self.stun == Some(to) || self.turn.is_some_and(|turn| turn.ip() == to.ip())
    }

    /// Forgets every allocation, as when the server restarts.
    pub(crate) fn lose_allocations(&mut self) {
        self.allocations.clear();
    }

    /// What a server sends when it receives this.
    pub(crate) fn receive(&mut self, datagram: Datagram) -> Option<Datagram> {
        if self.silent {
            return None;
        }
        if self.stun == Some(datagram.to) {
            return answer_binding(datagram);
        }
        if self.turn == Some(datagram.to) {
            return self.serve_client(datagram);
        }
        self.relay_from_peer(datagram)
    }

    fn serve_client(&mut self, datagram: Datagram) -> Option<Datagram> {
        let Datagram {
            from: client,
            to: server,
            payload,
            tunnel,
        } = datagram;
        match tunnel? {
            Tunnel::Allocate => {
                let relayed = self.allocate(client, server.ip());
                let tunnel = Some(Tunnel::Allocated {
                    relayed,
                    mapped: client,
                });
                Some(Datagram {
                    from: server,
                    to: client,
                    payload,
                    tunnel,
                })
            }
            Tunnel::Data { relayed, peer } => {
                let allocation = self
                    .allocations
                    .iter_mut()
                    .find(|a| a.relayed == relayed && a.client == client)?;
                allocation.permissions.insert(peer.ip());
                Some(Datagram {
                    from: relayed,
                    to: peer,
                    payload,
                    tunnel: None,
                })
            }
            Tunnel::Allocated { .. } => None,
        }
    }

    fn allocate(&mut self, client: SocketAddr, ip: IpAddr) -> SocketAddr {
        if let Some(known) = self.allocations.iter().find(|a| a.client == client) {
            return known.relayed;
        }
        self.next_port += 1;
        let relayed = SocketAddr::new(ip, 49_151 + self.next_port);
        self.allocations.push(Allocation {
            relayed,
            client,
            permissions: HashSet::new(),
        });
        relayed
    }

    fn relay_from_peer(&self, datagram: Datagram) -> Option<Datagram> {
        let allocation = self.allocations.iter().find(|a| a.relayed == datagram.to)?;
        let permitted = allocation.permissions.contains(&datagram.from.ip());
        permitted.then(|| Datagram {
            from: self.turn.expect("an allocation is on a server"),
            to: allocation.client,
            payload: datagram.payload,
            tunnel: Some(Tunnel::Data {
                relayed: allocation.relayed,
                peer: datagram.from,
            }),
        })
    }
}

fn answer_binding(request: Datagram) -> Option<Datagram> {
    let header = stun::peek(&request.payload)?;
    let payload: Bytes = Builder::new(Header {
        class: Class::SuccessResponse,
        ..header
    })
    .xor_address(attribute::XOR_MAPPED_ADDRESS, request.from)
    .fingerprint()
    .build();
    Some(Datagram {
        from: request.to,
        to: request.from,
        payload,
        tunnel: None,
    })
}
