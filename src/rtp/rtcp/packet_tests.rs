use rtcp_types::prelude::RtcpPacketWriterExt;
use rtcp_types::{CompoundBuilder, SdesChunk};

use super::*;
use crate::random::Random;

fn compound(builder: CompoundBuilder<'_>) -> Vec<u8> {
    let mut out = vec![0; 1_500];
    let len = builder.write_into(&mut out).unwrap();
    out.truncate(len);
    out
}

fn kinds(datagram: &[u8]) -> Vec<Result<&'static str, RtcpError>> {
    packets(datagram)
        .map(|packet| {
            packet.map(|packet| match packet {
                Packet::SenderReport(_) => "sender report",
                Packet::ReceiverReport(_) => "receiver report",
                Packet::SourceDescription(_) => "source description",
                Packet::Goodbye(_) => "goodbye",
                Packet::Application(_) => "application",
                Packet::ExtendedReport(_) => "extended report",
                Packet::Nack { .. } => "nack",
                Packet::PictureLoss { .. } => "picture loss",
                Packet::FullIntraRequest { .. } => "full intra request",
                Packet::TransportWide { .. } => "transport wide",
                Packet::CongestionFeedback(_) => "congestion feedback",
                Packet::Remb(_) => "remb",
                Packet::Other { .. } => "other",
            })
        })
        .collect()
}

fn report_and_names() -> Vec<u8> {
    let cname = SdesItem::builder(SdesItem::CNAME, "name");
    compound(
        CompoundBuilder::default()
            .add_packet(SenderReport::builder(1).ntp_timestamp(5).packet_count(7))
            .add_packet(Sdes::builder().add_chunk(SdesChunk::builder(1).add_item(cname))),
    )
}

#[test]
fn what_browsers_send_is_told_apart() {
    assert_eq!(
        kinds(&report_and_names()),
        [Ok("sender report"), Ok("source description")]
    );
    let nack = Nack::builder().add_rtp_sequence(65_535).add_rtp_sequence(3);
    let fir = Fir::builder().add_ssrc(9, 4);
    let pli = Pli::builder();
    let datagram = compound(
        CompoundBuilder::default()
            .add_packet(ReceiverReport::builder(1))
            .add_packet(
                TransportFeedback::builder(&nack)
                    .sender_ssrc(1)
                    .media_ssrc(2),
            )
            .add_packet(PayloadFeedback::builder(&pli).sender_ssrc(1).media_ssrc(3))
            .add_packet(PayloadFeedback::builder(&fir).sender_ssrc(1))
            .add_packet(Bye::builder().add_source(1)),
    );
    let all = [
        Ok("receiver report"),
        Ok("nack"),
        Ok("picture loss"),
        Ok("full intra request"),
        Ok("goodbye"),
    ];
    assert_eq!(kinds(&datagram), all);
    for packet in packets(&datagram) {
        match packet.unwrap() {
            Packet::Nack {
                sender_ssrc,
                media_ssrc,
                lost,
            } => {
                assert_eq!((sender_ssrc, media_ssrc), (1, 2));
                assert_eq!(lost.entries().collect::<Vec<_>>(), [3, 65_535]);
            }
            Packet::PictureLoss { media_ssrc, .. } => assert_eq!(media_ssrc, 3),
            Packet::FullIntraRequest { requests, .. } => {
                let request = requests.entries().next().unwrap();
                assert_eq!((request.ssrc(), request.sequence()), (9, 4));
            }
            _ => {}
        }
    }
}

#[test]
fn one_that_is_malformed_does_not_hide_the_next() {
    let mut datagram = vec![0x85, 201, 0, 1, 0, 0, 0, 1];
    datagram.extend([0x80, 210, 0, 0]);
    datagram.extend(report_and_names());
    let all = [
        Err(RtcpError::Malformed),
        Ok("other"),
        Ok("sender report"),
        Ok("source description"),
    ];
    assert_eq!(kinds(&datagram), all);
}

#[test]
fn behind_one_that_is_cut_off_there_is_nothing() {
    let mut datagram = report_and_names();
    datagram.truncate(datagram.len() - 1);
    assert_eq!(
        kinds(&datagram),
        [Ok("sender report"), Err(RtcpError::Truncated)]
    );
    datagram.truncate(2);
    assert_eq!(kinds(&datagram), [Err(RtcpError::Truncated)]);
    datagram.extend([0, 1, 0x40, 0, 0, 0]);
    datagram[0] = 0x40;
    assert_eq!(kinds(&datagram), [Err(RtcpError::Version)]);
    assert_eq!(kinds(&[]), []);
}

/// An item of which rtcp-types 0.3 would panic when its value is read: the prefix is longer than
/// the item, but not than the chunk.
#[test]
fn a_private_item_that_is_longer_than_itself_is_refused() {
    let mut datagram = vec![0x81, 202, 0, 4, 0, 0, 0, 1];
    datagram.extend([8, 2, 5, b'a', 1, 4, b'n', b'a', b'm', b'e', 0, 0]);
    assert_eq!(kinds(&datagram), [Err(RtcpError::Malformed)]);
    datagram[10] = 1;
    let Some(Ok(Packet::SourceDescription(description))) = packets(&datagram).next() else {
        panic!("no description");
    };
    let chunk = description.chunks().next().unwrap();
    let item = chunk.items().next().unwrap();
    assert_eq!((item.priv_prefix(), item.value()), (&b"a"[..], &[][..]));
}

/// An application's packet of which rtcp-types 0.3 would panic when its data is read.
#[test]
fn a_padding_that_is_longer_than_the_contents_is_refused() {
    let mut datagram = vec![0xA0, 204, 0, 3, 0, 0, 0, 1];
    datagram.extend(b"name");
    datagram.extend([0, 0, 0, 4]);
    let Some(Ok(Packet::Application(application))) = packets(&datagram).next() else {
        panic!("no packet of an application");
    };
    assert!(application.data().is_empty());
    for padding in [0, 5, 16, 20, 255] {
        datagram[15] = padding;
        assert_eq!(kinds(&datagram), [Err(RtcpError::Malformed)], "{padding}");
    }
}

#[test]
fn padding_is_no_sequence_number() {
    let mut datagram = vec![
        0xA1, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 7, 0, 0, 0, 0, 0, 4,
    ];
    let lost = |datagram: &[u8]| match packets(datagram).next() {
        Some(Ok(Packet::Nack { lost, .. })) => lost.entries().collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(lost(&datagram), [7]);
    datagram[0] = 0x81;
    assert_eq!(lost(&datagram), [7, 0, 3]);
}

#[test]
fn noise_is_read_without_harm() {
    let mut random = Random::from_number(6);
    let seed = report_and_names();
    for _ in 0..100_000 {
        let mut datagram = seed.clone();
        datagram.extend(random.bytes::<40>());
        for _ in 0..random.u32() % 6 {
            let at = random.u32() as usize % datagram.len();
            datagram[at] = random.bytes::<1>()[0];
        }
        let len = random.u32() as usize % datagram.len();
        let mut bytes = 0;
        for packet in packets(&datagram[..len]) {
            bytes += format!("{packet:?}").len();
        }
        assert!(bytes < 100_000);
    }
}
