//! A session's share in a shared port: where its traffic comes from and goes to.

use bytes::Bytes;

use super::{Mux, RouteId, Session, State};
use crate::alarm::now;
use crate::gatherer::messages::FromMux;
use crate::gatherer::udp::Sent;
use crate::link::{GathererToIce, Permits};
use crate::mailbox::Neighbour;
use crate::proto::net::{Path, Segments};
use crate::proto::route::{Asker, Claim};
use crate::proto::stun;

impl Mux {
    /// A session's share in the port.
    pub(crate) fn lease(&self, gatherer: Neighbour<FromMux>, permits: Permits) -> MuxLease {
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
        MuxLease {
            id,
            mux: self.clone(),
        }
    }
}

/// A session's routes on a shared port. All of them end when it is dropped.
pub(crate) struct MuxLease {
    id: RouteId,
    mux: Mux,
}

impl MuxLease {
    /// Where the session's traffic goes.
    pub(crate) fn set_ice(&self, ice: Neighbour<GathererToIce>) {
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

    /// Sends connectivity checks and their answers.
    pub(crate) fn send_check(&self, path: Path, datagram: Bytes) -> Sent {
        let state = &mut *self.mux.0.borrow_mut();
        if let Some(header) = stun::peek(&datagram)
            && header.class == stun::Class::Request
        {
            let id = header.transaction_id;
            state
                .routes
                .expect(now(), self.id, Asker::Agent, id, path.remote);
        }
        state.send(path, &Segments::from(datagram))
    }

    /// Asks a STUN server; its answer comes back as a message to the gatherer.
    pub(crate) fn send_request(&self, path: Path, datagram: Bytes) -> Sent {
        let state = &mut *self.mux.0.borrow_mut();
        if let Some(header) = stun::peek(&datagram) {
            let id = header.transaction_id;
            state
                .routes
                .expect(now(), self.id, Asker::Gatherer, id, path.remote);
        }
        state.send(path, &Segments::from(datagram))
    }

    /// Sends data.
    pub(crate) fn send(&self, path: Path, segments: &Segments) -> Sent {
        self.mux.0.borrow_mut().send(path, segments)
    }
}

impl Drop for MuxLease {
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
