//! What the transports show that live as long as their session; those that can be renewed are in
//! [`connection`](super::connection).

use std::sync::atomic::AtomicBool;

use arc_swap::{ArcSwap, ArcSwapOption};
use proto::ice;

use crate::base::transport::gatherer::IceGathererState;
use crate::base::transport::ice::IceTransportState;
use crate::session::member::Member;
use crate::session::state_cell::{Cell, StateCell};

/// What a gatherer shows.
pub(crate) struct GathererScope {
    pub(crate) state: StateCell<IceGathererState>,
    pub(crate) parameters: ArcSwap<ice::Parameters>,
    pub(crate) candidates: ArcSwap<Vec<ice::Candidate>>,
}

/// What an ICE transport shows.
pub(crate) struct IceScope {
    pub(crate) state: StateCell<IceTransportState>,
    pub(crate) role: ArcSwap<ice::Role>,
    pub(crate) remote_parameters: ArcSwapOption<ice::Parameters>,
    pub(crate) remote_candidates: ArcSwap<Vec<ice::Candidate>>,
    /// An ICE restart was asked for, and the peer has not come with new parameters yet.
    pub(crate) restart_needed: AtomicBool,
    pub(crate) selected: ArcSwapOption<ice::SelectedPair>,
}

impl Member for GathererScope {
    fn cell(&self) -> &dyn Cell {
        &self.state
    }
}

impl Member for IceScope {
    fn cell(&self) -> &dyn Cell {
        &self.state
    }
}
