use super::*;

/// A test vector of the TLS working group for P_SHA256.
#[test]
fn the_pseudorandom_function_gives_what_it_should() {
    let secret = [
        0x9b, 0xbe, 0x43, 0x6b, 0xa9, 0x40, 0xf0, 0x17, 0xb1, 0x76, 0x52, 0x84, 0x9a, 0x71, 0xdb,
        0x35,
    ];
    let seed = [
        0xa0, 0xba, 0x9f, 0x93, 0x6c, 0xda, 0x31, 0x18, 0x27, 0xa6, 0xf7, 0x96, 0xff, 0xd5, 0x19,
        0x8c,
    ];
    let mut out = [0; 40];
    prf(&secret, b"test label", &seed, &mut out);
    assert_eq!(
        out[..20],
        [
            0xe3, 0xf2, 0x29, 0xba, 0x72, 0x7b, 0xe1, 0x7b, 0x8d, 0x12, 0x26, 0x20, 0x55, 0x7c,
            0xd4, 0x53, 0xc2, 0xaa, 0xb2, 0x1d
        ]
    );
    assert_eq!(
        out[20..],
        [
            0x07, 0xc3, 0xd4, 0x95, 0x32, 0x9b, 0x52, 0xd4, 0xe6, 0x1e, 0xdb, 0x5a, 0x6b, 0x30,
            0x17, 0x91, 0xe9, 0x0d, 0x35, 0xc9
        ]
    );
}

/// What webrtc-dtls serializes for a client: epochs 1 and 1, randoms, suite, master secret, number
/// 7, no profile, one certificate of three bytes, no hint.
fn serialized() -> Vec<u8> {
    let mut s = vec![1, 0, 1, 0];
    s.extend([3; 32]);
    s.extend([4; 32]);
    s.extend([0x2b, 0xc0, 48, 0, 0, 0, 0, 0, 0, 0]);
    s.extend([5; 48]);
    s.extend([7, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
    s.extend([1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9]);
    s.extend([0, 0, 0, 0, 0, 0, 0, 0, 1]);
    s
}

/// Those of a client, for other tests.
pub(in super::super) fn secrets() -> Secrets {
    Secrets::read(&serialized(), true).unwrap()
}

#[test]
fn the_serialized_state_is_read_to_its_last_byte_or_not_at_all() {
    let secrets = secrets();
    assert_eq!(secrets.master_secret, [5; 48]);
    assert_eq!(
        (secrets.client_random, secrets.server_random),
        ([3; 32], [4; 32])
    );
    assert_eq!(secrets.sequence, 7);
    assert!(Secrets::read(&serialized(), false).is_none());
    let whole = serialized();
    for len in 0..whole.len() {
        assert!(Secrets::read(&whole[..len], true).is_none(), "{len}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(Secrets::read(&longer, true).is_none());
    let mut before_the_end = whole;
    before_the_end[0] = 0;
    assert!(Secrets::read(&before_the_end, true).is_none());
}
