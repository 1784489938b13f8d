//! Data on its way through ICE: what comes from an address that ICE believes goes to whoever takes
//! its protocol, what those above send goes out on the selected pair.

use actix::prelude::*;
use proto::Machine;
use proto::demux::{Kind, Received};
use proto::ice::Role;
use proto::net::Segments;

use super::IceActor;
use crate::base::kind::ActorKind;
use crate::kit::address::Neighbour;
use crate::kit::alarm::now;
use crate::metrics::Direction;
use crate::session::link::{AboveToIce, IceToAbove, IceToGatherer, NetworkToIce, StandsOnIce};

/// Who stands on ICE, by the protocol that it takes.
#[derive(Default)]
pub(super) struct Above(Vec<Taker>);

struct Taker {
    kind: Kind,
    above: Neighbour<IceToAbove>,
    /// What has come for it in this wake.
    batch: Vec<Segments>,
}

impl Above {
    fn set(&mut self, kind: Kind, above: Neighbour<IceToAbove>) {
        self.0.retain(|taker| taker.kind != kind);
        let batch = Vec::new();
        self.0.push(Taker { kind, above, batch });
    }

    /// The same, with nothing on its way.
    pub(super) fn successor(&mut self) -> Above {
        let mut takers = std::mem::take(&mut self.0);
        takers.iter_mut().for_each(|taker| taker.batch.clear());
        Above(takers)
    }

    fn of(&mut self, kind: Kind) -> Option<&mut Taker> {
        self.0.iter_mut().find(|taker| taker.kind == kind)
    }
}

impl IceActor {
    /// Whether all of it was data, so that the agent has nothing new to say.
    fn handle_batch(&mut self, batch: Vec<Received>) -> bool {
        let now = now();
        let metrics = self.scope.metrics.clone();
        let (count, bytes) = Segments::total(batch.iter().map(|received| &received.segments));
        let actors = metrics.actor(ActorKind::Ice);
        actors.traffic(Direction::In, count, bytes);
        let mut all_data = true;
        for Received {
            path,
            kind,
            segments,
        } in batch
        {
            if kind == Kind::Stun {
                all_data = false;
                for datagram in segments.iter() {
                    self.agent.handle_datagram(now, path, &datagram);
                }
                continue;
            }
            let (count, bytes) = (segments.count(), segments.len());
            let taker = self.above.of(kind);
            // DTLS may come before there is a DTLS transport: the peer is heard all the same.
            if taker.is_none() && kind != Kind::Dtls {
                all_data = false;
                metrics.ice.unknown_protocol.increment(count as u64);
            } else if self.agent.handle_data(now, &path, count) {
                self.agent.count_received(&path, count, bytes);
                if let Some(taker) = taker {
                    taker.batch.push(segments);
                }
            } else {
                all_data = false;
            }
        }
        all_data
    }

    /// Tells those above that there is a pair, or another one.
    pub(super) fn tell_writable(&mut self) {
        let writable = self.agent.send_path().is_some();
        if writable && !self.writable {
            for taker in &self.above.0 {
                self.tell_writable_to(&taker.above);
            }
        }
        self.writable = writable;
    }

    fn tell_writable_to(&self, above: &Neighbour<IceToAbove>) {
        let controlling = self.agent.role() == Role::Controlling;
        above.do_send(IceToAbove::Writable { controlling });
    }
}

impl Handler<NetworkToIce> for IceActor {
    type Result = ();

    fn handle(&mut self, message: NetworkToIce, ctx: &mut Context<Self>) {
        let NetworkToIce { batch, permit } = message;
        let all_data = self.handle_batch(batch);
        let mut permit = Some(permit);
        for taker in &mut self.above.0 {
            if !taker.batch.is_empty() {
                // By now it is known not to come from a stranger.
                self.busy_poll.arrived();
                let batch = std::mem::take(&mut taker.batch);
                let permit = permit.take();
                taker.above.do_send(IceToAbove::Datagrams { batch, permit });
            }
        }
        match all_data {
            // But it may want to see whether data goes on coming.
            true => self.alarm.set(self.agent.poll_timeout()),
            false => self.drain(ctx),
        }
    }
}

impl Handler<AboveToIce> for IceActor {
    type Result = ();

    fn handle(&mut self, AboveToIce(segments): AboveToIce, _: &mut Context<Self>) {
        let (count, bytes) = Segments::total(&segments);
        match self.agent.send_path() {
            Some(path) => {
                let metrics = self.scope.metrics.actor(ActorKind::Ice);
                metrics.traffic(Direction::Out, count, bytes);
                if self.agent.note_sent(now(), count, bytes) {
                    self.alarm.set(self.agent.poll_timeout());
                }
                let data = IceToGatherer::Data { path, segments };
                self.below.gatherer.do_send(data);
            }
            // Without consent nothing may be sent (RFC 7675 §5.1); DTLS and SCTP send it again.
            None => self.scope.metrics.ice.no_pair.increment(count as u64),
        }
    }
}

impl Handler<StandsOnIce> for IceActor {
    type Result = ();

    fn handle(&mut self, message: StandsOnIce, _: &mut Context<Self>) {
        let StandsOnIce { kind, above } = message;
        if self.agent.send_path().is_some() {
            self.tell_writable_to(&above);
        }
        self.above.set(kind, above);
    }
}
