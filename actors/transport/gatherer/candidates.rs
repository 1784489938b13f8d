//! Local candidates: what the machine has found, told to the application and to the ICE actor.

use std::net::SocketAddr;
use std::sync::Arc;

use proto::gather::{ACTIVE_PORT, Gathered, GatheredKind};
use proto::ice::{Candidate, TcpType};
use proto::net::Protocol;

use super::GathererActor;
use crate::base::transport::gatherer::IceGathererEvent;
use crate::kit::alarm::now;
use crate::session::link::GathererToIce;

impl GathererActor {
    /// The machine has found one.
    pub(super) fn found(&mut self, gathered: &Gathered) {
        let Gathered {
            address,
            base,
            related,
            protocol,
            preference,
            ..
        } = *gathered;
        // The server is part of the foundation (RFC 8445 §5.1.1.3).
        let server = gathered.server.map_or(base.ip(), |server| server.ip());
        let related = related.unwrap_or(base);
        let candidate = match gathered.kind {
            GatheredKind::Host => Candidate::host(address, protocol),
            GatheredKind::ServerReflexive => {
                Candidate::server_reflexive(address, related, protocol, server)
            }
            GatheredKind::Relayed => Candidate::relayed(address, related, server),
        };
        let is_active = protocol == Protocol::Tcp && base.port() == ACTIVE_PORT;
        let candidate = match is_active {
            true => candidate.with_tcp_type(TcpType::Active),
            false => candidate,
        };
        let candidate = candidate.with_type_preference(preference);
        let metrics = &self.scope.metrics.gatherer;
        metrics.found(gathered.kind, protocol);
        if let Some(began) = self.began {
            let took = now().duration_since(began);
            metrics.gather_seconds.record(gathered.kind.into(), took);
        }
        self.candidates.push((candidate.clone(), base));
        self.show_candidates();
        self.send_event(IceGathererEvent::Candidate(candidate.clone()));
        self.tell_ice(GathererToIce::Candidate { candidate, base });
    }

    fn show_candidates(&self) {
        let candidates = self.candidates.iter().map(|(candidate, _)| candidate);
        let shown = candidates.cloned().collect();
        self.scope.gatherer.candidates.store(Arc::new(shown));
    }

    /// A socket or an allocation that the machine does not know any more is gone, and its candidates
    /// with it.
    pub(super) fn forget_base(&mut self, base: SocketAddr) {
        self.candidates.retain(|(_, b)| *b != base);
        self.show_candidates();
        self.tell_ice(GathererToIce::BaseLost(base));
    }
}
