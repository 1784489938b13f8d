use super::*;

const HEADER: Header = Header {
    source_port: 5000,
    destination_port: 6000,
    verification_tag: 7,
};

#[test]
fn a_packet_reads_as_it_was_built() {
    let packet = Builder::new(HEADER)
        .chunk(kind::ABORT, 1, &[1, 2, 3])
        .chunk(9, 0, &[])
        .finish();
    assert_eq!(Header::read(&packet), Some(HEADER));
    assert!(checksum_is_valid(&packet));
    assert_eq!(packet.len() % 4, 0);
    let chunks: Vec<_> = Chunks::of(&packet)
        .map(|c| (c.kind, c.flags, c.value))
        .collect();
    assert_eq!(chunks, [(kind::ABORT, 1, &[1, 2, 3][..]), (9, 0, &[][..])]);
}

#[test]
fn the_checksum_is_crc32c() {
    // RFC 9260 Appendix A names the polynomial; "123456789" is its usual check.
    assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    let mut packet = Builder::new(HEADER).finish().to_vec();
    packet[1] ^= 1;
    assert!(!checksum_is_valid(&packet));
    seal(&mut packet);
    assert!(checksum_is_valid(&packet));
    assert!(!checksum_is_valid(&packet[..11]));
}

#[test]
fn chunks_that_do_not_fit_are_malformed() {
    let packet = Builder::new(HEADER).chunk(1, 0, &[0; 8]).finish();
    for (at, length) in [(14, [0, 3]), (14, [0, 13]), (14, [255, 255])] {
        let mut packet = packet.to_vec();
        packet[at..at + 2].copy_from_slice(&length);
        let mut chunks = Chunks::of(&packet);
        assert!(chunks.next().is_none());
        assert!(chunks.is_malformed(), "{length:?}");
    }
    assert!(Chunks::of(&packet[..11]).is_malformed());
    let mut cut = Chunks::of(&packet[..14]);
    assert!(cut.next().is_none() && cut.is_malformed());
}

#[test]
fn serial_numbers_wrap() {
    assert!(
        tsn_before(u32::MAX, 0)
            && tsn_before(5, 6)
            && !tsn_before(6, 6)
            && !tsn_before(0, u32::MAX)
    );
}
