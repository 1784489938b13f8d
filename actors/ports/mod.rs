//! The ports that the sessions of a worker share, and what the workers share among them.

pub(crate) mod mux;
pub(crate) mod tcp;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::base::config::Config;
use crate::base::error::open::MuxError;
use crate::metrics::Metrics;
use crate::net::busy_poll::BusyPoll;
use crate::ports::mux::{Mux, SinglePort};
use crate::ports::tcp::{Callees, TcpPort};

/// What the workers of a runtime have in common.
#[derive(Debug, Default)]
pub(crate) struct SharedPorts {
    pub(crate) single_port: Arc<SinglePort>,
    pub(crate) callees: Arc<Callees>,
}

/// A worker's ports. A cheap clone, for use on the worker's thread only.
#[derive(Clone, Default)]
pub(crate) struct Ports {
    pub(crate) mux: Option<Mux>,
    pub(crate) tcp: Option<TcpPort>,
    pub(crate) callees: Arc<Callees>,
    pub(crate) busy_poll: BusyPoll,
}

impl Ports {
    /// Opens what the settings want, on the current thread.
    pub(crate) fn open(
        worker: usize,
        config: &Config,
        metrics: &Arc<Metrics>,
        shared: &SharedPorts,
    ) -> Result<Ports, MuxError> {
        let mux = Mux::open(worker, config, metrics.clone(), &shared.single_port)?;
        let udp = mux.as_ref().map(Mux::local_addr);
        let callees = shared.callees.clone();
        let tcp = TcpPort::open(udp, config, callees.clone(), metrics.clone())?;
        Ok(Ports {
            mux,
            tcp,
            callees,
            busy_poll: config.busy_poll.map(BusyPoll::start).unwrap_or_default(),
        })
    }

    /// The UDP port, if sessions share one.
    pub(crate) fn udp(&self) -> Option<SocketAddr> {
        self.mux.as_ref().map(Mux::local_addr)
    }

    /// For a session with UDP sockets of its own.
    pub(crate) fn without_mux(mut self) -> Ports {
        self.mux = None;
        self
    }
}
