//! What we offer of audio or video.

use sdp_types::Attribute;

use super::answer::Sending;
use super::codec::Codec;
use super::section::{Direction, ExtensionMap, MediaKind, Rid};
use crate::sdp::types::is_line;
use crate::sdp::write_error::SdpWriteError;

/// An m-section of audio or video that we offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaOffer {
    /// What it carries.
    pub kind: MediaKind,
    /// Its identification.
    pub mid: String,
    /// Its direction as we see it.
    pub direction: Direction,
    /// The codecs, our favourite first; each payload type once.
    pub codecs: Vec<Codec>,
    /// The header extensions, each identifier once.
    pub extensions: Vec<ExtensionMap>,
    /// The layers: those that we send, or would receive.
    pub rids: Vec<Rid>,
    /// What we send, if anything.
    pub sending: Option<Sending>,
}

impl MediaOffer {
    /// The formats of the m-line.
    pub(in crate::sdp) fn formats(&self) -> String {
        let numbers = self
            .codecs
            .iter()
            .map(|codec| codec.payload_type.to_string());
        numbers.collect::<Vec<_>>().join(" ")
    }

    /// The attributes of the m-section, without its transport.
    pub(in crate::sdp) fn attributes(&self) -> Result<Vec<Attribute>, SdpWriteError> {
        if self.codecs.iter().all(Codec::is_auxiliary) {
            return Err(SdpWriteError::NoCodecs);
        }
        let mut out = vec![
            Attribute::new(self.direction.as_str()),
            Attribute::new("rtcp-mux"),
            Attribute::new("rtcp-rsize"),
        ];
        for (at, ExtensionMap { id, uri }) in self.extensions.iter().enumerate() {
            let twice = self.extensions[..at].iter().any(|other| other.id == *id);
            if *id == 0 || twice {
                return Err(SdpWriteError::Extension(*id));
            }
            out.push(Attribute::with_value("extmap", format!("{id} {uri}")));
        }
        for (at, codec) in self.codecs.iter().enumerate() {
            let payload_type = codec.payload_type;
            let twice = self.codecs[..at]
                .iter()
                .any(|c| c.payload_type == payload_type);
            let has = |of: u8| self.codecs.iter().any(|codec| codec.payload_type == of);
            let repairs_none = codec.is("rtx") && !codec.retransmits().is_some_and(has);
            if payload_type > 127 || twice || repairs_none {
                return Err(SdpWriteError::PayloadType(payload_type));
            }
            out.extend(codec.attributes());
        }
        for direction in ["send", "recv"] {
            let rids = self
                .rids
                .iter()
                .filter(|rid| rid.sends == (direction == "send"));
            let mut list = Vec::new();
            for Rid {
                id, restrictions, ..
            } in rids
            {
                let line = format!("{id} {direction} {restrictions}");
                out.push(Attribute::with_value("rid", line.trim_end()));
                list.push(id.as_str());
            }
            if !list.is_empty() {
                let list = format!("{direction} {}", list.join(";"));
                out.push(Attribute::with_value("simulcast", list));
            }
        }
        if let Some(sending) = self.sending.as_ref().filter(|_| self.direction.sends()) {
            sending.attributes(&mut out)?;
        }
        let values = out.iter().filter_map(|a| a.value.as_deref());
        if { values }.all(is_line) {
            Ok(out)
        } else {
            Err(SdpWriteError::Malformed)
        }
    }
}
