use crate::sdp::{Description, Fingerprint, IceCredentials, Origin, SdpWriteError, Setup};

const ORIGIN: Origin = Origin {
    session_id: u64::MAX,
    version: 3,
};

fn local(setup: Setup) -> Description {
    Description {
        ice: IceCredentials {
            ufrag: "abcd".into(),
            pwd: "0123456789012345678901".into(),
            lite: false,
        },
        candidates: vec!["candidate:1 1 udp 2130706431 192.0.2.7 4000 typ host".into()],
        end_of_candidates: true,
        trickle: true,
        fingerprints: vec![Fingerprint {
            algorithm: "sha-256".into(),
            value: "AB:CD".into(),
        }],
        setup,
        sctp_port: 5000,
        max_message_size: Some(262_144),
        mid: None,
        m_line_index: 0,
        left_out: Vec::new(),
    }
}

#[test]
fn an_offer_of_ours_line_by_line() {
    let offer = local(Setup::ActPass).to_offer(ORIGIN).unwrap();
    let lines: Vec<_> = offer.split("\r\n").collect();
    let expected = [
        "v=0",
        "o=- 9223372036854775807 3 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789012345678901",
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 AB:CD",
        "a=setup:actpass",
        "a=candidate:1 1 udp 2130706431 192.0.2.7 4000 typ host",
        "a=end-of-candidates",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
        "",
    ];
    assert_eq!(lines, expected);
    let read = Description::parse_offer(&offer).unwrap().description;
    assert_eq!(
        read,
        Description {
            mid: Some("0".into()),
            ..local(Setup::ActPass)
        }
    );
}

#[test]
fn a_lite_agent_says_so_above_the_m_line() {
    let mut lite = local(Setup::ActPass);
    lite.ice.lite = true;
    let offer = lite.to_offer(ORIGIN).unwrap();
    assert!(offer.find("a=ice-lite\r\n").unwrap() < offer.find("m=").unwrap());
    assert!(
        Description::parse_offer(&offer)
            .unwrap()
            .description
            .ice
            .lite
    );
}

#[test]
fn setup_must_fit() {
    for setup in [Setup::Active, Setup::Passive] {
        assert_eq!(
            local(setup).to_offer(ORIGIN),
            Err(SdpWriteError::Setup(setup))
        );
    }
    let offer = local(Setup::ActPass).to_offer(ORIGIN).unwrap();
    let offer = offer.replace("actpass", "active");
    let offer = Description::parse_offer(&offer).unwrap();
    assert!(offer.answer(ORIGIN, &local(Setup::Passive)).is_ok());
    for setup in [Setup::Active, Setup::ActPass] {
        assert_eq!(
            offer.answer(ORIGIN, &local(setup)),
            Err(SdpWriteError::Setup(setup))
        );
    }
}

#[test]
fn a_description_that_could_not_work_is_not_written() {
    let offer = |change: fn(&mut Description)| {
        let mut description = local(Setup::ActPass);
        change(&mut description);
        description.to_offer(ORIGIN)
    };
    assert_eq!(
        offer(|d| d.fingerprints.clear()),
        Err(SdpWriteError::NoFingerprints)
    );
    assert_eq!(
        offer(|d| d.ice.pwd.clear()),
        Err(SdpWriteError::IceCredentials)
    );
    let malformed = Err(SdpWriteError::Malformed);
    assert_eq!(
        offer(|d| d.fingerprints[0].value = "AB\r\na=x".into()),
        malformed
    );
    assert_eq!(
        offer(|d| d.candidates[0] = "candidate:1\r\na=setup:active".into()),
        malformed
    );
    assert_eq!(
        offer(|d| d.candidates[0] = "setup:active".into()),
        malformed
    );
    assert_eq!(offer(|d| d.mid = Some("a b".into())), malformed);
}

#[test]
fn an_answer_to_data_alone_line_by_line() {
    let offer = Description::parse_offer(include_str!("testdata/chromium.sdp")).unwrap();
    let answer = offer.answer(ORIGIN, &local(Setup::Active)).unwrap();
    let lines: Vec<_> = answer.split("\r\n").collect();
    let expected = [
        "v=0",
        "o=- 9223372036854775807 3 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789012345678901",
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 AB:CD",
        "a=setup:active",
        "a=candidate:1 1 udp 2130706431 192.0.2.7 4000 typ host",
        "a=end-of-candidates",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
        "",
    ];
    assert_eq!(lines, expected);
}
