//! What the DTLS transport's handle asks of its actor.

use actix::Message;
use bytes::Bytes;
use proto::dtls::{Counters, ExportError, Parameters};
use tokio::sync::oneshot;

use crate::base::error::DtlsError;
use crate::base::kind::MessageKind;
use crate::kit::letter::Letter;

/// Start the handshake, as soon as ICE has a pair.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct StartDtls {
    pub(crate) remote: Parameters,
    /// Answered when the parameters were taken, or not.
    pub(crate) taken: oneshot::Sender<Result<(), DtlsError>>,
}

/// Export keying material.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Export {
    pub(crate) label: String,
    pub(crate) context: Bytes,
    pub(crate) length: usize,
    pub(crate) reply: oneshot::Sender<Result<Vec<u8>, ExportError>>,
}

/// Tell the counters.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct GetCounters(pub(crate) oneshot::Sender<Counters>);

/// The engine's own tasks have produced something.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct EngineWoke;

impl Letter for StartDtls {}
impl Letter for Export {}
impl Letter for GetCounters {}

impl Letter for EngineWoke {
    fn kind(&self) -> MessageKind {
        MessageKind::Wake
    }
}
