//! Requests and their answers.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::client::{Allocation, Client, Phase, sane_lifetime};
use super::event::Event;
use super::failure::Failure;
use super::message::{self, Granted, Refusal, Request};
use super::peers::Refused;
use super::transaction::Transaction;
use crate::stun::{self, Class, Header, TransactionId};

/// How often one request is asked anew because the server wanted other credentials (401, 438).
/// Some servers change their nonce every few seconds; none does so for every request.
const MAX_RETRIES: u32 = 5;

/// The same when the server has never accepted the credentials and says 401 with another nonce: once
/// for the first challenge, and once more.
const RETRIES_OF_UNKNOWN: u32 = 2;

/// So long after a refresh that failed comes the next one.
const REFRESH_AGAIN: Duration = Duration::from_secs(5);

/// So long before its end an allocation is refreshed: time for several attempts.
const REFRESH_BEFORE: Duration = Duration::from_secs(60);

impl Client {
    /// Sends a request, signed if the server has asked for that.
    pub(super) fn request(&mut self, now: Instant, request: Request) {
        self.request_again(now, request, 0);
    }

    fn request_again(&mut self, now: Instant, request: Request, retries: u32) {
        let id = TransactionId::random(&mut self.random);
        let datagram = self.auth.sign(request.builder(id)).fingerprint().build();
        let signed = self.auth.signs_for();
        let timeout = self.config.request_timeout;
        let mut transaction = Transaction::new(now, id, request, datagram, signed, timeout);
        transaction.retries = retries;
        transaction.sent(now, self.output.is_stream(), &self.config);
        self.counters.requests_sent += 1;
        self.output.stun(&transaction.datagram);
        self.transactions.push(transaction);
    }

    pub(super) fn handle_transactions_timeout(&mut self, now: Instant) {
        let is_stream = self.output.is_stream();
        for transaction in &mut self.transactions {
            if transaction.is_to_be_repeated(now) {
                transaction.sent(now, is_stream, &self.config);
                self.counters.requests_sent += 1;
                self.counters.requests_repeated += 1;
                self.output.stun(&transaction.datagram);
            }
        }
        while let Some(index) = self.transactions.iter().position(|t| t.is_over(now)) {
            let transaction = self.transactions.remove(index);
            let failure = match transaction.unsigned {
                Some(refusal) => failure_of(refusal),
                None => Failure::Timeout,
            };
            self.handle_refused(now, transaction.request, failure);
        }
    }

    /// A response from the server's address.
    pub(super) fn handle_response(&mut self, now: Instant, header: Header, datagram: &Bytes) {
        let is_its =
            |t: &Transaction| t.id == header.transaction_id && t.request.method() == header.method;
        let Some(index) = self.transactions.iter().position(is_its) else {
            self.counters.unexpected_responses += 1;
            return;
        };
        match header.class {
            Class::SuccessResponse => self.handle_success(now, index, datagram),
            _ => self.handle_error(now, index, datagram),
        }
    }

    fn handle_success(&mut self, now: Instant, index: usize, datagram: &Bytes) {
        // RFC 8489 §9.2.5. A server that wants no authentication signs nothing.
        let decoded = match self.auth.key() {
            Some(key) => stun::verify(datagram, key, false).and_then(|verified| verified.decode()),
            None => stun::decode_unauthenticated(datagram),
        };
        let granted = match decoded {
            Ok(decoded) => message::granted(&decoded),
            Err(stun::Rejected::Undecodable | stun::Rejected::Malformed) => {
                self.counters.malformed += 1;
                return;
            }
            Err(_) => {
                self.counters.unverified_responses += 1;
                if self.output.is_stream() {
                    // RFC 8489 §9.2.5: nothing better will follow on a reliable transport.
                    let transaction = self.transactions.remove(index);
                    let failure = Failure::IntegrityViolation;
                    self.handle_refused(now, transaction.request, failure);
                }
                return;
            }
        };
        self.auth.note_accepted();
        let transaction = self.transactions.remove(index);
        self.handle_granted(now, transaction.request, granted);
    }

    fn handle_error(&mut self, now: Instant, index: usize, datagram: &Bytes) {
        let Some(refusal) = message::parse_error(datagram) else {
            self.counters.malformed += 1;
            return;
        };
        let transaction = &self.transactions[index];
        if self.is_challenge(transaction, refusal.code, datagram) {
            if refusal.code == 438 || transaction.signed.is_some() {
                self.counters.stale_nonces += 1;
            }
            let Transaction {
                request, retries, ..
            } = self.transactions.remove(index);
            match self.auth.handle_challenge(datagram) {
                Ok(()) => self.request_again(now, request, retries + 1),
                Err(failure) => self.handle_refused(now, request, failure),
            }
            return;
        }
        let is_verified = match self.auth.key() {
            Some(key) => stun::verify(datagram, key, false).is_ok(),
            None => true,
        };
        // 401 and 438 are never signed: they say that the server does not know our key.
        if is_verified || matches!(refusal.code, 401 | 438) || self.output.is_stream() {
            let transaction = self.transactions.remove(index);
            self.handle_refused(now, transaction.request, failure_of(refusal));
        } else {
            self.counters.unverified_responses += 1;
            self.transactions[index].note_unsigned(now, refusal);
        }
    }

    /// Whether the request is worth asking again with what the server sent (RFC 8489 §9.2.5).
    fn is_challenge(&self, transaction: &Transaction, code: u16, datagram: &[u8]) -> bool {
        if transaction.retries >= MAX_RETRIES {
            return false;
        }
        let differs = |kind, from: &[u8]| {
            let found = stun::attributes(datagram).find(|found| found.kind == kind);
            found.is_some_and(|found| found.value != from)
        };
        match (code, &transaction.signed) {
            (438, _) | (401, None) => true,
            // Signed, and yet refused: the password is wrong, unless it was signed for a realm
            // that is no longer (a server that was restarted with another configuration), or for
            // a nonce that is no longer: some servers say 401 then, where 438 is meant. One that
            // never accepted the password may mean what it says.
            (401, Some((realm, nonce))) => {
                differs(super::attribute::REALM, realm.as_bytes())
                    || differs(super::attribute::NONCE, nonce)
                        && (self.auth.is_accepted() || transaction.retries < RETRIES_OF_UNKNOWN)
            }
            _ => false,
        }
    }

    fn handle_granted(&mut self, now: Instant, request: Request, granted: Granted) {
        match request {
            Request::Allocate { lifetime, .. } => {
                let Some(relayed) = granted.relayed else {
                    return self.fail(Failure::IncompleteResponse);
                };
                let lifetime = sane_lifetime(granted.lifetime.unwrap_or(lifetime));
                let mapped = granted.mapped;
                self.phase = Phase::Allocated(Allocation {
                    relayed,
                    mapped,
                    refresh: Some(refresh_at(now, lifetime)),
                    expires: now + lifetime,
                    last_failure: None,
                    doubted: None,
                });
                self.events.push_back(Event::Allocated {
                    relayed,
                    mapped,
                    lifetime,
                });
            }
            Request::Refresh { lifetime } => {
                if let Phase::Allocated(allocation) = &mut self.phase {
                    let lifetime = sane_lifetime(granted.lifetime.unwrap_or(lifetime));
                    allocation.refresh = Some(refresh_at(now, lifetime));
                    allocation.expires = now + lifetime;
                    allocation.last_failure = None;
                    allocation.doubted = None;
                    self.counters.refreshes += 1;
                }
            }
            Request::Deallocate => self.closed(),
            Request::Permit { peer } => {
                let held = self.peers.granted(now, peer);
                self.permitted(now, peer, held);
            }
            Request::Bind { peer, .. } => {
                let held = self.peers.bound(now, peer);
                self.events.push_back(Event::ChannelBound { peer });
                self.permitted(now, peer.ip(), held);
            }
        }
    }

    fn permitted(&mut self, now: Instant, peer: IpAddr, held: Vec<(SocketAddr, Bytes)>) {
        self.events.push_back(Event::Permitted { peer });
        for (peer, data) in held {
            // It was accepted once; what has changed since is only the permission.
            if self.send(now, peer, &data).is_err() {
                self.counters.held_dropped += 1;
            }
        }
    }

    fn handle_refused(&mut self, now: Instant, request: Request, failure: Failure) {
        // RFC 8656 §8, §10.3, §12.3: without the allocation nothing of it is left.
        let is_gone = matches!(failure, Failure::Mismatch { .. });
        match request {
            Request::Deallocate => self.closed(),
            Request::Allocate { .. } => self.fail(failure),
            _ if is_gone => self.fail(failure),
            Request::Refresh { .. } => {
                let Phase::Allocated(allocation) = &mut self.phase else {
                    return;
                };
                allocation.refresh = Some(now + REFRESH_AGAIN);
                allocation.last_failure = Some(failure.clone());
                self.events.push_back(Event::RefreshFailed(failure));
            }
            Request::Permit { peer } => {
                if let Refused::Dropped(dropped) = self.peers.refused(now, peer) {
                    self.counters.held_dropped += dropped as u64;
                    self.events.push_back(Event::PeerRefused { peer, failure });
                }
            }
            Request::Bind { peer, .. } => {
                // Data goes on in indications.
                self.counters.channels_refused += 1;
                self.peers.bind_refused(now, peer);
            }
        }
    }
}

fn refresh_at(now: Instant, lifetime: Duration) -> Instant {
    now + lifetime - REFRESH_BEFORE.min(lifetime / 4)
}

fn failure_of(
    Refusal {
        code,
        text,
        alternate,
    }: Refusal,
) -> Failure {
    match (code, alternate) {
        // RFC 8489 §10: without ALTERNATE-SERVER it is an error like any other.
        (300, Some((address, domain))) => Failure::Redirected { address, domain },
        (401, _) => Failure::Unauthorized { text },
        (437, _) => Failure::Mismatch { text },
        _ => Failure::Refused { code, text },
    }
}
