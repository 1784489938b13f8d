//! RTP: each part that a header names lies in the packet, and what is written is read.
#![no_main]

use actix_rtc_proto::rtp::{
    ExtensionBlock, ExtensionIds, ExtensionKind, Extensions, Header, Name, PayloadRole,
    RtpPacketBuilder, Section, Tracks, header_len,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let len = header_len(input);
    let Ok(header) = Header::parse(input) else {
        // What SRTP does not look at is the padding.
        assert!(len.is_none() || input[0] & 0x20 != 0);
        return;
    };
    assert_eq!(len, Some(header.payload.start));
    let payload = &input[header.payload.clone()];
    let extensions: Vec<_> = header.extensions(input).collect();
    for (id, value) in &extensions {
        assert!(*id != 0 && value.len() <= 255);
    }

    // The same header with the extensions written anew.
    let mut block = ExtensionBlock::default();
    let kept: Vec<_> = extensions.iter().filter(|(id, value)| block.push(*id, value)).collect();
    let mut space = [0; 256];
    let (form, contents) = block.write(&mut space);
    assert!(Extensions::new(form, contents).eq(kept.into_iter().copied()));
    let again = RtpPacketBuilder::new()
        .marker_bit(header.marker)
        .payload_type(header.payload_type)
        .sequence_number(header.sequence_number)
        .timestamp(header.timestamp)
        .ssrc(header.ssrc)
        .extension(form, contents)
        .payload(payload)
        .write_vec()
        .expect("a packet");
    let read = Header::parse(&again).expect("what was written");
    assert_eq!(&again[read.payload.clone()], payload);
    assert_eq!((read.ssrc, read.timestamp), (header.ssrc, header.timestamp));

    let mut ids = ExtensionIds::default();
    ids.set(ExtensionKind::Mid, 1);
    ids.set(ExtensionKind::Rid, 2);
    ids.set(ExtensionKind::RepairedRid, 3);
    let mut tracks = Tracks::new(ids);
    for mid in [&b"0"[..], b"1"] {
        tracks.set_section(Section {
            mid: Name::new(mid).expect("a name"),
            payload_types: (0..128)
                .map(|number| (number, match number % 3 {
                    0 => PayloadRole::Media,
                    1 => PayloadRole::Retransmission,
                    _ => PayloadRole::ForwardErrorCorrection,
                }))
                .collect(),
            ssrcs: Vec::new(),
            repairs: Vec::new(),
        });
    }
    let first = tracks.associate(input, &header);
    assert_eq!(first, tracks.associate(input, &header));
    assert_eq!(tracks.stream(header.ssrc).is_some(), first.is_ok());
    tracks.repaired(header.ssrc);
});
