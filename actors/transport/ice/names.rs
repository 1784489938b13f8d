//! Remote candidates that are names: looked up by mDNS before the agent gets them.

use actix::prelude::*;
use proto::ice::{Address, Candidate, CandidateRejected};
use proto::mdns::Name;

use super::IceActor;
use crate::base::transport::ice::IceTransportEvent;
use crate::kit::alarm::now;
use crate::net::interfaces;
use crate::net::mdns;

/// How many names of one session are looked for at a time; one more is rejected. A browser has
/// one for each of its addresses.
const NAMES: usize = 16;

/// The names that are being looked for.
#[derive(Debug, Default)]
pub(super) struct Names {
    pending: usize,
    /// The peer has no more candidates than those.
    ended: bool,
}

impl IceActor {
    /// Adds a candidate of the peer, once it is known where it is.
    pub(super) fn take_candidate(&mut self, ctx: &mut Context<Self>, candidate: Candidate) {
        let name = match &candidate.address {
            Address::Name(name, _) => name.parse::<Name>().ok(),
            Address::Socket(_) => None,
        };
        match (name, self.scope.config.mdns) {
            (Some(name), Some(patience)) if self.names.pending < NAMES => {
                self.names.pending += 1;
                let hosts = interfaces::addresses(&self.scope.config).unwrap_or_default();
                let found = async move { mdns::resolve(name, &hosts, patience).await };
                let found = actix::fut::wrap_future::<_, Self>(found);
                ctx.spawn(found.map(move |ip, actor, ctx| {
                    let found = match ip {
                        Some(ip) => candidate.with_ip(ip),
                        None => candidate,
                    };
                    actor.add_candidate(found);
                    actor.name_done();
                    actor.drain(ctx);
                }));
            }
            // Names that are none of mDNS' are not looked up: the agent says so.
            _ => self.add_candidate(candidate),
        }
    }

    /// The peer has no more candidates. Those that are being looked for come first.
    pub(super) fn end_candidates(&mut self) {
        if self.names.pending > 0 {
            self.names.ended = true;
        } else {
            self.agent.end_of_remote_candidates(now());
        }
    }

    /// A new generation has candidates of its own.
    pub(super) fn forget_end(&mut self) {
        self.names.ended = false;
    }

    fn name_done(&mut self) {
        self.names.pending = self.names.pending.saturating_sub(1);
        if self.names.pending == 0 && std::mem::take(&mut self.names.ended) {
            self.agent.end_of_remote_candidates(now());
        }
    }

    fn add_candidate(&mut self, candidate: Candidate) {
        if let Err(rejected) = self.agent.add_remote_candidate(now(), candidate) {
            self.reject(rejected);
        }
        self.publish_remote_candidates();
    }

    fn reject(&self, rejected: CandidateRejected) {
        self.scope.metrics.ice.rejected(rejected);
        self.send_event(IceTransportEvent::CandidateRejected(rejected));
    }
}
