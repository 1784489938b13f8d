//! DTLS dies in each of its states, at both ends, and another follows; which dies as well.

use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::{
    ActorKind, DtlsEngine, DtlsTransport, DtlsTransportState, IceTransportState, InvalidState,
    Runtime, SctpTransportState, SessionOptions,
};

use super::{Stack, Stacks, nothing_is_left, patient};
use crate::bed::{FAULTS, Heard};
use crate::measured::Measured;
use crate::pair::dialling;
use crate::time_limit::{until, within};

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
    let options = |options: SessionOptions| options.dtls_engine(engine);
    let sessions = [
        rtc.session(options(dialling())).unwrap(),
        rtc.session(options(SessionOptions::default())).unwrap(),
    ];
    let [a, b] = sessions.each_ref().map(Stack::of);
    let mut stacks = Stacks::on_ice(a, b).await;
    let pair = stacks.a.ice.selected_pair();
    let mut heard = Heard::of(&sessions[0]);
    stacks.reach(state).await;
    if state == DtlsTransportState::Failed {
        heard.until("sctp failed").await;
    } else if state == DtlsTransportState::Connected {
        heard.until("session connected").await;
    } else if state == DtlsTransportState::Connecting {
        heard.until("dtls connecting").await;
    }
    let old = stacks.a.dtls.clone();
    for dtls in [&stacks.a.dtls, &stacks.b.dtls] {
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
    until(|| stacks.b.sctp.state() == SctpTransportState::Failed).await;

    stacks.a.renew();
    stacks.b.renew();
    // The old ones are closed before anything is heard of the new ones.
    let followed = ["sctp closed", "dtls closed", "session connecting"];
    assert_eq!(heard.take(3).await, followed, "{state:?}, {fault:?}");
    assert_eq!(stacks.a.dtls.state(), DtlsTransportState::New);
    assert_eq!(old.state(), DtlsTransportState::Closed);
    assert!(old.failure().is_some(), "it still tells why");
    assert!(sessions[0].failure().is_none(), "nothing is wrong now");
    // It is harmless to stop what is over.
    within(old.stop()).await;
    stacks.connect().await;
    for session in &sessions {
        within(session.connected()).await.unwrap();
    }
    let words = heard.take_until("session connected").await;
    assert!(
        !words.iter().any(|word| word.starts_with("ice")),
        "{words:?}"
    );
    assert_eq!(stacks.a.ice.state(), IceTransportState::Completed);
    assert_eq!(stacks.a.ice.selected_pair(), pair);

    // It can fail as the first one did, by name; and this time nobody makes another.
    stacks.a.dtls.inject(fault, Moment::Now);
    assert_eq!(heard.take(5).await, death(reason), "{state:?}, {fault:?}");
    let failure = stacks.a.dtls.failure().unwrap();
    assert_eq!(
        (failure.actor, failure.reason.as_str()),
        (ActorKind::Dtls, reason)
    );
    heard.until("session closed").await;
    let late = DtlsTransport::new(&stacks.a.ice);
    assert_eq!(late.unwrap_err(), InvalidState::Closed);
    sessions[1].begin_close();
    for session in &sessions {
        within(session.closed()).await;
    }
}

async fn every_death(engine: DtlsEngine) {
    let bed = Measured::start(patient());
    for _ in 0..rounds() {
        let mut running = tokio::task::JoinSet::new();
        for state in STATES {
            for fault in FAULTS {
                let rtc = bed.rtc.clone();
                running.spawn(async move {
                    dies_and_is_followed_by_another(&rtc, engine, state, fault).await;
                });
            }
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
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

#[tokio::test]
async fn a_new_dtls_follows_one_that_died_in_any_state() {
    every_death(DtlsEngine::Dimpl).await;
}

#[cfg(feature = "dtls-webrtc")]
#[tokio::test]
async fn a_new_dtls_of_the_second_engine_follows_one_that_died_in_any_state() {
    every_death(DtlsEngine::WebrtcDtls).await;
}
