//! The header extensions that are known by name.

/// A header extension, as descriptions name it by its URI (`a=extmap`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ExtensionKind {
    /// The m-section's identification (RFC 8843 §15).
    Mid,
    /// The simulcast layer (RFC 8852 §3.1).
    Rid,
    /// The simulcast layer that a retransmission repairs (RFC 8852 §3.2).
    RepairedRid,
    /// The number that transport-wide congestion control feeds back.
    TransportSequenceNumber,
    /// When it was sent: 24 bits of NTP time.
    AbsoluteSendTime,
    /// When it was captured.
    AbsoluteCaptureTime,
    /// How loud the audio is (RFC 6464).
    AudioLevel,
    /// How the video is to be turned (3GPP TS 26.114).
    VideoOrientation,
    /// How much later than its timestamp it was sent (RFC 5450).
    TransmissionOffset,
    /// Within which bounds its playout may be delayed.
    PlayoutDelay,
    /// Which frames and layers it belongs to, and depends on (AV1).
    DependencyDescriptor,
    /// Which layers its sender has, and their bit rates.
    VideoLayersAllocation,
}

impl ExtensionKind {
    /// All of them.
    pub const ALL: [ExtensionKind; 12] = [
        ExtensionKind::Mid,
        ExtensionKind::Rid,
        ExtensionKind::RepairedRid,
        ExtensionKind::TransportSequenceNumber,
        ExtensionKind::AbsoluteSendTime,
        ExtensionKind::AbsoluteCaptureTime,
        ExtensionKind::AudioLevel,
        ExtensionKind::VideoOrientation,
        ExtensionKind::TransmissionOffset,
        ExtensionKind::PlayoutDelay,
        ExtensionKind::DependencyDescriptor,
        ExtensionKind::VideoLayersAllocation,
    ];

    /// The URI in `a=extmap`.
    pub fn uri(self) -> &'static str {
        match self {
            ExtensionKind::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            ExtensionKind::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            ExtensionKind::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            ExtensionKind::TransportSequenceNumber => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            ExtensionKind::AbsoluteSendTime => {
                "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
            }
            ExtensionKind::AbsoluteCaptureTime => {
                "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
            }
            ExtensionKind::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            ExtensionKind::VideoOrientation => "urn:3gpp:video-orientation",
            ExtensionKind::TransmissionOffset => "urn:ietf:params:rtp-hdrext:toffset",
            ExtensionKind::PlayoutDelay => {
                "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
            }
            ExtensionKind::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            ExtensionKind::VideoLayersAllocation => {
                "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00"
            }
        }
    }

    /// From the URI in `a=extmap`, `None` for one that is not known.
    pub fn from_uri(uri: &str) -> Option<ExtensionKind> {
        ExtensionKind::ALL
            .into_iter()
            .find(|kind| kind.uri() == uri)
    }
}

/// Under which identifiers the known extensions were negotiated, for the whole bundle (RFC 8843
/// §10 gives an identifier one meaning there).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtensionIds {
    ids: [u8; ExtensionKind::ALL.len()],
}

impl ExtensionIds {
    /// Sets an identifier, 1 to 255; `false`, and nothing changes, when it is 0 or that of another
    /// extension.
    pub fn set(&mut self, kind: ExtensionKind, id: u8) -> bool {
        if id == 0 || self.kind(id).is_some_and(|other| other != kind) {
            return false;
        }
        self.ids[kind as usize] = id;
        true
    }

    /// The identifier of an extension, `None` when it was not negotiated.
    pub fn id(&self, kind: ExtensionKind) -> Option<u8> {
        Some(self.ids[kind as usize]).filter(|id| *id != 0)
    }

    /// The extension of an identifier.
    pub fn kind(&self, id: u8) -> Option<ExtensionKind> {
        let kinds = ExtensionKind::ALL.into_iter();
        kinds
            .into_iter()
            .find(|kind| id != 0 && self.ids[*kind as usize] == id)
    }
}

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
