//! Session descriptions: offers of data channels, audio and video, the answers to them, and trickle
//! fragments, as text and as values.
//!
//! Everything here is plain data. What an SDP says about ICE, DTLS and SCTP is held as the words
//! it used (a candidate stays its line, a fingerprint its algorithm and value); the machines
//! judge them. So this module knows no machine, and no machine knows SDP.
//!
//! - [`Description::parse_offer`] reads a peer's offer, [`Offer::answer`] writes the answer to it;
//! - [`Description::parse_media_offer`] reads one with audio and video, which
//!   [`Offer::answer_media`] accepts;
//! - [`Description::to_offer`] writes an offer, [`Description::parse_answer`] reads the answer;
//! - [`Description::to_media_offer`] writes one with audio and video,
//!   [`Description::parse_media_answer`] reads the answer;
//! - [`Fragment`] is what `PATCH` carries: candidates found later, and ICE restarts (RFC 8840).
//!
//! # Offers with audio and video
//!
//! Audio and video are accepted as [`MediaAnswer`]s say, and where none does they are answered as
//! `inactive` rather than rejected: the group's first m-section carries the transport
//! for all and cannot be rejected alone (RFC 8843 §7.3.2; Chromium refuses such an answer under
//! `max-bundle`). Each section of the bundle repeats what describes ICE and DTLS, which RFC 8843
//! lets out, since clients fail without it. Sections outside of the bundle are rejected (port 0).

mod answer;
mod description;
mod error;
mod fragment;
mod left_out;
mod media;
mod offer;
mod parse;
mod transport;
mod types;
mod write;
mod write_error;

pub use answer::Offer;
pub use description::Description;
pub use error::SdpError;
pub use fragment::Fragment;
pub use left_out::LeftOut;
pub use media::{
    Codec, Direction, ExtensionMap, MediaAnswer, MediaKind, MediaOffer, MediaSection, Rid, Sending,
    SsrcGroup,
};
pub use offer::{Answer, OfferSection};
pub use types::{Fingerprint, IceCredentials, Origin, Setup};
pub use write_error::SdpWriteError;

/// The longest description that is parsed, in bytes. Chromium's offer of audio, video and data is
/// 10 KB; a page with many tracks needs several times that.
pub const MAX_DESCRIPTION_SIZE: usize = 64 * 1024;

/// The longest trickle fragment that is parsed, in bytes: about a hundred candidates.
pub const MAX_FRAGMENT_SIZE: usize = 16 * 1024;

/// The most m-sections in one description: each costs lines in the answer.
pub const MAX_MEDIA: usize = 64;

/// The most candidates of one description or fragment that are read; ICE would not pair more.
/// Others are [left out](LeftOut).
pub const MAX_CANDIDATES: usize = 100;

/// The most fingerprints in one description: several certificates under several hashes.
pub const MAX_FINGERPRINTS: usize = 16;

/// The SCTP port of data channels where none is named (the one all browsers use).
pub const DEFAULT_SCTP_PORT: u16 = 5000;

/// What the largest message may be when `a=max-message-size` is absent (RFC 8841 §6.1), in bytes.
pub const DEFAULT_MAX_MESSAGE_SIZE: u32 = 65_536;

#[cfg(test)]
#[path = "offers_tests.rs"]
mod offers;
