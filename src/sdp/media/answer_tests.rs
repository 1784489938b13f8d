use super::*;
use crate::sdp::{Description, Offer, Origin, Setup};

const CHROMIUM: &str = include_str!("../testdata/chromium_audio_video.sdp");

fn offer() -> Offer {
    let layers = "a=rid:q send\na=rid:f send\na=simulcast:send q;f\n";
    let text = CHROMIUM.replace("m=application", &format!("{layers}m=application"));
    Description::parse_media_offer(&text).unwrap()
}

fn answer(offer: &Offer, accepted: &[MediaAnswer]) -> Result<String, SdpWriteError> {
    let origin = Origin {
        session_id: 1,
        version: 1,
    };
    let local = Description {
        setup: Setup::Passive,
        ..offer.description.clone()
    };
    offer.answer_media(origin, &local, accepted)
}

fn audio() -> MediaAnswer {
    MediaAnswer {
        mid: "0".into(),
        direction: Direction::SendRecv,
        payload_types: vec![111],
        extensions: vec![4],
        rids: Vec::new(),
        sending: Some(Sending {
            stream: "camera".into(),
            track: "microphone".into(),
            cname: "server".into(),
            ssrcs: vec![5],
            ssrc_groups: Vec::new(),
        }),
    }
}

fn video() -> MediaAnswer {
    MediaAnswer {
        mid: "1".into(),
        direction: Direction::RecvOnly,
        payload_types: vec![96, 97],
        extensions: vec![4, 10, 11, 3],
        rids: vec!["q".into(), "f".into()],
        sending: None,
    }
}

#[test]
fn audio_video_and_data_line_by_line() {
    let text = answer(&offer(), &[video(), audio()]).unwrap();
    let lines: Vec<_> = text
        .split("\r\n")
        .filter(|line| !line.starts_with("a=fingerprint") && !line.starts_with("a=ice-"))
        .collect();
    let expected = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1 2",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=extmap-allow-mixed",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=msid:camera microphone",
        "a=ssrc:5 cname:server",
        "a=ssrc:5 msid:camera microphone",
        "a=setup:passive",
        "a=candidate:4071007192 1 udp 2113937151 10.99.0.1 55660 typ host generation 0 network-cost 999",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=recvonly",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=extmap-allow-mixed",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 goog-remb",
        "a=rtcp-fb:96 transport-cc",
        "a=rtcp-fb:96 ccm fir",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rid:q recv",
        "a=rid:f recv",
        "a=simulcast:recv q;f",
        "a=setup:passive",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:2",
        "a=setup:passive",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
        "",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn what_nobody_accepts_is_inactive_and_the_rest_is_as_it_was() {
    let offer = offer();
    let refused = answer(&offer, &[]).unwrap();
    let some = answer(&offer, &[video()]).unwrap();
    let video_from = |text: &str| text.find("m=video").unwrap();
    assert_eq!(refused[..video_from(&refused)], some[..video_from(&some)]);
    assert_eq!(refused.matches("a=inactive\r\n").count(), 2);
    assert_eq!(some.matches("a=inactive\r\n").count(), 1);
}

#[test]
fn a_direction_that_was_not_offered_is_left_out() {
    let text = CHROMIUM.replace("a=sendrecv", "a=sendonly");
    let offer = Description::parse_media_offer(&text).unwrap();
    let text = answer(&offer, &[audio()]).unwrap();
    assert!(text.contains("a=recvonly\r\n") && !text.contains("a=ssrc") && !text.contains("msid"));
    let text = CHROMIUM.replace("a=sendrecv", "a=recvonly");
    let offer = Description::parse_media_offer(&text).unwrap();
    let text = answer(
        &offer,
        &[
            audio(),
            MediaAnswer {
                rids: vec![],
                ..video()
            },
        ],
    )
    .unwrap();
    assert!(text.contains("a=sendonly\r\n") && text.contains("a=ssrc:5 cname"));
    assert!(!text.contains("a=recvonly"));
}

#[test]
fn what_was_not_offered_is_not_written() {
    let offer = offer();
    let error = |answered: MediaAnswer| answer(&offer, &[answered]).unwrap_err();
    let unknown = SdpWriteError::UnknownSection;
    assert_eq!(
        error(MediaAnswer {
            mid: "2".into(),
            ..audio()
        }),
        unknown
    );
    assert_eq!(
        error(MediaAnswer {
            mid: "9".into(),
            ..audio()
        }),
        unknown
    );
    let with = |payload_types: &[u8]| MediaAnswer {
        payload_types: payload_types.to_vec(),
        ..video()
    };
    assert_eq!(error(with(&[96, 111])), SdpWriteError::PayloadType(111));
    // The retransmissions of what is not answered.
    assert_eq!(error(with(&[96, 99])), SdpWriteError::PayloadType(99));
    assert_eq!(error(with(&[])), SdpWriteError::NoCodecs);
    let extension = MediaAnswer {
        extensions: vec![15],
        ..audio()
    };
    assert_eq!(error(extension), SdpWriteError::Extension(15));
    let layer = MediaAnswer {
        rids: vec!["x".into()],
        ..video()
    };
    assert_eq!(error(layer), SdpWriteError::Rid);
    let mut broken = audio();
    broken.sending.as_mut().unwrap().track = "a b\r\na=setup:active".into();
    assert_eq!(error(broken), SdpWriteError::Malformed);
}

#[test]
fn media_alone_is_answered_without_data_channels() {
    let at = CHROMIUM.find("m=application").unwrap();
    let text = CHROMIUM[..at].replace("BUNDLE 0 1 2", "BUNDLE 0 1");
    let offer = Description::parse_media_offer(&text).unwrap();
    let text = answer(
        &offer,
        &[
            audio(),
            MediaAnswer {
                rids: vec![],
                ..video()
            },
        ],
    )
    .unwrap();
    assert!(text.contains("a=group:BUNDLE 0 1\r\n") && !text.contains("m=application"));
    assert_eq!(text.matches("a=ice-ufrag:").count(), 2);
    assert_eq!(text.matches("a=candidate:").count(), 1);
}
