//! Whose a packet is: the m-section, the simulcast layer and the role of its SSRC (RFC 8843 §9.2,
//! RFC 8852 §3).

use std::collections::BTreeMap;
use std::fmt;

use super::header::Header;
use super::known::{ExtensionIds, ExtensionKind};

/// The value of MID or RID: at most 16 bytes, as the short form of header extensions has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    bytes: [u8; Name::MAX],
    len: u8,
}

impl Name {
    /// The longest name.
    pub const MAX: usize = 16;

    /// From a header extension or a line of a description; `None` when it is empty, too long or
    /// not of visible ASCII.
    pub fn new(name: &[u8]) -> Option<Name> {
        if name.is_empty() || name.len() > Name::MAX || !name.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let mut bytes = [0; Name::MAX];
        bytes[..name.len()].copy_from_slice(name);
        Some(Name {
            bytes,
            len: name.len() as u8,
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        // It was checked to be ASCII.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// What a payload type carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadRole {
    /// Audio or video, also with redundancy in it (RED).
    Media,
    /// Retransmissions (RFC 4588) on an SSRC of their own.
    Retransmission,
    /// Forward error correction (FlexFEC) on an SSRC of its own.
    ForwardErrorCorrection,
}

/// An m-section whose packets are expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its identification.
    pub mid: Name,
    /// The payload types that were negotiated.
    pub payload_types: Vec<(u8, PayloadRole)>,
    /// The SSRCs that the peer signalled (`a=ssrc`), where it did.
    pub ssrcs: Vec<u32>,
    /// Which SSRC repairs which: repair and repaired (`a=ssrc-group` of FID and FEC-FR).
    pub repairs: Vec<(u32, u32)>,
}

/// What is known of an SSRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Its m-section.
    pub mid: Name,
    /// Its simulcast layer, or the one that it repairs; `None` without simulcast by RIDs.
    pub rid: Option<Name>,
    /// What it carries.
    pub role: PayloadRole,
}

/// Why a packet is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unassociated {
    /// Its MID is that of no m-section.
    #[error("the MID is unknown")]
    UnknownMid,
    /// It has no MID, its SSRC is not known, and its payload type is of no or several m-sections.
    #[error("the SSRC is unknown")]
    UnknownSsrc,
    /// Its payload type was not negotiated for its m-section.
    #[error("the payload type is unknown")]
    UnknownPayloadType,
    /// There are as many SSRCs as are remembered.
    #[error("too many SSRCs")]
    TooManyStreams,
}

impl Unassociated {
    /// The label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Unassociated::UnknownMid => "unknown_mid",
            Unassociated::UnknownSsrc => "unknown_ssrc",
            Unassociated::UnknownPayloadType => "unknown_payload_type",
            Unassociated::TooManyStreams => "too_many_streams",
        }
    }
}

/// Associates authentic packets with m-sections. An SSRC is latched by the first packet that tells
/// its MID, since later ones need not, or by being signalled, or by a payload type that only one
/// m-section has.
#[derive(Debug)]
pub struct Tracks {
    ids: ExtensionIds,
    sections: BTreeMap<Name, Section>,
    streams: BTreeMap<u32, Stream>,
}

impl Tracks {
    /// How many SSRCs are remembered; packets of others are nobody's.
    pub const MAX_STREAMS: usize = 1_024;

    /// Without m-sections.
    pub fn new(ids: ExtensionIds) -> Tracks {
        Tracks {
            ids,
            sections: BTreeMap::new(),
            streams: BTreeMap::new(),
        }
    }

    /// Replaces the negotiated identifiers.
    pub fn set_extension_ids(&mut self, ids: ExtensionIds) {
        self.ids = ids;
    }

    /// Adds an m-section, or replaces what was said of it. Latched SSRCs stay.
    pub fn set_section(&mut self, section: Section) {
        self.sections.insert(section.mid, section);
    }

    /// Removes an m-section and its SSRCs.
    pub fn remove_section(&mut self, mid: Name) {
        self.sections.remove(&mid);
        self.streams.retain(|_, stream| stream.mid != mid);
    }

    /// Forgets an SSRC: its source said goodbye.
    pub fn forget(&mut self, ssrc: u32) {
        self.streams.remove(&ssrc);
    }

    /// What is known of an SSRC.
    pub fn stream(&self, ssrc: u32) -> Option<&Stream> {
        self.streams.get(&ssrc)
    }

    /// The SSRCs that are known.
    pub fn streams(&self) -> impl Iterator<Item = (u32, &Stream)> {
        self.streams.iter().map(|(ssrc, stream)| (*ssrc, stream))
    }

    /// The SSRC that `ssrc` repairs, once it is known: as signalled, or the one that carries the
    /// media of the same m-section and layer, where there is only one.
    pub fn repaired(&self, ssrc: u32) -> Option<u32> {
        let stream = self.streams.get(&ssrc)?;
        if stream.role == PayloadRole::Media {
            return None;
        }
        let signalled = self.sections.get(&stream.mid)?.repairs.iter();
        if let Some((_, repaired)) = { signalled }.find(|(repair, _)| *repair == ssrc) {
            return Some(*repaired);
        }
        let mut media = self.streams.iter().filter(|(_, other)| {
            (other.mid, other.rid, other.role) == (stream.mid, stream.rid, PayloadRole::Media)
        });
        let (repaired, _) = media.next()?;
        media.next().is_none().then_some(*repaired)
    }

    /// Whose an authentic packet is. In the steady state nothing is allocated.
    ///
    /// # Errors
    /// [`Unassociated`] when it is nobody's.
    pub fn associate(&mut self, packet: &[u8], header: &Header) -> Result<Stream, Unassociated> {
        let (mut mid, mut rid, mut repaired_rid) = (None, None, None);
        if header.extension.is_some() {
            let [mid_id, rid_id, repaired_id] = [
                ExtensionKind::Mid,
                ExtensionKind::Rid,
                ExtensionKind::RepairedRid,
            ]
            .map(|kind| self.ids.id(kind));
            for (id, value) in header.extensions(packet) {
                let into = match Some(id) {
                    id if id == mid_id => &mut mid,
                    id if id == rid_id => &mut rid,
                    id if id == repaired_id => &mut repaired_rid,
                    _ => continue,
                };
                *into = Name::new(value);
            }
        }
        let known = self.streams.get(&header.ssrc).copied();
        // RFC 8843 §9.2: a MID counts more than what was latched.
        let mid = match (mid, known) {
            (Some(mid), _) => mid,
            (None, Some(known)) => known.mid,
            (None, None) => self.section_without_mid(header)?,
        };
        let section = self.sections.get(&mid).ok_or(Unassociated::UnknownMid)?;
        let role = section.role(header.payload_type)?;
        let known = known.filter(|known| known.mid == mid);
        // A retransmission names the layer that it repairs, and may name itself, too.
        let rid = match role {
            PayloadRole::Media => rid,
            _ => repaired_rid,
        };
        let stream = Stream {
            mid,
            rid: rid.or(known.and_then(|known| known.rid)),
            role: match known {
                // Comfort noise and the like do not make another stream of it.
                Some(known) if known.role == PayloadRole::Media => known.role,
                _ => role,
            },
        };
        if known != Some(stream) {
            let new = !self.streams.contains_key(&header.ssrc);
            if new && self.streams.len() >= Tracks::MAX_STREAMS {
                return Err(Unassociated::TooManyStreams);
            }
            self.streams.insert(header.ssrc, stream);
        }
        Ok(stream)
    }

    /// RFC 8843 §9.2: the signalled SSRC, or else the payload type where it is unique.
    fn section_without_mid(&self, header: &Header) -> Result<Name, Unassociated> {
        let mut signalled = self.sections.values().filter(|s| s.names(header.ssrc));
        if let Some(section) = signalled.next() {
            return Ok(section.mid);
        }
        let of_payload_type = |s: &&Section| s.role(header.payload_type).is_ok();
        let mut sections = self.sections.values().filter(of_payload_type);
        match (sections.next(), sections.next()) {
            (Some(section), None) => Ok(section.mid),
            _ => Err(Unassociated::UnknownSsrc),
        }
    }
}

impl Section {
    fn role(&self, payload_type: u8) -> Result<PayloadRole, Unassociated> {
        let found = self
            .payload_types
            .iter()
            .find(|(of, _)| *of == payload_type);
        found
            .map(|(_, role)| *role)
            .ok_or(Unassociated::UnknownPayloadType)
    }

    fn names(&self, ssrc: u32) -> bool {
        self.ssrcs.contains(&ssrc) || self.repairs.iter().any(|(repair, _)| *repair == ssrc)
    }
}

#[cfg(test)]
#[path = "tracks_tests.rs"]
mod tests;
