use super::*;

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn priorities_are_those_of_rfc_8445() {
    assert_eq!(priority(CandidateType::Host, 65_535, 1), 2_130_706_431);
    assert_eq!(
        priority(CandidateType::Host, 65_535, 256),
        126 << 24 | 65_535 << 8
    );
    let host = Candidate::host(addr("192.0.2.1:1"), Protocol::Udp);
    assert_eq!(
        host.peer_reflexive_priority(),
        priority(CandidateType::PeerReflexive, 65_534, 1)
    );
    let [v6, tcp] = [
        (("[2001:db8::1]:1"), Protocol::Udp),
        ("192.0.2.1:1", Protocol::Tcp),
    ]
    .map(|(a, p)| Candidate::host(addr(a), p));
    assert!(v6.priority > host.priority && host.priority > tcp.priority);
    assert!(host.with_local_preference(1).priority < tcp.priority);
}

#[test]
fn foundations_differ_by_type_base_protocol_and_server() {
    let (ip, other): (IpAddr, IpAddr) =
        ("192.0.2.9".parse().unwrap(), "192.0.2.8".parse().unwrap());
    let base = addr("10.0.0.1:1");
    let srflx = |base, server| {
        Candidate::server_reflexive(addr("192.0.2.1:7"), base, Protocol::Udp, server).foundation
    };
    assert_eq!(srflx(base, ip), srflx(addr("10.0.0.1:2"), ip));
    let host = Candidate::host(base, Protocol::Udp).foundation;
    let all = [
        srflx(base, ip),
        srflx(base, other),
        srflx(addr("10.0.0.2:1"), ip),
        host,
        Candidate::host(base, Protocol::Tcp).foundation,
        Candidate::relayed(addr("192.0.2.9:1"), base, ip).foundation,
    ];
    let distinct: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn only_what_can_reach_each_other_is_paired() {
    let pairs = |local: &Candidate, remote: &Candidate| {
        local.pairs_with(local.socket_addr().unwrap(), remote)
    };
    let udp = |a| Candidate::host(addr(a), Protocol::Udp);
    let tcp = |a, t| Candidate::host(addr(a), Protocol::Tcp).with_tcp_type(t);
    assert!(pairs(&udp("10.0.0.1:1"), &udp("192.0.2.1:1")));
    assert!(pairs(&udp("127.0.0.1:1"), &udp("127.0.0.1:2")));
    assert!(!pairs(&udp("10.0.0.1:1"), &udp("[2001:db8::1]:1")));
    assert!(!pairs(&udp("[fe80::1]:1"), &udp("[2001:db8::1]:1")));
    assert!(pairs(&udp("[fe80::1]:1"), &udp("[fe80::2]:1")));
    assert!(!pairs(
        &udp("10.0.0.1:1"),
        &tcp("192.0.2.1:1", TcpType::Passive)
    ));
    let (active, passive) = (
        tcp("10.0.0.1:9", TcpType::Active),
        tcp("10.0.0.2:5", TcpType::Passive),
    );
    assert!(pairs(&active, &passive) && !pairs(&passive, &active));
    assert!(!pairs(&passive, &passive) && !pairs(&active, &active));
    let named = Candidate {
        address: Address::Name("a.local".into(), 5),
        ..udp("10.0.0.1:1")
    };
    assert!(!pairs(&udp("10.0.0.1:1"), &named));
    let resolved = named.with_ip("10.0.0.3".parse().unwrap());
    assert_eq!(resolved.socket_addr(), Some(addr("10.0.0.3:5")));
    assert!(!pairs(
        &udp("10.0.0.1:1"),
        &Candidate {
            component: 2,
            ..resolved
        }
    ));
}
