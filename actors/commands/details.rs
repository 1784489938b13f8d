//! What the properties of the handles say, as answers to messages.

use std::sync::Arc;

use bytes::Bytes;

use crate::api::session::Session;
use crate::base::transport::dtls::DtlsTransportState;
use crate::base::transport::gatherer::IceGathererState;
use crate::base::transport::ice::IceTransportState;
use crate::base::transport::sctp::SctpTransportState;
use crate::base::transport::session::SessionState;
use proto::dtls::{Counters, SrtpKeyingMaterial, Version};
use proto::{ice, sctp};

/// The states of a session and of its transports at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct States {
    /// Of the session as a whole.
    pub session: SessionState,
    /// Of its gatherer.
    pub gatherer: IceGathererState,
    /// Of its ICE transport.
    pub ice: IceTransportState,
    /// Of its DTLS transport.
    pub dtls: DtlsTransportState,
    /// Of its SCTP transport.
    pub sctp: SctpTransportState,
}

impl States {
    pub(super) fn of(session: &Session) -> States {
        States {
            session: session.state(),
            gatherer: session.gatherer().state(),
            ice: session.ice().state(),
            dtls: session.dtls().state(),
            sctp: session.sctp().state(),
        }
    }
}

/// What an [`IceTransport`](crate::IceTransport) shows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IceDetails {
    /// The role.
    pub role: ice::Role,
    /// Whether an ICE restart was asked for, and the peer's new parameters have not come yet.
    pub restart_needed: bool,
    /// The peer's parameters, `None` before the start.
    pub remote_parameters: Option<ice::Parameters>,
    /// The peer's candidates, each once.
    pub remote_candidates: Vec<ice::Candidate>,
    /// The pair that data flows on.
    pub selected_pair: Option<Arc<ice::SelectedPair>>,
}

impl IceDetails {
    pub(super) fn of(session: &Session) -> IceDetails {
        let ice = session.ice();
        IceDetails {
            role: ice.role(),
            restart_needed: ice.is_restart_needed(),
            remote_parameters: ice.remote_parameters(),
            remote_candidates: ice.remote_candidates(),
            selected_pair: ice.selected_pair(),
        }
    }
}

/// What a [`DtlsTransport`](crate::DtlsTransport) shows, beside its parameters.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DtlsDetails {
    /// Our certificate in DER.
    pub local_certificate: Vec<u8>,
    /// The peer's certificates in DER; empty before `connected`.
    pub remote_certificates: Vec<Bytes>,
    /// The IANA name of the cipher suite; `None` before `connected`.
    pub cipher: Option<&'static str>,
    /// The version of the protocol; `None` before `connected`.
    pub version: Option<Version>,
    /// The keys for SRTP; `None` before `connected`, and where no profile was agreed on.
    pub srtp: Option<SrtpKeyingMaterial>,
    /// What was counted; `None` when the transport is closed.
    pub counters: Option<Counters>,
}

impl DtlsDetails {
    pub(super) async fn of(session: &Session) -> DtlsDetails {
        let dtls = session.dtls();
        DtlsDetails {
            local_certificate: dtls.local_certificate(),
            remote_certificates: dtls.remote_certificates(),
            cipher: dtls.selected_cipher(),
            version: dtls.version(),
            srtp: dtls.srtp_keying_material(),
            counters: dtls.stats().await.ok(),
        }
    }
}

/// What an [`SctpTransport`](crate::SctpTransport) shows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SctpDetails {
    /// Whether this side is the DTLS server; `false` until that is decided.
    pub is_server: bool,
    /// How many channels there can be; `None` until connected.
    pub max_channels: Option<u16>,
    /// The local SCTP port.
    pub port: u16,
    /// What this side announces to the peer.
    pub local_capabilities: sctp::Capabilities,
    /// The largest message that can be sent, in bytes; `None` before the start.
    pub max_message_size: Option<u32>,
}

impl SctpDetails {
    pub(super) fn of(session: &Session) -> SctpDetails {
        let sctp = session.sctp();
        SctpDetails {
            is_server: sctp.is_server(),
            max_channels: sctp.max_channels(),
            port: sctp.port(),
            local_capabilities: sctp.local_capabilities(),
            max_message_size: sctp.max_message_size(),
        }
    }
}
