//! STUN Binding transactions with servers, and the mappings that are kept alive (RFC 8489 §6.2.1,
//! RFC 8445 §5.1.1.2 and §5.1.1.4).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::config::Config;
use super::event::{FailureReason, Transmit};
use super::message::{self, Answer};
use crate::net::Path;
use crate::random::Random;
use crate::stun::{self, TransactionId, binding};
use crate::timer::earlier;

/// Whom to ask from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Which of the gatherer's servers.
    pub(super) server: usize,
    pub(super) path: Path,
    /// Addresses that were asked before for the same purpose, and failed.
    pub(super) tried: Vec<SocketAddr>,
    /// How often an allocation there was lost, or could not be made again.
    pub(super) lost: u32,
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) target: Target,
    /// It only kept a mapping alive that was known before.
    pub(super) renewal: bool,
    pub(super) result: Result<SocketAddr, Failed>,
}

/// Why there is no mapped address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    Redirected(SocketAddr),
    Because(FailureReason),
}

/// What became of a datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Handled {
    /// It answers nothing of ours.
    NotOurs,
    /// It has the number of one of our transactions, but is not from where we asked.
    WrongPath,
    /// It has the number of one of our transactions, but makes no sense.
    Malformed,
    /// It ended a transaction.
    Ended(Outcome),
}

#[derive(Debug, Default)]
pub(super) struct Bindings {
    active: Vec<Transaction>,
    kept: Vec<Kept>,
    /// Mappings need not be kept alive at the moment.
    rests: bool,
    /// At most one entry for each active transaction and drain.
    transmits: VecDeque<Transmit>,
}

#[derive(Debug)]
struct Transaction {
    id: TransactionId,
    target: Target,
    renewal: bool,
    /// How often it was sent.
    sent: u32,
    rto: Duration,
    /// When to repeat it; after the last time, when to give up.
    next: Instant,
    gives_up: Instant,
}

#[derive(Debug)]
struct Kept {
    target: Target,
    /// `None` while a transaction is under way, and while it rests.
    renew: Option<Instant>,
}

impl Bindings {
    pub(super) fn start(
        &mut self,
        now: Instant,
        target: Target,
        rto: Duration,
        config: &Config,
        random: &mut Random,
    ) {
        self.begin(now, target, false, rto, config, random);
    }

    /// Asks again every [`Config::keepalive`], unless it rests.
    pub(super) fn keep(&mut self, now: Instant, target: Target, config: &Config) {
        if !config.keepalive.is_zero() {
            let renew = (!self.rests).then_some(now + config.keepalive);
            self.kept.push(Kept { target, renew });
        }
    }

    /// Stops keeping mappings alive.
    pub(super) fn rest(&mut self) {
        self.rests = true;
        self.kept.iter_mut().for_each(|kept| kept.renew = None);
        self.active.retain(|transaction| !transaction.renewal);
    }

    /// Asks for all mappings at once, and again from then on.
    pub(super) fn resume(&mut self, now: Instant) {
        if std::mem::take(&mut self.rests) {
            self.kept.iter_mut().for_each(|kept| kept.renew = Some(now));
        }
    }

    pub(super) fn remove_base(&mut self, base: SocketAddr) {
        self.active
            .retain(|transaction| transaction.target.path.local != base);
        self.kept.retain(|kept| kept.target.path.local != base);
        self.transmits
            .retain(|transmit| transmit.path.local != base);
    }

    pub(super) fn clear(&mut self) {
        *self = Bindings::default();
    }

    /// Whether gathering waits for any of them.
    pub(super) fn is_gathering(&self) -> bool {
        self.active.iter().any(|transaction| !transaction.renewal)
    }

    pub(super) fn owns(&self, id: &TransactionId) -> bool {
        self.active.iter().any(|transaction| transaction.id == *id)
    }

    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        config: &Config,
    ) -> Handled {
        let Some(header) = stun::peek(datagram) else {
            return Handled::NotOurs;
        };
        let Some(index) = self
            .active
            .iter()
            .position(|t| t.id == header.transaction_id)
        else {
            return Handled::NotOurs;
        };
        if self.active[index].target.path != path {
            return Handled::WrongPath;
        }
        let result = match message::parse(&header, datagram) {
            Some(Answer::Mapped(address)) => Ok(address),
            Some(Answer::Redirected(address)) => Err(Failed::Redirected(address)),
            Some(Answer::Refused { code, text }) => {
                Err(Failed::Because(FailureReason::Refused { code, text }))
            }
            None => return Handled::Malformed,
        };
        Handled::Ended(self.end(now, index, result, config))
    }

    /// All transactions on this path end: the network says that nobody listens there.
    pub(super) fn handle_unreachable(
        &mut self,
        now: Instant,
        path: Path,
        config: &Config,
    ) -> Vec<Outcome> {
        self.end_where(now, FailureReason::Unreachable, config, |t| {
            t.target.path == path
        })
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        config: &Config,
        random: &mut Random,
    ) -> Vec<Outcome> {
        for kept in 0..self.kept.len() {
            if self.kept[kept].renew.is_some_and(|at| at <= now) {
                self.kept[kept].renew = None;
                let target = self.kept[kept].target.clone();
                self.begin(now, target, true, config.rto, config, random);
            }
        }
        for transaction in &mut self.active {
            if transaction.next <= now && transaction.next < transaction.gives_up {
                let transmit = transaction.send(now, config);
                self.transmits.push_back(transmit);
            }
        }
        self.end_where(now, FailureReason::Timeout, config, |t| t.gives_up <= now)
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let active = self.active.iter().map(|transaction| transaction.next).min();
        earlier(active, self.kept.iter().filter_map(|kept| kept.renew).min())
    }

    fn begin(
        &mut self,
        now: Instant,
        target: Target,
        renewal: bool,
        rto: Duration,
        config: &Config,
        random: &mut Random,
    ) {
        let mut transaction = Transaction {
            id: TransactionId(random.bytes()),
            target,
            renewal,
            sent: 0,
            rto,
            next: now,
            gives_up: now + config.server_timeout,
        };
        self.transmits.push_back(transaction.send(now, config));
        self.active.push(transaction);
    }

    fn end_where(
        &mut self,
        now: Instant,
        reason: FailureReason,
        config: &Config,
        ends: impl Fn(&Transaction) -> bool,
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while let Some(index) = self.active.iter().position(&ends) {
            outcomes.push(self.end(now, index, Err(Failed::Because(reason.clone())), config));
        }
        outcomes
    }

    fn end(
        &mut self,
        now: Instant,
        index: usize,
        result: Result<SocketAddr, Failed>,
        config: &Config,
    ) -> Outcome {
        let Transaction {
            target, renewal, ..
        } = self.active.remove(index);
        if renewal && let Some(kept) = self.kept.iter_mut().find(|kept| kept.target == target) {
            kept.renew = Some(now + config.keepalive);
        }
        Outcome {
            target,
            renewal,
            result,
        }
    }
}

impl Transaction {
    fn send(&mut self, now: Instant, config: &Config) -> Transmit {
        self.sent += 1;
        // RFC 8489 §6.2.1: double the wait each time; after the last one wait as long as
        // `server_timeout` allows.
        self.next = if self.sent < config.max_transmissions {
            let wait = self.rto.saturating_mul(1 << (self.sent - 1).min(16));
            now.checked_add(wait)
                .map_or(self.gives_up, |next| next.min(self.gives_up))
        } else {
            self.gives_up
        };
        Transmit {
            path: self.target.path,
            datagram: binding::discovery(self.id),
        }
    }
}
