//! A DTLS connection and the SCTP association that it carries, as the application sees them.
//!
//! A session has one. When it is over and ICE lives on, another can follow on the same ICE
//! transport: with states of its own, so that the handles of the old one still tell how that ended.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::channel::{DataChannelState, Shared};
use crate::event::Events;
use crate::metrics::Metrics;
use crate::proto::dtls;
use crate::proto::sctp::{ChannelError, ChannelId};
use crate::state::{DtlsTransportState, SctpTransportState, StateCell};

/// See the [module](self).
pub(crate) struct Connection {
    pub(crate) dtls: DtlsScope,
    pub(crate) sctp: SctpScope,
}

/// What a DTLS transport shows.
pub(crate) struct DtlsScope {
    pub(crate) taken: AtomicBool,
    pub(crate) state: StateCell<DtlsTransportState>,
    pub(crate) certificate: ArcSwap<dtls::Certificate>,
    pub(crate) role: ArcSwap<dtls::ParametersRole>,
    pub(crate) established: ArcSwapOption<crate::dtls::Established>,
}

/// What an SCTP transport shows.
pub(crate) struct SctpScope {
    pub(crate) taken: AtomicBool,
    pub(crate) state: StateCell<SctpTransportState>,
    pub(crate) max_message_size: ArcSwapOption<u32>,
    pub(crate) is_server: AtomicBool,
    channels: Mutex<HashMap<ChannelId, Arc<Shared>>>,
}

impl Connection {
    pub(crate) fn new(
        events: &Events,
        metrics: &Arc<Metrics>,
        certificate: dtls::Certificate,
    ) -> Connection {
        Connection {
            dtls: DtlsScope {
                taken: AtomicBool::new(false),
                state: StateCell::new(events.clone(), metrics.clone()),
                certificate: ArcSwap::from_pointee(certificate),
                role: ArcSwap::from_pointee(dtls::ParametersRole::Auto),
                established: ArcSwapOption::empty(),
            },
            sctp: SctpScope {
                taken: AtomicBool::new(false),
                state: StateCell::new(events.clone(), metrics.clone()),
                max_message_size: ArcSwapOption::empty(),
                is_server: AtomicBool::new(false),
                channels: Mutex::default(),
            },
        }
    }

    /// Whether nothing more can come of it.
    pub(crate) fn is_over(&self) -> bool {
        use DtlsTransportState as S;
        matches!(self.dtls.state.get(), S::Failed | S::Closed)
    }

    /// Closes the states, from the top down.
    pub(crate) fn close(&self) {
        self.sctp.close();
        self.dtls.state.set(DtlsTransportState::Closed);
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
    pub(crate) fn close_channels(&self) {
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
