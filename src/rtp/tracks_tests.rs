use allocation_counter::measure;

use super::super::extension::ExtensionBlock;
use super::*;
use crate::rtp::RtpPacketBuilder;

const MID: u8 = 4;
const RID: u8 = 10;
const REPAIRED: u8 = 11;
const VP8: u8 = 96;
const RTX: u8 = 97;
const OPUS: u8 = 111;

fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).unwrap()
}

fn section(mid: &str, payload_types: &[(u8, PayloadRole)]) -> Section {
    Section {
        mid: name(mid),
        payload_types: payload_types.to_vec(),
        ssrcs: Vec::new(),
        repairs: Vec::new(),
    }
}

const VIDEO: [(u8, PayloadRole); 2] = [
    (VP8, PayloadRole::Media),
    (RTX, PayloadRole::Retransmission),
];

/// Audio "0", video "1" and "2".
fn tracks() -> Tracks {
    let mut ids = ExtensionIds::default();
    assert!(ids.set(ExtensionKind::Mid, MID));
    assert!(ids.set(ExtensionKind::Rid, RID));
    assert!(ids.set(ExtensionKind::RepairedRid, REPAIRED));
    let mut tracks = Tracks::new(ids);
    tracks.set_section(section("0", &[(OPUS, PayloadRole::Media)]));
    tracks.set_section(section("1", &VIDEO));
    tracks.set_section(section("2", &VIDEO));
    tracks
}

fn packet(ssrc: u32, payload_type: u8, extensions: &[(u8, &str)]) -> Vec<u8> {
    let mut block = ExtensionBlock::default();
    for (id, value) in extensions {
        assert!(block.push(*id, value.as_bytes()));
    }
    let mut space = [0; 256];
    let (form, contents) = block.write(&mut space);
    let mut builder = RtpPacketBuilder::new()
        .ssrc(ssrc)
        .payload_type(payload_type)
        .payload(&b"payload"[..]);
    if !block.is_empty() {
        builder = builder.extension(form, contents);
    }
    builder.write_vec().unwrap()
}

fn associate(
    tracks: &mut Tracks,
    ssrc: u32,
    payload_type: u8,
    extensions: &[(u8, &str)],
) -> Result<(String, Option<String>, PayloadRole), Unassociated> {
    let packet = packet(ssrc, payload_type, extensions);
    let header = Header::parse(&packet).unwrap();
    let stream = tracks.associate(&packet, &header)?;
    assert_eq!(tracks.stream(ssrc), Some(&stream));
    let rid = stream.rid.map(|rid| rid.as_str().to_owned());
    Ok((stream.mid.as_str().to_owned(), rid, stream.role))
}

fn found(
    mid: &str,
    rid: Option<&str>,
    role: PayloadRole,
) -> Result<(String, Option<String>, PayloadRole), Unassociated> {
    Ok((mid.to_owned(), rid.map(str::to_owned), role))
}

use PayloadRole::{Media, Retransmission};

#[test]
fn a_mid_latches_its_ssrc() {
    let mut tracks = tracks();
    let unknown = Err(Unassociated::UnknownSsrc);
    assert_eq!(associate(&mut tracks, 1, VP8, &[]), unknown);
    assert_eq!(
        associate(&mut tracks, 1, VP8, &[(MID, "2")]),
        found("2", None, Media)
    );
    assert_eq!(associate(&mut tracks, 1, VP8, &[]), found("2", None, Media));
    // A later MID counts more.
    assert_eq!(
        associate(&mut tracks, 1, VP8, &[(MID, "1")]),
        found("1", None, Media)
    );
    assert_eq!(associate(&mut tracks, 1, VP8, &[]), found("1", None, Media));
    let unknown = Err(Unassociated::UnknownMid);
    assert_eq!(associate(&mut tracks, 1, VP8, &[(MID, "9")]), unknown);
    assert_eq!(associate(&mut tracks, 1, VP8, &[]), found("1", None, Media));
}

#[test]
fn a_payload_type_of_one_section_is_enough() {
    let mut tracks = tracks();
    assert_eq!(
        associate(&mut tracks, 7, OPUS, &[]),
        found("0", None, Media)
    );
    let unknown = Err(Unassociated::UnknownPayloadType);
    assert_eq!(associate(&mut tracks, 7, VP8, &[]), unknown);
    assert_eq!(associate(&mut tracks, 8, VP8, &[(MID, "0")]), unknown);
    assert_eq!(tracks.stream(8), None);
}

#[test]
fn signalled_ssrcs_need_no_mid() {
    let mut tracks = tracks();
    tracks.set_section(Section {
        ssrcs: vec![20],
        repairs: vec![(21, 20)],
        ..section("2", &VIDEO)
    });
    assert_eq!(
        associate(&mut tracks, 20, VP8, &[]),
        found("2", None, Media)
    );
    let repair = found("2", None, Retransmission);
    assert_eq!(associate(&mut tracks, 21, RTX, &[]), repair);
    assert_eq!(tracks.repaired(21), Some(20));
    assert_eq!(tracks.repaired(20), None);
}

#[test]
fn layers_and_their_retransmissions_find_each_other() {
    let mut tracks = tracks();
    for (ssrc, rid) in [(30, "q"), (31, "h"), (32, "f")] {
        // The retransmission may come first.
        let repair = associate(&mut tracks, ssrc + 10, RTX, &[(MID, "1"), (REPAIRED, rid)]);
        assert_eq!(repair, found("1", Some(rid), Retransmission));
        assert_eq!(tracks.repaired(ssrc + 10), None);
        let layer = associate(&mut tracks, ssrc, VP8, &[(MID, "1"), (RID, rid)]);
        assert_eq!(layer, found("1", Some(rid), Media));
    }
    for ssrc in 30..33 {
        assert_eq!(tracks.repaired(ssrc + 10), Some(ssrc));
        let rid = ["q", "h", "f"][ssrc as usize - 30];
        assert_eq!(
            associate(&mut tracks, ssrc, VP8, &[]),
            found("1", Some(rid), Media)
        );
        let repair = found("1", Some(rid), Retransmission);
        assert_eq!(associate(&mut tracks, ssrc + 10, RTX, &[]), repair);
    }
}

#[test]
fn without_layers_the_only_media_is_what_is_repaired() {
    let mut tracks = tracks();
    associate(&mut tracks, 1, RTX, &[(MID, "1")]).unwrap();
    associate(&mut tracks, 2, VP8, &[(MID, "1")]).unwrap();
    associate(&mut tracks, 3, VP8, &[(MID, "2")]).unwrap();
    assert_eq!(tracks.repaired(1), Some(2));
    associate(&mut tracks, 4, VP8, &[(MID, "1")]).unwrap();
    assert_eq!(tracks.repaired(1), None);
    tracks.forget(2);
    assert_eq!(tracks.repaired(1), Some(4));
}

#[test]
fn a_section_that_leaves_takes_its_ssrcs() {
    let mut tracks = tracks();
    associate(&mut tracks, 1, VP8, &[(MID, "1")]).unwrap();
    associate(&mut tracks, 2, VP8, &[(MID, "2")]).unwrap();
    tracks.remove_section(name("1"));
    assert_eq!(
        tracks.streams().map(|(ssrc, _)| ssrc).collect::<Vec<_>>(),
        [2]
    );
    // Now the payload type is unique.
    assert_eq!(associate(&mut tracks, 1, VP8, &[]), found("2", None, Media));
}

#[test]
fn ssrcs_are_bounded_and_those_that_are_known_go_on() {
    let mut tracks = tracks();
    for ssrc in 0..Tracks::MAX_STREAMS as u32 {
        associate(&mut tracks, ssrc, OPUS, &[]).unwrap();
    }
    let full = Err(Unassociated::TooManyStreams);
    assert_eq!(associate(&mut tracks, 5_000, OPUS, &[]), full);
    assert_eq!(
        associate(&mut tracks, 5, OPUS, &[]),
        found("0", None, Media)
    );
    tracks.forget(9);
    assert!(associate(&mut tracks, 5_000, OPUS, &[]).is_ok());
}

#[test]
fn in_the_steady_state_nothing_is_allocated() {
    let mut tracks = tracks();
    let packets = [
        packet(1, VP8, &[(MID, "1"), (RID, "q")]),
        packet(1, VP8, &[]),
        packet(2, RTX, &[(MID, "1"), (REPAIRED, "q"), (RID, "r")]),
        packet(3, OPUS, &[]),
        packet(4, VP8, &[]),
    ];
    let mut round = || {
        for packet in &packets {
            let header = Header::parse(packet).unwrap();
            let _ = tracks.associate(packet, &header);
        }
    };
    round();
    assert_eq!(measure(round).count_total, 0);
}

#[test]
fn names_are_short_and_visible() {
    assert_eq!(name("a1").as_str(), "a1");
    assert_eq!(format!("{:?}", name("a1")), "\"a1\"");
    for bad in [&b""[..], b"12345678901234567", b"a b", b"\xFF", b"a\0"] {
        assert_eq!(Name::new(bad), None);
    }
    assert!(Name::new(b"1234567890123456").is_some());
}
