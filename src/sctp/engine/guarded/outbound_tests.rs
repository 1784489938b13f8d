use super::*;
use crate::sctp::wire::packet::{Header, checksum_is_valid};

fn builder() -> Builder {
    Builder::new(Header {
        source_port: 1,
        destination_port: 2,
        verification_tag: 3,
    })
}

fn sack(gaps: usize) -> Vec<u8> {
    let mut value = vec![0, 0, 0, 9, 0, 0, 0x10, 0];
    value.extend((gaps as u16).to_be_bytes());
    value.extend([0, 1]);
    value.extend((0..gaps).flat_map(|gap| [0, gap as u8, 0, gap as u8]));
    value.extend([1, 2, 3, 4]);
    value
}

#[test]
fn the_window_of_a_sack_is_replaced_and_the_rest_kept() {
    let packet = builder()
        .chunk(kind::SACK, 0, &sack(3))
        .chunk(kind::DATA, 3, &[7; 14])
        .finish();
    let (out, cumulative) = rewrite_sack(&packet, 1160, |window| window - 0xff).unwrap();
    assert_eq!(cumulative, 9);
    assert!(checksum_is_valid(&out));
    let chunks: Vec<_> = Chunks::of(&out).map(|chunk| chunk.value.to_vec()).collect();
    let mut expected = sack(3)[..24].to_vec();
    expected[6..8].copy_from_slice(&[0x0f, 0x01]);
    expected[11] = 0;
    assert_eq!(chunks, [expected, vec![7; 14]]);
    assert_eq!(
        rewrite_sack(&builder().finish(), 1160, |window| window),
        None
    );
}

#[test]
fn a_sack_with_too_many_gaps_is_cut() {
    let packet = builder().chunk(kind::SACK, 0, &sack(1000)).finish();
    let (out, _) = rewrite_sack(&packet, 1160, |window| window).unwrap();
    assert_eq!(out.len(), 1160);
    assert_eq!(u16_at(&out, 12 + 4 + 8), Some(283));
}

#[test]
fn a_packet_is_split_between_chunks() {
    let mut packet = builder();
    for index in 0..90u8 {
        packet = packet.chunk(kind::DATA, 3, &[index; 13]);
    }
    let mut parts = Vec::new();
    split(&packet.finish(), 1160, |part| parts.push(part));
    assert_eq!(parts.len(), 2);
    let indices: Vec<u8> = parts
        .iter()
        .flat_map(|part| Chunks::of(part).map(|chunk| chunk.value[0]))
        .collect();
    assert_eq!(indices, (0..90).collect::<Vec<u8>>());
    assert!(
        parts
            .iter()
            .all(|part| part.len() <= 1160 && checksum_is_valid(part))
    );
}

#[test]
fn a_forward_tsn_about_many_streams_is_cut_and_each_part_is_newer_than_the_last() {
    let value: Vec<u8> = [u32::MAX.wrapping_add(2)]
        .into_iter()
        .chain((0..600).map(|stream| stream << 16 | 9))
        .flat_map(u32::to_be_bytes)
        .collect();
    let packet = builder().chunk(kind::FORWARD_TSN, 0, &value).finish();
    let mut parts = Vec::new();
    split(&packet, 1160, |part| parts.push(part));
    let fits = |part: &Bytes| part.len() <= 1160 && checksum_is_valid(part);
    assert!(parts.iter().all(fits));
    let values: Vec<_> = parts
        .iter()
        .flat_map(|part| Chunks::of(part).map(|chunk| chunk.value.to_vec()))
        .collect();
    let tsns: Vec<_> = values
        .iter()
        .map(|value| u32_at(value, 0).unwrap())
        .collect();
    assert_eq!(tsns, [u32::MAX, 0, 1]);
    let streams: Vec<u8> = values
        .iter()
        .flat_map(|value| value[4..].to_vec())
        .collect();
    assert_eq!(streams, value[4..]);
}

#[test]
fn a_chunk_that_fits_into_no_packet_is_left_out() {
    let packet = builder()
        .chunk(kind::SACK, 0, &sack(0))
        .chunk(5, 0, &[0; 2000])
        .finish();
    let mut parts = Vec::new();
    split(&packet, 1160, |part| parts.push(part));
    assert_eq!(parts, [builder().chunk(kind::SACK, 0, &sack(0)).finish()]);
}

#[test]
fn the_last_data_chunk_asks_for_an_acknowledgement() {
    let value = [&[0, 0, 0, 5][..], &[0; 10]].concat();
    let packet = builder()
        .chunk(kind::SACK, 0, &sack(0))
        .chunk(kind::DATA, 3, &value)
        .finish();
    let mut contents = Contents::default();
    look(&packet, &mut contents);
    assert_eq!(
        contents,
        Contents {
            data: vec![(5, 2)],
            last_data: Some(32),
            sack: true,
            reconfig: false
        }
    );
    let out = finish(packet, Some(32), None);
    assert!(checksum_is_valid(&out));
    assert_eq!(
        Chunks::of(&out)
            .map(|chunk| chunk.flags)
            .collect::<Vec<_>>(),
        [0, 0x0b]
    );
}

#[test]
fn a_sack_travels_in_front_of_data_if_it_fits() {
    let value = [&[0, 0, 0, 5][..], &[0; 10]].concat();
    let data = builder().chunk(kind::DATA, 3, &value).finish();
    let alone = builder().chunk(kind::SACK, 0, &sack(1)).finish();
    let size = data.len() + alone.len() - HEADER_SIZE;
    assert!(fits(&alone, &data, size) && !fits(&alone, &data, size - 1));
    let out = finish(data, Some(HEADER_SIZE), Some(alone));
    assert!(checksum_is_valid(&out));
    assert_eq!(out.len(), size);
    let chunks: Vec<_> = Chunks::of(&out).map(|c| (c.kind, c.flags)).collect();
    assert_eq!(chunks, [(kind::SACK, 0), (kind::DATA, 0x0b)]);
}
