//! The knobs of an association and of a channel.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::builders::builders;

/// What a side can take, as its session description says it (W3C WebRTC: `RTCSctpCapabilities`;
/// SDP: RFC 8841 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// The largest message in bytes; 0 is no limit. Where a description says nothing it is
    /// [`Capabilities::UNSTATED`].
    pub max_message_size: u32,
}

impl Capabilities {
    /// RFC 8841 §6.1: what holds for a peer whose description says nothing.
    pub const UNSTATED: Capabilities = Capabilities {
        max_message_size: 65_536,
    };
}

impl Default for Capabilities {
    /// [`Capabilities::UNSTATED`].
    fn default() -> Self {
        Capabilities::UNSTATED
    }
}

/// What carries the data of an established association.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SctpEngine {
    /// The crate sctp-proto, behind a guard.
    #[default]
    SctpProto,
    /// An association of our own. Not the default yet.
    Native,
}

impl SctpEngine {
    /// The name in configurations and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            SctpEngine::SctpProto => "sctp-proto",
            SctpEngine::Native => "native",
        }
    }
}

/// How [`SctpEngine::Native`] decides how much may be on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CongestionControl {
    /// By a model of the path, as BBR: what it delivers, and how long that takes without a queue.
    #[default]
    Model,
    /// CUBIC (RFC 9438), for which a loss with an empty queue is none of congestion.
    Cubic,
    /// NewReno, as RFC 9260 §7.2 has it: for comparison.
    NewReno,
}

impl CongestionControl {
    /// The name in configurations and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            CongestionControl::Model => "model",
            CongestionControl::Cubic => "cubic",
            CongestionControl::NewReno => "new-reno",
        }
    }
}

/// The knobs of an [`Association`](super::Association).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// What carries the data. Default: [`SctpEngine::SctpProto`].
    pub sctp_engine: SctpEngine,
    /// How the native engine avoids congestion; sctp-proto has NewReno always. Default:
    /// [`CongestionControl::Model`].
    pub congestion_control: CongestionControl,
    /// Whether to offer message interleaving (RFC 8260), with which a large message does not hold up
    /// the others; the native engine only. Default: no, until it was tried against every stack that
    /// has it.
    pub interleaving: bool,
    /// Whether to offer to take packets without a checksum, since DTLS has a better one, and to send
    /// such to a peer that takes them (RFC 9653); the native engine only. Default: no, as above.
    pub zero_checksum: bool,
    /// Our SCTP port, the `a=sctp-port` of our description. Default: 5000.
    pub local_port: u16,
    /// The largest message in bytes that we take, and that we send even to a peer that takes more.
    /// Default: 262,144. The receive window follows it, so many MiB cost memory per association.
    pub max_message_size: u32,
    /// How many received bytes the association holds that the application has not read; what is
    /// not read keeps the window closed. Default: 2 MiB, and never less than two of the largest
    /// messages. Throughput is at most this per round trip.
    pub receive_window: u32,
    /// How many bytes a channel holds that the association has not taken, before
    /// [`SendError::WouldBlock`](super::SendError::WouldBlock). A message that is larger is taken
    /// when the queue is empty. Default: 1 MiB. More gives no throughput, only memory and delay.
    pub send_queue_limit: usize,
    /// How many channels may exist at once, of both sides together. Default: 1,024. Further ones
    /// of the peer are refused by resetting their stream.
    pub max_channels: u16,
    /// The retransmission timeout before the round trip was measured. Default: 500 ms (RFC 9260
    /// §16 has 1 s, for paths that nobody has tried; this one carried a DTLS handshake).
    pub rto_initial: Duration,
    /// The least retransmission timeout. Default: 200 ms. Less retransmits in vain when the peer
    /// delays its acknowledgement.
    pub rto_min: Duration,
    /// The greatest retransmission timeout. Default: 3 s: a path that comes back after a cut is
    /// noticed in that time. Liveness itself is not SCTP's business: ICE consent decides it.
    pub rto_max: Duration,
    /// How long the handshake may take. Default: 30 s.
    pub handshake_timeout: Duration,
    /// How long [`close`](super::Association::close) waits for the peer to acknowledge what was
    /// sent. Default: 5 s.
    pub close_timeout: Duration,
    /// The largest SCTP packet in bytes. Default: 1,160, which with the 37 bytes of a DTLS 1.2
    /// AES-GCM record fits into a datagram of 1,200. At least 508; rounded down to a multiple of 4.
    pub max_packet_size: u16,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            sctp_engine: SctpEngine::default(),
            congestion_control: CongestionControl::default(),
            interleaving: false,
            zero_checksum: false,
            local_port: 5000,
            max_message_size: 262_144,
            receive_window: 2 << 20,
            send_queue_limit: 1 << 20,
            max_channels: 1024,
            rto_initial: Duration::from_millis(500),
            rto_min: Duration::from_millis(200),
            rto_max: Duration::from_secs(3),
            handshake_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(5),
            max_packet_size: 1160,
        }
    }
}

builders! {
    Config {
        sctp_engine: SctpEngine,
        congestion_control: CongestionControl,
        interleaving: bool,
        zero_checksum: bool,
        local_port: u16,
        max_message_size: u32,
        receive_window: u32,
        send_queue_limit: usize,
        max_channels: u16,
        rto_initial: Duration,
        rto_min: Duration,
        rto_max: Duration,
        handshake_timeout: Duration,
        close_timeout: Duration,
        max_packet_size: u16,
    }
}

/// RFC 8832 §5.1: 12 bytes, and label and protocol of up to 65,535 bytes each.
const MAX_OPEN_SIZE: u32 = 12 + 2 * 65_535;
/// The least packet: with less, more is header than data.
const MIN_PACKET_SIZE: u16 = 508;
/// By how much sctp-proto overfills a packet of several chunks: it does not count the header of
/// the last one.
const BUNDLING_SLACK: u32 = 16;
/// sctp-proto counts common header and one chunk header on top of the payload.
const HEADERS: u32 = 12 + 16;

impl Config {
    /// What our description says.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_message_size: self.max_message_size,
        }
    }

    /// The largest message on the wire that is ours or the peer's, DATA_CHANNEL_OPEN included.
    pub(super) fn max_wire_message(&self) -> u32 {
        self.max_message_size.max(MAX_OPEN_SIZE)
    }

    /// A message that is larger than the window could never be reassembled; and while one waits to
    /// be read, the next must be able to arrive.
    pub(super) fn window(&self) -> u32 {
        self.receive_window
            .max(self.max_wire_message().saturating_mul(2))
    }

    pub(super) fn packet_size(&self) -> usize {
        usize::from(self.max_packet_size.max(MIN_PACKET_SIZE) & !3)
    }

    /// The user data of a full DATA chunk.
    pub(super) fn max_payload(&self) -> u32 {
        // Both are below 65,536.
        self.packet_size() as u32 - HEADERS - BUNDLING_SLACK
    }

    /// The largest message to a peer with these capabilities; `None` before they are known.
    pub(super) fn effective_max_message_size(&self, remote: Option<Capabilities>) -> u32 {
        match remote.unwrap_or(Capabilities::UNSTATED).max_message_size {
            0 => self.max_message_size,
            theirs => theirs.min(self.max_message_size),
        }
    }
}

/// How a channel is made (W3C WebRTC: `RTCDataChannelInit`).
///
/// ```
/// use actix_rtc_proto::sctp::{ChannelOptions, Priority};
///
/// let options = ChannelOptions::default()
///     .ordered(false)
///     .max_retransmits(3)
///     .protocol("chat")
///     .priority(Priority::High);
/// assert_eq!(options.max_retransmits, Some(3));
/// assert_eq!(options.max_retransmits(None).max_packet_lifetime(100).max_packet_lifetime, Some(100));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelOptions {
    /// Whether messages arrive in the order in which they were sent. Default: yes.
    pub ordered: bool,
    /// How often a lost message is sent again, at most. Not together with
    /// [`max_packet_lifetime`](Self::max_packet_lifetime). Default: `None`, until it arrives.
    pub max_retransmits: Option<u16>,
    /// For how many milliseconds a message is sent and sent again, counted from the call of
    /// [`send`](super::Association::send). With 0 it is sent once, if it can leave at once. Default:
    /// `None`, until it arrives.
    pub max_packet_lifetime: Option<u16>,
    /// The subprotocol, at most 65,535 bytes. Default: empty.
    pub protocol: String,
    /// The stream identifier if both sides open the channel by themselves, without a word of it
    /// on the wire; 65,534 at most. Default: `None`: opened by DCEP (RFC 8832), with an identifier
    /// that follows from the DTLS role.
    pub negotiated: Option<u16>,
    /// The share of the channel against the others. Default: [`Priority::Low`].
    pub priority: Priority,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        ChannelOptions {
            ordered: true,
            max_retransmits: None,
            max_packet_lifetime: None,
            protocol: String::new(),
            negotiated: None,
            priority: Priority::default(),
        }
    }
}

builders! {
    ChannelOptions {
        ordered: bool,
        #[doc(alias = "maxRetransmits")]
        max_retransmits: impl Into<Option<u16>>,
        #[doc(alias = "maxPacketLifeTime")]
        max_packet_lifetime: impl Into<Option<u16>>,
        protocol: impl Into<String>,
        negotiated: impl Into<Option<u16>>,
        priority: Priority,
    }
}

/// The share of a channel when several have data to send (W3C WebRTC Priority:
/// `RTCPriorityType`; RFC 8831 §6.4). Each gets twice the bytes of the one before.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Below normal: weight 128.
    VeryLow,
    /// Normal: weight 256.
    #[default]
    Low,
    /// High: weight 512.
    Medium,
    /// Extra high: weight 1024.
    High,
}

impl Priority {
    /// The number in DATA_CHANNEL_OPEN, which is the weight as well.
    pub(super) fn weight(self) -> u16 {
        match self {
            Priority::VeryLow => 128,
            Priority::Low => 256,
            Priority::Medium => 512,
            Priority::High => 1024,
        }
    }

    /// RFC 8831 §6.4 names four numbers and leaves the others open.
    pub(super) fn from_weight(weight: u16) -> Priority {
        match weight {
            0..=128 => Priority::VeryLow,
            129..=256 => Priority::Low,
            257..=512 => Priority::Medium,
            _ => Priority::High,
        }
    }
}
