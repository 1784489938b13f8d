//! A worker's shared UDP port: many sessions on one socket.
//!
//! The rules of routing, and of who may have which address, are in [`route`](crate::proto::route).

mod dispatch;
#[cfg(any(test, feature = "chaos"))]
mod fault;
pub(crate) mod messages;
mod reader;
mod share;
mod single_port;
mod store;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use proto::gather::Base;
use proto::net::{Path, Protocol, Segments};
use proto::route::{Routes, Tables};

use self::dispatch::Batch;
use self::reader::Reader;
use self::single_port::{HandedOver, Seat};
use self::store::{PortStore, RouteId};
use crate::base::config::{Config, UdpMode};
use crate::base::error::open::MuxError;
use crate::kit::address::Neighbour;
use crate::kit::faults::PortFaults;
use crate::metrics::Metrics;
use crate::net::interfaces;
use crate::net::udp::{Sent, Udp};
use crate::ports::mux::messages::MuxToGatherer;
use crate::session::link::NetworkToIce;
use crate::session::permits::Permits;

pub(crate) use self::share::MuxShare;
pub(crate) use self::single_port::SinglePort;

/// The shared port of a worker. A cheap clone, for use on the worker's thread only.
#[derive(Clone)]
pub(crate) struct Mux(Rc<RefCell<State>>);

struct State {
    binding: Binding,
    /// `None` while it is being bound again.
    udp: Option<Udp>,
    /// In single-port mode.
    seat: Option<Seat>,
    announced: Vec<SocketAddr>,
    metrics: Arc<Metrics>,
    routes: Routes<RouteId, PortStore>,
    sessions: HashMap<RouteId, Session>,
    next: u64,
    /// Reused from wake to wake.
    received: Vec<(Path, Segments)>,
    batches: Vec<Batch>,
    /// For other workers.
    others: Vec<(u32, HandedOver)>,
    /// Wakes the reader, which also flushes, when something waits to be sent.
    waker: Option<std::task::Waker>,
    faults: PortFaults,
}

/// How the socket is bound, again when it was lost.
#[derive(Debug, Clone, Copy)]
struct Binding {
    address: SocketAddr,
    buffer: usize,
    /// Other workers bind the same port.
    shared: bool,
    /// Peers are told announced addresses: the bound one stands for all.
    hide_destination: bool,
}

impl Binding {
    fn bind(self) -> io::Result<Udp> {
        let mut udp = match self.shared {
            true => Udp::bind_shared(self.address, self.buffer)?,
            false => Udp::bind(self.address, self.buffer)?,
        };
        if self.hide_destination {
            udp.hide_destination();
        }
        Ok(udp)
    }
}

/// To whom a session's traffic goes.
struct Session {
    gatherer: Neighbour<MuxToGatherer>,
    /// `None` until there is an ICE transport.
    ice: Option<Neighbour<NetworkToIce>>,
    permits: Permits,
}

impl Mux {
    /// The shared port of a worker, where the settings want one.
    pub(crate) fn open(
        worker: usize,
        config: &Config,
        metrics: Arc<Metrics>,
        single_port: &Arc<SinglePort>,
    ) -> Result<Option<Mux>, MuxError> {
        let (address, single_port) = match config.udp {
            UdpMode::PerSession | UdpMode::Off => return Ok(None),
            UdpMode::Mux { ip, port: 0 } => (SocketAddr::new(ip, 0), None),
            UdpMode::Mux { ip, port } => (SocketAddr::new(ip, port + worker as u16), None),
            UdpMode::SinglePort { ip, port } => {
                let port = single_port.port_or(port);
                (SocketAddr::new(ip, port), Some(single_port))
            }
        };
        Mux::bind(address, config, metrics, single_port).map(Some)
    }

    /// Opens the port and begins to read from it, on the current thread. In single-port mode with
    /// what the workers share.
    pub(crate) fn bind(
        address: SocketAddr,
        config: &Config,
        metrics: Arc<Metrics>,
        single_port: Option<&Arc<SinglePort>>,
    ) -> Result<Mux, MuxError> {
        let failed = |source| MuxError::Bind { address, source };
        let mut binding = Binding {
            address,
            buffer: config.socket_buffer,
            shared: single_port.is_some(),
            hide_destination: !config.announce.is_empty(),
        };
        if single_port.is_some_and(|port| port.is_empty()) {
            // Another program that shares its port, too, would get half of our datagrams.
            std::net::UdpSocket::bind(address).map_err(failed)?;
        }
        let udp = binding.bind().map_err(failed)?;
        binding.address = udp.bound();
        if let Some(single_port) = single_port {
            single_port.bound(udp.bound().port());
        }
        // A 1:1 NAT maps the port on to itself; which interface it maps to is its business.
        let announce = config.announce.iter();
        let announced: Vec<_> = announce
            .map(|ip| SocketAddr::new(*ip, udp.bound().port()))
            .collect();
        let hosts = interfaces::addresses(config).map_err(failed)?;
        if Base::of_port(Protocol::Udp, udp.bound(), &announced, &hosts).is_empty() {
            return Err(MuxError::NoAddress {
                address: udp.bound(),
            });
        }
        let tables = single_port.map_or_else(Tables::default, |port| port.tables());
        let mux = Mux(Rc::new(RefCell::new(State {
            binding,
            udp: Some(udp),
            seat: single_port.map(SinglePort::sit),
            announced,
            metrics,
            routes: Routes::new(config.ice.consent_timeout, tables),
            sessions: HashMap::new(),
            next: 0,
            received: Vec::new(),
            batches: Vec::new(),
            others: Vec::new(),
            waker: None,
            faults: PortFaults::default(),
        })));
        actix_rt::spawn(Reader::new(&mux));
        Ok(mux)
    }

    /// The address that is bound.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.0.borrow().binding.address
    }

    /// The bases of host candidates on this port, where the host has these addresses.
    pub(crate) fn bases(&self, hosts: &[SocketAddr]) -> Vec<Base> {
        let State {
            binding, announced, ..
        } = &*self.0.borrow();
        Base::of_port(Protocol::Udp, binding.address, announced, hosts)
    }
}

impl State {
    fn seat(&self) -> u32 {
        self.seat.as_ref().map_or(0, |seat| seat.number)
    }

    fn send(&mut self, path: Path, segments: &Segments) -> Sent {
        let sent = match &mut self.udp {
            Some(udp) => udp.send(path, segments),
            // It will be back in a moment.
            None => Sent::Dropped,
        };
        if self.udp.as_ref().is_some_and(Udp::is_waiting)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
        // An error on a shared socket is this datagram's and nobody else's; the gatherer counts it.
        sent
    }

    /// Tells all sessions what became of the socket.
    fn tell_all(&self, message: fn() -> MuxToGatherer) {
        for session in self.sessions.values() {
            session.gatherer.do_send(message());
        }
    }
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
