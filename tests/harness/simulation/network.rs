//! The network: hosts with interfaces on local networks, translators, and the Internet.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use actix_rtc_proto::random::Random;
use bytes::Bytes;

use super::link::{Direction, Link};
use super::nat::Nat;
use super::servers::Servers;

/// A UDP datagram on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) payload: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostId(pub(crate) usize);

/// A local network; the first is the Internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LanId(usize);

pub(crate) const INTERNET: LanId = LanId(0);

/// What an interface does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Up,
    /// Datagrams vanish.
    Cut,
    /// Sending is an error (ENETUNREACH).
    Down,
}

/// Sending is impossible: the interface is down, or there is none of this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreachable;

#[derive(Debug)]
struct Interface {
    host: HostId,
    ip: IpAddr,
    lan: LanId,
    link: Link,
    carrier: Carrier,
    up: Direction,
    down: Direction,
}

/// What is counted.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) unroutable: u64,
}

#[derive(Debug)]
enum Hop {
    /// Reaches the local network.
    Lan(LanId, Datagram),
    /// Reaches the host.
    Host(HostId, IpAddr, Datagram),
}

/// The network. It has no clock: it is told the time, and says when it next has something.
#[derive(Debug)]
pub(crate) struct Network {
    random: Random,
    interfaces: Vec<Interface>,
    /// By [`LanId`]; the Internet has none.
    nats: Vec<Option<Nat>>,
    pub(crate) servers: Servers,
    events: BinaryHeap<Reverse<(Instant, u64)>>,
    hops: std::collections::HashMap<u64, Hop>,
    next_hop: u64,
    hosts: usize,
    /// Whether hosts reach only servers, not each other.
    direct_blocked: bool,
    pub(crate) traffic: Traffic,
}

impl Network {
    pub(crate) fn new(random: Random) -> Network {
        Network {
            random,
            interfaces: Vec::new(),
            nats: vec![None],
            servers: Servers::default(),
            events: BinaryHeap::new(),
            hops: Default::default(),
            next_hop: 0,
            hosts: 0,
            direct_blocked: false,
            traffic: Traffic::default(),
        }
    }

    pub(crate) fn add_host(&mut self) -> HostId {
        self.hosts += 1;
        HostId(self.hosts - 1)
    }

    /// A local network behind a translator.
    pub(crate) fn add_lan(&mut self, nat: Nat) -> LanId {
        self.nats.push(Some(nat));
        LanId(self.nats.len() - 1)
    }

    pub(crate) fn add_interface(&mut self, host: HostId, lan: LanId, ip: IpAddr, link: Link) {
        self.interfaces.push(Interface {
            host,
            ip,
            lan,
            link,
            carrier: Carrier::Up,
            up: Direction::default(),
            down: Direction::default(),
        });
    }

    /// The interfaces of a host get other addresses and are up; what is under way to the old ones
    /// is lost.
    pub(crate) fn renumber(&mut self, host: HostId) {
        for interface in self.interfaces.iter_mut().filter(|i| i.host == host) {
            interface.carrier = Carrier::Up;
            interface.ip = match interface.ip {
                IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() + 0x100).into(),
                IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() + 0x1_0000).into(),
            };
        }
    }

    /// The host and its interfaces are gone; what it sent is still under way.
    pub(crate) fn remove_host(&mut self, host: HostId) {
        self.interfaces.retain(|i| i.host != host);
    }

    pub(crate) fn nat(&mut self, lan: LanId) -> &mut Nat {
        self.nats[lan.0]
            .as_mut()
            .expect("the Internet is not behind a translator")
    }

    pub(crate) fn set_carrier(&mut self, ip: IpAddr, carrier: Carrier) {
        self.interface(ip).carrier = carrier;
    }

    pub(crate) fn set_link(&mut self, ip: IpAddr, link: Link) {
        self.interface(ip).link = link;
    }

    /// Whether hosts reach only servers, and one another through them, as behind strict firewalls.
    pub(crate) fn block_direct(&mut self, blocked: bool) {
        self.direct_blocked = blocked;
    }

    pub(crate) fn addresses(&self, host: HostId) -> Vec<IpAddr> {
        self.interfaces
            .iter()
            .filter(|i| i.host == host)
            .map(|i| i.ip)
            .collect()
    }

    fn interface(&mut self, ip: IpAddr) -> &mut Interface {
        self.interfaces
            .iter_mut()
            .find(|i| i.ip == ip)
            .expect("no such interface")
    }

    /// A host sends.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        host: HostId,
        datagram: Datagram,
    ) -> Result<(), Unreachable> {
        let from = datagram.from.ip();
        let interface = self
            .interfaces
            .iter_mut()
            .find(|i| i.host == host && i.ip == from)
            .ok_or(Unreachable)?;
        if interface.carrier == Carrier::Down || from.is_ipv4() != datagram.to.is_ipv4() {
            return Err(Unreachable);
        }
        self.traffic.sent += 1;
        if interface.carrier == Carrier::Cut {
            self.traffic.lost += 1;
            return Ok(());
        }
        let len = datagram.payload.len();
        let arrivals = interface
            .up
            .carry(&interface.link, now, len, &mut self.random);
        let lan = interface.lan;
        self.traffic.lost += u64::from(arrivals.is_empty());
        for at in arrivals {
            self.push(at, Hop::Lan(lan, datagram.clone()));
        }
        Ok(())
    }

    /// When something happens next.
    pub(crate) fn next_event(&self) -> Option<Instant> {
        self.events.peek().map(|Reverse((at, _))| *at)
    }

    /// The next datagram that has arrived at a host by now.
    pub(crate) fn receive(&mut self, now: Instant) -> Option<(HostId, Datagram)> {
        while self.next_event().is_some_and(|at| at <= now) {
            let Reverse((at, id)) = self.events.pop()?;
            match self.hops.remove(&id)? {
                Hop::Lan(lan, datagram) => self.route(at, lan, datagram),
                Hop::Host(host, ip, datagram) => {
                    let mut interfaces = self.interfaces.iter();
                    let is_up = |i: &Interface| i.ip == ip && i.carrier == Carrier::Up;
                    if interfaces.any(is_up) {
                        self.traffic.delivered += 1;
                        return Some((host, datagram));
                    }
                    self.traffic.lost += 1;
                }
            }
        }
        None
    }

    fn route(&mut self, now: Instant, lan: LanId, mut datagram: Datagram) {
        let to = datagram.to.ip();
        if self.direct_blocked
            && !self.servers.owns(datagram.to)
            && !self.servers.owns(datagram.from)
        {
            self.traffic.lost += 1;
            return;
        }
        let local = self
            .interfaces
            .iter_mut()
            .find(|i| i.lan == lan && i.ip == to);
        if let Some(interface) = local {
            let len = datagram.payload.len();
            let arrivals = interface
                .down
                .carry(&interface.link, now, len, &mut self.random);
            let host = interface.host;
            self.traffic.lost += u64::from(arrivals.is_empty());
            for at in arrivals {
                self.push(at, Hop::Host(host, to, datagram.clone()));
            }
            return;
        }
        if let Some(nat) = &mut self.nats[lan.0] {
            let hairpins = nat.public == to;
            if hairpins && !nat.hairpin {
                self.traffic.unroutable += 1;
                return;
            }
            datagram.from = nat.outbound(now, datagram.from, datagram.to, &mut self.random);
            self.push(now, Hop::Lan(INTERNET, datagram));
            return;
        }
        if self.servers.owns(datagram.to) {
            if let Some(answer) = self.servers.receive(now, datagram) {
                self.push(now, Hop::Lan(INTERNET, answer));
            }
            return;
        }
        let behind = self
            .nats
            .iter()
            .position(|n| n.as_ref().is_some_and(|n| n.public == to));
        let inner = behind.and_then(|lan| {
            let nat = self.nats[lan].as_mut()?;
            Some((LanId(lan), nat.inbound(now, datagram.from, datagram.to)?))
        });
        match inner {
            Some((lan, to)) => self.push(now, Hop::Lan(lan, Datagram { to, ..datagram })),
            None => self.traffic.unroutable += 1,
        }
    }

    fn push(&mut self, at: Instant, hop: Hop) {
        self.hops.insert(self.next_hop, hop);
        self.events.push(Reverse((at, self.next_hop)));
        self.next_hop += 1;
    }
}
