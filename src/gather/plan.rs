//! Which server is asked from which socket, and when.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::base::Base;
use super::binding::Target;
use super::config::Policy;
use super::event::{
    Allocation, Event, FailureReason, Gathered, GatheredKind, Lookup, LookupId, ServerFailed, State,
};
use super::gatherer::{Gatherer, MAX_CANDIDATES};
use super::job::{Addresses, Job, Server};
use super::server::{IceServer, MAX_URLS, ServerError};
use super::url::{Host, Scheme, Transport};
use crate::net::{Path, Protocol, canonical};

impl Gatherer {
    pub(super) fn parse(
        &self,
        now: Instant,
        servers: &[IceServer],
    ) -> Result<Vec<Server>, ServerError> {
        let mut parsed = Vec::new();
        for server in servers {
            for url in server.parse()? {
                if parsed.len() == MAX_URLS {
                    return Err(ServerError::TooManyUrls);
                }
                let addresses = match url.host() {
                    Host::Ip(ip) => {
                        Addresses::Known(vec![canonical(SocketAddr::new(*ip, url.port()))])
                    }
                    Host::Name(_) => Addresses::Pending {
                        deadline: now + self.config.server_timeout,
                    },
                };
                parsed.push(Server {
                    url,
                    credentials: server.credentials(),
                    addresses,
                });
            }
        }
        Ok(parsed)
    }

    pub(super) fn offer_host(&mut self, base: &Base) {
        if self.config.policy == Policy::Relay {
            return;
        }
        for address in base.host_addresses().collect::<Vec<_>>() {
            self.offer(Gathered {
                kind: GatheredKind::Host,
                protocol: base.protocol,
                address,
                base: base.address,
                related: None,
                preference: self.config.preferences.of(GatheredKind::Host, None),
                url: None,
                server: None,
            });
        }
    }

    /// Looks the server's name up, or asks it at once when that is not needed.
    pub(super) fn open(&mut self, index: usize) {
        let server = &mut self.servers[index];
        let url = server.url.clone();
        if self.config.policy == Policy::Relay && !url.scheme().is_turn() {
            // Not even its name is looked up: the policy wants nothing from it.
            server.addresses = Addresses::None;
            return;
        }
        if url.scheme() == Scheme::Stuns || url.transport() == Transport::Dtls {
            let reason = FailureReason::UnsupportedTransport(url.transport());
            self.lookup_failed(index, reason);
            return;
        }
        match url.host() {
            Host::Ip(_) => self.ask_first(index),
            Host::Name(name) => {
                let (name, port) = (name.clone(), url.port());
                let lookup = Lookup {
                    id: LookupId(index),
                    url,
                    name,
                    port,
                };
                self.events.push_back(Event::Lookup(lookup));
            }
        }
    }

    pub(super) fn lookup_failed(&mut self, index: usize, reason: FailureReason) {
        self.servers[index].addresses = Addresses::None;
        let url = self.servers[index].url.clone();
        let failed = ServerFailed {
            url,
            address: None,
            server: None,
            reason,
        };
        self.events.push_back(Event::ServerFailed(failed));
    }

    /// Asks a server whose addresses have just become known.
    pub(super) fn ask_first(&mut self, index: usize) {
        let bases = self.bases.clone();
        if self.ask(index, &bases) {
            return;
        }
        let server = &self.servers[index];
        let address = match &server.addresses {
            Addresses::Known(addresses) => addresses.first().copied(),
            _ => None,
        };
        self.events.push_back(Event::ServerFailed(ServerFailed {
            url: server.url.clone(),
            address: None,
            server: address,
            reason: FailureReason::NoUsableAddress,
        }));
    }

    /// Queues what is to be asked of a server from these sockets; `false` when there is nothing.
    pub(super) fn ask(&mut self, index: usize, bases: &[Base]) -> bool {
        let Addresses::Known(addresses) = &self.servers[index].addresses else {
            return false;
        };
        let is_turn = self.servers[index].url.scheme().is_turn();
        // An allocation gets a socket of its own, so one for each of our addresses is enough,
        // however many sockets that has.
        let mut asked_from: Vec<IpAddr> = if is_turn {
            self.allocations
                .locals(index)
                .chain(self.queued_locals(index))
                .collect()
        } else {
            Vec::new()
        };
        let mut asked = false;
        for base in bases {
            let ip = base.address.ip();
            let Some(&server) = addresses.iter().find(|&&address| base.reaches(address)) else {
                continue;
            };
            // A server on this host sees nothing of the network: from loopback is enough.
            let on_loopback = |b: &Base| b.address.ip().is_loopback() && b.reaches(server);
            if server.ip().is_loopback() && !ip.is_loopback() && self.bases.iter().any(on_loopback)
            {
                asked = true;
                continue;
            }
            if is_turn {
                asked = true;
                if asked_from.contains(&ip) {
                    continue;
                }
                asked_from.push(ip);
            } else if base.protocol != Protocol::Udp {
                continue;
            }
            asked = true;
            let path = Path::udp(base.address, server);
            let target = Target {
                server: index,
                path,
                tried: Vec::new(),
                lost: 0,
            };
            self.jobs.push_back(Job::from(target));
        }
        asked
    }

    fn queued_locals(&self, server: usize) -> impl Iterator<Item = IpAddr> + '_ {
        let jobs = self
            .jobs
            .iter()
            .filter(move |job| job.target.server == server);
        jobs.map(|job| job.target.path.local.ip())
    }

    /// Starts what has its turn, and notices when all is done.
    pub(super) fn run(&mut self, now: Instant) {
        for (at, job) in std::mem::take(&mut self.delayed) {
            if at <= now {
                self.jobs.push_back(job);
            } else {
                self.delayed.push((at, job));
            }
        }
        while !self.jobs.is_empty() && self.next_job.is_none_or(|at| at <= now) {
            if let Some(job) = self.jobs.pop_front() {
                // RFC 8445 §14.2: one new transaction every Ta.
                self.next_job = Some(now + self.config.ta);
                self.start_job(now, job);
            }
        }
        let waits_for_name = self
            .servers
            .iter()
            .any(|s| matches!(s.addresses, Addresses::Pending { .. }));
        let is_busy = waits_for_name
            || !self.jobs.is_empty()
            || self.bindings.is_gathering()
            || self.allocations.is_gathering();
        match self.state {
            State::Gathering if !is_busy => self.change_state(State::Complete),
            State::Complete if is_busy => self.change_state(State::Gathering),
            _ => {}
        }
    }

    fn start_job(
        &mut self,
        now: Instant,
        Job {
            target,
            domain,
            deadline,
        }: Job,
    ) {
        let server = &self.servers[target.server];
        let Some(credentials) = server
            .credentials
            .clone()
            .filter(|_| server.url.scheme().is_turn())
        else {
            // RFC 8445 §14.3
            let many = u32::try_from(self.jobs.len()).unwrap_or(u32::MAX);
            let rto = self.config.rto.max(self.config.ta.saturating_mul(many));
            self.bindings
                .start(now, target, rto, &self.config, &mut self.random);
            return;
        };
        let deadline = deadline.unwrap_or(now + self.config.allocation_timeout);
        let id = self
            .allocations
            .begin(target.clone(), domain.clone(), deadline);
        self.events.push_back(Event::Allocate(Allocation {
            id,
            url: server.url.clone(),
            transport: server.url.transport(),
            server: target.path.remote,
            domain,
            local: target.path.local.ip(),
            credentials,
        }));
    }

    pub(super) fn offer(&mut self, candidate: Gathered) {
        let key = (candidate.protocol, candidate.address, candidate.base);
        // RFC 8445 §5.1.3
        if self.found.contains(&key) {
            self.counters.candidates_redundant += 1;
        } else if self.found.len() >= MAX_CANDIDATES {
            self.counters.candidates_over_limit += 1;
        } else {
            self.found.push(key);
            self.events.push_back(Event::Candidate(candidate));
        }
    }

    pub(super) fn change_state(&mut self, state: State) {
        self.state = state;
        self.events.push_back(Event::StateChanged(state));
    }
}
