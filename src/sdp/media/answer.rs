//! What we answer to an m-section of audio or video.

use sdp_types::Attribute;

use super::section::{Direction, MediaSection, SsrcGroup};
use crate::sdp::types::is_token;
use crate::sdp::write_error::SdpWriteError;

/// An m-section of audio or video that is accepted. What it names must have been offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaAnswer {
    /// The identification of the offered m-section.
    pub mid: String,
    /// The direction as we see it. Where the offer does not allow one, it is left out: see
    /// [`Direction::answer`].
    pub direction: Direction,
    /// The payload types, our favourite first; with that of `rtx` also the one that it retransmits.
    pub payload_types: Vec<u8>,
    /// The identifiers of header extensions.
    pub extensions: Vec<u8>,
    /// The layers that we receive.
    pub rids: Vec<String>,
    /// What we send, if anything.
    pub sending: Option<Sending>,
}

/// What the peer is to know of a track of ours before it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The MediaStream that it belongs to, `-` for none.
    pub stream: String,
    /// The MediaStreamTrack.
    pub track: String,
    /// The name that all our streams have in common (RFC 3550 §6.5.1).
    pub cname: String,
    /// Its SSRCs.
    pub ssrcs: Vec<u32>,
    /// Which of them belong together, such as `FID`.
    pub ssrc_groups: Vec<SsrcGroup>,
}

impl MediaAnswer {
    /// The formats of the m-line.
    pub(in crate::sdp) fn formats(&self) -> String {
        let numbers: Vec<_> = self.payload_types.iter().map(u8::to_string).collect();
        numbers.join(" ")
    }

    /// The attributes of the answered m-section, without its transport.
    pub(in crate::sdp) fn attributes(
        &self,
        offered: &MediaSection,
    ) -> Result<Vec<Attribute>, SdpWriteError> {
        if !offered.rtcp_mux {
            return Err(SdpWriteError::RtcpMux);
        }
        let direction = offered.direction.answer(self.direction);
        let mut out = vec![
            Attribute::new(direction.as_str()),
            Attribute::new("rtcp-mux"),
        ];
        if offered.rtcp_rsize {
            out.push(Attribute::new("rtcp-rsize"));
        }
        if offered.extmap_allow_mixed {
            out.push(Attribute::new("extmap-allow-mixed"));
        }
        self.extension_attributes(offered, &mut out)?;
        self.codec_attributes(offered, &mut out)?;
        if direction.receives() {
            self.layer_attributes(offered, &mut out)?;
        }
        if let Some(sending) = self.sending.as_ref().filter(|_| direction.sends()) {
            sending.attributes(&mut out)?;
        }
        Ok(out)
    }

    fn extension_attributes(
        &self,
        offered: &MediaSection,
        out: &mut Vec<Attribute>,
    ) -> Result<(), SdpWriteError> {
        for &id in &self.extensions {
            let map = offered.extensions.iter().find(|map| map.id == id);
            let map = map.ok_or(SdpWriteError::Extension(id))?;
            out.push(Attribute::with_value("extmap", format!("{id} {}", map.uri)));
        }
        Ok(())
    }

    fn codec_attributes(
        &self,
        offered: &MediaSection,
        out: &mut Vec<Attribute>,
    ) -> Result<(), SdpWriteError> {
        let has = |payload_type: u8| self.payload_types.contains(&payload_type);
        let mut media = false;
        for &payload_type in &self.payload_types {
            let wrong = SdpWriteError::PayloadType(payload_type);
            let codec = offered.codec(payload_type).ok_or(wrong)?;
            if codec.is("rtx") && !codec.retransmits().is_some_and(has) {
                return Err(wrong);
            }
            media |= !codec.is_auxiliary();
            out.extend(codec.attributes());
        }
        if media {
            Ok(())
        } else {
            Err(SdpWriteError::NoCodecs)
        }
    }

    /// RFC 8853 §5.3.2: what was offered to be sent is accepted to be received.
    fn layer_attributes(
        &self,
        offered: &MediaSection,
        out: &mut Vec<Attribute>,
    ) -> Result<(), SdpWriteError> {
        for rid in &self.rids {
            let sent = offered
                .rids
                .iter()
                .any(|offered| offered.sends && offered.id == *rid);
            if !sent {
                return Err(SdpWriteError::Rid);
            }
            out.push(Attribute::with_value("rid", format!("{rid} recv")));
        }
        if !self.rids.is_empty() {
            let list = format!("recv {}", self.rids.join(";"));
            out.push(Attribute::with_value("simulcast", list));
        }
        Ok(())
    }
}

impl Sending {
    pub(super) fn attributes(&self, out: &mut Vec<Attribute>) -> Result<(), SdpWriteError> {
        let Sending {
            stream,
            track,
            cname,
            ..
        } = self;
        let words = [stream, track, cname].into_iter();
        let semantics = self.ssrc_groups.iter().map(|group| &group.semantics);
        if !words.chain(semantics).all(|word| is_token(word)) {
            return Err(SdpWriteError::Malformed);
        }
        out.push(Attribute::with_value("msid", format!("{stream} {track}")));
        for SsrcGroup { semantics, ssrcs } in &self.ssrc_groups {
            let ssrcs = ssrcs.iter().map(|ssrc| format!(" {ssrc}"));
            let line = ssrcs.fold(semantics.clone(), |line, ssrc| line + &ssrc);
            out.push(Attribute::with_value("ssrc-group", line));
        }
        for ssrc in &self.ssrcs {
            out.push(Attribute::with_value(
                "ssrc",
                format!("{ssrc} cname:{cname}"),
            ));
            // Where older clients look for the track.
            let msid = format!("{ssrc} msid:{stream} {track}");
            out.push(Attribute::with_value("ssrc", msid));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
