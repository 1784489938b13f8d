//! Telling the protocols on one port apart by their first byte (RFC 7983), and RTP and RTCP by
//! their second (RFC 5761).

use crate::net::{Path, Segments};

/// What a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// STUN, the checks of ICE among them (0–3).
    Stun,
    /// DTLS, and so all data channels (20–63).
    Dtls,
    /// ChannelData of TURN (64–79).
    TurnChannel,
    /// RTP or RTCP, protected by SRTP (128–191).
    Rtp,
}

/// What the first byte says, `None` for an empty datagram and for a byte of no known protocol.
pub fn classify(datagram: &[u8]) -> Option<Kind> {
    // RFC 7983 §7
    match datagram.first()? {
        0..=3 => Some(Kind::Stun),
        20..=63 => Some(Kind::Dtls),
        64..=79 => Some(Kind::TurnChannel),
        128..=191 => Some(Kind::Rtp),
        _ => None,
    }
}

/// Datagrams of one protocol that came along one path. Of STUN it is a single one: each names its
/// own receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Where they came from, and to.
    pub path: Path,
    /// What they are.
    pub kind: Kind,
    /// Themselves.
    pub segments: Segments,
}

/// Sorts what came along a path by protocol, in order. What stays together is not copied, and a
/// batch of one protocol, which is the rule, is not taken apart. Returns how many datagrams are of
/// no known protocol: they are left out.
pub fn sort(path: Path, segments: Segments, mut to: impl FnMut(Received)) -> usize {
    let mut hand = |kind: Option<Kind>, segments: Segments| match kind {
        Some(kind) => {
            to(Received {
                path,
                kind,
                segments,
            });
            0
        }
        None => segments.count(),
    };
    let size = segments.segment_size().max(1);
    let contents = segments.contents();
    let mut datagrams = contents.chunks(size).map(classify).enumerate();
    let Some((_, mut kind)) = datagrams.next() else {
        return 0;
    };
    let (mut begin, mut unknown) = (0, 0);
    for (number, next) in datagrams {
        if next != kind || kind == Some(Kind::Stun) {
            let run = contents.slice(begin * size..number * size);
            unknown += hand(kind, Segments::new(run, size));
            (begin, kind) = (number, next);
        }
    }
    unknown
        + match begin {
            0 => hand(kind, segments),
            begin => hand(kind, Segments::new(contents.slice(begin * size..), size)),
        }
}

/// What a datagram of [`Kind::Rtp`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Media {
    /// RTP, or SRTP.
    Rtp,
    /// RTCP, or SRTCP.
    Rtcp,
}

impl Media {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Media::Rtp => "rtp",
            Media::Rtcp => "rtcp",
        }
    }
}

/// Tells RTP and RTCP on one port apart by their second byte, protected or not; `None` when it is
/// neither. Payload types 64 to 95 must not be used where they are multiplexed.
pub fn media(datagram: &[u8]) -> Option<Media> {
    // RFC 5761 §4: packet types of RTCP are 192 to 223, and version 2 is in the first byte.
    match (classify(datagram)?, datagram.get(1)?) {
        (Kind::Rtp, 192..=223) => Some(Media::Rtcp),
        (Kind::Rtp, _) => Some(Media::Rtp),
        _ => None,
    }
}

#[cfg(test)]
#[path = "demux_tests.rs"]
mod tests;
