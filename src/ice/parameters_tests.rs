use super::*;

#[test]
fn generated_ones_are_valid_and_differ() {
    let mut random = Random::from_number(1);
    let a = Parameters::generate(&mut random, false);
    let b = Parameters::generate(&mut random, true);
    assert_eq!((a.validate(), b.validate()), (Ok(()), Ok(())));
    assert_ne!(a.username_fragment, b.username_fragment);
    assert_ne!(a.password, b.password);
}

#[test]
fn lengths_and_characters_are_those_of_rfc_8839() {
    let of = |u: &str, p: &str| {
        let (username_fragment, password) = (u.to_owned(), p.to_owned());
        Parameters {
            username_fragment,
            password,
            ice_lite: false,
        }
        .validate()
    };
    let good = "0123456789abcdefghijAB";
    assert_eq!(of("ab+/", good), Ok(()));
    // As base64 is written elsewhere.
    assert_eq!(of("a-_b", "q2V0c2VjcmV0c2VjcmV0MQ=="), Ok(()));
    assert_eq!(of("abc=", "q2V0c2VjcmV0c2Vj_mV0MQ1-="), Ok(()));
    for bad in [
        "",
        "abc",
        "ab:cd",
        "ab cd",
        "äöüß",
        "ab=c",
        "a===",
        &"a".repeat(257),
    ] {
        assert_eq!(
            of(bad, good),
            Err(ParametersError::InvalidUsernameFragment),
            "{bad}"
        );
    }
    for bad in ["", &good[1..], &"a".repeat(257), "0123456789abcdefghijA:"] {
        assert_eq!(
            of("abcd", bad),
            Err(ParametersError::InvalidPassword),
            "{bad}"
        );
    }
}

#[test]
fn json_has_the_browsers_names_and_debug_hides_the_password() {
    let json = r#"{"usernameFragment":"abcd","password":"0123456789abcdefghijAB"}"#;
    let p: Parameters = serde_json::from_str(json).unwrap();
    assert!(!p.ice_lite);
    assert_eq!(
        serde_json::to_string(&p).unwrap(),
        r#"{"usernameFragment":"abcd","password":"0123456789abcdefghijAB","iceLite":false}"#
    );
    assert!(!format!("{p:?}").contains("0123456789"));
}
