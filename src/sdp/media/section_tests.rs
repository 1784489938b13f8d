use super::*;
use crate::sdp::{Description, SdpError};

const CHROMIUM: &str = include_str!("../testdata/chromium_audio_video.sdp");

/// The sections of Chromium's offer with lines added to the last of audio and video.
fn video(lines: &str) -> MediaSection {
    let text = CHROMIUM.replace("m=application", &format!("{lines}m=application"));
    let offer = Description::parse_media_offer(&text).unwrap();
    offer.media().nth(1).unwrap().clone()
}

#[test]
fn directions() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    assert_eq!(SendOnly.reversed(), RecvOnly);
    assert_eq!(SendRecv.reversed(), SendRecv);
    for (offered, wish, answer) in [
        (SendRecv, SendRecv, SendRecv),
        (SendRecv, RecvOnly, RecvOnly),
        (SendOnly, SendRecv, RecvOnly),
        (RecvOnly, SendRecv, SendOnly),
        (SendOnly, SendOnly, Inactive),
        (Inactive, SendRecv, Inactive),
    ] {
        assert_eq!(offered.answer(wish), answer, "{offered:?} {wish:?}");
    }
}

#[test]
fn chromiums_sections() {
    let section = video("");
    assert_eq!(
        (section.mid.as_str(), section.kind),
        ("1", MediaKind::Video)
    );
    assert_eq!(section.direction, Direction::SendRecv);
    assert!(section.rtcp_mux && section.rtcp_rsize && section.extmap_allow_mixed);
    assert_eq!(section.extensions.len(), 11);
    assert_eq!(section.extensions[0].id, 14);
    assert!(section.extensions[0].uri.ends_with("toffset"));
    let (stream, track) = &section.msids[0];
    assert_eq!((stream.as_str(), track.is_some()), ("-", true));
    // A stream and its retransmissions.
    assert_eq!(section.ssrcs.len(), 2);
    assert_eq!(section.ssrc_groups[0].semantics, "FID");
    assert_eq!(section.ssrc_groups[0].ssrcs, section.ssrcs);
    assert!(section.rids.is_empty() && section.simulcast.is_empty());
}

#[test]
fn layers() {
    let section = video(
        "a=rid:q send\na=rid:h send max-width=1280;max-fps=30\na=rid:f recv\na=rid:b@d send\n\
         a=rid:x both\na=simulcast:recv f send q,~h;h\n",
    );
    let rids: Vec<_> = section
        .rids
        .iter()
        .map(|r| (r.id.as_str(), r.sends))
        .collect();
    assert_eq!(rids, [("q", true), ("h", true), ("f", false)]);
    assert_eq!(section.rids[1].restrictions, "max-width=1280;max-fps=30");
    assert_eq!(section.simulcast, [vec!["q", "~h"], vec!["h"]]);
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let section = video(
        "a=extmap:0 urn:none\na=extmap:256 urn:large\na=extmap:7\na=ssrc:many cname:x\n\
         a=ssrc-group:FID 1 two\na=ssrc-group\na=msid\na=simulcast:send\na=unheard-of\n",
    );
    assert_eq!(section, video(""));
}

#[test]
fn ssrcs_are_bounded() {
    let lines: String = (0..5_000).map(|ssrc| format!("a=ssrc:{ssrc}\n")).collect();
    assert_eq!(video(&lines).ssrcs.len(), MAX_SSRCS);
}

/// Without data channels, as a client of WHIP offers it.
fn media_only() -> String {
    let at = CHROMIUM.find("m=application").unwrap();
    CHROMIUM[..at].replace("BUNDLE 0 1 2", "BUNDLE 0 1")
}

#[test]
fn an_offer_without_data_channels() {
    let text = media_only();
    let error = Description::parse_offer(&text).unwrap_err();
    assert_eq!(error, SdpError::NoDataChannels { media: 2 });
    let offer = Description::parse_media_offer(&text).unwrap();
    assert!(!offer.has_data());
    assert_eq!(offer.media().count(), 2);
    assert_eq!(offer.description.mid.as_deref(), Some("0"));
    assert_eq!(offer.description.candidates.len(), 1);
    // A data section that was stopped is none.
    let stopped = CHROMIUM.replace("m=application 37498", "m=application 0");
    let offer = Description::parse_media_offer(&stopped).unwrap();
    assert!(!offer.has_data() && offer.media().count() == 2);
}

#[test]
fn bundle_and_rtcp_mux_are_required_and_the_section_is_named() {
    let error = |text: &str| Description::parse_media_offer(text).unwrap_err();
    let unbundled = media_only().replace("a=group:BUNDLE 0 1\n", "");
    assert_eq!(error(&unbundled), SdpError::NotBundled { section: 2 });
    assert!(error(&unbundled).to_string().contains("m= line 2 "));
    let partly = CHROMIUM.replace("BUNDLE 0 1 2", "BUNDLE 0 2");
    assert_eq!(error(&partly), SdpError::NotBundled { section: 2 });
    let without = CHROMIUM.replace("a=rtcp-mux\n", "");
    assert_eq!(error(&without), SdpError::NoRtcpMux { section: 1 });
    // Who wants the data alone does not ask for them.
    assert!(
        Description::parse_offer(&partly).is_ok() && Description::parse_offer(&without).is_ok()
    );
    // Stopped sections need neither.
    let stopped = partly.replace("m=video 37034", "m=video 0");
    assert!(Description::parse_media_offer(&stopped).is_ok());
    let nothing = media_only().replace("m=audio 55660", "m=audio 0");
    let nothing = nothing.replace("m=video 37034", "m=video 0");
    assert_eq!(error(&nothing), SdpError::NothingUsable { media: 2 });
}

#[test]
fn one_medium_needs_no_group() {
    let text = media_only();
    let at = text.find("m=video").unwrap();
    let text = text[..at].replace("a=group:BUNDLE 0 1\n", "");
    let offer = Description::parse_media_offer(&text).unwrap();
    assert_eq!(offer.media().count(), 1);
}
