//! The Data Channel Establishment Protocol (RFC 8832).

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::packet::{u16_at, u32_at};
use crate::sctp::config::{ChannelOptions, Priority};

/// RFC 8832 §8.2.1.
const DATA_CHANNEL_ACK: u8 = 0x02;
const DATA_CHANNEL_OPEN: u8 = 0x03;

/// RFC 8832 §5.1: the channel type; the highest bit is for unordered.
const RELIABLE: u8 = 0x00;
const REXMIT: u8 = 0x01;
const TIMED: u8 = 0x02;
const UNORDERED: u8 = 0x80;

/// Type, channel type, priority, reliability parameter, two lengths.
const OPEN_SIZE: usize = 12;

/// A DCEP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sctp) enum Dcep {
    Open(Open),
    Ack,
}

/// DATA_CHANNEL_OPEN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sctp) struct Open {
    pub(in crate::sctp) label: String,
    /// [`ChannelOptions::negotiated`] is `None` here.
    pub(in crate::sctp) options: ChannelOptions,
}

/// Why a DCEP message is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(in crate::sctp) enum DcepError {
    #[error("the message is too short")]
    Truncated,
    #[error("unknown message type {0}")]
    UnknownMessage(u8),
    #[error("unknown channel type {0}")]
    UnknownChannelType(u8),
    #[error("label or protocol is not UTF-8")]
    NotUtf8,
}

impl Dcep {
    pub(in crate::sctp) fn decode(message: &[u8]) -> Result<Dcep, DcepError> {
        match message.first() {
            None => Err(DcepError::Truncated),
            // §5.2: one byte; whatever follows is ignored, as other stacks do.
            Some(&DATA_CHANNEL_ACK) => Ok(Dcep::Ack),
            Some(&DATA_CHANNEL_OPEN) => Open::decode(message).map(Dcep::Open),
            Some(&unknown) => Err(DcepError::UnknownMessage(unknown)),
        }
    }

    /// DATA_CHANNEL_ACK (RFC 8832 §5.2).
    pub(in crate::sctp) fn encode_ack() -> Bytes {
        Bytes::from_static(&[DATA_CHANNEL_ACK])
    }
}

impl Open {
    fn decode(message: &[u8]) -> Result<Open, DcepError> {
        let short = DcepError::Truncated;
        let channel_type = *message.get(1).ok_or(short)?;
        let weight = u16_at(message, 2).ok_or(short)?;
        let parameter = u32_at(message, 4).ok_or(short)?;
        let label_len = usize::from(u16_at(message, 8).ok_or(short)?);
        let protocol_len = usize::from(u16_at(message, 10).ok_or(short)?);
        let label = message.get(OPEN_SIZE..OPEN_SIZE + label_len).ok_or(short)?;
        let protocol = message[OPEN_SIZE + label_len..]
            .get(..protocol_len)
            .ok_or(short)?;
        // The wire has 32 bits, the W3C's numbers have 16.
        let limit = Some(u16::try_from(parameter).unwrap_or(u16::MAX));
        let (max_retransmits, max_packet_lifetime) = match channel_type & !UNORDERED {
            RELIABLE => (None, None),
            REXMIT => (limit, None),
            TIMED => (None, limit),
            _ => return Err(DcepError::UnknownChannelType(channel_type)),
        };
        Ok(Open {
            label: utf8(label)?,
            options: ChannelOptions {
                ordered: channel_type & UNORDERED == 0,
                max_retransmits,
                max_packet_lifetime,
                protocol: utf8(protocol)?,
                negotiated: None,
                priority: Priority::from_weight(weight),
            },
        })
    }

    /// DATA_CHANNEL_OPEN (RFC 8832 §5.1). Label and protocol have at most 65,535 bytes each.
    pub(in crate::sctp) fn encode(label: &str, options: &ChannelOptions) -> Bytes {
        let (reliability, parameter) = match (options.max_retransmits, options.max_packet_lifetime)
        {
            (Some(retransmits), _) => (REXMIT, retransmits),
            (None, Some(lifetime)) => (TIMED, lifetime),
            (None, None) => (RELIABLE, 0),
        };
        let length = |text: &str| u16::try_from(text.len()).unwrap_or(u16::MAX);
        let mut out = BytesMut::with_capacity(OPEN_SIZE + label.len() + options.protocol.len());
        out.put_u8(DATA_CHANNEL_OPEN);
        out.put_u8(reliability | if options.ordered { 0 } else { UNORDERED });
        out.put_u16(options.priority.weight());
        out.put_u32(parameter.into());
        out.put_u16(length(label));
        out.put_u16(length(&options.protocol));
        out.put_slice(label.as_bytes());
        out.put_slice(options.protocol.as_bytes());
        out.freeze()
    }
}

fn utf8(bytes: &[u8]) -> Result<String, DcepError> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| DcepError::NotUtf8)
}

#[cfg(test)]
#[path = "dcep_tests.rs"]
mod tests;
