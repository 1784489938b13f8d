use super::*;

#[test]
fn each_uri_is_found_and_no_other() {
    for (at, kind) in ExtensionKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, at);
        assert_eq!(ExtensionKind::from_uri(kind.uri()), Some(kind));
    }
    assert_eq!(ExtensionKind::from_uri("urn:example"), None);
}

/// All URIs of what browsers offer with audio and video are known, but those that no forwarder
/// needs.
#[test]
fn the_extensions_of_browsers_are_known() {
    let offers = [
        include_str!("../sdp/testdata/chromium_audio_video.sdp"),
        include_str!("../sdp/testdata/aiortc_audio.sdp"),
    ];
    let ignored = [
        "video-content-type",
        "video-timing",
        "color-space",
        "csrc-audio-level",
    ];
    let mut known = 0;
    for line in offers.iter().flat_map(|offer| offer.lines()) {
        let Some(map) = line.strip_prefix("a=extmap:") else {
            continue;
        };
        let uri = map.split(' ').nth(1).unwrap();
        if ExtensionKind::from_uri(uri).is_some() {
            known += 1;
        } else {
            assert!(ignored.iter().any(|part| uri.ends_with(part)), "{uri}");
        }
    }
    assert!(known > 10, "{known}");
}

#[test]
fn an_identifier_has_one_meaning() {
    let mut ids = ExtensionIds::default();
    assert_eq!(ids.id(ExtensionKind::Mid), None);
    assert_eq!(ids.kind(0), None);
    assert!(!ids.set(ExtensionKind::Mid, 0));
    assert!(ids.set(ExtensionKind::Mid, 4) && ids.set(ExtensionKind::Mid, 4));
    assert!(!ids.set(ExtensionKind::Rid, 4));
    assert!(ids.set(ExtensionKind::Rid, 5));
    assert_eq!(ids.id(ExtensionKind::Mid), Some(4));
    assert_eq!(ids.kind(5), Some(ExtensionKind::Rid));
    assert_eq!(ids.kind(6), None);
}
