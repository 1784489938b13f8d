//! SDP: an offer that is read can be answered, and the answer is one.
#![no_main]

use actix_rtc_proto::sdp::{
    Description, Direction, Fragment, MediaAnswer, Origin, Sending, SsrcGroup,
};
use libfuzzer_sys::fuzz_target;

/// The frame of an offer: what comes of the input stands in its place in it.
const SESSION: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AB:CD\r\n\
    a=setup:actpass\r\n";
const MEDIA: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0\r\na=mid:0\r\na=rtcp-mux\r\n\
    a=rtpmap:111 opus/48000/2\r\n";
const DATA: &str = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n";

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = Fragment::parse(text, None);
    let _ = Description::parse_answer(text);
    for text in [
        text.to_owned(),
        format!("{SESSION}{text}"),
        format!("{SESSION}{MEDIA}{text}"),
        format!("{SESSION}{MEDIA}{text}\r\n{DATA}"),
    ] {
        answer(&text);
    }
});

fn answer(text: &str) {
    let media = Description::parse_media_offer(text);
    if let Ok(offer) = Description::parse_offer(text) {
        let local = ours(&offer.description);
        let answer = offer.answer(ORIGIN, &local).expect("an answer");
        let read = Description::parse_answer(&answer).expect("what was written");
        assert_eq!(read.ice, local.ice);
        assert_eq!(sections(&answer), sections(text));
    }
    let Ok(offer) = media else { return };
    let accepted: Vec<_> = offer
        .media()
        .map(|media| MediaAnswer {
            mid: media.mid.clone(),
            direction: Direction::SendRecv,
            payload_types: media.codecs.iter().map(|codec| codec.payload_type).collect(),
            extensions: media.extensions.iter().map(|map| map.id).collect(),
            rids: media.rids.iter().filter(|r| r.sends).map(|r| r.id.clone()).collect(),
            sending: Some(Sending {
                stream: "s".into(),
                track: "t".into(),
                cname: "c".into(),
                ssrcs: vec![1, 2],
                ssrc_groups: vec![SsrcGroup { semantics: "FID".into(), ssrcs: vec![1, 2] }],
            }),
        })
        .collect();
    let local = ours(&offer.description);
    if let Ok(answer) = offer.answer_media(ORIGIN, &local, &accepted) {
        assert_eq!(sections(&answer), sections(text));
    }
    let refused = offer.answer_media(ORIGIN, &local, &[]).expect("an answer without media");
    assert_eq!(sections(&refused), sections(text));
}

const ORIGIN: Origin = Origin { session_id: 1, version: 1 };

/// Ourselves, with the role that is left to us.
fn ours(offered: &Description) -> Description {
    Description { setup: offered.setup.answer(), ..offered.clone() }
}

/// How many m-lines there are.
fn sections(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("m=")).count()
}

