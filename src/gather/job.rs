//! What a gatherer has to do: servers to ask, and transactions that wait for their turn.

use std::net::SocketAddr;
use std::time::Instant;

use super::binding::Target;
use super::url::ServerUrl;
use crate::turn::Credentials;

/// A server, and what is known of where it is.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) url: ServerUrl,
    pub(super) credentials: Option<Credentials>,
    pub(super) addresses: Addresses,
}

#[derive(Debug)]
pub(super) enum Addresses {
    Pending {
        deadline: Instant,
    },
    Known(Vec<SocketAddr>),
    /// There are none, or they are not wanted.
    None,
}

/// One STUN transaction or one allocation that waits for its turn.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) target: Target,
    /// For an allocation after a redirection.
    pub(super) domain: Option<String>,
    /// For an allocation, until when gathering waits for it, if this is not the first attempt.
    pub(super) deadline: Option<Instant>,
}

impl From<Target> for Job {
    /// The first attempt.
    fn from(target: Target) -> Job {
        Job {
            target,
            domain: None,
            deadline: None,
        }
    }
}
