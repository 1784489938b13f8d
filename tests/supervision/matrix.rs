//! Scenario 26: each actor, in each of its states, panics, fails and stops. What is heard, and in
//! which order, is the same every time; what is below and beside it lives on.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::{
    ActorKind, Config, DtlsTransportState, GatherOptions, IceGathererState, IceServer,
    IceTransportState, Reason, Runtime, SctpTransportState, Session, SessionState,
};

use crate::bed::{Heard, Neighbours, Pair, config, echo, restart_ice, same, start, within};

/// How often each cell of the matrix is tried.
fn rounds() -> usize {
    if std::env::var_os("RTC_LONG").is_some() {
        100
    } else {
        4
    }
}

/// How many sessions are struck at a time.
const AT_A_TIME: usize = 50;

// A reason that every kind of actor may give.
const FAULTS: [(Fault, &str); 3] = [
    (Fault::Panic, "panic"),
    (Fault::Error(Reason::ConnectTimeout), "connect_timeout"),
    (Fault::Stop, "stopped"),
];

/// Silence is noticed soon; on a machine that is busy with other things, not too soon.
fn impatient() -> Config {
    let mut config = config(1);
    config.ice.consent_interval = Duration::from_millis(500);
    config.ice.disconnected_timeout = Duration::from_secs(3);
    config.ice.consent_timeout = Duration::from_secs(6);
    config.sctp.handshake_timeout = Duration::from_secs(8);
    config
}

/// A session that is about to be struck, and its peer.
struct Victim {
    pair: Pair,
    struck: Session,
    peer: Session,
}

impl Victim {
    /// The one with the shared port is struck.
    fn new(rtc: &Runtime) -> Victim {
        let pair = Pair::new(rtc);
        Victim {
            struck: pair.answerer.clone(),
            peer: pair.dialler.clone(),
            pair,
        }
    }

    /// Waits until the struck session has come so far.
    async fn settles(&self, so_far: impl Fn(&Session) -> bool) {
        within(async {
            while !so_far(&self.struck) {
                let state = self.struck.state();
                assert!(state != SessionState::Closed, "it closed before");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    /// From now on nothing comes from an actor of the peer.
    fn silence(&self, actor: ActorKind) {
        self.peer
            .inject(actor, Fault::Lose(usize::MAX), Moment::Now);
    }
}

/// Which state an actor is in when it is struck.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Gatherer(IceGathererState),
    Ice(IceTransportState),
    Dtls(DtlsTransportState),
    Sctp(SctpTransportState),
}

impl When {
    fn actor(self) -> ActorKind {
        match self {
            When::Gatherer(_) => ActorKind::Gatherer,
            When::Ice(_) => ActorKind::Ice,
            When::Dtls(_) => ActorKind::Dtls,
            When::Sctp(_) => ActorKind::Sctp,
        }
    }

    fn is_reached(self, session: &Session) -> bool {
        match self {
            When::Gatherer(state) => session.gatherer().state() == state,
            When::Ice(state) => session.ice().state() == state,
            When::Dtls(state) => session.dtls().state() == state,
            When::Sctp(state) => session.sctp().state() == state,
        }
    }

    /// Brings a session there.
    async fn reach(self, rtc: &Runtime) -> Victim {
        use {
            DtlsTransportState as Dtls, IceGathererState as Gatherer, IceTransportState as Ice,
            SctpTransportState as Sctp,
        };
        let victim = Victim::new(rtc);
        match self {
            When::Gatherer(Gatherer::New)
            | When::Ice(Ice::New)
            | When::Dtls(Dtls::New)
            | When::Sctp(Sctp::New) => {}
            When::Gatherer(Gatherer::Gathering) => {
                // A server that is there and says nothing.
                let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
                let url = format!("stun:{}", silent.local_addr().unwrap());
                let gatherer = victim.struck.gatherer().clone();
                tokio::spawn(async move {
                    let _ = gatherer.gather(Some(vec![IceServer::stun(&url)])).await;
                    drop(silent);
                });
            }
            When::Ice(Ice::Checking) => {
                victim.silence(ActorKind::Gatherer);
                victim.pair.signal(same, same).await;
            }
            When::Dtls(Dtls::Connecting) => {
                victim.silence(ActorKind::Dtls);
                victim.pair.signal(same, same).await;
                victim
                    .settles(|struck| struck.ice().state() == Ice::Completed)
                    .await;
            }
            When::Sctp(Sctp::Connecting) => {
                victim.silence(ActorKind::Sctp);
                victim.pair.signal(same, same).await;
                victim
                    .settles(|struck| struck.dtls().state() == Dtls::Connected)
                    .await;
            }
            When::Sctp(Sctp::Failed) => {
                victim.silence(ActorKind::Sctp);
                victim.pair.signal(same, same).await;
            }
            When::Dtls(Dtls::Failed) => {
                let wrong = |offer: String| {
                    let line = offer
                        .lines()
                        .find(|l| l.starts_with("a=fingerprint:"))
                        .unwrap();
                    let other = format!("a=fingerprint:sha-256 {}", ["00"; 32].join(":"));
                    offer.replace(line, &other)
                };
                victim.pair.signal(wrong, same).await;
            }
            When::Ice(Ice::Connected) => {
                // As long as more candidates may come, a better pair may.
                let open = |offer: String| offer.replace("a=end-of-candidates\r\n", "");
                victim.pair.signal(open, same).await;
                victim.pair.connected().await;
            }
            When::Ice(Ice::Disconnected | Ice::Failed) => {
                victim.pair.connect().await;
                victim.silence(ActorKind::Gatherer);
            }
            _ => victim.pair.connect().await,
        }
        victim.settles(|struck| self.is_reached(struck)).await;
        // What follows from that has followed, too.
        victim
            .settles(|struck| match self {
                When::Ice(Ice::Disconnected) => struck.state() == SessionState::Disconnected,
                When::Ice(Ice::Failed) | When::Sctp(Sctp::Failed) => {
                    struck.state() == SessionState::Failed
                }
                When::Dtls(Dtls::Failed) => struck.sctp().state() == Sctp::Failed,
                _ => true,
            })
            .await;
        victim
    }
}

/// What becomes of the session.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    /// It was not connected, and can be now.
    CanConnect,
    /// The same channel goes on after an ICE restart.
    GoesOn,
    /// The peer is silent: no more can be told than what was heard.
    Waits,
    /// It closes soon, and the peer does.
    Ends,
}

struct Cell {
    when: When,
    heard: &'static [&'static str],
    then: Then,
}

/// The table. `*` stands for the reason of the fault; `... x` for all up to x, which is ICE's own
/// business, and still the same every time.
const MATRIX: &[Cell] = &[
    Cell {
        when: When::Gatherer(IceGathererState::New),
        heard: &["gatherer error *"],
        then: Then::CanConnect,
    },
    Cell {
        when: When::Gatherer(IceGathererState::Gathering),
        heard: &["gatherer error *"],
        then: Then::Waits,
    },
    Cell {
        // It heals without anybody's help: the peer's checks find the new socket.
        when: When::Gatherer(IceGathererState::Complete),
        heard: &[
            "gatherer error *",
            "gatherer gathering",
            "gatherer complete",
            "ice restart needed",
            "... ice completed",
        ],
        then: Then::GoesOn,
    },
    Cell {
        when: When::Ice(IceTransportState::New),
        heard: &["ice error *"],
        then: Then::CanConnect,
    },
    Cell {
        when: When::Ice(IceTransportState::Checking),
        heard: &[
            "ice error *",
            "ice disconnected",
            "ice restart needed",
            "session disconnected",
        ],
        then: Then::Waits,
    },
    Cell {
        when: When::Ice(IceTransportState::Connected),
        heard: &[
            "ice error *",
            "ice disconnected",
            "ice restart needed",
            "session disconnected",
        ],
        then: Then::GoesOn,
    },
    Cell {
        when: When::Ice(IceTransportState::Completed),
        heard: &[
            "ice error *",
            "ice disconnected",
            "ice restart needed",
            "session disconnected",
        ],
        then: Then::GoesOn,
    },
    Cell {
        when: When::Ice(IceTransportState::Disconnected),
        heard: &["ice error *", "ice restart needed"],
        then: Then::Waits,
    },
    Cell {
        when: When::Ice(IceTransportState::Failed),
        heard: &["ice error *", "ice restart needed"],
        then: Then::Waits,
    },
    Cell {
        when: When::Dtls(DtlsTransportState::New),
        heard: &[
            "dtls error *",
            "dtls failed",
            "session failed",
            "sctp error lower_layer",
            "sctp failed",
        ],
        then: Then::Ends,
    },
    Cell {
        when: When::Dtls(DtlsTransportState::Connecting),
        heard: &[
            "dtls error *",
            "dtls failed",
            "session failed",
            "sctp error lower_layer",
            "sctp failed",
        ],
        then: Then::Ends,
    },
    Cell {
        when: When::Dtls(DtlsTransportState::Connected),
        heard: &[
            "dtls error *",
            "dtls failed",
            "session failed",
            "sctp error lower_layer",
            "sctp failed",
        ],
        then: Then::Ends,
    },
    Cell {
        when: When::Dtls(DtlsTransportState::Failed),
        heard: &["dtls error *"],
        then: Then::Ends,
    },
    Cell {
        when: When::Sctp(SctpTransportState::New),
        heard: &["sctp error *", "sctp failed", "session failed"],
        then: Then::Ends,
    },
    Cell {
        when: When::Sctp(SctpTransportState::Connecting),
        heard: &["sctp error *", "sctp failed", "session failed"],
        then: Then::Ends,
    },
    Cell {
        when: When::Sctp(SctpTransportState::Connected),
        heard: &["sctp error *", "sctp failed", "session failed"],
        then: Then::Ends,
    },
    Cell {
        when: When::Sctp(SctpTransportState::Failed),
        heard: &["sctp error *"],
        then: Then::Ends,
    },
];

async fn strike(
    rtc: &Runtime,
    cell: &Cell,
    (fault, reason): (Fault, &str),
    same_as: &OnceLock<Vec<String>>,
) {
    let victim = cell.when.reach(rtc).await;
    let connected = victim.struck.state() == SessionState::Connected;
    let channel = match connected && cell.then == Then::GoesOn {
        true => Some(victim.pair.channel().await),
        false => None,
    };
    let actor = cell.when.actor();
    let beside = states(&victim.struck);
    let mut heard = Heard::of(&victim.struck);
    victim.struck.inject(actor, fault, Moment::Now);
    let (told, last) = match cell.heard.split_last() {
        Some((last, told)) if last.starts_with("... ") => (told, Some(&last[4..])),
        _ => (cell.heard, None),
    };
    let mut expected: Vec<String> = told.iter().map(|w| w.replace('*', reason)).collect();
    let mut words = match last {
        Some(last) => heard.take_until(last).await,
        None => heard.take(expected.len()).await,
    };
    if last.is_some() {
        let rest = words.split_off(expected.len().min(words.len()));
        let before = same_as.get_or_init(|| rest.clone());
        expected.extend(before.iter().cloned());
        words.extend(rest);
    }
    assert_eq!(words, expected, "{:?}, {fault:?}", cell.when);
    // What is below what died, and not above it, is as it was.
    for kind in ActorKind::ALL {
        let survives = match actor {
            ActorKind::Gatherer => kind >= ActorKind::Dtls,
            ActorKind::Ice => kind != ActorKind::Ice,
            _ => kind < actor,
        };
        if survives {
            let now = states(&victim.struck)[kind as usize];
            assert_eq!(
                now, beside[kind as usize],
                "{:?}, {fault:?}: {kind}",
                cell.when
            );
        }
    }
    match cell.then {
        Then::CanConnect => {
            victim.pair.connect().await;
            let (ours, theirs) = victim.pair.channel().await;
            echo(&ours, &theirs, "after all").await;
        }
        Then::GoesOn => {
            let (ours, theirs) = channel.unwrap();
            within(restart_ice(&victim.struck, &victim.peer)).await;
            echo(&ours, &theirs, "the same channel").await;
        }
        Then::Waits => {}
        Then::Ends => within(victim.struck.closed()).await,
    }
    victim.pair.close().await;
}

fn states(session: &Session) -> [&'static str; 4] {
    [
        session.gatherer().state().as_str(),
        session.ice().state().as_str(),
        session.dtls().state().as_str(),
        session.sctp().state().as_str(),
    ]
}

async fn every_fault_in(cells: impl Iterator<Item = &'static Cell>) {
    let rtc = start(impatient());
    let mut neighbours = Neighbours::start(&rtc, 50).await;
    for cell in cells {
        let began = std::time::Instant::now();
        let mut left = (0..rounds()).flat_map(|_| FAULTS);
        let first = Arc::new(OnceLock::new());
        let mut running = tokio::task::JoinSet::new();
        loop {
            while running.len() < AT_A_TIME
                && let Some(fault) = left.next()
            {
                let (rtc, first) = (rtc.clone(), first.clone());
                running.spawn(async move { strike(&rtc, cell, fault, &first).await });
            }
            match running.join_next().await {
                Some(done) => done.unwrap(),
                None => break,
            }
        }
        neighbours.are_untouched().await;
        println!(
            "{:?}: {} of {} times the same, {} ms",
            cell.when,
            FAULTS.len() * rounds(),
            FAULTS.len() * rounds(),
            began.elapsed().as_millis()
        );
    }
    neighbours.close().await;
    assert_eq!(rtc.session_count(), 0);
}

fn cells_of(actor: ActorKind) -> impl Iterator<Item = &'static Cell> {
    MATRIX.iter().filter(move |cell| cell.when.actor() == actor)
}

#[tokio::test]
async fn a_gatherer_that_dies_in_any_state_is_restarted() {
    every_fault_in(cells_of(ActorKind::Gatherer)).await;
}

#[tokio::test]
async fn an_ice_actor_that_dies_in_any_state_is_restarted() {
    every_fault_in(cells_of(ActorKind::Ice)).await;
}

#[tokio::test]
async fn a_dtls_actor_that_dies_in_any_state_fails_and_sctp_with_it() {
    every_fault_in(cells_of(ActorKind::Dtls)).await;
}

#[tokio::test]
async fn an_sctp_actor_that_dies_in_any_state_fails_alone() {
    every_fault_in(cells_of(ActorKind::Sctp)).await;
}

/// A budget that is spent is the end: `failed`, with the reason of the last failure.
#[tokio::test]
async fn a_restart_budget_that_is_spent_is_the_end() {
    for actor in [ActorKind::Gatherer, ActorKind::Ice] {
        let rtc = start(config(1));
        let pair = Pair::new(&rtc);
        pair.connect().await;
        let struck = &pair.answerer;
        let mut heard = Heard::of(struck);
        for _ in 0..Config::default().ice_restart.max_restarts {
            struck.inject(actor, Fault::Panic, Moment::Now);
            heard.until(&format!("{actor} error panic")).await;
        }
        struck.inject(actor, Fault::Error(Reason::ConnectTimeout), Moment::Now);
        heard.until(&format!("{actor} error connect_timeout")).await;
        heard.until(&format!("{actor} failed")).await;
        heard.until("session failed").await;
        let failure = struck.failure().unwrap();
        assert_eq!(
            (failure.actor, failure.reason),
            (actor, Reason::ConnectTimeout)
        );
        // Nothing can restart it, and so it does not wait for that.
        heard.until("session closed").await;
        within(struck.closed()).await;
        pair.close().await;
    }
}

/// Faults in futures and timers end as those in handlers do.
#[tokio::test]
async fn a_panic_in_a_future_or_a_timer_is_a_panic_of_the_actor() {
    let rtc = start(config(1));
    for fault in [Fault::PanicInFuture, Fault::PanicInTimer] {
        let session = rtc.session(GatherOptions::default()).unwrap();
        let mut heard = Heard::of(&session);
        session.inject(ActorKind::Sctp, fault, Moment::Now);
        heard.until("sctp error panic").await;
        heard.until("sctp failed").await;
        within(session.closed()).await;
    }
}

#[tokio::test]
async fn a_supervisor_that_dies_closes_its_session_and_nothing_else() {
    let rtc = start(config(1));
    let mut neighbours = Neighbours::start(&rtc, 4).await;
    for (fault, reason) in [
        (Fault::Panic, "panic"),
        (Fault::Error(Reason::ConnectTimeout), "connect_timeout"),
    ] {
        let pair = Pair::new(&rtc);
        pair.connect().await;
        rtc.registry().insert(pair.answerer.clone());
        let id = pair.answerer.id().to_string();
        let mut heard = Heard::of(&pair.answerer);
        pair.answerer
            .inject(ActorKind::Supervisor, fault, Moment::Now);
        let expected = [
            format!("supervisor error {reason}"),
            "session failed".into(),
            "sctp closed".into(),
            "dtls closed".into(),
            "ice closed".into(),
            "gatherer closed".into(),
            "session closed".into(),
        ];
        assert_eq!(heard.take(expected.len()).await, expected);
        within(pair.answerer.closed()).await;
        assert!(rtc.registry().get(&id).is_none());
        let failure = pair.answerer.failure().unwrap();
        assert_eq!(failure.actor, ActorKind::Supervisor);
        neighbours.are_untouched().await;
        pair.close().await;
    }
    neighbours.close().await;
}

/// A stall is no end: what waited is done afterwards.
#[tokio::test]
async fn an_actor_that_stalls_loses_nothing() {
    let rtc = start(config(1));
    let mut neighbours = Neighbours::start(&rtc, 4).await;
    let pair = Pair::new(&rtc);
    pair.connect().await;
    for actor in ActorKind::ALL {
        let (ours, theirs) = pair.channel().await;
        let stall = Fault::Stall(Duration::from_millis(300));
        pair.answerer.inject(actor, stall, Moment::Now);
        neighbours.are_untouched().await;
        echo(&ours, &theirs, actor.as_str()).await;
    }
    assert!(pair.answerer.failure().is_none());
    pair.close().await;
    neighbours.close().await;
}
