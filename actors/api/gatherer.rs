//! The public handle of a gatherer.

use std::sync::Arc;

use actix::Addr;
use proto::gather::{Counters, IceServer};
use proto::ice::{Candidate, Parameters};
use tokio::sync::oneshot;

use crate::api::observe::observed;
use crate::api::start;
use crate::base::error::{GatherError, TransportError};
use crate::base::id::SessionId;
use crate::base::kind::ActorKind;
use crate::base::transport::gatherer::{IceGathererEvent, IceGathererState};
use crate::kit::address::Address;
use crate::session::lease::Lease;
use crate::supervisor::SessionSupervisor;
use crate::transport::gatherer::GathererActor;
use crate::transport::gatherer::messages::{Gather, GetStats};

/// Gathers a session's local candidates, and owns its sockets
/// (W3C `RTCIceGatherer` of ORTC; aiortc's `RTCIceGatherer`).
///
/// A cheap clone. The session closes when its last handle is dropped.
#[derive(Clone, Debug)]
#[doc(alias = "RTCIceGatherer")]
pub struct IceGatherer {
    pub(crate) lease: Arc<Lease>,
    /// Starts what is to stand on it.
    pub(crate) supervisor: Addr<SessionSupervisor>,
    pub(crate) actor: Address<GathererActor>,
}

impl IceGatherer {
    pub(crate) fn new(
        lease: Arc<Lease>,
        supervisor: Addr<SessionSupervisor>,
        actor: Address<GathererActor>,
    ) -> IceGatherer {
        IceGatherer {
            lease,
            supervisor,
            actor,
        }
    }

    fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// The state.
    pub fn state(&self) -> IceGathererState {
        self.lease.scope.gatherer.state.get()
    }

    /// Why it failed, where it did.
    pub fn failure(&self) -> Option<Arc<TransportError>> {
        self.lease.scope.gatherer.state.failure()
    }

    /// The id of the session that this gatherer has opened.
    pub fn session_id(&self) -> &SessionId {
        &self.lease.scope.id
    }

    /// Gathers candidates; resolves when all are known. Meanwhile they trickle out as
    /// [events](Self::events). A second call joins the first. `None` uses the servers of
    /// [`SessionOptions::ice_servers`](crate::SessionOptions::ice_servers), or else those of
    /// [`Config::ice_servers`](crate::Config::ice_servers), or else
    /// [`default_ice_servers`](Self::default_ice_servers).
    ///
    /// # Errors
    /// When an ICE server's URL makes no sense, no socket can be bound, or the gatherer is
    /// closed. A server that does not answer is an event and never the end of gathering.
    pub async fn gather(&self, ice_servers: Option<Vec<IceServer>>) -> Result<(), GatherError> {
        let servers = ice_servers.unwrap_or_else(|| self.configured_ice_servers());
        let (begun, answer) = oneshot::channel();
        self.actor.do_send(Gather { servers, begun });
        let state = &self.lease.scope.gatherer.state;
        start::taken(state, answer).await?;
        start::connected(state).await
    }

    fn configured_ice_servers(&self) -> Vec<IceServer> {
        let scope = &self.lease.scope;
        match scope.ice_servers() {
            [] if scope.options.ice_servers.is_none() => Self::default_ice_servers(),
            servers => servers.to_vec(),
        }
    }

    /// The servers that [`gather`](Self::gather) uses where nothing is configured: one public STUN
    /// server.
    #[doc(alias = "getDefaultIceServers")]
    pub fn default_ice_servers() -> Vec<IceServer> {
        vec![IceServer::stun("stun:stun.l.google.com:19302")]
    }

    /// The candidates found so far.
    #[doc(alias = "getLocalCandidates")]
    pub fn local_candidates(&self) -> Vec<Candidate> {
        self.lease.scope.gatherer.candidates.load().as_ref().clone()
    }

    /// The username fragment and password of our side, made by a cryptographically secure
    /// generator.
    #[doc(alias = "getLocalParameters")]
    pub fn local_parameters(&self) -> Parameters {
        self.lease.scope.gatherer.parameters.load().as_ref().clone()
    }

    /// What was counted: questions to STUN servers, and what came of them.
    ///
    /// # Errors
    /// When the gatherer is closed.
    #[doc(alias = "getStats")]
    pub async fn stats(&self) -> Result<Counters, GatherError> {
        let (reply, answer) = oneshot::channel();
        self.actor.do_send(GetStats(reply));
        answer.await.map_err(|_| GatherError::Closed)
    }
}

observed!(
    IceGatherer,
    ActorKind::Gatherer,
    IceGathererEvent,
    IceGathererState
);
