use super::*;
use crate::sdp::{Description, MediaKind};

const CHROMIUM: &str = include_str!("../testdata/chromium_audio_video.sdp");

fn codec(name: &str, parameters: &str) -> Codec {
    Codec {
        payload_type: 96,
        name: name.to_owned(),
        clock_rate: 90_000,
        channels: None,
        parameters: Some(parameters.to_owned()).filter(|p| !p.is_empty()),
        feedback: Vec::new(),
    }
}

fn media(fmt: &str, attributes: &[(&str, &str)]) -> Media {
    let text =
        format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/SAVPF {fmt}\r\n");
    let lines = attributes
        .iter()
        .map(|(name, value)| format!("a={name}:{value}\r\n"));
    let text = lines.fold(text, |text, line| text + &line);
    sdp_types::Session::parse(text.as_bytes())
        .unwrap()
        .medias
        .remove(0)
}

#[test]
fn what_chromium_offers() {
    let offer = Description::parse_media_offer(CHROMIUM).unwrap();
    let sections: Vec<_> = offer.media().collect();
    assert_eq!(sections[0].kind, MediaKind::Audio);
    let names = |at: usize| -> Vec<_> {
        let codecs = sections[at].codecs.iter();
        codecs.map(|c| (c.payload_type, c.name.as_str())).collect()
    };
    assert_eq!(names(0)[..3], [(111, "opus"), (63, "red"), (9, "G722")]);
    let opus = sections[0].codec(111).unwrap();
    assert_eq!((opus.clock_rate, opus.channels), (48_000, Some(2)));
    assert_eq!(opus.parameter("useinbandfec"), Some("1"));
    assert_eq!(opus.parameter("usedtx"), None);
    assert_eq!(opus.feedback, ["transport-cc"]);

    let video = sections[1];
    assert_eq!(names(1)[..2], [(96, "VP8"), (97, "rtx")]);
    assert_eq!(video.codec(97).unwrap().retransmits(), Some(96));
    assert_eq!(video.codec(96).unwrap().retransmits(), None);
    assert!(
        video
            .codec(96)
            .unwrap()
            .feedback
            .contains(&"nack pli".to_owned())
    );
    assert!(
        video
            .codecs
            .iter()
            .any(|c| c.is("h264") && !c.is_auxiliary())
    );
    assert!(video.codecs.iter().any(|c| c.is("AV1")) && video.codecs.iter().any(|c| c.is("VP9")));
    // Each retransmission has its codec.
    for codec in video.codecs.iter().filter(|c| c.is("rtx")) {
        assert!(video.codec(codec.retransmits().unwrap()).is_some());
    }
}

#[test]
fn lines_that_cannot_be_read_are_left_out() {
    let media = media(
        "96 97 98 0 128 x 96 99 8",
        &[
            ("rtpmap", "96 VP8/90000"),
            ("rtpmap", "97 VP8"),
            ("rtpmap", "98 VP8/0"),
            ("rtpmap", "100 VP9/90000"),
            ("rtpmap", "99 /90000"),
            ("rtcp-fb", "* ccm fir"),
            ("rtcp-fb", "96 nack"),
            ("rtcp-fb", "97 nack"),
            ("fmtp", "96"),
        ],
    );
    let codecs = codecs(&media);
    let found: Vec<_> = codecs
        .iter()
        .map(|c| (c.payload_type, c.name.as_str()))
        .collect();
    assert_eq!(found, [(96, "VP8"), (0, "PCMU"), (8, "PCMA")]);
    assert_eq!(codecs[0].feedback, ["nack", "ccm fir"]);
    assert_eq!(codecs[0].parameters, None);
}

#[test]
fn h264_is_the_same_by_mode_and_profile_whatever_the_level() {
    let h264 = |mode: &str, profile: &str| {
        codec(
            "H264",
            &format!("packetization-mode={mode};profile-level-id={profile}"),
        )
    };
    for (same, one, other) in [
        (true, h264("1", "42e01f"), h264("1", "42e034")),
        // The constrained baseline profile in three spellings.
        (true, h264("1", "42e01f"), h264("1", "4D801f")),
        (true, h264("1", "42e01f"), h264("1", "58C01f")),
        (false, h264("1", "42e01f"), h264("0", "42e01f")),
        (false, h264("1", "42e01f"), h264("1", "42001f")),
        (false, h264("1", "42e01f"), h264("1", "64001f")),
        (false, h264("1", "64001f"), h264("1", "640c1f")),
        (false, h264("1", "4d001f"), h264("1", "64001f")),
        (true, h264("0", "42000a"), codec("h264", "")),
        (true, codec("VP9", "profile-id=0"), codec("VP9", "")),
        (
            false,
            codec("VP9", "profile-id=0"),
            codec("VP9", "profile-id=2"),
        ),
        (
            true,
            codec("AV1", "level-idx=5;profile=0;tier=0"),
            codec("av1", ""),
        ),
        (false, codec("VP8", ""), codec("VP9", "")),
        // What has no sense.
        (true, h264("1", "é"), h264("1", "42001f")),
    ] {
        assert_eq!(one.matches(&other), same, "{one:?} {other:?}");
        assert_eq!(other.matches(&one), same);
    }
    let stereo = Codec {
        channels: Some(2),
        ..codec("opus", "")
    };
    assert!(!stereo.matches(&codec("opus", "")));
    assert!(
        Codec {
            channels: Some(1),
            ..codec("L16", "")
        }
        .matches(&codec("L16", ""))
    );
}

/// As many payload types as fit into a description, and as many lines, none of which is read twice
/// for the same.
#[test]
fn a_hostile_section_costs_one_walk_a_payload_type() {
    let fmt = "7 ".repeat(10_000);
    let attributes = vec![("x", "y"); 5_000];
    assert!(codecs(&media(&fmt, &attributes)).is_empty());
}
