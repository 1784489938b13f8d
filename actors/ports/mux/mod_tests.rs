//! Real sockets on loopback, real ICE agents on both sides, and in between the mux. One thread.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use proto::Machine;
use proto::demux::Received;
use proto::ice::{Agent, Candidate, Event, Role};
use proto::random::Random;
use proto::route::{Asker, Sizes};
use proto::stun;
use proto::stun::Class;

use super::*;
use crate::base::kind::ActorKind;
use crate::kit::address::{Address, Meter, metered};
use crate::kit::alarm::now;
use crate::kit::control::OnShutdown;
use crate::kit::faults::Bare;
use crate::kit::faults::armed::PortFault;
use crate::kit::guard::Exit;
use crate::session::permits::{INBOUND_BATCHES, Permit};

/// How long anything may take that should take milliseconds.
const WITHIN: Duration = Duration::from_secs(20);

/// What happened to one session of the server.
#[derive(Default)]
struct Seen {
    connected: Cell<bool>,
    /// The payloads of DTLS and RTP.
    payloads: RefCell<Vec<u32>>,
    checks_answered: Cell<usize>,
    lost: Cell<usize>,
    restored: Cell<usize>,
    answers: Cell<usize>,
    /// Keeps every batch, as a session that is stuck does.
    stuck: Cell<bool>,
    held: RefCell<Vec<Permit>>,
}

/// A session of the server, as the mux sees it: gatherer and ICE in one actor.
struct Callee {
    agent: Agent,
    share: Option<MuxShare>,
    seen: Rc<Seen>,
    scope: Bare,
    exit: Exit,
}

impl Actor for Callee {
    type Context = actix::Context<Self>;
}

impl Supervised for Callee {}

impl OnShutdown for Callee {
    fn on_shutdown(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Callee {
    fn drain(&mut self) {
        let Some(share) = &self.share else { return };
        while let Some(transmit) = self.agent.poll_transmit(now()) {
            share.send(transmit.path, &transmit.datagram.into(), Some(Asker::Agent));
        }
        while let Some(event) = self.agent.poll_event() {
            match event {
                Event::Authenticated(path) => share.authenticated(path),
                Event::Answered(path) => {
                    share.answered(path);
                    self.seen.connected.set(true);
                }
                Event::Released(path) => share.release(path),
                _ => {}
            }
        }
    }
}

impl Handler<NetworkToIce> for Callee {
    type Result = ();

    fn handle(&mut self, message: NetworkToIce, _: &mut Self::Context) {
        let NetworkToIce { batch, permit } = message;
        for Received { path, segments, .. } in batch {
            for datagram in segments.iter() {
                if let Some(header) = stun::peek(&datagram) {
                    let is_answer = usize::from(header.class != Class::Request);
                    self.seen
                        .checks_answered
                        .set(self.seen.checks_answered.get() + is_answer);
                    self.agent.handle_datagram(now(), path, &datagram);
                } else {
                    let number = datagram[4..8].try_into().unwrap();
                    let payloads = &mut self.seen.payloads.borrow_mut();
                    payloads.push(u32::from_be_bytes(number));
                }
            }
        }
        if self.seen.stuck.get() {
            self.seen.held.borrow_mut().push(permit);
        }
        self.drain();
    }
}

impl Handler<MuxToGatherer> for Callee {
    type Result = ();

    fn handle(&mut self, message: MuxToGatherer, _: &mut Self::Context) {
        let count = match message {
            MuxToGatherer::Answer(..) => &self.seen.answers,
            MuxToGatherer::Lost => &self.seen.lost,
            MuxToGatherer::Restored => &self.seen.restored,
        };
        count.set(count.get() + 1);
    }
}

metered!(Callee, ActorKind::Ice, [NetworkToIce, MuxToGatherer]);

#[derive(Message)]
#[rtype(result = "()")]
struct Hangup;

impl Handler<Hangup> for Callee {
    type Result = ();

    fn handle(&mut self, _: Hangup, ctx: &mut Self::Context) {
        self.agent.close(now());
        self.drain();
        self.share = None;
        ctx.stop();
    }
}

/// The other side of one session.
struct Caller {
    agent: Agent,
    callee: Addr<Callee>,
    seen: Rc<Seen>,
    /// Answers that were not sent, when they are kept.
    kept: Option<Vec<(Path, Bytes)>>,
}

impl Caller {
    fn is_connected(&self) -> bool {
        self.agent.send_path().is_some() && self.seen.connected.get()
    }
}

/// All callers have one socket: it sends from any address of 127.0.0.0/8.
struct World {
    muxes: Vec<Mux>,
    socket: Udp,
    callers: HashMap<IpAddr, Caller>,
    random: Random,
    metrics: PrometheusHandle,
}

impl World {
    /// With one mux, or so many on a single port.
    fn new(muxes: usize) -> World {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let metrics = metrics::with_local_recorder(&recorder, || Metrics::new(1));
        let config = Config::default();
        let port = Arc::new(SinglePort::default());
        let single = (muxes > 1).then_some(&port);
        let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let muxes = (0..muxes)
            .map(|_| {
                let mux = Mux::bind(address, &config, metrics.clone(), single).unwrap();
                address = mux.local_addr();
                mux
            })
            .collect();
        World {
            muxes,
            socket: Udp::bind((Ipv4Addr::UNSPECIFIED, 0).into(), config.socket_buffer).unwrap(),
            callers: HashMap::new(),
            random: Random::from_number(4),
            metrics: handle,
        }
    }

    /// Opens a session on a mux and calls it from an address.
    fn call(&mut self, mux: usize, from: IpAddr) -> &mut Caller {
        let mux = self.muxes[mux].clone();
        let (server, client) = (
            mux.local_addr(),
            SocketAddr::new(from, self.socket.bound().port()),
        );
        let mut agent = |role| Agent::new(Default::default(), role, self.random.fork());
        let (mut ours, mut theirs) = (agent(Role::Controlled), agent(Role::Controlling));
        let parameters = [&ours, &theirs].map(|agent| agent.local_parameters().clone());
        let host = |address| Candidate::host(address, Protocol::Udp);
        ours.add_local_candidate(now(), host(server), server);
        ours.start(now(), parameters[1].clone()).unwrap();
        theirs.add_local_candidate(now(), host(client), client);
        theirs.add_remote_candidate(now(), host(server)).unwrap();
        theirs.start(now(), parameters[0].clone()).unwrap();
        let seen = Rc::new(Seen::default());
        let callee_seen = seen.clone();
        let meter = Meter::new(Metrics::none(1), ActorKind::Ice);
        let callee = Callee::create(|ctx| {
            let address = Address::new(ctx.address(), meter);
            let share = mux.share(address.neighbour(), Permits::new(INBOUND_BATCHES));
            share.set_ice(address.neighbour());
            share.add_ufrag(&parameters[0].username_fragment);
            Callee {
                agent: ours,
                share: Some(share),
                scope: Bare::default(),
                exit: Exit::default(),
                seen: callee_seen,
            }
        });
        let caller = Caller {
            agent: theirs,
            callee,
            seen,
            kept: None,
        };
        self.callers.insert(from, caller);
        self.drain(from);
        self.callers.get_mut(&from).unwrap()
    }

    fn drain(&mut self, caller: IpAddr) {
        let Some(caller) = self.callers.get_mut(&caller) else {
            return;
        };
        while let Some(transmit) = caller.agent.poll_transmit(now()) {
            let (path, datagram) = (transmit.path, transmit.datagram);
            let is_answer = stun::peek(&datagram).is_some_and(|h| h.class != Class::Request);
            match &mut caller.kept {
                Some(kept) if is_answer => kept.push((path, datagram)),
                _ => {
                    self.socket.send(path, &datagram.into());
                }
            }
        }
    }

    /// Runs until something is so.
    async fn until(&mut self, what: &str, is_so: impl Fn(&World) -> bool) {
        let end = Instant::now() + WITHIN;
        while !is_so(self) {
            assert!(Instant::now() < end, "{what}: in vain");
            self.turn().await;
        }
    }

    /// Receives for a moment.
    async fn turn(&mut self) {
        let mut received = Vec::new();
        let socket = &mut self.socket;
        let read = poll_fn(|cx| {
            let _ = socket.poll_flush(cx);
            socket.poll_recv(cx, &mut received)
        });
        let _ = tokio::time::timeout(Duration::from_millis(1), read).await;
        let mut heard = Vec::new();
        for (path, segments) in received {
            let ip = path.local.ip();
            if let Some(caller) = self.callers.get_mut(&ip) {
                for datagram in segments.iter() {
                    caller.agent.handle_datagram(now(), path, &datagram);
                }
                heard.push(ip);
            }
        }
        for ip in heard {
            self.drain(ip);
        }
        // Retransmissions, should something be lost.
        let late: Vec<IpAddr> = self
            .callers
            .iter_mut()
            .filter_map(|(ip, caller)| {
                let due = caller.agent.poll_timeout().is_some_and(|at| at <= now());
                due.then(|| caller.agent.handle_timeout(now()));
                due.then_some(*ip)
            })
            .collect();
        for ip in late {
            self.drain(ip);
        }
        tokio::task::yield_now().await;
    }

    /// Sends a datagram from any address of loopback to the port of the muxes.
    fn send_from(&mut self, from: IpAddr, datagram: impl Into<Bytes>) {
        let local = SocketAddr::new(from, self.socket.bound().port());
        let path = Path::udp(local, self.muxes[0].local_addr());
        self.socket.send(path, &Segments::from(datagram.into()));
    }

    fn hang_up(&mut self, from: IpAddr) {
        if let Some(caller) = self.callers.remove(&from) {
            caller.callee.do_send(Hangup);
        }
    }

    fn sizes(&self) -> Vec<Sizes> {
        let muxes = self.muxes.iter();
        muxes.map(|mux| mux.0.borrow().routes.sizes()).collect()
    }

    /// The value of a counter; 0 when it is not there.
    fn counter(&self, name: &str, label: &str) -> u64 {
        let text = self.metrics.render();
        let line = text
            .lines()
            .find(|line| line.starts_with(name) && line.contains(label));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or(0)
    }
}

fn ip(n: u32) -> IpAddr {
    Ipv4Addr::from(0x7F01_0000 + n).into()
}

/// Looks like a DTLS record, or RTP, that carries its session.
fn payload(first: u8, session: u32) -> Vec<u8> {
    let mut datagram = vec![first, 254, 253, 0];
    datagram.extend(session.to_be_bytes());
    datagram.resize(64, 0);
    datagram
}

const DTLS: u8 = 22;
const RTP: u8 = 128;
const SESSIONS: u32 = 2000;
const ROUNDS: usize = 3;

/// `SESSIONS` at once, each from an address of its own; their payloads go to nobody else. A few at
/// a time begin, and send: the socket buffers of this system may be small.
async fn at_once(world: &mut World) {
    let muxes = world.muxes.len();
    let bursts = || (0..SESSIONS).step_by(40).map(|first| first..first + 40);
    for burst in bursts() {
        for n in burst.clone() {
            world.call(n as usize % muxes, ip(n));
        }
        let connected = |world: &World| burst.clone().all(|n| world.callers[&ip(n)].is_connected());
        world.until("all are connected", connected).await;
    }
    for round in 1..=ROUNDS {
        for burst in bursts() {
            for n in burst.clone() {
                world.send_from(ip(n), payload(DTLS, n));
            }
            let arrived = |world: &World| {
                let payloads = |n| world.callers[&ip(n)].seen.payloads.borrow().len();
                burst.clone().all(|n| payloads(n) >= round)
            };
            world.until("all payloads have arrived", arrived).await;
        }
    }
    for n in 0..SESSIONS {
        assert_eq!(*world.callers[&ip(n)].seen.payloads.borrow(), [n; ROUNDS]);
        world.hang_up(ip(n));
    }
    gone(world).await;
}

/// `SESSIONS` one after another, all from the same address.
async fn in_turn(world: &mut World) {
    let muxes = world.muxes.len();
    for n in 0..SESSIONS {
        world.call(n as usize % muxes, ip(7));
        let connected = |world: &World| world.callers.values().all(Caller::is_connected);
        world.until("it is connected", connected).await;
        world.send_from(ip(7), payload(DTLS, n));
        let arrived = |w: &World| !w.callers[&ip(7)].seen.payloads.borrow().is_empty();
        world.until("its payload has arrived", arrived).await;
        assert_eq!(*world.callers[&ip(7)].seen.payloads.borrow(), [n]);
        world.hang_up(ip(7));
    }
    gone(world).await;
}

async fn gone(world: &mut World) {
    let none = |world: &World| world.sizes().iter().all(|s| *s == Sizes::default());
    world.until("no route is left", none).await;
}

#[actix::test]
async fn two_thousand_sessions_on_one_port_at_once_and_in_turn() {
    let mut world = World::new(1);
    at_once(&mut world).await;
    in_turn(&mut world).await;
}

#[actix::test]
async fn two_thousand_sessions_on_one_port_that_two_workers_share() {
    let mut world = World::new(2);
    at_once(&mut world).await;
    in_turn(&mut world).await;
}

#[actix::test]
async fn what_is_spoofed_from_another_address_is_not_delivered() {
    for muxes in [1, 2] {
        let mut world = World::new(muxes);
        for n in [1, 2] {
            world.call(n as usize % muxes, ip(n));
        }
        let both = |world: &World| world.callers.values().all(Caller::is_connected);
        world.until("both are connected", both).await;

        // A session is asked for, and its caller's answer comes from elsewhere first: from a
        // stranger, and from the caller of another session.
        world.call(0, ip(3)).kept = Some(Vec::new());
        let asked = |world: &World| {
            let kept = &world.callers[&ip(3)].kept;
            kept.as_ref().is_some_and(|kept| !kept.is_empty())
        };
        world.until("its caller was asked", asked).await;
        let seen = world.callers[&ip(3)].seen.clone();
        let (path, answer) = world.callers[&ip(3)].kept.as_ref().unwrap()[0].clone();
        let wrong = |world: &World| world.counter("rtc_udp_mux_misses_total", "wrong_source");
        let before = wrong(&world);
        world.send_from(ip(99), answer.clone());
        world.send_from(ip(2), answer.clone());
        let counted = |world: &World| wrong(world) >= before + 2;
        world.until("both were counted", counted).await;
        assert_eq!(
            seen.checks_answered.get(),
            0,
            "a spoofed answer was delivered"
        );
        assert!(!seen.connected.get());
        // The caller's own counts all the same.
        world.socket.send(path, &answer.into());
        world
            .until("it is connected", |w| {
                w.callers[&ip(3)].seen.connected.get()
            })
            .await;

        // DTLS and RTP of a stranger go nowhere, those of a neighbour to the neighbour.
        let missed = |world: &World| world.counter("rtc_udp_mux_misses_total", "unknown_address");
        let before = missed(&world);
        for first in [DTLS, RTP] {
            world.send_from(ip(99), payload(first, 1));
            world.send_from(ip(2), payload(first, 2));
        }
        let arrived = |world: &World| {
            missed(world) >= before + 2 && world.callers[&ip(2)].seen.payloads.borrow().len() >= 2
        };
        world.until("all were dealt with", arrived).await;
        assert_eq!(*world.callers[&ip(2)].seen.payloads.borrow(), [2, 2]);
        for n in [1, 3] {
            assert!(world.callers[&ip(n)].seen.payloads.borrow().is_empty());
        }
    }
}

#[actix::test]
async fn scenario_28_a_session_that_is_stuck_under_a_flood_costs_its_neighbour_nothing() {
    let mut world = World::new(1);
    for n in [1, 2] {
        world.call(0, ip(n));
    }
    let both = |world: &World| world.callers.values().all(Caller::is_connected);
    world.until("both are connected", both).await;
    let [stuck, other] = [1, 2].map(|n| world.callers[&ip(n)].seen.clone());
    stuck.stuck.set(true);
    let dropped =
        |world: &World| world.counter("rtc_actor_datagrams_dropped_total", "session_slow");
    for round in 1..=50 {
        for _ in 0..100 {
            world.send_from(ip(1), payload(DTLS, 1));
        }
        world.send_from(ip(2), payload(DTLS, 2));
        let arrived = |_: &World| other.payloads.borrow().len() >= round;
        world
            .until("the neighbour's payload has arrived", arrived)
            .await;
    }
    world
        .until("the flood was dropped and counted", |w| {
            dropped(w) as usize + stuck.payloads.borrow().len() == 5000
        })
        .await;
    assert_eq!(stuck.held.borrow().len(), INBOUND_BATCHES);
    assert_eq!(other.payloads.borrow().len(), 50, "nothing of it was lost");
    // Once it works again, it gets what comes.
    stuck.stuck.set(false);
    stuck.held.borrow_mut().clear();
    let had = stuck.payloads.borrow().len();
    world.send_from(ip(1), payload(DTLS, 1));
    let arrived = |_: &World| stuck.payloads.borrow().len() > had;
    world.until("its payload has arrived", arrived).await;
}

#[actix::test]
async fn a_socket_that_fails_or_a_reader_that_panics_is_replaced_on_the_same_port() {
    for muxes in [1, 2] {
        let mut world = World::new(muxes);
        let address = world.muxes[0].local_addr();
        world.call(0, ip(1));
        let connected = |world: &World| world.callers.values().all(Caller::is_connected);
        world.until("it is connected", connected).await;
        for (n, fault) in [PortFault::Error, PortFault::Panic, PortFault::Error]
            .into_iter()
            .enumerate()
        {
            for mux in &world.muxes {
                mux.strike(fault);
            }
            let bound = |world: &World| {
                world.muxes.iter().all(|mux| {
                    let state = mux.0.borrow();
                    state.faults.0.is_none() && state.udp.is_some()
                })
            };
            world.until("it is bound again", bound).await;
            assert!(world.muxes.iter().all(|mux| mux.local_addr() == address));
            let seen = world.callers[&ip(1)].seen.clone();
            let end = Instant::now() + WITHIN;
            // What was in the old socket is lost, as on a network.
            while seen.payloads.borrow().len() <= n {
                assert!(Instant::now() < end, "nothing arrives any more");
                world.send_from(ip(1), payload(DTLS, 1));
                world.turn().await;
            }
            seen.payloads.borrow_mut().truncate(n + 1);
            assert_eq!(seen.lost.get(), 0, "nobody had to notice");
        }
        let restarts = world.counter("rtc_actor_restarts_total", "gatherer");
        assert_eq!(restarts, 3 * muxes as u64);
    }
}

#[actix::test]
async fn sessions_are_told_when_the_port_cannot_be_bound_again_and_when_it_can() {
    let mut world = World::new(1);
    world.call(0, ip(1));
    let connected = |world: &World| world.callers.values().all(Caller::is_connected);
    world.until("it is connected", connected).await;
    let seen = world.callers[&ip(1)].seen.clone();
    let thief = world.muxes[0].take_away().unwrap();
    world
        .until("it is told of the loss", |_| seen.lost.get() == 1)
        .await;
    drop(thief);
    world
        .until("it is told of the return", |_| seen.restored.get() == 1)
        .await;
    assert_eq!(seen.lost.get(), 1);
    let end = Instant::now() + WITHIN;
    while seen.payloads.borrow().is_empty() {
        assert!(Instant::now() < end, "nothing arrives any more");
        world.send_from(ip(1), payload(DTLS, 1));
        world.turn().await;
    }
}

#[actix::test]
async fn a_single_port_is_not_shared_with_another_program() {
    let taken = Udp::bind_shared((Ipv4Addr::LOCALHOST, 0).into(), 1 << 16).unwrap();
    let port = Arc::new(SinglePort::default());
    let bound = Mux::bind(
        taken.bound(),
        &Config::default(),
        Metrics::new(1),
        Some(&port),
    );
    assert!(matches!(bound, Err(MuxError::Bind { .. })));
}
