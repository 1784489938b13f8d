//! A DTLS connection and the SCTP association that it carries, as the application sees them.
//!
//! A session has one. When it is over and ICE lives on, another can follow on the same ICE
//! transport: with states of its own, so that the handles of the old one still tell how that ended.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU16};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use proto::dtls;
use proto::sctp::{ChannelError, ChannelId};

use crate::base::channel::DataChannelState;
use crate::base::kind::ActorKind;
use crate::base::transport::dtls::DtlsTransportState;
use crate::base::transport::sctp::SctpTransportState;
use crate::channel::shared::Shared;
use crate::metrics::Metrics;
use crate::session::events::Events;
use crate::session::member::{Member, Members};
use crate::session::state_cell::{Cell, StateCell};

/// See the [module](self).
pub(crate) struct Connection {
    pub(crate) dtls: Arc<DtlsScope>,
    pub(crate) sctp: Arc<SctpScope>,
    /// All transports that are renewed together, these two among them.
    pub(crate) members: Members,
}

/// What a DTLS transport shows.
pub(crate) struct DtlsScope {
    pub(crate) state: StateCell<DtlsTransportState>,
    pub(crate) certificate: ArcSwap<dtls::Certificate>,
    pub(crate) role: ArcSwap<dtls::ParametersRole>,
    pub(crate) established: ArcSwapOption<crate::session::connection::Established>,
}

/// What a completed handshake has brought to light.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) peer_certificate: Option<Bytes>,
    pub(crate) version: Option<dtls::Version>,
    pub(crate) cipher: Option<&'static str>,
    pub(crate) srtp: Option<dtls::SrtpKeyingMaterial>,
}

/// What an SCTP transport shows.
pub(crate) struct SctpScope {
    pub(crate) state: StateCell<SctpTransportState>,
    pub(crate) max_message_size: ArcSwapOption<u32>,
    /// How many channels there can be, by what both sides allow; 0 until connected.
    pub(crate) max_channels: AtomicU16,
    pub(crate) is_server: AtomicBool,
    channels: Mutex<HashMap<ChannelId, Arc<Shared>>>,
}

impl Connection {
    pub(crate) fn new(
        events: &Events,
        metrics: &Arc<Metrics>,
        certificate: dtls::Certificate,
    ) -> Connection {
        let dtls = Arc::new(DtlsScope {
            state: StateCell::new(events.clone(), metrics.clone()),
            certificate: ArcSwap::from_pointee(certificate),
            role: ArcSwap::from_pointee(dtls::ParametersRole::Auto),
            established: ArcSwapOption::empty(),
        });
        let sctp = Arc::new(SctpScope {
            state: StateCell::new(events.clone(), metrics.clone()),
            max_message_size: ArcSwapOption::empty(),
            max_channels: AtomicU16::new(0),
            is_server: AtomicBool::new(false),
            channels: Mutex::default(),
        });
        let members = Members::new();
        members.join(ActorKind::Dtls, dtls.clone());
        members.join(ActorKind::Sctp, sctp.clone());
        Connection {
            dtls,
            sctp,
            members,
        }
    }

    /// Whether nothing more can come of it.
    pub(crate) fn is_over(&self) -> bool {
        use DtlsTransportState as S;
        matches!(self.dtls.state.get(), S::Failed | S::Closed)
    }
}

impl Member for DtlsScope {
    fn cell(&self) -> &dyn Cell {
        &self.state
    }
}

impl Member for SctpScope {
    fn cell(&self) -> &dyn Cell {
        &self.state
    }

    fn ended(&self) {
        self.close_channels();
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("dtls", &self.dtls.state)
            .field("sctp", &self.sctp.state)
            .finish_non_exhaustive()
    }
}

impl SctpScope {
    fn channels(&self) -> std::sync::MutexGuard<'_, HashMap<ChannelId, Arc<Shared>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_channel(&self, channel: Arc<Shared>) {
        self.channels().insert(channel.id, channel);
    }

    pub(crate) fn remove_channel(&self, id: ChannelId) {
        self.channels().remove(&id);
    }

    /// Closes the state, and the channels.
    pub(crate) fn close(&self) {
        self.state.set(SctpTransportState::Closed);
        self.close_channels();
    }

    /// Closes the channels because their association has ended. Called after the transport's
    /// state has changed, so that who waits on a channel finds the reason there.
    fn close_channels(&self) {
        let channels = std::mem::take(&mut *self.channels());
        for channel in channels.into_values() {
            channel.set_state(
                DataChannelState::Closed,
                Some(ChannelError::AssociationEnded),
            );
            channel.end();
        }
    }
}
