//! Congestion control feedback (RFC 8888).

use std::time::Duration;

/// Header and the sender's SSRC in front, the report's timestamp behind the streams.
const FRONT: usize = 8;
const TIMESTAMP: usize = 4;
/// SSRC, first sequence number and how many there are.
const STREAM: usize = 8;
/// The arrival time offsets that mean "longer ago" and "not known" (RFC 8888 §3.1).
const OVER_RANGE: u16 = 0x1FFE;
const UNKNOWN: u16 = 0x1FFF;

/// Which packets of which streams arrived, and how long before the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CongestionFeedback<'a> {
    /// Who tells.
    pub sender_ssrc: u32,
    /// When it was told: the middle 32 bits of NTP time.
    pub timestamp: u32,
    streams: &'a [u8],
}

/// What is told of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamMetrics<'a> {
    /// Whose packets.
    pub ssrc: u32,
    /// The sequence number of the first metric; each next is of the next.
    pub begin: u16,
    metrics: &'a [u8],
}

/// What is told of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketMetric {
    /// The bits of explicit congestion notification that it arrived with.
    pub ecn: u8,
    /// How long before the report it arrived, `None` when that is more than eight seconds, or not
    /// known.
    pub before: Option<Duration>,
}

impl<'a> CongestionFeedback<'a> {
    /// The format of a transport-layer feedback.
    pub(super) const FORMAT: u8 = 11;

    /// From a whole packet of RTCP; `None` when its blocks do not fill it.
    pub(super) fn parse(packet: &'a [u8]) -> Option<CongestionFeedback<'a>> {
        let (front, rest) = packet.split_first_chunk::<FRONT>()?;
        let (streams, timestamp) = rest.split_last_chunk::<TIMESTAMP>()?;
        let feedback = CongestionFeedback {
            sender_ssrc: u32::from_be_bytes([front[4], front[5], front[6], front[7]]),
            timestamp: u32::from_be_bytes(*timestamp),
            streams,
        };
        let mut rest = streams;
        while !rest.is_empty() {
            rest = stream(rest)?.1;
        }
        Some(feedback)
    }

    /// The streams that are told of.
    pub fn streams(&self) -> impl Iterator<Item = StreamMetrics<'a>> + use<'a> {
        let mut rest = self.streams;
        std::iter::from_fn(move || {
            let (metrics, behind) = stream(rest)?;
            rest = behind;
            Some(metrics)
        })
    }
}

impl<'a> StreamMetrics<'a> {
    /// Each packet's sequence number, and what is told of it: `None` when it did not arrive.
    pub fn packets(&self) -> impl Iterator<Item = (u16, Option<PacketMetric>)> + use<'a> {
        let begin = self.begin;
        let metrics = self.metrics.chunks_exact(2).enumerate();
        metrics.map(move |(at, metric)| {
            let metric = u16::from_be_bytes([metric[0], metric[1]]);
            let arrived = metric & 0x8000 != 0;
            let offset = metric & 0x1FFF;
            let before = match offset {
                OVER_RANGE | UNKNOWN => None,
                offset => Some(Duration::from_nanos(
                    u64::from(offset) * 1_000_000_000 / 1_024,
                )),
            };
            let ecn = (metric >> 13 & 3) as u8;
            let number = begin.wrapping_add(at as u16);
            (number, arrived.then_some(PacketMetric { ecn, before }))
        })
    }
}

/// The first stream of a report, and what is behind it.
fn stream(blocks: &[u8]) -> Option<(StreamMetrics<'_>, &[u8])> {
    let (front, rest) = blocks.split_first_chunk::<STREAM>()?;
    let count = usize::from(u16::from_be_bytes([front[6], front[7]]));
    let (metrics, rest) = rest.split_at_checked(count * 2)?;
    // RFC 8888 §3.1: an odd number of metrics is padded.
    let rest = rest.get(count % 2 * 2..)?;
    let stream = StreamMetrics {
        ssrc: u32::from_be_bytes([front[0], front[1], front[2], front[3]]),
        begin: u16::from_be_bytes([front[4], front[5]]),
        metrics,
    };
    Some((stream, rest))
}

#[cfg(test)]
#[path = "congestion_tests.rs"]
mod tests;
