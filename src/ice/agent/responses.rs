//! Answers to our checks (RFC 8445 §7.2.5).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::super::candidate::{Candidate, CandidateType};
use super::super::event::Event;
use super::super::pair::{PairId, PairState};
use super::super::state::{Role, State};
use super::super::stats::Dropped;
use super::super::transactions::{Purpose, Transaction};
use super::Agent;
use crate::net::Path;
use crate::stun::binding::{self, Message};
use crate::stun::{self, Header};

impl Agent {
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        path: Path,
        header: Header,
        datagram: &[u8],
    ) -> Result<(), Dropped> {
        let id = &header.transaction_id;
        let transaction = self
            .transactions
            .get(id)
            .ok_or(Dropped::UnknownTransaction)?;
        // RFC 8445 §7.2.5.2.1 would fail the pair; but anyone who saw the check could do that.
        if transaction.path != path {
            return Err(Dropped::WrongSource);
        }
        let pair = self
            .checklist
            .get(transaction.pair)
            .ok_or(Dropped::UnknownTransaction)?;
        let secrets = self
            .secrets(pair.generation)
            .ok_or(Dropped::UnknownTransaction)?;
        let remote = secrets.remote.as_ref().ok_or(Dropped::UnknownTransaction)?;
        let verified = stun::verify(datagram, &remote.key, true)?;
        let message = binding::decode(&verified)?;
        let transaction = self
            .transactions
            .remove(id)
            .ok_or(Dropped::UnknownTransaction)?;
        self.note_authenticated(now, path);
        match message {
            Message::Success { mapped } => self.check_answered(now, transaction, mapped),
            Message::Error { code: 487 } => self.role_conflict_reported(&transaction),
            Message::Error { code } => {
                tracing::debug!(%path, code, "check refused");
                if transaction.purpose == Purpose::Connectivity {
                    self.fail_pair(now, transaction.pair);
                }
                self.counters.drop(Dropped::Refused);
            }
            Message::Request(_) => {}
        }
        Ok(())
    }

    /// RFC 8445 §7.2.5.3.
    fn check_answered(&mut self, now: Instant, check: Transaction, mapped: SocketAddr) {
        let id = check.pair;
        let rtt = (check.transmissions == 1).then(|| now.saturating_duration_since(check.sent_at));
        let local = self.local_candidate_of(check.path, mapped, id);
        self.transactions.end_checks(id);
        self.counters.checks_answered += 1;
        self.restraint.note_answered(check.path.remote);
        self.events.push_back(Event::Answered(check.path));
        let current = self.current.number();
        let Some(pair) = self.checklist.get_mut(id) else {
            return;
        };
        pair.answered(now, rtt);
        pair.mapped = local;
        pair.state = PairState::Succeeded;
        let is_current = pair.generation == current;
        let follows = std::mem::take(&mut pair.nominate_on_success);
        if is_current {
            self.checklist.thaw(id);
            self.current.first_valid_at.get_or_insert(now);
        }
        if let Some(consent) = &mut self.consent {
            consent.answered(id);
        }
        if check.use_candidate && self.role == Role::Controlling && self.nominating == Some(id) {
            // RFC 8445 §8.1.1
            self.select(now, id);
        } else if follows && self.role == Role::Controlled {
            self.follow_nomination(now, id);
        }
    }

    /// RFC 8445 §7.2.5.3.1 and §7.2.5.3.2: the candidate of the mapped address, learnt if need be.
    /// `None` when it is the one that was paired.
    fn local_candidate_of(
        &self,
        path: Path,
        mapped: SocketAddr,
        id: PairId,
    ) -> Option<Arc<Candidate>> {
        let pair = self.checklist.get(id)?;
        let same = |c: &Candidate| c.socket_addr() == Some(mapped);
        if same(&pair.local) {
            return None;
        }
        if let Some(known) = pair.mapped.as_ref().filter(|c| same(c)) {
            return Some(known.clone());
        }
        let known = self.local.iter().find(|l| {
            l.base == path.local && l.candidate.protocol == path.protocol && same(&l.candidate)
        });
        if let Some(known) = known {
            return Some(known.candidate.clone());
        }
        let learnt = Candidate {
            kind: CandidateType::PeerReflexive,
            related_address: Some(path.local),
            ..Candidate::peer_reflexive(
                mapped,
                path.protocol,
                pair.local.peer_reflexive_priority(),
                format!("prflx{}", pair.local.foundation),
            )
        };
        Some(Arc::new(learnt))
    }

    /// RFC 8445 §7.2.5.1. Several may be in flight: only the first of a role switches it.
    fn role_conflict_reported(&mut self, check: &Transaction) {
        self.counters.drop(Dropped::Refused);
        if check.role == self.role && !self.role_is_fixed() {
            self.switch_role(self.role.opposite());
            // Equal tie-breakers would conflict for ever.
            self.tie_breaker = self.random.u64();
        }
        if self.state != State::Failed && check.purpose == Purpose::Connectivity {
            self.checklist.trigger(check.pair);
        }
    }
}
