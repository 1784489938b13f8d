//! Collects the statistics of a session.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proto::dtls::{Counters as DtlsCounters, Fingerprint, HashAlgorithm, Version};
use proto::ice::{Address, Candidate, Dropped, PairStats, Stats as IceStats};
use proto::sctp::Stats as AssociationStats;

use super::{CandidateStats, SctpStats, SessionStats, Stats, StatsObject};
use crate::api::session::Session;
use crate::channel::stats::ChannelStats;

/// Ids of the objects of which a session has one.
const TRANSPORT: &str = "transport";
const LOCAL_CERTIFICATE: &str = "local-certificate";
const REMOTE_CERTIFICATE: &str = "remote-certificate";

/// Collects the objects of a report.
struct Report {
    timestamp: f64,
    objects: BTreeMap<String, StatsObject>,
}

impl Report {
    fn new() -> Report {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Report {
            timestamp: seconds(since.unwrap_or_default()) * 1e3,
            objects: BTreeMap::new(),
        }
    }

    fn add(&mut self, id: impl Into<String>, stats: Stats) {
        let id = id.into();
        let object = StatsObject {
            id: id.clone(),
            timestamp: self.timestamp,
            stats,
        };
        self.objects.insert(id, object);
    }

    fn candidates(&mut self, session: &Session) {
        for candidate in session.gatherer().local_candidates() {
            self.local(&candidate);
        }
        for candidate in session.ice().remote_candidates() {
            self.remote(&candidate);
        }
    }

    /// Adds one of our candidates; its id.
    fn local(&mut self, candidate: &Candidate) -> String {
        let id = format!("local-{}", name(candidate));
        self.add(&id, Stats::LocalCandidate(candidate.into()));
        id
    }

    /// Adds one of the peer's candidates; its id.
    fn remote(&mut self, candidate: &Candidate) -> String {
        let id = format!("remote-{}", name(candidate));
        self.add(&id, Stats::RemoteCandidate(candidate.into()));
        id
    }

    /// Adds a pair; its id.
    fn pair(&mut self, pair: &PairStats) -> String {
        let (local, remote) = (self.local(&pair.local), self.remote(&pair.remote));
        let id = format!("pair-{}-{}", pair.path.local, pair.path.remote);
        let counters = pair.counters;
        self.add(
            &id,
            Stats::CandidatePair {
                transport_id: TRANSPORT,
                local_candidate_id: local,
                remote_candidate_id: remote,
                state: pair.state.as_str(),
                nominated: pair.nominated,
                packets_sent: counters.packets_sent,
                packets_received: counters.packets_received,
                bytes_sent: counters.bytes_sent,
                bytes_received: counters.bytes_received,
                total_round_trip_time: seconds(counters.total_round_trip_time),
                current_round_trip_time: pair.rtt.map(seconds),
                requests_received: counters.requests_received,
                requests_sent: counters.requests_sent,
                responses_received: counters.responses_received,
                responses_sent: counters.responses_sent,
                consent_requests_sent: counters.consent_requests_sent,
            },
        );
        id
    }

    fn transport(&mut self, session: &Session, ice: Option<&IceStats>) {
        let pairs = ice.map(|ice| &*ice.pairs).unwrap_or_default();
        let mut selected = None;
        for pair in pairs {
            let id = self.pair(pair);
            if pair.selected {
                selected = Some(id);
            }
        }
        let sum = |of: fn(&PairStats) -> u64| pairs.iter().map(of).sum();
        let dtls = session.dtls();
        let remote = dtls.remote_certificates();
        self.certificate(LOCAL_CERTIFICATE, &dtls.local_certificate());
        if let Some(der) = remote.first() {
            self.certificate(REMOTE_CERTIFICATE, der);
        }
        self.add(
            TRANSPORT,
            Stats::Transport {
                packets_sent: sum(|pair| pair.counters.packets_sent),
                packets_received: sum(|pair| pair.counters.packets_received),
                bytes_sent: sum(|pair| pair.counters.bytes_sent),
                bytes_received: sum(|pair| pair.counters.bytes_received),
                ice_role: session.ice().role().as_str(),
                ice_local_username_fragment: session
                    .gatherer()
                    .local_parameters()
                    .username_fragment,
                ice_state: session.ice().state().as_str(),
                dtls_state: dtls.state().as_str(),
                dtls_role: match dtls.local_parameters().role.as_str() {
                    "auto" => "unknown",
                    role => role,
                },
                tls_version: dtls.version().map(|version| match version {
                    Version::Dtls12 => "FEFD",
                    Version::Dtls13 => "FEFC",
                }),
                dtls_cipher: dtls.selected_cipher(),
                selected_candidate_pair_id: selected,
                local_certificate_id: LOCAL_CERTIFICATE,
                remote_certificate_id: (!remote.is_empty()).then_some(REMOTE_CERTIFICATE),
            },
        );
    }

    fn certificate(&mut self, id: &str, der: &[u8]) {
        let Fingerprint { algorithm, value } =
            Fingerprint::of_certificate(HashAlgorithm::Sha256, der);
        self.add(
            id,
            Stats::Certificate {
                fingerprint: value,
                fingerprint_algorithm: algorithm,
                base64_certificate: BASE64_STANDARD.encode(der),
            },
        );
    }

    fn channel(&mut self, channel: ChannelStats) {
        let info = channel.info;
        self.add(
            format!("channel-{}", channel.number),
            Stats::DataChannel {
                label: info.label,
                protocol: info.protocol,
                data_channel_identifier: info.stream_id,
                state: info.state.as_str(),
                messages_sent: info.messages_sent,
                bytes_sent: info.bytes_sent,
                messages_received: info.messages_received,
                bytes_received: info.bytes_received,
                buffered_amount: channel.buffered as u64,
            },
        );
    }
}

/// A candidate's place in ids.
fn name(candidate: &Candidate) -> String {
    let (kind, protocol) = (candidate.kind.as_str(), candidate.protocol.as_str());
    match &candidate.address {
        Address::Socket(address) => format!("{kind}-{protocol}-{address}"),
        Address::Name(name, port) => format!("{kind}-{protocol}-{name}:{port}"),
    }
}

impl From<&Candidate> for CandidateStats {
    fn from(candidate: &Candidate) -> CandidateStats {
        let (address, port) = match &candidate.address {
            Address::Socket(address) => (address.ip().to_string(), address.port()),
            Address::Name(name, port) => (name.clone(), *port),
        };
        CandidateStats {
            transport_id: TRANSPORT,
            address,
            port,
            protocol: candidate.protocol.as_str(),
            candidate_type: candidate.kind.as_str(),
            priority: candidate.priority,
            foundation: candidate.foundation.clone(),
            related_address: candidate.related_address.map(|a| a.ip().to_string()),
            related_port: candidate.related_address.map(|a| a.port()),
        }
    }
}

impl SctpStats {
    fn of(stats: &AssociationStats) -> SctpStats {
        SctpStats {
            round_trip_time: stats.rtt.map(seconds),
            retransmitted_chunks: stats.retransmitted_chunks,
            bytes_in_flight: stats.in_flight_bytes as u64,
            buffered_bytes: stats.buffered as u64,
            unread_bytes: stats.unread as u64,
        }
    }
}

impl Session {
    /// Statistics in the W3C's names, and ours; the same as `GET …/stats` gives as JSON.
    #[doc(alias = "getStats")]
    pub async fn stats(&self) -> SessionStats {
        collect(self).await
    }
}

/// Collects everything that the actors of a session have to tell. Where one is gone, its part is
/// left out.
async fn collect(session: &Session) -> SessionStats {
    let ice = session.ice().stats().await.ok();
    let dtls = session.dtls().stats().await.ok();
    let sctp = session.sctp().stats().await.ok();
    let mut report = Report::new();
    report.candidates(session);
    report.transport(session, ice.as_ref());
    for channel in session.sctp().channel_stats().await {
        report.channel(channel);
    }
    let scope = session.scope();
    let waiting = scope.waiting().map(|(kind, count)| (kind.as_str(), count));
    SessionStats {
        session: session.id().clone(),
        state: session.state().as_str(),
        gatherer_state: session.gatherer().state().as_str(),
        ice_state: session.ice().state().as_str(),
        dtls_state: session.dtls().state().as_str(),
        sctp_state: session.sctp().state().as_str(),
        failure: session.failure().map(|error| error.to_string()),
        max_message_size: session.sctp().max_message_size(),
        sctp: sctp.as_ref().map(SctpStats::of),
        mailboxes: waiting.collect(),
        dropped: dropped(ice.as_ref(), dtls.as_ref(), sctp.as_ref()),
        report: report.objects,
    }
}

fn dropped(
    ice: Option<&IceStats>,
    dtls: Option<&DtlsCounters>,
    sctp: Option<&AssociationStats>,
) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
    let ice = ice.map(|ice| Dropped::ALL.map(|why| (why.as_str(), ice.counters.dropped(why))));
    let ice = ice.into_iter().flatten().collect::<Vec<_>>();
    let dtls = dtls.map(crate::metrics::dtls::rejections);
    let sctp = sctp.map(|sctp| crate::metrics::sctp::drops(&sctp.counters));
    let by_actor = [
        ("ice", ice),
        ("dtls", dtls.into_iter().flatten().collect()),
        ("sctp", sctp.into_iter().flatten().collect()),
    ];
    let happened = |reasons: Vec<(&'static str, u64)>| {
        let some = reasons.into_iter().filter(|(_, count)| *count > 0);
        some.collect::<BTreeMap<_, _>>()
    };
    by_actor
        .into_iter()
        .map(|(actor, reasons)| (actor, happened(reasons)))
        .collect()
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
