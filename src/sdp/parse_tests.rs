//! Malformed and unusual descriptions: each with the error that says what is wrong.

use crate::sdp::{
    Description, MAX_CANDIDATES, MAX_DESCRIPTION_SIZE, MAX_FINGERPRINTS, MAX_MEDIA, SdpError, Setup,
};

const OFFER: &str = include_str!("testdata/chromium.sdp");

fn error(text: &str) -> SdpError {
    Description::parse_offer(text).unwrap_err()
}

/// The offer without the lines that begin with `prefix`.
fn without(prefix: &str) -> String {
    let kept = OFFER.lines().filter(|line| !line.starts_with(prefix));
    kept.fold(String::new(), |text, line| text + line + "\n")
}

/// The offer with the line that begins with `prefix` replaced.
fn with(prefix: &str, line: &str) -> String {
    assert!(OFFER.contains(prefix));
    without(prefix) + line + "\n"
}

#[test]
fn nonsense_is_called_that() {
    for text in [
        "",
        "nonsense",
        "{\"type\":\"offer\"}",
        "v=1\r\n",
        "o=- 1 1 IN IP4 0.0.0.0\r\n",
    ] {
        assert_eq!(error(text), SdpError::NotSdp, "{text:?}");
    }
}

#[test]
fn a_broken_line_is_named_by_its_number() {
    let error = error(&OFFER.replace("t=0 0", "t=soon never"));
    assert_eq!(
        error,
        SdpError::Syntax {
            line: 4,
            what: "Time start-time"
        }
    );
    assert!(error.to_string().contains("line 4 "), "{error}");
}

#[test]
fn size_and_counts_are_bounded() {
    let long = format!("{OFFER}a=x:{}\n", "y".repeat(MAX_DESCRIPTION_SIZE));
    assert!(matches!(
        error(&long),
        SdpError::TooLarge {
            limit: MAX_DESCRIPTION_SIZE,
            ..
        }
    ));

    let many = |line: &str, count: usize| OFFER.to_owned() + &line.repeat(count);
    let too_many = |what, limit| SdpError::TooMany { what, limit };
    let candidate = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n";
    // These are not needed, and left out.
    let offer = Description::parse_offer(&many(candidate, 1_000)).unwrap();
    assert_eq!(offer.description.candidates.len(), MAX_CANDIDATES);
    let fingerprint = "a=fingerprint:sha-256 AB\n";
    assert!(Description::parse_offer(&many(fingerprint, MAX_FINGERPRINTS - 1)).is_ok());
    assert_eq!(
        error(&many(fingerprint, MAX_FINGERPRINTS)),
        too_many("fingerprints", MAX_FINGERPRINTS)
    );
    let media = "m=audio 9 UDP/TLS/RTP/SAVPF 0\n";
    assert!(Description::parse_offer(&many(media, MAX_MEDIA - 1)).is_ok());
    assert_eq!(
        error(&many(media, MAX_MEDIA)),
        too_many("m= lines", MAX_MEDIA)
    );
}

#[test]
fn an_offer_without_data_channels_says_how_to_get_them() {
    let error = error(&OFFER.replace("m=application", "m=audio"));
    assert_eq!(error, SdpError::NoDataChannels { media: 1 });
    assert!(error.to_string().contains("createDataChannel"));
}

#[test]
fn port_0_refuses() {
    let text = OFFER.replace("m=application 55386", "m=application 0");
    assert_eq!(error(&text), SdpError::DataChannelsRejected);
    // With nobody else's transport to use, bundle-only does not help.
    assert_eq!(
        error(&(text + "a=bundle-only\n")),
        SdpError::DataChannelsRejected
    );
}

#[test]
fn ice_and_dtls_must_be_there() {
    let missing = |attribute| SdpError::MissingIceCredential { attribute };
    assert_eq!(error(&without("a=ice-ufrag")), missing("ice-ufrag"));
    assert_eq!(error(&without("a=ice-pwd")), missing("ice-pwd"));
    assert_eq!(
        error(&without("a=fingerprint")),
        SdpError::MissingFingerprint
    );
    assert_eq!(
        error(&with("a=ice-pwd", "a=ice-pwd:short")).reason(),
        "ice_credential_length"
    );
    assert_eq!(
        error(&with("a=fingerprint", "a=fingerprint:sha-256 X")).reason(),
        "fingerprint"
    );
    assert_eq!(
        error(&with("a=setup", "a=setup:holdconn")).reason(),
        "setup"
    );
}

#[test]
fn values_of_the_section_go_before_those_of_the_session() {
    let session =
        "a=ice-ufrag:SESS\na=ice-pwd:sssssssssssssssssssssss\na=setup:passive\na=ice-lite\n";
    let text = OFFER.replace("a=group", &format!("{session}a=group"));
    let own = Description::parse_offer(&text).unwrap().description;
    assert_eq!(
        (own.ice.ufrag.as_str(), own.setup, own.ice.lite),
        ("aUt6", Setup::ActPass, true)
    );

    let text = text
        .replace("a=ice-ufrag:aUt6\n", "")
        .replace("a=setup:actpass\n", "");
    let inherited = Description::parse_offer(&text).unwrap().description;
    assert_eq!(
        (inherited.ice.ufrag.as_str(), inherited.setup),
        ("SESS", Setup::Passive)
    );
}

#[test]
fn absent_values_have_the_defaults_of_the_rfcs() {
    let offer = Description::parse_offer(&without("a=setup"))
        .unwrap()
        .description;
    assert_eq!(offer.setup, Setup::Active);
    let offer = Description::parse_offer(&without("a=sctp-port"))
        .unwrap()
        .description;
    assert_eq!(offer.sctp_port, 5000);
    let offer = Description::parse_offer(&without("a=max-message-size"))
        .unwrap()
        .description;
    assert_eq!(
        (offer.max_message_size, offer.message_size_limit()),
        (None, Some(65_536))
    );
    let offer = Description::parse_offer(&without("a=mid"))
        .unwrap()
        .description;
    assert_eq!(offer.mid, None);
}

#[test]
fn sctp_numbers() {
    for bad in ["0", "65536", "-1", "many"] {
        let text = with("a=sctp-port", &format!("a=sctp-port:{bad}"));
        assert_eq!(error(&text), SdpError::SctpPort { found: bad.into() });
    }
    let size = |size: &str| {
        Description::parse_offer(&with(
            "a=max-message-size",
            &format!("a=max-message-size:{size}"),
        ))
        .map(|offer| offer.description.message_size_limit())
    };
    assert_eq!(size("0"), Ok(None));
    assert_eq!(size("18446744073709551615"), Ok(Some(u32::MAX)));
    assert_eq!(size("much").unwrap_err().reason(), "max_message_size");
}

#[test]
fn an_answer_must_choose_its_setup_and_accept() {
    assert_eq!(
        Description::parse_answer(OFFER),
        Err(SdpError::SetupUndecided)
    );
    let accepted = Description::parse_answer(&with("a=setup", "a=setup:active")).unwrap();
    assert_eq!(accepted.setup, Setup::Active);
    let default = Description::parse_answer(&without("a=setup")).unwrap();
    assert_eq!(default.setup, Setup::Passive);
    let refused = OFFER.replace("m=application 55386", "m=application 0");
    assert_eq!(
        Description::parse_answer(&refused),
        Err(SdpError::DataChannelsRejected)
    );
}

#[test]
fn what_the_peer_wrote_is_shown_only_in_part() {
    let text = with("a=mid", &format!("a=mid:{}", "(".repeat(1000)));
    assert_eq!(
        error(&text),
        SdpError::Mid {
            found: "(".repeat(40)
        }
    );
}
