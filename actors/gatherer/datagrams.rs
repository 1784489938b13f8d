//! Datagrams on their way between the network and the ICE actor, in both directions.

use std::pin::Pin;
use std::task::{Context as Cx, Poll};

use actix::fut::ActorFuture;
use actix::prelude::*;
use bytes::Bytes;

use super::GathererActor;
use super::udp::{Sent, is_passing};
use crate::error::ActorKind;
use crate::link::{GathererToIce, IceToGatherer};
use crate::metrics::Direction;
use crate::proto::gather;
use crate::proto::net::{Path, Protocol, Segments};
use crate::scope::Scope;

/// Reads the actor's sockets whenever it is polled.
pub(super) struct ReadSockets;

impl ActorFuture<GathererActor> for ReadSockets {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut GathererActor,
        ctx: &mut Context<GathererActor>,
        cx: &mut Cx<'_>,
    ) -> Poll<()> {
        actor.poll_sockets(ctx, cx);
        Poll::Pending
    }
}

impl GathererActor {
    /// Moves what the sockets have to the ICE actor, one batch a wake.
    fn poll_sockets(&mut self, ctx: &mut Context<Self>, cx: &mut Cx<'_>) {
        let mut lost = Vec::new();
        let has_any =
            !self.sockets.is_empty() || !self.relays.is_empty() || !self.connections.is_empty();
        if !has_any && self.relays.is_quiet() {
            // All that comes, comes by the worker's shared port.
            return self.relays.watch(cx);
        }
        if self.permit.is_none()
            && let Poll::Ready(permit) = self.permits.poll_acquire(cx)
        {
            self.permit = Some(permit);
        }
        // Without one the session is slow: its datagrams wait in the socket, or are lost there.
        let may_read = self.permit.is_some();
        for (base, udp) in &mut self.sockets {
            let _ = udp.poll_flush(cx);
            if !may_read {
                continue;
            }
            match udp.poll_recv(cx, &mut self.received) {
                Poll::Ready(Err(error)) if !is_passing(&error) => lost.push((*base, error)),
                Poll::Ready(Err(_)) => cx.waker().wake_by_ref(),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        let mut batch = std::mem::take(&mut self.received);
        let answered = !batch.is_empty() && self.machine.state() != gather::State::New;
        if answered {
            batch.retain(|(path, segments)| !self.is_for_us(*path, segments));
        }
        self.relays.poll(cx, may_read, &mut batch);
        for path in self.connections.poll(cx, may_read, &mut batch) {
            self.tell_ice(GathererToIce::SendFailed(path));
        }
        if answered || !self.relays.is_quiet() {
            self.drain(ctx);
        }
        if !batch.is_empty() {
            count(&self.scope, Direction::In, batch.iter().map(|(_, s)| s));
            if let Some(ice) = &self.above
                && let Some(permit) = self.permit.take()
            {
                ice.do_send(GathererToIce::Inbound { batch, permit });
            }
        }
        for (base, error) in lost {
            self.lose_socket(ctx, base, &error);
        }
    }
}

impl Handler<IceToGatherer> for GathererActor {
    type Result = ();

    fn handle(&mut self, message: IceToGatherer, ctx: &mut Context<Self>) {
        #[cfg(feature = "chaos")]
        if crate::chaos::Victim::is_struck(self, ctx) {
            return;
        }
        match message {
            IceToGatherer::Checks(checks) => {
                for (path, datagram) in checks {
                    self.send_check(path, datagram);
                }
                self.flush_relays(ctx);
            }
            IceToGatherer::Data { path, segments } => {
                for segments in &segments {
                    self.send(path, segments);
                }
                self.flush_relays(ctx);
            }
            // What a relay brings is the session's own.
            IceToGatherer::Authenticated(path)
            | IceToGatherer::Answered(path)
            | IceToGatherer::Released(path)
                if self.relays.has(path.local) => {}
            // As is what comes on a connection.
            IceToGatherer::Authenticated(path) if path.protocol == Protocol::Tcp => {
                self.connections.authenticated(&path);
            }
            IceToGatherer::Answered(path) | IceToGatherer::Released(path)
                if path.protocol == Protocol::Tcp => {}
            IceToGatherer::Ufrag(ufrag) => {
                self.connections.set_ufrag(&ufrag);
                if let Some(lease) = &self.lease {
                    lease.add_ufrag(&ufrag);
                }
            }
            IceToGatherer::Authenticated(path) => {
                if let Some(lease) = &self.lease {
                    lease.authenticated(path);
                }
            }
            IceToGatherer::Answered(path) => {
                if let Some(lease) = &self.lease {
                    lease.answered(path);
                }
            }
            IceToGatherer::Released(path) => {
                if let Some(lease) = &self.lease {
                    lease.release(path);
                }
            }
        }
    }
}

impl GathererActor {
    fn send(&mut self, path: Path, segments: &Segments) {
        count(&self.scope, Direction::Out, std::iter::once(segments));
        let sent = self.send_elsewhere(path, segments);
        let sent = match (sent, &self.lease, self.sockets.get_mut(&path.local)) {
            (Some(sent), ..) => sent,
            (None, Some(lease), _) => lease.send(path, segments),
            (None, None, Some(udp)) => udp.send(path, segments),
            (None, None, None) => Sent::Refused,
        };
        self.after_send(path, sent, segments.count());
    }

    /// By TCP, or by a relay; `None` when the path is neither.
    fn send_elsewhere(&mut self, path: Path, segments: &Segments) -> Option<Sent> {
        let sent = self.connections.send(path, segments);
        sent.or_else(|| self.relays.send(path, segments))
    }

    fn send_check(&mut self, path: Path, datagram: Bytes) {
        let segments = Segments::from(datagram);
        count(&self.scope, Direction::Out, std::iter::once(&segments));
        let sent = self.send_elsewhere(path, &segments);
        let sent = match (sent, &self.lease, self.sockets.get_mut(&path.local)) {
            (Some(sent), ..) => sent,
            (None, Some(lease), _) => lease.send_check(path, segments.contents().clone()),
            (None, None, Some(udp)) => udp.send(path, &segments),
            (None, None, None) => Sent::Refused,
        };
        self.after_send(path, sent, 1);
    }

    /// Lets out what a batch has put into relays.
    fn flush_relays(&mut self, ctx: &mut Context<Self>) {
        if !self.relays.is_empty() {
            self.relays.flush();
            self.drain(ctx);
        }
    }

    fn after_send(&self, path: Path, sent: Sent, datagrams: usize) {
        if sent != Sent::Accepted {
            self.scope
                .metrics
                .gatherer
                .send_refused
                .increment(datagrams as u64);
        }
        if sent == Sent::Refused {
            self.tell_ice(GathererToIce::SendFailed(path));
        }
    }
}

fn count<'a>(scope: &Scope, direction: Direction, batch: impl Iterator<Item = &'a Segments>) {
    let (datagrams, bytes) = Segments::total(batch);
    scope
        .metrics
        .actor(ActorKind::Gatherer)
        .traffic(direction, datagrams, bytes);
}
