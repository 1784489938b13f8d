//! The public handle of a DTLS transport.

use std::sync::Arc;

use bytes::Bytes;
use proto::dtls::{
    Certificate, Counters, ExportError, Fingerprint, Parameters, ParametersRole,
    SrtpKeyingMaterial, Version,
};
use tokio::sync::oneshot;

use crate::api::ice::IceTransport;
use crate::api::observe::observed;
use crate::api::start;
use crate::base::error::{DtlsError, InvalidState, TransportError};
use crate::base::kind::ActorKind;
use crate::base::transport::dtls::{DtlsTransportEvent, DtlsTransportState};
use crate::base::transport::ice::IceTransportState;
use crate::kit::address::Address;
use crate::kit::mailbox::Mailbox;
use crate::session::connection::Connection;
use crate::session::control::CloseFrom;
use crate::session::lease::Lease;
use crate::supervisor::Start;
use crate::transport::dtls::messages::{Export, GetCounters, StartDtls};
use crate::transport::dtls::{Below, DtlsActor};

/// Secures what flows over an ICE transport (W3C `RTCDtlsTransport`; RFC 8827 §6.5).
///
/// A cheap clone. The session closes when its last handle is dropped.
#[derive(Clone, Debug)]
#[doc(alias = "RTCDtlsTransport")]
pub struct DtlsTransport {
    pub(crate) actor: Address<DtlsActor>,
    pub(crate) connection: Arc<Connection>,
    ice: IceTransport,
}

/// The way to the actor, and what it shows.
#[derive(Clone, Debug)]
pub(crate) struct DtlsParts {
    actor: Address<DtlsActor>,
    connection: Arc<Connection>,
}

impl DtlsTransport {
    /// The transport on an ICE transport, with the runtime's certificate.
    ///
    /// An ICE transport carries one at a time. When that has failed, or this side has
    /// [stopped](Self::stop) it, and ICE lives on, a new one can be made on the same ICE transport,
    /// with a new [`SctpTransport`](crate::SctpTransport) upon it; the peer has to do the same,
    /// and both exchange their parameters anew. For this there is
    /// [`Config::failure_linger`](crate::Config::failure_linger): then the session closes. The
    /// transports before are closed, and show for ever how they ended; events, which are those of
    /// the whole session, tell of the new one. A [`Session`](crate::Session) is renewed by
    /// [`renew_dtls`](crate::Session::renew_dtls), or it goes on showing the old ones.
    ///
    /// # Errors
    /// When the ICE transport is closed or carries a DTLS transport that is not over.
    pub fn new(ice: &IceTransport) -> Result<DtlsTransport, InvalidState> {
        Self::open(ice, None)
    }

    /// The same with a certificate of its own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_certificate(
        ice: &IceTransport,
        certificate: Certificate,
    ) -> Result<DtlsTransport, InvalidState> {
        Self::open(ice, Some(certificate))
    }

    pub(crate) fn open(
        ice: &IceTransport,
        certificate: Option<Certificate>,
    ) -> Result<Self, InvalidState> {
        let scope = &ice.lease().scope;
        if ice.state() == IceTransportState::Closed {
            return Err(InvalidState::Closed);
        }
        let connection = scope.claim_connection()?;
        if let Some(certificate) = certificate {
            connection.dtls.certificate.store(Arc::new(certificate));
        }
        let (actor, mailbox) = Mailbox::new();
        let below = Below {
            ice: ice.actor.neighbour(),
            attach: ice.actor.neighbour(),
        };
        let of = connection.clone();
        let start = Start::new(mailbox, |ctx, born| {
            DtlsActor::new(ctx, born.scope, of, below, born.supervisor, born.exit)
        });
        let supervisor = &ice.ice_gatherer().supervisor;
        supervisor.do_send(start.on(&connection));
        let actor = scope.address(actor);
        Ok(DtlsTransport::of(ice, DtlsParts { actor, connection }))
    }

    /// A handle of the transport on this ICE transport.
    pub(crate) fn of(ice: &IceTransport, parts: DtlsParts) -> DtlsTransport {
        let DtlsParts { actor, connection } = parts;
        let ice = ice.clone();
        DtlsTransport {
            actor,
            connection,
            ice,
        }
    }

    /// What another handle is made of.
    pub(crate) fn parts(&self) -> DtlsParts {
        DtlsParts {
            actor: self.actor.clone(),
            connection: self.connection.clone(),
        }
    }

    pub(crate) fn lease(&self) -> &Arc<Lease> {
        self.ice.lease()
    }

    /// The ICE transport below.
    pub fn transport(&self) -> &IceTransport {
        &self.ice
    }

    /// The state.
    pub fn state(&self) -> DtlsTransportState {
        self.connection.dtls.state.get()
    }

    /// Why it failed, where it did.
    pub fn failure(&self) -> Option<Arc<TransportError>> {
        self.connection.dtls.state.failure()
    }

    /// Our certificate's fingerprint, and our role: `Auto` until it is decided.
    #[doc(alias = "getLocalParameters")]
    pub fn local_parameters(&self) -> Parameters {
        let scope = &self.connection.dtls;
        let fingerprints: Vec<Fingerprint> = scope.certificate.load().fingerprints();
        Parameters {
            fingerprints,
            role: **scope.role.load(),
        }
    }

    /// Our certificate in DER.
    pub fn local_certificate(&self) -> Vec<u8> {
        self.connection.dtls.certificate.load().der().to_vec()
    }

    /// Insists on a role, before `start`. Without it the peer's parameters and the ICE role
    /// decide.
    pub fn set_role(&self, role: ParametersRole) {
        self.connection.dtls.role.store(Arc::new(role));
    }

    /// Starts the handshake, which begins when ICE has a pair; resolves when it is complete and
    /// the peer's certificate was found to be the announced one. Called again with the same
    /// parameters it joins the first call.
    ///
    /// # Errors
    /// At once when there is no fingerprint of a known algorithm, when it was started with other
    /// parameters, or is closed; later when the handshake fails.
    pub async fn start(&self, remote: Parameters) -> Result<(), DtlsError> {
        self.begin(remote).await?;
        start::connected(&self.connection.dtls.state).await
    }

    /// As [`start`](Self::start), but resolves when the parameters were taken.
    pub(crate) async fn begin(&self, remote: Parameters) -> Result<(), DtlsError> {
        if self.state() == DtlsTransportState::Closed {
            return Err(DtlsError::Closed);
        }
        let (taken, answer) = oneshot::channel();
        self.actor.do_send(StartDtls { remote, taken });
        start::taken(&self.connection.dtls.state, answer).await
    }

    /// Sends close_notify and closes this transport, and SCTP above it. Harmless when closed
    /// already. The session closes a [little](crate::Config::failure_linger) later, unless
    /// [another](Self::new) is made by then.
    pub async fn stop(&self) {
        let message = CloseFrom {
            kind: ActorKind::Dtls,
            connection: Some(self.connection.clone()),
        };
        let closed = self.connection.dtls.state.closed();
        self.lease().scope.close(message, closed).await;
    }

    /// The peer's certificates in DER, its own first; empty before `connected`.
    #[doc(alias = "getRemoteCertificates")]
    pub fn remote_certificates(&self) -> Vec<Bytes> {
        let established = self.connection.dtls.established.load();
        established
            .as_ref()
            .and_then(|e| e.peer_certificate.clone())
            .into_iter()
            .collect()
    }

    /// The IANA name of the cipher suite; `None` before `connected`.
    pub fn selected_cipher(&self) -> Option<&'static str> {
        self.connection.dtls.established.load().as_ref()?.cipher
    }

    /// The version of the protocol; `None` before `connected`.
    pub fn version(&self) -> Option<Version> {
        self.connection.dtls.established.load().as_ref()?.version
    }

    /// The keys for SRTP (RFC 5764 §4.2); `None` before `connected`, and where no profile was
    /// agreed on.
    pub fn srtp_keying_material(&self) -> Option<SrtpKeyingMaterial> {
        self.connection
            .dtls
            .established
            .load()
            .as_ref()?
            .srtp
            .clone()
    }

    /// Exports keying material for another protocol (RFC 5705).
    ///
    /// # Errors
    /// Before `connected`, and where the engine has no exporter.
    pub async fn export_keying_material(
        &self,
        label: &str,
        context: &[u8],
        length: usize,
    ) -> Result<Vec<u8>, ExportError> {
        let (reply, answer) = oneshot::channel();
        let context = Bytes::copy_from_slice(context);
        self.actor.do_send(Export {
            label: label.to_owned(),
            context,
            length,
            reply,
        });
        answer.await.unwrap_or(Err(ExportError::NotConnected))
    }

    /// What was counted: records that were not taken, and why.
    ///
    /// # Errors
    /// When the transport is closed.
    #[doc(alias = "getStats")]
    pub async fn stats(&self) -> Result<Counters, DtlsError> {
        let (reply, answer) = oneshot::channel();
        self.actor.do_send(GetCounters(reply));
        answer.await.map_err(|_| DtlsError::Closed)
    }
}

observed!(
    DtlsTransport,
    ActorKind::Dtls,
    DtlsTransportEvent,
    DtlsTransportState
);
