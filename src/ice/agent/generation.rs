//! What belongs to one ICE generation: from a start, or a restart, to the next (RFC 8838 §3).

use std::sync::Arc;
use std::time::Instant;

use super::super::candidate::Candidate;
use super::super::parameters::{Credentials, Parameters};
use crate::net::Path;

/// The credentials of both sides.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    pub(super) generation: u32,
    pub(super) local: Credentials,
    pub(super) remote: Option<Credentials>,
    /// USERNAME of our checks: "remote:local" (RFC 8445 §7.2.2).
    pub(super) username: String,
}

impl Secrets {
    pub(super) fn set_remote(&mut self, remote: Parameters) {
        self.username = format!("{}:{}", remote.username_fragment, self.local.ufrag());
        self.remote = Some(Credentials::new(remote));
    }

    pub(super) fn remote_ufrag(&self) -> Option<&str> {
        self.remote.as_ref().map(Credentials::ufrag)
    }
}

/// A check that was answered before the remote parameters were known.
#[derive(Debug, Clone)]
pub(super) struct EarlyCheck {
    pub(super) path: Path,
    pub(super) remote_ufrag: String,
    pub(super) priority: Option<u32>,
    pub(super) use_candidate: bool,
}

#[derive(Debug)]
pub(super) struct Generation {
    pub(super) secrets: Secrets,
    /// The remote candidates, no address twice.
    pub(super) candidates: Vec<Arc<Candidate>>,
    /// The peer has no more of them.
    pub(super) ended: bool,
    pub(super) early: Vec<EarlyCheck>,
    /// When it was started, or before that, when the restart was called.
    pub(super) began_at: Option<Instant>,
    /// When the first pair came to work.
    pub(super) first_valid_at: Option<Instant>,
    /// It began while the generation before did not work: a restart forgets that.
    pub(super) forgets_loss: bool,
}

impl Generation {
    pub(super) fn new(number: u32, local: Parameters) -> Generation {
        Generation {
            secrets: Secrets {
                generation: number,
                local: Credentials::new(local),
                remote: None,
                username: String::new(),
            },
            candidates: Vec::new(),
            ended: false,
            early: Vec::new(),
            began_at: None,
            first_valid_at: None,
            forgets_loss: false,
        }
    }

    pub(super) fn number(&self) -> u32 {
        self.secrets.generation
    }

    pub(super) fn is_started(&self) -> bool {
        self.secrets.remote.is_some()
    }
}
