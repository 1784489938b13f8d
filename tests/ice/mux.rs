//! Many sessions on one port: who gets what, when addresses are shared, stolen, and change.

use actix_rtc_proto::ice::State;
use actix_rtc_proto::net::Path;
use actix_rtc_proto::route::{Miss, Sizes};
use actix_rtc_proto::stun::binding::{Check, RoleClaim};
use actix_rtc_proto::stun::{Key, TransactionId};
use bytes::Bytes;

use crate::harness::link::Link;
use crate::harness::nat::{Nat, NatKind};
use crate::harness::network::{Datagram, HostId, INTERNET, LanId};
use crate::harness::shared_port::{On, World};
use crate::harness::{addr, ms, secs};

/// 20 ms apart, both ways, for a second.
const A_SECOND: usize = 50;

fn host(world: &mut World, lan: LanId, ip: &str) -> HostId {
    let host = world.net.add_host();
    let ip = ip.parse().unwrap();
    world
        .net
        .add_interface(host, lan, ip, Link::with_delay(ms(10)));
    host
}

/// A server with a shared port, and two clients with sockets of their own, one session each:
/// `[client, server side]`.
fn server(world: &mut World, clients: LanId) -> [[usize; 2]; 2] {
    let server = host(world, INTERNET, "198.51.100.1");
    let port = world.open(server, addr("198.51.100.1:3478"));
    ["10.0.0.1", "10.0.0.2"].map(|ip| {
        let client = host(world, clients, ip);
        world.connect(On::Own(client, addr(&format!("{ip}:5000"))), On::Port(port))
    })
}

fn expect_connected(world: &World, sessions: &[usize]) {
    for i in sessions {
        let peer = &world.sessions[*i].peer;
        let usable = matches!(peer.agent.state(), State::Connected | State::Completed);
        assert!(usable, "{i}: {:?}", peer.states());
    }
}

/// Both sides of a session hear each other, and neither hears anyone else.
fn expect_private(world: &mut World, pair: [usize; 2]) {
    world.forget_received();
    world.talk(secs(1), &pair);
    for (to, from) in [(pair[0], pair[1]), (pair[1], pair[0])] {
        assert_eq!(world.received(to, from), A_SECOND, "{from} to {to}");
        let all = world.sessions[to].peer.received.len();
        assert_eq!(all, A_SECOND, "{to} heard someone else");
    }
}

#[test]
fn sessions_on_one_port_do_not_hear_each_other_and_leave_nothing() {
    let mut world = World::new(1);
    let pairs = server(&mut world, INTERNET);
    world.run(secs(2));
    let all = pairs.concat();
    expect_connected(&world, &all);
    world.talk(secs(1), &all);
    for [client, server] in pairs {
        expect_private(&mut world, [client, server]);
        world.restart([client, server]);
        world.run(secs(2));
        expect_private(&mut world, [client, server]);
    }
    assert_eq!(world.ports[0].misses, []);
    for [_, server] in pairs {
        world.close(server);
    }
    assert_eq!(world.ports[0].routes.sizes(), Sizes::default());
    world.run(secs(40));
    // What the clients still sent was nobody's, and is known by its kind.
    let known = [Miss::UnknownUfrag, Miss::UnknownTransaction];
    assert!(
        world.ports[0]
            .misses
            .iter()
            .all(|miss| known.contains(miss))
    );
}

#[test]
fn two_sessions_between_the_same_two_shared_ports_and_the_second_waits_for_the_first() {
    let mut world = World::new(2);
    let ports = [1, 2].map(|n| {
        let ip = format!("198.51.100.{n}");
        let host = host(&mut world, INTERNET, &ip);
        world.open(host, addr(&format!("{ip}:3478")))
    });
    let [first, second] = [(); 2].map(|()| {
        let pair = world.connect(On::Port(ports[0]), On::Port(ports[1]));
        world.run(secs(2));
        pair
    });
    // Checks find their session by name, so both are connected.
    expect_connected(&world, &[first, second].concat());
    // Data has only the address, which is the first one's: it loses nothing, the second one gets
    // nothing, and that is counted.
    world.talk(secs(1), &[first, second].concat());
    for [a, b] in [first, [first[1], first[0]]] {
        assert_eq!(world.received(a, b), A_SECOND);
    }
    for [a, b] in [second, [second[1], second[0]]] {
        assert_eq!(world.received(a, b), 0);
    }
    assert!(
        world
            .ports
            .iter()
            .all(|port| port.taken > 0 && port.moved == 0)
    );
    first.into_iter().for_each(|side| world.close(side));
    expect_private(&mut world, second);
}

#[test]
fn two_sessions_between_two_servers_whose_dialling_side_has_its_own_socket() {
    let mut world = World::new(3);
    let [dialling, listening] =
        ["198.51.100.1", "198.51.100.2"].map(|ip| host(&mut world, INTERNET, ip));
    let port = world.open(listening, addr("198.51.100.2:3478"));
    let pairs = [5001, 5002].map(|own| {
        let own = On::Own(dialling, addr(&format!("198.51.100.1:{own}")));
        world.connect(own, On::Port(port))
    });
    world.run(secs(2));
    for pair in pairs {
        expect_private(&mut world, pair);
    }
    assert_eq!((world.ports[0].taken, world.ports[0].moved), (0, 0));
}

/// A check as the peer of a session would send it.
fn check(world: &World, server: usize, transaction: u64) -> Bytes {
    let agent = &world.sessions[server].peer.agent;
    let (local, remote) = (agent.local_parameters(), agent.remote_parameters().unwrap());
    let mut id = [0; 12];
    id[..8].copy_from_slice(&transaction.to_be_bytes());
    Check {
        transaction_id: TransactionId(id),
        username: &format!("{}:{}", local.username_fragment, remote.username_fragment),
        priority: u32::MAX,
        role: RoleClaim::Controlling(u64::MAX),
        use_candidate: true,
    }
    .encode(&Key::short_term(&local.password))
}

/// The thief's own session is in order. It sends its checks with the source address of `victim`.
fn steal(world: &mut World, thief: usize, victim: std::net::SocketAddr, transaction: u64) {
    let payload = check(world, thief, transaction);
    let host = world.net.add_host();
    // A network that lets such a thing out.
    let link = Link::with_delay(ms(1));
    world.net.add_interface(host, INTERNET, victim.ip(), link);
    let to = world.ports[0].base;
    let from = victim;
    let spoofed = Datagram { from, to, payload };
    world.net.send(world.now, host, spoofed).unwrap();
    world.net.remove_host(host);
}

#[test]
fn an_authenticated_client_cannot_steal_the_address_of_another_one() {
    let mut world = World::new(4);
    let [[client, server], [_, thief]] = server(&mut world, INTERNET);
    world.run(secs(2));
    let victim = addr("10.0.0.1:5000");
    world.talk(secs(1), &[client, server]);
    world.forget_received();
    for transaction in 0..60 {
        steal(&mut world, thief, victim, transaction);
        world.talk(ms(500), &[client, server]);
    }
    let sent = 60 * A_SECOND / 2;
    assert_eq!(world.received(server, client), sent);
    assert_eq!(world.received(client, server), sent);
    assert_eq!(world.received(thief, client), 0);
    assert!(world.ports[0].taken >= 1 && world.ports[0].moved == 0);
    // Nor does anything of the thief's session go there but its checks, which are not answered.
    let path = Path::udp(world.ports[0].base, victim);
    assert_ne!(world.sessions[thief].peer.agent.send_path(), Some(path));
    expect_connected(&world, &[client, server, thief]);
}

#[test]
fn an_address_that_was_claimed_beforehand_is_the_true_ones_when_it_comes() {
    let mut world = World::new(5);
    let far = host(&mut world, INTERNET, "198.51.100.1");
    let port = world.open(far, addr("198.51.100.1:3478"));
    let near = host(&mut world, INTERNET, "10.0.0.2");
    let [_, thief] = world.connect(On::Own(near, addr("10.0.0.2:5000")), On::Port(port));
    world.run(secs(2));
    let victim = addr("10.0.0.1:5000");
    for transaction in 0..10 {
        steal(&mut world, thief, victim, transaction);
        world.run(ms(100));
    }
    let host = host(&mut world, INTERNET, "10.0.0.1");
    let pair = world.connect(On::Own(host, victim), On::Port(port));
    world.run(secs(2));
    assert!(world.ports[0].moved >= 1, "the claim was there");
    expect_private(&mut world, pair);
}

#[test]
fn a_client_whose_translator_gives_it_another_port_keeps_its_session() {
    for kind in [NatKind::PortRestricted, NatKind::Symmetric] {
        let mut world = World::new(6);
        let lan = world
            .net
            .add_lan(Nat::new(addr("203.0.113.1:0").ip(), kind));
        let pairs = server(&mut world, lan);
        world.run(secs(2));
        for _ in 0..20 {
            world.talk(secs(1), &pairs.concat());
            world.net.nat(lan).rebind();
            world.talk(secs(1), &pairs.concat());
        }
        for pair in pairs {
            expect_private(&mut world, pair);
        }
        expect_connected(&world, &pairs.concat());
        let sizes = world.ports[0].routes.sizes();
        assert!(sizes.addresses <= 16, "eight for each session: {sizes:?}");
    }
}

#[test]
fn two_clients_whose_translator_exchanges_their_ports_get_their_own_back_with_consent() {
    let mut world = World::new(7);
    let nat = Nat::new(addr("203.0.113.1:0").ip(), NatKind::PortRestricted);
    let lan = world.net.add_lan(nat);
    let pairs = server(&mut world, lan);
    world.run(secs(2));
    world.talk(secs(1), &pairs.concat());
    let [one, two] = [addr("10.0.0.1:5000"), addr("10.0.0.2:5000")];
    world.net.nat(lan).swap(one, two);
    // Until the old owners' consent has lapsed and the new ones were answered again.
    world.run(secs(40));
    assert!(world.ports[0].moved >= 2);
    expect_connected(&world, &pairs.concat());
    for pair in pairs {
        expect_private(&mut world, pair);
    }
}
