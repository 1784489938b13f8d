//! RTP and RTCP in clear text: what packets say, and whose they are.
//!
//! Packets are never copied: [`Header::parse`] says where in the packet its parts are, and
//! [`rtcp::packets`] borrows. Both are built on `rtp-types` and `rtcp-types`, whose writers are
//! re-exported; header extensions (RFC 8285), REMB and RFC 8888, which they lack, are here.
//!
//! [`Tracks`] associates packets with the m-sections of a description, by MID, RID and SSRC.

mod extension;
mod header;
mod known;
mod ntp;
pub mod rtcp;
mod tracks;

pub use extension::{ExtensionBlock, Extensions};
pub use header::{Header, RtpError, header_len};
pub use known::{ExtensionIds, ExtensionKind};
pub use ntp::{NtpTime, round_trip_time};
pub use rtp_types::{RtpPacketBuilder, RtpPacketMut, RtpWriteError};
pub use tracks::{Name, PayloadRole, Section, Stream, Tracks, Unassociated};
