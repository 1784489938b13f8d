//! The public handle of an SCTP transport.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use proto::sctp::{Capabilities, ChannelOptions, Config, OpenError, Stats};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::api::channel::{ChannelCallback, DataChannel};
use crate::api::dtls::DtlsTransport;
use crate::api::observe::observed;
use crate::api::start;
use crate::base::error::{InvalidState, SctpError, TransportError};
use crate::base::kind::ActorKind;
use crate::base::transport::dtls::DtlsTransportState;
use crate::base::transport::sctp::{SctpTransportEvent, SctpTransportState};
use crate::channel::offered::Offered;
use crate::channel::stats::ChannelStats;
use crate::kit::address::Address;
use crate::kit::mailbox::Mailbox;
use crate::session::control::CloseFrom;
use crate::session::lease::{Lease, WeakLease};
use crate::supervisor::Start;
use crate::transport::sctp::messages::{GetChannels, GetStats, OpenChannel, StartSctp};
use crate::transport::sctp::{Application, Below, SctpActor};

/// The port of SCTP over DTLS where nothing else was agreed (RFC 8841 §5.1).
const DEFAULT_PORT: u16 = 5000;

/// Carries data channels over a DTLS transport (W3C `RTCSctpTransport`; RFC 8831).
///
/// A cheap clone. The session closes when its last handle is dropped.
#[derive(Clone, Debug)]
#[doc(alias = "RTCSctpTransport")]
pub struct SctpTransport {
    parts: SctpParts,
    dtls: DtlsTransport,
}

/// The way to the actor, and the channels that the peer has opened.
#[derive(Clone, Debug)]
pub(crate) struct SctpParts {
    pub(crate) actor: Address<SctpActor>,
    incoming: Arc<Mutex<mpsc::Receiver<Offered>>>,
}

impl SctpParts {
    /// Waits without holding the session open.
    pub(crate) async fn accept(&self, lease: &WeakLease) -> Option<DataChannel> {
        let offered = self.incoming.lock().await.recv().await?;
        DataChannel::accept(offered, lease)
    }
}

impl SctpTransport {
    /// The transport on a DTLS transport.
    ///
    /// # Errors
    /// When the DTLS transport is closed or carries an SCTP transport already.
    pub fn new(dtls: &DtlsTransport) -> Result<SctpTransport, InvalidState> {
        let scope = &dtls.lease().scope;
        if matches!(
            dtls.state(),
            DtlsTransportState::Closed | DtlsTransportState::Failed
        ) {
            return Err(InvalidState::Closed);
        }
        dtls.connection.sctp.state.claim()?;
        let (actor, mailbox) = Mailbox::new();
        let waiting = usize::from(scope.config.sctp.max_channels).max(1);
        let (sender, incoming) = mpsc::channel(waiting);
        let below = Below {
            dtls: dtls.actor.neighbour(),
            attach: dtls.actor.neighbour(),
        };
        let application = Application {
            lease: Arc::downgrade(dtls.lease()),
            incoming: sender,
        };
        let of = dtls.connection.clone();
        let start = Start::new(mailbox, |ctx, born| {
            let supervisor = born.supervisor;
            SctpActor::new(
                ctx,
                born.scope,
                of,
                below,
                supervisor,
                application,
                born.exit,
            )
        });
        let supervisor = &dtls.transport().ice_gatherer().supervisor;
        supervisor.do_send(start.on(&dtls.connection));
        let actor = scope.address(actor);
        let incoming = Arc::new(Mutex::new(incoming));
        Ok(SctpTransport::of(dtls, SctpParts { actor, incoming }))
    }

    /// A handle of the transport on this DTLS transport.
    pub(crate) fn of(dtls: &DtlsTransport, parts: SctpParts) -> SctpTransport {
        let dtls = dtls.clone();
        SctpTransport { parts, dtls }
    }

    /// What another handle is made of.
    pub(crate) fn parts(&self) -> SctpParts {
        self.parts.clone()
    }

    fn lease(&self) -> &Arc<Lease> {
        self.dtls.lease()
    }

    /// The DTLS transport below.
    pub fn transport(&self) -> &DtlsTransport {
        &self.dtls
    }

    /// The state.
    pub fn state(&self) -> SctpTransportState {
        self.dtls.connection.sctp.state.get()
    }

    /// Why it failed, where it did.
    pub fn failure(&self) -> Option<Arc<TransportError>> {
        self.dtls.connection.sctp.state.failure()
    }

    /// Whether this side is the DTLS server; `false` until that is decided.
    pub fn is_server(&self) -> bool {
        self.dtls.connection.sctp.is_server.load(Ordering::Acquire)
    }

    /// How many channels there can be, by what both sides allow; `None` until connected.
    #[doc(alias = "maxChannels")]
    pub fn max_channels(&self) -> Option<u16> {
        let connected = self.state() == SctpTransportState::Connected;
        connected.then(|| {
            self.dtls
                .connection
                .sctp
                .max_channels
                .load(Ordering::Acquire)
        })
    }

    /// The local SCTP port: 5000 unless configured otherwise.
    pub fn port(&self) -> u16 {
        self.lease().scope.config.sctp.local_port
    }

    /// What SCTP is capable of by default: messages of 262,144 bytes. What this session announces
    /// is [`local_capabilities`](Self::local_capabilities).
    #[doc(alias = "getCapabilities")]
    pub fn capabilities() -> Capabilities {
        Config::default().capabilities()
    }

    /// What this side announces to the peer.
    pub fn local_capabilities(&self) -> Capabilities {
        self.lease().scope.capabilities()
    }

    /// The largest message that can be sent, in bytes: the smaller of both sides' limits. `None`
    /// before [`start`](Self::start).
    #[doc(alias = "maxMessageSize")]
    pub fn max_message_size(&self) -> Option<u32> {
        self.dtls
            .connection
            .sctp
            .max_message_size
            .load()
            .as_deref()
            .copied()
    }

    /// Sets the association up, as soon as DTLS is connected; resolves when it is. `None` as
    /// the remote port means 5000. Called again with the same parameters it joins the first call.
    ///
    /// # Errors
    /// At once when the port is 0, when it was started with other parameters, or is closed; later
    /// when the association fails.
    pub async fn start(
        &self,
        remote: Capabilities,
        remote_port: Option<u16>,
    ) -> Result<(), SctpError> {
        self.begin(remote, remote_port).await?;
        start::connected(&self.dtls.connection.sctp.state).await
    }

    /// As [`start`](Self::start), but resolves when the parameters were taken.
    pub(crate) async fn begin(
        &self,
        remote: Capabilities,
        remote_port: Option<u16>,
    ) -> Result<(), SctpError> {
        if self.state() == SctpTransportState::Closed {
            return Err(SctpError::Closed);
        }
        let (taken, answer) = oneshot::channel();
        let remote_port = remote_port.unwrap_or(DEFAULT_PORT);
        self.parts.actor.do_send(StartSctp {
            remote,
            remote_port,
            taken,
        });
        start::taken(&self.dtls.connection.sctp.state, answer).await
    }

    /// Delivers what was sent (in bounded time), ends the association, and closes this
    /// transport. Harmless when closed already.
    pub async fn stop(&self) {
        let connection = &self.dtls.connection;
        let message = CloseFrom {
            kind: ActorKind::Sctp,
            connection: Some(connection.clone()),
        };
        let closed = connection.sctp.state.closed();
        self.lease().scope.close(message, closed).await;
    }

    /// Opens a data channel, now or as soon as the association is there; its
    /// [`opened`](DataChannel::opened) tells when.
    ///
    /// # Errors
    /// When the options contradict one another, no identifier is left, or the transport is
    /// closed.
    #[doc(alias = "createDataChannel")]
    pub async fn create_data_channel(
        &self,
        label: impl Into<String>,
        options: ChannelOptions,
    ) -> Result<DataChannel, OpenError> {
        let (reply, answer) = oneshot::channel();
        self.parts.actor.do_send(OpenChannel {
            label: label.into(),
            options,
            reply,
        });
        let offered = answer.await.unwrap_or(Err(OpenError::Closed))?;
        let channel = DataChannel::accept(offered, &Arc::downgrade(self.lease()));
        channel.ok_or(OpenError::Closed)
    }

    /// What there is to know of each channel; nothing when the transport is closed.
    pub(crate) async fn channel_stats(&self) -> Vec<ChannelStats> {
        let (reply, answer) = oneshot::channel();
        self.parts.actor.do_send(GetChannels(reply));
        answer.await.unwrap_or_default()
    }

    /// The next channel that the peer opens; `None` when the transport is closed. As many wait to
    /// be accepted as there may be channels at once; further ones are closed.
    pub async fn accept(&self) -> Option<DataChannel> {
        self.parts.accept(&Arc::downgrade(self.lease())).await
    }

    /// Gives all incoming channels to a callback, on the session's worker.
    pub(crate) fn forward_channels(&self, callback: ChannelCallback) {
        let incoming = self.parts.incoming.clone();
        let lease = Arc::downgrade(self.lease());
        self.lease().scope.arbiter.spawn(async move {
            let mut incoming = incoming.lock().await;
            while let Some(offered) = incoming.recv().await {
                if let Some(channel) = DataChannel::accept(offered, &lease) {
                    callback(channel);
                }
            }
        });
    }

    /// Statistics of the association.
    ///
    /// # Errors
    /// When the transport is closed.
    pub async fn stats(&self) -> Result<Stats, SctpError> {
        let (reply, answer) = oneshot::channel();
        self.parts.actor.do_send(GetStats(reply));
        answer.await.map_err(|_| SctpError::Closed)
    }
}

observed!(
    SctpTransport,
    ActorKind::Sctp,
    SctpTransportEvent,
    SctpTransportState
);
