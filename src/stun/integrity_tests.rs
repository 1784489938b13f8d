use super::super::binding::{self, Check, RoleClaim};
use super::super::{Builder, Class, TransactionId};
use super::*;

/// RFC 5769 §2.1.
const SAMPLE_REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
    002400046e0001ff80290008932ff9b151263b3600060009\
    6576746a3a683676592020200008001\
    49aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";

fn hex(text: &str) -> Vec<u8> {
    let text = text.as_bytes();
    text.chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn check() -> bytes::Bytes {
    Check {
        transaction_id: TransactionId([3; 12]),
        username: "them:us",
        priority: 7,
        role: RoleClaim::Controlled(1),
        use_candidate: false,
    }
    .encode(&Key::short_term("the password of the peer"))
}

#[test]
fn the_sample_request_of_rfc_5769_is_verified() {
    let sample = hex(SAMPLE_REQUEST);
    let key = Key::short_term("VOkJxbRl1RmTxUk/WvJxBt");
    let verified = verify(&sample, &key, true).unwrap();
    assert_eq!(
        super::super::username(&sample),
        Some((&b"evtj"[..], &b"h6vY"[..]))
    );
    assert_eq!(verified.decode().unwrap().attributes().len(), 4);
    assert_eq!(
        verify(&sample, &Key::short_term("another"), true).unwrap_err(),
        Rejected::WrongIntegrity
    );
}

#[test]
fn every_flipped_bit_is_seen() {
    let good = check();
    let key = Key::short_term("the password of the peer");
    assert!(verify(&good, &key, true).is_ok());
    for bit in 0..good.len() * 8 {
        let mut bad = good.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&bad, &key, true).is_err(), "bit {bit}");
        // Without FINGERPRINT the key alone has to see it.
        if bit / 8 < good.len() - 8 {
            let mut bad = bad[..good.len() - 8].to_vec();
            let length = (bad.len() - HEADER_SIZE) as u16;
            if !(2..4).contains(&(bit / 8)) {
                bad[2..4].copy_from_slice(&length.to_be_bytes());
                assert!(
                    verify(&bad, &key, false).is_err(),
                    "bit {bit} without fingerprint"
                );
            }
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    let key = Key::short_term("secret");
    let start = || {
        Builder::new(Header {
            class: Class::Request,
            method: super::super::BINDING,
            transaction_id: TransactionId([1; 12]),
        })
    };
    let bare = start().fingerprint().build();
    assert_eq!(
        verify(&bare, &key, true).unwrap_err(),
        Rejected::MissingIntegrity
    );
    let unmarked = start().integrity(&key).build();
    assert_eq!(
        verify(&unmarked, &key, true).unwrap_err(),
        Rejected::MissingFingerprint
    );
    assert!(verify(&unmarked, &key, false).is_ok());
    let short = start()
        .attribute(attribute::MESSAGE_INTEGRITY, &[0; 4])
        .fingerprint()
        .build();
    assert_eq!(
        verify(&short, &key, true).unwrap_err(),
        Rejected::WrongIntegrity
    );
    assert_eq!(
        verify(b"hello", &key, true).unwrap_err(),
        Rejected::Malformed
    );
}

#[test]
fn attributes_behind_the_integrity_are_not_decoded() {
    let key = Key::short_term("secret");
    let header = Header {
        class: Class::Request,
        method: super::super::BINDING,
        transaction_id: TransactionId([1; 12]),
    };
    let message = Builder::new(header)
        .attribute(attribute::PRIORITY, &[0, 0, 0, 1])
        .integrity(&key)
        .attribute(attribute::USE_CANDIDATE, &[])
        .fingerprint()
        .build();
    let verified = verify(&message, &key, true).unwrap();
    match binding::decode(&verified).unwrap() {
        binding::Message::Request(request) => {
            assert_eq!((request.priority, request.use_candidate), (Some(1), false));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn sha256_and_long_term_keys_verify_what_they_sign() {
    let header = Header {
        class: Class::Request,
        method: 3,
        transaction_id: TransactionId([1; 12]),
    };
    for integrity in [Integrity::Sha1, Integrity::Sha256] {
        for algorithm in [PasswordAlgorithm::Md5, PasswordAlgorithm::Sha256] {
            let key = |p| Key::long_term(integrity, "user", "realm", p, algorithm).unwrap();
            let message = Builder::new(header)
                .integrity(&key("pass"))
                .fingerprint()
                .build();
            assert!(verify(&message, &key("pass"), true).is_ok());
            assert_eq!(
                verify(&message, &key("other"), true).unwrap_err(),
                Rejected::WrongIntegrity
            );
        }
    }
    assert!(Key::long_term(Integrity::Sha1, "u", "r", "", PasswordAlgorithm::Md5).is_none());
}

#[test]
fn without_a_key_a_flood_of_attributes_is_not_decoded() {
    let header = Header {
        class: Class::SuccessResponse,
        method: 1,
        transaction_id: TransactionId([1; 12]),
    };
    let plain = Builder::new(header)
        .xor_address(
            attribute::XOR_MAPPED_ADDRESS,
            "192.0.2.1:4".parse().unwrap(),
        )
        .build();
    assert_eq!(
        decode_unauthenticated(&plain).unwrap().attributes().len(),
        1
    );
    let mut many = Builder::new(header);
    for _ in 0..300 {
        many = many.attribute(0x15, b"");
    }
    assert_eq!(
        decode_unauthenticated(&many.build()).unwrap_err(),
        Rejected::Malformed
    );
}
