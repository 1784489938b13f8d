//! What can be wrong with keys and packets.

/// Keys that no context can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The master key has another length than the profile's.
    #[error("the master key has the wrong length")]
    KeyLength,
    /// The master salt has another length than the profile's.
    #[error("the master salt has the wrong length")]
    SaltLength,
    /// The cryptographic library does not take the key.
    #[error("the key cannot be used")]
    Unusable,
}

impl KeyError {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyError::KeyLength => "key_length",
            KeyError::SaltLength => "salt_length",
            KeyError::Unusable => "unusable",
        }
    }
}

/// Why a packet is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// It has no whole header of RTP or RTCP.
    #[error("not a packet of RTP or RTCP")]
    Malformed,
    /// Behind the packet there is no room for tag and trailer.
    #[error("no room for the authentication tag")]
    NoRoom,
    /// Its SSRC is new, and there is state for [`Config::max_streams`](super::Config::max_streams)
    /// others.
    #[error("too many SSRCs")]
    TooManyStreams,
    /// A packet of this SSRC and sequence number was sent. Another one under the same index would
    /// give away both (RFC 3711 §9.1): retransmissions go on an SSRC of their own (RFC 4588).
    #[error("the sequence number was used")]
    Repeated,
    /// So far behind the newest packet of its SSRC that it is not known whether it was sent.
    #[error("the sequence number is too old")]
    TooOld,
    /// The indexes are used up: 2^48 packets of RTP or 2^31 of RTCP (RFC 3711 §9.2).
    #[error("the key is used up")]
    KeyExhausted,
}

impl ProtectError {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            ProtectError::Malformed => "malformed",
            ProtectError::NoRoom => "no_room",
            ProtectError::TooManyStreams => "too_many_streams",
            ProtectError::Repeated => "repeated",
            ProtectError::TooOld => "too_old",
            ProtectError::KeyExhausted => "key_exhausted",
        }
    }
}

/// Why a packet is not believed. None of them changes what is known of any stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UnprotectError {
    /// It has no whole header of RTP or RTCP, or no tag.
    #[error("not a packet of SRTP or SRTCP")]
    Malformed,
    /// Its SSRC is new, and there is state for [`Config::max_streams`](super::Config::max_streams)
    /// others.
    #[error("too many SSRCs")]
    TooManyStreams,
    /// A packet of this index came before.
    #[error("replayed")]
    Replayed,
    /// So far behind the newest packet of its SSRC that it is not known whether it came before.
    #[error("too old to tell whether it is a replay")]
    TooOld,
    /// Its tag is not that of the key: forged, damaged, of another session, or with an MKI, which
    /// we never negotiate.
    #[error("not authentic")]
    NotAuthentic,
}

impl UnprotectError {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            UnprotectError::Malformed => "malformed",
            UnprotectError::TooManyStreams => "too_many_streams",
            UnprotectError::Replayed => "replayed",
            UnprotectError::TooOld => "too_old",
            UnprotectError::NotAuthentic => "not_authentic",
        }
    }
}
