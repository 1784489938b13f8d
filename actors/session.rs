//! All four transports of a session as one object.

use std::borrow::Borrow;
use std::fmt;
use std::sync::{Arc, Mutex};

use actix::{Addr, Recipient};
use arc_swap::ArcSwap;
use serde::Serialize;

use crate::channel::DataChannel;
use crate::dtls::{DtlsParts, DtlsTransport};
use crate::error::{InvalidState, TransportError};
use crate::event::{Event, EventStream, TransportEvent};
use crate::gatherer::{GathererActor, IceGatherer};
use crate::ice::{IceActor, IceTransport};
use crate::mailbox::Address;
use crate::proto::dtls::Certificate;
use crate::proto::random::Random;
use crate::proto::sctp::{ChannelOptions, OpenError};
use crate::runtime::OpenError as SessionOpenError;
use crate::scope::{Lease, Scope};
use crate::sctp::{SctpParts, SctpTransport};
use crate::signalling::Signalling;
use crate::state::SessionState;
use crate::stats::{self, SessionStats};
use crate::supervisor::{Close, SessionSupervisor};

/// Names a session: 128 unguessable bits in hexadecimal, with the node's name in front where one
/// is configured (`node-…`). It is a capability: who knows it may signal for the session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Arc<str>);

impl SessionId {
    pub(crate) fn random(node: Option<&str>, random: &mut Random) -> SessionId {
        let id = u128::from_be_bytes(random.bytes());
        SessionId(match node {
            Some(node) => format!("{node}-{id:032x}").into(),
            None => format!("{id:032x}").into(),
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A session: gatherer, ICE, DTLS and SCTP transport, wired and supervised.
///
/// A cheap clone. The session closes when its last handle is dropped: this one, those of its
/// transports, and those of its data channels.
#[derive(Clone)]
pub struct Session {
    gatherer: IceGatherer,
    ice: IceTransport,
    connection: Arc<ArcSwap<ConnectionParts>>,
    pub(crate) signalling: Arc<Mutex<Signalling>>,
    /// Fragments are taken one after another: each is for the generation that it finds.
    pub(crate) trickling: Arc<tokio::sync::Mutex<()>>,
}

/// What a session is made of, without holding it open.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    gatherer: Address<GathererActor>,
    ice: Address<IceActor>,
    connection: Arc<ArcSwap<ConnectionParts>>,
    signalling: Arc<Mutex<Signalling>>,
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
    ) -> Result<ConnectionParts, InvalidState> {
        let dtls = DtlsTransport::open(ice, certificate)?;
        let sctp = SctpTransport::new(&dtls)?;
        if let Some(callback) = ice.lease.scope.on_data_channel.get() {
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
        let ice = IceTransport::new(&gatherer)?;
        let connection = ConnectionParts::open(&ice, None)?;
        let signalling = Arc::new(Mutex::new(Signalling::new(
            &mut gatherer.lease.scope.random(),
        )));
        let parts = Parts {
            gatherer: gatherer.actor.clone(),
            ice: ice.actor.clone(),
            connection: Arc::new(ArcSwap::from_pointee(connection)),
            signalling,
            trickling: Arc::default(),
        };
        let lease = gatherer.lease.clone();
        let parts = lease.parts.get_or_init(|| parts).clone();
        Ok(Session::assemble(lease, parts))
    }

    /// The session of a lease, if all its transports are there.
    pub(crate) fn of(lease: Arc<Lease>) -> Option<Session> {
        let parts = lease.parts.get()?.clone();
        Some(Session::assemble(lease, parts))
    }

    fn assemble(lease: Arc<Lease>, parts: Parts) -> Session {
        let gatherer = IceGatherer::new(lease, parts.gatherer);
        let ice = IceTransport::of(&gatherer, parts.ice);
        Session {
            gatherer,
            ice,
            connection: parts.connection,
            signalling: parts.signalling,
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
        let connection = ConnectionParts::open(&self.ice, certificate)?;
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
        self.scope().worker.arbiter.spawn_fn(move || {
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
    /// The failure of the first transport that failed instead; `None` when the session was closed
    /// without one.
    pub async fn connected(&self) -> Result<(), Option<TransportError>> {
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
        self.scope().supervisor.clone()
    }

    /// Begins to close without waiting for the end of it.
    pub fn begin_close(&self) {
        self.scope().supervisor.do_send(Close);
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

    /// Statistics in the W3C's names, and ours; the same as `GET …/stats` gives as JSON.
    #[doc(alias = "getStats")]
    pub async fn stats(&self) -> SessionStats {
        stats::collect(self).await
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
