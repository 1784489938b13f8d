//! Data on its way through ICE: what comes from the network is split by protocol, what the layer
//! above sends goes out on the selected pair.

use actix::prelude::*;

use super::IceActor;
use crate::alarm::now;
use crate::error::ActorKind;
use crate::link::{Above, DtlsToIce, IceToDtls, IceToGatherer, Permit};
use crate::metrics::Direction;
use crate::proto::Machine;
use crate::proto::demux::{Kind, classify};
use crate::proto::ice::Role;
use crate::proto::net::{Path, Segments};

impl IceActor {
    /// Splits a batch by protocol (RFC 7983); what is for the layer above stays a batch. Whether all
    /// of it was, so that the agent has nothing new to say.
    pub(super) fn handle_inbound(&mut self, batch: Vec<(Path, Segments)>, permit: Permit) -> bool {
        let now = now();
        let metrics = self.scope.metrics.clone();
        let (mut count, mut bytes) = (0, 0);
        let mut datagrams = Vec::new();
        for (path, segments) in &batch {
            count += segments.count();
            bytes += segments.len();
            // Asked once for all datagrams of a path; a check among them may make it `true`.
            let mut believed = false;
            let (mut packets, mut size) = (0, 0);
            for datagram in segments.iter() {
                match classify(&datagram) {
                    Some(Kind::Stun) => self.agent.handle_datagram(now, *path, &datagram),
                    Some(Kind::Dtls) => {
                        believed = believed || self.agent.handle_data(now, path);
                        if believed {
                            packets += 1;
                            size += datagram.len();
                            datagrams.push(datagram);
                        }
                    }
                    _ => metrics.ice.unknown_protocol.increment(1),
                }
            }
            if packets > 0 {
                self.agent.count_received(path, packets, size);
            }
        }
        metrics
            .actor(ActorKind::Ice)
            .traffic(Direction::In, count, bytes);
        let all = datagrams.len() == count;
        if let Some(above) = &self.above
            && !datagrams.is_empty()
        {
            // By now it is known not to come from a stranger.
            self.busy_poll.arrived();
            above.do_send(IceToDtls::Datagrams { datagrams, permit });
        }
        all
    }

    pub(super) fn tell_writable(&mut self) {
        let writable = self.agent.send_path().is_some();
        if writable
            && !self.writable
            && let Some(above) = &self.above
        {
            let controlling = self.agent.role() == Role::Controlling;
            above.do_send(IceToDtls::Writable { controlling });
        }
        self.writable = writable;
    }
}

impl Handler<DtlsToIce> for IceActor {
    type Result = ();

    fn handle(&mut self, DtlsToIce(segments): DtlsToIce, _ctx: &mut Context<Self>) {
        #[cfg(feature = "chaos")]
        if crate::chaos::Victim::is_struck(self, _ctx) {
            return;
        }
        let (count, bytes) = Segments::total(&segments);
        match self.agent.send_path() {
            Some(path) => {
                let metrics = self.scope.metrics.actor(ActorKind::Ice);
                metrics.traffic(Direction::Out, count, bytes);
                if self.agent.note_sent(now(), count, bytes) {
                    self.alarm.set(self.agent.poll_timeout());
                }
                self.gatherer
                    .do_send(IceToGatherer::Data { path, segments });
            }
            // Without consent nothing may be sent (RFC 7675 §5.1); DTLS and SCTP send it again.
            None => self.scope.metrics.ice.no_pair.increment(count as u64),
        }
    }
}

impl Handler<Above<IceToDtls>> for IceActor {
    type Result = ();

    fn handle(&mut self, Above(dtls): Above<IceToDtls>, _: &mut Context<Self>) {
        self.above = Some(dtls);
        self.writable = false;
        self.tell_writable();
    }
}
