use super::super::{Packet, packets};
use super::*;

fn written(bit_rate: u64, ssrcs: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    Remb {
        sender_ssrc: 1,
        bit_rate,
        ssrcs: ssrcs.to_vec(),
    }
    .write(&mut out);
    out
}

/// As in libwebrtc's own test: 0x3FB93 * 2^1 bits a second for three sources.
#[test]
fn as_libwebrtc_writes_it() {
    let packet = [
        0x8F, 206, 0, 7, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 3, 0x07, 0xFB,
        0x93, 0x23, 0x45, 0x67, 0x89, 0x23, 0x45, 0x67, 0x8A, 0x23, 0x45, 0x67, 0x8B,
    ];
    let remb = Remb::parse(&packet).unwrap();
    assert_eq!(remb.bit_rate, 0x3FB93 * 2);
    assert_eq!(remb.ssrcs, [0x2345_6789, 0x2345_678A, 0x2345_678B]);
    let mut out = Vec::new();
    remb.write(&mut out);
    assert_eq!(out, packet);
}

#[test]
fn eighteen_bits_of_the_bit_rate_are_kept() {
    for bit in 0..64 {
        for rate in [
            1u64 << bit,
            u64::MAX >> bit,
            123_456_789u64.rotate_left(bit),
        ] {
            let read = Remb::parse(&written(rate, &[5])).unwrap();
            assert!(read.bit_rate <= rate, "{rate}");
            assert!(
                rate - read.bit_rate <= rate >> 17,
                "{rate} {}",
                read.bit_rate
            );
        }
    }
    assert_eq!(Remb::parse(&written(0, &[])).unwrap().bit_rate, 0);
}

#[test]
fn hostile_ones() {
    // An exponent of 63.
    let mut packet = written(1, &[7]);
    packet[17..20].fill(0xFF);
    assert_eq!(Remb::parse(&packet).unwrap().bit_rate, u64::MAX);
    // More sources than there are.
    packet[16] = 2;
    assert_eq!(Remb::parse(&packet), None);
    // As many as there can be.
    let many = written(1, &[9; 40]);
    assert_eq!(Remb::parse(&many).unwrap().ssrcs.len(), 32);
    // Another thing of the same format.
    let mut other = written(1, &[]);
    other[12] = b'X';
    let read = packets(&other).next().unwrap().unwrap();
    assert!(matches!(
        read,
        Packet::Other {
            packet_type: 206,
            count: 15
        }
    ));
}
