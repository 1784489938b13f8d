use super::*;
use crate::stun::{BINDING, Builder, Class, Header, TransactionId, attribute};

fn stun(software: &str) -> Bytes {
    let header = Header {
        class: Class::Request,
        method: BINDING,
        transaction_id: TransactionId([1; 12]),
    };
    Builder::new(header)
        .attribute(attribute::SOFTWARE, software.as_bytes())
        .build()
}

fn channel_data(data: &[u8]) -> Bytes {
    let mut message = BytesMut::from(&channel_header(0x4001, data.len()).unwrap()[..]);
    message.extend_from_slice(data);
    message.resize(message.len().next_multiple_of(4), 0);
    message.freeze()
}

fn frames(deframer: &mut Deframer, bytes: &[u8]) -> Result<Vec<Bytes>, NotTurn> {
    deframer.push(Bytes::copy_from_slice(bytes));
    std::iter::from_fn(|| deframer.next().transpose()).collect()
}

#[test]
fn a_stream_in_pieces_of_any_size_gives_the_same_messages() {
    let messages = [
        stun(""),
        channel_data(b""),
        channel_data(b"a"),
        stun("a server"),
        channel_data(&[7; 1200]),
        channel_data(&[9; 1201]),
        channel_data(b"abcd"),
        stun("x"),
    ];
    let stream = messages.concat();
    for size in (1..40).chain([100, 1000, stream.len()]) {
        let mut deframer = Deframer::default();
        let mut seen = Vec::new();
        for piece in stream.chunks(size) {
            seen.extend(frames(&mut deframer, piece).unwrap());
        }
        assert_eq!(seen, messages, "in pieces of {size}");
    }
}

#[test]
fn the_largest_message_fits() {
    let largest = channel_data(&[1; 65_535]);
    let mut deframer = Deframer::default();
    let (start, end) = largest.split_at(60_000);
    assert!(frames(&mut deframer, start).unwrap().is_empty());
    let seen = frames(&mut deframer, end).unwrap();
    assert_eq!(parse_channel_data(&seen[0]).unwrap().1.len(), 65_535);
    assert_eq!(channel_header(0x4000, 65_536), None);
}

#[test]
fn junk_is_noticed_at_once() {
    let mut wrong_cookie = stun("x").to_vec();
    wrong_cookie[5] ^= 1;
    let mut odd_length = stun("x").to_vec();
    odd_length[3] += 1;
    for junk in [
        &b"\x80"[..],
        b"\xff\xff",
        b"\x16\x03\x01",
        b"\x50\x00",
        &wrong_cookie[..6],
    ] {
        assert_eq!(
            frames(&mut Deframer::default(), junk),
            Err(NotTurn),
            "{junk:?}"
        );
    }
    assert_eq!(frames(&mut Deframer::default(), &odd_length), Err(NotTurn));
    // In the second of two pieces, too.
    let mut deframer = Deframer::default();
    assert!(
        frames(&mut deframer, &wrong_cookie[..5])
            .unwrap()
            .is_empty()
    );
    assert_eq!(frames(&mut deframer, &wrong_cookie[5..]), Err(NotTurn));
}

#[test]
fn channel_data_carries_its_length_and_maybe_padding() {
    let padded = Bytes::from_static(&[0x40, 1, 0, 1, b'a', 0, 0, 0]);
    assert_eq!(
        parse_channel_data(&padded),
        Some((0x4001, Bytes::from_static(b"a")))
    );
    let bare = Bytes::from_static(&[0x40, 1, 0, 1, b'a']);
    assert_eq!(
        parse_channel_data(&bare),
        Some((0x4001, Bytes::from_static(b"a")))
    );
    let empty = Bytes::from_static(&[0x40, 1, 0, 0]);
    assert_eq!(parse_channel_data(&empty), Some((0x4001, Bytes::new())));
    for broken in [&[0x40, 1, 0, 2, b'a'][..], &[0x40, 1, 0], &[]] {
        assert_eq!(parse_channel_data(&Bytes::copy_from_slice(broken)), None);
    }
}
