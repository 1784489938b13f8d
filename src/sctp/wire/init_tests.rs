use super::*;
use crate::sctp::testing::offer;

fn parameters() -> Parameters {
    Parameters::generate(&mut Random::from_number(1), offer(100_000))
}

#[test]
fn parameters_read_as_they_were_written() {
    let ours = parameters();
    let plain = Parameters {
        forward_tsn: false,
        reconfig: false,
        ..ours
    };
    for (parameters, cookie) in [
        (ours, None),
        (ours, Some(&[1, 2, 3, 4, 5][..])),
        (plain, None),
    ] {
        let value = parameters.encode(cookie);
        assert_eq!(Parameters::decode(&value), Some((parameters, cookie)));
    }
}

#[test]
fn numbers_that_must_not_be_zero_and_broken_parameters_are_rejected() {
    let value = parameters().encode(None);
    for range in [0..4, 4..8, 8..10, 10..12] {
        let mut value = value.to_vec();
        value[range].fill(0);
        assert_eq!(Parameters::decode(&value), None);
    }
    assert_eq!(Parameters::decode(&value[..15]), None);
    // A TSN may be zero: one in four thousand million is.
    let mut zero = value.to_vec();
    zero[12..16].fill(0);
    assert!(Parameters::decode(&zero).is_some_and(|(peer, _)| peer.initial_tsn == 0));
    // A parameter that is longer than the chunk, or shorter than its own header.
    for length in [[0, 200], [0, 3]] {
        let mut value = value.to_vec();
        value[18..20].copy_from_slice(&length);
        assert_eq!(Parameters::decode(&value), None);
    }
    assert_eq!(Parameters::decode(&[1; 4000]), None);
}

#[test]
fn unknown_parameters_are_passed_over_if_they_allow_it() {
    let known = parameters();
    let base = Parameters {
        forward_tsn: false,
        reconfig: false,
        ..known
    }
    .encode(None);
    let with = |unknown: u16| {
        let mut value = BytesMut::from(&base[..]);
        parameter(&mut value, unknown, &[1]);
        parameter(&mut value, FORWARD_TSN_SUPPORTED, &[]);
        Parameters::decode(&value).unwrap().0.forward_tsn
    };
    assert!(with(0x8001) && with(0xc006) && with(12));
    assert!(!with(0x4001));
}

#[test]
fn a_cookie_opens_only_with_its_key_and_unaltered() {
    let key = CookieKey::generate(&mut Random::from_number(3));
    let peer = Parameters {
        reconfig: false,
        ..Parameters::generate(&mut Random::from_number(4), offer(9000))
    };
    let cookie = Cookie {
        local: parameters(),
        peer,
        tie_tags: (8, 9),
        issued: Duration::from_millis(77),
    };
    let sealed = key.seal(&cookie);
    assert_eq!(key.open(&sealed), Some(cookie));
    for at in 0..sealed.len() {
        let mut altered = sealed.to_vec();
        altered[at] ^= 1;
        assert_eq!(key.open(&altered), None);
    }
    assert_eq!(key.open(&sealed[..50]), None);
    assert_eq!(
        CookieKey::generate(&mut Random::from_number(5)).open(&sealed),
        None
    );
}

#[test]
fn extensions_are_offered_and_read() {
    for (interleaving, zero_checksum) in [(true, false), (false, true), (true, true)] {
        let offer = Offer {
            window: 2000,
            interleaving,
            zero_checksum,
        };
        let ours = Parameters::generate(&mut Random::from_number(1), offer);
        assert_eq!(Parameters::decode(&ours.encode(None)), Some((ours, None)));
    }
    // One of the two chunks of RFC 8260 is not enough, nor another method of RFC 9653.
    let mut value = parameters().encode(None).to_vec();
    value.resize(value.len().next_multiple_of(4), 0);
    value.extend([0x80, 0x08, 0, 5, kind::I_DATA, 0, 0, 0]);
    value.extend([0x80, 0x01, 0, 8, 0, 0, 0, 2]);
    let (peer, _) = Parameters::decode(&value).unwrap();
    assert!(!peer.interleaving && !peer.zero_checksum);
}
