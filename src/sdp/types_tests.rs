use super::*;

fn credentials(ufrag: &str, pwd: &str) -> IceCredentials {
    IceCredentials {
        ufrag: ufrag.into(),
        pwd: pwd.into(),
        lite: false,
    }
}

#[test]
fn ice_credentials_are_of_rfc_8839() {
    let pwd = "a".repeat(22);
    assert_eq!(credentials("aB1+", &pwd).check(), Ok(()));
    assert_eq!(
        credentials(&"a".repeat(256), &"/".repeat(256)).check(),
        Ok(())
    );
    // As base64 is written elsewhere.
    let padded = credentials("a-_=", "q2V0c2VjcmV0c2VjcmV0MQ==");
    assert_eq!(padded.check(), Ok(()));
    let length = |attribute, length, least| {
        Err(SdpError::IceCredentialLength {
            attribute,
            length,
            least,
        })
    };
    assert_eq!(credentials("abc", &pwd).check(), length("ice-ufrag", 3, 4));
    assert_eq!(
        credentials(&"a".repeat(257), &pwd).check(),
        length("ice-ufrag", 257, 4)
    );
    assert_eq!(
        credentials("abcd", &pwd[1..]).check(),
        length("ice-pwd", 21, 22)
    );
    for bad in ["ab:c", "ab c", "ab\rc", "äbcd", "ab=c", "a==="] {
        let error = SdpError::IceCredentialCharacter {
            attribute: "ice-ufrag",
        };
        assert_eq!(credentials(bad, &pwd).check(), Err(error), "{bad:?}");
    }
}

#[test]
fn the_password_is_not_in_the_debug_text() {
    let text = format!("{:?}", credentials("aUt6", "xgz7xn9ehHQHRPFpiSWmfowJ"));
    assert!(text.contains("aUt6") && !text.contains("xgz7"));
}

#[test]
fn fingerprints_are_normalised() {
    let fingerprint: Fingerprint = "SHA-256 ab:Cd:0f".parse().unwrap();
    assert_eq!(fingerprint.algorithm, "sha-256");
    assert_eq!(fingerprint.to_string(), "sha-256 AB:CD:0F");
    for bad in [
        "",
        "sha-256",
        "sha-256 ",
        "sha-256 ABC",
        "sha-256 AB:",
        "sha-256 AB:GG",
        "s@ AB",
    ] {
        assert_eq!(
            bad.parse::<Fingerprint>(),
            Err(SdpError::Fingerprint { found: bad.into() })
        );
    }
}

#[test]
fn setup_answers() {
    use Setup::{ActPass, Active, Passive};
    for offer in [ActPass, Active, Passive] {
        assert!(offer.allows(offer.answer()));
        assert_eq!(offer.as_str().parse(), Ok(offer));
        assert!(!offer.allows(ActPass));
    }
    assert_eq!(ActPass.answer(), Active);
    assert!(ActPass.allows(Passive) && !Active.allows(Active) && !Passive.allows(Passive));
    assert_eq!(
        "holdconn".parse::<Setup>(),
        Err(SdpError::Setup {
            found: "holdconn".into()
        })
    );
}
