//! The local bases of a session: its sockets and its share of the worker's port, as they come and
//! go with the addresses of the host.

use std::net::SocketAddr;

use actix::prelude::*;
use proto::gather;
use proto::gather::{Base, Policy};

use super::GathererActor;
use crate::base::config::UdpMode;
use crate::base::error::{Reason, TransportError};
use crate::base::kind::ActorKind;
use crate::kit::alarm::now;
use crate::net::hosts::{self, HostsChanged};
use crate::net::interfaces;
use crate::net::udp::Udp;
use crate::session::link::GathererToIce;

/// Stands for the port of an address that no socket is bound to: "discard", as in RFC 8840 §4.
const NO_PORT: u16 = 9;

impl GathererActor {
    /// The session's sockets for these addresses of the host.
    pub(super) fn open_bases(&mut self) -> Result<Vec<Base>, TransportError> {
        let config = self.scope.config.clone();
        let hosts = interfaces::addresses(&config).map_err(|error| cannot_bind(&error))?;
        let mut bases = match &self.ports.mux {
            _ if self.machine.policy() == Policy::Relay => unbound(&hosts),
            Some(mux) => mux.bases(&hosts),
            None if config.udp == UdpMode::Off => Vec::new(),
            None => self.bind_sockets(&hosts)?,
        };
        bases.extend(self.connections.bases(&hosts));
        hosts::watch(&config, self.subscriber.clone());
        Ok(bases)
    }

    /// One socket for each address.
    fn bind_sockets(&mut self, hosts: &[SocketAddr]) -> Result<Vec<Base>, TransportError> {
        let mut last_error = None;
        for &host in hosts {
            // One address that cannot be bound (an IPv6 one that is tentative, say) does not hold
            // back the others.
            if let Err(error) = self.bind_socket(host) {
                tracing::debug!(session = %self.scope.id, %host, %error, "cannot bind");
                last_error = Some(error);
            }
        }
        if self.sockets.is_empty() {
            return Err(last_error
                .unwrap_or_else(|| cannot_bind(&"this host has no address that may be used")));
        }
        Ok(self.sockets.keys().map(|base| Base::udp(*base)).collect())
    }

    fn bind_socket(&mut self, host: SocketAddr) -> Result<SocketAddr, TransportError> {
        let config = &self.scope.config;
        let (range, mut random) = (config.port_range.clone(), self.scope.random());
        let udp = Udp::bind_in(host, range, &mut random, config.socket_buffer)
            .map_err(|error| cannot_bind(&format!("{}: {error}", host.ip())))?;
        let base = udp.bound();
        self.sockets.insert(base, udp);
        Ok(base)
    }

    /// A socket that the machine is to gather for.
    pub(super) fn add_base(&mut self, base: Base) {
        let address = base.address;
        if let Err(error) = self.machine.add_base(now(), base) {
            tracing::debug!(session = %self.scope.id, %address, %error, "not gathered for");
        }
    }

    pub(super) fn lose_socket(
        &mut self,
        ctx: &mut Context<Self>,
        base: SocketAddr,
        error: &std::io::Error,
    ) {
        tracing::warn!(%base, %error, "socket lost");
        self.sockets.remove(&base);
        self.remove_base(base);
        if self.sockets.is_empty() {
            let reason = Reason::SocketLost;
            let error = TransportError::with_details(ActorKind::Gatherer, reason, error);
            self.exit.fail(ctx, error);
        }
    }

    /// A socket is gone, and its candidates with it.
    pub(super) fn remove_base(&mut self, base: SocketAddr) {
        self.machine.remove_base(now(), base);
        self.forget_base(base);
    }

    /// The worker's port is lost for the moment: an ICE restart is offered.
    pub(super) fn lose_mux(&mut self) {
        let hosts = interfaces::addresses(&self.scope.config).unwrap_or_default();
        let Some(mux) = &self.ports.mux else { return };
        for base in mux.bases(&hosts) {
            self.remove_base(base.address);
        }
        self.tell_ice(GathererToIce::RestartWanted);
    }

    /// It is back, and with it the candidates on it.
    pub(super) fn regain_mux(&mut self) {
        let hosts = interfaces::addresses(&self.scope.config).unwrap_or_default();
        self.follow(&hosts);
    }

    /// The host has these addresses now. New ones get candidates, those of the old ones end; when
    /// nothing is left of what there was, an ICE restart is offered.
    pub(super) fn follow(&mut self, hosts: &[SocketAddr]) {
        if matches!(
            self.machine.state(),
            gather::State::New | gather::State::Closed
        ) {
            return;
        }
        let old = self.host_bases();
        let mut bases = match &self.ports.mux {
            _ if self.machine.policy() == Policy::Relay => unbound(hosts),
            Some(mux) => mux.bases(hosts),
            None if self.scope.config.udp == UdpMode::Off => Vec::new(),
            None => self.bind_new(hosts),
        };
        bases.extend(self.connections.bases(hosts));
        let gone = |base: &&SocketAddr| !bases.iter().any(|b| b.address == **base);
        let gone: Vec<SocketAddr> = old.iter().filter(gone).copied().collect();
        for base in &gone {
            tracing::info!(session = %self.scope.id, %base, "local address gone");
            self.sockets.remove(base);
            self.connections.remove_base(*base);
            self.remove_base(*base);
        }
        for base in bases {
            // Those that are known already are refused, quietly.
            self.add_base(base);
        }
        if !gone.is_empty() && gone.len() == old.len() {
            self.tell_ice(GathererToIce::RestartWanted);
        }
    }

    /// The sockets for these addresses: those that are there, and new ones.
    fn bind_new(&mut self, hosts: &[SocketAddr]) -> Vec<Base> {
        let same = |a: &SocketAddr, b: &SocketAddr| {
            let mut with_port = *b;
            with_port.set_port(a.port());
            *a == with_port
        };
        let mut bases = Vec::new();
        for host in hosts {
            let known = self.sockets.keys().find(|base| same(base, host)).copied();
            match known.map_or_else(|| self.bind_socket(*host), Ok) {
                Ok(base) => bases.push(Base::udp(base)),
                // Tried again with the next change.
                Err(error) => {
                    tracing::debug!(session = %self.scope.id, %host, %error, "cannot bind");
                }
            }
        }
        bases
    }

    /// The bases that candidates are on now, without relays.
    fn host_bases(&self) -> Vec<SocketAddr> {
        let bases = self.candidates.iter().map(|(_, base)| *base);
        let mut bases: Vec<_> = bases.filter(|base| !self.relays.has(*base)).collect();
        bases.sort();
        bases.dedup();
        bases
    }
}

impl Handler<HostsChanged> for GathererActor {
    type Result = ();

    fn handle(&mut self, HostsChanged(hosts): HostsChanged, ctx: &mut Context<Self>) {
        self.follow(&hosts);
        self.drain(ctx);
    }
}

/// The bases where only relays are wanted: each allocation has a socket of its own, so these have
/// none.
fn unbound(hosts: &[SocketAddr]) -> Vec<Base> {
    let base = |host: &SocketAddr| Base::udp(SocketAddr::new(host.ip(), NO_PORT));
    hosts.iter().map(base).collect()
}

fn cannot_bind(error: &dyn std::fmt::Display) -> TransportError {
    TransportError::with_details(ActorKind::Gatherer, Reason::SocketBind, error)
}
