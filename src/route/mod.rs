//! Who gets which datagram on a port that many sessions share.
//!
//! - A STUN request goes by the local username fragment in it, *never* by its address.
//! - A STUN response goes by the transaction that asked for it, and only if it comes from the
//!   address that was asked.
//! - DTLS and RTP go by the exact remote address.
//!
//! An address gets into the table only after a message from it carried a valid
//! MESSAGE-INTEGRITY, at most [`ADDRESSES`] a session. Two sessions may both be entitled to one:
//! whoever was first holds it, until it lets go; or until a check of the newcomer's *own* to the
//! address was answered, while the holder has no consent (RFC 7675) to send there, or has it no
//! longer. A client can therefore not take the traffic of another one by sending from its address
//! (the answer to our check would have to come from there), nor keep an address from others where
//! it has never been.
//!
//! The rules are here and in [`Held`]; where the tables are kept is the choice of a [`Store`].
//! Time comes in with each call. Nothing has a deadline: what has lapsed is noticed when someone
//! else wants it.

mod held;
mod store;

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub use held::{Claim, Held};
pub use store::{OneThread, Store, Table, Tables};

use crate::demux::Kind;
use crate::net::Path;
use crate::stun::{self, Class, TransactionId};

/// How many remote addresses one session may have in the table. One more takes the place of the
/// one that has been without an answer for longest.
pub const ADDRESSES: usize = 8;

/// How many username fragments one session may have in the table: those of the generations before
/// stay for a while, since the pair in use may be one of theirs (RFC 8445 §9).
pub const UFRAGS: usize = 4;

/// How many transactions of one session may be outstanding; older ones lose their route.
pub const TRANSACTIONS: usize = 256;

/// After so long nobody waits for a response: an agent gives a check up within 40 s.
pub const TRANSACTION_LIFETIME: Duration = Duration::from_secs(60);

/// Who asked, within a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// The ICE agent: a connectivity check.
    Agent,
    /// The gatherer: a question to a STUN server.
    Gatherer,
}

/// An outstanding transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<Id> {
    session: Id,
    asker: Asker,
    to: SocketAddr,
}

impl<Id: Copy> Asked<Id> {
    /// Whose it is.
    pub fn session(&self) -> Id {
        self.session
    }
}

/// Why a datagram is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Miss {
    /// A STUN request to a username fragment that no session has.
    UnknownUfrag,
    /// A STUN response that nobody waits for (any more).
    UnknownTransaction,
    /// A STUN response from another address than was asked.
    WrongSource,
    /// DTLS, RTP or a STUN indication from an address that has proven nothing.
    UnknownAddress,
    /// Neither STUN, DTLS nor RTP.
    Garbage,
}

impl Miss {
    /// All of them, for tables of labels.
    pub const ALL: [Miss; 5] = [
        Miss::UnknownUfrag,
        Miss::UnknownTransaction,
        Miss::WrongSource,
        Miss::UnknownAddress,
        Miss::Garbage,
    ];

    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Miss::UnknownUfrag => "unknown_ufrag",
            Miss::UnknownTransaction => "unknown_transaction",
            Miss::WrongSource => "wrong_source",
            Miss::UnknownAddress => "unknown_address",
            Miss::Garbage => "garbage",
        }
    }
}

/// How many entries there are, of all sessions together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Sessions that have joined here.
    pub sessions: usize,
    /// Username fragments.
    pub ufrags: usize,
    /// Remote addresses.
    pub addresses: usize,
    /// Outstanding transactions.
    pub transactions: usize,
}

/// The routes of one port. `Id` names a session.
#[derive(Debug)]
pub struct Routes<Id: Copy + Debug, S: Store = OneThread> {
    consent: Duration,
    tables: Tables<Id, S>,
    sessions: HashMap<Id, Entries>,
}

/// What a session has in the tables, or asked for.
#[derive(Debug, Default)]
struct Entries {
    ufrags: VecDeque<Box<[u8]>>,
    /// With the time of the last answer.
    paths: Vec<(Path, Option<Instant>)>,
    /// With the time of asking; also those that were answered meanwhile.
    transactions: VecDeque<(TransactionId, Instant)>,
}

impl Entries {
    /// Whether the peer is there; several addresses of ours may have it on their paths.
    fn reaches(&self, remote: SocketAddr) -> bool {
        self.paths.iter().any(|(path, _)| path.remote == remote)
    }
}

impl<Id: Copy + Eq + Hash + Debug, S: Store> Routes<Id, S> {
    /// No routes yet in `tables`, or only those of others who share them. `consent` is how long
    /// an answer to a check is consent, [`consent_timeout`](crate::ice::Config::consent_timeout).
    pub fn new(consent: Duration, tables: Tables<Id, S>) -> Routes<Id, S> {
        Routes {
            consent,
            tables,
            sessions: HashMap::new(),
        }
    }

    /// A session may have routes from now on.
    pub fn join(&mut self, session: Id) {
        self.sessions.entry(session).or_default();
    }

    /// A session is over: so are all its routes. An address that another one waits for is that
    /// one's now.
    pub fn leave(&mut self, session: Id) {
        let Some(entries) = self.sessions.remove(&session) else {
            return;
        };
        for ufrag in entries.ufrags {
            self.drop_ufrag(session, ufrag);
        }
        for (path, _) in entries.paths {
            self.let_go(session, path.remote);
        }
        for (id, _) in entries.transactions {
            self.drop_transaction(session, id);
        }
    }

    /// Requests with this local username fragment are the session's. `false` when another one has
    /// it already, which chance does not bring about.
    pub fn add_ufrag(&mut self, session: Id, ufrag: &str) -> bool {
        let Some(entries) = self.sessions.get_mut(&session) else {
            return false;
        };
        let ufrag: Box<[u8]> = ufrag.as_bytes().into();
        if entries.ufrags.contains(&ufrag) {
            return true;
        }
        let owner = |entry: &mut Option<Id>| *entry.get_or_insert(session);
        if self.tables.ufrags.update(ufrag.clone(), owner) != session {
            return false;
        }
        entries.ufrags.push_back(ufrag);
        if entries.ufrags.len() > UFRAGS
            && let Some(oldest) = entries.ufrags.pop_front()
        {
            self.drop_ufrag(session, oldest);
        }
        true
    }

    /// The session sends a request: a response from there is for who asks. Again for a
    /// retransmission: nothing.
    pub fn expect(
        &mut self,
        now: Instant,
        session: Id,
        asker: Asker,
        id: TransactionId,
        to: SocketAddr,
    ) {
        let Some(entries) = self.sessions.get_mut(&session) else {
            return;
        };
        let asked = Asked { session, asker, to };
        let is_new = |entry: &mut Option<Asked<Id>>| match entry {
            Some(_) => false,
            None => {
                *entry = Some(asked);
                true
            }
        };
        if !self.tables.transactions.update(id, is_new) {
            return;
        }
        entries.transactions.push_back((id, now));
        let count = entries.transactions.len();
        let stale = |(i, (_, at)): &(usize, &(TransactionId, Instant))| {
            count - i > TRANSACTIONS || *at + TRANSACTION_LIFETIME <= now
        };
        let stale = entries
            .transactions
            .iter()
            .enumerate()
            .take_while(stale)
            .count();
        for (id, _) in entries.transactions.drain(..stale).collect::<Vec<_>>() {
            self.drop_transaction(session, id);
        }
    }

    /// A message from this path had a valid MESSAGE-INTEGRITY of the session's.
    pub fn authenticated(&mut self, now: Instant, session: Id, path: Path) -> Claim {
        self.claim(now, session, path, false)
    }

    /// A check of the session's own was answered on this path, by the right peer: consent to send
    /// there.
    pub fn answered(&mut self, now: Instant, session: Id, path: Path) -> Claim {
        self.claim(now, session, path, true)
    }

    fn claim(&mut self, now: Instant, session: Id, path: Path, answered: bool) -> Claim {
        let Some(entries) = self.sessions.get_mut(&session) else {
            return Claim::Taken;
        };
        let answer = answered.then_some(now);
        let known = entries.paths.iter_mut().find(|(known, _)| *known == path);
        let mut displaced = None;
        if let Some((_, last)) = known {
            *last = answer.or(*last);
        } else {
            let oldest = (0..entries.paths.len()).min_by_key(|i| entries.paths[*i].1);
            if let Some(oldest) = oldest.filter(|_| entries.paths.len() >= ADDRESSES) {
                displaced = Some(entries.paths.swap_remove(oldest).0.remote);
            }
            entries.paths.push((path, answer));
            displaced = displaced.filter(|gone| !entries.reaches(*gone));
        }
        if let Some(remote) = displaced {
            self.let_go(session, remote);
        }
        let consent = self.consent;
        self.tables
            .addresses
            .update(path.remote, |entry| match entry {
                Some(held) => held.claim(now, session, answered, consent),
                None => {
                    *entry = Some(Held::new(session, answer));
                    Claim::Held
                }
            })
    }

    /// The session has no more to do with this path.
    pub fn release(&mut self, session: Id, path: Path) {
        let Some(entries) = self.sessions.get_mut(&session) else {
            return;
        };
        entries.paths.retain(|(known, _)| *known != path);
        if !entries.reaches(path.remote) {
            self.let_go(session, path.remote);
        }
    }

    /// Whose a datagram of this kind is. A response ends its transaction.
    pub fn route(
        &mut self,
        kind: Kind,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<(Id, Asker), Miss> {
        match kind {
            Kind::Stun => {
                let header = stun::peek(datagram).ok_or(Miss::Garbage)?;
                match header.class {
                    Class::Request => stun::local_ufrag(datagram)
                        .and_then(|ufrag| self.by_ufrag(ufrag))
                        .map(|session| (session, Asker::Agent))
                        .ok_or(Miss::UnknownUfrag),
                    Class::SuccessResponse | Class::ErrorResponse => {
                        self.by_transaction(from, header.transaction_id)
                    }
                    Class::Indication => self.by_address(from),
                }
            }
            Kind::Dtls | Kind::Rtp => self.by_address(from),
            Kind::TurnChannel => Err(Miss::Garbage),
        }
    }

    /// Who has this local username fragment.
    pub fn by_ufrag(&self, ufrag: &[u8]) -> Option<Id> {
        self.tables.ufrags.get(ufrag)
    }

    fn by_address(&self, from: SocketAddr) -> Result<(Id, Asker), Miss> {
        let held = self.tables.addresses.get(&from);
        held.map(|held| (held.owner(), Asker::Agent))
            .ok_or(Miss::UnknownAddress)
    }

    fn by_transaction(&mut self, from: SocketAddr, id: TransactionId) -> Result<(Id, Asker), Miss> {
        let asked = self.tables.transactions.get(&id);
        let asked = asked.ok_or(Miss::UnknownTransaction)?;
        if asked.to != from {
            return Err(Miss::WrongSource);
        }
        self.drop_transaction(asked.session, id);
        Ok((asked.session, asked.asker))
    }

    /// How many entries there are; of tables that are shared, everyone's.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            sessions: self.sessions.len(),
            ufrags: self.tables.ufrags.len(),
            addresses: self.tables.addresses.len(),
            transactions: self.tables.transactions.len(),
        }
    }

    fn drop_ufrag(&mut self, session: Id, ufrag: Box<[u8]>) {
        self.tables.ufrags.update(ufrag, |entry| {
            entry.take_if(|owner| *owner == session);
        });
    }

    fn drop_transaction(&mut self, session: Id, id: TransactionId) {
        self.tables.transactions.update(id, |entry| {
            entry.take_if(|asked| asked.session == session);
        });
    }

    fn let_go(&mut self, session: Id, address: SocketAddr) {
        self.tables.addresses.update(address, |entry| {
            *entry = entry.take().and_then(|held| held.release(session));
        });
    }
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
