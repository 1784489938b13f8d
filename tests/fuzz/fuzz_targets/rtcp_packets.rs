//! RTCP: whatever a datagram holds, all of it can be read.
#![no_main]

use actix_rtc_proto::rtp::rtcp::{Packet, packets};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut count = 0;
    for packet in packets(input) {
        count += 1;
        let Ok(packet) = packet else { continue };
        // Reads every field.
        assert!(!format!("{packet:?}").is_empty());
        match packet {
            Packet::SenderReport(report) => {
                report.report_blocks().for_each(|block| drop(format!("{block:?}")));
            }
            Packet::ReceiverReport(report) => {
                report.report_blocks().for_each(|block| drop(format!("{block:?}")));
            }
            Packet::SourceDescription(description) => {
                for item in description.chunks().flat_map(|chunk| chunk.items()) {
                    let _ = (item.value(), item.get_value_string());
                    if item.type_() == 8 {
                        let _ = item.priv_prefix();
                    }
                }
            }
            Packet::Goodbye(goodbye) => {
                let _ = (goodbye.ssrcs().count(), goodbye.reason());
            }
            Packet::Application(application) => {
                let _ = (application.name(), application.data());
            }
            Packet::ExtendedReport(report) => {
                report.block_iter().for_each(|block| drop(format!("{block:?}")));
            }
            Packet::Nack { lost, .. } => assert!(lost.entries().count() <= input.len() * 5),
            Packet::FullIntraRequest { requests, .. } => {
                assert!(requests.entries().count() <= input.len());
            }
            // One word may stand for 8,191 packets.
            Packet::TransportWide { arrivals, .. } => {
                assert!(arrivals.packets().count() <= 65_535);
            }
            Packet::CongestionFeedback(feedback) => {
                let packets: usize = feedback.streams().map(|s| s.packets().count()).sum();
                assert!(packets <= input.len());
            }
            Packet::Remb(remb) => {
                let mut written = Vec::new();
                remb.write(&mut written);
                assert!(matches!(
                    packets(&written).next(),
                    Some(Ok(Packet::Remb(again))) if again == remb
                ));
            }
            _ => {}
        }
    }
    assert!(count <= input.len() / 4 + 1);
});
