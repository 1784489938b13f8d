//! Two hosts behind two NATs (scenarios 6 and 15), with the NATs and the network of the kernel:
//!
//! ```text
//!  host 10.0.1.2 ── NAT 198.51.100.10 ──┐                  ┌── 198.51.100.20 NAT ── host 10.0.2.2
//!                                       └─── network ──────┘
//!                                     coturn 198.51.100.1
//! ```
//!
//! All of it are namespaces of the test, which end with it. Where they are not permitted, or nft,
//! ip or coturn are not installed, the tests say so and pass; with CI=true they fail.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod namespace;

#[path = "../harness/coturn.rs"]
mod coturn;

use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use actix_rtc::proto::ice::CandidateType;
use actix_rtc::{Config, DataChannelOptions, IceServer, Message, Runtime, Session, SessionOptions};
use coturn::Coturn;
use namespace::Namespace;
use tokio::sync::oneshot;

const LIMIT: Duration = Duration::from_secs(60);

/// How a NAT chooses the port of a flow.
#[derive(Debug, Clone, Copy)]
enum Mapping {
    /// The one that the host chose, to wherever it sends: endpoint-independent (RFC 4787 §4.1).
    Kept,
    /// Another one for each flow: "symmetric".
    Random,
}

/// Network, NATs and hosts. The fields are dropped in their order: what runs before where it runs.
struct World {
    coturn: Coturn,
    hosts: [Namespace; 2],
    _nats: [Namespace; 2],
    _network: Namespace,
}

impl World {
    /// `None` where the test runs elsewhere, or not at all.
    fn new(test: &str, mapping: Mapping) -> Option<World> {
        if !coturn::is_installed() || ran_as_root_of_its_own(test) {
            return None;
        }
        match World::build(mapping) {
            Ok(world) => Some(world),
            Err(why) => {
                let said = format!("no NATs can be made here, {test} is NOT tested: {why}");
                assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{said}");
                eprintln!("SKIPPED: {said}");
                None
            }
        }
    }

    fn build(mapping: Mapping) -> Result<World, String> {
        let network = Namespace::new()?;
        network.ip("link add net type bridge")?;
        network.ip("addr add 198.51.100.1/24 dev net")?;
        network.ip("link set net up")?;
        // What goes to private addresses is lost, as in the internet. Without a route the system
        // would tell coturn, which then gives up the allocation.
        network.ip("link add lost type bridge")?;
        network.ip("addr add 192.0.2.1/24 dev lost")?;
        network.ip("link set lost up")?;
        network.ip("neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 nud permanent dev lost")?;
        network.ip("route add default via 192.0.2.2")?;
        let (nat_a, host_a) = behind_nat(&network, 1, mapping)?;
        let (nat_b, host_b) = behind_nat(&network, 2, mapping)?;
        let server: IpAddr = [198, 51, 100, 1].into();
        let address = SocketAddr::new(server, 3478);
        let coturn = network.run(|| Coturn::start_at(address, server, &[]));
        Ok(World {
            coturn: coturn.ok_or("coturn is not installed")?,
            hosts: [host_a, host_b],
            _nats: [nat_a, nat_b],
            _network: network,
        })
    }

    fn servers(&self, with_relay: bool) -> Vec<IceServer> {
        let stun = IceServer::stun(self.coturn.url("stun:", ""));
        let turn = IceServer::turn(self.coturn.url("turn:", ""), "user", "secret");
        if with_relay {
            vec![stun, turn]
        } else {
            vec![stun]
        }
    }

    /// Connects the hosts and lets them greet each other. Returns what `look` sees on each side.
    fn connect<T: Send>(
        &self,
        servers: &[IceServer],
        look: impl Fn(&Session) -> T + Sync,
    ) -> [T; 2] {
        let (offer, to_answerer) = oneshot::channel::<String>();
        let (answer, to_offerer) = oneshot::channel::<String>();
        let options = || SessionOptions::default().ice_servers(servers.to_vec());
        let (look, options) = (&look, &options);
        let [a, b] = &self.hosts;
        let (ended, end) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let one = scope.spawn(move || {
                a.run(|| {
                    with_runtime(async |rtc| {
                        let session = rtc.session(options()).unwrap();
                        offer.send(session.offer().await.unwrap()).unwrap();
                        session
                            .set_answer(&to_offerer.await.unwrap())
                            .await
                            .unwrap();
                        session.connected().await.unwrap();
                        let options = DataChannelOptions::default();
                        let channel = session.create_data_channel("greet", options).await.unwrap();
                        channel.send(Message::text("hello")).await.unwrap();
                        assert_eq!(channel.recv().await, Some(Message::text("hello")));
                        let seen = look(&session);
                        // The other side has looked as well when this one closes.
                        tokio::task::spawn_blocking(move || end.recv())
                            .await
                            .unwrap()
                            .unwrap();
                        session.close().await;
                        seen
                    })
                })
            });
            let other = scope.spawn(move || {
                b.run(|| {
                    with_runtime(async |rtc| {
                        let session = rtc.session(options()).unwrap();
                        let offer = to_answerer.await.unwrap();
                        answer.send(session.accept(&offer).await.unwrap()).unwrap();
                        session.connected().await.unwrap();
                        let channel = session.accept_data_channel().await.unwrap();
                        let heard = channel.recv().await.unwrap();
                        channel.send(heard).await.unwrap();
                        let seen = look(&session);
                        ended.send(()).unwrap();
                        session.closed().await;
                        seen
                    })
                })
            });
            [one.join().unwrap(), other.join().unwrap()]
        })
    }
}

/// A NAT, and a host behind it.
fn behind_nat(
    network: &Namespace,
    number: u8,
    mapping: Mapping,
) -> Result<(Namespace, Namespace), String> {
    let (nat, host) = (Namespace::new()?, Namespace::new()?);
    let (nat_id, host_id) = (nat.id(), host.id());
    network.ip(&format!(
        "link add nat{number} type veth peer name wan netns {nat_id}"
    ))?;
    network.ip(&format!("link set nat{number} master net up"))?;
    nat.ip(&format!("addr add 198.51.100.{number}0/24 dev wan"))?;
    nat.ip("link set wan up")?;
    nat.ip(&format!(
        "link add lan type veth peer name eth0 netns {host_id}"
    ))?;
    nat.ip(&format!("addr add 10.0.{number}.1/24 dev lan"))?;
    nat.ip("link set lan up")?;
    nat.forward()?;
    let choice = match mapping {
        Mapping::Kept => "",
        Mapping::Random => "fully-random",
    };
    // What comes unasked is dropped (address- and port-dependent filtering, RFC 4787 §5), and
    // before it is tracked: else its flow would be in the way of the one from inside.
    nat.nft(&format!(
        "table ip nat {{
             chain outward {{
                 type nat hook postrouting priority 100
                 oifname \"wan\" masquerade {choice}
             }}
         }}
         table ip filter {{
             chain unasked {{
                 type filter hook input priority 0
                 iifname \"wan\" ct state new drop
             }}
         }}
         "
    ))?;
    host.ip(&format!("addr add 10.0.{number}.2/24 dev eth0"))?;
    host.ip("link set eth0 up")?;
    host.ip(&format!("route add default via 10.0.{number}.1"))?;
    Ok((nat, host))
}

/// Who is not root becomes it in a user namespace, where the kernel permits that: the test is run
/// once more in there.
fn ran_as_root_of_its_own(test: &str) -> bool {
    const INSIDE: &str = "RTC_NAT_INSIDE";
    if std::env::var_os(INSIDE).is_some() || nix::unistd::geteuid().is_root() {
        return false;
    }
    let unshare = ["--user", "--map-root-user", "--net"];
    let possible = Command::new("unshare").args(unshare).arg("true").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        return false;
    }
    let status = Command::new("unshare")
        .args(unshare)
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed inside of a user namespace");
    true
}

fn with_runtime<T>(f: impl AsyncFnOnce(&Runtime) -> T) -> T {
    let config = Config::default().workers(1);
    let rtc = Runtime::builder().config(config).start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let done = runtime.block_on(async { tokio::time::timeout(LIMIT, f(&rtc)).await });
    done.expect("took too long")
}

/// What a side has gathered, and the pair in use.
#[derive(Debug)]
struct Seen {
    gathered: Vec<CandidateType>,
    local: CandidateType,
    remote: (CandidateType, IpAddr),
}

fn look(session: &Session) -> Seen {
    let pair = session.ice().selected_pair().unwrap();
    let candidates = session.gatherer().local_candidates();
    Seen {
        gathered: candidates.iter().map(|c| c.kind).collect(),
        local: pair.local.kind,
        remote: (pair.remote.kind, pair.path.remote.ip()),
    }
}

#[test]
fn scenario_15_two_hosts_behind_two_nats_connect_by_what_a_stun_server_saw() {
    let test = "scenario_15_two_hosts_behind_two_nats_connect_by_what_a_stun_server_saw";
    let Some(world) = World::new(test, Mapping::Kept) else {
        return;
    };
    // With a relay at hand, too, which is not needed.
    for with_relay in [false, true] {
        let sides = world.connect(&world.servers(with_relay), look);
        for (seen, peer) in sides.iter().zip([20, 10]) {
            assert!(
                seen.gathered.contains(&CandidateType::ServerReflexive),
                "{seen:?}"
            );
            assert_eq!(
                seen.remote.1,
                IpAddr::from([198, 51, 100, peer]),
                "{sides:?}"
            );
            assert_ne!(seen.local, CandidateType::Relayed, "{sides:?}");
            assert_ne!(seen.remote.0, CandidateType::Relayed, "{sides:?}");
        }
    }
}

#[test]
fn scenario_6_two_hosts_behind_symmetric_nats_connect_by_relay() {
    let test = "scenario_6_two_hosts_behind_symmetric_nats_connect_by_relay";
    let Some(world) = World::new(test, Mapping::Random) else {
        return;
    };
    let sides = world.connect(&world.servers(true), look);
    for seen in &sides {
        assert!(seen.gathered.contains(&CandidateType::Relayed), "{seen:?}");
    }
    let relayed = |seen: &Seen| {
        let relay = IpAddr::from([198, 51, 100, 1]);
        seen.local == CandidateType::Relayed || seen.remote.1 == relay
    };
    assert!(sides.iter().all(relayed), "{sides:?}");
}
