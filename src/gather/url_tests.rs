use super::*;

fn parse(text: &str) -> Result<ServerUrl, UrlError> {
    text.parse()
}

fn name(name: &str) -> Host {
    Host::Name(name.into())
}

#[test]
fn every_form_of_the_two_rfcs() {
    use Scheme::*;
    use Transport::*;
    let v6 = Host::Ip("2001:db8::1".parse().unwrap());
    for (text, scheme, host, port, transport) in [
        // RFC 7064, appendix B
        ("stun:example.org", Stun, name("example.org"), 3478, Udp),
        ("stuns:example.org", Stuns, name("example.org"), 5349, Tls),
        (
            "stun:example.org:8000",
            Stun,
            name("example.org"),
            8000,
            Udp,
        ),
        // RFC 7065, appendix B, table 2
        ("turn:example.org", Turn, name("example.org"), 3478, Udp),
        ("turns:example.org", Turns, name("example.org"), 5349, Tls),
        (
            "turn:example.org:8000",
            Turn,
            name("example.org"),
            8000,
            Udp,
        ),
        (
            "turn:example.org?transport=udp",
            Turn,
            name("example.org"),
            3478,
            Udp,
        ),
        (
            "turn:example.org?transport=tcp",
            Turn,
            name("example.org"),
            3478,
            Tcp,
        ),
        (
            "turns:example.org?transport=tcp",
            Turns,
            name("example.org"),
            5349,
            Tls,
        ),
        (
            "turns:example.org?transport=udp",
            Turns,
            name("example.org"),
            5349,
            Dtls,
        ),
        // addresses, case, the trailing dot of a rooted name
        (
            "TURN:Example.ORG?transport=TCP",
            Turn,
            name("example.org"),
            3478,
            Tcp,
        ),
        (
            "stun:192.0.2.1:1",
            Stun,
            Host::Ip("192.0.2.1".parse().unwrap()),
            1,
            Udp,
        ),
        ("stun:[2001:db8::1]", Stun, v6.clone(), 3478, Udp),
        ("turns:[2001:db8::1]:443?transport=tcp", Turns, v6, 443, Tls),
        ("stun:localhost", Stun, name("localhost"), 3478, Udp),
        (
            "stun:_stun.a-b.example.",
            Stun,
            name("_stun.a-b.example."),
            3478,
            Udp,
        ),
    ] {
        let url = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(url.scheme(), scheme, "{text}");
        assert_eq!(url.host(), &host, "{text}");
        assert_eq!(url.port(), port, "{text}");
        assert_eq!(url.transport(), transport, "{text}");
        assert_eq!(url.to_string(), text);
    }
}

#[test]
fn every_mistake_has_its_own_error() {
    let long_label = format!("stun:{}.example", "a".repeat(64));
    let long_name = format!("stun:{}", "abc.".repeat(64));
    let long_url = format!("stun:{}", "a".repeat(MAX_URL_LEN));
    for (text, error) in [
        ("", UrlError::NoScheme),
        ("example.org", UrlError::NoScheme),
        (":example.org", UrlError::UnknownScheme),
        ("http:example.org", UrlError::UnknownScheme),
        ("example.org:3478", UrlError::UnknownScheme),
        (" stun:example.org", UrlError::UnknownScheme),
        ("stun://example.org", UrlError::Slashes),
        ("turn:user:pass@example.org", UrlError::UserInfo),
        ("turn:example.org/path", UrlError::PathOrFragment),
        ("turn:example.org#top", UrlError::PathOrFragment),
        (
            "turn:example.org?transport=udp#top",
            UrlError::PathOrFragment,
        ),
        ("stun:", UrlError::NoHost),
        ("stun::3478", UrlError::NoHost),
        ("turn:?transport=udp", UrlError::NoHost),
        ("stun:exa mple.org", UrlError::InvalidHost),
        ("stun:ex%61mple.org", UrlError::InvalidHost),
        ("stun:b\u{fc}cher.example", UrlError::InvalidHost),
        ("stun:a..b", UrlError::InvalidHost),
        ("stun:.", UrlError::InvalidHost),
        ("stun:-a.example", UrlError::InvalidHost),
        ("stun:a-.example", UrlError::InvalidHost),
        ("stun:192.0.2.256", UrlError::InvalidHost),
        ("stun:192.0.2", UrlError::InvalidHost),
        (&long_label, UrlError::InvalidHost),
        (&long_name, UrlError::InvalidHost),
        ("stun:[2001:db8::1", UrlError::InvalidIpv6),
        ("stun:[2001:db8::1]x", UrlError::InvalidIpv6),
        ("stun:[fe80::1%25eth0]", UrlError::InvalidIpv6),
        ("stun:[example.org]", UrlError::InvalidIpv6),
        ("stun:[192.0.2.1]", UrlError::InvalidIpv6),
        ("stun:2001:db8::1", UrlError::InvalidIpv6),
        ("stun:example.org:", UrlError::InvalidPort),
        ("stun:example.org:0", UrlError::InvalidPort),
        ("stun:example.org:65536", UrlError::InvalidPort),
        ("stun:example.org:+1", UrlError::InvalidPort),
        ("stun:[2001:db8::1]:x", UrlError::InvalidPort),
        ("stun:example.org?transport=udp", UrlError::UnexpectedQuery),
        ("stuns:example.org?", UrlError::UnexpectedQuery),
        ("turn:example.org?", UrlError::InvalidQuery),
        ("turn:example.org?proto=udp", UrlError::InvalidQuery),
        ("turn:example.org?transport=", UrlError::UnknownTransport),
        (
            "turn:example.org?transport=sctp",
            UrlError::UnknownTransport,
        ),
        (
            "turn:example.org?transport=udp&x=1",
            UrlError::UnknownTransport,
        ),
        (&long_url, UrlError::TooLong),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_url_is_a_string_in_json() {
    let url: ServerUrl = serde_json::from_str("\"turn:example.org\"").unwrap();
    assert_eq!(serde_json::to_string(&url).unwrap(), "\"turn:example.org\"");
    let error = serde_json::from_str::<ServerUrl>("\"turn://example.org\"").unwrap_err();
    assert!(error.to_string().contains("write stun:host"), "{error}");
}
