//! Scenario 26: each actor, in each of its states, panics, fails and stops. What is heard, and in
//! which order, is the same every time; what is below and beside it lives on.

mod table;
mod victim;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::{ActorKind, Config, Runtime, Session, SessionState};

use self::table::{Cell, Then, cells_of};
use crate::bed::{FAULTS, Heard, Neighbours, restart_ice};
use crate::pair::{config, echo, start};
use crate::time_limit::within;

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

/// Silence is noticed soon; on a machine that is busy with other things, not too soon.
fn impatient() -> Config {
    let mut config = config(1);
    config.ice.consent_interval = Duration::from_millis(500);
    config.ice.disconnected_timeout = Duration::from_secs(3);
    config.ice.consent_timeout = Duration::from_secs(6);
    config.sctp.handshake_timeout = Duration::from_secs(8);
    config
}

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
