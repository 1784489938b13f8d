use super::*;
use crate::random::Random;

fn datagrams(deframer: &mut Deframer) -> Vec<Bytes> {
    let mut found = Vec::new();
    while let Some(datagram) = deframer.next_datagram().unwrap() {
        found.push(datagram);
    }
    found
}

#[test]
fn what_is_framed_comes_out_whole_however_the_stream_is_cut() {
    let mut random = Random::from_number(4571);
    for _ in 0..200 {
        let mut stream = BytesMut::new();
        let mut sent = Vec::new();
        for _ in 0..random.u32() % 8 {
            let length = [1, 2, 3, 1200, 65_535][random.u32() as usize % 5];
            let datagram = Bytes::from(vec![random.u32() as u8; length]);
            frame(&datagram.clone().into(), &mut stream);
            sent.push(datagram);
        }
        let mut deframer = Deframer::new(65_535);
        let mut received = Vec::new();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let cut = (1 + random.u32() as usize % 3000).min(rest.len());
            deframer.push(&rest[..cut]);
            received.extend(datagrams(&mut deframer));
            rest = &rest[cut..];
        }
        assert_eq!(received, sent);
        assert!(deframer.buffer.is_empty());
    }
}

#[test]
fn a_batch_is_framed_datagram_by_datagram() {
    let mut stream = BytesMut::new();
    frame(&Segments::new(Bytes::from_static(b"aabbc"), 2), &mut stream);
    assert_eq!(&stream[..], b"\0\x02aa\0\x02bb\0\x01c");
}

#[test]
fn one_that_is_too_long_ends_the_stream_before_it_is_held() {
    let mut deframer = Deframer::new(1500);
    deframer.push(&1501u16.to_be_bytes());
    let error = TooLong {
        announced: 1501,
        limit: 1500,
    };
    assert_eq!(deframer.next_datagram(), Err(error));
    assert_eq!(deframer.next_datagram(), Err(error));
    deframer.set_limit(65_535);
    deframer.push(&[1; 1501]);
    assert_eq!(datagrams(&mut deframer).len(), 1);
}

#[test]
fn nothing_and_empty_datagrams_are_nothing() {
    let mut deframer = Deframer::new(1500);
    assert_eq!(deframer.next_datagram(), Ok(None));
    deframer.push(&[0; 1001]);
    assert_eq!(deframer.next_datagram(), Ok(None));
    deframer.push(&[1, 7]);
    assert_eq!(datagrams(&mut deframer), [Bytes::from_static(&[7])]);
}
