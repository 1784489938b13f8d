//! Answers offers, so that others can be asked whether they accept the answers: each line of input
//! is a JSON string with an offer, each line of output `{"refused": SDP, "accepted": SDP}`, or
//! `{"error": …}`. In the one audio and video are refused, in the other all are accepted.

use std::io::{BufRead, Write};

use actix_rtc_proto::sdp::{
    Description, Direction, Fingerprint, IceCredentials, MediaAnswer, MediaSection, Origin,
    SdpWriteError, Sending,
};
use serde_json::json;

fn main() {
    let mut output = std::io::stdout().lock();
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.expect("a line");
        let offer: String = serde_json::from_str(&line).expect("a JSON string");
        let answers = answers(&offer, number as u64 + 1);
        writeln!(output, "{answers}").expect("somebody reads");
        output.flush().expect("somebody reads");
    }
}

fn answers(text: &str, version: u64) -> serde_json::Value {
    let offer = match Description::parse_media_offer(text) {
        Ok(offer) => offer,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let local = local(&offer.description);
    let origin = Origin {
        session_id: 1,
        version,
    };
    let accepted: Vec<_> = offer.media().map(accept).collect();
    let both = || -> Result<_, SdpWriteError> {
        Ok(json!({
            "refused": offer.answer(origin, &local)?,
            "accepted": offer.answer_media(origin, &local, &accepted)?,
        }))
    };
    both().unwrap_or_else(|error| json!({ "error": error.to_string() }))
}

/// Nobody that could be reached.
fn local(offered: &Description) -> Description {
    Description {
        ice: IceCredentials {
            ufrag: "abcd".into(),
            pwd: "0123456789012345678901".into(),
            lite: false,
        },
        candidates: vec!["candidate:1 1 udp 2130706431 127.0.0.1 9 typ host".into()],
        end_of_candidates: true,
        fingerprints: vec![Fingerprint {
            algorithm: "sha-256".into(),
            value: vec!["AB"; 32].join(":"),
        }],
        setup: offered.setup.answer(),
        max_message_size: Some(262_144),
        ..offered.clone()
    }
}

/// Both directions, the favourite codec with its retransmissions, and all layers.
fn accept(offered: &MediaSection) -> MediaAnswer {
    let favourite = offered.codecs.iter().find(|codec| !codec.is_auxiliary());
    let favourite = favourite.map_or(0, |codec| codec.payload_type);
    let with_it = |of: u8| of == favourite;
    let known = [
        "sdes:mid",
        "rtp-stream-id",
        "transport-wide-cc-extensions-01",
    ];
    MediaAnswer {
        mid: offered.mid.clone(),
        direction: Direction::SendRecv,
        payload_types: offered
            .codecs
            .iter()
            .filter(|codec| {
                codec.payload_type == favourite || codec.retransmits().is_some_and(with_it)
            })
            .map(|codec| codec.payload_type)
            .collect(),
        extensions: offered
            .extensions
            .iter()
            .filter(|map| known.iter().any(|end| map.uri.ends_with(end)))
            .map(|map| map.id)
            .collect(),
        rids: offered
            .rids
            .iter()
            .filter(|rid| rid.sends)
            .map(|rid| rid.id.clone())
            .collect(),
        sending: Some(Sending {
            stream: "stream".into(),
            track: format!("track{}", offered.mid),
            cname: "answerer".into(),
            ssrcs: vec![1_000 + offered.codecs.len() as u32],
            ssrc_groups: Vec::new(),
        }),
    }
}
