use super::*;

const ALL: [HashAlgorithm; 3] = [
    HashAlgorithm::Sha256,
    HashAlgorithm::Sha384,
    HashAlgorithm::Sha512,
];

#[test]
fn each_algorithm_matches_in_upper_and_lower_case() {
    for algorithm in ALL {
        let mut f = Fingerprint::of_certificate(algorithm, b"certificate");
        assert_eq!(f.value.len(), algorithm.digest_len() * 3 - 1);
        assert!(
            FingerprintSet::new(&[f.clone()])
                .unwrap()
                .matches(b"certificate")
        );
        assert!(
            !FingerprintSet::new(&[f.clone()])
                .unwrap()
                .matches(b"another")
        );
        f.value = f.value.to_lowercase();
        f.algorithm = f.algorithm.to_uppercase();
        assert!(FingerprintSet::new(&[f]).unwrap().matches(b"certificate"));
    }
}

#[test]
fn any_one_of_several_suffices() {
    let f = |d: &[u8]| Fingerprint::of_certificate(HashAlgorithm::Sha256, d);
    let unknown = Fingerprint {
        algorithm: "sha-1".into(),
        value: "AB".into(),
    };
    let set = FingerprintSet::new(&[unknown, f(b"old"), f(b"new")]).unwrap();
    assert!(set.matches(b"old") && set.matches(b"new") && !set.matches(b"third"));
}

#[test]
fn what_can_never_match_is_an_error() {
    let f = |algorithm: &str, value: &str| Fingerprint {
        algorithm: algorithm.into(),
        value: value.into(),
    };
    assert_eq!(FingerprintSet::new(&[]), Err(FingerprintError::None));
    assert_eq!(
        FingerprintSet::new(&[f("md5", "AB"), f("token", "AB")]),
        Err(FingerprintError::UnknownAlgorithms)
    );
    let long = "AB:".repeat(32) + "AB";
    let signed = "+A:".repeat(31) + "+A";
    for value in ["", "AB", "AB:CD", &long, &signed, "not hexadecimal"] {
        assert_eq!(
            FingerprintSet::new(&[f("sha-256", value)]),
            Err(FingerprintError::Malformed),
            "{value}"
        );
    }
}
