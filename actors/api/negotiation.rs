//! What signalling has to remember of a session.

use proto::random::Random;
use proto::sdp::{IceCredentials, Origin};

/// What signalling has to remember of a session.
#[derive(Debug)]
pub(crate) struct Negotiation {
    pub(crate) origin: Origin,
    /// The m-section that the peer's candidates are for.
    pub(crate) mid: Option<String>,
    /// The peer's credentials: others than these ask for an ICE restart.
    pub(crate) remote: Option<IceCredentials>,
    /// Username fragments of the peer's earlier generations: a late fragment of one is no restart.
    earlier: Vec<String>,
    /// We have asked for an ICE restart: the peer's next credentials are its answer.
    pub(crate) restarting: bool,
}

/// How many earlier generations are remembered.
const EARLIER: usize = 16;

impl Negotiation {
    pub(crate) fn new(random: &mut Random) -> Negotiation {
        let origin = Origin {
            session_id: random.u64(),
            version: 0,
        };
        Negotiation {
            origin,
            mid: None,
            remote: None,
            earlier: Vec::new(),
            restarting: false,
        }
    }

    /// Which of the peer's ICE generations these credentials are of.
    pub(crate) fn generation_of(&self, ice: &IceCredentials) -> Generation {
        match &self.remote {
            Some(known) if known.ufrag == ice.ufrag && known.pwd == ice.pwd => Generation::Current,
            _ if self.earlier.contains(&ice.ufrag) => Generation::Earlier,
            _ => Generation::New,
        }
    }

    pub(crate) fn advance(&mut self, remote: IceCredentials) {
        if let Some(before) = self.remote.replace(remote) {
            if self.earlier.len() == EARLIER {
                self.earlier.remove(0);
            }
            self.earlier.push(before.ufrag);
        }
        self.origin.version += 1;
    }
}

/// Of the ICE generations of a peer, one.
pub(crate) enum Generation {
    Current,
    Earlier,
    New,
}
