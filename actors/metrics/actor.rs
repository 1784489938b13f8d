//! What every kind of actor counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::base::kind::{ActorKind, MessageKind};
use crate::metrics::labels::{By, Direction, Label, Rejected};
use crate::metrics::names;

/// What every kind of actor counts.
#[derive(Debug)]
pub(crate) struct ActorMetrics {
    kind: ActorKind,
    restarts: Counter,
    mailbox: Gauge,
    /// What waits in all mailboxes: cheaper to count than the gauge, which follows it.
    waiting: AtomicUsize,
    shown: AtomicUsize,
    pub(crate) mailbox_wait: Histogram,
    pub(crate) rejected: By<Rejected, Counter>,
    handle: Vec<Histogram>,
    datagrams: By<Direction, Counter>,
    bytes: By<Direction, Counter>,
}

impl ActorMetrics {
    pub(super) fn new(kind: ActorKind) -> ActorMetrics {
        let actor = kind.as_str();
        let known = kind.messages();
        let handle = MessageKind::ALL.iter().map(|message| {
            if known.contains(message) {
                histogram!(names::HANDLE, "actor" => actor, "message" => message.as_str())
            } else {
                Histogram::noop()
            }
        });
        ActorMetrics {
            kind,
            restarts: counter!(names::RESTARTS, "actor" => actor),
            waiting: AtomicUsize::new(0),
            shown: AtomicUsize::new(0),
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
        let actor = self.kind.as_str();
        tracing::trace!(
            actor,
            direction = direction.as_str(),
            datagrams,
            bytes,
            "traffic"
        );
        self.datagrams.add(direction, datagrams as u64);
        self.bytes.add(direction, bytes as u64);
    }

    pub(crate) fn handled(&self, kind: MessageKind, took: Duration) {
        self.handle[kind.index()].record(took);
    }

    /// A message was put into a mailbox.
    pub(crate) fn posted(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// A message was handled, or lost.
    pub(crate) fn taken(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Shows how many messages wait.
    pub(super) fn show_mailbox(&self) {
        let now = self.waiting.load(Ordering::Relaxed);
        let shown = self.shown.swap(now, Ordering::Relaxed);
        // Other runtimes of this process add theirs.
        self.mailbox.increment(now as f64 - shown as f64);
    }

    pub(crate) fn restarted(&self) {
        self.restarts.increment(1);
    }
}

/// The counters of datagrams that an actor drops.
pub(crate) fn dropped(actor: ActorKind, reason: &'static str) -> Counter {
    counter!(names::DATAGRAMS_DROPPED, "actor" => actor.as_str(), "reason" => reason)
}
