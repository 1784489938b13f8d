//! What follows when a server has answered, or has not.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::base::Base;
use super::binding::{Failed, Outcome, Target};
use super::event::{Event, FailureReason, Gathered, GatheredKind, ServerFailed};
use super::gatherer::{Gatherer, MAX_ATTEMPTS};
use super::job::{Addresses, Job};
use crate::net::{Protocol, canonical};
use crate::turn::Failure;

/// After so many attempts an allocation that was lost is not made again: the server is gone, or
/// something is wrong with it.
const MAX_LOST: u32 = 5;

/// An allocation that had lived so long was a good one: what was lost before it does not count.
const GOOD: Duration = Duration::from_secs(60);

/// Before an allocation is made again for the first time; doubled each time. Time for a server to
/// come back.
const LOST_PAUSE: Duration = Duration::from_secs(2);

impl Gatherer {
    pub(super) fn binding_ended(&mut self, now: Instant, outcome: Outcome) {
        let Outcome {
            mut target,
            renewal,
            result,
        } = outcome;
        let asked = target.path.remote;
        *match &result {
            Ok(_) => &mut self.counters.mapped,
            Err(Failed::Because(FailureReason::Timeout)) => &mut self.counters.timeouts,
            Err(_) => &mut self.counters.errors,
        } += 1;
        match result {
            Ok(address) => {
                let kind = GatheredKind::ServerReflexive;
                self.offer(Gathered {
                    kind,
                    protocol: Protocol::Udp,
                    address,
                    base: target.path.local,
                    related: Some(target.path.local),
                    preference: self.config.preferences.of(kind, None),
                    url: Some(self.servers[target.server].url.clone()),
                    server: Some(asked),
                });
                if !renewal {
                    self.bindings.keep(now, target, &self.config);
                }
            }
            Err(_) if renewal => self.counters.keepalives_failed += 1,
            Err(failed) => {
                target.tried.push(asked);
                let (reason, alternative) = match failed {
                    Failed::Redirected(address) => {
                        let text = format!("Try Alternate: {address}");
                        (FailureReason::Refused { code: 300, text }, Some(address))
                    }
                    Failed::Because(FailureReason::Unreachable) => {
                        (FailureReason::Unreachable, self.untried(&target))
                    }
                    // No second address after a timeout: `server_timeout` is spent.
                    Failed::Because(reason) => (reason, None),
                };
                match alternative {
                    Some(address) if self.may_try(&target, address, false) => {
                        target.path.remote = address;
                        self.jobs.push_back(Job::from(target));
                    }
                    _ => {
                        target.path.remote = asked;
                        self.failed(&target, reason);
                    }
                }
            }
        }
    }

    /// An allocation was not made: where else it may be, if anywhere.
    pub(super) fn try_elsewhere(
        &mut self,
        now: Instant,
        mut target: Target,
        domain: Option<String>,
        deadline: Instant,
        failure: Failure,
    ) {
        let asked = target.path.remote;
        target.tried.push(asked);
        let alternative = match &failure {
            Failure::Redirected { address, domain } => Some((canonical(*address), domain.clone())),
            // RFC 8656 §7.4: the next attempt comes from another port.
            Failure::Mismatch { .. } => Some((asked, domain.clone())),
            failure if failure.is_unreachable() => {
                self.untried(&target).map(|address| (address, None))
            }
            _ => None,
        };
        let is_mismatch = matches!(failure, Failure::Mismatch { .. });
        match alternative {
            Some((address, domain)) if self.may_try(&target, address, is_mismatch) => {
                target.path.remote = address;
                self.jobs.push_back(Job {
                    target,
                    domain,
                    deadline: Some(deadline),
                });
            }
            _ => {
                let passes = failure.is_unreachable() || failure == Failure::ConnectionLost;
                self.failed(&target, FailureReason::Allocation(failure));
                // The server was there before, and may take its time to come back.
                if target.lost > 0 && passes {
                    self.allocate_again(now, target, domain);
                }
            }
        }
    }

    /// An allocation was lost that had lived since then.
    pub(super) fn allocation_lost(
        &mut self,
        now: Instant,
        mut target: Target,
        domain: Option<String>,
        since: Instant,
    ) {
        if now.duration_since(since) >= GOOD {
            target.lost = 0;
        }
        self.allocate_again(now, target, domain);
    }

    /// An allocation was lost, or could not be made again: the next attempt, later each time.
    pub(super) fn allocate_again(
        &mut self,
        now: Instant,
        mut target: Target,
        domain: Option<String>,
    ) {
        let has_base = |base: &Base| base.address.ip() == target.path.local.ip();
        if target.lost < MAX_LOST && self.bases.iter().any(has_base) {
            let pause = LOST_PAUSE * 2_u32.pow(target.lost);
            target.lost += 1;
            target.tried.clear();
            self.delayed.push((
                now + pause,
                Job {
                    target,
                    domain,
                    deadline: None,
                },
            ));
        }
    }

    /// Another address of the same server that can be asked from the same socket.
    pub(super) fn untried(&self, target: &Target) -> Option<SocketAddr> {
        let Addresses::Known(addresses) = &self.servers[target.server].addresses else {
            return None;
        };
        let base = Base::udp(target.path.local);
        addresses
            .iter()
            .copied()
            .find(|a| base.reaches(*a) && !target.tried.contains(a))
    }

    /// RFC 8489 §10: a server that was asked before is not asked again, which ends any loop. The
    /// one exception is a fresh port after a mismatch, once.
    pub(super) fn may_try(&self, target: &Target, address: SocketAddr, again: bool) -> bool {
        let address = canonical(address);
        let before = target
            .tried
            .iter()
            .filter(|&&tried| tried == address)
            .count();
        target.tried.len() < MAX_ATTEMPTS
            && before <= usize::from(again)
            && Base::udp(target.path.local).reaches(address)
    }

    pub(super) fn failed(&mut self, target: &Target, reason: FailureReason) {
        self.events.push_back(Event::ServerFailed(ServerFailed {
            url: self.servers[target.server].url.clone(),
            address: Some(target.path.local),
            server: Some(target.path.remote),
            reason,
        }));
    }
}
