//! The commands of the owner: start, restart, close.

use std::time::Instant;

use super::super::event::StartError;
use super::super::pair::PairState;
use super::super::parameters::Parameters;
use super::super::state::{Role, State};
use super::Agent;
use super::generation::Generation;
use crate::net::Path;

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
            self.begin_generation(now, local);
            self.current.early = early;
        }
        if remote.ice_lite && self.role == Role::Controlled {
            self.switch_role(Role::Controlling);
        }
        self.current.forgets_loss = matches!(self.state, State::Disconnected | State::Failed);
        self.current.began_at = Some(now);
        self.current.secrets.set_remote(remote);
        self.failure = None;
        self.lost = None;
        if self.state == State::Failed {
            self.enter(now, State::Checking);
        }
        self.forget_other_generations();
        self.note_told();
        self.form_pairs(|_, _| true);
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
            self.begin_generation(now, parameters.clone());
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

    /// Tries everything again that is not in use: the pair in use does not answer.
    pub(super) fn check_all_again(&mut self) {
        self.form_pairs(|_, _| true);
        let (current, active) = (self.current.number(), self.active);
        for pair in self.checklist.iter_mut() {
            let settled = matches!(pair.state, PairState::Succeeded | PairState::Failed);
            if settled && pair.generation == current && Some(pair.id) != active {
                pair.state = PairState::Waiting;
            }
        }
    }

    fn begin_generation(&mut self, now: Instant, local: Parameters) {
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
        self.current.began_at = Some(now);
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
        self.forget_checks_without_pair();
        let ufrag = self.current.secrets.remote_ufrag().map(str::to_owned);
        self.current
            .candidates
            .retain(|c| match (&c.username_fragment, &ufrag) {
                (Some(named), Some(ufrag)) => named == ufrag,
                _ => true,
            });
    }

    pub(super) fn remote_ufrag(&self) -> Option<&str> {
        self.current.secrets.remote_ufrag()
    }

    pub(super) fn settle_unless_closed(&mut self, now: Instant) {
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
