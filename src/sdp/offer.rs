//! Offers of ours with audio and video, and the answers to them.

use sdp_types::{Attribute, Connection, Media, MediaType, TransportProto};

use super::media::{MediaKind, MediaOffer, MediaSection};
use super::types::is_token;
use super::write::{application_attributes, session, text, transport_attributes};
use super::{Description, Origin, SdpWriteError, Setup};

/// An m-section of an offer of ours. Its place and identification stay in all later offers of the
/// session (RFC 3264 §8), but that the place of a stopped one may be given to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferSection {
    /// The data channels; at most one.
    Data {
        /// Its identification.
        mid: String,
    },
    /// Audio or video.
    Media(MediaOffer),
    /// What was stopped: port 0, and out of the bundle.
    Stopped {
        /// What it was, `None` for data channels.
        kind: Option<MediaKind>,
        /// Its identification.
        mid: String,
    },
}

/// The peer's answer to an offer of ours with audio and video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The peer's description of the transport.
    pub description: Description,
    /// Whether the data channels were accepted.
    pub data: bool,
    /// The m-sections of audio and video that were accepted, as the peer sees them: what is not in
    /// one of ours was rejected, as a whole or in part.
    pub media: Vec<MediaSection>,
}

impl OfferSection {
    fn mid(&self) -> &str {
        match self {
            OfferSection::Data { mid } | OfferSection::Stopped { mid, .. } => mid,
            OfferSection::Media(media) => &media.mid,
        }
    }

    fn is_stopped(&self) -> bool {
        matches!(self, OfferSection::Stopped { .. })
    }
}

impl Description {
    /// Writes an offer of all `sections`, in one BUNDLE group; the description's `mid` is not
    /// looked at. Each section that is not stopped describes ICE and DTLS, and the first has the
    /// candidates.
    ///
    /// # Errors
    /// [`SdpWriteError`]; `setup` must be [`Setup::ActPass`] (RFC 8842 §5.2), and each `mid` be
    /// there once.
    pub fn to_media_offer(
        &self,
        origin: Origin,
        sections: &[OfferSection],
    ) -> Result<String, SdpWriteError> {
        if self.setup != Setup::ActPass {
            return Err(SdpWriteError::Setup(self.setup));
        }
        for (index, section) in sections.iter().enumerate() {
            let twice = sections[..index]
                .iter()
                .any(|other| other.mid() == section.mid());
            if twice || !is_token(section.mid()) {
                return Err(SdpWriteError::Malformed);
            }
        }
        let is_data = |section: &&OfferSection| matches!(section, OfferSection::Data { .. });
        if sections.iter().filter(is_data).count() > 1 {
            return Err(SdpWriteError::Malformed);
        }
        let mut out = session(origin, self);
        let live = || sections.iter().filter(|section| !section.is_stopped());
        if live().next().is_some() {
            let group = live().fold(String::from("BUNDLE"), |group, s| group + " " + s.mid());
            out.add_attribute_with_value("group", group);
        }
        // RFC 8285 §6: whoever answers may mix them, too.
        out.add_attribute_from_str("extmap-allow-mixed");
        let mut transport = true;
        for section in sections {
            out.add_media(self.offered(section, transport)?);
            transport &= section.is_stopped();
        }
        text(&out)
    }

    /// `transport`: this section has the candidates.
    fn offered(&self, section: &OfferSection, transport: bool) -> Result<Media, SdpWriteError> {
        let (kind, formats) = match section {
            OfferSection::Data { .. } => (None, "webrtc-datachannel".to_owned()),
            OfferSection::Media(media) => (Some(media.kind), media.formats()),
            OfferSection::Stopped { kind: None, .. } => (None, "webrtc-datachannel".to_owned()),
            OfferSection::Stopped { kind, .. } => (*kind, "0".to_owned()),
        };
        let (name, proto) = match kind {
            None => (MediaType::Application, TransportProto::UdpDtlsSctp),
            Some(MediaKind::Audio) => (MediaType::Audio, TransportProto::UdpTlsRtpSavpf),
            Some(MediaKind::Video) => (MediaType::Video, TransportProto::UdpTlsRtpSavpf),
        };
        // RFC 8840 §4.1.1: port 9 and 0.0.0.0 stand for "see the candidates".
        let port = if section.is_stopped() { 0 } else { 9 };
        let mut out = Media::new(name, port, proto, formats);
        out.add_connection(Connection::from_ip_addr(std::net::Ipv4Addr::UNSPECIFIED));
        out.add_attribute_with_value("mid", section.mid());
        match section {
            OfferSection::Stopped { .. } => {
                out.add_attributes([Attribute::new("inactive")]);
                return Ok(out);
            }
            OfferSection::Media(media) => out.add_attributes(media.attributes()?),
            OfferSection::Data { .. } => {}
        }
        out.add_attributes(transport_attributes(self, transport)?);
        if matches!(section, OfferSection::Data { .. }) {
            out.add_attributes(application_attributes(self, false));
        }
        Ok(out)
    }
}

#[cfg(test)]
#[path = "offer_tests.rs"]
mod tests;
