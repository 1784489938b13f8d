//! What the actors of one session say to their neighbours.
//!
//! ```text
//!  network ──► Gatherer ── GathererToIce ──► ICE ── IceToDtls ──► DTLS ── DtlsToSctp ──► SCTP ──► channels
//!  network ◄── Gatherer ◄── IceToGatherer ── ICE ◄── DtlsToIce ── DTLS ◄── SctpToDtls ── SCTP ◄── channels
//! ```
//!
//! An actor holds a `Neighbour` and never its address, so it knows no more of it
//! than stands here. Traffic moves in batches: one message a hop for all that one wake of the
//! socket, or of the application, brought.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use actix::prelude::*;
use bytes::Bytes;

use crate::mailbox::{Letter, Neighbour};
use crate::metrics::MessageKind;
use crate::proto::ice;
use crate::proto::net::{Path, Segments};

/// How many inbound batches of one session are on their way through its actors at most. A session
/// that is slower than its peer then drops at its own socket, and delays nobody else.
pub(crate) const INBOUND_BATCHES: usize = 4;

/// From the gatherer to the ICE actor.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum GathererToIce {
    /// What came from the network in one wake.
    Inbound {
        batch: Vec<(Path, Segments)>,
        permit: Permit,
    },
    /// A local candidate, and the base its checks leave from.
    Candidate {
        candidate: ice::Candidate,
        base: SocketAddr,
    },
    /// `gather` has finished.
    Complete,
    /// The socket of this base is gone.
    BaseLost(SocketAddr),
    /// The bases of this session were lost through no fault of its own: without an ICE restart it
    /// will not connect again.
    RestartWanted,
    /// The network refused a datagram on this path.
    SendFailed(Path),
    /// The gatherer starts over: all bases are gone, new ones will come.
    Restarting,
}

/// From the ICE actor to the gatherer.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum IceToGatherer {
    /// Connectivity checks and their answers.
    Checks(Vec<(Path, Bytes)>),
    /// Data for the peer.
    Data { path: Path, segments: Vec<Segments> },
    /// Requests with this local username fragment are for this session.
    Ufrag(String),
    /// Traffic from this path's remote address is for this session.
    Authenticated(Path),
    /// A check to there was answered: the session has consent to send.
    Answered(Path),
    /// No longer.
    Released(Path),
}

/// From the ICE actor to the DTLS actor.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum IceToDtls {
    /// DTLS records of the peer: from an address that ICE has authenticated.
    Datagrams {
        datagrams: Vec<Bytes>,
        permit: Permit,
    },
    /// There is a pair to send on, or another one; and which ICE role we have.
    Writable { controlling: bool },
}

/// From the DTLS actor to the ICE actor: records for the peer.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct DtlsToIce(pub(crate) Vec<Segments>);

/// From the DTLS actor to the SCTP actor.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum DtlsToSctp {
    /// SCTP packets of the peer.
    Packets {
        packets: Vec<Bytes>,
        permit: Option<Permit>,
    },
    /// The handshake is complete; which side of it we were.
    Connected { client: bool },
    /// ICE has a pair again, or another one.
    PathRestored,
    /// The peer has closed.
    Closed,
}

/// From the SCTP actor to the DTLS actor: packets for the peer.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct SctpToDtls(pub(crate) Vec<Bytes>);

/// Tells an actor who is above it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Above<M: Letter>(pub(crate) Neighbour<M>);

/// Ends an actor in good order. It says goodbye to the peer if it can, then stops.
#[derive(Message, Debug, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Shutdown;

impl Letter for GathererToIce {
    fn kind(&self) -> MessageKind {
        match self {
            GathererToIce::Inbound { .. } => MessageKind::Inbound,
            _ => MessageKind::Command,
        }
    }
}

impl Letter for IceToGatherer {
    fn kind(&self) -> MessageKind {
        match self {
            IceToGatherer::Data { .. } => MessageKind::Outbound,
            IceToGatherer::Checks(_) => MessageKind::Checks,
            _ => MessageKind::Command,
        }
    }
}

impl Letter for IceToDtls {
    fn kind(&self) -> MessageKind {
        match self {
            IceToDtls::Datagrams { .. } => MessageKind::Inbound,
            IceToDtls::Writable { .. } => MessageKind::Command,
        }
    }
}

impl Letter for DtlsToIce {
    fn kind(&self) -> MessageKind {
        MessageKind::Outbound
    }
}

impl Letter for DtlsToSctp {
    fn kind(&self) -> MessageKind {
        match self {
            DtlsToSctp::Packets { .. } => MessageKind::Inbound,
            _ => MessageKind::Command,
        }
    }
}

impl Letter for SctpToDtls {
    fn kind(&self) -> MessageKind {
        MessageKind::Outbound
    }
}

impl<M: Letter> Letter for Above<M> {}

impl Letter for Shutdown {}

/// Bounds the inbound batches of a session.
#[derive(Debug, Clone)]
pub(crate) struct Permits(Arc<PermitState>);

#[derive(Debug)]
struct PermitState {
    free: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
}

/// The right to have one batch on its way. It returns when the batch is dropped, wherever that is.
#[derive(Debug)]
pub(crate) struct Permit(Arc<PermitState>);

impl Permits {
    pub(crate) fn new(count: usize) -> Permits {
        Permits(Arc::new(PermitState {
            free: AtomicUsize::new(count),
            waiting: Mutex::new(None),
        }))
    }

    pub(crate) fn try_acquire(&self) -> Option<Permit> {
        let take = |free: usize| free.checked_sub(1);
        self.0
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .ok()?;
        Some(Permit(self.0.clone()))
    }

    /// Waits for a permit; at most one task does.
    pub(crate) fn poll_acquire(&self, cx: &mut Context<'_>) -> Poll<Permit> {
        if let Some(permit) = self.try_acquire() {
            return Poll::Ready(permit);
        }
        *self
            .0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        // One may have come back meanwhile.
        self.try_acquire().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::AcqRel);
        let waker = self
            .0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
