//! The public handle of an ICE transport.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::IceActor;
use super::messages::{AddRemoteCandidate, GetStats, Restart, SetRole, Start};
use crate::error::{ActorKind, IceError, InvalidState, TransportError};
use crate::event::IceTransportEvent;
use crate::gatherer::IceGatherer;
use crate::mailbox::{Address, Mailbox};
use crate::observe::observed;
use crate::proto::ice::{Candidate, Parameters, Role, SelectedPair, Stats};
use crate::scope::{Lease, claim};
use crate::state::IceTransportState;
use crate::supervisor;

/// Finds a pair of candidates that works, and keeps it working
/// (W3C `RTCIceTransport`; RFC 8445).
///
/// A cheap clone. The session closes when its last handle is dropped.
#[derive(Clone, Debug)]
#[doc(alias = "RTCIceTransport")]
pub struct IceTransport {
    pub(crate) lease: Arc<Lease>,
    pub(crate) actor: Address<IceActor>,
    gatherer: Address<crate::gatherer::GathererActor>,
}

impl IceTransport {
    /// The transport on a gatherer. It answers authenticated checks from now on, even before it
    /// is [started](Self::start).
    ///
    /// # Errors
    /// When the gatherer has a transport already, or is closed.
    pub fn new(gatherer: &IceGatherer) -> Result<IceTransport, InvalidState> {
        let scope = &gatherer.lease.scope;
        if gatherer.state() == crate::IceGathererState::Closed {
            return Err(InvalidState::Closed);
        }
        claim(&scope.ice.taken)?;
        let (actor, mailbox) = Mailbox::new();
        scope
            .supervisor
            .do_send(supervisor::Start::Ice(mailbox, gatherer.actor.clone()));
        Ok(IceTransport::of(gatherer, Address::new(actor, scope)))
    }

    /// A handle of the transport on this gatherer.
    pub(crate) fn of(gatherer: &IceGatherer, actor: Address<IceActor>) -> IceTransport {
        IceTransport {
            lease: gatherer.lease.clone(),
            actor,
            gatherer: gatherer.actor.clone(),
        }
    }

    fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// The gatherer below.
    #[doc(alias = "iceGatherer")]
    pub fn ice_gatherer(&self) -> IceGatherer {
        IceGatherer::new(self.lease.clone(), self.gatherer.clone())
    }

    /// The role: controlling until [`set_role`](Self::set_role) or a role conflict says
    /// otherwise.
    pub fn role(&self) -> Role {
        **self.lease.scope.ice.role.load()
    }

    /// Takes a role. A conflict with the peer is resolved by RFC 8445 §7.3.1.1.
    pub fn set_role(&self, role: Role) {
        self.lease.scope.ice.role.store(Arc::new(role));
        self.actor.do_send(SetRole(role));
    }

    /// The state.
    pub fn state(&self) -> IceTransportState {
        self.lease.scope.ice.state.get()
    }

    /// Whether an ICE restart was asked for ([`IceTransportEvent::RestartNeeded`]) and the peer's
    /// new parameters have not come yet.
    pub fn is_restart_needed(&self) -> bool {
        self.lease.scope.ice.restart_needed.load(Ordering::Acquire)
    }

    /// Why it failed, where it did.
    pub fn failure(&self) -> Option<Arc<TransportError>> {
        self.lease.scope.ice.state.failure()
    }

    /// Gives a candidate of the peer, or `None` for the end of candidates; before or after
    /// [`start`](Self::start). A candidate that cannot be used is an event.
    #[doc(alias = "addRemoteCandidate")]
    pub fn add_remote_candidate(&self, candidate: impl Into<Option<Candidate>>) {
        self.actor.do_send(AddRemoteCandidate(candidate.into()));
    }

    /// The peer's candidates, each once, peer-reflexive ones included.
    #[doc(alias = "getRemoteCandidates")]
    pub fn remote_candidates(&self) -> Vec<Candidate> {
        self.lease
            .scope
            .ice
            .remote_candidates
            .load()
            .as_ref()
            .clone()
    }

    /// The peer's parameters, `None` before [`start`](Self::start).
    pub fn remote_parameters(&self) -> Option<Parameters> {
        self.lease
            .scope
            .ice
            .remote_parameters
            .load()
            .as_deref()
            .cloned()
    }

    /// The pair that data flows on, `None` before there is one.
    pub fn selected_pair(&self) -> Option<Arc<SelectedPair>> {
        self.lease.scope.ice.selected.load_full()
    }

    /// Starts the connectivity checks; resolves at the first connected pair. Called again with
    /// the same parameters it joins the first call; with others it is the peer's ICE restart.
    ///
    /// # Errors
    /// At once when the parameters cannot be used, the gatherer has not gathered, or the
    /// transport is closed; later when no pair works.
    pub async fn start(&self, remote: Parameters) -> Result<(), IceError> {
        self.begin(remote).await?;
        let state = &self.lease.scope.ice.state;
        use IceTransportState as S;
        let done = |s| matches!(s, S::Connected | S::Completed | S::Failed | S::Closed);
        let end = state.wait(done).await;
        match (end.state, end.failure) {
            (S::Connected | S::Completed, _) => Ok(()),
            (S::Failed, Some(error)) => Err(IceError::Failed((*error).clone())),
            _ => Err(IceError::Closed),
        }
    }

    /// As [`start`](Self::start), but resolves when the checks have begun.
    pub(crate) async fn begin(&self, remote: Parameters) -> Result<(), IceError> {
        if self.state() == IceTransportState::Closed {
            return Err(IceError::Closed);
        }
        let (taken, answer) = oneshot::channel();
        self.actor.do_send(Start { remote, taken });
        match answer.await {
            Ok(taken) => taken,
            Err(_) => Err(
                match self
                    .lease
                    .scope
                    .ice
                    .state
                    .wait(|s| matches!(s, IceTransportState::Failed | IceTransportState::Closed))
                    .await
                    .failure
                {
                    Some(error) => IceError::Failed((*error).clone()),
                    None => IceError::Closed,
                },
            ),
        }
    }

    /// Makes new local credentials for an ICE restart that this side begins (RFC 8445 §9): send
    /// them to the peer, and [`start`](Self::start) with its new ones. The selected pair goes on
    /// carrying data until another is nominated.
    ///
    /// # Errors
    /// When the transport is closed.
    pub async fn restart(&self) -> Result<Parameters, IceError> {
        let (reply, answer) = oneshot::channel();
        self.actor.do_send(Restart(reply));
        answer.await.map_err(|_| IceError::Closed)
    }

    /// Statistics of the agent and its pairs.
    ///
    /// # Errors
    /// When the transport is closed.
    pub async fn stats(&self) -> Result<Stats, IceError> {
        let (reply, answer) = oneshot::channel();
        self.actor.do_send(GetStats(reply));
        answer.await.map_err(|_| IceError::Closed)
    }

    /// Closes this transport, and DTLS and SCTP above it. A `start` that waits returns `Closed`.
    /// Harmless when closed already.
    pub async fn stop(&self) {
        let scope = &self.lease.scope;
        let closed = scope.ice.state.closed();
        scope.close(supervisor::CloseFrom::Ice, closed).await;
    }
}

observed!(
    IceTransport,
    ActorKind::Ice,
    IceTransportEvent,
    IceTransportState
);
