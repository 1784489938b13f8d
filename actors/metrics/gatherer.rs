//! What the gatherers, and the ports that they share, count.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use proto::gather::{Counters, GatheredKind, Transport};
use proto::net::Protocol;
use proto::route::Miss;
use proto::turn::Failure;

use crate::base::kind::ActorKind;
use crate::metrics::actor::dropped;
use crate::metrics::labels::{By, ByReason, Outcome, labels};
use crate::metrics::names;

labels! {
    /// How a local candidate is found.
    Found {
        /// The socket itself.
        Host = "host",
        /// By a STUN server.
        ServerReflexive = "srflx",
        /// By a TURN server.
        Relayed = "relay",
    }
}

labels! {
    /// How a TURN server is reached.
    TurnTransport {
        Udp = "udp",
        Tcp = "tcp",
        Tls = "tls",
    }
}

/// The error codes of TURN servers that are counted by themselves.
const TURN_CODES: [&str; 9] = [
    "400", "401", "403", "437", "438", "442", "486", "508", "other",
];

/// What the gatherers, and the ports that they share, count.
#[derive(Debug)]
pub(crate) struct GathererMetrics {
    /// From the begin of gathering to each candidate.
    pub(crate) gather_seconds: By<Found, Histogram>,
    candidates: [By<Found, Counter>; 2],
    pub(crate) stun_requests: By<Outcome, Counter>,
    turn_errors: ByReason,
    pub(crate) turn_allocations: By<TurnTransport, Gauge>,
    /// By [`Miss`].
    pub(crate) misses: [Counter; Miss::ALL.len()],
    pub(crate) address_taken: Counter,
    pub(crate) no_permit: Counter,
    pub(crate) worker_slow: Counter,
    /// The first request on a TCP connection did not come, or named no session.
    pub(crate) half_open: Counter,
    pub(crate) send_refused: Counter,
    /// Of no protocol that ICE shares a port with.
    pub(crate) unknown_protocol: Counter,
}

impl GathererMetrics {
    pub(crate) fn new() -> GathererMetrics {
        let dropped = |reason| dropped(ActorKind::Gatherer, reason);
        let candidates = |protocol: Protocol| {
            By::new(|found| {
                let transport = protocol.as_str();
                counter!(names::CANDIDATES, "candidate_type" => found, "transport" => transport)
            })
        };
        GathererMetrics {
            gather_seconds: By::new(|found| histogram!(names::GATHER, "candidate_type" => found)),
            candidates: [candidates(Protocol::Udp), candidates(Protocol::Tcp)],
            stun_requests: By::new(|result| counter!(names::STUN_REQUESTS, "result" => result)),
            turn_errors: ByReason::new(
                TURN_CODES,
                |code| counter!(names::TURN_ERRORS, "code" => code),
            ),
            turn_allocations: By::new(
                |transport| gauge!(names::TURN_ALLOCATIONS, "transport" => transport),
            ),
            misses: Miss::ALL.map(|miss| counter!(names::MUX_MISSES, "reason" => miss.as_str())),
            address_taken: dropped("address_taken"),
            no_permit: dropped("session_slow"),
            worker_slow: dropped("worker_slow"),
            half_open: dropped("half_open"),
            send_refused: dropped("send_refused"),
            unknown_protocol: dropped("unknown_protocol"),
        }
    }

    /// A candidate was found.
    pub(crate) fn found(&self, kind: GatheredKind, protocol: Protocol) {
        self.candidates[usize::from(protocol == Protocol::Tcp)].add(kind.into(), 1);
    }

    /// A TURN server wanted a new nonce so often, and got it.
    pub(crate) fn stale_nonces(&self, count: u64) {
        self.turn_errors.add("438", count);
    }

    /// A TURN server refused something.
    pub(crate) fn turn_failed(&self, failure: &Failure) {
        let code = failure.code();
        if code == Failure::UNREACHABLE_CODE {
            // It said nothing at all.
            return;
        }
        let code = code.to_string();
        let known = TURN_CODES.iter().find(|known| **known == code);
        self.turn_errors.add(known.unwrap_or(&"other"), 1);
    }
}

impl From<Transport> for TurnTransport {
    fn from(transport: Transport) -> TurnTransport {
        match transport {
            // DTLS is not spoken with TURN servers.
            Transport::Udp | Transport::Dtls => TurnTransport::Udp,
            Transport::Tcp => TurnTransport::Tcp,
            Transport::Tls => TurnTransport::Tls,
        }
    }
}

impl From<GatheredKind> for Found {
    fn from(kind: GatheredKind) -> Found {
        match kind {
            GatheredKind::Host => Found::Host,
            GatheredKind::ServerReflexive => Found::ServerReflexive,
            GatheredKind::Relayed => Found::Relayed,
        }
    }
}

/// What of a machine's counts is exported already.
#[derive(Debug, Default)]
pub(crate) struct Exported(Counters);

impl Exported {
    /// Exports what has been counted since the last call.
    pub(crate) fn sync(&mut self, metrics: &GathererMetrics, now: Counters) {
        let last = std::mem::replace(&mut self.0, now);
        let requests = &metrics.stun_requests;
        requests.add(Outcome::Success, now.mapped - last.mapped);
        requests.add(Outcome::Timeout, now.timeouts - last.timeouts);
        requests.add(Outcome::Error, now.errors - last.errors);
    }
}
