use super::*;
use crate::random::Random;

/// Two CSRCs, a one-byte extension, three bytes of payload and two of padding.
const PACKET: [u8; 33] = [
    0xB2, 0xE0, 0x12, 0x34, 0, 0, 0, 9, 0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0, 1, 0, 0, 0, 2, 0xBE, 0xDE,
    0, 1, 0x10, 0x61, 0, 0, 7, 8, 9, 0, 2,
];

#[test]
fn each_part_is_found() {
    let header = Header::parse(&PACKET).unwrap();
    let expected = Header {
        marker: true,
        payload_type: 96,
        sequence_number: 0x1234,
        timestamp: 9,
        ssrc: 0xCAFE_BABE,
        csrc_count: 2,
        extension: Some((0xBEDE, 24..28)),
        payload: 28..31,
        padding: 2,
    };
    assert_eq!(header, expected);
    assert_eq!(header_len(&PACKET), Some(28));
    let extensions: Vec<_> = header.extensions(&PACKET).collect();
    assert_eq!(extensions, [(1, &b"a"[..])]);
}

#[test]
fn what_is_cut_or_wrong_is_refused() {
    for len in 0..29 {
        assert_eq!(
            Header::parse(&PACKET[..len]),
            Err(RtpError::Truncated),
            "{len}"
        );
    }
    let with = |at: usize, value: u8| {
        let mut packet = PACKET;
        packet[at] = value;
        Header::parse(&packet)
    };
    assert_eq!(with(0, 0x72), Err(RtpError::Version));
    assert_eq!(with(32, 0), Err(RtpError::Padding));
    assert_eq!(with(32, 6), Err(RtpError::Truncated));
    assert!(with(32, 5).unwrap().payload.is_empty());
    assert_eq!(with(23, 200), Err(RtpError::Truncated));
}

/// SRTP and RTP must not disagree on where the payload begins.
#[test]
fn both_ways_to_read_a_header_agree() {
    let mut random = Random::from_number(3);
    for _ in 0..200_000 {
        let mut packet: [u8; 64] = random.bytes();
        packet[0] = packet[0] & 0x1F | 0x80;
        let len = random.u32() as usize % 65;
        let packet = &packet[..len];
        let parsed = Header::parse(packet)
            .ok()
            .map(|header| header.payload.start);
        assert_eq!(header_len(packet), parsed, "{packet:?}");
    }
}
