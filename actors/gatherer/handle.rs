//! The public handle of a gatherer.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::GathererActor;
use super::messages::Gather;
use crate::error::{ActorKind, GatherError, InvalidState, TransportError};
use crate::event::IceGathererEvent;
use crate::ice::IceTransport;
use crate::mailbox::Address;
use crate::observe::observed;
use crate::proto::gather::IceServer;
use crate::proto::ice::{Candidate, Parameters};
use crate::scope::Lease;
use crate::session::SessionId;
use crate::state::IceGathererState;

/// Gathers a session's local candidates, and owns its sockets
/// (W3C `RTCIceGatherer` of ORTC; aiortc's `RTCIceGatherer`).
///
/// A cheap clone. The session closes when its last handle is dropped.
#[derive(Clone, Debug)]
#[doc(alias = "RTCIceGatherer")]
pub struct IceGatherer {
    pub(crate) lease: Arc<Lease>,
    pub(crate) actor: Address<GathererActor>,
}

impl IceGatherer {
    pub(crate) fn new(lease: Arc<Lease>, actor: Address<GathererActor>) -> IceGatherer {
        IceGatherer { lease, actor }
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
    /// [`GatherOptions::ice_servers`](crate::GatherOptions::ice_servers), or else those of
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
        // Where the actor is gone the state says why.
        if let Ok(begun) = answer.await {
            begun?;
        }
        let state = &self.lease.scope.gatherer.state;
        use IceGathererState as S;
        let end = state
            .wait(|s| matches!(s, S::Complete | S::Closed | S::Failed))
            .await;
        match (end.state, end.failure) {
            (S::Failed, Some(error)) => Err(GatherError::Failed((*error).clone())),
            (S::Complete, _) => Ok(()),
            _ => Err(GatherError::Closed),
        }
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

    /// The ICE transport on this gatherer, as [`IceTransport::new`].
    ///
    /// # Errors
    /// When there is one already, or the session is closed.
    pub fn transport(&self) -> Result<IceTransport, InvalidState> {
        IceTransport::new(self)
    }
}

observed!(
    IceGatherer,
    ActorKind::Gatherer,
    IceGathererEvent,
    IceGathererState
);
