//! An offer of the peer, and the answer to it.

use sdp_types::{Attribute, Connection, Media};

use super::media::{MediaAnswer, MediaSection};
use super::write::{application_attributes, session, text, transport_attributes};
use super::{Description, Origin, SdpWriteError};

/// A peer's offer that was read: what it says of its data channels, and what the answer must
/// repeat of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The peer's description of the data-channel transport.
    pub description: Description,
    /// The offered m-sections in their order; the answer has as many (RFC 3264 §6).
    pub(super) sections: Vec<OfferedSection>,
    /// The m-section whose transport the data channels use.
    pub(super) transport: usize,
    /// The identifications in the BUNDLE group of the data channels, in its order.
    pub(super) bundle: Vec<String>,
}

/// What the answer has to know of an offered m-section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfferedSection {
    pub(super) media: String,
    pub(super) proto: String,
    pub(super) fmt: String,
    pub(super) mid: Option<String>,
    pub(super) role: SectionRole,
}

/// What becomes of an offered m-section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SectionRole {
    /// Port 0.
    Rejected,
    /// It uses the transport of the data channels, or carries it for them. Where it is not accepted
    /// no media flows; `inactive` describes what the answer then names.
    Media {
        inactive: Vec<Attribute>,
        /// What was offered of audio or video; `None` for what is neither, or has no mid.
        offered: Option<Box<MediaSection>>,
    },
    /// The data channels. `sctpmap`: the old form `DTLS/SCTP 5000`, which names the port there.
    Data { sctpmap: bool },
}

impl Offer {
    /// Writes the answer of `local`, whose `mid` and `m_line_index` are not looked at: an answer
    /// uses the offer's.
    ///
    /// # Errors
    /// [`SdpWriteError`]; `local.setup` must fit the offer's: see [`Setup::answer`].
    ///
    /// [`Setup::answer`]: super::Setup::answer
    pub fn answer(&self, origin: Origin, local: &Description) -> Result<String, SdpWriteError> {
        self.answer_media(origin, local, &[])
    }

    /// The offered m-sections of audio and video that use the same transport, in their order: each
    /// can be accepted.
    pub fn media(&self) -> impl Iterator<Item = &MediaSection> {
        self.sections.iter().filter_map(OfferedSection::media)
    }

    /// Whether there are data channels in it. There are, but where
    /// [`parse_media_offer`](Description::parse_media_offer) read one without.
    pub fn has_data(&self) -> bool {
        let is_data = |s: &OfferedSection| matches!(s.role, SectionRole::Data { .. });
        self.sections.iter().any(is_data)
    }

    /// The same as [`answer`](Self::answer), with the m-sections of audio and video accepted that
    /// `accepted` names. The others are answered as `inactive`.
    ///
    /// # Errors
    /// [`SdpWriteError`], also when `accepted` names what was not offered.
    pub fn answer_media(
        &self,
        origin: Origin,
        local: &Description,
        accepted: &[MediaAnswer],
    ) -> Result<String, SdpWriteError> {
        let known = |answer: &MediaAnswer| self.media().any(|media| media.mid == answer.mid);
        if !accepted.iter().all(known) {
            return Err(SdpWriteError::UnknownSection);
        }
        if !self.description.setup.allows(local.setup) {
            return Err(SdpWriteError::Setup(local.setup));
        }
        let mut out = session(origin, local);
        if let Some(group) = self.bundle_group() {
            out.add_attribute_with_value("group", group);
        }
        for (index, section) in self.sections.iter().enumerate() {
            let accepted = accepted
                .iter()
                .find(|a| Some(&a.mid) == section.mid.as_ref());
            out.add_media(section.answer(local, index == self.transport, accepted)?);
        }
        text(&out)
    }

    /// RFC 8843 §7.3.2: the accepted m-sections in the order of the offer's group, of which the
    /// first that is not rejected has the transport.
    fn bundle_group(&self) -> Option<String> {
        if self.bundle.is_empty() {
            return None;
        }
        let accepted = |mid: &&String| {
            let is_it = |s: &OfferedSection| s.mid.as_ref() == Some(*mid);
            let section = self.sections.iter().find(|s| is_it(s));
            section.is_some_and(|s| s.role != SectionRole::Rejected)
        };
        let mids = self.bundle.iter().filter(accepted);
        Some(mids.fold(String::from("BUNDLE"), |group, mid| group + " " + mid))
    }
}

impl OfferedSection {
    fn media(&self) -> Option<&MediaSection> {
        match &self.role {
            SectionRole::Media { offered, .. } => offered.as_deref(),
            SectionRole::Rejected | SectionRole::Data { .. } => None,
        }
    }

    /// `transport`: this section's candidates count.
    fn answer(
        &self,
        local: &Description,
        transport: bool,
        accepted: Option<&MediaAnswer>,
    ) -> Result<Media, SdpWriteError> {
        let rejected = self.role == SectionRole::Rejected;
        let mut media = Media {
            media: self.media.clone(),
            // RFC 8840 §4.1.1: port 9 and 0.0.0.0 stand for "see the candidates".
            port: if rejected { 0 } else { 9 },
            num_ports: None,
            proto: self.proto.clone(),
            fmt: self.fmt.clone(),
            media_title: None,
            connections: vec![Connection::from_ip_addr(std::net::Ipv4Addr::UNSPECIFIED)],
            bandwidths: Vec::new(),
            key: None,
            attributes: Vec::new(),
        };
        if let Some(mid) = &self.mid {
            media.add_attribute_with_value("mid", mid);
        }
        match &self.role {
            SectionRole::Rejected => media.add_attribute_from_str("inactive"),
            SectionRole::Media { inactive, offered } => {
                if let (Some(offered), Some(accepted)) = (offered, accepted) {
                    media.fmt = accepted.formats();
                    media.add_attributes(accepted.attributes(offered)?);
                } else {
                    media.add_attribute_from_str("inactive");
                    media.add_attribute_from_str("rtcp-mux");
                    media.add_attributes(inactive.iter().cloned());
                }
                media.add_attributes(transport_attributes(local, transport)?);
            }
            SectionRole::Data { sctpmap } => {
                media.add_attributes(transport_attributes(local, transport)?);
                if *sctpmap {
                    media.fmt = local.sctp_port.to_string();
                }
                media.add_attributes(application_attributes(local, *sctpmap));
            }
        }
        Ok(media)
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
