//! What the handles and the actors of one session share.
//!
//! Actors come and go; what an application reads (states, parameters, candidates) stays here,
//! readable without a message and true after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix::Addr;
use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch;

use crate::config::{Config, DtlsEngine};
use crate::connection::Connection;
use crate::error::{ActorKind, InvalidState, Reason, TransportError};
use crate::event::{Events, FromEvent};
use crate::mailbox::Meter;
use crate::metrics::Metrics;
use crate::pool::WorkerHandle;
use crate::proto::random::Random;
use crate::proto::{dtls, gather, ice, sctp};
use crate::registry::Place;
use crate::runtime::ChannelCallback;
use crate::session::{Parts, SessionId};
use crate::state::{
    IceGathererState, IceTransportState, SctpTransportState, SessionState, State, StateCell,
};
use crate::supervisor::{Close, CloseFrom, SessionSupervisor};

/// How a session is to be set up; what is `None` follows the runtime's [`Config`].
#[derive(Debug, Clone, Default)]
pub struct GatherOptions {
    /// The DTLS engine of this session.
    pub dtls_engine: Option<DtlsEngine>,
    /// Binds sockets of its own even where the runtime has a mux. A side that dials another
    /// runtime's mux wants that: two mux ports share one pair of addresses, so only one session
    /// could run between them. Default `false`.
    pub own_sockets: bool,
    /// Which candidates may be used. With [`IceTransportPolicy::Relay`](crate::IceTransportPolicy)
    /// the session is reached through TURN servers only, and no address of this host is shown.
    /// `None` follows [`Config::gather`].
    #[doc(alias = "iceTransportPolicy")]
    pub policy: Option<gather::Policy>,
    /// STUN and TURN servers of this session. `None` follows [`Config::ice_servers`].
    #[doc(alias = "iceServers")]
    pub ice_servers: Option<Vec<gather::IceServer>>,
    /// The ICE role before anything is decided. Default: controlling.
    pub role: Option<ice::Role>,
}

/// The shared part of a session.
pub(crate) struct Scope {
    pub(crate) id: SessionId,
    pub(crate) config: Arc<Config>,
    pub(crate) options: GatherOptions,
    pub(crate) metrics: Arc<Metrics>,
    /// Of the mailboxes of the four actors.
    pub(crate) meters: [Arc<Meter>; 4],
    span: tracing::Span,
    pub(crate) events: Events,
    pub(crate) supervisor: Addr<SessionSupervisor>,
    pub(crate) worker: Arc<WorkerHandle>,
    pub(crate) place: Place,
    opened: Instant,
    /// When the application last sent or received something, in milliseconds since it opened.
    active: AtomicU64,
    /// Whether it was found that nobody runs the session any more.
    lost: AtomicBool,
    gone: watch::Sender<bool>,
    #[cfg(feature = "chaos")]
    pub(crate) chaos: crate::chaos::Armed,
    random: Mutex<Random>,
    pub(crate) session: StateCell<SessionState>,
    pub(crate) gatherer: GathererScope,
    pub(crate) ice: IceScope,
    /// The runtime's.
    certificate: dtls::Certificate,
    /// The one that the application has made last.
    connection: ArcSwap<Connection>,
    /// What the runtime does with incoming data channels.
    pub(crate) on_data_channel: OnceLock<ChannelCallback>,
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
    /// An ICE restart was asked for, and the peer has not come with new parameters yet.
    pub(crate) restart_needed: AtomicBool,
    pub(crate) selected: ArcSwapOption<ice::SelectedPair>,
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
        worker: Arc<WorkerHandle>,
        place: Place,
    ) -> Scope {
        let events = Events::new(id.clone(), metrics.clone());
        fn cell<S: State>(events: &Events, metrics: &Arc<Metrics>) -> StateCell<S> {
            StateCell::new(events.clone(), metrics.clone())
        }
        let role = options.role.unwrap_or(ice::Role::Controlling);
        Scope {
            session: cell(&events, &metrics),
            gatherer: GathererScope {
                state: cell(&events, &metrics),
                parameters: ArcSwap::from_pointee(ice::Parameters::generate(
                    &mut random,
                    config.ice.lite,
                )),
                candidates: ArcSwap::default(),
            },
            ice: IceScope {
                taken: AtomicBool::new(false),
                state: cell(&events, &metrics),
                role: ArcSwap::from_pointee(role),
                remote_parameters: ArcSwapOption::empty(),
                remote_candidates: ArcSwap::default(),
                restart_needed: AtomicBool::new(false),
                selected: ArcSwapOption::empty(),
            },
            connection: ArcSwap::from_pointee(Connection::new(
                &events,
                &metrics,
                certificate.clone(),
            )),
            certificate,
            on_data_channel: OnceLock::new(),
            span: tracing::error_span!(parent: None, "session", %id),
            events,
            id,
            config,
            options,
            meters: ActorKind::ALL.map(|kind| Meter::new(metrics.clone(), kind)),
            metrics,
            supervisor,
            worker,
            place,
            opened: crate::alarm::now(),
            active: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            gone: watch::Sender::new(false),
            #[cfg(feature = "chaos")]
            chaos: crate::chaos::Armed::default(),
            random: Mutex::new(random),
        }
    }

    /// The DTLS engine of this session.
    pub(crate) fn dtls_engine(&self) -> DtlsEngine {
        let chosen = self.options.dtls_engine;
        chosen.unwrap_or(self.config.dtls_engine)
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
        let id = self.id.clone();
        self.worker.arbiter.spawn(async move {
            while let Some(event) = events.next().await {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| f(event))) {
                    let message = crate::guard::panic_message(payload);
                    tracing::error!(
                        session = %id,
                        message,
                        "an event callback panicked: it is not called again"
                    );
                    break;
                }
            }
        });
    }

    /// The application sends or receives something.
    pub(crate) fn touch(&self, now: Instant) {
        let since = now.duration_since(self.opened);
        let since = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.active.store(since, Ordering::Relaxed);
    }

    /// When it last did.
    pub(crate) fn last_active(&self) -> Instant {
        self.opened + Duration::from_millis(self.active.load(Ordering::Relaxed))
    }

    /// The span in which an actor of the session works: a child of the session's.
    pub(crate) fn span(&self, actor: &'static str) -> tracing::Span {
        tracing::error_span!(parent: &self.span, "actor", kind = %actor)
    }

    /// The DTLS connection and its SCTP association, the latest where there were several.
    pub(crate) fn connection(&self) -> Arc<Connection> {
        self.connection.load_full()
    }

    /// The place for a new DTLS transport: the first, or one after another that is over.
    pub(crate) fn claim_connection(&self) -> Result<Arc<Connection>, InvalidState> {
        let current = self.connection();
        if claim(&current.dtls.taken).is_ok() {
            return Ok(current);
        }
        if !current.is_over() {
            return Err(InvalidState::AlreadyExists);
        }
        let certificate = self.certificate.clone();
        let next = Arc::new(Connection::new(&self.events, &self.metrics, certificate));
        claim(&next.dtls.taken)?;
        // Another thread may have been faster.
        let found = self.connection.compare_and_swap(&current, next.clone());
        match Arc::ptr_eq(&found, &current) {
            true => Ok(next),
            false => Err(InvalidState::AlreadyExists),
        }
    }

    /// Says that an actor failed: the error event, then the state.
    pub(crate) fn fail(&self, error: TransportError) -> bool {
        self.fail_on(&self.connection(), error)
    }

    /// The same, where the actor may be one of this connection.
    pub(crate) fn fail_on(&self, connection: &Connection, error: TransportError) -> bool {
        let (actor, reason) = (error.actor, error.reason);
        let failed = match error.actor {
            ActorKind::Gatherer => self.gatherer.state.fail(error),
            ActorKind::Ice => self.ice.state.fail(error),
            ActorKind::Dtls => connection.dtls.state.fail(error),
            ActorKind::Sctp => connection.sctp.state.fail(error),
            ActorKind::Supervisor => self.session.fail(error),
        };
        if connection.sctp.state.get() == SctpTransportState::Failed {
            connection.sctp.close_channels();
        }
        if failed {
            self.metrics.failed(actor, reason);
        }
        failed
    }

    /// Nobody runs the session any more: every transport fails, and a little later it ends.
    pub(crate) fn lose(self: &Arc<Self>, reason: Reason) {
        let _span = self.span("supervisor").entered();
        if self.place.live().is_stopping() {
            self.end();
            return;
        }
        if self.lost.swap(true, Ordering::AcqRel) {
            return;
        }
        let connection = self.connection();
        let exists = |kind| match kind {
            ActorKind::Gatherer | ActorKind::Supervisor => true,
            ActorKind::Ice => self.ice.taken.load(Ordering::Acquire),
            ActorKind::Dtls => connection.dtls.taken.load(Ordering::Acquire),
            ActorKind::Sctp => connection.sctp.taken.load(Ordering::Acquire),
        };
        for kind in ActorKind::ALL.into_iter().filter(|kind| exists(*kind)) {
            self.fail(TransportError::new(kind, reason));
        }
        self.fail(TransportError::new(ActorKind::Supervisor, reason));
        let end = EndOf(self.clone());
        self.place
            .live()
            .drop_later(self.config.failure_linger, end);
    }

    /// The session is over, and what it held is free.
    pub(crate) fn end(&self) {
        self.close_states();
        // Who waits for the end may count the sessions at once.
        self.place.give_back();
        self.gone.send_replace(true);
    }

    /// Has transports closed, and waits until that is done, or the session is over anyhow.
    pub(crate) async fn close(&self, message: CloseFrom, closed: impl Future<Output = ()>) {
        self.supervisor.do_send(message);
        tokio::select! {
            () = closed => {}
            () = self.gone() => {}
        }
    }

    /// Waits until all transports are connected, or never will be.
    pub(crate) async fn connected(&self) -> Result<(), Option<TransportError>> {
        use SessionState as S;
        let done = |s| matches!(s, S::Connected | S::Failed | S::Closed);
        loop {
            match self.session.wait(done).await.state {
                S::Connected => return Ok(()),
                // The transport that failed was renewed, and the supervisor has yet to hear of it.
                S::Failed if self.failure().is_none() => {
                    self.session.wait(|state| state != S::Failed).await;
                }
                _ => return Err(self.failure()),
            }
        }
    }

    /// Why the session failed: the lowest transport that did so, else the session as a whole.
    pub(crate) fn failure(&self) -> Option<TransportError> {
        let connection = self.connection();
        let failures = [
            self.gatherer.state.failure(),
            self.ice.state.failure(),
            connection.dtls.state.failure(),
            connection.sctp.state.failure(),
            self.session.failure(),
        ];
        let first = failures.into_iter().flatten().next();
        first.map(|error| (*error).clone())
    }

    /// Waits until the session is over.
    pub(crate) async fn gone(&self) {
        // An error cannot be: the sender is `self`, which is borrowed.
        let _ = self.gone.subscribe().wait_for(|gone| *gone).await;
    }

    /// Closes all states, from the top down.
    fn close_states(&self) {
        self.connection().close();
        self.ice.state.set(IceTransportState::Closed);
        self.gatherer.state.set(IceGathererState::Closed);
        self.session.set(SessionState::Closed);
    }

    /// The STUN and TURN servers of this session.
    pub(crate) fn ice_servers(&self) -> &[gather::IceServer] {
        let own = self.options.ice_servers.as_ref();
        own.unwrap_or(&self.config.ice_servers)
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

/// Ends a session when it is dropped.
struct EndOf(Arc<Scope>);

impl Drop for EndOf {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Keeps a session open. Every handle of the application has a share in it; when the last one is
/// dropped, the session closes.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) scope: Arc<Scope>,
    /// What a [`Session`](crate::Session) is made of, once there is one.
    pub(crate) parts: OnceLock<Parts>,
}

impl Lease {
    pub(crate) fn new(scope: Arc<Scope>) -> Arc<Lease> {
        let parts = OnceLock::new();
        Arc::new(Lease { scope, parts })
    }
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
pub(crate) fn claim(taken: &AtomicBool) -> Result<(), InvalidState> {
    match taken.swap(true, Ordering::AcqRel) {
        false => Ok(()),
        true => Err(InvalidState::AlreadyExists),
    }
}
