//! What the tests of supervision stand on: neighbours that keep data moving,
//! and the events of a session in short words.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_rtc::chaos::Fault;
use actix_rtc::{
    DtlsTransportEvent, Event, EventStream, IceGathererEvent, IceTransportEvent, Message, Reason,
    Runtime, SctpTransportEvent, Session, SessionEvent, Trickled,
};

use crate::pair::Pair;
use crate::time_limit::{LIMIT, within};

/// How long nothing must happen until it is believed that nothing more comes.
const QUIET: Duration = Duration::from_millis(150);

/// The three ways to die, and their reasons: the one of an error is one that every kind of actor
/// may give.
pub(crate) const FAULTS: [(Fault, &str); 3] = [
    (Fault::Panic, "panic"),
    (Fault::Error(Reason::ConnectTimeout), "connect_timeout"),
    (Fault::Stop, "stopped"),
];

pub(crate) fn same(text: String) -> String {
    text
}

/// What an application does when it is asked for an ICE restart.
pub(crate) async fn restart_ice(asked: &Session, peer: &Session) {
    let fragment = asked.restart_ice().await.unwrap();
    let Trickled::Restarted(answer) = peer.trickle(&fragment).await.unwrap() else {
        panic!("the peer saw no restart in {fragment}");
    };
    assert_eq!(asked.trickle(&answer).await.unwrap(), Trickled::Candidates);
}

/// Errors, state changes and requests for an ICE restart, as `who what`.
pub(crate) struct Heard(EventStream<Event>);

impl Heard {
    pub(crate) fn of(session: &Session) -> Heard {
        Heard(session.events())
    }

    /// The next one, `None` when the session is gone.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(word) = word(self.0.next().await?) {
                return Some(word);
            }
        }
    }

    /// Waits for one, dropping those before it.
    pub(crate) async fn until(&mut self, what: &str) {
        within(async {
            while let Some(word) = self.next().await {
                if word == what {
                    return;
                }
            }
            panic!("the session ended without '{what}'");
        })
        .await;
    }

    /// All up to this one.
    pub(crate) async fn take_until(&mut self, what: &str) -> Vec<String> {
        let mut words = Vec::new();
        while words.last().is_none_or(|word| word != what) {
            match tokio::time::timeout(LIMIT, self.next()).await {
                Ok(Some(word)) => words.push(word),
                Ok(None) | Err(_) => break,
            }
        }
        words
    }

    /// So many, and whatever else comes right behind.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<String> {
        let mut words = Vec::new();
        while words.len() < count {
            match tokio::time::timeout(LIMIT, self.next()).await {
                Ok(Some(word)) => words.push(word),
                Ok(None) | Err(_) => return words,
            }
        }
        while let Ok(Some(word)) = tokio::time::timeout(QUIET, self.next()).await {
            words.push(word);
        }
        words
    }
}

fn word(event: Event) -> Option<String> {
    use {
        DtlsTransportEvent as Dtls, IceGathererEvent as Gatherer, IceTransportEvent as Ice,
        SctpTransportEvent as Sctp, SessionEvent as Whole,
    };
    Some(match event {
        Event::Gatherer(Gatherer::StateChange(s)) => format!("gatherer {s}"),
        Event::Ice(Ice::StateChange(s)) => format!("ice {s}"),
        Event::Dtls(Dtls::StateChange(s)) => format!("dtls {s}"),
        Event::Sctp(Sctp::StateChange(s)) => format!("sctp {s}"),
        Event::Session(Whole::StateChange(s)) => format!("session {s}"),
        Event::Gatherer(Gatherer::Error(e))
        | Event::Ice(Ice::Error(e))
        | Event::Dtls(Dtls::Error(e))
        | Event::Sctp(Sctp::Error(e))
        | Event::Session(Whole::Error(e)) => format!("{} error {}", e.actor, e.reason.as_str()),
        Event::Ice(Ice::RestartNeeded) => "ice restart needed".into(),
        Event::Gatherer(Gatherer::Lagged(_))
        | Event::Ice(Ice::Lagged(_))
        | Event::Dtls(Dtls::Lagged(_))
        | Event::Sctp(Sctp::Lagged(_))
        | Event::Session(Whole::Lagged(_)) => panic!("the test is too slow: {event:?}"),
        _ => return None,
    })
}

/// Sessions beside the one that fails, with data that goes to and fro all the time.
pub(crate) struct Neighbours {
    pairs: Vec<Neighbour>,
}

struct Neighbour {
    pair: Pair,
    events: [Heard; 2],
    turns: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Neighbours {
    pub(crate) async fn start(rtc: &Runtime, sessions: usize) -> Neighbours {
        let mut pairs = Vec::new();
        for _ in 0..sessions / 2 {
            let pair = Pair::new(rtc);
            pair.connect().await;
            let (ours, theirs) = pair.channel().await;
            let turns = Arc::new(AtomicU64::new(0));
            let counter = turns.clone();
            let task = tokio::spawn(async move {
                loop {
                    let turn = counter.load(Ordering::Acquire).to_string();
                    ours.send(turn.clone()).await.unwrap();
                    assert_eq!(theirs.recv().await, Some(Message::text(turn.clone())));
                    theirs.send(turn.clone()).await.unwrap();
                    assert_eq!(ours.recv().await, Some(Message::text(turn)));
                    counter.fetch_add(1, Ordering::AcqRel);
                    tokio::time::sleep(Duration::from_millis(40)).await;
                }
            });
            let events = [Heard::of(&pair.offerer), Heard::of(&pair.answerer)];
            pairs.push(Neighbour {
                pair,
                events,
                turns,
                task,
            });
        }
        Neighbours { pairs }
    }

    /// Each of them moves data, and nothing has happened to any.
    pub(crate) async fn are_untouched(&mut self) {
        for neighbour in &mut self.pairs {
            let before = neighbour.turns.load(Ordering::Acquire);
            within(async {
                while neighbour.turns.load(Ordering::Acquire) < before + 2 {
                    assert!(!neighbour.task.is_finished(), "a neighbour's data was lost");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await;
            for heard in &mut neighbour.events {
                let word = tokio::time::timeout(Duration::ZERO, heard.next()).await;
                assert!(word.is_err(), "a neighbour noticed: {word:?}");
            }
        }
    }

    pub(crate) async fn close(self) {
        for neighbour in &self.pairs {
            neighbour.task.abort();
            neighbour.pair.close().await;
        }
    }
}
