//! What the handles and the actors of one session share.
//!
//! Actors come and go; what an application reads (states, parameters, candidates) stays here,
//! readable without a message and true after a panic.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use actix::Addr;
use arc_swap::{ArcSwap, ArcSwapOption};

use crate::channel::{DataChannelState, Shared};
use crate::config::{Config, DtlsEngine};
use crate::error::{ActorKind, TransportError};
use crate::event::{Events, FromEvent};
use crate::metrics::Metrics;
use crate::proto::random::Random;
use crate::proto::sctp::{ChannelError, ChannelId};
use crate::proto::{dtls, ice, sctp};
use crate::session::SessionId;
use crate::state::{
    DtlsTransportState, IceGathererState, IceTransportState, SctpTransportState, SessionState,
    State, StateCell,
};
use crate::supervisor::{Close, SessionSupervisor};

/// How a session is to be set up; what is `None` follows the runtime's [`Config`].
#[derive(Debug, Clone, Default)]
pub struct GatherOptions {
    /// The DTLS engine of this session.
    pub dtls_engine: Option<DtlsEngine>,
    /// Binds sockets of its own even where the runtime has a mux. A side that dials another
    /// runtime's mux wants that: two mux ports share one pair of addresses, so only one session
    /// could run between them. Default `false`.
    pub own_sockets: bool,
    /// The ICE role before anything is decided. Default: controlling.
    pub role: Option<ice::Role>,
}

/// The shared part of a session.
pub(crate) struct Scope {
    pub(crate) id: SessionId,
    pub(crate) config: Arc<Config>,
    pub(crate) options: GatherOptions,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) events: Events,
    pub(crate) supervisor: Addr<SessionSupervisor>,
    pub(crate) worker: actix::ArbiterHandle,
    random: Mutex<Random>,
    pub(crate) session: StateCell<SessionState>,
    pub(crate) gatherer: GathererScope,
    pub(crate) ice: IceScope,
    pub(crate) dtls: DtlsScope,
    pub(crate) sctp: SctpScope,
}

/// What a gatherer shows.
pub(crate) struct GathererScope {
    pub(crate) state: StateCell<IceGathererState>,
    pub(crate) parameters: ArcSwap<ice::Parameters>,
    pub(crate) candidates: ArcSwap<Vec<ice::Candidate>>,
}

/// What an ICE transport shows.
pub(crate) struct IceScope {
    pub(crate) taken: AtomicBool,
    pub(crate) state: StateCell<IceTransportState>,
    pub(crate) role: ArcSwap<ice::Role>,
    pub(crate) remote_parameters: ArcSwapOption<ice::Parameters>,
    pub(crate) remote_candidates: ArcSwap<Vec<ice::Candidate>>,
    pub(crate) selected: ArcSwapOption<ice::SelectedPair>,
}

/// What a DTLS transport shows.
pub(crate) struct DtlsScope {
    pub(crate) taken: AtomicBool,
    pub(crate) state: StateCell<DtlsTransportState>,
    pub(crate) certificate: ArcSwap<dtls::Certificate>,
    pub(crate) role: ArcSwap<dtls::ParametersRole>,
    pub(crate) established: ArcSwapOption<crate::dtls::Established>,
}

/// What an SCTP transport shows.
pub(crate) struct SctpScope {
    pub(crate) taken: AtomicBool,
    pub(crate) state: StateCell<SctpTransportState>,
    pub(crate) max_message_size: ArcSwapOption<u32>,
    pub(crate) is_server: AtomicBool,
    channels: Mutex<HashMap<ChannelId, Arc<Shared>>>,
}

impl SctpScope {
    fn channels(&self) -> std::sync::MutexGuard<'_, HashMap<ChannelId, Arc<Shared>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_channel(&self, channel: Arc<Shared>) {
        self.channels().insert(channel.id, channel);
    }

    pub(crate) fn remove_channel(&self, id: ChannelId) {
        self.channels().remove(&id);
    }

    /// Closes the channels because their association has ended. Called after the transport's
    /// state has changed, so that who waits on a channel finds the reason there.
    pub(crate) fn close_channels(&self) {
        let channels = std::mem::take(&mut *self.channels());
        for channel in channels.into_values() {
            channel.set_state(
                DataChannelState::Closed,
                Some(ChannelError::AssociationEnded),
            );
        }
    }
}

impl Scope {
    #[expect(
        clippy::too_many_arguments,
        reason = "all of it is given by one caller, the runtime"
    )]
    pub(crate) fn new(
        id: SessionId,
        config: Arc<Config>,
        options: GatherOptions,
        metrics: Arc<Metrics>,
        certificate: dtls::Certificate,
        mut random: Random,
        supervisor: Addr<SessionSupervisor>,
        worker: actix::ArbiterHandle,
    ) -> Scope {
        let events = Events::new(id.clone());
        fn cell<S: State>(events: &Events) -> StateCell<S> {
            StateCell::new(events.clone())
        }
        let role = options.role.unwrap_or(ice::Role::Controlling);
        Scope {
            session: cell(&events),
            gatherer: GathererScope {
                state: cell(&events),
                parameters: ArcSwap::from_pointee(ice::Parameters::generate(
                    &mut random,
                    config.ice.lite,
                )),
                candidates: ArcSwap::default(),
            },
            ice: IceScope {
                taken: AtomicBool::new(false),
                state: cell(&events),
                role: ArcSwap::from_pointee(role),
                remote_parameters: ArcSwapOption::empty(),
                remote_candidates: ArcSwap::default(),
                selected: ArcSwapOption::empty(),
            },
            dtls: DtlsScope {
                taken: AtomicBool::new(false),
                state: cell(&events),
                certificate: ArcSwap::from_pointee(certificate),
                role: ArcSwap::from_pointee(dtls::ParametersRole::Auto),
                established: ArcSwapOption::empty(),
            },
            sctp: SctpScope {
                taken: AtomicBool::new(false),
                state: cell(&events),
                max_message_size: ArcSwapOption::empty(),
                is_server: AtomicBool::new(false),
                channels: Mutex::default(),
            },
            events,
            id,
            config,
            options,
            metrics,
            supervisor,
            worker,
            random: Mutex::new(random),
        }
    }

    /// A generator for an actor of its own.
    pub(crate) fn random(&self) -> Random {
        self.random
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fork()
    }

    /// Calls `f` for each event, on the session's worker. A panic in `f` ends its subscription and
    /// nothing else.
    pub(crate) fn listen<E: FromEvent>(&self, mut f: impl FnMut(E) + Send + 'static) {
        let mut events = self.events.stream::<E>();
        self.worker.spawn(async move {
            while let Some(event) = events.next().await {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| f(event))) {
                    let message = crate::guard::panic_message(payload);
                    tracing::error!(
                        message,
                        "an event callback panicked: it is not called again"
                    );
                    break;
                }
            }
        });
    }

    /// Says that an actor failed: the error event, then the state.
    pub(crate) fn fail(&self, error: TransportError) {
        self.metrics.actor(error.actor).failed(error.reason);
        match error.actor {
            ActorKind::Gatherer => self.gatherer.state.fail(error),
            ActorKind::Ice => self.ice.state.fail(error),
            ActorKind::Dtls => self.dtls.state.fail(error),
            ActorKind::Sctp => self.sctp.state.fail(error),
        };
        if self.sctp.state.get() == SctpTransportState::Failed {
            self.sctp.close_channels();
        }
    }

    /// Moves whatever is not failed to closed, from the top down.
    pub(crate) fn close_states(&self) {
        self.sctp.state.set(SctpTransportState::Closed);
        self.sctp.close_channels();
        self.dtls.state.set(DtlsTransportState::Closed);
        self.ice.state.set(IceTransportState::Closed);
        self.gatherer.state.set(IceGathererState::Closed);
        self.session.set(SessionState::Closed);
    }

    /// What SCTP announces to the peer.
    pub(crate) fn capabilities(&self) -> sctp::Capabilities {
        sctp::Capabilities {
            max_message_size: self.config.sctp.max_message_size,
        }
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Keeps a session open. Every handle of the application has a share in it; when the last one is
/// dropped, the session closes.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) scope: Arc<Scope>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.scope.supervisor.do_send(Close);
    }
}

/// How actors refer to the lease: making handles for the application without holding the session
/// open themselves.
pub(crate) type WeakLease = Weak<Lease>;

/// Claims the one place for a transport of its kind in a session.
pub(crate) fn claim(taken: &AtomicBool) -> Result<(), crate::error::InvalidState> {
    match taken.swap(true, Ordering::AcqRel) {
        false => Ok(()),
        true => Err(crate::error::InvalidState::AlreadyExists),
    }
}
