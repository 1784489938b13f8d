//! Single-port mode: the sockets of all workers are bound to one port, and the kernel deals
//! datagrams out among them by their addresses. It knows nothing of sessions, so a worker gets
//! datagrams of the others' sessions as well. All workers therefore share their routes, and hand
//! over what is not for them, one batch a wake.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use dashmap::DashMap;
use proto::demux::Received;
use proto::route::{Asked, Asker, Held, Tables};
use proto::stun::TransactionId;
use tokio::sync::mpsc;

use super::store::{Kept, PortStore, RouteId};

/// How many batches may be on their way to one worker. Those beyond are lost, as in a socket's
/// buffer: a worker that stands still holds up nobody.
const BATCHES: usize = 64;

/// What one wake of a socket brought for the sessions of another worker.
pub(super) type HandedOver = Vec<(RouteId, Asker, Received)>;

/// What the workers on one port have in common.
#[derive(Debug, Default)]
pub(crate) struct SinglePort {
    ufrags: Arc<DashMap<Box<[u8]>, RouteId>>,
    addresses: Arc<DashMap<SocketAddr, Held<RouteId>>>,
    transactions: Arc<DashMap<TransactionId, Asked<RouteId>>>,
    seats: DashMap<u32, mpsc::Sender<HandedOver>>,
    next_seat: AtomicU32,
    /// What the first worker has bound; 0 before.
    bound: AtomicU16,
}

impl SinglePort {
    /// The routes of everyone.
    pub(super) fn tables(&self) -> Tables<RouteId, PortStore> {
        Tables::new(
            Kept::Shared(self.ufrags.clone()),
            Kept::Shared(self.addresses.clone()),
            Kept::Shared(self.transactions.clone()),
        )
    }

    /// A place among the workers. One that replaces another gets a place of its own, so what was
    /// on its way to the other is not taken for its.
    pub(super) fn sit(self: &Arc<Self>) -> Seat {
        let number = self.next_seat.fetch_add(1, Ordering::Relaxed);
        let (sender, inbox) = mpsc::channel(BATCHES);
        self.seats.insert(number, sender);
        Seat {
            number,
            inbox,
            port: self.clone(),
        }
    }

    /// The port to bind, where `configured` may leave the choice to the system.
    pub(super) fn port_or(&self, configured: u16) -> u16 {
        match self.bound.load(Ordering::Relaxed) {
            0 => configured,
            bound => bound,
        }
    }

    pub(super) fn bound(&self, port: u16) {
        self.bound.store(port, Ordering::Relaxed);
    }

    /// Whether it is the first worker that asks: it finds out whether the port is free.
    pub(super) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }
}

/// A worker's place.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) number: u32,
    pub(super) inbox: mpsc::Receiver<HandedOver>,
    port: Arc<SinglePort>,
}

impl Seat {
    /// Gives a batch to the worker whose sessions it is for. `Err` when that one is gone or has
    /// too much to do.
    pub(super) fn hand_over(&self, to: u32, batch: HandedOver) -> Result<(), HandedOver> {
        let Some(seat) = self.port.seats.get(&to) else {
            return Err(batch);
        };
        seat.try_send(batch).map_err(|error| match error {
            mpsc::error::TrySendError::Full(batch) | mpsc::error::TrySendError::Closed(batch) => {
                batch
            }
        })
    }
}

impl Drop for Seat {
    /// A worker that ends in good order has given its routes back by now; one that is torn down
    /// has not.
    fn drop(&mut self) {
        let gone = self.number;
        self.port.seats.remove(&gone);
        self.port.ufrags.retain(|_, id| id.seat != gone);
        self.port
            .addresses
            .retain(|_, held| held.owner().seat != gone);
        self.port
            .transactions
            .retain(|_, asked| asked.session().seat != gone);
    }
}
