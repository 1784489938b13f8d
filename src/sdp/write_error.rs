//! What can be wrong with what we say ourselves.

use super::types::Setup;

/// Why a description of our own cannot be written: the caller's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpWriteError {
    /// No fingerprint of the local certificate was given.
    #[error("a description needs a fingerprint of the local certificate")]
    NoFingerprints,
    /// The ufrag or password is not of RFC 8839's form.
    #[error("the local ICE user name fragment or password is not of RFC 8839's form")]
    IceCredentials,
    /// This `setup` cannot be written here: offers say `actpass`, an answer fits its offer.
    #[error(
        "setup {0} cannot be written here: an offer says actpass, an answer what its offer allows"
    )]
    Setup(Setup),
    /// An answer to an m-section that was not offered, or does not use the transport.
    #[error("there is no m-section of this identification to be answered")]
    UnknownSection,
    /// An answer with a payload type that was not offered, or retransmits one that is not answered.
    #[error("payload type {0} was not offered, or retransmits one that is not answered")]
    PayloadType(u8),
    /// An answer without a codec that carries media.
    #[error("an m-section that is accepted needs a codec")]
    NoCodecs,
    /// An answer with a header extension that was not offered.
    #[error("the header extension {0} was not offered")]
    Extension(u8),
    /// An answer with a layer that was not offered.
    #[error("the layer was not offered")]
    Rid,
    /// An answer to an m-section that was offered without `a=rtcp-mux`.
    #[error("an m-section without a=rtcp-mux cannot be accepted")]
    RtcpMux,
    /// A candidate, fingerprint or mid has a line break or is no such thing.
    #[error("a candidate line, fingerprint or mid is malformed")]
    Malformed,
}

impl SdpWriteError {
    /// The reason as a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            SdpWriteError::NoFingerprints => "no_fingerprints",
            SdpWriteError::IceCredentials => "ice_credentials",
            SdpWriteError::Setup(_) => "setup",
            SdpWriteError::UnknownSection => "unknown_section",
            SdpWriteError::PayloadType(_) => "payload_type",
            SdpWriteError::NoCodecs => "no_codecs",
            SdpWriteError::Extension(_) => "extension",
            SdpWriteError::Rid => "rid",
            SdpWriteError::RtcpMux => "rtcp_mux",
            SdpWriteError::Malformed => "malformed",
        }
    }
}
