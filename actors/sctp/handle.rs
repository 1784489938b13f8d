//! The public handle of an SCTP transport.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{Mutex, mpsc, oneshot};

use super::messages::{GetChannels, GetStats, Open, Start};
use super::{Application, SctpActor};
use crate::channel::{DataChannel, Offered};
use crate::dtls::DtlsTransport;
use crate::error::{ActorKind, InvalidState, SctpError, TransportError};
use crate::event::SctpTransportEvent;
use crate::mailbox::{Address, Mailbox};
use crate::observe::observed;
use crate::proto::sctp::{Capabilities, ChannelOptions, Config, OpenError, Stats};
use crate::runtime::ChannelCallback;
use crate::scope::{Lease, WeakLease, claim};
use crate::state::{DtlsTransportState, SctpTransportState};
use crate::stats::ChannelStats;
use crate::supervisor;

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
        offered.accept(lease)
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
        claim(&dtls.connection.sctp.taken)?;
        let (actor, mailbox) = Mailbox::new();
        let waiting = usize::from(scope.config.sctp.max_channels).max(1);
        let (sender, incoming) = mpsc::channel(waiting);
        scope.supervisor.do_send(supervisor::Start::Sctp {
            mailbox,
            below: dtls.actor.clone(),
            connection: dtls.connection.clone(),
            application: Application {
                lease: Arc::downgrade(dtls.lease()),
                incoming: sender,
            },
        });
        let actor = Address::new(actor, scope);
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

    /// How many channels there can be; `None` until connected.
    #[doc(alias = "maxChannels")]
    pub fn max_channels(&self) -> Option<u16> {
        let connected = self.state() == SctpTransportState::Connected;
        connected.then(|| self.lease().scope.config.sctp.max_channels)
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
        use SctpTransportState as S;
        let state = &self.dtls.connection.sctp.state;
        let end = state
            .wait(|s| matches!(s, S::Connected | S::Failed | S::Closed))
            .await;
        match (end.state, end.failure) {
            (S::Connected, _) => Ok(()),
            (_, Some(error)) => Err(SctpError::Failed((*error).clone())),
            _ => Err(SctpError::Closed),
        }
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
        self.parts.actor.do_send(Start {
            remote,
            remote_port,
            taken,
        });
        if let Ok(taken) = answer.await {
            return taken;
        }
        use SctpTransportState as S;
        let state = &self.dtls.connection.sctp.state;
        match state
            .wait(|s| matches!(s, S::Failed | S::Closed))
            .await
            .failure
        {
            Some(error) => Err(SctpError::Failed((*error).clone())),
            None => Err(SctpError::Closed),
        }
    }

    /// Delivers what was sent (in bounded time), ends the association, and closes this
    /// transport. Harmless when closed already.
    pub async fn stop(&self) {
        let connection = &self.dtls.connection;
        let message = supervisor::CloseFrom::Sctp(connection.clone());
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
        self.parts.actor.do_send(Open {
            label: label.into(),
            options,
            reply,
        });
        answer.await.unwrap_or(Err(OpenError::Closed))
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
        self.lease().scope.worker.arbiter.spawn(async move {
            let mut incoming = incoming.lock().await;
            while let Some(offered) = incoming.recv().await {
                if let Some(channel) = offered.accept(&lease) {
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
