//! A DTLS connection cannot be healed, its keys are gone. But ICE lives on, and may carry a new one.

use std::time::{Duration, SystemTime};

use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::commands::{GetStates, RenewDtls};
use actix_rtc::proto::dtls::FailureReason;
use actix_rtc::proto::random::Random;
use actix_rtc::{
    ActorKind, Certificate, Config, DataChannelOptions, DtlsEngine, DtlsError, DtlsTransport,
    DtlsTransportState, GatherOptions, IceGatherer, IceRole, IceTransport, IceTransportState,
    InvalidState, Message, OpenError, Reason, Runtime, SctpTransport, SctpTransportState, Session,
    SessionState,
};

use crate::bed::{Heard, Pair, config, dialling, echo, start, within};
use crate::measured::Measured;

/// One end of a stack whose application starts it layer by layer.
struct End {
    gatherer: IceGatherer,
    ice: IceTransport,
    dtls: DtlsTransport,
    sctp: SctpTransport,
}

impl End {
    /// Without a session object.
    fn new(gatherer: IceGatherer) -> End {
        let ice = IceTransport::new(&gatherer).unwrap();
        let dtls = DtlsTransport::new(&ice).unwrap();
        let sctp = SctpTransport::new(&dtls).unwrap();
        End {
            gatherer,
            ice,
            dtls,
            sctp,
        }
    }

    fn of(session: &Session) -> End {
        End {
            gatherer: session.gatherer().clone(),
            ice: session.ice().clone(),
            dtls: session.dtls(),
            sctp: session.sctp(),
        }
    }

    /// New transports in the place of those that are over.
    fn renew(&mut self) {
        self.dtls = DtlsTransport::new(&self.ice).unwrap();
        self.sctp = SctpTransport::new(&self.dtls).unwrap();
    }

    async fn start_sctp(&self) {
        let capabilities = SctpTransport::capabilities();
        self.sctp.start(capabilities, None).await.unwrap();
    }
}

struct Ends {
    a: End,
    b: End,
}

impl Ends {
    /// Connects ICE; DTLS and SCTP are there and not started.
    async fn on_ice(a: End, b: End) -> Ends {
        let ends = Ends { a, b };
        ends.b.ice.set_role(IceRole::Controlled);
        within(async {
            let (a, b) = (&ends.a, &ends.b);
            a.gatherer.gather(Some(vec![])).await.unwrap();
            b.gatherer.gather(Some(vec![])).await.unwrap();
            for (near, far) in [(a, b), (b, a)] {
                for candidate in far.gatherer.local_candidates() {
                    near.ice.add_remote_candidate(candidate);
                }
                near.ice.add_remote_candidate(None);
            }
            let (of_a, of_b) = (a.gatherer.local_parameters(), b.gatherer.local_parameters());
            tokio::try_join!(a.ice.start(of_b), b.ice.start(of_a)).unwrap();
            while [a, b].map(|end| end.ice.state()) != [IceTransportState::Completed; 2] {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        ends
    }

    /// Without session objects.
    async fn bare(rtc: &Runtime) -> Ends {
        let a = rtc.gatherer(dialling()).unwrap();
        let b = rtc.gatherer(GatherOptions::default()).unwrap();
        Ends::on_ice(End::new(a), End::new(b)).await
    }

    async fn start_dtls(&self) -> Result<((), ()), DtlsError> {
        let (a, b) = (&self.a.dtls, &self.b.dtls);
        let (of_a, of_b) = (a.local_parameters(), b.local_parameters());
        within(async { tokio::try_join!(a.start(of_b), b.start(of_a)) }).await
    }

    /// Connects DTLS and SCTP, and sends something to and fro.
    async fn connect(&self) {
        self.start_dtls().await.unwrap();
        within(async { tokio::join!(self.a.start_sctp(), self.b.start_sctp()) }).await;
        let options = DataChannelOptions::default();
        let ours = within(self.a.sctp.create_data_channel("test", options))
            .await
            .unwrap();
        let theirs = within(self.b.sctp.accept()).await.unwrap();
        within(ours.opened()).await.unwrap();
        echo(&ours, &theirs, "there and back").await;
    }

    /// Brings the DTLS transport of `a` there, and the other one as far as it comes by that.
    async fn reach(&self, state: DtlsTransportState) {
        use DtlsTransportState as S;
        let of_b = self.b.dtls.local_parameters();
        match state {
            // The other one is not started, and does not answer.
            S::Connecting => {
                let dtls = self.a.dtls.clone();
                tokio::spawn(async move { dtls.start(of_b).await });
            }
            S::Connected => self.connect().await,
            S::Failed => {
                let mut wrong = of_b;
                wrong.fingerprints[0].value = ["00"; 32].join(":");
                let of_a = self.a.dtls.local_parameters();
                let (a, b) = (self.a.dtls.clone(), self.b.dtls.clone());
                tokio::spawn(async move { b.start(of_a).await });
                let failed = within(a.start(wrong)).await.unwrap_err();
                assert!(matches!(failed, DtlsError::Failed(_)), "{failed:?}");
            }
            S::New | S::Closed => {}
        }
        let reached = || self.a.dtls.state() == state;
        within(async {
            while !reached() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }
}

/// How often each fault is tried in each state.
fn rounds() -> usize {
    match std::env::var_os("RTC_LONG") {
        Some(_) => 25,
        None => 1,
    }
}

const STATES: [DtlsTransportState; 4] = [
    DtlsTransportState::New,
    DtlsTransportState::Connecting,
    DtlsTransportState::Connected,
    DtlsTransportState::Failed,
];

const FAULTS: [(Fault, &str); 3] = [
    (Fault::Panic, "panic"),
    (Fault::Error(Reason::ConnectTimeout), "connect_timeout"),
    (Fault::Stop, "stopped"),
];

/// What is heard of a DTLS actor that dies, when it had not failed before.
fn death(reason: &str) -> [String; 5] {
    [
        &*format!("dtls error {reason}"),
        "dtls failed",
        "session failed",
        "sctp error lower_layer",
        "sctp failed",
    ]
    .map(str::to_owned)
}

async fn dies_and_is_followed_by_another(
    rtc: &Runtime,
    engine: DtlsEngine,
    state: DtlsTransportState,
    (fault, reason): (Fault, &str),
) {
    let options = |options| GatherOptions {
        dtls_engine: Some(engine),
        ..options
    };
    let sessions = [
        rtc.session(options(dialling())).unwrap(),
        rtc.session(options(GatherOptions::default())).unwrap(),
    ];
    let [a, b] = sessions.each_ref().map(End::of);
    let mut ends = Ends::on_ice(a, b).await;
    let pair = ends.a.ice.selected_pair();
    let mut heard = Heard::of(&sessions[0]);
    ends.reach(state).await;
    if state == DtlsTransportState::Failed {
        heard.until("sctp failed").await;
    } else if state == DtlsTransportState::Connected {
        heard.until("session connected").await;
    } else if state == DtlsTransportState::Connecting {
        heard.until("dtls connecting").await;
    }
    let old = ends.a.dtls.clone();
    for dtls in [&ends.a.dtls, &ends.b.dtls] {
        dtls.inject(fault, Moment::Now);
    }
    let mut expected = death(reason).to_vec();
    if state == DtlsTransportState::Failed {
        expected.truncate(1);
    }
    assert_eq!(
        heard.take(expected.len()).await,
        expected,
        "{state:?}, {fault:?}"
    );
    within(async {
        while ends.b.sctp.state() != SctpTransportState::Failed {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;

    ends.a.renew();
    ends.b.renew();
    // The old ones are closed before anything is heard of the new ones.
    let followed = ["sctp closed", "dtls closed", "session connecting"];
    assert_eq!(heard.take(3).await, followed, "{state:?}, {fault:?}");
    assert_eq!(ends.a.dtls.state(), DtlsTransportState::New);
    assert_eq!(old.state(), DtlsTransportState::Closed);
    assert!(old.failure().is_some(), "it still tells why");
    assert!(sessions[0].failure().is_none(), "nothing is wrong now");
    // It is harmless to stop what is over.
    within(old.stop()).await;
    ends.connect().await;
    for session in &sessions {
        within(session.connected()).await.unwrap();
    }
    let words = heard.take_until("session connected").await;
    assert!(
        !words.iter().any(|word| word.starts_with("ice")),
        "{words:?}"
    );
    assert_eq!(ends.a.ice.state(), IceTransportState::Completed);
    assert_eq!(ends.a.ice.selected_pair(), pair);

    // It can fail as the first one did, by name; and this time nobody makes another.
    ends.a.dtls.inject(fault, Moment::Now);
    assert_eq!(heard.take(5).await, death(reason), "{state:?}, {fault:?}");
    let failure = ends.a.dtls.failure().unwrap();
    assert_eq!(
        (failure.actor, failure.reason.as_str()),
        (ActorKind::Dtls, reason)
    );
    heard.until("session closed").await;
    let late = DtlsTransport::new(&ends.a.ice);
    assert_eq!(late.unwrap_err(), InvalidState::Closed);
    sessions[1].begin_close();
    for session in &sessions {
        within(session.closed()).await;
    }
}

async fn every_death(engine: DtlsEngine) {
    let bed = Measured::start(config(1));
    for state in STATES {
        let mut running = tokio::task::JoinSet::new();
        for fault in (0..rounds()).flat_map(|_| FAULTS) {
            let rtc = bed.rtc.clone();
            running.spawn(async move {
                dies_and_is_followed_by_another(&rtc, engine, state, fault).await;
            });
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
        println!("{state:?}: {} times the same", FAULTS.len() * rounds());
    }
    nothing_is_left(&bed).await;
    let sessions = (2 * STATES.len() * FAULTS.len() * rounds()) as f64;
    // Each session has connected once, however many connections it had.
    let connected = "rtc_sessions_total{result=\"connected\"}";
    assert_eq!(bed.value(connected), sessions);
    for result in ["failed", "abandoned"] {
        let series = format!("rtc_sessions_total{{result=\"{result}\"}}");
        assert_eq!(bed.value(&series), 0.0);
    }
}

/// No session, route, transport or channel, in whatever state.
async fn nothing_is_left(bed: &Measured) {
    assert_eq!((bed.rtc.session_count(), bed.rtc.half_open_count()), (0, 0));
    within(async {
        while bed.rtc.census().await.routes > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    for state in ["new", "connecting", "connected", "closed", "failed"] {
        for actor in ["gatherer", "ice", "dtls", "sctp"] {
            let series = format!("rtc_actor_instances{{actor=\"{actor}\",state=\"{state}\"}}");
            if bed.find(&series).is_some() {
                bed.until(&series, 0.0).await;
            }
        }
        bed.until(&format!("rtc_sessions{{state=\"{state}\"}}"), 0.0)
            .await;
    }
    for state in ["connecting", "open", "closing"] {
        bed.until(&format!("rtc_sctp_channels{{state=\"{state}\"}}"), 0.0)
            .await;
    }
}

#[tokio::test]
async fn a_new_dtls_follows_one_that_died_in_any_state() {
    every_death(DtlsEngine::Dimpl).await;
}

#[cfg(feature = "dtls-webrtc")]
#[tokio::test]
async fn a_new_dtls_of_the_second_engine_follows_one_that_died_in_any_state() {
    every_death(DtlsEngine::WebrtcDtls).await;
}

/// The peer of the one that died knows nothing of it, and goes on sending. What comes under the
/// keys of before is counted, and does not keep the new connection from being made.
#[tokio::test]
async fn a_peer_that_has_not_noticed_stops_its_own_and_makes_a_new_one() {
    let rtc = start(config(1));
    for engine in [DtlsEngine::Dimpl, DtlsEngine::WebrtcDtls] {
        if engine == DtlsEngine::WebrtcDtls && !cfg!(feature = "dtls-webrtc") {
            continue;
        }
        let options = GatherOptions {
            dtls_engine: Some(engine),
            ..dialling()
        };
        let a = End::new(rtc.gatherer(options.clone()).unwrap());
        let b = End::new(
            rtc.gatherer(GatherOptions {
                own_sockets: false,
                ..options
            })
            .unwrap(),
        );
        let mut ends = Ends::on_ice(a, b).await;
        ends.connect().await;
        let options = DataChannelOptions::default();
        let channel = within(ends.b.sctp.create_data_channel("old", options))
            .await
            .unwrap();
        within(channel.opened()).await.unwrap();
        let flood = tokio::spawn(async move {
            let mut sent = 0_u64;
            while channel.send(Message::binary(vec![7; 16_384])).await.is_ok() {
                sent += 1;
            }
            sent
        });
        ends.a.dtls.inject(Fault::Panic, Moment::Now);
        within(async {
            while ends.a.dtls.state() != DtlsTransportState::Failed {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        ends.a.renew();
        // Before it is started, too.
        within(async {
            loop {
                let counters = ends.a.dtls.counters().await.unwrap();
                if counters.unexpected > 0 {
                    assert_eq!(counters.early_held, 0, "{counters:?}");
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        within(ends.b.dtls.stop()).await;
        assert!(within(flood).await.unwrap() > 0);
        ends.b.renew();
        ends.connect().await;
        let counters = ends.a.dtls.counters().await.unwrap();
        assert_eq!(counters.early_dropped, 0, "{counters:?}");
        assert_eq!(ends.b.ice.state(), IceTransportState::Completed);
    }
}

/// Whoever holds any of the handles holds the session open; whoever drops the last one closes it.
#[tokio::test]
async fn a_handle_of_an_old_connection_holds_the_session_open_as_any_other() {
    let bed = Measured::start(config(1));
    let mut ends = Ends::bare(&bed.rtc).await;
    ends.connect().await;
    let old = [ends.a.dtls.clone(), ends.b.dtls.clone()];
    for dtls in &old {
        dtls.inject(Fault::Panic, Moment::Now);
    }
    within(async {
        while old.each_ref().map(DtlsTransport::state) != [DtlsTransportState::Failed; 2] {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    ends.a.renew();
    ends.b.renew();
    ends.connect().await;
    assert_eq!(bed.rtc.session_count(), 2);
    drop(ends);
    // Twice as long as a session lingers whose connection is over.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(bed.rtc.session_count(), 2);
    drop(old);
    within(async {
        while bed.rtc.session_count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    nothing_is_left(&bed).await;
}

#[tokio::test]
async fn one_connection_at_a_time() {
    let rtc = start(config(1));
    let ends = Ends::bare(&rtc).await;
    let taken = Err(InvalidState::AlreadyExists);
    let new = |ice: &IceTransport| DtlsTransport::new(ice).map(|_| ());
    assert_eq!(new(&ends.a.ice), taken);
    ends.connect().await;
    assert_eq!(new(&ends.a.ice), taken);
    ends.a.dtls.inject(Fault::Panic, Moment::Now);
    within(async {
        while ends.a.dtls.state() != DtlsTransportState::Failed {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    // An SCTP transport has nothing to stand on there.
    let refused = SctpTransport::new(&ends.a.dtls).map(|_| ());
    assert_eq!(refused, Err(InvalidState::Closed));
    // Of many at once one comes first.
    let barrier = std::sync::Barrier::new(8);
    let made = std::thread::scope(|scope| {
        let threads = [(); 8].map(|()| {
            scope.spawn(|| {
                barrier.wait();
                DtlsTransport::new(&ends.a.ice).ok()
            })
        });
        threads.map(|thread| thread.join().unwrap())
    });
    let made: Vec<_> = made.into_iter().flatten().collect();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].state(), DtlsTransportState::New);
    assert_eq!(new(&ends.a.ice), taken);
    SctpTransport::new(&made[0]).unwrap();
    assert_eq!(
        SctpTransport::new(&made[0]).map(|_| ()),
        Err(InvalidState::AlreadyExists)
    );
}

/// With another certificate. Who still expects the old one fails by name, and may try again.
#[tokio::test]
async fn a_new_connection_may_have_another_certificate() {
    let rtc = start(config(1));
    let mut ends = Ends::bare(&rtc).await;
    ends.connect().await;
    let before = ends.a.dtls.local_parameters();
    for end in [&mut ends.a, &mut ends.b] {
        end.dtls.inject(Fault::Stop, Moment::Now);
        let failed = end.dtls.start(before.clone());
        let _ = within(failed).await;
        within(async {
            while end.dtls.state() != DtlsTransportState::Failed {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
    let mut random = Random::from_seed(Random::entropy().unwrap());
    let certificate =
        Certificate::generate(&mut random, SystemTime::now(), Duration::from_secs(3_600)).unwrap();
    ends.a.dtls = DtlsTransport::with_certificate(&ends.a.ice, certificate.clone()).unwrap();
    ends.a.sctp = SctpTransport::new(&ends.a.dtls).unwrap();
    ends.b.renew();
    let now = ends.a.dtls.local_parameters();
    assert_ne!(now.fingerprints, before.fingerprints);
    let (a, of_b) = (ends.a.dtls.clone(), ends.b.dtls.local_parameters());
    let starting = tokio::spawn(async move { a.start(of_b).await });
    let failed = within(ends.b.dtls.start(before)).await.unwrap_err();
    let DtlsError::Failed(failure) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(
        failure.reason,
        Reason::Dtls(FailureReason::FingerprintMismatch)
    );
    // The other side learns of it by an alert, or by and by; it does not wait for that.
    starting.abort();
    if ends.a.dtls.state() != DtlsTransportState::Failed {
        within(ends.a.dtls.stop()).await;
    }
    ends.a.dtls = DtlsTransport::with_certificate(&ends.a.ice, certificate).unwrap();
    ends.a.sctp = SctpTransport::new(&ends.a.dtls).unwrap();
    ends.b.renew();
    ends.connect().await;
    let peer = ends.b.dtls.remote_certificates();
    assert_eq!(peer[0], ends.a.dtls.local_certificate());
}

/// One that is made and not started holds the session for as long as a session may take to
/// connect.
#[tokio::test]
async fn a_new_connection_that_is_never_started_expires() {
    let rtc = start(Config {
        connect_timeout: Duration::from_secs(5),
        ..config(1)
    });
    let pair = Pair::new(&rtc);
    pair.connect().await;
    let mut heard = Heard::of(&pair.answerer);
    pair.answerer
        .inject(ActorKind::Dtls, Fault::Panic, Moment::Now);
    heard.until("sctp failed").await;
    pair.answerer.renew_dtls(None).unwrap();
    heard.until("session connecting").await;
    heard.until("dtls error connect_timeout").await;
    heard.until("session closed").await;
    let failure = pair.answerer.failure().unwrap();
    assert_eq!(failure.reason, Reason::ConnectTimeout);
    pair.close().await;
}

/// A session object shows the transports that it has at the moment; its limits and its
/// application's callback are those of the first ones. By handle on one side, by message on the
/// other.
#[actix::test]
async fn a_session_is_renewed_in_its_place() {
    let rtc = Runtime::builder()
        .config(Config {
            max_sessions: 2,
            ..config(1)
        })
        .on_data_channel(|channel| async move {
            while let Some(message) = channel.recv().await {
                channel.send(message).await.unwrap();
            }
        })
        .start()
        .unwrap();
    let pair = Pair::new(&rtc);
    pair.connect().await;
    rtc.registry().insert(pair.answerer.clone());
    let mut heard = [&pair.dialler, &pair.answerer].map(Heard::of);
    for (session, heard) in [&pair.dialler, &pair.answerer].into_iter().zip(&mut heard) {
        assert_eq!(
            session.renew_dtls(None),
            Err(InvalidState::AlreadyExists),
            "it lives"
        );
        session.inject(ActorKind::Dtls, Fault::Panic, Moment::Now);
        heard.until("sctp failed").await;
    }
    pair.dialler.renew_dtls(None).unwrap();
    let supervisor = pair.answerer.supervisor();
    within(supervisor.send(RenewDtls(None)))
        .await
        .unwrap()
        .unwrap();
    let states = within(supervisor.send(GetStates)).await.unwrap().unwrap();
    assert_eq!(states.session, SessionState::Connecting);
    assert_eq!(states.dtls, DtlsTransportState::New);
    let ends = Ends {
        a: End::of(&pair.dialler),
        b: End::of(&pair.answerer),
    };
    ends.start_dtls().await.unwrap();
    within(async { tokio::join!(ends.a.start_sctp(), ends.b.start_sctp()) }).await;
    let known = rtc.registry().get(pair.answerer.id().as_str()).unwrap();
    within(known.connected()).await.unwrap();
    assert_eq!(known.sctp().state(), SctpTransportState::Connected);
    assert_eq!(known.state(), SessionState::Connected);
    // The runtime's callback has it.
    let options = DataChannelOptions::default();
    let channel = within(pair.dialler.create_data_channel("echo", options))
        .await
        .unwrap();
    within(channel.send("is it there?")).await.unwrap();
    assert_eq!(
        within(channel.recv()).await,
        Some(Message::text("is it there?"))
    );
    assert_eq!((rtc.session_count(), rtc.half_open_count()), (2, 0));
    let full = rtc.session(GatherOptions::default()).unwrap_err();
    assert_eq!(full, OpenError::Full { limit: 2 });
    pair.close().await;
    assert_eq!(rtc.session_count(), 0);
    assert!(rtc.registry().is_empty());
    assert_eq!(pair.answerer.renew_dtls(None), Err(InvalidState::Closed));
}
