//! What a TURN client tells its owner.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use super::failure::Failure;

/// What [`Client`](super::Client) tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The allocation is there: `relayed` is a candidate, and `local` of every path over it.
    Allocated {
        /// What peers send to.
        relayed: SocketAddr,
        /// Our address as the server sees it.
        mapped: Option<SocketAddr>,
        /// Until when the server keeps it without a refresh.
        lifetime: Duration,
    },
    /// A datagram of a peer. The data is a slice of what was fed.
    Received {
        /// Whose it is.
        peer: SocketAddr,
        /// What it sent.
        data: Bytes,
    },
    /// The server relays to and from this peer now.
    Permitted {
        /// The peer, on all its ports.
        peer: IpAddr,
    },
    /// The server does not relay to this peer. Other peers are not affected.
    PeerRefused {
        /// The peer, on all its ports.
        peer: IpAddr,
        /// Why.
        failure: Failure,
    },
    /// Data to and from this peer takes a channel now.
    ChannelBound {
        /// The peer.
        peer: SocketAddr,
    },
    /// A refresh failed. The allocation still lives, and the next attempt follows.
    RefreshFailed(Failure),
    /// There is no allocation, or none any more, and this machine is inert.
    Failed(Failure),
    /// [`close`](super::Client::close) is done, and this machine is inert. The socket may go.
    Closed,
}

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing was asked.
    New,
    /// The server was asked.
    Allocating,
    /// There is an allocation.
    Allocated,
    /// The server is told that it is no longer needed.
    Closing,
    /// It was given back.
    Closed,
    /// There is none (any more).
    Failed,
}

impl State {
    /// The name in logs and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            State::New => "new",
            State::Allocating => "allocating",
            State::Allocated => "allocated",
            State::Closing => "closing",
            State::Closed => "closed",
            State::Failed => "failed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why nothing was sent to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no allocation.
    #[error("there is no allocation")]
    NotAllocated,
    /// The peer's address is of another family than the relayed one (RFC 8656 §14, 443).
    #[error("the peer's address is of another family than the relayed address")]
    WrongFamily,
    /// The server refused this peer a moment ago.
    #[error("the server does not relay to this peer")]
    Refused,
    /// There are too many peers.
    #[error("more than {} peers", super::MAX_PEERS)]
    TooManyPeers,
    /// Too much waits for the permission already.
    #[error("too many datagrams wait for the permission")]
    WouldBlock,
    /// More than a datagram holds.
    #[error("the datagram is too large")]
    TooLarge,
}

impl SendError {
    /// The reason as a metric label.
    pub fn reason(self) -> &'static str {
        match self {
            SendError::NotAllocated => "not_allocated",
            SendError::WrongFamily => "wrong_family",
            SendError::Refused => "refused",
            SendError::TooManyPeers => "too_many_peers",
            SendError::WouldBlock => "would_block",
            SendError::TooLarge => "too_large",
        }
    }
}

/// What a [`Client`](super::Client) saw, since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Requests sent, repetitions included.
    pub requests_sent: u64,
    /// Requests that were repeated, because no answer had come.
    pub requests_repeated: u64,
    /// Requests that were asked again with a new nonce (438, or 401 where that is meant).
    pub stale_nonces: u64,
    /// Datagrams to peers in Send indications.
    pub indications_sent: u64,
    /// Datagrams to peers on channels.
    pub channel_data_sent: u64,
    /// Bytes to peers, without TURN's own.
    pub bytes_sent: u64,
    /// Datagrams of peers in Data indications.
    pub indications_received: u64,
    /// Datagrams of peers on channels.
    pub channel_data_received: u64,
    /// Bytes of peers, without TURN's own.
    pub bytes_received: u64,
    /// Refreshes that were granted.
    pub refreshes: u64,
    /// Channels that the server did not bind.
    pub channels_refused: u64,
    /// Datagrams to peers that waited for a permission in vain.
    pub held_dropped: u64,
    /// Messages that are neither answers nor data of peers, or cannot be read: dropped.
    pub malformed: u64,
    /// Datagrams that came from elsewhere than the server: dropped.
    pub from_elsewhere: u64,
    /// Answers to nothing that was asked: dropped.
    pub unexpected_responses: u64,
    /// Answers that were not signed, or not with our password: dropped or doubted.
    pub unverified_responses: u64,
    /// Data of a peer without permission, or on a channel that is not bound: dropped.
    pub not_permitted: u64,
}
