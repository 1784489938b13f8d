//! What the actors of one session say to their neighbours.
//!
//! ```text
//!             NetworkToIce         IceToAbove      DtlsToSctp
//!  network ──────────────────► ICE ──────────► DTLS ──────────► SCTP ──► channels
//!                               ▲
//!               GathererToIce ──┘ (candidates, and what becomes of the sockets)
//!
//!             IceToGatherer        AboveToIce      SctpToDtls
//!  network ◄── Gatherer ◄────── ICE ◄────────── DTLS ◄────────── SCTP ◄── channels
//! ```
//!
//! An actor holds a [`Neighbour`] and never its address, so it knows no more of it than stands
//! here. Traffic moves in batches: one message a hop for all that one wake of the socket, or of the
//! application, brought. What came from the network is sorted by protocol once, by whoever read it
//! there; from then on nobody looks into it who need not open it.

use std::net::SocketAddr;

use actix::prelude::*;
use bytes::Bytes;
use proto::demux::{Kind, Received};
use proto::ice;
use proto::net::{Path, Segments};

use crate::base::kind::MessageKind;
use crate::kit::address::Neighbour;
use crate::kit::letter::Letter;
use crate::session::permits::Permit;

/// From whoever reads the network for a session, its gatherer or a port that it shares, to the ICE
/// actor: what came in one wake.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct NetworkToIce {
    pub(crate) batch: Vec<Received>,
    pub(crate) permit: Permit,
}

/// From the gatherer to the ICE actor.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum GathererToIce {
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
    /// Whether a nominated pair carries data: else the mappings of NATs are to be kept alive.
    Chosen(bool),
}

/// From the ICE actor to whoever stands on it.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum IceToAbove {
    /// Datagrams of the protocol that it takes, from an address that ICE has authenticated.
    Datagrams {
        batch: Vec<Segments>,
        /// With the first batch of a wake; one of another protocol has none of its own.
        permit: Option<Permit>,
    },
    /// There is a pair to send on, or another one; and which ICE role we have.
    Writable { controlling: bool },
}

/// From whoever stands on ICE to the ICE actor: datagrams for the peer.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct AboveToIce(pub(crate) Vec<Segments>);

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

/// Tells the gatherer who is above it: where the network's datagrams go, and its own news. What
/// was told to another ICE actor before is told again.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct IceAbove {
    pub(crate) network: Neighbour<NetworkToIce>,
    pub(crate) gatherer: Neighbour<GathererToIce>,
}

/// Tells the ICE actor who is above it, and which protocol it takes.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StandsOnIce {
    pub(crate) kind: Kind,
    pub(crate) above: Neighbour<IceToAbove>,
}

impl Letter for NetworkToIce {
    const OF_A_NEIGHBOUR: bool = true;

    fn kind(&self) -> MessageKind {
        MessageKind::Inbound
    }
}

impl Letter for GathererToIce {
    const OF_A_NEIGHBOUR: bool = true;
}

impl Letter for IceToGatherer {
    const OF_A_NEIGHBOUR: bool = true;

    fn kind(&self) -> MessageKind {
        match self {
            IceToGatherer::Data { .. } => MessageKind::Outbound,
            IceToGatherer::Checks(_) => MessageKind::Checks,
            _ => MessageKind::Command,
        }
    }
}

impl Letter for IceToAbove {
    const OF_A_NEIGHBOUR: bool = true;

    fn kind(&self) -> MessageKind {
        match self {
            IceToAbove::Datagrams { .. } => MessageKind::Inbound,
            IceToAbove::Writable { .. } => MessageKind::Command,
        }
    }
}

impl Letter for AboveToIce {
    const OF_A_NEIGHBOUR: bool = true;

    fn kind(&self) -> MessageKind {
        MessageKind::Outbound
    }
}

impl Letter for DtlsToSctp {
    const OF_A_NEIGHBOUR: bool = true;

    fn kind(&self) -> MessageKind {
        match self {
            DtlsToSctp::Packets { .. } => MessageKind::Inbound,
            _ => MessageKind::Command,
        }
    }
}

impl Letter for SctpToDtls {
    const OF_A_NEIGHBOUR: bool = true;

    fn kind(&self) -> MessageKind {
        MessageKind::Outbound
    }
}

impl<M: Letter> Letter for Above<M> {}

impl Letter for IceAbove {}

impl Letter for StandsOnIce {}
