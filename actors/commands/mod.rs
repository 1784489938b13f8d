//! Everything that the handles of a [`Session`] do, as messages to its supervisor: for
//! applications that are made of actors themselves.
//!
//! ```no_run
//! use actix_rtc::commands::{Accept, CreateDataChannel, Subscribe};
//! # use actix_rtc::{Session, TransportEvent};
//! # async fn example(
//! #     session: Session,
//! #     offer: String,
//! #     me: actix::Recipient<TransportEvent>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let supervisor = session.supervisor();
//! supervisor.do_send(Subscribe(me));
//! let answer = supervisor.send(Accept(offer)).await??;
//! let channel = supervisor.send(CreateDataChannel::new("chat")).await??;
//! # Ok(())
//! # }
//! ```
//!
//! A [`DataChannel`] is a handle itself, and the fast way: an actor gets its messages as a stream,
//! `ctx.add_stream(channel.messages())`, and sends with [`try_send`](DataChannel::try_send).
//!
//! An address does not hold the session open: keep the [`Session`], or put it into the
//! [registry](crate::SessionRegistry). When the session has ended, a message that was not
//! answered yet returns actix' `MailboxError`, or the error that says `closed`.

mod details;

use std::pin::Pin;
use std::sync::Arc;

use actix::prelude::*;
use bytes::Bytes;

pub use self::details::{DtlsDetails, IceDetails, SctpDetails, States};
use crate::api::channel::DataChannel;
use crate::api::session::Session;
use crate::api::signalling::{SignalError, Trickled};
use crate::api::stats::SessionStats;
use crate::base::error::{
    ConnectError, DtlsError, GatherError, IceError, InvalidState, SctpError, TransportError,
};
use crate::base::event::TransportEvent;
use crate::base::kind::ActorKind;
use crate::session::control::CloseFrom;
use crate::supervisor::SessionSupervisor;
use proto::dtls;
use proto::dtls::{Certificate, ExportError};
use proto::gather::IceServer;
use proto::ice;
use proto::sctp;
use proto::sctp::{ChannelOptions, OpenError};

/// Opens a data channel: [`Session::create_data_channel`].
#[derive(Message, Debug)]
#[rtype(result = "Result<DataChannel, OpenError>")]
pub struct CreateDataChannel {
    /// Its label.
    pub label: String,
    /// How it is to behave.
    pub options: ChannelOptions,
}

impl CreateDataChannel {
    /// A reliable and ordered channel.
    pub fn new(label: impl Into<String>) -> CreateDataChannel {
        CreateDataChannel {
            label: label.into(),
            options: ChannelOptions::default(),
        }
    }
}

/// Sets the association up: [`SctpTransport::start`](crate::SctpTransport::start).
#[derive(Message, Debug)]
#[rtype(result = "Result<(), SctpError>")]
pub struct StartSctp {
    /// What the peer is capable of.
    pub capabilities: sctp::Capabilities,
    /// The peer's SCTP port, `None` for 5000.
    pub port: Option<u16>,
}

/// Exports keying material:
/// [`DtlsTransport::export_keying_material`](crate::DtlsTransport::export_keying_material).
#[derive(Message, Debug)]
#[rtype(result = "Result<Vec<u8>, ExportError>")]
pub struct ExportKeyingMaterial {
    /// The label of RFC 5705.
    pub label: String,
    /// The context.
    pub context: Bytes,
    /// How many bytes.
    pub length: usize,
}

/// Sends the events of one transport from now on to an actor:
/// [`IceTransport::subscribe`](crate::IceTransport::subscribe) and the like.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct SubscribeTo {
    /// Whose events; those of the supervisor are the session's as a whole.
    pub actor: ActorKind,
    /// Who wants to hear of them.
    pub recipient: Recipient<TransportEvent>,
}

/// Runs a future on the session's worker thread: [`Session::spawn`].
#[derive(Message)]
#[rtype(result = "Result<(), InvalidState>")]
pub struct Spawn(Box<dyn FnOnce(Session) -> Task + Send>);

type Task = Pin<Box<dyn Future<Output = ()>>>;

impl Spawn {
    /// Of what `f` makes of a handle of the session.
    pub fn new<F, Fut>(f: F) -> Spawn
    where
        F: FnOnce(Session) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        Spawn(Box::new(|session| Box::pin(f(session))))
    }
}

impl std::fmt::Debug for Spawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spawn")
    }
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident $(($(#[$of:meta])* $field:ty))? -> $result:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Message, Debug)]
            #[rtype(result = $result)]
            pub struct $name $((#[doc = "What it is about."] pub $field))?;
        )+
    };
}

messages! {
    /// Gathers and returns an offer: [`Session::offer`].
    Offer -> "Result<String, SignalError>";
    /// Answers the peer's offer: [`Session::accept`].
    Accept(String) -> "Result<String, SignalError>";
    /// Takes the peer's answer: [`Session::set_answer`].
    SetAnswer(String) -> "Result<(), SignalError>";
    /// Takes a trickle fragment of the peer: [`Session::trickle`].
    Trickle(String) -> "Result<Trickled, SignalError>";
    /// Begins an ICE restart, and returns the fragment for the peer: [`Session::restart_ice`].
    RestartIce -> "Result<String, SignalError>";
    /// Gathers candidates: [`IceGatherer::gather`](crate::IceGatherer::gather).
    Gather(Option<Vec<IceServer>>) -> "Result<(), GatherError>";
    /// The candidates found so far.
    GetLocalCandidates -> "Vec<ice::Candidate>";
    /// Our ICE parameters, `None` when the session has ended.
    GetIceParameters -> "Option<ice::Parameters>";
    /// Gives a candidate of the peer, `None` for the end of candidates.
    AddRemoteCandidate(Option<ice::Candidate>) -> "()";
    /// Takes an ICE role.
    SetIceRole(ice::Role) -> "()";
    /// Starts the connectivity checks: [`IceTransport::start`](crate::IceTransport::start).
    StartIce(ice::Parameters) -> "Result<(), IceError>";
    /// Makes new credentials for a restart: [`IceTransport::restart`](crate::IceTransport::restart).
    NewIceParameters -> "Result<ice::Parameters, IceError>";
    /// Statistics of ICE.
    GetIceStats -> "Result<ice::Stats, IceError>";
    /// Our DTLS parameters, `None` when the session has ended.
    GetDtlsParameters -> "Option<dtls::Parameters>";
    /// Insists on a DTLS role.
    SetDtlsRole(dtls::ParametersRole) -> "()";
    /// Starts the handshake: [`DtlsTransport::start`](crate::DtlsTransport::start).
    StartDtls(dtls::Parameters) -> "Result<(), DtlsError>";
    /// Makes new DTLS and SCTP transports, with this certificate or the runtime's:
    /// [`Session::renew_dtls`].
    RenewDtls(Option<Certificate>) -> "Result<(), InvalidState>";
    /// The next data channel that the peer opens, `None` when the session has ended.
    AcceptDataChannel -> "Option<DataChannel>";
    /// Statistics of SCTP.
    GetSctpStats -> "Result<sctp::Stats, SctpError>";
    /// Waits until all transports are connected: [`Session::connected`].
    WaitConnected -> "Result<(), ConnectError>";
    /// The states, `None` when the session has ended.
    GetStates -> "Option<States>";
    /// What the ICE transport shows, `None` when the session has ended.
    GetIce -> "Option<IceDetails>";
    /// What the DTLS transport shows, `None` when the session has ended.
    GetDtls -> "Option<DtlsDetails>";
    /// What the SCTP transport shows, `None` when the session has ended.
    GetSctp -> "Option<SctpDetails>";
    /// Why a transport failed, where it did; of the supervisor, why the session did:
    /// [`Session::failure`].
    GetFailure(ActorKind) -> "Option<TransportError>";
    /// The number of the ICE generation: [`Session::generation`]. `None` when the session has
    /// ended.
    GetGeneration -> "Option<u64>";
    /// Statistics of the session, `None` when it has ended.
    GetStats -> "Option<SessionStats>";
    /// Closes a transport and those above it; answered when it is closed.
    CloseTransport(ActorKind) -> "()";
    /// Closes the session: answered when everything of it is freed.
    CloseSession -> "()";
    /// Waits until everything of the session is freed: [`Session::closed`].
    WaitClosed -> "()";
    /// Sends all events from now on to an actor: [`Session::subscribe`].
    Subscribe(Recipient<TransportEvent>) -> "()";
}

/// How each message is answered: by the session, or by what stands for its end.
macro_rules! answers {
    ($($pattern:pat => $name:ident -> $result:ty: |$session:ident| $answer:expr, or $closed:expr;)+) => {
        $(
            impl Handler<$name> for SessionSupervisor {
                type Result = ResponseFuture<$result>;

                fn handle(&mut self, message: $name, _: &mut Context<Self>) -> Self::Result {
                    let session = self.lease().upgrade().and_then(Session::of);
                    Box::pin(async move {
                        let $pattern = message;
                        match session {
                            Some($session) => $answer,
                            None => $closed,
                        }
                    })
                }
            }
        )+
    };
}

const GONE: SignalError = SignalError::Ice(IceError::Closed);

answers! {
    Offer => Offer -> Result<String, SignalError>: |session| session.offer().await, or Err(GONE);
    Accept(offer) => Accept -> Result<String, SignalError>:
        |session| session.accept(&offer).await, or Err(GONE);
    SetAnswer(answer) => SetAnswer -> Result<(), SignalError>:
        |session| session.set_answer(&answer).await, or Err(GONE);
    Trickle(fragment) => Trickle -> Result<Trickled, SignalError>:
        |session| session.trickle(&fragment).await, or Err(GONE);
    RestartIce => RestartIce -> Result<String, SignalError>:
        |session| session.restart_ice().await, or Err(GONE);
    Gather(servers) => Gather -> Result<(), GatherError>:
        |session| session.gatherer().gather(servers).await, or Err(GatherError::Closed);
    GetLocalCandidates => GetLocalCandidates -> Vec<ice::Candidate>:
        |session| session.gatherer().local_candidates(), or Vec::new();
    GetIceParameters => GetIceParameters -> Option<ice::Parameters>:
        |session| Some(session.gatherer().local_parameters()), or None;
    AddRemoteCandidate(candidate) => AddRemoteCandidate -> ():
        |session| session.ice().add_remote_candidate(candidate), or ();
    SetIceRole(role) => SetIceRole -> (): |session| session.ice().set_role(role), or ();
    StartIce(remote) => StartIce -> Result<(), IceError>:
        |session| session.ice().start(remote).await, or Err(IceError::Closed);
    NewIceParameters => NewIceParameters -> Result<ice::Parameters, IceError>:
        |session| session.ice().restart().await, or Err(IceError::Closed);
    GetIceStats => GetIceStats -> Result<ice::Stats, IceError>:
        |session| session.ice().stats().await, or Err(IceError::Closed);
    GetDtlsParameters => GetDtlsParameters -> Option<dtls::Parameters>:
        |session| Some(session.dtls().local_parameters()), or None;
    SetDtlsRole(role) => SetDtlsRole -> (): |session| session.dtls().set_role(role), or ();
    StartDtls(remote) => StartDtls -> Result<(), DtlsError>:
        |session| session.dtls().start(remote).await, or Err(DtlsError::Closed);
    RenewDtls(certificate) => RenewDtls -> Result<(), InvalidState>:
        |session| session.renew_dtls(certificate), or Err(InvalidState::Closed);
    ExportKeyingMaterial { label, context, length } =>
        ExportKeyingMaterial -> Result<Vec<u8>, ExportError>:
        |session| session.dtls().export_keying_material(&label, &context, length).await,
        or Err(ExportError::NotConnected);
    StartSctp { capabilities, port } => StartSctp -> Result<(), SctpError>:
        |session| session.sctp().start(capabilities, port).await, or Err(SctpError::Closed);
    CreateDataChannel { label, options } => CreateDataChannel -> Result<DataChannel, OpenError>:
        |session| session.create_data_channel(label, options).await, or Err(OpenError::Closed);
    AcceptDataChannel => AcceptDataChannel -> Option<DataChannel>:
        |session| accept(session).await, or None;
    GetSctpStats => GetSctpStats -> Result<sctp::Stats, SctpError>:
        |session| session.sctp().stats().await, or Err(SctpError::Closed);
    WaitConnected => WaitConnected -> Result<(), ConnectError>:
        |session| connected(session).await, or Err(ConnectError::Closed);
    GetStates => GetStates -> Option<States>: |session| Some(States::of(&session)), or None;
    GetIce => GetIce -> Option<IceDetails>: |session| Some(IceDetails::of(&session)), or None;
    GetDtls => GetDtls -> Option<DtlsDetails>:
        |session| Some(DtlsDetails::of(&session).await), or None;
    GetSctp => GetSctp -> Option<SctpDetails>: |session| Some(SctpDetails::of(&session)), or None;
    GetFailure(kind) => GetFailure -> Option<TransportError>:
        |session| session.scope().failure_of(kind), or None;
    GetGeneration => GetGeneration -> Option<u64>: |session| Some(session.generation()), or None;
    WaitClosed => WaitClosed -> (): |session| closed(session).await, or ();
    SubscribeTo { actor, recipient } => SubscribeTo -> ():
        |session| session.scope().events.subscribe_actor(recipient, Some(actor)), or ();
    Spawn(f) => Spawn -> Result<(), InvalidState>:
        |session| { session.spawn(f); Ok(()) }, or Err(InvalidState::Closed);
    GetStats => GetStats -> Option<SessionStats>: |session| Some(session.stats().await), or None;
    CloseTransport(kind) => CloseTransport -> (): |session| close(&session, kind).await, or ();
    CloseSession => CloseSession -> (): |session| session.close().await, or ();
    Subscribe(recipient) => Subscribe -> (): |session| session.subscribe(recipient), or ();
}

/// Waits without holding the session open.
async fn accept(session: Session) -> Option<DataChannel> {
    let parts = session.sctp().parts();
    let lease = Arc::downgrade(&session.gatherer().lease);
    drop(session);
    parts.accept(&lease).await
}

/// Waits without holding the session open.
async fn connected(session: Session) -> Result<(), ConnectError> {
    let scope = session.scope().clone();
    drop(session);
    scope.connected().await
}

/// Waits without holding the session open.
async fn closed(session: Session) {
    let scope = session.scope().clone();
    drop(session);
    scope.gone().await;
}

/// Closes a transport and what stands on it; from the gatherer up, that is the session.
async fn close(session: &Session, kind: ActorKind) {
    let scope = session.scope();
    let connection = scope.connection();
    match scope.member(&connection, kind) {
        Some(member) if kind.below().is_some() => {
            let message = CloseFrom {
                kind,
                connection: kind.is_renewed().then(|| connection.clone()),
            };
            scope.close(message, member.cell().closed()).await;
        }
        _ => session.close().await,
    }
}
