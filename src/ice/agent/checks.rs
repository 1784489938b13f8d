//! Sending checks: whose turn it is, and what is in them (RFC 8445 §6.1.4, §7.2).

use std::time::{Duration, Instant};

use super::super::pair::{Pair, PairId, PairState};
use super::super::restraint::Want;
use super::super::state::{Role, State};
use super::super::transactions::{Due, Purpose, Transaction, lifetime};
use super::Agent;
use crate::net::Path;
use crate::stun::TransactionId;
use crate::stun::binding::{self, Check, RoleClaim};

/// How often a nomination is sent before another pair gets its turn; about ten seconds.
const NOMINATION_TRANSMISSIONS: u32 = 6;

impl Agent {
    /// Sends triggered checks at once, and an ordinary one each Ta.
    pub(super) fn run_checks(&mut self, now: Instant) {
        if !self.may_check() {
            return;
        }
        self.triggered_at = None;
        while let Some(id) = self.checklist.peek_triggered() {
            if let Err(at) = self.pay(now, id, Want::Heard) {
                self.triggered_at = Some(at);
                break;
            }
            self.checklist.next_triggered();
            self.send_check(now, id, false);
        }
        let generation = self.current.number();
        if !self.config.lite
            && self.next_check_at.is_none_or(|at| at <= now)
            && let Some(id) = self.checklist.next_ordinary(self.role, generation, |pair| {
                // The peer's own address, from another one of ours or in another generation.
                self.restraint.has_answered(pair.path.remote)
            })
        {
            match self.pay(now, id, Want::First) {
                Ok(()) => {
                    self.next_check_at = Some(now + self.config.ta);
                    self.send_check(now, id, false);
                }
                Err(at) => self.next_check_at = Some(at),
            }
        }
    }

    /// Takes a check on this pair off what may be sent to addresses that have not answered, if its
    /// own is one of them. Else says when there is enough left.
    fn pay(&mut self, now: Instant, id: PairId, want: Want) -> Result<(), Instant> {
        let Some(pair) = self.checklist.get(id) else {
            return Ok(());
        };
        let to = pair.path.remote;
        let username = self
            .secrets(pair.generation)
            .map_or(0, |s| s.username.len());
        self.restraint
            .pay(now, to, binding::check_len(username), want)
    }

    pub(super) fn next_triggered_at(&self) -> Option<Instant> {
        self.triggered_at.filter(|_| self.may_check())
    }

    pub(super) fn next_ordinary_at(&self) -> Option<Instant> {
        let wanted = self.may_check()
            && !self.config.lite
            && self.checklist.has_ordinary(self.current.number());
        if wanted {
            self.next_check_at.or(self.clock.last())
        } else {
            None
        }
    }

    pub(super) fn may_check(&self) -> bool {
        self.current.is_started() && !matches!(self.state, State::Failed | State::Closed)
    }

    /// Retransmits, and gives up what was never answered.
    pub(super) fn run_transactions(&mut self, now: Instant) {
        while let Some((id, pair)) = self.transactions.due(now) {
            if let Some(pair) = pair
                && let Err(at) = self.pay(now, pair, self.want_again(pair))
            {
                self.transactions.postpone(id, at);
                continue;
            }
            match self.transactions.take_due(id, now, self.config.max_rto) {
                None => return,
                Some(Due::Retransmit {
                    pair,
                    path,
                    datagram,
                }) => {
                    self.counters.checks_retransmitted += 1;
                    if let Some(pair) = self.checklist.get_mut(pair) {
                        pair.counters.retransmissions_sent += 1;
                        pair.doubtful = true;
                    }
                    self.transmit(path, datagram);
                }
                Some(Due::TimedOut {
                    purpose: Purpose::Consent,
                    ..
                }) => {
                    self.counters.consent_unanswered += 1;
                }
                Some(Due::TimedOut {
                    pair,
                    purpose: Purpose::Connectivity,
                }) => {
                    self.counters.checks_timed_out += 1;
                    if !self.transactions.has_check(pair) {
                        self.fail_pair(now, pair);
                    }
                }
            }
        }
    }

    fn want_again(&self, id: PairId) -> Want {
        let pair = self.checklist.get(id);
        match pair.is_some_and(|p| p.counters.requests_received > 0) {
            true => Want::Heard,
            false => Want::Again,
        }
    }

    /// Sends a connectivity check on a pair; with `use_candidate` it nominates it.
    pub(super) fn send_check(&mut self, now: Instant, id: PairId, use_candidate: bool) {
        // RFC 8445 §14.3
        let rto = (self.config.ta * self.checklist.pending() as u32).max(self.config.initial_rto);
        let tries = if use_candidate {
            NOMINATION_TRANSMISSIONS.min(self.config.max_transmissions)
        } else {
            self.config.max_transmissions
        };
        self.transactions.cancel_checks(id);
        if let Some(pair) = self.checklist.get_mut(id)
            && !use_candidate
        {
            pair.state = PairState::InProgress;
            pair.doubtful = false;
        }
        self.send_request(now, id, Purpose::Connectivity, use_candidate, rto, tries);
    }

    /// Sends a check that is not retransmitted, on the pair in use. A controlling agent repeats
    /// its nomination, so that a peer whose NAT has changed our address follows.
    pub(super) fn send_consent_check(&mut self, now: Instant, id: PairId) {
        let Some(pair) = self.checklist.get_mut(id) else {
            return;
        };
        pair.counters.consent_requests_sent += 1;
        let use_candidate = pair.nominated && self.role == Role::Controlling;
        self.counters.consent_sent += 1;
        // An answer counts for as long as consent lasts.
        let wait = self.config.consent_timeout;
        self.send_request(now, id, Purpose::Consent, use_candidate, wait, 1);
    }

    fn send_request(
        &mut self,
        now: Instant,
        id: PairId,
        purpose: Purpose,
        use_candidate: bool,
        rto: Duration,
        max_transmissions: u32,
    ) {
        let transaction_id = TransactionId::random(&mut self.random);
        let Some(pair) = self.checklist.get(id) else {
            return;
        };
        let Some(secrets) = self.secrets(pair.generation) else {
            return;
        };
        let Some(remote) = &secrets.remote else {
            return;
        };
        let role = match self.role {
            Role::Controlling => RoleClaim::Controlling(self.tie_breaker),
            Role::Controlled => RoleClaim::Controlled(self.tie_breaker),
        };
        let datagram = Check {
            transaction_id,
            username: &secrets.username,
            priority: pair.local.peer_reflexive_priority(),
            role,
            use_candidate,
        }
        .encode(&remote.key);
        let path = pair.path;
        tracing::trace!(%path, ?purpose, use_candidate, "check");
        if let Some(pair) = self.checklist.get_mut(id) {
            pair.counters.requests_sent += 1;
        }
        self.counters.checks_sent += 1;
        let transaction = Transaction {
            pair: id,
            path,
            purpose,
            role: self.role,
            use_candidate,
            sent_at: now,
            transmissions: 1,
            hurried: false,
            max_transmissions,
            datagram: datagram.clone(),
            rto,
            deadline: now + rto,
            gives_up: now + lifetime(rto, self.config.max_rto, max_transmissions),
        };
        self.transactions.insert(transaction_id, transaction);
        self.transmit(path, datagram);
    }

    /// Sends another check on a pair that is in progress: the peer's own check has arrived, so a
    /// NAT between us may just have opened (RFC 8445 §7.3.1.4).
    pub(super) fn hurry_check(&mut self, now: Instant, id: PairId) {
        if self.transactions.hurry(id) && self.pay(now, id, Want::Heard).is_ok() {
            let wait = self.config.max_rto;
            self.send_request(now, id, Purpose::Connectivity, false, wait, 1);
        }
    }

    /// A check on this pair was refused or never answered.
    pub(super) fn fail_pair(&mut self, now: Instant, id: PairId) {
        self.transactions.cancel_checks(id);
        if self.nominating == Some(id) {
            self.nominating = None;
            // It may be the only one that works, and then is the one to try again.
            self.nominate_after = Some(now + self.config.initial_rto);
        }
        // Of the pair in use consent decides.
        if self.active != Some(id)
            && let Some(pair) = self.checklist.get_mut(id)
        {
            pair.state = PairState::Failed;
        }
    }

    /// The owner could not send there.
    pub(super) fn fail_checks_on(&mut self, now: Instant, path: Path) {
        let on_path = |state: PairState| move |p: &&Pair| p.path == path && p.state == state;
        let failed: Vec<_> = self
            .checklist
            .iter()
            .filter(on_path(PairState::InProgress))
            .map(|p| p.id)
            .collect();
        for id in failed {
            self.fail_pair(now, id);
            self.next_check_at = Some(now);
        }
        if let Some(id) = self.nominating
            && self.checklist.get(id).is_some_and(|pair| pair.path == path)
        {
            self.fail_pair(now, id);
        }
        if self.active_pair().is_some_and(|pair| pair.path == path) {
            self.suspect_active(now);
        }
    }
}
