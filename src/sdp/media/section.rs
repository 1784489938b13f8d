//! M-sections of audio and video, as a peer describes them.

use sdp_types::{Attribute, Media, Session};

use super::codec::{Codec, codecs};

/// What an m-section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// `m=audio`
    Audio,
    /// `m=video`
    Video,
}

/// In which directions media flows (RFC 8866 §6.7), seen from whoever says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both.
    SendRecv,
    /// From who says it.
    SendOnly,
    /// To who says it.
    RecvOnly,
    /// None.
    Inactive,
}

impl Direction {
    /// The word in SDP.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    fn new(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// Whether who says it sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether who says it receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same as the other side sees it.
    pub fn reversed(self) -> Direction {
        Direction::new(self.receives(), self.sends())
    }

    /// What of our wishes can be answered to an offer of this (RFC 3264 §6.1).
    pub fn answer(self, wish: Direction) -> Direction {
        Direction::new(
            wish.sends() && self.receives(),
            wish.receives() && self.sends(),
        )
    }

    fn of(attributes: &[Attribute]) -> Option<Direction> {
        let all = [
            Direction::SendRecv,
            Direction::SendOnly,
            Direction::RecvOnly,
            Direction::Inactive,
        ];
        let word = |a: &Attribute| all.into_iter().find(|d| d.as_str() == a.attribute);
        attributes.iter().find_map(word)
    }
}

/// A header extension that was negotiated (`a=extmap`, RFC 8285 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionMap {
    /// The identifier in packets, 1 to 255.
    pub id: u8,
    /// What it is.
    pub uri: String,
}

/// A simulcast layer, or a receiver's (`a=rid`, RFC 8851).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rid {
    /// Its identification.
    pub id: String,
    /// Whether who says it sends it.
    pub sends: bool,
    /// What it is restricted to, as it is; may be empty.
    pub restrictions: String,
}

/// SSRCs that belong together (`a=ssrc-group`, RFC 5576 §4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsrcGroup {
    /// How: `FID` for a stream and its retransmissions, `FEC-FR`, `SIM`.
    pub semantics: String,
    /// The SSRCs in their order.
    pub ssrcs: Vec<u32>,
}

/// An m-section of audio or video that a peer offered. What cannot be read in it, or is not known,
/// is left out (RFC 9429 §5.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSection {
    /// What it carries.
    pub kind: MediaKind,
    /// Its identification.
    pub mid: String,
    /// Its direction as the offerer sees it.
    pub direction: Direction,
    /// Its codecs, the offerer's favourite first.
    pub codecs: Vec<Codec>,
    /// Its header extensions.
    pub extensions: Vec<ExtensionMap>,
    /// The MediaStream and MediaStreamTrack that it belongs to (`a=msid`, RFC 8830): streams,
    /// and the track where it is named. `-` stands for no stream.
    pub msids: Vec<(String, Option<String>)>,
    /// SSRCs that are named (`a=ssrc`), each once.
    pub ssrcs: Vec<u32>,
    /// Which of them belong together.
    pub ssrc_groups: Vec<SsrcGroup>,
    /// The layers.
    pub rids: Vec<Rid>,
    /// The layers that the offerer sends at once (`a=simulcast:send`, RFC 8853): alternatives of
    /// each, a `~` before one that is paused at first.
    pub simulcast: Vec<Vec<String>>,
    /// RTCP comes on the same port. WebRTC asks for it, and there is no other way here.
    pub rtcp_mux: bool,
    /// RTCP may be of reduced size (RFC 5506).
    pub rtcp_rsize: bool,
    /// Header extensions of both forms may be mixed in a stream (RFC 8285 §6).
    pub extmap_allow_mixed: bool,
}

impl MediaSection {
    /// Reads an m-section; `None` when it is not one of audio or video, or has no identification.
    pub(in crate::sdp) fn read(session: &Session, media: &Media) -> Option<MediaSection> {
        let kind = match media.media.as_str() {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            _ => return None,
        };
        let has = |name: &str| media.has_attribute(name);
        let direction = Direction::of(&media.attributes)
            .or_else(|| Direction::of(&session.attributes))
            .unwrap_or(Direction::SendRecv);
        let mut ssrcs = Vec::new();
        for ssrc in values(media, "ssrc").filter_map(|v| v.split(' ').next()?.parse().ok()) {
            // A peer's tracks have three lines each, and in order.
            if ssrcs.last() != Some(&ssrc) && !ssrcs.contains(&ssrc) && ssrcs.len() < MAX_SSRCS {
                ssrcs.push(ssrc);
            }
        }
        Some(MediaSection {
            kind,
            mid: values(media, "mid").next()?.to_owned(),
            direction,
            codecs: codecs(media),
            extensions: values(media, "extmap").filter_map(extension).collect(),
            msids: values(media, "msid").filter_map(msid).collect(),
            ssrcs,
            ssrc_groups: values(media, "ssrc-group").filter_map(ssrc_group).collect(),
            rids: values(media, "rid").filter_map(rid).collect(),
            simulcast: values(media, "simulcast")
                .find_map(simulcast)
                .unwrap_or_default(),
            rtcp_mux: has("rtcp-mux"),
            rtcp_rsize: has("rtcp-rsize"),
            extmap_allow_mixed: has("extmap-allow-mixed")
                || session.has_attribute("extmap-allow-mixed"),
        })
    }

    /// The codec of a payload type.
    pub fn codec(&self, payload_type: u8) -> Option<&Codec> {
        self.codecs
            .iter()
            .find(|codec| codec.payload_type == payload_type)
    }
}

/// As many SSRCs of one m-section are read: three layers and their retransmissions are six.
const MAX_SSRCS: usize = 64;

fn values<'a>(media: &'a Media, name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = media.attributes.iter().filter(move |a| a.attribute == name);
    named.filter_map(|a| a.value.as_deref())
}

/// `id[/direction] uri [attributes]`
fn extension(value: &str) -> Option<ExtensionMap> {
    let mut words = value.split_ascii_whitespace();
    let id = words.next()?.split('/').next()?.parse().ok()?;
    let uri = words.next()?.to_owned();
    (id > 0).then_some(ExtensionMap { id, uri })
}

/// `stream [track]`
fn msid(value: &str) -> Option<(String, Option<String>)> {
    let mut words = value.split_ascii_whitespace();
    let stream = words.next()?.to_owned();
    Some((stream, words.next().map(str::to_owned)))
}

/// `semantics ssrc ssrc …`
fn ssrc_group(value: &str) -> Option<SsrcGroup> {
    let mut words = value.split_ascii_whitespace();
    let semantics = words.next()?.to_owned();
    let ssrcs = words.take(MAX_SSRCS).map(|ssrc| ssrc.parse().ok());
    Some(SsrcGroup {
        semantics,
        ssrcs: ssrcs.collect::<Option<_>>()?,
    })
}

/// `id send|recv [restrictions]`
fn rid(value: &str) -> Option<Rid> {
    let mut words = value.splitn(3, ' ');
    let id = words.next().filter(|id| is_rid(id))?.to_owned();
    let sends = match words.next()? {
        "send" => true,
        "recv" => false,
        _ => return None,
    };
    let restrictions = words.next().unwrap_or_default().to_owned();
    Some(Rid {
        id,
        sends,
        restrictions,
    })
}

/// `send list [recv list]` or the other way round; of them the one of `send`.
fn simulcast(value: &str) -> Option<Vec<Vec<String>>> {
    let mut words = value.split_ascii_whitespace();
    while let (Some(direction), Some(list)) = (words.next(), words.next()) {
        if direction == "send" {
            let layer = |layer: &str| layer.split(',').map(str::to_owned).collect();
            return Some(list.split(';').map(layer).collect());
        }
    }
    None
}

/// RFC 8851 §10: letters and digits; `-` and `_` are of its draft, and still about.
fn is_rid(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !id.is_empty() && id.bytes().all(allowed)
}

#[cfg(test)]
#[path = "section_tests.rs"]
mod tests;
