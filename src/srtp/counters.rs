//! What contexts counted.

use super::error::{ProtectError, UnprotectError};
use crate::demux::Media;

/// Totals of packets that were protected, or unprotected, since a context was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Packets of RTP.
    pub rtp_packets: u64,
    /// Their bytes in clear text, headers among them.
    pub rtp_bytes: u64,
    /// Datagrams of RTCP.
    pub rtcp_packets: u64,
    /// Their bytes in clear text, headers among them.
    pub rtcp_bytes: u64,
}

impl Traffic {
    pub(super) fn count(&mut self, kind: Media, bytes: usize) {
        let (packets, total) = match kind {
            Media::Rtp => (&mut self.rtp_packets, &mut self.rtp_bytes),
            Media::Rtcp => (&mut self.rtcp_packets, &mut self.rtcp_bytes),
        };
        *packets += 1;
        *total += bytes as u64;
    }
}

/// What a [`SendContext`](super::SendContext) counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SendCounters {
    /// What was protected.
    pub protected: Traffic,
    /// See [`ProtectError::Malformed`].
    pub malformed: u64,
    /// See [`ProtectError::NoRoom`].
    pub no_room: u64,
    /// See [`ProtectError::TooManyStreams`].
    pub too_many_streams: u64,
    /// See [`ProtectError::Repeated`].
    pub repeated: u64,
    /// See [`ProtectError::TooOld`].
    pub too_old: u64,
    /// See [`ProtectError::KeyExhausted`].
    pub key_exhausted: u64,
}

impl SendCounters {
    pub(super) fn refused(&mut self, error: ProtectError) {
        *match error {
            ProtectError::Malformed => &mut self.malformed,
            ProtectError::NoRoom => &mut self.no_room,
            ProtectError::TooManyStreams => &mut self.too_many_streams,
            ProtectError::Repeated => &mut self.repeated,
            ProtectError::TooOld => &mut self.too_old,
            ProtectError::KeyExhausted => &mut self.key_exhausted,
        } += 1;
    }
}

/// What a [`ReceiveContext`](super::ReceiveContext) counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiveCounters {
    /// What was authentic.
    pub unprotected: Traffic,
    /// See [`UnprotectError::Malformed`].
    pub malformed: u64,
    /// See [`UnprotectError::TooManyStreams`].
    pub too_many_streams: u64,
    /// See [`UnprotectError::Replayed`].
    pub replayed: u64,
    /// See [`UnprotectError::TooOld`].
    pub too_old: u64,
    /// See [`UnprotectError::NotAuthentic`].
    pub not_authentic: u64,
}

impl ReceiveCounters {
    pub(super) fn refused(&mut self, error: UnprotectError) {
        *match error {
            UnprotectError::Malformed => &mut self.malformed,
            UnprotectError::TooManyStreams => &mut self.too_many_streams,
            UnprotectError::Replayed => &mut self.replayed,
            UnprotectError::TooOld => &mut self.too_old,
            UnprotectError::NotAuthentic => &mut self.not_authentic,
        } += 1;
    }
}
