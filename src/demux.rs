//! Telling the protocols on one port apart by their first byte (RFC 7983).

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

#[cfg(test)]
#[path = "demux_tests.rs"]
mod tests;
