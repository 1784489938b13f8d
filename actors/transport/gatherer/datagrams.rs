//! Datagrams on their way between the network and the ICE actor, in both directions.

use std::pin::Pin;
use std::task::{Context as Cx, Poll};

use actix::fut::ActorFuture;
use actix::prelude::*;
use proto::demux::{self, Received};
use proto::gather;
use proto::net::{Path, Protocol, Segments};
use proto::route::Asker;

use super::GathererActor;
use crate::base::kind::ActorKind;
use crate::kit::alarm::now;
use crate::metrics::Direction;
use crate::net::udp::{Sent, is_passing};
use crate::session::link::{GathererToIce, IceToGatherer, NetworkToIce};
use crate::session::scope::Scope;

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
        let mut batch = Vec::new();
        let mut unknown = sort(self.received.drain(..), &mut batch);
        let answered = !batch.is_empty() && self.machine.state() != gather::State::New;
        if answered {
            batch.retain(|received| !self.is_for_us(received));
        }
        let mut elsewhere = Vec::new();
        self.relays.poll(cx, may_read, &mut elsewhere);
        for path in self.connections.poll(cx, may_read, &mut elsewhere) {
            self.tell_ice(GathererToIce::SendFailed(path));
        }
        unknown += sort(elsewhere.drain(..), &mut batch);
        let unknown_protocol = &self.scope.metrics.gatherer.unknown_protocol;
        unknown_protocol.increment(unknown as u64);
        if answered || !self.relays.is_quiet() {
            self.drain(ctx);
        }
        if !batch.is_empty() {
            let segments = batch.iter().map(|received| &received.segments);
            count(&self.scope, Direction::In, segments);
            if let Some(above) = &self.above
                && let Some(permit) = self.permit.take()
            {
                above.network.do_send(NetworkToIce { batch, permit });
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
        match message {
            IceToGatherer::Checks(checks) => {
                for (path, datagram) in checks {
                    self.send_for_ice(path, &datagram.into(), Some(Asker::Agent));
                }
                self.flush_relays(ctx);
            }
            IceToGatherer::Data { path, segments } => {
                for segments in &segments {
                    self.send_for_ice(path, segments, None);
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
            IceToGatherer::Chosen(chosen) => {
                match chosen {
                    true => self.machine.end_keepalives(),
                    false => self.machine.resume_keepalives(now()),
                }
                self.drain(ctx);
            }
            IceToGatherer::Ufrag(ufrag) => {
                self.connections.set_ufrag(&ufrag);
                if let Some(share) = &self.share {
                    share.add_ufrag(&ufrag);
                }
            }
            IceToGatherer::Authenticated(path) => {
                if let Some(share) = &self.share {
                    share.authenticated(path);
                }
            }
            IceToGatherer::Answered(path) => {
                if let Some(share) = &self.share {
                    share.answered(path);
                }
            }
            IceToGatherer::Released(path) => {
                if let Some(share) = &self.share {
                    share.release(path);
                }
            }
        }
    }
}

impl GathererActor {
    /// Sends datagrams along a path, by the wire that it leaves on: a connection or a relay where it
    /// is theirs, the session's share in the worker's port where it has one, or a socket of its own.
    /// Where they are questions it says who asks: on a port that is shared the answers have to be
    /// known.
    pub(super) fn send(&mut self, path: Path, segments: &Segments, asker: Option<Asker>) -> Sent {
        let sent = self.connections.send(path, segments);
        if let Some(sent) = sent.or_else(|| self.relays.send(path, segments)) {
            return sent;
        }
        match (&self.share, self.sockets.get_mut(&path.local)) {
            (Some(share), _) => share.send(path, segments, asker),
            (None, Some(udp)) => udp.send(path, segments),
            (None, None) => Sent::Refused,
        }
    }

    fn send_for_ice(&mut self, path: Path, segments: &Segments, asker: Option<Asker>) {
        count(&self.scope, Direction::Out, std::iter::once(segments));
        let sent = self.send(path, segments, asker);
        if sent != Sent::Accepted {
            let refused = &self.scope.metrics.gatherer.send_refused;
            refused.increment(segments.count() as u64);
        }
        if sent == Sent::Refused {
            self.tell_ice(GathererToIce::SendFailed(path));
        }
    }

    /// Lets out what a batch has put into relays.
    fn flush_relays(&mut self, ctx: &mut Context<Self>) {
        if !self.relays.is_empty() {
            self.relays.flush();
            self.drain(ctx);
        }
    }
}

/// Sorts what came by protocol; how many datagrams are of none.
fn sort(received: impl Iterator<Item = (Path, Segments)>, batch: &mut Vec<Received>) -> usize {
    let sort = |(path, segments)| demux::sort(path, segments, |received| batch.push(received));
    received.map(sort).sum()
}

fn count<'a>(scope: &Scope, direction: Direction, batch: impl Iterator<Item = &'a Segments>) {
    let (datagrams, bytes) = Segments::total(batch);
    scope
        .metrics
        .actor(ActorKind::Gatherer)
        .traffic(direction, datagrams, bytes);
}
