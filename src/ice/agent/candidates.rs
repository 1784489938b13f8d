//! Candidates of both sides, and the pairs that they form (RFC 8445 §6.1.2).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::super::candidate::{Candidate, CandidateType, TcpType};
use super::super::checklist::{Added, path_between};
use super::super::event::{CandidateRejected, Event};
use super::super::pair::Pair;
use super::super::pruning::{Wanted, least_promising_candidate};
use super::super::remote_addresses::AddressScope;
use super::super::state::State;
use super::{Agent, LocalCandidate};
use crate::net::{Path, canonical};

impl Agent {
    /// Adds a local candidate. `base` is the address of the socket from which it sends, or the
    /// relayed address itself: the `local` of every [`Path`] over it. The same candidate again
    /// changes nothing.
    pub fn add_local_candidate(&mut self, now: Instant, candidate: Candidate, base: SocketAddr) {
        let now = self.clock.advance(now);
        let base = canonical(base);
        let known = self.local.iter().any(|l| {
            l.base == base
                && l.candidate.protocol == candidate.protocol
                && l.candidate.address == candidate.address
        });
        if known || self.state == State::Closed {
            return;
        }
        let candidate = Arc::new(candidate);
        self.name_mapped(base, &candidate);
        self.local.push(LocalCandidate { candidate, base });
        self.form_pairs(|local, _| local == base);
        self.settle(now);
    }

    /// The socket or allocation behind this base is gone: its candidates and pairs go, too. If
    /// the pair in use was among them, the others are tried again.
    pub fn remove_local_base(&mut self, now: Instant, base: SocketAddr) {
        let now = self.clock.advance(now);
        let base = canonical(base);
        self.local.retain(|l| l.base != base);
        self.checklist.retain(|pair| pair.path.local != base);
        self.transactions.retain(|t| t.path.local != base);
        self.current.early.retain(|early| early.path.local != base);
        self.release(Some(base));
        self.note_lost_pairs(now);
        self.settle_unless_closed(now);
    }

    /// Adds a candidate of the peer, before or after [`start`](Self::start). One of an address
    /// that was learnt from a check takes that one's place, and its pairs go on as they are.
    pub fn add_remote_candidate(
        &mut self,
        now: Instant,
        candidate: Candidate,
    ) -> Result<(), CandidateRejected> {
        let now = self.clock.advance(now);
        if self.state == State::Closed {
            return Err(CandidateRejected::Closed);
        }
        let Some(address) = candidate.socket_addr() else {
            return Err(CandidateRejected::Unresolved);
        };
        if candidate.component != 1 {
            return Err(CandidateRejected::UnknownComponent);
        }
        if !is_usable(address, candidate.tcp_type) {
            return Err(CandidateRejected::Unusable);
        }
        // W3C webrtc-pc §4.4.1.6, addIceCandidate: a fragment that is named has to be known.
        let ufrag = candidate.username_fragment.as_deref();
        if ufrag.is_some() && self.current.is_started() && ufrag != self.remote_ufrag() {
            return Err(CandidateRejected::WrongGeneration);
        }
        let candidate = Arc::new(candidate);
        self.insert_remote(candidate.clone(), address)?;
        self.note_told();
        self.form_pairs(|_, remote| Arc::ptr_eq(remote, &candidate));
        self.settle(now);
        let is_paired = |p: &Pair| Arc::ptr_eq(&p.remote, &candidate);
        match self.checklist.iter().any(is_paired) {
            true => Ok(()),
            false => self.permit(&candidate, address),
        }
    }

    /// The restraint goes by what the peer has told.
    pub(super) fn note_told(&mut self) {
        let remote = self.remote_parameters();
        let credentials = remote.map_or(0, |r| r.username_fragment.len() + r.password.len());
        let told = |c: &&Arc<Candidate>| c.kind != CandidateType::PeerReflexive;
        let candidates = self.current.candidates.iter().filter(told).count();
        self.restraint.told(credentials, candidates);
    }

    /// Whether a candidate that was told may be checked from any of our addresses, as far as they
    /// are known.
    fn permit(&self, remote: &Candidate, address: SocketAddr) -> Result<(), CandidateRejected> {
        let pairing = |l: &&LocalCandidate| l.candidate.pairs_with(l.base, remote);
        let ours = self.local.iter().filter(pairing);
        let nearest = ours.map(|l| self.scope_of_base(l.base)).min();
        let policy = self.config.remote_addresses;
        nearest.map_or(Ok(()), |ours| policy.permit(ours, address.ip()))
    }

    /// How near our side of a base is: as its nearest candidate. A socket that is announced under
    /// another address is as far as that one; but from a loopback socket nothing leaves this host.
    fn scope_of_base(&self, base: SocketAddr) -> AddressScope {
        let own = AddressScope::of(base.ip());
        if own == AddressScope::Loopback {
            return own;
        }
        let candidates = self.local.iter().filter(|l| l.base == base);
        let addresses = candidates.filter_map(|l| l.candidate.socket_addr());
        let scopes = addresses.map(|address| AddressScope::of(address.ip()));
        scopes.min().unwrap_or(own)
    }

    fn may_be_checked(&self, base: SocketAddr, remote: &Candidate) -> bool {
        // RFC 8445 §7.3.1.3: the peer was heard from there.
        remote.kind == CandidateType::PeerReflexive
            || remote.socket_addr().is_some_and(|address| {
                let ours = self.scope_of_base(base);
                let policy = self.config.remote_addresses;
                policy.permit(ours, address.ip()).is_ok()
            })
    }

    fn insert_remote(
        &mut self,
        candidate: Arc<Candidate>,
        address: SocketAddr,
    ) -> Result<(), CandidateRejected> {
        let twin = self.current.candidates.iter_mut().find(|known| {
            known.protocol == candidate.protocol
                && known.socket_addr() == Some(address)
                && known.tcp_type.is_none_or(|t| candidate.tcp_type == Some(t))
        });
        if let Some(twin) = twin {
            // RFC 8838 §11.4: what is signalled says more than what was learnt.
            if twin.kind != CandidateType::PeerReflexive && twin.priority >= candidate.priority {
                return Err(CandidateRejected::Duplicate);
            }
            let old = std::mem::replace(twin, candidate.clone());
            if self.checklist.replace_remote(&old, &candidate, self.active) {
                self.events.push_back(Event::SelectedPairUpdated);
            }
            return Ok(());
        }
        if self.current.candidates.len() >= self.config.max_remote_candidates
            && !self.forget_least_promising(Some(&candidate))
        {
            return Err(CandidateRejected::TooMany);
        }
        self.current.candidates.push(candidate);
        Ok(())
    }

    /// Makes room for one more remote candidate. `false` when it is the new one that promises
    /// least.
    pub(super) fn forget_least_promising(&mut self, new: Option<&Arc<Candidate>>) -> bool {
        let candidates = &self.current.candidates;
        let pairs = self.checklist.pairs();
        let gone = least_promising_candidate(candidates, pairs, new, self.active).cloned();
        if let Some(gone) = &gone {
            self.forget_candidate(gone);
        }
        gone.is_some()
    }

    pub(super) fn forget_candidate(&mut self, gone: &Arc<Candidate>) {
        self.current.candidates.retain(|c| !Arc::ptr_eq(c, gone));
        self.checklist
            .retain(|pair| !Arc::ptr_eq(&pair.remote, gone));
        self.forget_checks_without_pair();
    }

    pub(super) fn forget_checks_without_pair(&mut self) {
        let checklist = &self.checklist;
        self.transactions
            .retain(|t| checklist.get(t.pair).is_some());
    }

    /// What checks have shown of our address has been gathered now, too: pairs say so.
    fn name_mapped(&mut self, base: SocketAddr, candidate: &Arc<Candidate>) {
        let active = self.active;
        for pair in self.checklist.iter_mut() {
            if pair.path.local == base
                && pair.path.protocol == candidate.protocol
                && let Some(mapped) = &mut pair.mapped
                && mapped.kind == CandidateType::PeerReflexive
                && mapped.address == candidate.address
            {
                *mapped = candidate.clone();
                if Some(pair.id) == active {
                    self.events.push_back(Event::SelectedPairUpdated);
                }
            }
        }
    }

    /// Pairs the bases and remote candidates that are asked for (RFC 8445 §6.1.2.2), unless there
    /// is nothing to be found any more.
    pub(super) fn form_pairs(&mut self, wanted: impl Fn(SocketAddr, &Arc<Candidate>) -> bool) {
        let concluded = self.selected.is_some()
            && self.state != State::Disconnected
            && !self.config.renomination;
        if !self.current.is_started() || self.config.lite || concluded {
            return;
        }
        for LocalCandidate {
            candidate: local,
            base,
        } in self.local.clone()
        {
            let best = self.candidate_of_base(base, local.protocol);
            if !best.is_some_and(|best| Arc::ptr_eq(best, &local)) {
                continue;
            }
            for remote in self.current.candidates.clone() {
                if wanted(base, &remote)
                    && local.pairs_with(base, &remote)
                    && self.may_be_checked(base, &remote)
                    && let Some(path) = path_between(base, &remote)
                {
                    self.add_pair(path, &local, &remote, Wanted::Told);
                }
            }
        }
    }

    pub(super) fn add_pair(
        &mut self,
        path: Path,
        local: &Arc<Candidate>,
        remote: &Arc<Candidate>,
        wanted: Wanted,
    ) -> Added {
        let (generation, kept) = (self.current.number(), self.active);
        let list = &mut self.checklist;
        let added = list.add(self.role, generation, path, local, remote, wanted, kept);
        match added {
            Added::Instead { of, .. } => self.transactions.retain(|t| t.pair != of),
            Added::Full => tracing::trace!(%path, "no room for this pair"),
            Added::New(_) | Added::Redundant => {}
        }
        added
    }
}

/// Whether datagrams can be sent there.
fn is_usable(address: SocketAddr, tcp_type: Option<TcpType>) -> bool {
    let broadcast = address.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
    !address.ip().is_unspecified()
        && !address.ip().is_multicast()
        && !broadcast
        && (address.port() != 0 || tcp_type == Some(TcpType::Active))
}
