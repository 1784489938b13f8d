//! Answering the peer's checks (RFC 8445 §7.3).

use std::sync::Arc;
use std::time::Instant;

use super::super::candidate::{Candidate, CandidateType, priority};
use super::super::checklist::Added;
use super::super::event::Event;
use super::super::pair::{Pair, PairId, PairState};
use super::super::parameters::Credentials;
use super::super::pruning::Wanted;
use super::super::state::{Role, State};
use super::super::stats::Dropped;
use super::Agent;
use super::generation::EarlyCheck;
use crate::net::{Path, Protocol};
use crate::stun::binding::{self, Message, Request, RoleClaim};
use crate::stun::{self, Header};

/// To which generation a check belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Addressee {
    Current,
    Previous,
    /// To our fragment, from a fragment that is not known yet.
    Early,
}

impl Agent {
    pub(super) fn handle_request(
        &mut self,
        now: Instant,
        path: Path,
        header: Header,
        datagram: &[u8],
    ) -> Result<(), Dropped> {
        if self.candidate_of_base(path.local, path.protocol).is_none() {
            return Err(Dropped::UnknownBase);
        }
        let (local, remote) = stun::username(datagram).ok_or(Dropped::MissingUsername)?;
        let (addressee, credentials) =
            self.addressee(local, remote).ok_or(Dropped::UnknownUfrag)?;
        let verified = stun::verify(datagram, &credentials.key, true)?;
        let Message::Request(request) = binding::decode(&verified)? else {
            return Err(Dropped::Undecodable);
        };
        if self.failure.is_some() && addressee != Addressee::Early {
            return Err(Dropped::Revoked);
        }
        let (key, id) = (credentials.key.clone(), header.transaction_id);
        if !request.unknown.is_empty() {
            self.transmit(
                path,
                binding::unknown_attributes(id, &request.unknown, &key),
            );
            return Err(Dropped::UnknownAttribute);
        }
        if !self.settle_conflict(request.role) {
            self.transmit(path, binding::error(id, 487, "Role Conflict", &key));
            return Err(Dropped::RoleConflict);
        }
        self.counters.requests_received += 1;
        self.transmit(path, binding::success(id, path.remote, &key));
        self.note_authenticated(now, path);
        match addressee {
            Addressee::Current => self.check_received(now, path, &request),
            // RFC 8445 §9: the old pair is only kept alive.
            Addressee::Previous => Ok(()),
            Addressee::Early => {
                self.hold_early_check(path, remote, &request);
                Ok(())
            }
        }
    }

    fn addressee(&self, local: &[u8], remote: &[u8]) -> Option<(Addressee, &Credentials)> {
        let current = &self.current.secrets;
        let to_current = current.local.ufrag().as_bytes() == local;
        if to_current
            && current
                .remote_ufrag()
                .is_some_and(|r| r.as_bytes() == remote)
        {
            return Some((Addressee::Current, &current.local));
        }
        if let Some(previous) = &self.previous
            && previous.local.ufrag().as_bytes() == local
            && previous
                .remote_ufrag()
                .is_some_and(|r| r.as_bytes() == remote)
        {
            return Some((Addressee::Previous, &previous.local));
        }
        to_current.then_some((Addressee::Early, &current.local))
    }

    /// RFC 8445 §7.3.1.1. Returns whether the check may be answered; else the peer has to switch.
    fn settle_conflict(&mut self, claim: Option<RoleClaim>) -> bool {
        let (theirs, tie_breaker) = match claim {
            Some(RoleClaim::Controlling(tie)) => (Role::Controlling, tie),
            Some(RoleClaim::Controlled(tie)) => (Role::Controlled, tie),
            None => return true,
        };
        if theirs != self.role {
            return true;
        }
        let we_control = self.tie_breaker >= tie_breaker;
        let stays = self.role_is_fixed() || we_control == (self.role == Role::Controlling);
        if !stays {
            self.switch_role(self.role.opposite());
        }
        !stays
    }

    /// RFC 8445 §6.1.1: beside a lite side there is nothing to be settled.
    pub(super) fn role_is_fixed(&self) -> bool {
        self.config.lite || self.remote_parameters().is_some_and(|r| r.ice_lite)
    }

    pub(super) fn switch_role(&mut self, role: Role) {
        tracing::debug!(%role, "role switched");
        self.role = role;
        self.nominating = None;
        self.counters.role_switches += 1;
        self.events.push_back(Event::RoleChanged(role));
    }

    fn hold_early_check(&mut self, path: Path, remote_ufrag: &[u8], request: &Request) {
        self.counters.early_requests += 1;
        let Ok(remote_ufrag) = std::str::from_utf8(remote_ufrag) else {
            return;
        };
        let early = &mut self.current.early;
        if let Some(known) = early
            .iter_mut()
            .find(|e| e.path == path && e.remote_ufrag == remote_ufrag)
        {
            known.use_candidate |= request.use_candidate;
        } else if early.len() < self.config.max_early_checks {
            early.push(EarlyCheck {
                path,
                remote_ufrag: remote_ufrag.to_owned(),
                priority: request.priority,
                use_candidate: request.use_candidate,
            });
        } else {
            self.counters.drop(Dropped::TooMany);
        }
    }

    /// The remote parameters are there: checks of the same peer get their triggered checks.
    pub(super) fn resume_early_checks(&mut self, now: Instant) {
        for early in std::mem::take(&mut self.current.early) {
            if self.current.secrets.remote_ufrag() == Some(early.remote_ufrag.as_str()) {
                let request = Request {
                    priority: early.priority,
                    use_candidate: early.use_candidate,
                    ..Request::default()
                };
                if let Err(reason) = self.check_received(now, early.path, &request) {
                    self.counters.drop(reason);
                }
            }
        }
    }

    /// RFC 8445 §7.3.1.3 to §7.3.1.5.
    fn check_received(
        &mut self,
        now: Instant,
        path: Path,
        request: &Request,
    ) -> Result<(), Dropped> {
        let id = self.pair_of_check(now, path, request)?;
        let nominates = request.use_candidate && self.role == Role::Controlled;
        let Some(pair) = self.checklist.get_mut(id) else {
            return Ok(());
        };
        pair.counters.requests_received += 1;
        pair.counters.responses_sent += 1;
        if nominates {
            pair.nominated_at = Some(now);
        }
        // RFC 8445 §7.3.1.4; a lite agent only verifies what is nominated.
        match pair.state {
            PairState::Succeeded if nominates => self.follow_nomination(now, id),
            PairState::Succeeded => {}
            PairState::InProgress => {
                pair.nominate_on_success |= nominates;
                self.hurry_check(now, id);
            }
            PairState::Frozen | PairState::Waiting | PairState::Failed => {
                pair.nominate_on_success |= nominates;
                if !self.config.lite || nominates {
                    self.checklist.trigger(id);
                }
            }
        }
        // A new address of the peer may mean that the one in use is dead.
        if self.active.is_some_and(|active| active != id) && self.state != State::Failed {
            self.suspect_active_if_new(now, id);
        }
        Ok(())
    }

    fn pair_of_check(
        &mut self,
        now: Instant,
        path: Path,
        request: &Request,
    ) -> Result<PairId, Dropped> {
        if let Some(pair) = self.checklist.find(self.current.number(), &path) {
            return Ok(pair.id);
        }
        let remote = self.remote_of_check(now, path, request)?;
        let local = self.candidate_of_base(path.local, path.protocol).cloned();
        let local = local.ok_or(Dropped::UnknownBase)?;
        let mut added = self.add_pair(path, &local, &remote, Wanted::Checked);
        if added == Added::Full && self.forget_a_dead_source(now) {
            added = self.add_pair(path, &local, &remote, Wanted::Checked);
        }
        match added {
            Added::New(id) | Added::Instead { id, .. } => Ok(id),
            Added::Redundant | Added::Full => Err(Dropped::TooMany),
        }
    }

    /// The remote candidate of a check's source, learnt if need be (RFC 8445 §7.3.1.3).
    fn remote_of_check(
        &mut self,
        now: Instant,
        path: Path,
        request: &Request,
    ) -> Result<Arc<Candidate>, Dropped> {
        let mut source = path.remote;
        if let std::net::SocketAddr::V6(v6) = &mut source {
            // Candidates are known without the zone of our own interface.
            v6.set_scope_id(0);
        }
        let same = |c: &&Arc<Candidate>| {
            c.protocol == path.protocol
                && c.socket_addr() == Some(source)
                && (path.protocol == Protocol::Udp || c.tcp_type.is_none())
        };
        if let Some(known) = self.current.candidates.iter().find(same) {
            return Ok(known.clone());
        }
        if self.current.candidates.len() >= self.config.max_remote_candidates
            && !self.forget_a_dead_source(now)
            && !self.forget_least_promising(None)
        {
            return Err(Dropped::TooMany);
        }
        let priority = request
            .priority
            .unwrap_or_else(|| priority(CandidateType::PeerReflexive, 0, 1));
        let foundation = format!("prflx{}", self.random.u32());
        let learnt = Candidate::peer_reflexive(source, path.protocol, priority, foundation);
        self.events
            .push_back(Event::RemoteCandidate(learnt.clone()));
        let learnt = Arc::new(learnt);
        self.current.candidates.push(learnt.clone());
        Ok(learnt)
    }

    /// Makes room: of the addresses that were learnt, one goes with which nothing works, or has
    /// worked for as long as consent lasts. `false` when there is none.
    fn forget_a_dead_source(&mut self, now: Instant) -> bool {
        let in_use = [self.active, self.selected, self.nominating];
        let is_dead = |pair: &Pair| match pair.state {
            PairState::Failed => true,
            PairState::Succeeded => {
                !in_use.contains(&Some(pair.id)) && !self.has_consent(now, pair.id)
            }
            _ => false,
        };
        let pairs_of = |c: &Arc<Candidate>| {
            let c = c.clone();
            let of_source = move |pair: &&Pair| Arc::ptr_eq(&pair.remote, &c);
            self.checklist.iter().filter(of_source)
        };
        let dead = |c: &&Arc<Candidate>| {
            c.kind == CandidateType::PeerReflexive && pairs_of(c).all(is_dead)
        };
        let last_answer = |c: &&Arc<Candidate>| pairs_of(c).filter_map(|p| p.last_answer).max();
        let candidates = self.current.candidates.iter();
        let Some(gone) = candidates.filter(dead).min_by_key(last_answer).cloned() else {
            return false;
        };
        self.forget_candidate(&gone);
        true
    }
}
