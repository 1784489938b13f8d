//! The codecs of an m-section of audio or video (RFC 8866 §6.6, RFC 4585 §4.2).

use sdp_types::{Attribute, Media};

/// One payload type and all that a description says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// The number in the m-line and in packets, 0 to 127.
    pub payload_type: u8,
    /// The encoding, such as `opus`, `VP8` or `rtx`. Compared without regard to case.
    pub name: String,
    /// The rate of timestamps, in Hz.
    pub clock_rate: u32,
    /// The channels of audio, where named.
    pub channels: Option<u8>,
    /// The format parameters (`a=fmtp`), as they are.
    pub parameters: Option<String>,
    /// The kinds of RTCP feedback (`a=rtcp-fb`), such as `nack pli`, those for all payload types
    /// among them.
    pub feedback: Vec<String>,
}

impl Codec {
    /// Whether the encoding has this name.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// A format parameter's value; empty for one without.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let all = self.parameters.as_deref()?.split(';').map(str::trim);
        all.map(|each| each.split_once('=').unwrap_or((each, "")))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The payload type that this one retransmits (RFC 4588 §8.1), `None` when it is not `rtx`.
    pub fn retransmits(&self) -> Option<u8> {
        self.is("rtx")
            .then(|| self.parameter("apt")?.parse().ok())?
    }

    /// Whether it carries no media of its own, but repairs, repeats or fills in.
    pub fn is_auxiliary(&self) -> bool {
        let names = [
            "rtx",
            "red",
            "ulpfec",
            "flexfec",
            "flexfec-03",
            "CN",
            "telephone-event",
        ];
        names.iter().any(|name| self.is(name))
    }

    /// Whether both are the same encoding, so that packets of the one can be sent as the other:
    /// name, clock rate, channels, and what of the parameters tells formats apart.
    pub fn matches(&self, other: &Codec) -> bool {
        let same = |name, default| {
            let of = |codec: &Codec| codec.parameter(name).unwrap_or(default).to_owned();
            of(self).eq_ignore_ascii_case(&of(other))
        };
        let channels = |codec: &Codec| codec.channels.unwrap_or(1);
        self.is(&other.name)
            && self.clock_rate == other.clock_rate
            && channels(self) == channels(other)
            && match self.name.to_ascii_lowercase().as_str() {
                // RFC 6184 §8.1: the defaults.
                "h264" => {
                    same("packetization-mode", "0") && self.h264_profile() == other.h264_profile()
                }
                "vp9" => same("profile-id", "0"),
                "av1" => same("profile", "0"),
                "h265" => same("profile-id", "1"),
                _ => true,
            }
    }

    /// The profile of H.264 (RFC 6184 §8.1), without the level, which may differ by direction. Two
    /// spellings of the constrained baseline profile are one.
    fn h264_profile(&self) -> (u8, u8) {
        let level_id = self.parameter("profile-level-id").unwrap_or("42000a");
        let byte = |at: usize| {
            let digits = level_id.get(at..at + 2)?;
            u8::from_str_radix(digits, 16).ok()
        };
        match (byte(0).unwrap_or(0x42), byte(2).unwrap_or(0)) {
            // RFC 6184, Table 5
            (0x42, flags) if flags & 0x40 != 0 => (0x42, 0x40),
            (0x4D, flags) if flags & 0x80 != 0 => (0x42, 0x40),
            (0x58, flags) if flags & 0xC0 == 0xC0 => (0x42, 0x40),
            (0x42, _) => (0x42, 0),
            (0x58, flags) if flags & 0x80 != 0 => (0x42, 0),
            (0x64, flags) => (0x64, flags & 0x0C),
            (profile, _) => (profile, 0),
        }
    }

    /// The lines that describe it.
    pub(super) fn attributes(&self) -> Vec<Attribute> {
        let Codec {
            payload_type,
            name,
            clock_rate,
            ..
        } = self;
        let map = match self.channels {
            Some(channels) => format!("{payload_type} {name}/{clock_rate}/{channels}"),
            None => format!("{payload_type} {name}/{clock_rate}"),
        };
        let described =
            |name, text: &String| Attribute::with_value(name, format!("{payload_type} {text}"));
        let mut out = vec![Attribute::with_value("rtpmap", map)];
        out.extend(
            self.feedback
                .iter()
                .map(|feedback| described("rtcp-fb", feedback)),
        );
        out.extend(
            self.parameters
                .iter()
                .map(|parameters| described("fmtp", parameters)),
        );
        out
    }
}

/// The codecs of an m-section in the offerer's order of preference. Payload types that no line
/// explains are left out, and so are those that come twice.
pub(super) fn codecs(media: &Media) -> Vec<Codec> {
    let (mut codecs, mut seen) = (Vec::new(), 0u128);
    for payload_type in media.fmt.split_ascii_whitespace() {
        let Ok(payload_type @ 0..=127) = payload_type.parse::<u8>() else {
            continue;
        };
        // Each costs a walk over the lines, described or not.
        if seen & 1 << payload_type != 0 {
            continue;
        }
        seen |= 1 << payload_type;
        let line = described(media, "rtpmap", payload_type).next();
        let Some((name, clock_rate, channels)) = line.and_then(encoding).or(fixed(payload_type))
        else {
            continue;
        };
        let all = media.attributes.iter().filter(|a| a.attribute == "rtcp-fb");
        let for_all = all.filter_map(|a| a.value.as_deref()?.strip_prefix("* "));
        codecs.push(Codec {
            payload_type,
            name: name.to_owned(),
            clock_rate,
            channels,
            parameters: described(media, "fmtp", payload_type)
                .next()
                .map(str::to_owned),
            feedback: described(media, "rtcp-fb", payload_type)
                .chain(for_all)
                .map(str::to_owned)
                .collect(),
        });
    }
    codecs
}

/// What the attributes of a name say of a payload type.
fn described<'a>(
    media: &'a Media,
    attribute: &'a str,
    payload_type: u8,
) -> impl Iterator<Item = &'a str> {
    let lines = media
        .attributes
        .iter()
        .filter(move |a| a.attribute == attribute);
    lines.filter_map(move |a| {
        let (of, rest) = a.value.as_deref()?.split_once(' ')?;
        (of.parse() == Ok(payload_type)).then_some(rest.trim())
    })
}

/// `name/clock rate` or `name/clock rate/channels`.
fn encoding(text: &str) -> Option<(&str, u32, Option<u8>)> {
    let mut parts = text.split('/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    let clock_rate = parts.next()?.trim().parse().ok().filter(|rate| *rate > 0)?;
    Some((
        name,
        clock_rate,
        parts.next().and_then(|c| c.trim().parse().ok()),
    ))
}

/// The payload types that need no `a=rtpmap` (RFC 3551 §6) and are still in use.
fn fixed(payload_type: u8) -> Option<(&'static str, u32, Option<u8>)> {
    match payload_type {
        0 => Some(("PCMU", 8_000, None)),
        8 => Some(("PCMA", 8_000, None)),
        9 => Some(("G722", 8_000, None)),
        13 => Some(("CN", 8_000, None)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
