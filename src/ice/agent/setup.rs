//! The commands of the owner: candidates, start, restart, close.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::super::candidate::{Candidate, CandidateType, TcpType};
use super::super::checklist::{Added, path_between};
use super::super::event::{CandidateRejected, StartError};
use super::super::pair::PairState;
use super::super::parameters::Parameters;
use super::super::state::{Role, State};
use super::generation::Generation;
use super::{Agent, LocalCandidate};
use crate::net::{Path, canonical};

impl Agent {
    /// Sets the role. For before [`start`](Self::start), or together with a restart; in between
    /// a conflict decides. A lite agent stays controlled, and so does the controlling side of a
    /// lite peer.
    pub fn set_role(&mut self, role: Role) {
        let remote_lite = self.remote_parameters().is_some_and(|r| r.ice_lite);
        if !self.config.lite && !remote_lite && role != self.role {
            self.role = role;
            self.nominating = None;
        }
    }

    /// Says whether more local candidates are to be expected; without a call they are not.
    /// As long as it is `true`, the state is neither `completed`, nor `failed` at the end of the
    /// remote candidates.
    pub fn set_gathering(&mut self, now: Instant, gathering: bool) {
        let now = self.clock.advance(now);
        self.gathering = gathering;
        self.settle_unless_closed(now);
    }

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
        self.local.push(LocalCandidate {
            candidate: Arc::new(candidate),
            base,
        });
        self.form_pairs();
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
        let address = candidate
            .socket_addr()
            .ok_or(CandidateRejected::Unresolved)?;
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
        self.insert_remote(Arc::new(candidate), address)?;
        self.form_pairs();
        self.settle(now);
        Ok(())
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
            self.checklist.replace_remote(twin, &candidate);
            *twin = candidate;
            return Ok(());
        }
        if self.current.candidates.len() >= self.config.max_remote_candidates {
            return Err(CandidateRejected::TooMany);
        }
        self.current.candidates.push(candidate);
        Ok(())
    }

    /// The peer has no more candidates in this generation (RFC 8838 §13).
    pub fn end_of_remote_candidates(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.current.ended = true;
        self.settle_unless_closed(now);
    }

    /// Gives the agent the peer's parameters and begins to check.
    ///
    /// The same parameters again change nothing. Other ones are an ICE restart by the peer: a new
    /// generation begins; its local parameters are those of a [`restart`](Self::restart) that was
    /// called before, else they stay. A lite peer makes this side controlling.
    pub fn start(&mut self, now: Instant, remote: Parameters) -> Result<(), StartError> {
        let now = self.clock.advance(now);
        if self.state == State::Closed {
            return Err(StartError::Closed);
        }
        remote.validate()?;
        if remote.ice_lite && self.config.lite {
            return Err(StartError::BothLite);
        }
        if remote.username_fragment == self.local_parameters().username_fragment {
            return Err(StartError::OwnParameters);
        }
        if self.remote_parameters() == Some(&remote) {
            return Ok(());
        }
        if self.current.is_started() {
            let local = self.local_parameters().clone();
            // Checks from the new remote parameters may be here already.
            let early = std::mem::take(&mut self.current.early);
            self.begin_generation(local);
            self.current.early = early;
        }
        if remote.ice_lite && self.role == Role::Controlled {
            self.switch_role(Role::Controlling);
        }
        self.current.forgets_loss = matches!(self.state, State::Disconnected | State::Failed);
        self.current.started_at = Some(now);
        self.current.secrets.set_remote(remote);
        self.failure = None;
        self.lost = None;
        self.forget_other_generations();
        self.form_pairs();
        self.resume_early_checks(now);
        self.settle(now);
        Ok(())
    }

    /// Begins a new generation and returns its local parameters. The pair in use, if any, carries
    /// data until the new generation has one nominated; remote candidates and parameters have to
    /// be given anew.
    pub fn restart(&mut self, now: Instant) -> Parameters {
        let now = self.clock.advance(now);
        let parameters = Parameters::generate(&mut self.random, self.config.lite);
        if self.state != State::Closed {
            self.begin_generation(parameters.clone());
            self.settle(now);
        }
        parameters
    }

    /// Ends it all: nothing is sent any more. Again: nothing.
    pub fn close(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        if self.state == State::Closed {
            return;
        }
        self.active = None;
        self.consent = None;
        self.selected = None;
        self.nominating = None;
        self.checklist.retain(|_| false);
        self.transactions.retain(|_| false);
        self.transmits.clear();
        self.current.early.clear();
        self.release(None);
        self.enter(now, State::Closed);
    }

    /// Pairs every base with every remote candidate (RFC 8445 §6.1.2.2), unless there is nothing
    /// to be found any more.
    pub(super) fn form_pairs(&mut self) {
        let concluded = self.selected.is_some()
            && self.state != State::Disconnected
            && !self.config.renomination;
        if !self.current.is_started() || self.config.lite || concluded {
            return;
        }
        for i in 0..self.local.len() {
            let LocalCandidate {
                candidate: local,
                base,
            } = &self.local[i];
            let best = self.candidate_of_base(*base, local.protocol);
            if !best.is_some_and(|best| Arc::ptr_eq(best, local)) {
                continue;
            }
            for remote in &self.current.candidates {
                let Some(path) = path_between(*base, remote) else {
                    continue;
                };
                if local.pairs_with(*base, remote) {
                    let generation = self.current.number();
                    let kept = self.active;
                    let added = self
                        .checklist
                        .add(self.role, generation, path, local, remote, kept);
                    if added == Added::Full {
                        tracing::trace!(%path, "no room for this pair");
                    }
                }
            }
        }
    }

    /// Tries everything again that is not in use: the pair in use does not answer.
    pub(super) fn check_all_again(&mut self) {
        self.form_pairs();
        let (current, active) = (self.current.number(), self.active);
        for pair in self.checklist.iter_mut() {
            let settled = matches!(pair.state, PairState::Succeeded | PairState::Failed);
            if settled && pair.generation == current && Some(pair.id) != active {
                pair.state = PairState::Waiting;
            }
        }
    }

    fn begin_generation(&mut self, local: Parameters) {
        let number = self.current.number().wrapping_add(1);
        let old = std::mem::replace(&mut self.current, Generation::new(number, local));
        let carries = |g: u32| self.active_pair().is_some_and(|pair| pair.generation == g);
        let keeps_older = self
            .previous
            .as_ref()
            .is_some_and(|p| carries(p.generation));
        if old.is_started() && !keeps_older {
            self.previous = Some(old.secrets);
        }
        self.counters.restarts += 1;
        self.selected = None;
        self.nominating = None;
        self.next_check_at = None;
        self.forget_other_generations();
    }

    /// Of older generations only the pair in use stays.
    fn forget_other_generations(&mut self) {
        let (current, active) = (self.current.number(), self.active);
        self.checklist
            .retain(|pair| pair.generation == current || Some(pair.id) == active);
        let checklist = &self.checklist;
        self.transactions
            .retain(|t| checklist.get(t.pair).is_some());
        let ufrag = self.current.secrets.remote_ufrag().map(str::to_owned);
        self.current
            .candidates
            .retain(|c| match (&c.username_fragment, &ufrag) {
                (Some(named), Some(ufrag)) => named == ufrag,
                _ => true,
            });
    }

    fn remote_ufrag(&self) -> Option<&str> {
        self.current.secrets.remote_ufrag()
    }

    fn settle_unless_closed(&mut self, now: Instant) {
        if self.state != State::Closed {
            self.settle(now);
        }
    }

    /// Tells the agent that a datagram of its own could not be sent on this path, for instance
    /// because the network is unreachable. The next pair is checked at once.
    pub fn handle_send_error(&mut self, now: Instant, path: Path) {
        let now = self.clock.advance(now);
        if self.state == State::Closed {
            return;
        }
        self.counters.send_errors += 1;
        self.fail_checks_on(now, path);
        self.settle(now);
    }
}

/// Whether datagrams can be sent there.
fn is_usable(address: SocketAddr, tcp_type: Option<TcpType>) -> bool {
    let broadcast = address.ip() == IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    !address.ip().is_unspecified()
        && !address.ip().is_multicast()
        && !broadcast
        && (address.port() != 0 || tcp_type == Some(TcpType::Active))
}
