//! The catalogue: all metrics by name, written out as dashboards and alerts have them.

use metrics::{describe_counter, describe_gauge, describe_histogram};

pub(super) const INSTANCES: &str = "rtc_actor_instances";
pub(super) const TRANSITIONS: &str = "rtc_actor_transitions_total";
pub(super) const FAILURES: &str = "rtc_actor_failures_total";
pub(super) const RESTARTS: &str = "rtc_actor_restarts_total";
pub(super) const MAILBOX: &str = "rtc_actor_mailbox_messages";
pub(super) const MAILBOX_WAIT: &str = "rtc_actor_mailbox_wait_seconds";
pub(super) const HANDLE: &str = "rtc_actor_handle_seconds";
pub(super) const REJECTED: &str = "rtc_actor_messages_rejected_total";
pub(super) const DATAGRAMS: &str = "rtc_actor_datagrams_total";
pub(super) const BYTES: &str = "rtc_actor_bytes_total";
pub(super) const DATAGRAMS_DROPPED: &str = "rtc_actor_datagrams_dropped_total";

pub(crate) const GATHER: &str = "rtc_gather_seconds";
pub(crate) const CANDIDATES: &str = "rtc_candidates_gathered_total";
pub(crate) const STUN_REQUESTS: &str = "rtc_stun_requests_total";
pub(crate) const TURN_ERRORS: &str = "rtc_turn_errors_total";
pub(crate) const TURN_ALLOCATIONS: &str = "rtc_turn_allocations";
pub(crate) const MUX_MISSES: &str = "rtc_udp_mux_misses_total";

pub(crate) const ICE_CHECKS: &str = "rtc_ice_checks_total";
pub(crate) const ICE_SELECTED: &str = "rtc_ice_selected_pairs_total";
pub(crate) const ICE_RTT: &str = "rtc_ice_rtt_seconds";
pub(crate) const ICE_CONNECT: &str = "rtc_ice_connect_seconds";
pub(crate) const ICE_CONSENT_FAILURES: &str = "rtc_ice_consent_failures_total";
pub(crate) const ICE_RESTARTS: &str = "rtc_ice_restarts_total";
pub(crate) const ICE_FAILURES: &str = "rtc_ice_failures_total";
pub(crate) const ICE_REJECTED: &str = "rtc_ice_candidates_rejected_total";

pub(crate) const DTLS_HANDSHAKES: &str = "rtc_dtls_handshakes_total";
pub(crate) const DTLS_HANDSHAKE: &str = "rtc_dtls_handshake_seconds";
pub(crate) const DTLS_ALERTS: &str = "rtc_dtls_alerts_total";
pub(crate) const DTLS_REJECTED: &str = "rtc_dtls_records_rejected_total";

pub(crate) const SCTP_RTT: &str = "rtc_sctp_rtt_seconds";
pub(crate) const SCTP_RETRANSMITS: &str = "rtc_sctp_retransmits_total";
pub(crate) const SCTP_BUFFERED: &str = "rtc_sctp_buffered_bytes";
pub(crate) const SCTP_CHANNELS: &str = "rtc_sctp_channels";
pub(crate) const SCTP_MESSAGES: &str = "rtc_sctp_messages_total";
pub(crate) const SCTP_MESSAGE_BYTES: &str = "rtc_sctp_message_bytes_total";
pub(crate) const SCTP_BACKPRESSURE: &str = "rtc_sctp_backpressure_total";

pub(super) const SESSIONS: &str = "rtc_sessions";
pub(super) const SESSIONS_TOTAL: &str = "rtc_sessions_total";
pub(super) const SESSION_CONNECT: &str = "rtc_session_connect_seconds";
pub(super) const SESSION_LIFE: &str = "rtc_session_seconds";
pub(super) const LOOP_LAG: &str = "rtc_worker_event_loop_lag_seconds";
pub(super) const UNDELIVERED: &str = "rtc_events_undelivered_total";
pub(super) const WORKERS_LOST: &str = "rtc_workers_lost_total";
pub(super) const BUILD: &str = "rtc_build_info";
pub(super) const DRAINING: &str = "rtc_draining";

/// Times of messages inside of the process, in seconds.
const MESSAGE: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05,
    0.25,
];

/// Round trips, in seconds.
const RTT: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0,
];

/// Times to connect, in seconds.
const CONNECT: &[f64] = &[
    0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0,
];

/// Lifetimes of sessions, in seconds.
const LIFE: &[f64] = &[1.0, 10.0, 60.0, 300.0, 1800.0, 3600.0, 14400.0];

enum Kind {
    Counter,
    Gauge,
    /// With its buckets: without them the exporter makes a summary.
    Histogram(&'static [f64]),
}

use Kind::{Counter, Gauge, Histogram};

/// Every metric: its name, its kind, and its help text.
const CATALOGUE: &[(&str, Kind, &str)] = &[
    (INSTANCES, Gauge, "Live transports by actor and state."),
    (TRANSITIONS, Counter, "State changes of transports."),
    (FAILURES, Counter, "Failures of actors by reason."),
    (RESTARTS, Counter, "Restarts of actors by their supervisor."),
    (MAILBOX, Gauge, "Messages that wait in mailboxes of actors."),
    (
        MAILBOX_WAIT,
        Histogram(MESSAGE),
        "How long messages waited in a mailbox: every eighth of traffic, and all others.",
    ),
    (
        HANDLE,
        Histogram(MESSAGE),
        "How long actors took to handle a message, a whole batch of traffic: every eighth of traffic, and all others.",
    ),
    (
        REJECTED,
        Counter,
        "Messages that never reached their actor: it was gone (closed), or had enough to do (full).",
    ),
    (
        DATAGRAMS,
        Counter,
        "Datagrams, or packets, through each actor.",
    ),
    (BYTES, Counter, "Bytes through each actor."),
    (
        DATAGRAMS_DROPPED,
        Counter,
        "Datagrams that an actor dropped, by reason.",
    ),
    (
        GATHER,
        Histogram(CONNECT),
        "Time from the begin of gathering to each candidate.",
    ),
    (CANDIDATES, Counter, "Local candidates found."),
    (
        STUN_REQUESTS,
        Counter,
        "Requests to STUN servers by result.",
    ),
    (TURN_ERRORS, Counter, "Error responses of TURN servers."),
    (TURN_ALLOCATIONS, Gauge, "Live allocations on TURN servers."),
    (
        MUX_MISSES,
        Counter,
        "Datagrams on a shared port that belong to no session.",
    ),
    (
        ICE_CHECKS,
        Counter,
        "Connectivity and consent checks by direction and result.",
    ),
    (
        ICE_SELECTED,
        Counter,
        "Selected pairs by the types of their candidates.",
    ),
    (
        ICE_RTT,
        Histogram(RTT),
        "Round-trip time of answered checks on the selected pair.",
    ),
    (
        ICE_CONNECT,
        Histogram(CONNECT),
        "Time from the start of ICE to its first connected pair.",
    ),
    (
        ICE_CONSENT_FAILURES,
        Counter,
        "Connected pairs whose peer fell silent until consent expired.",
    ),
    (ICE_RESTARTS, Counter, "ICE restarts, from either side."),
    (ICE_FAILURES, Counter, "Failures of ICE by reason."),
    (
        ICE_REJECTED,
        Counter,
        "Remote candidates that were not taken, by reason.",
    ),
    (DTLS_HANDSHAKES, Counter, "DTLS handshakes that ended."),
    (
        DTLS_HANDSHAKE,
        Histogram(CONNECT),
        "Duration of completed DTLS handshakes.",
    ),
    (DTLS_ALERTS, Counter, "DTLS alerts by description."),
    (
        DTLS_REJECTED,
        Counter,
        "Datagrams that were no acceptable DTLS, by reason.",
    ),
    (
        SCTP_RTT,
        Histogram(RTT),
        "Smoothed round-trip time of SCTP, a sample a second for each association that sends.",
    ),
    (SCTP_RETRANSMITS, Counter, "SCTP DATA chunks sent again."),
    (
        SCTP_BUFFERED,
        Gauge,
        "Bytes of channels that were given to send and are not acknowledged.",
    ),
    (SCTP_CHANNELS, Gauge, "Live data channels by state."),
    (SCTP_MESSAGES, Counter, "Messages of data channels."),
    (
        SCTP_MESSAGE_BYTES,
        Counter,
        "Bytes of messages of data channels.",
    ),
    (
        SCTP_BACKPRESSURE,
        Counter,
        "Sends that had to wait for room.",
    ),
    (SESSIONS, Gauge, "Live sessions by state."),
    (
        SESSIONS_TOTAL,
        Counter,
        "How sessions' attempts to connect ended.",
    ),
    (
        SESSION_CONNECT,
        Histogram(CONNECT),
        "Time from opening a session to connected.",
    ),
    (SESSION_LIFE, Histogram(LIFE), "How long sessions lived."),
    (
        LOOP_LAG,
        Histogram(MESSAGE),
        "How late a worker's event loop runs what is due.",
    ),
    (
        UNDELIVERED,
        Counter,
        "Events and failures that could not be delivered, by reason.",
    ),
    (
        WORKERS_LOST,
        Counter,
        "Workers that were lost and replaced.",
    ),
    (BUILD, Gauge, "The version of actix-rtc; always 1."),
    (DRAINING, Gauge, "1 while no new sessions are taken."),
];

pub(super) fn describe() {
    for (name, kind, help) in CATALOGUE {
        match kind {
            Counter => describe_counter!(*name, *help),
            Gauge => describe_gauge!(*name, *help),
            Histogram(_) => describe_histogram!(*name, *help),
        }
    }
}

/// Every metric with its help text.
#[cfg(test)]
pub(super) fn catalogue() -> impl Iterator<Item = (&'static str, &'static str)> {
    CATALOGUE.iter().map(|(name, _, help)| (*name, *help))
}

/// Every histogram with its buckets, for programs that set up an exporter of their own: without
/// them most exporters make something else of it.
pub fn histograms() -> impl Iterator<Item = (&'static str, &'static [f64])> {
    CATALOGUE.iter().filter_map(|(name, kind, _)| match kind {
        Histogram(buckets) => Some((*name, *buckets)),
        Counter | Gauge => None,
    })
}
