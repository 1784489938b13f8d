//! A session's share in a shared port: where its traffic comes from and goes to.

use proto::net::{Path, Segments};
use proto::route::{Asker, Claim};
use proto::stun;

use super::store::RouteId;
use super::{Mux, Session, State};
use crate::kit::address::Neighbour;
use crate::kit::alarm::now;
use crate::net::udp::Sent;
use crate::ports::mux::messages::MuxToGatherer;
use crate::session::link::NetworkToIce;
use crate::session::permits::Permits;

impl Mux {
    /// A session's share in the port.
    pub(crate) fn share(&self, gatherer: Neighbour<MuxToGatherer>, permits: Permits) -> MuxShare {
        let state = &mut *self.0.borrow_mut();
        let id = RouteId {
            seat: state.seat(),
            session: state.next,
        };
        state.next += 1;
        let session = Session {
            gatherer,
            ice: None,
            permits,
        };
        state.sessions.insert(id, session);
        state.routes.join(id);
        MuxShare {
            id,
            mux: self.clone(),
        }
    }
}

/// A session's routes on a shared port. All of them end when it is dropped.
pub(crate) struct MuxShare {
    id: RouteId,
    mux: Mux,
}

impl MuxShare {
    /// Where the session's traffic goes.
    pub(crate) fn set_ice(&self, ice: Neighbour<NetworkToIce>) {
        if let Some(session) = self.mux.0.borrow_mut().sessions.get_mut(&self.id) {
            session.ice = Some(ice);
        }
    }

    /// Requests with this local username fragment are ours. Those of the generations before stay
    /// ours too: late checks of them are no errors.
    pub(crate) fn add_ufrag(&self, ufrag: &str) {
        if !self.mux.0.borrow_mut().routes.add_ufrag(self.id, ufrag) {
            tracing::warn!(
                ufrag,
                "two sessions have the same username fragment: the later one is not reached"
            );
        }
    }

    /// The peer was heard on this path: traffic from there is ours, unless it is another session's.
    pub(crate) fn authenticated(&self, path: Path) {
        let state = &mut *self.mux.0.borrow_mut();
        let claim = state.routes.authenticated(now(), self.id, path);
        state.count(claim);
    }

    /// The peer has answered on this path.
    pub(crate) fn answered(&self, path: Path) {
        let state = &mut *self.mux.0.borrow_mut();
        let claim = state.routes.answered(now(), self.id, path);
        state.count(claim);
    }

    /// Traffic from there is no longer ours.
    pub(crate) fn release(&self, path: Path) {
        self.mux.0.borrow_mut().routes.release(self.id, path);
    }

    /// Sends datagrams. Where they are questions of `asker`, what answers them comes back to it.
    pub(crate) fn send(&self, path: Path, segments: &Segments, asker: Option<Asker>) -> Sent {
        let state = &mut *self.mux.0.borrow_mut();
        if let Some(asker) = asker
            && let Some(header) = stun::peek(segments.contents())
            && header.class == stun::Class::Request
        {
            let id = header.transaction_id;
            state.routes.expect(now(), self.id, asker, id, path.remote);
        }
        state.send(path, segments)
    }
}

impl Drop for MuxShare {
    fn drop(&mut self) {
        let state = &mut *self.mux.0.borrow_mut();
        state.sessions.remove(&self.id);
        state.routes.leave(self.id);
    }
}

impl State {
    fn count(&self, claim: Claim) {
        if claim == Claim::Taken {
            self.metrics.gatherer.address_taken.increment(1);
        }
    }
}
