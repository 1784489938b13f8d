use super::super::{Packet, RtcpError, packets};
use super::*;

/// Two streams: three packets and padding, and none.
const PACKET: [u8; 36] = [
    0x8B, 205, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2, 0xFF, 0xFF, 0, 3, 0xA4, 0x00, 0x00, 0x00, 0x9F, 0xFE,
    0, 0, 0, 0, 0, 3, 0, 7, 0, 0, 0x12, 0x34, 0x56, 0x78,
];

#[test]
fn streams_and_their_packets() {
    let Some(Ok(Packet::CongestionFeedback(feedback))) = packets(&PACKET).next() else {
        panic!("no feedback");
    };
    assert_eq!((feedback.sender_ssrc, feedback.timestamp), (1, 0x1234_5678));
    let streams: Vec<_> = feedback.streams().collect();
    assert_eq!((streams[0].ssrc, streams[1].ssrc, streams.len()), (2, 3, 2));
    let metric = |ecn, before| Some(PacketMetric { ecn, before });
    let told: Vec<_> = streams[0].packets().collect();
    assert_eq!(
        told,
        [
            (0xFFFF, metric(1, Some(Duration::from_secs(1)))),
            (0, None),
            (1, metric(0, None)),
        ]
    );
    assert_eq!(streams[1].packets().count(), 0);
}

#[test]
fn blocks_that_do_not_fill_the_packet_are_refused() {
    for (at, value) in [(15, 5), (15, 200), (31, 1), (14, 0xFF)] {
        let mut packet = PACKET;
        packet[at] = value;
        let error = packets(&packet).next().unwrap().unwrap_err();
        assert_eq!(error, RtcpError::Malformed, "{at} {value}");
    }
    assert_eq!(CongestionFeedback::parse(&PACKET[..11]), None);
}
