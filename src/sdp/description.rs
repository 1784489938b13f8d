//! What both sides of a data-channel session say of themselves.

use super::left_out::LeftOut;
use super::types::{Fingerprint, IceCredentials, Setup};

/// One side's description of its data-channel transport: ours to be written, or the peer's that
/// was read.
///
/// ```
/// # use actix_rtc_proto::sdp::{Description, Origin, Setup};
/// # let theirs = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
/// # a=group:BUNDLE 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
/// # c=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:aUt6\r\na=ice-pwd:xgz7xn9ehHQHRPFpiSWmfowJ\r\n\
/// # a=fingerprint:sha-256 CC:E3\r\na=setup:actpass\r\na=sctp-port:5000\r\n";
/// let offer = Description::parse_offer(theirs)?;
/// assert_eq!(offer.description.setup, Setup::ActPass);
///
/// let ours = Description { setup: offer.description.setup.answer(), ..offer.description.clone() };
/// let answer = offer.answer(Origin { session_id: 7, version: 1 }, &ours)?;
/// assert!(answer.contains("a=setup:active"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// User name fragment, password, and whether it is a lite agent.
    pub ice: IceCredentials,
    /// Candidate lines without `a=`: `candidate:1 1 udp …`. A peer's are as it wrote them, at
    /// most [`MAX_CANDIDATES`](super::MAX_CANDIDATES).
    pub candidates: Vec<String>,
    /// No candidate will follow these (`a=end-of-candidates`, RFC 8840 §8.2).
    pub end_of_candidates: bool,
    /// Candidates may follow in [fragments](super::Fragment) (`a=ice-options:trickle`).
    pub trickle: bool,
    /// Hashes of the certificate; any one that matches suffices. Never empty in what was parsed.
    pub fingerprints: Vec<Fingerprint>,
    /// The DTLS role.
    pub setup: Setup,
    /// The SCTP port, 5000 in all browsers.
    pub sctp_port: u16,
    /// The largest message that this side receives, in bytes; 0 for no limit, `None` for the
    /// [default](super::DEFAULT_MAX_MESSAGE_SIZE).
    pub max_message_size: Option<u32>,
    /// The identification of the m-section whose candidates count: the `sdpMid` of candidates. It
    /// is the data channels' own section, or the one whose transport they share by BUNDLE.
    /// `None` when the peer named none; an offer of ours without one says `0`.
    pub mid: Option<String>,
    /// The index of that m-section, counted from 0: the `sdpMLineIndex` of candidates.
    pub m_line_index: u16,
    /// What the peer's description had beside this, and what is not used. Not written.
    pub left_out: Vec<LeftOut>,
}

impl Description {
    /// The largest message that this side receives, in bytes, with the default applied; `None`
    /// for no limit (RFC 8841 §6.1).
    pub fn message_size_limit(&self) -> Option<u32> {
        match self.max_message_size {
            Some(0) => None,
            Some(size) => Some(size),
            None => Some(super::DEFAULT_MAX_MESSAGE_SIZE),
        }
    }
}
