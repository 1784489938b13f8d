//! Statistics of a session, as the W3C names them (Identifiers for WebRTC's Statistics API), and
//! what else there is to tell: queues and drops.

mod report;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::id::SessionId;

/// What can be told of a session at a moment. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionStats {
    /// The session.
    pub session: SessionId,
    /// Its state.
    pub state: &'static str,
    /// State of the gatherer.
    pub gatherer_state: &'static str,
    /// State of the ICE transport.
    pub ice_state: &'static str,
    /// State of the DTLS transport.
    pub dtls_state: &'static str,
    /// State of the SCTP transport.
    pub sctp_state: &'static str,
    /// Why it failed, where it did: the sentence of the error.
    pub failure: Option<String>,
    /// The largest message that can be sent, in bytes.
    pub max_message_size: Option<u32>,
    /// The association; `None` where its actor is gone.
    pub sctp: Option<SctpStats>,
    /// Messages that wait in the mailbox of each actor.
    pub mailboxes: BTreeMap<&'static str, usize>,
    /// What the actors dropped, by actor and reason; what never happened is left out.
    pub dropped: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// The W3C's statistics objects, by id.
    pub report: BTreeMap<String, StatsObject>,
}

/// The association of a session.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SctpStats {
    /// Smoothed round-trip time.
    pub round_trip_time: Option<f64>,
    /// DATA chunks sent again.
    pub retransmitted_chunks: u64,
    /// Bytes sent and not acknowledged.
    pub bytes_in_flight: u64,
    /// Bytes of all channels that wait to be sent.
    pub buffered_bytes: u64,
    /// Bytes received that the association holds because the application does not read.
    pub unread_bytes: u64,
}

/// One object of the W3C's statistics.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatsObject {
    /// Its id, which others refer to.
    pub id: String,
    /// Milliseconds since 1970.
    pub timestamp: f64,
    /// What it is about.
    #[serde(flatten)]
    pub stats: Stats,
}

/// The dictionaries of the W3C, with its names in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Stats {
    /// `RTCTransportStats`.
    Transport {
        /// Datagrams of data sent over all pairs.
        packets_sent: u64,
        /// Datagrams of data received over all pairs.
        packets_received: u64,
        /// Bytes sent over all pairs.
        bytes_sent: u64,
        /// Bytes received over all pairs.
        bytes_received: u64,
        /// `controlling` or `controlled`.
        ice_role: &'static str,
        /// Our username fragment.
        ice_local_username_fragment: String,
        /// State of the ICE transport.
        ice_state: &'static str,
        /// State of the DTLS transport.
        dtls_state: &'static str,
        /// `client`, `server` or `unknown`.
        dtls_role: &'static str,
        /// The version as four hexadecimal digits, as on the wire.
        tls_version: Option<&'static str>,
        /// IANA name of the cipher suite.
        dtls_cipher: Option<&'static str>,
        /// The pair that data flows on.
        selected_candidate_pair_id: Option<String>,
        /// Our certificate.
        local_certificate_id: &'static str,
        /// The peer's certificate.
        remote_certificate_id: Option<&'static str>,
    },
    /// `RTCIceCandidatePairStats`.
    CandidatePair {
        /// The transport.
        transport_id: &'static str,
        /// Our candidate.
        local_candidate_id: String,
        /// The peer's candidate.
        remote_candidate_id: String,
        /// `frozen` to `failed`.
        state: &'static str,
        /// Whether it was nominated.
        nominated: bool,
        /// Datagrams of data sent.
        packets_sent: u64,
        /// Datagrams of data received.
        packets_received: u64,
        /// Their bytes.
        bytes_sent: u64,
        /// Their bytes.
        bytes_received: u64,
        /// The sum of all measured round trips.
        total_round_trip_time: f64,
        /// The latest round trip.
        current_round_trip_time: Option<f64>,
        /// Checks of the peer.
        requests_received: u64,
        /// Our checks.
        requests_sent: u64,
        /// Answers to our checks.
        responses_received: u64,
        /// Our answers.
        responses_sent: u64,
        /// Our consent checks.
        consent_requests_sent: u64,
    },
    /// `RTCIceCandidateStats` of one of our candidates.
    LocalCandidate(CandidateStats),
    /// `RTCIceCandidateStats` of one of the peer's candidates.
    RemoteCandidate(CandidateStats),
    /// `RTCCertificateStats`.
    Certificate {
        /// Of the certificate, by `fingerprintAlgorithm`.
        fingerprint: String,
        /// Such as `sha-256`.
        fingerprint_algorithm: String,
        /// The certificate in DER.
        base64_certificate: String,
    },
    /// `RTCDataChannelStats`.
    DataChannel {
        /// The label.
        label: String,
        /// The subprotocol.
        protocol: String,
        /// The stream, `null` before it is known.
        data_channel_identifier: Option<u16>,
        /// `connecting` to `closed`.
        state: &'static str,
        /// Messages sent, those that wait included.
        messages_sent: u64,
        /// Their bytes.
        bytes_sent: u64,
        /// Messages received.
        messages_received: u64,
        /// Their bytes.
        bytes_received: u64,
        /// Bytes that wait to be acknowledged; not the W3C's.
        buffered_amount: u64,
    },
}

/// What `RTCIceCandidateStats` has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CandidateStats {
    /// The transport.
    pub transport_id: &'static str,
    /// The address, or the name of one that hides it.
    pub address: String,
    /// The port.
    pub port: u16,
    /// `udp` or `tcp`.
    pub protocol: &'static str,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub candidate_type: &'static str,
    /// RFC 8445 §5.1.2.
    pub priority: u32,
    /// Of which kind it is.
    pub foundation: String,
    /// The base of a reflexive candidate, the mapped address of a relayed one.
    pub related_address: Option<String>,
    /// Its port.
    pub related_port: Option<u16>,
}
