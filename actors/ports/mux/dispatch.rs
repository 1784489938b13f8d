//! Who gets which datagram: what one wake of the port brought is sorted by session, and by worker
//! in single-port mode.

use std::task::{Context, Poll};

use proto::demux::{self, Received};
use proto::net::Segments;
use proto::route::{Asker, Miss};

use super::{RouteId, State};
use crate::base::kind::ActorKind;
use crate::metrics::Direction;
use crate::ports::mux::messages::MuxToGatherer;
use crate::session::link::NetworkToIce;

/// What one wake brought for one session.
pub(super) type Batch = (RouteId, Vec<Received>);

impl State {
    /// Sorts what one wake brought by session, one batch each.
    pub(super) fn dispatch(&mut self) {
        let mut received = std::mem::take(&mut self.received);
        for (path, segments) in received.drain(..) {
            let unknown = demux::sort(path, segments, |received| self.sort(received));
            self.missed(Miss::Garbage, unknown);
        }
        self.received = received;
        self.hand_over();
        self.deliver();
    }

    fn missed(&self, miss: Miss, datagrams: usize) {
        self.metrics.gatherer.misses[miss as usize].increment(datagrams as u64);
    }

    /// Puts datagrams of one kind into the batch of their session, or of its worker.
    fn sort(&mut self, received: Received) {
        let Received {
            path,
            kind,
            segments,
        } = &received;
        let found = self.routes.route(*kind, path.remote, segments.contents());
        let (id, asker) = match found {
            Ok(found) => found,
            Err(miss) => return self.missed(miss, segments.count()),
        };
        if id.seat == self.seat() {
            return self.add(id, asker, received);
        }
        let item = (id, asker, received);
        match self.others.iter_mut().find(|(seat, _)| *seat == id.seat) {
            Some((_, batch)) => batch.push(item),
            None => self.others.push((id.seat, vec![item])),
        }
    }

    /// Puts datagrams into the batch of a session of this worker.
    fn add(&mut self, id: RouteId, asker: Asker, received: Received) {
        if asker == Asker::Gatherer {
            if let Some(session) = self.sessions.get(&id) {
                let answer = received.segments.contents().clone();
                let answer = MuxToGatherer::Answer(received.path, answer);
                session.gatherer.do_send(answer);
            }
            return;
        }
        match self.batches.iter_mut().find(|(owner, _)| *owner == id) {
            Some((_, batch)) => batch.push(received),
            None => self.batches.push((id, vec![received])),
        }
    }

    /// Gives the other workers what is theirs.
    fn hand_over(&mut self) {
        let Some(seat) = &self.seat else { return };
        for (to, batch) in self.others.drain(..) {
            if let Err(lost) = seat.hand_over(to, batch) {
                let lost: usize = lost.iter().map(|(.., r)| r.segments.count()).sum();
                self.metrics.gatherer.worker_slow.increment(lost as u64);
            }
        }
    }

    /// Takes what other workers have received for this one.
    pub(super) fn take_handed_over(&mut self, cx: &mut Context<'_>) {
        while let Some(Poll::Ready(Some(batch))) =
            self.seat.as_mut().map(|seat| seat.inbox.poll_recv(cx))
        {
            for (id, asker, received) in batch {
                self.add(id, asker, received);
            }
        }
        self.deliver();
    }

    /// Sends each session its batch.
    fn deliver(&mut self) {
        for (id, batch) in self.batches.drain(..) {
            let (count, bytes) = Segments::total(batch.iter().map(|received| &received.segments));
            let gatherers = self.metrics.actor(ActorKind::Gatherer);
            gatherers.traffic(Direction::In, count, bytes);
            let Some(session) = self.sessions.get(&id) else {
                continue;
            };
            let Some(ice) = &session.ice else { continue };
            match session.permits.try_acquire() {
                Some(permit) => ice.do_send(NetworkToIce { batch, permit }),
                // A session that is flooded, or slow, loses its own datagrams only.
                None => {
                    ice.refuse();
                    self.metrics.gatherer.no_permit.increment(count as u64);
                }
            }
        }
    }
}
