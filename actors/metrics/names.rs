//! The names of all metrics, written out as dashboards and alerts have them.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub(super) const INSTANCES: &str = "rtc_actor_instances";
pub(super) const TRANSITIONS: &str = "rtc_actor_transitions_total";
pub(super) const FAILURES: &str = "rtc_actor_failures_total";
pub(super) const RESTARTS: &str = "rtc_actor_restarts_total";
pub(super) const DATAGRAMS: &str = "rtc_actor_datagrams_total";
pub(super) const BYTES: &str = "rtc_actor_bytes_total";
pub(super) const DATAGRAMS_DROPPED: &str = "rtc_actor_datagrams_dropped_total";
pub(super) const MUX_MISSES: &str = "rtc_udp_mux_misses_total";
pub(super) const ICE_RESTARTS: &str = "rtc_ice_restarts_total";
pub(super) const ICE_RTT: &str = "rtc_ice_rtt_seconds";
pub(super) const DTLS_HANDSHAKE: &str = "rtc_dtls_handshake_seconds";
pub(super) const SCTP_MESSAGES: &str = "rtc_sctp_messages_total";
pub(super) const SCTP_MESSAGE_BYTES: &str = "rtc_sctp_message_bytes_total";
pub(super) const SCTP_BACKPRESSURE: &str = "rtc_sctp_backpressure_total";
pub(super) const SCTP_RETRANSMITS: &str = "rtc_sctp_retransmits_total";
pub(super) const SCTP_CHANNELS: &str = "rtc_sctp_channels";
pub(super) const SESSIONS: &str = "rtc_sessions";
pub(super) const SESSIONS_TOTAL: &str = "rtc_sessions_total";
pub(super) const SESSION_CONNECT: &str = "rtc_session_connect_seconds";
pub(super) const SESSION_LIFE: &str = "rtc_session_seconds";

pub(super) const LOOP_LAG: &str = "rtc_worker_event_loop_lag_seconds";
pub(super) const UNDELIVERED: &str = "rtc_events_undelivered_total";
pub(super) const WORKERS_LOST: &str = "rtc_workers_lost_total";

/// Delays inside the process, in seconds.
pub(super) const MESSAGE_BUCKETS: &[f64] = &[
    1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.25,
];

/// Round trips, in seconds.
pub(super) const RTT_BUCKETS: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0,
];

/// Times to connect, in seconds.
pub(super) const CONNECT_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0,
];

/// Lifetimes of sessions, in seconds.
pub(super) const LIFE_BUCKETS: &[f64] = &[1.0, 10.0, 60.0, 300.0, 1800.0, 3600.0, 14400.0];

/// Every histogram with its buckets: without them the exporter makes a summary.
#[cfg_attr(
    not(feature = "prometheus"),
    expect(dead_code, reason = "only an exporter has buckets")
)]
pub(super) const HISTOGRAMS: &[(&str, &[f64])] = &[
    (ICE_RTT, RTT_BUCKETS),
    (DTLS_HANDSHAKE, CONNECT_BUCKETS),
    (SESSION_CONNECT, CONNECT_BUCKETS),
    (SESSION_LIFE, LIFE_BUCKETS),
    (LOOP_LAG, MESSAGE_BUCKETS),
];

pub(super) fn describe() {
    describe_gauge!(INSTANCES, "Live transports by actor and state");
    describe_counter!(TRANSITIONS, "State changes of transports");
    describe_counter!(FAILURES, "Failures of actors by reason");
    describe_counter!(RESTARTS, "Restarts of actors by their supervisor");
    describe_counter!(DATAGRAMS, "Datagrams, or packets, through each actor");
    describe_counter!(BYTES, Unit::Bytes, "Bytes through each actor");
    describe_counter!(
        DATAGRAMS_DROPPED,
        "Datagrams that an actor dropped, by reason"
    );
    describe_counter!(
        MUX_MISSES,
        "Datagrams on a shared port that belong to no session"
    );
    describe_counter!(ICE_RESTARTS, "ICE restarts, from either side");
    describe_histogram!(
        ICE_RTT,
        Unit::Seconds,
        "Round-trip time of the selected pair"
    );
    describe_histogram!(
        DTLS_HANDSHAKE,
        Unit::Seconds,
        "Duration of completed DTLS handshakes"
    );
    describe_counter!(SCTP_MESSAGES, "Messages of data channels");
    describe_counter!(
        SCTP_MESSAGE_BYTES,
        Unit::Bytes,
        "Bytes of messages of data channels"
    );
    describe_counter!(SCTP_BACKPRESSURE, "Sends that had to wait for room");
    describe_counter!(SCTP_RETRANSMITS, "Retransmitted SCTP chunks");
    describe_gauge!(SCTP_CHANNELS, "Open data channels");
    describe_gauge!(SESSIONS, "Live sessions by state");
    describe_counter!(SESSIONS_TOTAL, "Sessions by how they fared");
    describe_histogram!(
        SESSION_CONNECT,
        Unit::Seconds,
        "Time from opening to connected"
    );
    describe_histogram!(
        LOOP_LAG,
        Unit::Seconds,
        "How late a worker's tasks are run: long where a callback blocks its thread"
    );
    describe_counter!(
        UNDELIVERED,
        "Events and failures that could not be delivered, by reason"
    );
    describe_counter!(WORKERS_LOST, "Workers that were lost and replaced");
    describe_histogram!(SESSION_LIFE, Unit::Seconds, "How long sessions lived");
}
