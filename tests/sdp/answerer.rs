//! Answers offers and makes some, so that others can be asked whether they accept them. Each line of
//! input is JSON, and is answered by one line:
//!
//! - a string, an offer: `{"refused": SDP, "accepted": SDP}`, where audio and video are refused in
//!   the one and all accepted in the other;
//! - `{"make": ["audio", "video", "data", …], "stopped": [INDEX, …]}`: `{"offer": SDP}` of these;
//! - `{"answer": SDP}`: what it accepts, `{"media": [[MID, DIRECTION], …], "data": BOOL}`.
//!
//! What is wrong is `{"error": …}`.

use std::io::{BufRead, Write};

use actix_rtc_proto::sdp::{
    Codec, Description, Direction, ExtensionMap, Fingerprint, IceCredentials, MediaAnswer,
    MediaKind, MediaOffer, MediaSection, OfferSection, Origin, SdpWriteError, Sending, Setup,
};
use serde_json::{Value, json};

fn main() {
    let mut output = std::io::stdout().lock();
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.expect("a line");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        let version = number as u64 + 1;
        let said = match (&line, &line["make"], &line["answer"]) {
            (Value::String(offer), ..) => answers(offer, version),
            (_, Value::Array(make), _) => offer(make, &line["stopped"], version),
            (.., Value::String(answer)) => summary(answer),
            _ => json!({ "error": "neither an offer nor an answer" }),
        };
        writeln!(output, "{said}").expect("somebody reads");
        output.flush().expect("somebody reads");
    }
}

fn answers(text: &str, version: u64) -> Value {
    let offer = match Description::parse_media_offer(text) {
        Ok(offer) => offer,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let local = local(offer.description.setup.answer());
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
fn local(setup: Setup) -> Description {
    Description {
        ice: IceCredentials {
            ufrag: "abcd".into(),
            pwd: "0123456789012345678901".into(),
            lite: false,
        },
        candidates: vec!["candidate:1 1 udp 2130706431 127.0.0.1 9 typ host".into()],
        end_of_candidates: true,
        trickle: true,
        fingerprints: vec![Fingerprint {
            algorithm: "sha-256".into(),
            value: vec!["AB"; 32].join(":"),
        }],
        setup,
        sctp_port: 5_000,
        max_message_size: Some(262_144),
        mid: None,
        m_line_index: 0,
        left_out: Vec::new(),
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

/// An offer of these sections, each of which is known by its index.
fn offer(make: &[Value], stopped: &Value, version: u64) -> Value {
    let is_stopped = |index: usize| {
        stopped
            .as_array()
            .is_some_and(|all| all.contains(&json!(index)))
    };
    let section = |(index, kind): (usize, &Value)| {
        let mid = index.to_string();
        let kind = match kind.as_str() {
            Some("audio") => Some(MediaKind::Audio),
            Some("video") => Some(MediaKind::Video),
            _ => None,
        };
        match kind {
            kind if is_stopped(index) => OfferSection::Stopped { kind, mid },
            Some(kind) => OfferSection::Media(medium(kind, mid, index)),
            None => OfferSection::Data { mid },
        }
    };
    let sections: Vec<_> = make.iter().enumerate().map(section).collect();
    let origin = Origin {
        session_id: 1,
        version,
    };
    match local(Setup::ActPass).to_media_offer(origin, &sections) {
        Ok(offer) => json!({ "offer": offer }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn medium(kind: MediaKind, mid: String, index: usize) -> MediaOffer {
    let codec = |payload_type, name: &str, clock_rate, channels, parameters: Option<&str>| Codec {
        payload_type,
        name: name.into(),
        clock_rate,
        channels,
        parameters: parameters.map(str::to_owned),
        feedback: if kind == MediaKind::Video && name != "rtx" {
            ["nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"]
                .map(String::from)
                .into()
        } else {
            Vec::new()
        },
    };
    let h264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    let uris = [
        "urn:ietf:params:rtp-hdrext:sdes:mid",
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    ];
    MediaOffer {
        kind,
        direction: Direction::SendRecv,
        codecs: match kind {
            MediaKind::Audio => vec![codec(111, "opus", 48_000, Some(2), Some("useinbandfec=1"))],
            MediaKind::Video => vec![
                codec(96, "VP8", 90_000, None, None),
                codec(97, "rtx", 90_000, None, Some("apt=96")),
                codec(102, "H264", 90_000, None, Some(h264)),
                codec(103, "rtx", 90_000, None, Some("apt=102")),
            ],
        },
        extensions: (1..)
            .zip(uris)
            .map(|(id, uri)| ExtensionMap {
                id,
                uri: uri.into(),
            })
            .collect(),
        rids: Vec::new(),
        sending: Some(Sending {
            stream: "stream".into(),
            track: format!("track{mid}"),
            cname: "answerer".into(),
            ssrcs: vec![1_000 + index as u32],
            ssrc_groups: Vec::new(),
        }),
        mid,
    }
}

fn summary(answer: &str) -> Value {
    match Description::parse_media_answer(answer) {
        Ok(answer) => {
            let media = answer
                .media
                .iter()
                .map(|m| json!([m.mid, m.direction.as_str()]));
            json!({ "media": media.collect::<Vec<_>>(), "data": answer.data })
        }
        Err(error) => json!({ "error": error.to_string() }),
    }
}
