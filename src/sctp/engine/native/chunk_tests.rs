use super::*;

#[test]
fn data_reads_as_it_was_written() {
    for interleaved in [false, true] {
        for (flags, fragment, ppid) in [(3, 0, 51), (4, 7, 0), (2, 0, 53)] {
            let data = Data {
                tsn: u32::MAX,
                stream: 65_534,
                flags,
                message: 65_535,
                fragment: if interleaved { fragment } else { 0 },
                ppid,
                payload: Bytes::from_static(b"seven b"),
            };
            let mut out = BytesMut::new();
            data.encode(interleaved, &mut out);
            assert_eq!(out.len(), Data::size(interleaved, 7));
            let length = usize::from(u16_at(&out, 2).unwrap());
            let value = out.freeze().slice(4..length);
            assert_eq!(Data::decode(interleaved, flags, value.clone()), Some(data));
            let least = Data::overhead(interleaved) - 4;
            assert_eq!(
                Data::decode(interleaved, flags, value.slice(..least - 1)),
                None
            );
        }
    }
}

#[test]
fn a_sack_reads_as_it_was_written_and_leaves_out_what_does_not_fit() {
    let gaps = [(2u16, 3u16), (5, 5), (9, 20)];
    for (room, blocks, repeated) in [(100, 3, 2), (32, 3, 1), (28, 3, 0), (24, 2, 0), (16, 0, 0)] {
        let mut out = BytesMut::new();
        Sack::encode(&mut out, room, 1, 2, gaps.into_iter(), &[7, 8]);
        assert!(out.len() <= room);
        let sack = Sack::decode(out.freeze().slice(4..)).unwrap();
        assert_eq!((sack.cumulative, sack.window), (1, 2));
        assert_eq!(sack.gaps().collect::<Vec<_>>(), gaps[..blocks]);
        assert_eq!(sack.duplicates().collect::<Vec<_>>(), [7, 8][..repeated]);
    }
}

#[test]
fn what_is_skipped_reads_as_it_was_written() {
    for interleaved in [false, true] {
        let skipped = [(1, false, 2), (65_534, interleaved, 65_535)];
        let skipped = skipped.map(|(stream, unordered, message)| Skipped {
            stream,
            unordered,
            message,
        });
        let mut out = BytesMut::new();
        Skipped::encode_all(interleaved, 9, &skipped, &mut out);
        let (tsn, read) = Skipped::decode(interleaved, &out[4..]).unwrap();
        assert_eq!((tsn, read.collect::<Vec<_>>()), (9, skipped.to_vec()));
    }
}
