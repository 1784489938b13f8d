use super::*;
use crate::dtls::Versions;
use crate::dtls::testkit::*;

/// The hello of OpenSSL 3.0 (`openssl s_client -dtls1_2`, as GStreamer and aiortc send it).
const OPENSSL: &str = include_str!("testdata/client-hello-openssl.hex");

fn openssl() -> Vec<u8> {
    let digits: Vec<_> = OPENSSL.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn a_client_on_openssl_may_have_an_rsa_certificate() {
    let offer = ClientOffer::of(&openssl()).unwrap();
    assert_eq!((offer.version, offer.knows_rsa), (Version::Dtls12, true));
    assert!(offer.may_have_rsa_certificate());
}

#[test]
fn a_client_of_this_engine_has_none() {
    for (versions, version) in [
        (Versions::Only12, Version::Dtls12),
        (Versions::Only13, Version::Dtls13),
    ] {
        let mut pair = Pair::of(versions, versions, perfect());
        pair.start();
        let offer = ClientOffer::of(&pair.sent[CLIENT][0]).unwrap();
        assert_eq!((offer.version, offer.knows_rsa), (version, false));
        assert!(!offer.may_have_rsa_certificate());
    }
}

#[test]
fn a_client_of_dtls_13_that_knows_rsa_has_none() {
    // supported_versions with DTLS 1.3 behind all other extensions.
    let mut hello = openssl();
    let versions = [0, 43, 0, 5, 4, 0xFE, 0xFC, 0xFE, 0xFD];
    hello.extend(versions);
    let more = |at: usize, len: usize, hello: &mut Vec<u8>| {
        let mut number = hello[at..at + len]
            .iter()
            .fold(0, |n, b| n << 8 | usize::from(*b));
        number += versions.len();
        hello[at..at + len].copy_from_slice(&number.to_be_bytes()[8 - len..]);
    };
    for (at, len) in [(11, 2), (14, 3), (22, 3)] {
        more(at, len, &mut hello);
    }
    let session_id = 25 + 34;
    let cookie = session_id + 1 + usize::from(hello[session_id]);
    let suites = cookie + 1 + usize::from(hello[cookie]);
    let len = usize::from(u16::from_be_bytes([hello[suites], hello[suites + 1]]));
    let compression = suites + 2 + len;
    let extensions = compression + 1 + usize::from(hello[compression]);
    more(extensions, 2, &mut hello);
    let offer = ClientOffer::of(&hello).unwrap();
    assert_eq!((offer.version, offer.knows_rsa), (Version::Dtls13, true));
    assert!(!offer.may_have_rsa_certificate());
}

#[test]
fn what_is_no_whole_hello_says_nothing_and_harms_nobody() {
    let hello = openssl();
    for len in 0..hello.len() {
        assert_eq!(ClientOffer::of(&hello[..len]), None, "{len}");
    }
    // A fragment, another message, another record.
    for (at, byte) in [(24, 1), (13, 2), (0, 21), (4, 1)] {
        let mut other = hello.clone();
        other[at] = byte;
        assert_eq!(ClientOffer::of(&other), None);
    }
    // Whatever single byte is wrong.
    for at in 0..hello.len() {
        for byte in [0, 1, 0x7F, 0xFF] {
            let mut other = hello.clone();
            other[at] = byte;
            let _ = ClientOffer::of(&other);
        }
    }
}
