use super::*;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn announcing(address: &str, announced: &[&str]) -> Result<Base, BaseError> {
    let announced = announced.iter().map(|a| at(a)).collect();
    Base {
        announced,
        ..Base::udp(at(address))
    }
    .validate()
}

#[test]
fn announced_addresses_replace_the_own_and_take_its_port() {
    let plain = announcing("192.0.2.1:4000", &[]).unwrap();
    assert_eq!(
        plain.host_addresses().collect::<Vec<_>>(),
        [at("192.0.2.1:4000")]
    );
    let nat = announcing("10.0.0.1:4000", &["192.0.2.1:0", "192.0.2.2:5000"]).unwrap();
    let told: Vec<_> = nat.host_addresses().collect();
    assert_eq!(told, [at("192.0.2.1:4000"), at("192.0.2.2:5000")]);
    let mapped = announcing("[::ffff:10.0.0.1]:4000", &["192.0.2.1:0"]).unwrap();
    assert_eq!(mapped.address, at("10.0.0.1:4000"));
}

#[test]
fn what_cannot_fit_is_refused() {
    for (address, announced, reason) in [
        ("10.0.0.1:0", vec![], "no_port"),
        ("0.0.0.0:4000", vec![], "wildcard_without_announced"),
        ("[::]:4000", vec![], "wildcard_without_announced"),
        ("10.0.0.1:4000", vec!["[2001:db8::1]:0"], "wrong_family"),
        ("[2001:db8::1]:4000", vec!["192.0.2.1:0"], "wrong_family"),
        ("10.0.0.1:4000", vec!["0.0.0.0:0"], "not_an_address"),
        ("10.0.0.1:4000", vec!["224.0.0.1:0"], "not_an_address"),
        (
            "10.0.0.1:4000",
            vec!["192.0.2.1:0"; MAX_ANNOUNCED + 1],
            "too_many_announced",
        ),
    ] {
        let error = announcing(address, &announced).unwrap_err();
        assert_eq!(error.reason(), reason, "{address} {announced:?}");
    }
    assert!(announcing("0.0.0.0:4000", &["192.0.2.1:0"]).is_ok());
}

#[test]
fn only_servers_of_the_same_family_and_scope_are_asked() {
    for (own, server, reaches) in [
        ("10.0.0.1:1", "192.0.2.1:3478", true),
        ("10.0.0.1:1", "[2001:db8::1]:3478", false),
        ("127.0.0.1:1", "127.0.0.1:3478", true),
        ("127.0.0.1:1", "192.0.2.1:3478", false),
        ("10.0.0.1:1", "127.0.0.1:3478", true),
        ("[fe80::1]:1", "[2001:db8::1]:3478", false),
        ("[fe80::1]:1", "[fe80::2]:3478", true),
        ("[2001:db8::2]:1", "[2001:db8::1]:3478", true),
        ("169.254.1.1:1", "192.0.2.1:3478", false),
        ("0.0.0.0:1", "127.0.0.1:3478", true),
    ] {
        assert_eq!(
            Base::udp(at(own)).reaches(at(server)),
            reaches,
            "{own} {server}"
        );
    }
}
