//! The agent: what it holds, what can be asked of it, and the order in which it works.
//!
//! Every input ends in [`Agent::settle`], which does what has become possible, always in the same
//! order: consent, checks, nomination, the choice of the pair that carries data, the state. The
//! files beside this one hold one of these each, and [`candidates`] and [`setup`] the commands of
//! the owner.

mod addresses;
mod candidates;
mod checks;
mod consent;
mod generation;
mod nomination;
mod requests;
mod responses;
mod setup;
mod status;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use self::addresses::Authenticated;
use self::consent::Consent;
use self::generation::{Generation, Secrets};
use self::status::Lost;
use super::candidate::Candidate;
use super::checklist::Checklist;
use super::config::Config;
use super::event::{Event, FailureReason, SelectedPair, Transmit};
use super::pair::{Pair, PairId};
use super::parameters::Parameters;
use super::restraint::Restraint;
use super::state::{Role, State};
use super::stats::{Counters, Dropped, PairStats, Stats};
use super::transactions::Transactions;
use crate::machine::Machine;
use crate::net::{Path, Protocol};
use crate::random::Random;
use crate::stun::{self, Class};
use crate::timer::{Clock, earlier};

/// What may wait to be sent when the owner does not drain; an agent that is driven as
/// [the crate](crate) says never has more than its pairs.
const MAX_UNDRAINED: usize = 512;

/// One side of an ICE session. See [the module](super) for its life.
#[derive(Debug)]
pub struct Agent {
    config: Config,
    random: Random,
    clock: Clock,
    role: Role,
    tie_breaker: u64,
    state: State,
    /// Whether the owner still gathers.
    gathering: bool,
    local: Vec<LocalCandidate>,
    /// What belongs to the current ICE generation.
    current: Generation,
    /// The credentials of the generation before, whose checks are still answered.
    previous: Option<Secrets>,
    checklist: Checklist,
    transactions: Transactions,
    restraint: Restraint,
    /// When the triggered checks that had to wait may go on.
    triggered_at: Option<Instant>,
    /// When the next ordinary check may be sent (Ta).
    next_check_at: Option<Instant>,
    /// The nominated pair of the current generation.
    selected: Option<PairId>,
    /// The pair whose nomination is under way.
    nominating: Option<PairId>,
    /// A nomination has failed: when to try the next.
    nominate_after: Option<Instant>,
    /// The pair that carries data, of either generation.
    active: Option<PairId>,
    consent: Option<Consent>,
    /// How the last pair that worked was lost.
    lost: Option<Lost>,
    failure: Option<FailureReason>,
    authenticated: Authenticated,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    counters: Counters,
}

/// A local candidate and the address from which it sends.
#[derive(Debug, Clone)]
struct LocalCandidate {
    candidate: Arc<Candidate>,
    base: SocketAddr,
}

impl Agent {
    /// An agent in state `new`, with fresh local parameters. A [lite](Config::lite) agent is
    /// controlled whatever `role` says.
    pub fn new(config: Config, role: Role, mut random: Random) -> Agent {
        let parameters = Parameters::generate(&mut random, config.lite);
        Agent::with_parameters(config, role, parameters, random)
    }

    /// The same with local parameters that were made, and perhaps shown, before.
    pub fn with_parameters(
        config: Config,
        role: Role,
        parameters: Parameters,
        mut random: Random,
    ) -> Agent {
        let role = if config.lite { Role::Controlled } else { role };
        let tie_breaker = random.u64();
        Agent {
            checklist: Checklist::new(config.max_pairs),
            authenticated: Authenticated::new(config.max_authenticated),
            config,
            random,
            clock: Clock::default(),
            role,
            tie_breaker,
            state: State::New,
            gathering: false,
            local: Vec::new(),
            current: Generation::new(0, parameters),
            previous: None,
            transactions: Transactions::default(),
            restraint: Restraint::new(),
            triggered_at: None,
            next_check_at: None,
            selected: None,
            nominating: None,
            nominate_after: None,
            active: None,
            consent: None,
            lost: None,
            failure: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// The parameters that the peer has to know; those of the current generation.
    pub fn local_parameters(&self) -> &Parameters {
        &self.current.secrets.local.parameters
    }

    /// The peer's parameters, `None` before [`start`](Self::start) and from
    /// [`restart`](Self::restart) until the next one.
    pub fn remote_parameters(&self) -> Option<&Parameters> {
        self.current.secrets.remote.as_ref().map(|r| &r.parameters)
    }

    /// The role at the moment; a conflict can change it.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why the state is `failed`.
    pub fn failure(&self) -> Option<FailureReason> {
        self.failure
    }

    /// The candidates that were added and whose socket is still there.
    pub fn local_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.local.iter().map(|local| &*local.candidate)
    }

    /// The peer's candidates, each address once, peer-reflexive ones included.
    pub fn remote_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.current.candidates.iter().map(|remote| &**remote)
    }

    /// Where data goes now: over the nominated pair, or before there is one over the best that
    /// works. `None` while there is none, and once consent has expired.
    pub fn send_path(&self) -> Option<Path> {
        self.active_pair().map(|pair| pair.path)
    }

    /// The pair of [`send_path`](Self::send_path).
    pub fn selected_pair(&self) -> Option<SelectedPair> {
        self.active_pair().map(|pair| SelectedPair {
            local: (**pair.local_candidate()).clone(),
            remote: (*pair.remote).clone(),
            path: pair.path,
            nominated: pair.nominated,
            rtt: pair.rtt,
        })
    }

    /// Whether data goes over a nominated pair that answers: then checks keep alive what NATs have
    /// mapped for it, and nothing else has to be kept (RFC 8445 §5.1.1.4). No longer once it falls
    /// silent, and from a restart on.
    pub fn has_chosen(&self) -> bool {
        self.selected.is_some()
            && self.selected == self.active
            && matches!(self.state, State::Connected | State::Completed)
    }

    /// What was counted, without the pairs of [`stats`](Self::stats).
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A snapshot for people to look at.
    pub fn stats(&self) -> Stats {
        let mut pairs: Vec<_> = self
            .checklist
            .iter()
            .map(|pair| PairStats {
                path: pair.path,
                local: (**pair.local_candidate()).clone(),
                remote: (*pair.remote).clone(),
                state: pair.state,
                priority: pair.priority(self.role),
                nominated: pair.nominated,
                selected: self.active == Some(pair.id),
                rtt: pair.rtt,
                counters: pair.counters,
            })
            .collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse((pair.selected, pair.priority)));
        Stats {
            state: self.state,
            role: self.role,
            pairs,
            counters: self.counters,
        }
    }

    /// Takes a STUN datagram that arrived. Whatever is wrong with it is counted and dropped.
    pub fn handle_datagram(&mut self, now: Instant, path: Path, datagram: &[u8]) {
        let now = self.clock.advance(now);
        if self.state == State::Closed {
            return;
        }
        let taken = match stun::peek(datagram) {
            None => Err(Dropped::NotStun),
            Some(header) if header.method != stun::BINDING => Err(Dropped::WrongMethod),
            Some(header) => match header.class {
                Class::Request => self.handle_request(now, path, header, datagram),
                Class::Indication => Err(Dropped::Indication),
                Class::SuccessResponse | Class::ErrorResponse => {
                    self.handle_response(now, path, header, datagram)
                }
            },
        };
        match taken {
            Ok(()) => self.settle(now),
            Err(reason) => {
                tracing::trace!(%path, reason = reason.as_str(), "dropped");
                self.counters.drop(reason);
            }
        }
    }

    /// Asks whether DTLS or RTP from this path may be believed to come from the peer, and notes
    /// that something came: so many datagrams. `false` is counted for each of them.
    pub fn handle_data(&mut self, now: Instant, path: &Path, datagrams: usize) -> bool {
        let now = self.clock.advance(now);
        if self.active_pair().is_some_and(|pair| pair.path == *path) {
            if let Some(consent) = &mut self.consent {
                consent.heard(now, self.config.silence_probe);
            }
            return true;
        }
        let known = self.authenticated.contains(path);
        if !known {
            let dropped = Dropped::UnauthenticatedData;
            self.counters.drop_many(dropped, datagrams);
        }
        known
    }

    /// Notes that data was sent on the pair in use: it is counted, and if none comes back for a
    /// while, the pair is probed. `true` when [`poll_timeout`](Machine::poll_timeout) may have
    /// changed by that.
    pub fn note_sent(&mut self, now: Instant, packets: usize, bytes: usize) -> bool {
        let now = self.clock.advance(now);
        let Some(pair) = self.active.and_then(|id| self.checklist.get_mut(id)) else {
            return false;
        };
        pair.counters.packets_sent += packets as u64;
        pair.counters.bytes_sent += bytes as u64;
        self.consent.as_mut().is_some_and(|c| c.sent(now))
    }

    /// Counts data that came on a path and was [believed](Self::handle_data).
    pub fn count_received(&mut self, path: &Path, packets: usize, bytes: usize) {
        let of_path = |p: &&mut Pair| p.path == *path;
        // Two generations may have a pair of the same path: the one in use counts.
        let active = self.active;
        let pairs = self.checklist.iter_mut().filter(of_path);
        if let Some(pair) = pairs.max_by_key(|p| (Some(p.id) == active, p.id)) {
            pair.counters.packets_received += packets as u64;
            pair.counters.bytes_received += bytes as u64;
        }
    }

    fn active_pair(&self) -> Option<&Pair> {
        self.checklist.get(self.active?)
    }

    /// The best candidate of a base: the one that pairs are formed with.
    fn candidate_of_base(&self, base: SocketAddr, protocol: Protocol) -> Option<&Arc<Candidate>> {
        let of_base = |l: &&LocalCandidate| l.base == base && l.candidate.protocol == protocol;
        let best = self
            .local
            .iter()
            .filter(of_base)
            .max_by_key(|l| l.candidate.priority);
        best.map(|l| &l.candidate)
    }

    /// The credentials of a pair's generation.
    fn secrets(&self, generation: u32) -> Option<&Secrets> {
        [Some(&self.current.secrets), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|secrets| secrets.generation == generation)
    }

    fn transmit(&mut self, path: Path, datagram: Bytes) {
        if self.transmits.len() >= MAX_UNDRAINED {
            self.counters.drop(Dropped::Undrained);
            return;
        }
        self.transmits.push_back(Transmit { path, datagram });
    }

    /// Does what has become possible or due.
    fn settle(&mut self, now: Instant) {
        self.run_consent(now);
        self.run_checks(now);
        self.run_nomination(now);
        self.choose_active(now);
        self.update_state(now);
    }
}

impl Machine for Agent {
    type Transmit = Transmit;
    type Event = Event;

    fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        if self.state == State::Closed {
            return;
        }
        self.run_transactions(now);
        self.settle(now);
    }

    fn poll_transmit(&mut self, _now: Instant) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        if matches!(self.state, State::Closed | State::Failed) {
            return None;
        }
        [
            self.transactions.next_deadline(),
            self.next_ordinary_at(),
            self.next_triggered_at(),
            self.next_nomination_at(),
            self.next_consent_at(),
            self.next_status_at(),
        ]
        .into_iter()
        .fold(None, earlier)
    }
}

#[cfg(test)]
mod crowd_tests;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod test_link;

#[cfg(test)]
#[path = "agent_tests.rs"]
mod tests;
