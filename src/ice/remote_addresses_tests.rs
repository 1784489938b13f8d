use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn addresses_have_their_scopes() {
    use AddressScope::*;
    let all = [
        (
            Loopback,
            "127.0.0.1 127.255.3.4 ::1 ::ffff:127.0.0.1 0.0.0.0 0.1.2.3 ::",
        ),
        (
            LinkLocal,
            "169.254.169.254 fe80::1 febf::1 ::ffff:169.254.1.1",
        ),
        (
            Private,
            "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.1 198.18.0.1 \
             192.0.0.8 fc00::1 fdff::1 fec0::1 ::ffff:10.0.0.1",
        ),
        (
            Public,
            "8.8.8.8 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 169.253.0.1 198.17.0.1 \
             203.0.113.5 2001:db8::1 2606:4700::1 ff02::1",
        ),
        // What NAT64 and 6to4 carry to an IPv4 address.
        (Loopback, "64:ff9b::7f00:1 2002:7f00:1::"),
        (LinkLocal, "64:ff9b::a9fe:a9fe 2002:a9fe:a9fe::1"),
        (Private, "64:ff9b::a00:1 64:ff9b:1::c0a8:101 2002:a00:1::1"),
        (Public, "64:ff9b::808:808 2002:808:808::1 64:ff9b:2::a00:1"),
    ];
    for (scope, addresses) in all {
        for address in addresses.split_ascii_whitespace() {
            assert_eq!(AddressScope::of(ip(address)), scope, "{address}");
        }
    }
}

#[test]
fn an_address_may_be_checked_from_one_as_near_or_for_a_peer_as_near() {
    use AddressScope::*;
    let near = [
        (Loopback, "127.0.0.1", CandidateRejected::Loopback),
        (LinkLocal, "169.254.169.254", CandidateRejected::LinkLocal),
        (Private, "10.0.0.1", CandidateRejected::Private),
    ];
    let scopes = [Loopback, LinkLocal, Private, Public];
    let peers = ["127.0.0.1", "fe80::1", "192.168.0.9", "8.8.8.8"];
    for ours in scopes {
        let default = RemoteAddresses::default();
        assert_eq!(default.permit(ours, ip("8.8.8.8")), Ok(()));
        for (scope, address, rejected) in near {
            let expected = if scope >= ours { Ok(()) } else { Err(rejected) };
            assert_eq!(
                default.permit(ours, ip(address)),
                expected,
                "{ours:?} {address}"
            );
            assert_eq!(RemoteAddresses::ANY.permit(ours, ip(address)), Ok(()));
            for (peer_scope, peer) in scopes.into_iter().zip(peers) {
                let allowed = scope >= ours || scope >= peer_scope;
                let permitted = RemoteAddresses::like(ip(peer)).permit(ours, ip(address));
                assert_eq!(permitted.is_ok(), allowed, "{ours:?} {address} for {peer}");
            }
        }
    }
}
