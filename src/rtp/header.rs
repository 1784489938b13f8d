//! The header of an RTP packet (RFC 3550 §5.1).

use std::ops::Range;

use rtp_types::{RtpPacket, RtpParseError};

use super::extension::Extensions;

/// Version, counts and fields up to the SSRC.
const FIXED: usize = 12;

/// The length of a packet's header with its CSRCs and its extension, which is all that SRTP leaves
/// in clear text; `None` when the packet is not of version 2 or ends before its header does.
pub fn header_len(packet: &[u8]) -> Option<usize> {
    let fixed = packet.first_chunk::<FIXED>()?;
    if fixed[0] >> 6 != 2 {
        return None;
    }
    let mut len = FIXED + 4 * usize::from(fixed[0] & 0x0F);
    if fixed[0] & 0x10 != 0 {
        let words = packet.get(len + 2..len + 4)?;
        len += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (len <= packet.len()).then_some(len)
}

/// Why a packet cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RtpError {
    /// The version is not 2.
    #[error("not RTP of version 2")]
    Version,
    /// It ends before its header, or its padding begins before its payload does.
    #[error("the packet is too short for what its header says")]
    Truncated,
    /// It has the padding bit and a padding of no bytes.
    #[error("the padding has no length")]
    Padding,
}

impl RtpError {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            RtpError::Version => "version",
            RtpError::Truncated => "truncated",
            RtpError::Padding => "padding",
        }
    }
}

impl From<RtpParseError> for RtpError {
    fn from(error: RtpParseError) -> Self {
        match error {
            RtpParseError::UnsupportedVersion(_) => RtpError::Version,
            RtpParseError::Truncated { .. } => RtpError::Truncated,
            RtpParseError::PaddingInvalid(_) => RtpError::Padding,
        }
    }
}

/// What the header of a packet says, and where the rest of it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The marker bit, whose meaning is the payload type's: for video the last packet of a frame.
    pub marker: bool,
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence_number: u16,
    /// The timestamp, in units of the payload type's clock rate.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
    /// How many contributing sources there are, 0 to 15.
    pub csrc_count: u8,
    /// The identifier of the extension block's form, and where its contents are.
    pub extension: Option<(u16, Range<usize>)>,
    /// Where the payload is, without padding.
    pub payload: Range<usize>,
    /// The bytes of padding behind the payload.
    pub padding: u8,
}

impl Header {
    /// Reads the header of a whole packet.
    ///
    /// # Errors
    /// [`RtpError`].
    pub fn parse(packet: &[u8]) -> Result<Header, RtpError> {
        let parsed = RtpPacket::parse(packet)?;
        let payload = parsed.payload_offset();
        let padding = parsed.padding().unwrap_or(0);
        Ok(Header {
            marker: parsed.marker_bit(),
            payload_type: parsed.payload_type(),
            sequence_number: parsed.sequence_number(),
            timestamp: parsed.timestamp(),
            ssrc: parsed.ssrc(),
            csrc_count: parsed.n_csrcs(),
            extension: parsed
                .extension()
                .map(|(form, contents)| (form, payload - contents.len()..payload)),
            payload: payload..packet.len() - usize::from(padding),
            padding,
        })
    }

    /// The header extensions, in their order, of the packet that this is the header of.
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        let block = self.extension.as_ref();
        let block = block.and_then(|(form, range)| Some((*form, packet.get(range.clone())?)));
        let (form, contents) = block.unwrap_or((0, &[]));
        Extensions::new(form, contents)
    }
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
