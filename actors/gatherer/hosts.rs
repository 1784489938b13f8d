//! The addresses of this host: which sockets a session has, and what happens when they change.

use super::GathererActor;
use crate::alarm::now;
use crate::link::GathererToIce;
use crate::proto::gather::{self, Base};

impl GathererActor {
    /// The worker's port is lost for the moment: an ICE restart is offered.
    pub(super) fn lose_mux(&mut self) {
        let Some(mux) = &self.mux else { return };
        for base in mux.bases() {
            self.remove_base(base.address);
        }
        self.tell_ice(GathererToIce::RestartWanted);
    }

    /// It is back, and with it the candidates on it.
    pub(super) fn regain_mux(&mut self) {
        let Some(mux) = &self.mux else { return };
        if self.machine.state() != gather::State::New {
            for base in mux.bases() {
                self.add_base(base);
            }
        }
    }

    /// A socket that the machine is to gather for.
    pub(super) fn add_base(&mut self, base: Base) {
        let address = base.address;
        if let Err(error) = self.machine.add_base(now(), base) {
            tracing::debug!(session = %self.scope.id, %address, %error, "not gathered for");
        }
    }
}
