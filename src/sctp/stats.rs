//! What an operator can see.

use std::time::Duration;

/// Noise from the network that was dropped, and other things that happen seldom. All count events
/// since the association was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets that are none: too short, a wrong checksum, a chunk that does not fit.
    pub malformed: u64,
    /// Packets for other ports.
    pub wrong_port: u64,
    /// Packets with a verification tag that is not ours (RFC 9260 §8.5).
    pub wrong_tag: u64,
    /// Chunks that make no sense in the state of the association, and whole packets that came
    /// before the association was established or after it ended.
    pub unexpected: u64,
    /// Chunks of a type that we do not know, or that was not agreed on.
    pub unknown_chunks: u64,
    /// ERROR chunks of the peer.
    pub peer_errors: u64,
    /// DATA chunks dropped although they were whole: beyond the window, or without contents.
    pub data_dropped: u64,
    /// DCEP messages that are malformed, of an unknown type or at the wrong time (RFC 8832).
    pub dcep_errors: u64,
    /// Channels of the peer that were refused: too many, or a stream of the wrong parity.
    pub channels_refused: u64,
    /// Messages with a PPID that is no data channel's.
    pub unknown_ppid: u64,
    /// Text messages that were not UTF-8, and were delivered with replacement characters.
    pub invalid_text: u64,
    /// Messages on streams that no channel was opened on, dropped because too many waited.
    pub orphaned_messages: u64,
    /// Messages whose lifetime ended before they were sent.
    pub expired_messages: u64,
}

/// The association in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stats {
    /// SCTP packets received, noise included.
    pub packets_received: u64,
    /// SCTP packets sent.
    pub packets_sent: u64,
    /// Messages of the application received; empty ones too.
    pub messages_received: u64,
    /// Their size in bytes.
    pub bytes_received: u64,
    /// Messages of the application handed to the association.
    pub messages_sent: u64,
    /// Their size in bytes.
    pub bytes_sent: u64,
    /// Channels there are now, those that are closing included.
    pub channels: usize,
    /// Bytes of all channels that wait to be handed to the association.
    pub buffered: usize,
    /// Bytes that were received and not read by the application.
    pub unread: usize,
    /// Bytes sent and not acknowledged, and in how many DATA chunks.
    pub in_flight_bytes: usize,
    /// DATA chunks sent and not acknowledged.
    pub in_flight_chunks: usize,
    /// How many bytes may be under way before more is handed to the association.
    pub send_limit: usize,
    /// The smoothed round trip, `None` before the first.
    pub rtt: Option<Duration>,
    /// The least round trip of late.
    pub min_rtt: Option<Duration>,
    /// The highest rate of late at which the path delivered, in bytes per second. It does not fall
    /// while there is little to send.
    pub delivery_rate: f64,
    /// DATA chunks sent again.
    pub retransmitted_chunks: u64,
    /// Expiries of T3-rtx (RFC 9260 §6.3.3).
    pub timeouts: u64,
    /// DATA chunks sent again by fast retransmit (RFC 9260 §7.2.4).
    pub fast_retransmits: u64,
    /// Noise and rare events.
    pub counters: Counters,
}
