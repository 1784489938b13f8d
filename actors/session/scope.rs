//! What the handles and the actors of one session share.
//!
//! Actors come and go; what an application reads (states, parameters, candidates) stays here,
//! readable without a message and true after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::{Addr, ArbiterHandle, AsyncContext, Context, Recipient};
use arc_swap::{ArcSwap, ArcSwapOption};
use proto::random::Random;
use proto::{dtls, gather, ice, sctp};
use tokio::sync::watch;

use crate::base::config::{Config, DtlsEngine};
use crate::base::error::{ConnectError, InvalidState, Reason, TransportError};
use crate::base::event::{Event, FromEvent, Told};
use crate::base::id::SessionId;
use crate::base::kind::{ActorKind, ByTransport};
use crate::base::options::SessionOptions;
use crate::base::state::Phase;
use crate::base::transport::session::{SessionEvent, SessionState};
use crate::kit::address::{Address, Meter, Metered};
use crate::kit::faults::Faults;
use crate::metrics::Metrics;
use crate::session::connection::Connection;
use crate::session::control::CloseFrom;
use crate::session::events::Events;
use crate::session::member::{Member, Members};
use crate::session::place::Place;
use crate::session::shown::{GathererScope, IceScope};
use crate::session::state_cell::StateCell;

/// Where a session runs, and who looks after it.
pub(crate) struct Home {
    pub(crate) supervisor: Recipient<CloseFrom>,
    /// Of the session's worker.
    pub(crate) arbiter: ArbiterHandle,
    /// Of all workers that ever were, which one.
    pub(crate) worker: WorkerId,
    pub(crate) place: Box<dyn Place>,
}

/// Of the workers of a runtime, one: its place among them, and of all that ever were at this place
/// the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerId {
    pub(crate) index: usize,
    pub(crate) number: u64,
}

/// The shared part of a session.
pub(crate) struct Scope {
    pub(crate) id: SessionId,
    pub(crate) config: Arc<Config>,
    pub(crate) options: SessionOptions,
    pub(crate) metrics: Arc<Metrics>,
    /// Of the mailboxes of the actors.
    meters: ByTransport<Arc<Meter>>,
    span: tracing::Span,
    pub(crate) events: Events,
    pub(crate) supervisor: Recipient<CloseFrom>,
    pub(crate) arbiter: ArbiterHandle,
    pub(crate) worker: WorkerId,
    pub(crate) place: Box<dyn Place>,
    opened: Instant,
    /// When the application last sent or received something, in milliseconds since it opened.
    active: AtomicU64,
    /// Whether it was found that nobody runs the session any more.
    lost: AtomicBool,
    gone: watch::Sender<bool>,
    pub(crate) faults: Faults,
    random: Mutex<Random>,
    pub(crate) session: StateCell<SessionState>,
    pub(crate) gatherer: Arc<GathererScope>,
    pub(crate) ice: Arc<IceScope>,
    /// The transports that live as long as the session.
    members: Members,
    /// The runtime's.
    certificate: dtls::Certificate,
    /// The one that the application has made last.
    connection: ArcSwap<Connection>,
}

impl Scope {
    pub(crate) fn new(
        id: SessionId,
        config: Arc<Config>,
        options: SessionOptions,
        metrics: Arc<Metrics>,
        certificate: dtls::Certificate,
        mut random: Random,
        home: Home,
    ) -> Scope {
        let events = Events::new(id.clone(), metrics.clone());
        fn cell<S: Told>(events: &Events, metrics: &Arc<Metrics>) -> StateCell<S> {
            StateCell::new(events.clone(), metrics.clone())
        }
        let role = options.role.unwrap_or(ice::Role::Controlling);
        let gatherer = Arc::new(GathererScope {
            state: cell(&events, &metrics),
            parameters: ArcSwap::from_pointee(ice::Parameters::generate(
                &mut random,
                config.ice.lite,
            )),
            candidates: ArcSwap::default(),
        });
        // A session begins with its gatherer; this is the first claim.
        let _ = gatherer.state.claim();
        let ice = Arc::new(IceScope {
            state: cell(&events, &metrics),
            role: ArcSwap::from_pointee(role),
            remote_parameters: ArcSwapOption::empty(),
            remote_candidates: ArcSwap::default(),
            restart_needed: AtomicBool::new(false),
            selected: ArcSwapOption::empty(),
        });
        let members = Members::new();
        members.join(ActorKind::Gatherer, gatherer.clone());
        members.join(ActorKind::Ice, ice.clone());
        Scope {
            session: cell(&events, &metrics),
            gatherer,
            ice,
            members,
            connection: ArcSwap::from_pointee(Connection::new(
                &events,
                &metrics,
                certificate.clone(),
            )),
            certificate,
            span: tracing::error_span!(parent: None, "session", %id),
            events,
            id,
            config,
            options,
            meters: ByTransport::new(|kind| Meter::new(metrics.clone(), kind)),
            metrics,
            supervisor: home.supervisor,
            arbiter: home.arbiter,
            worker: home.worker,
            place: home.place,
            opened: crate::kit::alarm::now(),
            active: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            gone: watch::Sender::new(false),
            faults: Faults::default(),
            random: Mutex::new(random),
        }
    }

    /// The address of an actor of this session, with the meter of its kind.
    pub(crate) fn address<A: Metered>(&self, actor: Addr<A>) -> Address<A> {
        let meter = self.meters.get(A::KIND).cloned();
        Address::new(actor, meter.expect("what is metered is a transport"))
    }

    /// The address of the actor of this session that runs in this context.
    pub(crate) fn address_of<A: Metered>(&self, ctx: &Context<A>) -> Address<A> {
        self.address(ctx.address())
    }

    /// How many messages wait, by kind of actor.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (ActorKind, usize)> {
        self.meters
            .iter()
            .map(|(kind, meter)| (kind, meter.waiting()))
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
        self.arbiter.spawn(async move {
            while let Some(event) = events.next().await {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| f(event))) {
                    let message = crate::kit::guard::panic_message(payload);
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
        if current.dtls.state.claim().is_ok() {
            return Ok(current);
        }
        if !current.is_over() {
            return Err(InvalidState::AlreadyExists);
        }
        let certificate = self.certificate.clone();
        let next = Arc::new(Connection::new(&self.events, &self.metrics, certificate));
        next.dtls.state.claim()?;
        // Another thread may have been faster.
        let found = self.connection.compare_and_swap(&current, next.clone());
        match Arc::ptr_eq(&found, &current) {
            true => Ok(next),
            false => Err(InvalidState::AlreadyExists),
        }
    }

    /// A transport of the session, or of this connection of its.
    pub(crate) fn member<'a>(
        &'a self,
        connection: &'a Connection,
        kind: ActorKind,
    ) -> Option<&'a Arc<dyn Member>> {
        match kind.is_renewed() {
            true => connection.members.get(kind),
            false => self.members.get(kind),
        }
    }

    /// What the state of a transport comes to, where there is one.
    pub(crate) fn phase(&self, connection: &Connection, kind: ActorKind) -> Option<Phase> {
        Some(self.member(connection, kind)?.phase())
    }

    /// Says that an actor failed: the error event, then the state.
    pub(crate) fn fail(&self, error: TransportError) -> bool {
        self.fail_on(&self.connection(), error)
    }

    /// The same, where the actor may be one of this connection.
    pub(crate) fn fail_on(&self, connection: &Connection, error: TransportError) -> bool {
        let (actor, reason) = (error.actor, error.reason);
        let failed = match self.member(connection, actor) {
            Some(member) => member.fail(error),
            None if actor == ActorKind::Supervisor => self.session.fail(error),
            None => false,
        };
        if failed {
            self.metrics.failed(actor, reason);
        }
        failed
    }

    /// The same, and where it had failed already, it is told all the same: nothing is swallowed.
    pub(crate) fn fail_or_tell(&self, connection: &Connection, error: TransportError) {
        if !self.fail_on(connection, error.clone()) {
            self.tell_failure(error);
        }
    }

    /// The session as a whole comes to grief, by this failure. What has failed already does not fail
    /// again, and yet nothing is swallowed.
    pub(crate) fn give_up(&self, error: TransportError) {
        self.metrics.failed(error.actor, error.reason);
        if !self.session.fail(error.clone()) {
            let error = SessionEvent::Error(error);
            self.events.send(Event::Session(error));
        }
    }

    /// Counts and tells of a failure that changes no state.
    pub(crate) fn tell_failure(&self, error: TransportError) {
        self.metrics.failed(error.actor, error.reason);
        self.events.send(error.into());
    }

    /// Nobody runs the session any more: every transport fails, and a little later it ends.
    pub(crate) fn lose(self: &Arc<Self>, reason: Reason) {
        let _span = self.span("supervisor").entered();
        if self.place.is_stopping() {
            self.end();
            return;
        }
        if self.lost.swap(true, Ordering::AcqRel) {
            return;
        }
        let connection = self.connection();
        for kind in ActorKind::ALL {
            let member = self.member(&connection, kind);
            if member.is_some_and(|member| member.cell().is_taken()) {
                self.fail_on(&connection, TransportError::new(kind, reason));
            }
        }
        self.fail(TransportError::new(ActorKind::Supervisor, reason));
        let end = EndOf(self.clone());
        self.place
            .drop_later(self.config.failure_linger, Box::new(end));
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
    pub(crate) async fn connected(&self) -> Result<(), ConnectError> {
        use SessionState as S;
        let done = |s| matches!(s, S::Connected | S::Failed | S::Closed);
        loop {
            match self.session.wait(done).await.state {
                S::Connected => return Ok(()),
                // The transport that failed was renewed, and the supervisor has yet to hear of it.
                S::Failed if self.failure().is_none() => {
                    self.session.wait(|state| state != S::Failed).await;
                }
                _ => {
                    return Err(match self.failure() {
                        Some(error) => ConnectError::Failed(error),
                        None => ConnectError::Closed,
                    });
                }
            }
        }
    }

    /// Why the session failed: the lowest transport that did so, else the session as a whole.
    pub(crate) fn failure(&self) -> Option<TransportError> {
        let connection = self.connection();
        let mut failures = ActorKind::ALL
            .into_iter()
            .filter_map(|kind| self.member(&connection, kind)?.cell().failure());
        let first = failures.next().or_else(|| self.session.failure());
        first.map(|error| (*error).clone())
    }

    /// Why this transport failed; of the supervisor, why the session did.
    pub(crate) fn failure_of(&self, kind: ActorKind) -> Option<TransportError> {
        if kind == ActorKind::Supervisor {
            return self.failure();
        }
        let connection = self.connection();
        let error = self.member(&connection, kind)?.cell().failure()?;
        Some((*error).clone())
    }

    /// Waits until the session is over.
    pub(crate) async fn gone(&self) {
        // An error cannot be: the sender is `self`, which is borrowed.
        let _ = self.gone.subscribe().wait_for(|gone| *gone).await;
    }

    /// Closes all states, from the top down.
    fn close_states(&self) {
        self.connection().members.close();
        self.members.close();
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
