//! The STUN and TURN servers of a session: their names are looked up, they are asked, and what they
//! answer goes to the machine.

use actix::prelude::*;
use bytes::Bytes;

use proto::demux::{Kind, Received};
use proto::gather::Lookup;
use proto::net::Path;
use proto::route::Asker;

use super::GathererActor;
use super::relay::RelayEvent;
use crate::base::transport::gatherer::{IceCandidateError, IceGathererEvent};
use crate::kit::alarm::now;
use crate::net::dns;
use crate::net::udp::Sent;

/// Looks a name up without holding anything else back.
pub(super) fn look_up(ctx: &mut Context<GathererActor>, lookup: Lookup) {
    let Lookup { id, name, port, .. } = lookup;
    let query = async move { dns::look_up(&name, port).await };
    ctx.spawn(
        actix::fut::wrap_future(query).map(move |found, actor: &mut GathererActor, ctx| {
            actor
                .machine
                .handle_lookup(now(), id, found.as_deref().map_err(|error| *error));
            actor.drain(ctx);
        }),
    );
}

impl GathererActor {
    /// Asks a STUN server.
    pub(super) fn send_request(&mut self, path: Path, datagram: Bytes) {
        let sent = self.send(path, &datagram.into(), Some(Asker::Gatherer));
        if sent == Sent::Refused {
            self.machine.handle_unreachable(now(), path);
        }
    }

    /// Whether a datagram is a STUN server's answer.
    pub(super) fn is_for_us(&mut self, received: &Received) -> bool {
        let Received { path, segments, .. } = received;
        received.kind == Kind::Stun
            && self
                .machine
                .handle_datagram(now(), *path, segments.contents())
    }

    /// Tells the machine what became of its allocations.
    pub(super) fn handle_relays(&mut self) {
        let now = now();
        while let Some(event) = self.relays.poll_event() {
            match event {
                RelayEvent::Allocated {
                    id,
                    relayed,
                    mapped,
                } => self.machine.handle_allocated(now, id, relayed, mapped),
                RelayEvent::RefreshFailed { url, failure } => {
                    self.server_failed(url.as_str(), failure.code(), failure.to_string());
                }
                RelayEvent::Failed {
                    id,
                    relayed,
                    failure,
                } => {
                    self.machine.handle_allocation_failed(now, id, failure);
                    if let Some(relayed) = relayed {
                        self.forget_base(relayed);
                    }
                }
            }
        }
    }

    pub(super) fn server_failed(&self, url: &str, code: u16, text: String) {
        tracing::debug!(url, code, text, "ICE server");
        let url = url.to_owned();
        let error = IceCandidateError { url, code, text };
        self.send_event(IceGathererEvent::CandidateError(error));
    }
}
