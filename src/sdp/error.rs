//! What can be wrong with a description, as types and as sentences.

use sdp_types::ParserError;

/// Why a description or fragment of the peer cannot be used. The text is one sentence for the
/// person who wrote the peer: what was wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// Longer than [`MAX_DESCRIPTION_SIZE`](super::MAX_DESCRIPTION_SIZE) or
    /// [`MAX_FRAGMENT_SIZE`](super::MAX_FRAGMENT_SIZE).
    #[error("the text has {size} bytes; at most {limit} are read")]
    TooLarge {
        /// Bytes that were given.
        size: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// Does not begin like an SDP.
    #[error("this is no SDP: its first line must be \"v=0\", followed by o=, s= and t= lines")]
    NotSdp,
    /// A line that is not of SDP's grammar.
    #[error(
        "line {line} is not valid SDP ({what}); each line is one letter, \"=\" and a value as RFC 8866 defines it"
    )]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// The field that is wrong.
        what: &'static str,
    },
    /// More of something than is read.
    #[error("there are more than {limit} {what}; at most {limit} are read")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// No m-section for data channels.
    #[error(
        "none of the {media} m= lines offers data channels: one must read \"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\" (in a browser, call createDataChannel before createOffer)"
    )]
    NoDataChannels {
        /// How many m-sections there were.
        media: usize,
    },
    /// No m-section of data channels, audio or video that is not stopped.
    #[error(
        "none of the {media} m= lines is usable: each has port 0, or is neither of data channels nor of audio or video"
    )]
    NothingUsable {
        /// How many m-sections there were.
        media: usize,
    },
    /// The m-section for data channels has port 0.
    #[error(
        "the m=application line has port 0, which refuses data channels; an accepted one has port 9 or that of a candidate"
    )]
    DataChannelsRejected,
    /// `ice-ufrag` or `ice-pwd` is missing.
    #[error(
        "a={attribute} is missing: the m=application section or the session must carry both a=ice-ufrag and a=ice-pwd"
    )]
    MissingIceCredential {
        /// Which of the two.
        attribute: &'static str,
    },
    /// `ice-ufrag` or `ice-pwd` is too short or too long.
    #[error("a={attribute} has {length} characters; RFC 8839 asks for {least} to 256")]
    IceCredentialLength {
        /// Which of the two.
        attribute: &'static str,
        /// Its length.
        length: usize,
        /// The least length.
        least: usize,
    },
    /// `ice-ufrag` or `ice-pwd` has a character that is not allowed.
    #[error(
        "a={attribute} has a character that is not allowed; only letters, digits, \"+\" and \"/\" are"
    )]
    IceCredentialCharacter {
        /// Which of the two.
        attribute: &'static str,
    },
    /// No fingerprint: the peer's certificate could not be verified.
    #[error(
        "a=fingerprint is missing: without it the peer's certificate cannot be verified; \"a=fingerprint:sha-256 \" and 32 bytes in hexadecimal are needed"
    )]
    MissingFingerprint,
    /// A fingerprint that cannot be read.
    #[error(
        "a=fingerprint:{found:?} cannot be read; it must be a hash function, a space, and pairs of hexadecimal digits with colons between"
    )]
    Fingerprint {
        /// Its beginning.
        found: String,
    },
    /// `a=setup` is unknown.
    #[error("a=setup:{found:?} is not usable; it must be actpass, active or passive")]
    Setup {
        /// Its beginning.
        found: String,
    },
    /// `a=setup:actpass` in an answer.
    #[error("the answer says a=setup:actpass; an answer must choose active or passive")]
    SetupUndecided,
    /// `a=sctp-port` (or the port of the old `DTLS/SCTP` form) cannot be used.
    #[error(
        "the SCTP port {found:?} is not usable; it must be a number from 1 to 65535, commonly 5000"
    )]
    SctpPort {
        /// Its beginning.
        found: String,
    },
    /// `a=max-message-size` is not a number.
    #[error("a=max-message-size:{found:?} is not a number of bytes")]
    MaxMessageSize {
        /// Its beginning.
        found: String,
    },
    /// Audio or video outside of the BUNDLE group that carries the rest.
    #[error(
        "m= line {section} is in no BUNDLE group with the others: all media and data must share one transport (in a browser, leave bundlePolicy as it is)"
    )]
    NotBundled {
        /// The m-section, counted from 1.
        section: usize,
    },
    /// Audio or video without `a=rtcp-mux`.
    #[error("m= line {section} has no a=rtcp-mux: RTP and RTCP must share one port")]
    NoRtcpMux {
        /// The m-section, counted from 1.
        section: usize,
    },
    /// `a=mid` is not a token.
    #[error("a=mid:{found:?} is not an identifier of letters and digits")]
    Mid {
        /// Its beginning.
        found: String,
    },
}

impl SdpError {
    /// The reason as a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            SdpError::TooLarge { .. } => "too_large",
            SdpError::NotSdp => "not_sdp",
            SdpError::Syntax { .. } => "syntax",
            SdpError::TooMany { .. } => "too_many",
            SdpError::NoDataChannels { .. } => "no_data_channels",
            SdpError::NothingUsable { .. } => "nothing_usable",
            SdpError::DataChannelsRejected => "data_channels_rejected",
            SdpError::MissingIceCredential { .. } => "missing_ice_credential",
            SdpError::IceCredentialLength { .. } => "ice_credential_length",
            SdpError::IceCredentialCharacter { .. } => "ice_credential_character",
            SdpError::MissingFingerprint => "missing_fingerprint",
            SdpError::Fingerprint { .. } => "fingerprint",
            SdpError::Setup { .. } => "setup",
            SdpError::SetupUndecided => "setup_undecided",
            SdpError::SctpPort { .. } => "sctp_port",
            SdpError::MaxMessageSize { .. } => "max_message_size",
            SdpError::NotBundled { .. } => "not_bundled",
            SdpError::NoRtcpMux { .. } => "no_rtcp_mux",
            SdpError::Mid { .. } => "mid",
        }
    }

    /// From the parser's error; `skipped` lines were put before the peer's text.
    pub(super) fn from_parser(error: &ParserError, skipped: usize) -> SdpError {
        let (line, what) = match *error {
            ParserError::NoVersion | ParserError::InvalidVersion(..) => return SdpError::NotSdp,
            ParserError::InvalidLineFormat(line, what)
            | ParserError::InvalidFieldEncoding(line, what)
            | ParserError::InvalidFieldFormat(line, what)
            | ParserError::MissingField(line, what)
            | ParserError::FieldTrailingData(line, what) => (line, what),
            ParserError::MultipleVersions(line) => (line, "a second v= line"),
            ParserError::MultipleOrigins(line) => (line, "a second o= line"),
            ParserError::MultipleSessionNames(line) => (line, "a second s= line"),
            ParserError::MultipleSessionDescription(line)
            | ParserError::MultipleMediaTitles(line) => (line, "a second i= line"),
            ParserError::MultipleUris(line) => (line, "a second u= line"),
            ParserError::MultipleConnections(line) => (line, "a second c= line"),
            ParserError::MultipleTimeZones(line) => (line, "a second z= line"),
            ParserError::MultipleKeys(line) => (line, "a second k= line"),
            ParserError::RepeatWithoutTime(line) => (line, "r= without t="),
            // What is left is no longer made by the parser.
            _ => return SdpError::NotSdp,
        };
        match line.saturating_sub(skipped) {
            // Whatever else is wrong with the first line: it is not `v=0`.
            1 if skipped == 0 => SdpError::NotSdp,
            line => SdpError::Syntax { line, what },
        }
    }
}

/// The beginning of the peer's words, short enough to be shown.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}
