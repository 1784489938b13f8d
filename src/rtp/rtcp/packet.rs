//! A datagram of RTCP, packet by packet.

use rtcp_types::prelude::{FciParser, RtcpPacket, RtcpPacketParser};
use rtcp_types::{
    App, Bye, Fir, Nack, PayloadFeedback, Pli, ReceiverReport, RtcpParseError, Sdes, SdesItem,
    SenderReport, TransportFeedback, Twcc, Xr,
};

use super::congestion::CongestionFeedback;
use super::remb::Remb;

/// The common header (RFC 3550 §6.4.1).
const HEADER: usize = 4;

/// One packet of a datagram.
#[derive(Debug)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// A sender's report.
    SenderReport(SenderReport<'a>),
    /// A receiver's report.
    ReceiverReport(ReceiverReport<'a>),
    /// Names of sources, such as the CNAME.
    SourceDescription(Sdes<'a>),
    /// Sources that leave.
    Goodbye(Bye<'a>),
    /// Whatever the application wants.
    Application(App<'a>),
    /// Extended reports (RFC 3611).
    ExtendedReport(Xr<'a>),
    /// Packets of `media_ssrc` that were lost, to be sent again (RFC 4585 §6.2.1).
    Nack {
        /// Who lost them.
        sender_ssrc: u32,
        /// Whose they are.
        media_ssrc: u32,
        /// Their sequence numbers.
        lost: Nack<'a>,
    },
    /// A key frame of `media_ssrc` is wanted because a picture was lost (RFC 4585 §6.3.1).
    PictureLoss {
        /// Who wants it.
        sender_ssrc: u32,
        /// Of whom.
        media_ssrc: u32,
    },
    /// Key frames are wanted (RFC 5104 §4.3.1).
    FullIntraRequest {
        /// Who wants them.
        sender_ssrc: u32,
        /// Of whom, each with a number that grows with each request.
        requests: Fir<'a>,
    },
    /// When the packets of all streams arrived, by their transport-wide numbers.
    TransportWide {
        /// Who tells.
        sender_ssrc: u32,
        /// Arrivals.
        arrivals: Twcc<'a>,
    },
    /// When packets arrived, by their sequence numbers (RFC 8888).
    CongestionFeedback(CongestionFeedback<'a>),
    /// What its receiver estimates that it can receive.
    Remb(Remb),
    /// A packet of another type or format.
    Other {
        /// The packet type, 192 to 223.
        packet_type: u8,
        /// The count or format, 0 to 31.
        count: u8,
    },
}

/// Why a packet cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RtcpError {
    /// The version is not 2.
    #[error("not RTCP of version 2")]
    Version,
    /// It ends before its length says. Nothing can be read behind it.
    #[error("the datagram ends within a packet")]
    Truncated,
    /// Its contents are not those of its type.
    #[error("the packet is not of its type's form")]
    Malformed,
}

impl RtcpError {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            RtcpError::Version => "version",
            RtcpError::Truncated => "truncated",
            RtcpError::Malformed => "malformed",
        }
    }
}

impl From<RtcpParseError> for RtcpError {
    fn from(error: RtcpParseError) -> Self {
        match error {
            RtcpParseError::UnsupportedVersion(_) => RtcpError::Version,
            _ => RtcpError::Malformed,
        }
    }
}

/// The packets of a datagram in their order. One that is malformed is an error, and the next is
/// read; behind one that is cut off, or of another version, there is nothing more.
pub fn packets(datagram: &[u8]) -> Packets<'_> {
    Packets { rest: datagram }
}

/// See [`packets`].
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let rest = std::mem::take(&mut self.rest);
        let Some(header) = rest.first_chunk::<HEADER>() else {
            return Some(Err(RtcpError::Truncated));
        };
        if header[0] >> 6 != 2 {
            return Some(Err(RtcpError::Version));
        }
        let words = usize::from(u16::from_be_bytes([header[2], header[3]])) + 1;
        let Some((packet, rest)) = rest.split_at_checked(words * 4) else {
            return Some(Err(RtcpError::Truncated));
        };
        self.rest = rest;
        Some(read(packet, header[1], header[0] & 0x1F))
    }
}

fn read(packet: &[u8], packet_type: u8, count: u8) -> Result<Packet<'_>, RtcpError> {
    if !padding_fits(packet, packet_type) {
        return Err(RtcpError::Malformed);
    }
    Ok(match packet_type {
        SenderReport::PACKET_TYPE => Packet::SenderReport(SenderReport::parse(packet)?),
        ReceiverReport::PACKET_TYPE => Packet::ReceiverReport(ReceiverReport::parse(packet)?),
        Sdes::PACKET_TYPE => Packet::SourceDescription(source_description(packet)?),
        Bye::PACKET_TYPE => Packet::Goodbye(Bye::parse(packet)?),
        App::PACKET_TYPE => Packet::Application(App::parse(packet)?),
        Xr::PACKET_TYPE => Packet::ExtendedReport(Xr::parse(packet)?),
        TransportFeedback::PACKET_TYPE if count == CongestionFeedback::FORMAT => {
            let feedback =
                CongestionFeedback::parse(without_padding(packet)).ok_or(RtcpError::Malformed)?;
            Packet::CongestionFeedback(feedback)
        }
        TransportFeedback::PACKET_TYPE => transport_feedback(packet, count)?,
        PayloadFeedback::PACKET_TYPE => payload_feedback(packet, count)?,
        _ => Packet::Other { packet_type, count },
    })
}

/// The bytes of padding at the end of a packet (RFC 3550 §6.4.1).
fn padding(packet: &[u8]) -> Option<usize> {
    match packet {
        [first, .., padding] if first & 0x20 != 0 => Some((*padding).into()),
        _ => None,
    }
}

/// Whether the padding leaves what a packet of its type has at least. rtcp-types 0.3 looks only
/// whether there is any, and panics where contents are read that it reaches into.
fn padding_fits(packet: &[u8], packet_type: u8) -> bool {
    let least = match packet_type {
        SenderReport::PACKET_TYPE => SenderReport::MIN_PACKET_LEN,
        ReceiverReport::PACKET_TYPE => ReceiverReport::MIN_PACKET_LEN,
        App::PACKET_TYPE => App::MIN_PACKET_LEN,
        Xr::PACKET_TYPE => Xr::MIN_PACKET_LEN,
        TransportFeedback::PACKET_TYPE | PayloadFeedback::PACKET_TYPE => {
            TransportFeedback::MIN_PACKET_LEN
        }
        _ => HEADER,
    };
    padding(packet).is_none_or(|padding| padding > 0 && packet.len() >= least + padding)
}

/// A packet whose padding fits, without it.
fn without_padding(packet: &[u8]) -> &[u8] {
    &packet[..packet.len() - padding(packet).unwrap_or(0)]
}

/// The formats of RFC 4585 §6.2 that are known.
fn transport_feedback(packet: &[u8], count: u8) -> Result<Packet<'_>, RtcpError> {
    let feedback = TransportFeedback::parse(packet)?;
    let (sender_ssrc, media_ssrc) = (feedback.sender_ssrc(), feedback.media_ssrc());
    let contents = &without_padding(packet)[TransportFeedback::MIN_PACKET_LEN..];
    Ok(match count {
        1 => Packet::Nack {
            sender_ssrc,
            media_ssrc,
            lost: Nack::parse(contents)?,
        },
        15 => Packet::TransportWide {
            sender_ssrc,
            arrivals: Twcc::parse(contents)?,
        },
        _ => Packet::Other {
            packet_type: TransportFeedback::PACKET_TYPE,
            count,
        },
    })
}

/// The formats of RFC 4585 §6.3 that are known.
fn payload_feedback(packet: &[u8], count: u8) -> Result<Packet<'_>, RtcpError> {
    let feedback = PayloadFeedback::parse(packet)?;
    let (sender_ssrc, media_ssrc) = (feedback.sender_ssrc(), feedback.media_ssrc());
    let contents = &without_padding(packet)[TransportFeedback::MIN_PACKET_LEN..];
    Ok(match count {
        1 => {
            Pli::parse(contents)?;
            Packet::PictureLoss {
                sender_ssrc,
                media_ssrc,
            }
        }
        4 => Packet::FullIntraRequest {
            sender_ssrc,
            requests: Fir::parse(contents)?,
        },
        // The format is the application's; REMB says that it is one.
        Remb::FORMAT => match Remb::parse(packet) {
            Some(remb) => Packet::Remb(remb),
            None => Packet::Other {
                packet_type: PayloadFeedback::PACKET_TYPE,
                count,
            },
        },
        _ => Packet::Other {
            packet_type: PayloadFeedback::PACKET_TYPE,
            count,
        },
    })
}

/// rtcp-types 0.3 lets a PRIV item pass whose prefix is longer than the item, and panics where its
/// value is read.
fn source_description(packet: &[u8]) -> Result<Sdes<'_>, RtcpError> {
    let description = Sdes::parse(packet)?;
    let fits = |item: &SdesItem<'_>| {
        item.type_() != SdesItem::PRIV || usize::from(item.priv_prefix_len()) < item.length()
    };
    let fit = description.chunks().all(|chunk| chunk.items().all(fits));
    if fit {
        Ok(description)
    } else {
        Err(RtcpError::Malformed)
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
