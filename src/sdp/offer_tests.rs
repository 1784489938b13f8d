use super::*;
use crate::sdp::{
    Codec, Direction, ExtensionMap, Fingerprint, IceCredentials, MediaAnswer, Rid, SdpError,
    Sending, SsrcGroup,
};

const ORIGIN: Origin = Origin {
    session_id: 5,
    version: 2,
};

fn local() -> Description {
    Description {
        ice: IceCredentials {
            ufrag: "abcd".into(),
            pwd: "0123456789012345678901".into(),
            lite: false,
        },
        candidates: vec!["candidate:1 1 udp 2130706431 192.0.2.7 4000 typ host".into()],
        end_of_candidates: true,
        trickle: false,
        fingerprints: vec![Fingerprint {
            algorithm: "sha-256".into(),
            value: "AB:CD".into(),
        }],
        setup: Setup::ActPass,
        sctp_port: 5000,
        max_message_size: None,
        mid: None,
        m_line_index: 0,
        left_out: Vec::new(),
    }
}

fn codec(payload_type: u8, name: &str, parameters: Option<&str>) -> Codec {
    Codec {
        payload_type,
        name: name.into(),
        clock_rate: 90_000,
        channels: None,
        parameters: parameters.map(str::to_owned),
        feedback: Vec::new(),
    }
}

fn video(mid: &str) -> MediaOffer {
    MediaOffer {
        kind: MediaKind::Video,
        mid: mid.into(),
        direction: Direction::SendRecv,
        codecs: vec![
            Codec {
                feedback: vec!["nack pli".into()],
                ..codec(96, "VP8", None)
            },
            codec(97, "rtx", Some("apt=96")),
        ],
        extensions: vec![ExtensionMap {
            id: 4,
            uri: "urn:ietf:params:rtp-hdrext:sdes:mid".into(),
        }],
        rids: Vec::new(),
        sending: Some(Sending {
            stream: "s".into(),
            track: "t".into(),
            cname: "c".into(),
            ssrcs: vec![1, 2],
            ssrc_groups: vec![SsrcGroup {
                semantics: "FID".into(),
                ssrcs: vec![1, 2],
            }],
        }),
    }
}

fn audio(mid: &str) -> MediaOffer {
    MediaOffer {
        kind: MediaKind::Audio,
        direction: Direction::RecvOnly,
        codecs: vec![Codec {
            clock_rate: 48_000,
            channels: Some(2),
            ..codec(111, "opus", Some("useinbandfec=1"))
        }],
        ..video(mid)
    }
}

fn data() -> OfferSection {
    OfferSection::Data { mid: "d".into() }
}

fn offer(sections: &[OfferSection]) -> Result<String, SdpWriteError> {
    local().to_media_offer(ORIGIN, sections)
}

#[test]
fn an_offer_line_by_line() {
    let stopped = OfferSection::Stopped {
        kind: Some(MediaKind::Audio),
        mid: "0".into(),
    };
    let sections = [stopped, OfferSection::Media(video("1")), data()];
    let text = offer(&sections).unwrap();
    let lines: Vec<_> = text.split("\r\n").collect();
    let expected = [
        "v=0",
        "o=- 5 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 1 d",
        "a=extmap-allow-mixed",
        "m=audio 0 UDP/TLS/RTP/SAVPF 0",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=inactive",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 nack pli",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=msid:s t",
        "a=ssrc-group:FID 1 2",
        "a=ssrc:1 cname:c",
        "a=ssrc:1 msid:s t",
        "a=ssrc:2 cname:c",
        "a=ssrc:2 msid:s t",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789012345678901",
        "a=fingerprint:sha-256 AB:CD",
        "a=setup:actpass",
        "a=candidate:1 1 udp 2130706431 192.0.2.7 4000 typ host",
        "a=end-of-candidates",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:d",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789012345678901",
        "a=fingerprint:sha-256 AB:CD",
        "a=setup:actpass",
        "a=sctp-port:5000",
        "",
    ];
    assert_eq!(lines, expected);
}

/// Both sides are ours.
#[test]
fn an_offer_is_read_answered_and_its_answer_read() {
    let layers = ["q", "f"].map(|id| Rid {
        id: id.into(),
        sends: true,
        restrictions: if id == "q" {
            "max-width=320".into()
        } else {
            String::new()
        },
    });
    let simulcast = MediaOffer {
        rids: layers.to_vec(),
        ..video("1")
    };
    let sections = [
        OfferSection::Media(audio("0")),
        OfferSection::Media(simulcast.clone()),
        data(),
    ];
    let text = offer(&sections).unwrap();
    let read = Description::parse_media_offer(&text).unwrap();
    let media: Vec<_> = read.media().collect();
    assert_eq!(media[0].direction, Direction::RecvOnly);
    assert_eq!(media[0].codecs, audio("0").codecs);
    assert_eq!(media[1].codecs, simulcast.codecs);
    assert_eq!(media[1].extensions, simulcast.extensions);
    assert_eq!(media[1].rids, layers);
    assert_eq!(media[1].simulcast, [["q"], ["f"]]);
    assert_eq!(media[1].ssrcs, [1, 2]);
    assert!(read.has_data());

    let accepted = MediaAnswer {
        mid: "1".into(),
        direction: Direction::RecvOnly,
        payload_types: vec![96],
        extensions: vec![4],
        rids: vec!["q".into()],
        sending: None,
    };
    let theirs = Description {
        setup: Setup::Passive,
        ..local()
    };
    let text = read.answer_media(ORIGIN, &theirs, &[accepted]).unwrap();
    let answer = Description::parse_media_answer(&text).unwrap();
    assert!(answer.data);
    assert_eq!(answer.description.setup, Setup::Passive);
    assert_eq!(answer.description.candidates, local().candidates);
    let [audio, video] = &answer.media[..] else {
        panic!("{answer:?}");
    };
    assert_eq!(
        (audio.direction, video.direction),
        (Direction::Inactive, Direction::RecvOnly)
    );
    assert_eq!(video.codecs.len(), 1);
    assert!(!video.rids[0].sends && video.rids.len() == 1);
}

#[test]
fn what_could_not_be_answered_is_not_offered() {
    let error = |media: MediaOffer| offer(&[OfferSection::Media(media)]).unwrap_err();
    let with = |change: fn(&mut MediaOffer)| {
        let mut media = video("1");
        change(&mut media);
        error(media)
    };
    assert_eq!(with(|m| m.codecs.clear()), SdpWriteError::NoCodecs);
    assert_eq!(with(|m| drop(m.codecs.remove(0))), SdpWriteError::NoCodecs);
    assert_eq!(
        with(|m| m.codecs[1].payload_type = 96),
        SdpWriteError::PayloadType(96)
    );
    assert_eq!(
        with(|m| m.codecs[0].payload_type = 98),
        SdpWriteError::PayloadType(97)
    );
    assert_eq!(
        with(|m| m.extensions[0].id = 0),
        SdpWriteError::Extension(0)
    );
    assert_eq!(
        with(|m| m.extensions.push(m.extensions[0].clone())),
        SdpWriteError::Extension(4)
    );
    let malformed = SdpWriteError::Malformed;
    assert_eq!(with(|m| m.mid = "a b".into()), malformed);
    assert_eq!(with(|m| m.codecs[0].name = "VP8\r\na=x".into()), malformed);
    assert_eq!(
        with(|m| m.extensions[0].uri = "urn:x\na=y".into()),
        malformed
    );
    assert_eq!(
        offer(&[
            OfferSection::Media(video("1")),
            OfferSection::Media(audio("1"))
        ]),
        Err(malformed)
    );
    let other = OfferSection::Data { mid: "e".into() };
    assert_eq!(offer(&[data(), other]), Err(malformed));
    let passive = Description {
        setup: Setup::Passive,
        ..local()
    };
    assert_eq!(
        passive.to_media_offer(ORIGIN, &[data()]),
        Err(SdpWriteError::Setup(Setup::Passive))
    );
}

#[test]
fn answers_must_accept_something_and_keep_it_together() {
    let text = offer(&[
        OfferSection::Media(audio("0")),
        OfferSection::Media(video("1")),
    ])
    .unwrap();
    let undecided = Description::parse_media_answer(&text).unwrap_err();
    assert_eq!(undecided, SdpError::SetupUndecided);
    let answer = text.replace("actpass", "active");
    let read = |text: &str| Description::parse_media_answer(text);
    assert_eq!(read(&answer).unwrap().media.len(), 2);
    let partly = answer.replace("m=audio 9", "m=audio 0");
    let partly = read(&partly.replace("BUNDLE 0 1", "BUNDLE 1")).unwrap();
    assert_eq!((partly.media.len(), partly.data), (1, false));
    assert_eq!(partly.description.mid.as_deref(), Some("1"));
    let error = |text: &str| read(text).unwrap_err();
    let unbundled = answer.replace("BUNDLE 0 1", "BUNDLE 0");
    assert_eq!(error(&unbundled), SdpError::NotBundled { section: 2 });
    let without = answer.replace("a=rtcp-mux\r\n", "");
    assert_eq!(error(&without), SdpError::NoRtcpMux { section: 1 });
    let nothing = answer
        .replace("m=audio 9", "m=audio 0")
        .replace("m=video 9", "m=video 0");
    assert_eq!(error(&nothing), SdpError::NothingUsable { media: 2 });
}
