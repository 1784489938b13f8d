use super::*;
use crate::sctp::wire::packet::{Header, error_cause};

fn builder() -> Builder {
    Builder::new(Header {
        source_port: 1,
        destination_port: 2,
        verification_tag: 3,
    })
}

fn data(stream: u16, contents: &[u8]) -> Vec<u8> {
    let mut value = vec![0, 0, 0, 9];
    value.extend(stream.to_be_bytes());
    value.extend([0; 6]);
    value.extend(contents);
    value
}

fn sorted(packet: Bytes, dead: &[u16], closed: bool) -> (Sorted, Counters) {
    let mut counters = Counters::default();
    let sorted = sort(
        packet,
        &dead.iter().copied().collect(),
        closed,
        &mut counters,
    );
    (sorted, counters)
}

fn reset(parts: &[(u16, usize)]) -> Vec<u8> {
    let mut value = Vec::new();
    for &(kind, length) in parts {
        value.extend(kind.to_be_bytes());
        value.extend((length as u16).to_be_bytes());
        value.resize(value.len() + length.next_multiple_of(4) - 4, 0);
    }
    value
}

#[test]
fn data_sacks_and_resets_pass_without_a_copy() {
    let packet = builder()
        .chunk(kind::SACK, 0, &[0; 12])
        .chunk(kind::DATA, 3, &data(1, b"x"))
        .chunk(kind::RECONFIG, 0, &reset(&[(16, 12), (13, 18)]))
        .finish();
    let (sorted, counters) = sorted(packet.clone(), &[2], false);
    let pass = sorted.pass.unwrap();
    assert_eq!(pass.as_ptr(), packet.as_ptr());
    assert_eq!(pass, packet);
    assert!(sorted.control.is_empty());
    assert_eq!(counters, Counters::default());
}

#[test]
fn what_would_end_sctp_protos_association_is_taken_out() {
    let packet = builder()
        .chunk(kind::DATA, 3, &data(1, b"x"))
        .chunk(kind::ERROR, 0, &error_cause(6, &[]))
        .chunk(0xc1, 0, &[1, 2, 3, 4, 5])
        .chunk(kind::RECONFIG, 0, &reset(&[(14, 12)]))
        .chunk(kind::DATA, 3, &data(1, b""))
        .chunk(kind::COOKIE_ACK, 0, &[])
        .chunk(kind::SACK, 0, &[0; 12])
        .finish();
    let (sorted, counters) = sorted(packet, &[], false);
    let kinds: Vec<u8> = sorted.control.iter().map(|control| control.kind).collect();
    assert_eq!(kinds, [kind::ERROR, kind::COOKIE_ACK]);
    let pass = sorted.pass.unwrap();
    assert!(checksum_is_valid(&pass));
    let left: Vec<u8> = Chunks::of(&pass).map(|chunk| chunk.kind).collect();
    assert_eq!(left, [kind::DATA, kind::SACK]);
    assert_eq!((counters.unknown_chunks, counters.data_dropped), (2, 1));
}

#[test]
fn an_unknown_chunk_without_the_high_bit_ends_the_packet() {
    let packet = builder()
        .chunk(0x3f, 0, &[])
        .chunk(kind::SACK, 0, &[0; 12])
        .finish();
    let (sorted, counters) = sorted(packet, &[], false);
    assert!(sorted.pass.is_none());
    assert_eq!(counters.unknown_chunks, 1);
}

#[test]
fn data_for_a_dead_stream_is_emptied_and_beyond_the_window_dropped() {
    let packet = builder()
        .chunk(kind::DATA, 7, &data(1, &[1; 900]))
        .chunk(kind::DATA, 3, &data(2, &[2; 100]))
        .finish();
    let (kept, _) = sorted(packet.clone(), &[1], false);
    let lengths: Vec<_> = Chunks::of(&kept.pass.unwrap())
        .map(|c| (c.flags, c.value.len()))
        .collect();
    assert_eq!(lengths, [(7, 13), (3, 112)]);
    let (dropped, counters) = sorted(packet, &[], true);
    assert!(dropped.pass.is_none());
    assert_eq!(counters.data_dropped, 2);
}

#[test]
fn malformed_packets_are_dropped_whole() {
    let mut packet = builder()
        .chunk(kind::ERROR, 0, &[])
        .chunk(kind::SACK, 0, &[0; 12])
        .finish()
        .to_vec();
    packet[18..20].copy_from_slice(&[0, 99]);
    crate::sctp::wire::packet::seal(&mut packet);
    let (sorted, counters) = sorted(packet.into(), &[], false);
    assert!(sorted.pass.is_none() && sorted.control.is_empty());
    assert_eq!(counters.malformed, 1);
}

#[test]
fn only_resets_and_their_answers_are_known_reconfigurations() {
    for (parts, known) in [
        (&[(13, 16)][..], true),
        (&[(13, 30)], true),
        (&[(16, 12), (16, 20)], true),
        (&[(13, 12)], false),
        (&[(13, 18), (16, 12)], false),
        (&[(17, 12)], false),
        (&[(16, 12), (16, 12), (16, 12)], false),
        (&[], false),
    ] {
        assert_eq!(is_known_reconfig(&reset(parts)), known, "{parts:?}");
    }
    assert!(!is_known_reconfig(&[0, 13, 0, 99]));
}
