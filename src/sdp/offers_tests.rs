//! Real offers, read and answered.

use super::{Description, Offer, Origin, Setup};

const CHROMIUM: &str = include_str!("testdata/chromium.sdp");
const CHROMIUM_AV: &str = include_str!("testdata/chromium_audio_video.sdp");
const CHROMIUM_AV_MAX: &str = include_str!("testdata/chromium_audio_video_max_bundle.sdp");
const FIREFOX: &str = include_str!("testdata/firefox.sdp");
const AIORTC: &str = include_str!("testdata/aiortc.sdp");
const AIORTC_AUDIO: &str = include_str!("testdata/aiortc_audio.sdp");

fn parse(text: &str) -> Offer {
    Description::parse_offer(text).unwrap()
}

/// The answer, with the transport that the offer had.
fn answer(offer: &Offer) -> String {
    let ours = Description {
        setup: Setup::Passive,
        ..offer.description.clone()
    };
    offer
        .answer(
            Origin {
                session_id: 1,
                version: 1,
            },
            &ours,
        )
        .unwrap()
}

/// The m-sections of a description, without the session part.
fn sections(text: &str) -> Vec<&str> {
    let starts: Vec<_> = text.match_indices("m=").map(|(at, _)| at).collect();
    let starts: Vec<_> = starts
        .into_iter()
        .filter(|&at| text[..at].ends_with('\n'))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&from, to)| &text[from..to])
        .collect()
}

#[test]
fn chromium_data_only() {
    let Description {
        ice,
        candidates,
        end_of_candidates,
        trickle,
        fingerprints,
        setup,
        sctp_port,
        max_message_size,
        mid,
        m_line_index,
        left_out,
    } = parse(CHROMIUM).description;
    assert_eq!(
        (ice.ufrag.as_str(), ice.pwd.len(), ice.lite),
        ("aUt6", 24, false)
    );
    assert_eq!(
        candidates,
        [
            "candidate:2720411871 1 udp 2113937151 10.99.0.1 55386 typ host generation 0 \
          network-cost 999"
        ]
    );
    assert!(!end_of_candidates && trickle);
    assert_eq!(fingerprints.len(), 1);
    assert_eq!(fingerprints[0].algorithm, "sha-256");
    assert!(fingerprints[0].value.starts_with("CC:E3:7B:"));
    assert_eq!(
        (setup, sctp_port, max_message_size),
        (Setup::ActPass, 5000, Some(262_144))
    );
    assert_eq!((mid.as_deref(), m_line_index), (Some("0"), 0));
    assert_eq!(left_out, []);
}

#[test]
fn firefox_has_its_fingerprint_and_options_above_the_m_line() {
    let offer = parse(FIREFOX).description;
    assert!(offer.trickle && offer.end_of_candidates);
    assert_eq!(offer.ice.ufrag, "8be2f41c");
    assert_eq!(offer.candidates.len(), 2);
    assert!(offer.candidates[1].ends_with("tcptype active"));
    assert!(offer.fingerprints[0].value.starts_with("9A:4B:"));
    assert_eq!(offer.message_size_limit(), Some(1_073_741_823));
}

#[test]
fn aiortc_gives_three_hashes_and_no_trickle() {
    let offer = parse(AIORTC).description;
    assert!(!offer.trickle && offer.end_of_candidates);
    let algorithms: Vec<_> = offer
        .fingerprints
        .iter()
        .map(|f| f.algorithm.as_str())
        .collect();
    assert_eq!(algorithms, ["sha-256", "sha-384", "sha-512"]);
}

#[test]
fn a_data_only_answer_mirrors_the_section() {
    for text in [CHROMIUM, FIREFOX, AIORTC] {
        let answer = answer(&parse(text));
        let sections = sections(&answer);
        assert_eq!(sections.len(), 1);
        assert!(sections[0].starts_with("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
        assert!(answer.contains("a=group:BUNDLE 0\r\n"));
        for line in ["a=mid:0", "a=setup:passive", "a=sctp-port:5000"] {
            assert!(
                sections[0].contains(&format!("{line}\r\n")),
                "{line} in {answer}"
            );
        }
        // What was written can be read, and says the same.
        let read = Description::parse_answer(&answer).unwrap();
        let ours = Description {
            setup: Setup::Passive,
            ..parse(text).description
        };
        assert_eq!(read, ours);
    }
}

#[test]
fn data_that_shares_the_transport_of_audio_keeps_audio_as_an_inactive_carrier() {
    for text in [CHROMIUM_AV, CHROMIUM_AV_MAX] {
        let offer = parse(text);
        // Candidates count for the section that carries the transport.
        assert_eq!(offer.description.mid.as_deref(), Some("0"));
        assert_eq!(offer.description.m_line_index, 0);
        assert_eq!(offer.description.candidates.len(), 1);
        assert_eq!(offer.description.sctp_port, 5000);

        let answer = answer(&offer);
        assert!(answer.contains("a=group:BUNDLE 0 1 2\r\n"), "{answer}");
        let sections = sections(&answer);
        assert_eq!(sections.len(), 3);
        assert!(sections[0].starts_with("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"));
        assert!(sections[0].contains("a=rtpmap:111 opus/48000/2\r\n"));
        assert!(sections[1].starts_with("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"));
        assert!(sections[1].contains("a=rtpmap:96 VP8/90000\r\n"));
        for section in &sections[..2] {
            assert!(section.contains("a=inactive\r\n") && section.contains("a=rtcp-mux\r\n"));
            assert_eq!(section.matches("a=rtpmap").count(), 1);
        }
        assert!(sections[2].starts_with("m=application 9 "));
        assert!(sections[2].contains("a=mid:2\r\n") && sections[2].contains("a=sctp-port:5000"));
    }
}

/// What Firefox, aiortc, pion and GStreamer look for in each m-section of a bundle, and only the
/// first has candidates.
#[test]
fn each_bundled_section_describes_ice_and_dtls() {
    for text in [CHROMIUM_AV, CHROMIUM_AV_MAX, AIORTC_AUDIO] {
        let offer = parse(text);
        let answer = answer(&offer);
        for (index, section) in sections(&answer).iter().enumerate() {
            let ours = &offer.description;
            let fingerprint = &ours.fingerprints[0];
            for line in [
                format!("a=ice-ufrag:{}", ours.ice.ufrag),
                format!("a=ice-pwd:{}", ours.ice.pwd),
                format!("a=fingerprint:{fingerprint}"),
                "a=setup:passive".to_owned(),
            ] {
                assert_eq!(
                    section.matches(&format!("{line}\r\n")).count(),
                    1,
                    "{section}"
                );
            }
            assert_eq!(section.contains("a=candidate"), index == 0, "{section}");
            let end = section.contains("a=end-of-candidates");
            assert_eq!(end, index == 0 && ours.end_of_candidates, "{section}");
        }
    }
}

#[test]
fn aiortc_with_audio() {
    let offer = parse(AIORTC_AUDIO);
    assert_eq!(offer.description.mid.as_deref(), Some("0"));
    assert!(offer.description.candidates[0].contains(" 33394 "));
    assert!(answer(&offer).contains("a=group:BUNDLE 0 1\r\n"));
}

#[test]
fn data_with_its_own_transport_leaves_audio_and_video_rejected_and_out_of_the_bundle() {
    let (session_and_av, application) = CHROMIUM_AV.split_at(CHROMIUM_AV.find("m=app").unwrap());
    let application = application.replace("a=ice-ufrag:QfqN", "a=ice-ufrag:Own1");
    let offer = parse(&format!("{session_and_av}{application}"));
    assert_eq!(offer.description.ice.ufrag, "Own1");
    assert_eq!(offer.description.mid.as_deref(), Some("2"));
    assert_eq!(offer.description.m_line_index, 2);
    assert!(offer.description.candidates[0].contains(" 37498 "));

    let answer = answer(&offer);
    assert!(answer.contains("a=group:BUNDLE 2\r\n"), "{answer}");
    let sections = sections(&answer);
    assert!(sections[0].starts_with("m=audio 0 ") && sections[1].starts_with("m=video 0 "));
    assert!(sections[2].contains("a=ice-ufrag:Own1\r\n"));
}

#[test]
fn without_a_bundle_audio_is_rejected_and_no_group_is_answered() {
    let text = CHROMIUM_AV.replace("a=group:BUNDLE 0 1 2\n", "");
    let offer = parse(&text);
    assert_eq!(offer.description.mid.as_deref(), Some("2"));
    let answer = answer(&offer);
    assert!(!answer.contains("a=group"));
    assert_eq!(
        sections(&answer)
            .iter()
            .filter(|s| s.contains("a=inactive"))
            .count(),
        2
    );
}

#[test]
fn a_bundle_only_section_uses_the_transport_of_the_first() {
    // RFC 8843 §6: port 0 with bundle-only, and no ICE of its own.
    let mut text = String::new();
    let mut in_application = false;
    for line in CHROMIUM_AV_MAX.lines() {
        in_application |= line.starts_with("m=application");
        let own_transport = ["a=ice-", "a=fingerprint", "a=setup", "a=candidate"];
        if in_application && own_transport.iter().any(|p| line.starts_with(p)) {
            continue;
        }
        text += &line.replace("m=application 9", "m=application 0");
        text += "\n";
        if in_application && line.starts_with("c=") {
            text += "a=bundle-only\n";
        }
    }
    let offer = parse(&text);
    assert_eq!(offer.description.ice.ufrag, "EdZf");
    assert!(answer(&offer).contains("a=group:BUNDLE 0 1 2\r\n"));
}

#[test]
fn data_first_in_the_bundle_carries_itself() {
    let at = CHROMIUM_AV.find("m=app").unwrap();
    let first_m = CHROMIUM_AV.find("m=audio").unwrap();
    let session = CHROMIUM_AV[..first_m].replace("BUNDLE 0 1 2", "BUNDLE 2 0 1");
    let text = format!(
        "{session}{}{}",
        &CHROMIUM_AV[at..],
        &CHROMIUM_AV[first_m..at]
    );
    let offer = parse(&text);
    assert_eq!(offer.description.m_line_index, 0);
    let answer = answer(&offer);
    assert!(answer.contains("a=group:BUNDLE 2 0 1\r\n"));
    let sections = sections(&answer);
    assert!(sections[0].contains("a=candidate"));
    assert!(sections[1].starts_with("m=audio 9 ") && sections[1].contains("a=inactive\r\n"));
    assert!(!sections[1].contains("a=candidate"));
}

/// Chromium offers no others later: what is refused first could never be told apart.
#[test]
fn what_is_refused_keeps_the_extensions_that_tell_sections_and_layers_apart() {
    let answer = answer(&parse(CHROMIUM_AV));
    let sections = sections(&answer);
    let mid = "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n";
    assert!(sections[0].contains(mid));
    assert_eq!(sections[0].matches("a=extmap").count(), 1);
    let mut extensions = sections[1]
        .lines()
        .filter(|line| line.starts_with("a=extmap"));
    for (id, name) in [
        (4, "mid"),
        (10, "rtp-stream-id"),
        (11, "repaired-rtp-stream-id"),
    ] {
        let line = format!("a=extmap:{id} urn:ietf:params:rtp-hdrext:sdes:{name}");
        assert_eq!(extensions.next(), Some(line.as_str()));
    }
    assert_eq!(extensions.next(), None);
}

/// Port 0 without `bundle-only` is a section that the offerer stopped: it stays so.
#[test]
fn what_the_offer_stopped_stays_rejected_and_out_of_the_bundle() {
    let text = CHROMIUM_AV.replace("m=video 37034", "m=video 0");
    let answer_to = answer(&parse(&text));
    assert!(answer_to.contains("a=group:BUNDLE 0 2\r\n"), "{answer_to}");
    assert!(sections(&answer_to)[1].starts_with("m=video 0 "));
    // The first stopped: the next has the transport.
    let text = CHROMIUM_AV.replace("m=audio 55660", "m=audio 0");
    let offer = parse(&text);
    assert_eq!(offer.description.mid.as_deref(), Some("1"));
    let answer_to = answer(&offer);
    assert!(answer_to.contains("a=group:BUNDLE 1 2\r\n"), "{answer_to}");
    assert!(sections(&answer_to)[1].contains("a=candidate"));
}

#[test]
fn the_old_form_with_sctpmap_is_answered_in_kind() {
    let text = CHROMIUM
        .replace("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5001")
        .replace("a=sctp-port:5000", "a=sctpmap:5001 webrtc-datachannel 1024");
    let offer = parse(&text);
    assert_eq!(offer.description.sctp_port, 5001);
    let ours = Description {
        setup: Setup::Active,
        sctp_port: 5000,
        ..offer.description.clone()
    };
    let answer = offer
        .answer(
            Origin {
                session_id: 1,
                version: 1,
            },
            &ours,
        )
        .unwrap();
    assert!(
        answer.contains("m=application 9 DTLS/SCTP 5000\r\n"),
        "{answer}"
    );
    assert!(answer.contains("a=sctpmap:5000 webrtc-datachannel 65535\r\n"));
    assert!(!answer.contains("a=sctp-port"));
}

#[test]
fn of_two_sections_for_data_the_second_is_rejected() {
    let at = CHROMIUM.find("m=app").unwrap();
    let second = CHROMIUM[at..].replace("a=mid:0", "a=mid:1");
    let answer = answer(&parse(&format!("{CHROMIUM}{second}")));
    let sections = sections(&answer);
    assert!(sections[0].starts_with("m=application 9 "));
    assert!(sections[1].starts_with("m=application 0 "));
}
