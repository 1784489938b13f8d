//! The public handle of an ICE transport.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use proto::ice::{Candidate, Parameters, Role, SelectedPair, Stats};
use tokio::sync::oneshot;

use crate::api::gatherer::IceGatherer;
use crate::api::observe::observed;
use crate::api::start;
use crate::base::error::{IceError, InvalidState, TransportError};
use crate::base::kind::ActorKind;
use crate::base::transport::gatherer::IceGathererState;
use crate::base::transport::ice::{IceTransportEvent, IceTransportState};
use crate::kit::address::Address;
use crate::kit::mailbox::Mailbox;
use crate::session::control::CloseFrom;
use crate::session::lease::Lease;
use crate::supervisor::Start;
use crate::transport::ice::messages::{AddRemoteCandidate, GetStats, Restart, SetRole, StartIce};
use crate::transport::ice::{Below, IceActor};

/// Finds a pair of candidates that works, and keeps it working
/// (W3C `RTCIceTransport`; RFC 8445).
///
/// A cheap clone. The session closes when its last handle is dropped.
#[derive(Clone, Debug)]
#[doc(alias = "RTCIceTransport")]
pub struct IceTransport {
    gatherer: IceGatherer,
    pub(crate) actor: Address<IceActor>,
}

impl IceGatherer {
    /// The ICE transport on this gatherer, as [`IceTransport::new`].
    ///
    /// # Errors
    /// When there is one already, or the session is closed.
    pub fn ice_transport(&self) -> Result<IceTransport, InvalidState> {
        IceTransport::new(self)
    }
}

impl IceTransport {
    /// The transport on a gatherer. It answers authenticated checks from now on, even before it
    /// is [started](Self::start).
    ///
    /// # Errors
    /// When the gatherer has a transport already, or is closed.
    pub fn new(gatherer: &IceGatherer) -> Result<IceTransport, InvalidState> {
        let scope = &gatherer.lease.scope;
        if gatherer.state() == IceGathererState::Closed {
            return Err(InvalidState::Closed);
        }
        scope.ice.state.claim()?;
        let (actor, mailbox) = Mailbox::new();
        let below = Below {
            gatherer: gatherer.actor.neighbour(),
            attach: gatherer.actor.neighbour(),
        };
        gatherer
            .supervisor
            .do_send(Start::new(mailbox, |ctx, born| {
                let busy_poll = born.ports.busy_poll;
                IceActor::new(
                    ctx,
                    born.scope,
                    below,
                    born.supervisor,
                    busy_poll,
                    born.exit,
                )
            }));
        Ok(IceTransport::of(gatherer, scope.address(actor)))
    }

    /// A handle of the transport on this gatherer.
    pub(crate) fn of(gatherer: &IceGatherer, actor: Address<IceActor>) -> IceTransport {
        let gatherer = gatherer.clone();
        IceTransport { gatherer, actor }
    }

    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.gatherer.lease
    }

    /// The gatherer below.
    #[doc(alias = "iceGatherer")]
    pub fn ice_gatherer(&self) -> &IceGatherer {
        &self.gatherer
    }

    /// The role: controlling until [`set_role`](Self::set_role) or a role conflict says
    /// otherwise.
    pub fn role(&self) -> Role {
        **self.lease().scope.ice.role.load()
    }

    /// Takes a role. A conflict with the peer is resolved by RFC 8445 §7.3.1.1.
    pub fn set_role(&self, role: Role) {
        self.lease().scope.ice.role.store(Arc::new(role));
        self.actor.do_send(SetRole(role));
    }

    /// The state.
    pub fn state(&self) -> IceTransportState {
        self.lease().scope.ice.state.get()
    }

    /// Whether an ICE restart was asked for ([`IceTransportEvent::RestartNeeded`]) and the peer's
    /// new parameters have not come yet.
    pub fn is_restart_needed(&self) -> bool {
        self.lease()
            .scope
            .ice
            .restart_needed
            .load(Ordering::Acquire)
    }

    /// Why it failed, where it did.
    pub fn failure(&self) -> Option<Arc<TransportError>> {
        self.lease().scope.ice.state.failure()
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
        self.lease()
            .scope
            .ice
            .remote_candidates
            .load()
            .as_ref()
            .clone()
    }

    /// The peer's parameters, `None` before [`start`](Self::start).
    pub fn remote_parameters(&self) -> Option<Parameters> {
        self.lease()
            .scope
            .ice
            .remote_parameters
            .load()
            .as_deref()
            .cloned()
    }

    /// The pair that data flows on, `None` before there is one.
    pub fn selected_pair(&self) -> Option<Arc<SelectedPair>> {
        self.lease().scope.ice.selected.load_full()
    }

    /// Starts the connectivity checks; resolves at the first connected pair. Called again with
    /// the same parameters it joins the first call; with others it is the peer's ICE restart.
    ///
    /// # Errors
    /// At once when the parameters cannot be used, the gatherer has not gathered, or the
    /// transport is closed; later when no pair works.
    pub async fn start(&self, remote: Parameters) -> Result<(), IceError> {
        self.begin(remote).await?;
        start::connected(&self.lease().scope.ice.state).await
    }

    /// As [`start`](Self::start), but resolves when the checks have begun.
    pub(crate) async fn begin(&self, remote: Parameters) -> Result<(), IceError> {
        if self.state() == IceTransportState::Closed {
            return Err(IceError::Closed);
        }
        let (taken, answer) = oneshot::channel();
        self.actor.do_send(StartIce { remote, taken });
        start::taken(&self.lease().scope.ice.state, answer).await
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
        let scope = &self.lease().scope;
        let closed = scope.ice.state.closed();
        let message = CloseFrom {
            kind: ActorKind::Ice,
            connection: None,
        };
        scope.close(message, closed).await;
    }
}

observed!(
    IceTransport,
    ActorKind::Ice,
    IceTransportEvent,
    IceTransportState
);
