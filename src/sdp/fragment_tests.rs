use super::*;

const PWD: &str = "P2uYro0UCOQ4zxjKXaWCBui1";
const CANDIDATE: &str = "candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host ufrag EsAw";

/// The example of RFC 9725 §4.3.2, with a second m-section.
fn two_sections() -> String {
    format!(
        "a=group:BUNDLE 0 1\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
         a=ice-ufrag:EsAw\r\na=ice-pwd:{PWD}\r\na={CANDIDATE}\r\na=end-of-candidates\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n\
         a=candidate:2 1 udp 1 192.0.2.9 9 typ host\r\n"
    )
}

#[test]
fn round_trip() {
    let fragment = Fragment {
        ice: Some(IceCredentials {
            ufrag: "EsAw".into(),
            pwd: PWD.into(),
            lite: false,
        }),
        mid: Some("0".into()),
        candidates: vec![CANDIDATE.into()],
        end_of_candidates: true,
        left_out: Vec::new(),
    };
    let text = fragment.to_text().unwrap();
    assert_eq!(
        text,
        format!(
            "a=ice-ufrag:EsAw\r\na=ice-pwd:{PWD}\r\n\
             m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n\
             a={CANDIDATE}\r\na=end-of-candidates\r\n"
        )
    );
    assert_eq!(Fragment::parse(&text, Some("0")), Ok(fragment));
}

#[test]
fn credentials_alone_are_a_restart() {
    let text = format!("a=ice-ufrag:EsAw\r\na=ice-pwd:{PWD}\r\n");
    let fragment = Fragment::parse(&text, Some("0")).unwrap();
    assert_eq!(fragment.ice.as_ref().unwrap().ufrag, "EsAw");
    assert!(fragment.candidates.is_empty());
    assert_eq!(fragment.to_text().unwrap(), text);
    assert_eq!(Fragment::default().to_text().unwrap(), "");
    assert_eq!(Fragment::parse("", None), Ok(Fragment::default()));
}

#[test]
fn only_the_section_that_is_asked_for_counts() {
    let first = Fragment::parse(&two_sections(), Some("0")).unwrap();
    assert_eq!(first.candidates, [CANDIDATE]);
    assert!(first.end_of_candidates);
    assert_eq!(first.ice.unwrap().pwd, PWD);

    let second = Fragment::parse(&two_sections(), Some("1")).unwrap();
    assert_eq!(
        second.candidates,
        ["candidate:2 1 udp 1 192.0.2.9 9 typ host"]
    );
    assert!(!second.end_of_candidates && second.ice.is_none());

    assert_eq!(
        Fragment::parse(&two_sections(), None)
            .unwrap()
            .candidates
            .len(),
        2
    );
    let other = Fragment::parse(&two_sections(), Some("7")).unwrap();
    assert_eq!(other, Fragment::default());
}

#[test]
fn a_fragment_without_m_lines_or_mids_is_taken_as_it_is() {
    let text = format!("a={CANDIDATE}\na=end-of-candidates\n");
    let fragment = Fragment::parse(&text, Some("0")).unwrap();
    assert_eq!(fragment.candidates, [CANDIDATE]);
    assert!(fragment.end_of_candidates);
}

#[test]
fn malformed_fragments() {
    let error = |text: &str| Fragment::parse(text, None).unwrap_err();
    assert_eq!(
        error("a=mid:0\r\nnonsense\r\n"),
        SdpError::Syntax {
            line: 2,
            what: "Line not in key=value format"
        }
    );
    assert_eq!(
        error("a=ice-ufrag:EsAw\r\n"),
        SdpError::MissingIceCredential {
            attribute: "ice-pwd"
        }
    );
    assert_eq!(
        error("a=ice-ufrag:x\r\na=ice-pwd:y\r\n").reason(),
        "ice_credential_length"
    );
    let size = MAX_FRAGMENT_SIZE + 1;
    let limit = MAX_FRAGMENT_SIZE;
    assert_eq!(error(&"a".repeat(size)), SdpError::TooLarge { size, limit });
}

#[test]
fn a_line_break_cannot_be_smuggled_into_a_fragment() {
    let fragment = Fragment {
        candidates: vec!["candidate:1\r\na=x".into()],
        ..Fragment::default()
    };
    assert_eq!(fragment.to_text(), Err(SdpWriteError::Malformed));
    let fragment = Fragment {
        mid: Some("0\r\n".into()),
        ..Fragment::default()
    };
    assert_eq!(fragment.to_text(), Err(SdpWriteError::Malformed));
}
