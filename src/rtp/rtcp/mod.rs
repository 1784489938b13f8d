//! RTCP (RFC 3550 §6) in clear text.
//!
//! [`packets`] takes a compound packet, or one of reduced size (RFC 5506), apart. To write one,
//! there are the builders of `rtcp-types`, with [`Remb`] and [`CongestionFeedback`] beside them.

mod congestion;
mod packet;
mod remb;

pub use congestion::{CongestionFeedback, PacketMetric, StreamMetrics};
pub use packet::{Packet, Packets, RtcpError, packets};
pub use remb::Remb;
pub use rtcp_types::prelude::{RtcpPacketWriter, RtcpPacketWriterExt};
pub use rtcp_types::{
    App, Bye, Compound, CompoundBuilder, DelaySinceLastReceiverReport, Fir, Nack, PayloadFeedback,
    Pli, ReceiverReferenceTime, ReceiverReport, ReportBlock, RtcpWriteError, Sdes, SdesChunk,
    SdesItem, SenderReport, TransportFeedback, Twcc, TwccPacketStatus, Xr,
};
