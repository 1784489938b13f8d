//! What every kind of actor counts.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::labels::{By, Direction, Label, MessageKind, Rejected};
use super::names;
use crate::error::ActorKind;

/// What every kind of actor counts.
#[derive(Debug)]
pub(crate) struct ActorMetrics {
    restarts: Counter,
    pub(crate) mailbox: Gauge,
    pub(crate) mailbox_wait: Histogram,
    pub(crate) rejected: By<Rejected, Counter>,
    handle: Vec<Histogram>,
    datagrams: By<Direction, Counter>,
    bytes: By<Direction, Counter>,
}

impl ActorMetrics {
    pub(super) fn new(kind: ActorKind) -> ActorMetrics {
        let actor = kind.as_str();
        let known = kinds_of_messages(kind);
        let handle = MessageKind::ALL.iter().map(|message| {
            if known.contains(message) {
                histogram!(names::HANDLE, "actor" => actor, "message" => message.as_str())
            } else {
                Histogram::noop()
            }
        });
        ActorMetrics {
            restarts: counter!(names::RESTARTS, "actor" => actor),
            mailbox: gauge!(names::MAILBOX, "actor" => actor),
            mailbox_wait: histogram!(names::MAILBOX_WAIT, "actor" => actor),
            rejected: By::new(
                |reason| counter!(names::REJECTED, "actor" => actor, "reason" => reason),
            ),
            handle: handle.collect(),
            datagrams: By::new(|d| counter!(names::DATAGRAMS, "actor" => actor, "direction" => d)),
            bytes: By::new(|d| counter!(names::BYTES, "actor" => actor, "direction" => d)),
        }
    }

    /// One batch went through the actor.
    pub(crate) fn traffic(&self, direction: Direction, datagrams: usize, bytes: usize) {
        self.datagrams.add(direction, datagrams as u64);
        self.bytes.add(direction, bytes as u64);
    }

    pub(crate) fn handled(&self, kind: MessageKind, took: Duration) {
        self.handle[kind.index()].record(took);
    }

    pub(crate) fn restarted(&self) {
        self.restarts.increment(1);
    }
}

/// Which kinds of messages an actor gets.
fn kinds_of_messages(kind: ActorKind) -> &'static [MessageKind] {
    use MessageKind::{Answer, Checks, Command, Inbound, Outbound, Wake};
    match kind {
        ActorKind::Gatherer => &[Outbound, Checks, Answer, Command],
        ActorKind::Ice => &[Inbound, Outbound, Command],
        ActorKind::Dtls => &[Inbound, Outbound, Wake, Command],
        ActorKind::Sctp => &[Inbound, Wake, Command],
        ActorKind::Supervisor => &[],
    }
}

/// The counters of datagrams that an actor drops.
pub(crate) fn dropped(actor: ActorKind, reason: &'static str) -> Counter {
    counter!(names::DATAGRAMS_DROPPED, "actor" => actor.as_str(), "reason" => reason)
}
