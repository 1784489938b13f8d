//! Who gets which datagram: what one wake of the port brought is sorted by session, and by worker
//! in single-port mode.

use std::task::{Context, Poll};

use super::{RouteId, State};
use crate::error::ActorKind;
use crate::gatherer::messages::FromMux;
use crate::link::GathererToIce;
use crate::metrics::Direction;
use crate::proto::demux::{Kind, classify};
use crate::proto::net::{Path, Segments};
use crate::proto::route::Asker;

/// What one wake brought for one session.
pub(super) type Batch = (RouteId, Vec<(Path, Segments)>);

impl State {
    /// Sorts what one wake brought by session, one batch each.
    pub(super) fn dispatch(&mut self) {
        let mut received = std::mem::take(&mut self.received);
        for (path, segments) in received.drain(..) {
            if mixed(&segments) {
                for datagram in segments.iter() {
                    self.sort(path, datagram.into());
                }
            } else {
                self.sort(path, segments);
            }
        }
        self.received = received;
        self.hand_over();
        self.deliver();
    }

    /// Puts datagrams of one kind into the batch of their session, or of its worker.
    fn sort(&mut self, path: Path, segments: Segments) {
        let (id, asker) = match self.routes.route(path.remote, segments.contents()) {
            Ok(found) => found,
            Err(miss) => {
                let misses = &self.metrics.gatherer.misses[miss as usize];
                return misses.increment(segments.count() as u64);
            }
        };
        if id.seat == self.seat() {
            return self.add(id, asker, path, segments);
        }
        let item = (id, asker, path, segments);
        match self.others.iter_mut().find(|(seat, _)| *seat == id.seat) {
            Some((_, batch)) => batch.push(item),
            None => self.others.push((id.seat, vec![item])),
        }
    }

    /// Puts datagrams into the batch of a session of this worker.
    fn add(&mut self, id: RouteId, asker: Asker, path: Path, segments: Segments) {
        if asker == Asker::Gatherer {
            if let Some(session) = self.sessions.get(&id) {
                let answer = segments.contents().clone();
                session.gatherer.do_send(FromMux::Answer(path, answer));
            }
            return;
        }
        match self.batches.iter_mut().find(|(owner, _)| *owner == id) {
            Some((_, batch)) => batch.push((path, segments)),
            None => self.batches.push((id, vec![(path, segments)])),
        }
    }

    /// Gives the other workers what is theirs.
    fn hand_over(&mut self) {
        let Some(seat) = &self.seat else { return };
        for (to, batch) in self.others.drain(..) {
            if let Err(lost) = seat.hand_over(to, batch) {
                let lost: usize = lost.iter().map(|(.., segments)| segments.count()).sum();
                self.metrics.gatherer.worker_slow.increment(lost as u64);
            }
        }
    }

    /// Takes what other workers have received for this one.
    pub(super) fn take_handed_over(&mut self, cx: &mut Context<'_>) {
        while let Some(Poll::Ready(Some(batch))) =
            self.seat.as_mut().map(|seat| seat.inbox.poll_recv(cx))
        {
            for (id, asker, path, segments) in batch {
                self.add(id, asker, path, segments);
            }
        }
        self.deliver();
    }

    /// Sends each session its batch.
    fn deliver(&mut self) {
        for (id, batch) in self.batches.drain(..) {
            let (count, bytes) = Segments::total(batch.iter().map(|(_, segments)| segments));
            let gatherers = self.metrics.actor(ActorKind::Gatherer);
            gatherers.traffic(Direction::In, count, bytes);
            let Some(session) = self.sessions.get(&id) else {
                continue;
            };
            let Some(ice) = &session.ice else { continue };
            match session.permits.try_acquire() {
                Some(permit) => ice.do_send(GathererToIce::Inbound { batch, permit }),
                // A session that is flooded, or slow, loses its own datagrams only.
                None => {
                    ice.refuse();
                    self.metrics.gatherer.no_permit.increment(count as u64);
                }
            }
        }
    }
}

/// Whether joined datagrams are not all DTLS: only those all go the same way.
fn mixed(segments: &Segments) -> bool {
    segments
        .contents()
        .chunks(segments.segment_size().max(1))
        .any(|datagram| classify(datagram) != Some(Kind::Dtls))
}
