//! All four transports of a session as one object.

use std::fmt;
use std::sync::{Arc, Mutex};

use actix::{Addr, Recipient};
use arc_swap::ArcSwap;
use proto::dtls::Certificate;
use proto::sctp::{ChannelOptions, OpenError};

use crate::api::channel::{ChannelCallback, DataChannel};
use crate::api::dtls::{DtlsParts, DtlsTransport};
use crate::api::gatherer::IceGatherer;
use crate::api::ice::IceTransport;
use crate::api::negotiation::Negotiation;
use crate::api::sctp::{SctpParts, SctpTransport};
use crate::base::error::open::OpenError as SessionOpenError;
use crate::base::error::{ConnectError, InvalidState, TransportError};
use crate::base::event::{Event, TransportEvent};
use crate::base::id::SessionId;
use crate::base::transport::session::SessionState;
use crate::kit::address::Address;
use crate::session::control::CloseFrom;
use crate::session::events::EventStream;
use crate::session::lease::Lease;
use crate::session::scope::Scope;
use crate::supervisor::SessionSupervisor;
use crate::transport::gatherer::GathererActor;
use crate::transport::ice::IceActor;

/// A session: gatherer, ICE, DTLS and SCTP transport, wired and supervised.
///
/// A cheap clone. The session closes when its last handle is dropped: this one, those of its
/// transports, and those of its data channels.
#[derive(Clone)]
pub struct Session {
    gatherer: IceGatherer,
    ice: IceTransport,
    connection: Arc<ArcSwap<ConnectionParts>>,
    on_data_channel: Option<ChannelCallback>,
    pub(crate) negotiation: Arc<Mutex<Negotiation>>,
    /// Fragments are taken one after another: each is for the generation that it finds.
    pub(crate) trickling: Arc<tokio::sync::Mutex<()>>,
}

/// What a session is made of, without holding it open.
#[derive(Clone)]
struct Parts {
    supervisor: Addr<SessionSupervisor>,
    gatherer: Address<GathererActor>,
    ice: Address<IceActor>,
    connection: Arc<ArcSwap<ConnectionParts>>,
    on_data_channel: Option<ChannelCallback>,
    negotiation: Arc<Mutex<Negotiation>>,
    trickling: Arc<tokio::sync::Mutex<()>>,
}

/// The two transports that can be replaced together.
#[derive(Debug)]
struct ConnectionParts {
    dtls: DtlsParts,
    sctp: SctpParts,
}

impl ConnectionParts {
    /// New transports upon ICE.
    fn open(
        ice: &IceTransport,
        certificate: Option<Certificate>,
        on_data_channel: Option<&ChannelCallback>,
    ) -> Result<ConnectionParts, InvalidState> {
        let dtls = DtlsTransport::open(ice, certificate)?;
        let sctp = SctpTransport::new(&dtls)?;
        if let Some(callback) = on_data_channel {
            sctp.forward_channels(callback.clone());
        }
        Ok(ConnectionParts {
            dtls: dtls.parts(),
            sctp: sctp.parts(),
        })
    }
}

impl Session {
    /// All transports upon a gatherer that has none yet.
    ///
    /// # Errors
    /// When the gatherer has a transport already, or is closed.
    pub fn open(gatherer: IceGatherer) -> Result<Session, SessionOpenError> {
        Session::open_with(gatherer, None)
    }

    /// The same; incoming data channels go to the callback.
    pub(crate) fn open_with(
        gatherer: IceGatherer,
        on_data_channel: Option<ChannelCallback>,
    ) -> Result<Session, SessionOpenError> {
        let ice = IceTransport::new(&gatherer)?;
        let connection = ConnectionParts::open(&ice, None, on_data_channel.as_ref())?;
        let lease = gatherer.lease.clone();
        let negotiation = Negotiation::new(&mut lease.scope.random());
        let parts = Parts {
            supervisor: gatherer.supervisor,
            gatherer: gatherer.actor,
            ice: ice.actor,
            connection: Arc::new(ArcSwap::from_pointee(connection)),
            on_data_channel,
            negotiation: Arc::new(Mutex::new(negotiation)),
            trickling: Arc::default(),
        };
        // The ICE transport can be claimed once, and so these are the first.
        let _ = lease.parts.set(Box::new(parts.clone()));
        Ok(Session::assemble(lease, parts))
    }

    /// The session of a lease, if all its transports are there.
    pub(crate) fn of(lease: Arc<Lease>) -> Option<Session> {
        let parts = lease.parts.get()?.downcast_ref::<Parts>()?.clone();
        Some(Session::assemble(lease, parts))
    }

    fn assemble(lease: Arc<Lease>, parts: Parts) -> Session {
        let gatherer = IceGatherer::new(lease, parts.supervisor, parts.gatherer);
        let ice = IceTransport::of(&gatherer, parts.ice);
        Session {
            gatherer,
            ice,
            connection: parts.connection,
            on_data_channel: parts.on_data_channel,
            negotiation: parts.negotiation,
            trickling: parts.trickling,
        }
    }

    pub(crate) fn scope(&self) -> &Arc<Scope> {
        &self.gatherer.lease.scope
    }

    /// The id.
    pub fn id(&self) -> &SessionId {
        self.gatherer.session_id()
    }

    /// The state, from those of the transports.
    pub fn state(&self) -> SessionState {
        self.scope().session.get()
    }

    /// The gatherer.
    pub fn gatherer(&self) -> &IceGatherer {
        &self.gatherer
    }

    /// The ICE transport.
    pub fn ice(&self) -> &IceTransport {
        &self.ice
    }

    /// The DTLS transport.
    pub fn dtls(&self) -> DtlsTransport {
        DtlsTransport::of(&self.ice, self.connection.load().dtls.clone())
    }

    /// The SCTP transport.
    pub fn sctp(&self) -> SctpTransport {
        let connection = self.connection.load();
        let dtls = DtlsTransport::of(&self.ice, connection.dtls.clone());
        SctpTransport::of(&dtls, connection.sctp.clone())
    }

    /// Makes a new DTLS and a new SCTP transport upon ICE, which lives on, after DTLS has failed or
    /// was stopped: see [`DtlsTransport::new`]. They are those of this session from now on, with
    /// this certificate or the runtime's; the peer has to renew its own, and they are started as
    /// the first ones were, each with the other's new parameters.
    ///
    /// # Errors
    /// When the session is closed, or its DTLS transport is not over.
    pub fn renew_dtls(&self, certificate: Option<Certificate>) -> Result<(), InvalidState> {
        let callback = self.on_data_channel.as_ref();
        let connection = ConnectionParts::open(&self.ice, certificate, callback)?;
        self.connection.store(Arc::new(connection));
        Ok(())
    }

    /// Everything that happens to the session from now on, in order.
    pub fn events(&self) -> EventStream<Event> {
        self.scope().events.stream()
    }

    /// Sends every event from now on to an actix actor. State changes and errors always reach its
    /// mailbox; of the others those are lost that find it full, and `Lagged` says how many.
    pub fn subscribe(&self, recipient: Recipient<TransportEvent>) {
        self.scope().events.subscribe_actor(recipient, None);
    }

    /// Runs a future on the session's worker thread, beside its actors: messages of its channels
    /// reach it there without changing the thread, which is the fastest that there is. It may
    /// await, but must not block. `f` gets a handle of the session; while it holds it, the session
    /// stays open.
    pub fn spawn<F, Fut>(&self, f: F)
    where
        F: FnOnce(Session) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let session = self.clone();
        self.scope().arbiter.spawn_fn(move || {
            actix_rt::spawn(f(session));
        });
    }

    /// Opens a data channel: see [`SctpTransport::create_data_channel`].
    ///
    /// # Errors
    /// As there.
    pub async fn create_data_channel(
        &self,
        label: impl Into<String>,
        options: ChannelOptions,
    ) -> Result<DataChannel, OpenError> {
        self.sctp().create_data_channel(label, options).await
    }

    /// The next data channel that the peer opens; `None` when the session is closed, and where
    /// the runtime's `on_data_channel` takes them.
    pub async fn accept_data_channel(&self) -> Option<DataChannel> {
        self.sctp().accept().await
    }

    /// Waits until all transports are connected.
    ///
    /// # Errors
    /// [`ConnectError::Failed`] with the failure of the first transport that failed instead;
    /// [`ConnectError::Closed`] when the session was closed without one.
    pub async fn connected(&self) -> Result<(), ConnectError> {
        self.scope().connected().await
    }

    /// Why a transport failed, where one did, the lowest first; else why the session as a whole
    /// did.
    pub fn failure(&self) -> Option<TransportError> {
        self.scope().failure()
    }

    /// The actor that supervises this session, for [`commands`](crate::commands) as messages. Its
    /// address does not hold the session open.
    pub fn supervisor(&self) -> Addr<SessionSupervisor> {
        self.gatherer.supervisor.clone()
    }

    /// Begins to close without waiting for the end of it.
    pub fn begin_close(&self) {
        self.scope().supervisor.do_send(CloseFrom::SESSION);
    }

    /// Closes the session: what was sent is delivered, SCTP aborts, DTLS says close_notify, and
    /// every socket and route is freed; in bounded time, 3 s unless configured otherwise.
    /// Harmless when closed already.
    pub async fn close(&self) {
        self.begin_close();
        self.closed().await;
    }

    /// Waits until the session is closed and everything of it freed.
    pub async fn closed(&self) {
        self.scope().gone().await;
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", self.id())
            .field("state", &self.state())
            .finish()
    }
}
