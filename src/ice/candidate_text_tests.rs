use super::*;

/// As Chrome, Firefox, Safari, aiortc and pion print them.
const LINES: [&str; 9] = [
    "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.17 rport 46154 generation 0 ufrag 4ZcD network-id 1 network-cost 10",
    "candidate:1510613869 1 tcp 1518280447 10.0.0.17 9 typ host tcptype active generation 0 ufrag 4ZcD network-id 1",
    "candidate:0 1 udp 2122252543 192.0.2.33 51470 typ host",
    "candidate:2 1 tcp 2105524479 192.0.2.33 9 typ host tcptype active",
    "candidate:3498147984 1 udp 2122197247 2001:db8::7 60102 typ host generation 0 ufrag 4ZcD network-id 2",
    "candidate:1 1 udp 8331263 198.51.100.4 57301 typ relay raddr 0.0.0.0 rport 0",
    "candidate:1 1 udp 2113937151 4f1e0a2c-7a5d-4a2a-9d57-3b8f6f8f4a11.local 51471 typ host generation 0",
    "candidate:+/aZ09 1 udp 1853817087 203.0.113.7 1 typ prflx raddr 10.0.0.1 rport 2 generation 0",
    "candidate:1 2 tcp 1 192.0.2.1 443 typ host tcptype so x-new thing another 1",
];

#[test]
fn what_peers_print_is_read_and_printed_the_same() {
    for line in LINES {
        let candidate: Candidate = line.parse().unwrap();
        assert_eq!(candidate.to_string(), line);
        assert_eq!(
            format!("a={line}\r\n").parse::<Candidate>().unwrap(),
            candidate
        );
    }
}

#[test]
fn every_field_is_read() {
    let c: Candidate = LINES[0].parse().unwrap();
    assert_eq!(
        (c.foundation.as_str(), c.component, c.priority),
        ("842163049", 1, 1_677_729_535)
    );
    assert_eq!(
        (c.protocol, c.kind),
        (Protocol::Udp, CandidateType::ServerReflexive)
    );
    assert_eq!(c.socket_addr(), Some("203.0.113.7:46154".parse().unwrap()));
    assert_eq!(c.related_address, Some("10.0.0.17:46154".parse().unwrap()));
    assert_eq!((c.generation, c.network_cost), (Some(0), Some(10)));
    assert_eq!(c.username_fragment.as_deref(), Some("4ZcD"));
    assert_eq!(c.extensions, [("network-id".to_owned(), "1".to_owned())]);
    let tcp: Candidate = LINES[8].parse().unwrap();
    assert_eq!(tcp.tcp_type, Some(TcpType::SimultaneousOpen));
    let named: Candidate = LINES[6].parse().unwrap();
    assert!(matches!(named.address, Address::Name(name, 51471) if name.ends_with(".local")));
}

#[test]
fn oddities_are_understood() {
    let zone: Candidate = "candidate:1 1 UDP 1 fe80::1%eth0 5 typ host"
        .parse()
        .unwrap();
    assert_eq!(zone.socket_addr(), Some("[fe80::1]:5".parse().unwrap()));
    assert_eq!(zone.protocol, Protocol::Udp);
    let mapped: Candidate = "candidate:1 1 udp 1 ::ffff:192.0.2.1 5 typ host"
        .parse()
        .unwrap();
    assert_eq!(mapped.socket_addr(), Some("192.0.2.1:5".parse().unwrap()));
    let hidden = "candidate:1 1 udp 1 192.0.2.1 5 typ srflx raddr a.local rport 9";
    let candidate: Candidate = hidden.parse().unwrap();
    assert_eq!(candidate.related_address, None);
    assert_eq!(candidate.to_string(), hidden);
    let odd = "candidate:1 1 udp 1 192.0.2.1 5 typ host generation x network-cost 99999999";
    assert_eq!(odd.parse::<Candidate>().unwrap().to_string(), odd);
}

#[test]
fn what_is_wrong_is_named() {
    use CandidateError::*;
    let absurd = format!(
        "candidate:1 1 udp 1 192.0.2.1 5 typ host x {}",
        "y".repeat(70_000)
    );
    for (line, want) in [
        ("", NotACandidate),
        ("a=mid:0", NotACandidate),
        ("candidate:", Truncated),
        ("candidate:1 1 udp 1 192.0.2.1 5", Truncated),
        ("candidate:1 1 udp 1 192.0.2.1 5 typ", Truncated),
        ("candidate:1 1 udp 1 192.0.2.1 5 type host", Truncated),
        ("candidate:1 0 udp 1 192.0.2.1 5 typ host", InvalidComponent),
        (
            "candidate:1 257 udp 1 192.0.2.1 5 typ host",
            InvalidComponent,
        ),
        (
            "candidate:1 1 ssltcp 1 192.0.2.1 5 typ host",
            UnknownTransport,
        ),
        (
            "candidate:1 1 udp 4294967296 192.0.2.1 5 typ host",
            InvalidPriority,
        ),
        ("candidate:1 1 udp 1 192.0.2.256 5 typ host", InvalidAddress),
        ("candidate:1 1 udp 1 a..local 5 typ host", InvalidAddress),
        (
            "candidate:1 1 udp 1 192.0.2.1%eth0 5 typ host",
            InvalidAddress,
        ),
        ("candidate:1 1 udp 1 192.0.2.1 65536 typ host", InvalidPort),
        ("candidate:1 1 udp 1 192.0.2.1 5 typ magic", UnknownType),
        (
            "candidate:1 1 tcp 1 192.0.2.1 5 typ host tcptype lazy",
            UnknownTcpType,
        ),
        (&absurd, TooLong),
    ] {
        assert_eq!(line.parse::<Candidate>(), Err(want), "{line:.80}");
    }
}

#[test]
fn what_is_not_needed_spoils_nothing() {
    let rest = "1 udp 1 192.0.2.1 5 typ host";
    let long = "f".repeat(33);
    let mut foundations = vec![];
    for told in ["", " ", "ä", &long] {
        let candidate: Candidate = format!("candidate:{told} {rest}").parse().unwrap();
        assert_eq!(
            candidate.socket_addr(),
            Some("192.0.2.1:5".parse().unwrap())
        );
        assert!(is_foundation(&candidate.foundation));
        // What is written of it can be read everywhere.
        let written: Candidate = candidate.to_string().parse().unwrap();
        assert_eq!(written, candidate);
        foundations.push(candidate.foundation);
    }
    foundations.dedup();
    assert_eq!(foundations.len(), 1, "the same candidate");
    let other: Candidate = "candidate: 1 udp 1 192.0.2.2 5 typ host".parse().unwrap();
    assert_ne!(other.foundation, foundations[0]);
    // A name without a value, and more attributes than are kept.
    let odd: Candidate = format!("candidate:1 {rest} ufrag").parse().unwrap();
    assert_eq!(odd.username_fragment, None);
    let many = format!("candidate:1 {rest}{} ufrag abcd", " x y".repeat(17));
    let many: Candidate = many.parse().unwrap();
    assert_eq!(many.extensions.len(), MAX_EXTENSIONS);
    assert_eq!(many.username_fragment.as_deref(), Some("abcd"));
}

#[test]
fn json_is_the_browsers() {
    let json = r#"{"candidate":"candidate:1 1 udp 7 192.0.2.1 5 typ host ufrag abcd","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"abcd"}"#;
    let candidate: Candidate = serde_json::from_str(json).unwrap();
    assert_eq!(candidate.sdp_mid.as_deref(), Some("0"));
    assert_eq!(candidate.sdp_m_line_index, Some(0));
    assert_eq!(serde_json::to_string(&candidate).unwrap(), json);
    let nulls = r#"{"candidate":"candidate:1 1 udp 7 192.0.2.1 5 typ host","sdpMid":null,"sdpMLineIndex":null,"usernameFragment":null}"#;
    assert!(
        serde_json::from_str::<Candidate>(nulls)
            .unwrap()
            .sdp_mid
            .is_none()
    );
    let ends = [
        "null",
        r#"{"candidate":"","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"abcd"}"#,
    ];
    for end in ends {
        let end: CandidateOrEnd = serde_json::from_str(end).unwrap();
        assert_eq!(Option::<Candidate>::from(end), None);
    }
    let one: CandidateOrEnd = serde_json::from_str(json).unwrap();
    assert_eq!(one, CandidateOrEnd(Some(candidate)));
    let error = serde_json::from_str::<CandidateOrEnd>(r#"{"candidate":"x"}"#).unwrap_err();
    assert!(error.to_string().contains("candidate:"), "{error}");
    let error = serde_json::from_str::<Candidate>(r#"{"candidate":""}"#).unwrap_err();
    assert!(error.to_string().contains("candidate:"), "{error}");
}
