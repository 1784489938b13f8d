use super::*;
use crate::stun::{Class, Header, TransactionId, verify};

const ALLOCATE: u16 = 3;

fn message(class: Class) -> Builder {
    Builder::new(Header {
        class,
        method: ALLOCATE,
        transaction_id: TransactionId([3; 12]),
    })
}

fn challenge(realm: &str, nonce: &str, algorithms: Option<&[u8]>) -> Bytes {
    let mut builder = message(Class::ErrorResponse).error(401, "Unauthorized");
    if !realm.is_empty() {
        builder = builder.attribute(REALM, realm.as_bytes());
    }
    if !nonce.is_empty() {
        builder = builder.attribute(NONCE, nonce.as_bytes());
    }
    if let Some(list) = algorithms {
        builder = builder.attribute(PASSWORD_ALGORITHMS, list);
    }
    builder.build()
}

fn authentication() -> Authentication {
    Authentication::new(Credentials::new("user", "pass"))
}

fn find(message: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(message)
        .find(|a| a.kind == kind)
        .map(|a| a.value)
}

#[test]
fn without_a_challenge_nothing_is_added() {
    let auth = authentication();
    assert_eq!(
        auth.sign(message(Class::Request)).build(),
        message(Class::Request).build()
    );
    assert!(auth.key().is_none());
}

#[test]
fn a_server_of_rfc_5389_gets_sha1_with_md5() {
    let mut auth = authentication();
    auth.handle_challenge(&challenge("example.org", "abc", None))
        .unwrap();
    let signed = auth.sign(message(Class::Request)).build();
    assert_eq!(find(&signed, attribute::USERNAME), Some(&b"user"[..]));
    assert_eq!(find(&signed, REALM), Some(&b"example.org"[..]));
    assert_eq!(find(&signed, NONCE), Some(&b"abc"[..]));
    assert_eq!(find(&signed, PASSWORD_ALGORITHMS), None);
    let md5 = PasswordAlgorithm::Md5;
    let key = Key::long_term(Integrity::Sha1, "user", "example.org", "pass", md5).unwrap();
    assert!(verify(&signed, &key, false).is_ok());
}

#[test]
fn a_server_of_rfc_8489_gets_sha256_and_its_own_list_back() {
    for (list, algorithm, chosen) in [
        (&[0, 2, 0, 0, 0, 1, 0, 0][..], PasswordAlgorithm::Sha256, 2),
        (&[0, 1, 0, 0, 0, 2, 0, 0], PasswordAlgorithm::Md5, 1),
        // an unknown one with parameters stands first
        (
            &[0, 9, 0, 3, 1, 2, 3, 0, 0, 2, 0, 0],
            PasswordAlgorithm::Sha256,
            2,
        ),
    ] {
        let mut auth = authentication();
        auth.handle_challenge(&challenge("example.org", "obMatJos2gAAAabc", Some(list)))
            .unwrap();
        let signed = auth.sign(message(Class::Request)).build();
        assert_eq!(find(&signed, PASSWORD_ALGORITHMS), Some(list));
        assert_eq!(
            find(&signed, PASSWORD_ALGORITHM),
            Some(&[0, chosen, 0, 0][..])
        );
        assert_eq!(find(&signed, attribute::MESSAGE_INTEGRITY), None);
        let key =
            Key::long_term(Integrity::Sha256, "user", "example.org", "pass", algorithm).unwrap();
        assert!(verify(&signed, &key, false).is_ok());
    }
}

#[test]
fn a_stripped_list_of_algorithms_is_noticed() {
    for nonce in ["obMatJos2gAAAabc", "obMatJos2wAAAabc", "obMatJos2/AAA"] {
        let refused = authentication().handle_challenge(&challenge("r", nonce, None));
        assert_eq!(refused, Err(Failure::NoCommonAlgorithm), "{nonce}");
    }
    for nonce in ["obMatJos2AAAAabc", "obMatJos2QAAAabc", "obMatJos2g", "gAAA"] {
        assert_eq!(
            authentication().handle_challenge(&challenge("r", nonce, None)),
            Ok(())
        );
    }
}

#[test]
fn challenges_that_cannot_be_met() {
    let long = "x".repeat(MAX_QUOTED_LEN + 1);
    for (realm, nonce, list) in [
        ("", "abc", None),
        ("r", "", None),
        (&*long, "abc", None),
        ("r", &*long, None),
        ("r", "abc", Some(&[][..])),
        ("r", "abc", Some(&[0, 9, 0, 0])),
        ("r", "abc", Some(&[0, 9, 0xff, 0xff, 0, 1, 0, 0])),
        ("r", "abc", Some(&[0, 1, 0])),
    ] {
        let refused = authentication().handle_challenge(&challenge(realm, nonce, list));
        assert_eq!(
            refused,
            Err(Failure::NoCommonAlgorithm),
            "{realm} {nonce} {list:?}"
        );
    }
    let mut forbidden = Authentication::new(Credentials::new("user", "\u{0}"));
    let refused = forbidden.handle_challenge(&challenge("r", "abc", None));
    assert_eq!(refused, Err(Failure::InvalidCredentials));
}

#[test]
fn a_stale_nonce_is_replaced_with_or_without_its_realm() {
    let mut auth = authentication();
    auth.handle_challenge(&challenge("r", "one", None)).unwrap();
    auth.handle_challenge(&challenge("", "two", None)).unwrap();
    assert_eq!(auth.realm(), Some("r"));
    let signed = auth.sign(message(Class::Request)).build();
    assert_eq!(find(&signed, NONCE), Some(&b"two"[..]));
    auth.handle_challenge(&challenge("other", "three", None))
        .unwrap();
    let key = auth.key().unwrap();
    assert!(verify(&auth.sign(message(Class::Request)).build(), key, false).is_ok());
    assert_eq!(auth.realm(), Some("other"));
}
