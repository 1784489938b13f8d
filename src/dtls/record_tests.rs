use super::*;

fn record(content_type: u8, epoch: u16, sequence: u64, body: &[u8]) -> Vec<u8> {
    let mut r = vec![content_type, 254, 253];
    r.extend(epoch.to_be_bytes());
    r.extend(&sequence.to_be_bytes()[2..]);
    r.extend((body.len() as u16).to_be_bytes());
    r.extend(body);
    r
}

#[test]
fn sums_up_the_records_of_a_datagram() {
    let hello = [CLIENT_HELLO, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 2, 9, 9];
    let mut d = record(22, 0, 7, &hello);
    d.extend(record(20, 0, 8, &[1]));
    d.extend(record(22, 1, 0, &[0; 40]));
    let s = Summary::of(&d);
    assert!(s.handshake && s.protected && !s.malformed && !s.wrong_epoch);
    assert_eq!(s.plaintext_sequence, Some(8));
    assert_eq!(s.client_hello, Some(ClientHello::Complete));
    assert!(Summary::of(&record(23, 2, 0, &[0; 40])).wrong_epoch);
    assert_eq!(
        Summary::of(&record(21, 0, 0, &[2, 42])).fatal_alert,
        Some(42)
    );
    assert_eq!(Summary::of(&record(21, 0, 0, &[1, 0])).fatal_alert, None);
}

#[test]
fn reads_the_cipher_suite_of_a_server_hello() {
    let mut body = vec![SERVER_HELLO, 0, 0, 80, 0, 1, 0, 0, 0, 0, 0, 80, 254, 253];
    body.extend([9; 32]);
    body.extend([3, 1, 2, 3, 0xc0, 0x2b, 0]);
    assert_eq!(
        Summary::of(&record(22, 0, 0, &body)).server_hello,
        Some(0xc02b)
    );
    assert_eq!(
        cipher_suite_name(0xc02b),
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    );
    body[8] = 1; // a later fragment
    assert_eq!(Summary::of(&record(22, 0, 0, &body)).server_hello, None);
    body.truncate(40);
    assert_eq!(Summary::of(&record(22, 0, 0, &body)).server_hello, None);
}

#[test]
fn what_is_no_dtls_is_malformed() {
    let good = record(23, 1, 0, &[0; 20]);
    assert!(!Summary::of(&good).malformed);
    for len in 0..good.len() {
        assert!(Summary::of(&good[..len]).malformed, "{len}");
    }
    let mut other_version = good.clone();
    other_version[1] = 3;
    let mut unknown_type = good.clone();
    unknown_type[0] = 99;
    let mut trailing = good.clone();
    trailing.push(0);
    let many = good.repeat(17);
    for d in [other_version, unknown_type, trailing, many] {
        assert!(Summary::of(&d).malformed);
    }
    assert!(!Summary::of(&good.repeat(16)).malformed);
}

#[test]
fn knows_the_unified_header() {
    assert!(Summary::of(&[0b0010_1111, 0, 1, 0, 3, 1, 2, 3]).protected);
    assert!(Summary::of(&[0b0010_0011, 0, 1, 2, 3]).protected);
    assert!(Summary::of(&[0b0010_1111, 0, 1, 0, 4, 1, 2, 3]).malformed);
    assert!(Summary::of(&[0b0011_1111, 0, 1, 0, 3, 1, 2, 3]).malformed);
    assert!(Summary::of(&[0b0010_1111]).malformed);
}

#[test]
fn tells_a_client_hello_from_what_only_begins_like_one() {
    let hello = |body: &[u8]| Summary::of(&record(22, 0, 0, body)).client_hello;
    let fragment = [CLIENT_HELLO, 0, 0, 5, 0, 0, 0, 0, 2, 0, 0, 3, 1, 2, 3];
    assert_eq!(hello(&fragment), Some(ClientHello::Fragment));
    let mut beyond_the_end = fragment;
    beyond_the_end[8] = 3;
    let mut late_message = fragment;
    late_message[5] = 2;
    assert_eq!(hello(&beyond_the_end), None);
    assert_eq!(hello(&late_message), None);
    for len in 0..fragment.len() {
        assert_eq!(hello(&fragment[..len]), None, "{len}");
    }
    assert_eq!(hello(&[&fragment[..], &[0]].concat()), None);
}

#[test]
fn shifts_the_numbers_of_plaintext_records_only() {
    let mut d = [
        record(22, 0, 255, &[1; 9]),
        record(22, 1, 3, &[0; 40]),
        record(21, 0, 7, &[]),
    ];
    let expected = [
        record(22, 0, 260, &[1; 9]),
        d[1].clone(),
        record(21, 0, 12, &[]),
    ]
    .concat();
    let mut joined = d.concat();
    shift_plaintext_sequence(&mut joined, 5);
    assert_eq!(joined, expected);
    // Neither a protected record of DTLS 1.3 nor an incomplete one is touched.
    d[0] = [0b0010_1111; 40].to_vec();
    let before = d[0].clone();
    shift_plaintext_sequence(&mut d[0], 5);
    assert_eq!(d[0], before);
    shift_plaintext_sequence(&mut joined[..5], 5);
    assert_eq!(joined, expected);
}
