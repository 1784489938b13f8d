use super::super::{BINDING, Builder};
use super::*;

fn header(class: Class, method: u16) -> Header {
    Header {
        class,
        method,
        transaction_id: TransactionId([9; 12]),
    }
}

#[test]
fn every_class_and_method_survives() {
    use Class::*;
    for class in [Request, Indication, SuccessResponse, ErrorResponse] {
        for method in 0..=0xFFF {
            let header = header(class, method);
            assert_eq!(peek(&Builder::new(header).build()), Some(header));
        }
    }
    // RFC 5769 §2.1 and §2.2: the types of a Binding request and response.
    assert_eq!(header(Request, BINDING).message_type(), 0x0001);
    assert_eq!(header(SuccessResponse, BINDING).message_type(), 0x0101);
    assert_eq!(header(ErrorResponse, BINDING).message_type(), 0x0111);
}

#[test]
fn only_one_whole_message_is_looked_at() {
    let good = Builder::new(header(Class::Request, BINDING))
        .attribute(6, b"abcd")
        .build();
    assert!(peek(&good).is_some());
    let spoil = |at: usize, byte: u8| {
        let mut bad = good.to_vec();
        bad[at] = byte;
        peek(&bad)
    };
    assert_eq!(spoil(0, 0x80), None);
    assert_eq!(spoil(3, 4), None);
    assert_eq!(spoil(3, 12), None);
    assert_eq!(spoil(4, 0x20), None);
    assert_eq!(peek(&good[..19]), None);
    assert_eq!(peek(&good[..27]), None);
    assert_eq!(peek(&[&good[..], &[0; 4]].concat()), None);
    let large = |size: usize| {
        Builder::new(header(Class::Request, BINDING))
            .attribute(6, &vec![0; size - 24])
            .build()
    };
    assert!(peek(&large(MAX_STUN_SIZE)).is_some());
    assert!(peek(&large(MAX_STUN_SIZE + 4)).is_none());
}

#[test]
fn the_username_is_cut_at_its_first_colon() {
    let of = |username: &[u8]| {
        let message = Builder::new(header(Class::Request, BINDING))
            .attribute(0x8022, b"who")
            .attribute(6, username)
            .build();
        username_of(&message)
    };
    fn username_of(message: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        username(message).map(|(l, r)| (l.to_vec(), r.to_vec()))
    }
    assert_eq!(of(b"us:them"), Some((b"us".to_vec(), b"them".to_vec())));
    assert_eq!(of(b":"), Some((vec![], vec![])));
    assert_eq!(of(b"a:b:c"), Some((b"a".to_vec(), b"b:c".to_vec())));
    assert_eq!(of(b"nocolon"), None);
    assert_eq!(of(&[b':'; 784]), None);
    assert_eq!(
        username_of(&Builder::new(header(Class::Request, BINDING)).build()),
        None
    );
}

#[test]
fn attributes_end_where_they_do_not_fit_and_after_their_bound() {
    let mut builder = Builder::new(header(Class::Request, BINDING));
    for _ in 0..200 {
        builder = builder.attribute(0x15, b"");
    }
    let many = builder.attribute(6, b"us:them").build();
    assert!(peek(&many).is_some());
    assert_eq!(attributes(&many).count(), MAX_ATTRIBUTES);
    assert_eq!(local_ufrag(&many), None);
    let mut short = Builder::new(header(Class::Request, BINDING))
        .attribute(6, b"a:bc")
        .build();
    assert_eq!(attributes(&short).count(), 1);
    let mut lying = short.to_vec();
    lying[23] = 5;
    short = lying.into();
    assert_eq!(attributes(&short).count(), 0);
}
