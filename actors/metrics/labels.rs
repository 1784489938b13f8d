//! Closed sets of label values, and the handles that are held for them.

use metrics::{Counter, Gauge, Histogram};

use crate::base::kind::MessageKind;

/// A closed set of label values.
pub(crate) trait Label: Copy + 'static {
    /// All of them, in the order of their numbers.
    const ALL: &'static [Self];
    fn as_str(self) -> &'static str;
    /// Its place in [`ALL`](Self::ALL).
    fn index(self) -> usize;
}

/// An enumeration whose values are those of a label.
macro_rules! labels {
    ($(#[$meta:meta])* $name:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal ),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $( $(#[$doc])* $variant ),+ }

        impl $crate::metrics::labels::Label for $name {
            const ALL: &'static [Self] = &[$($name::$variant),+];
            fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $text ),+ }
            }
            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use labels;

labels! {
    /// Which way traffic goes, seen from this process.
    Direction {
        /// From the network.
        In = "in",
        /// To the network.
        Out = "out",
    }
}

labels! {
    /// Why a message did not reach its actor.
    Rejected {
        /// The session has as many batches under way as it may.
        Full = "full",
        /// The actor is gone.
        Closed = "closed",
    }
}

labels! {
    /// What became of a request, or of a handshake.
    Outcome {
        /// It did what it was for.
        Success = "success",
        /// No answer.
        Timeout = "timeout",
        /// Refused, or an answer that is of no use.
        Error = "error",
    }
}

labels! {
    /// How a session's attempt to connect ended.
    Attempt {
        /// It is connected.
        Connected = "connected",
        /// A transport failed before, or it took too long.
        Failed = "failed",
        /// It was closed before.
        Abandoned = "abandoned",
    }
}

labels! {
    /// Why news did not reach whoever wanted to hear of it.
    Undelivered {
        /// A subscriber was gone.
        Closed = "closed",
        /// A subscriber was too slow.
        Lagged = "lagged",
        /// An actor ended when its supervisor was gone.
        Orphan = "orphan",
    }
}

impl Label for MessageKind {
    const ALL: &'static [Self] = &MessageKind::ALL;
    fn as_str(self) -> &'static str {
        MessageKind::as_str(self)
    }
    fn index(self) -> usize {
        self as usize
    }
}

/// One handle a label value.
#[derive(Debug)]
pub(crate) struct By<L, H> {
    handles: Vec<H>,
    label: std::marker::PhantomData<L>,
}

impl<L: Label, H> By<L, H> {
    pub(crate) fn new(make: impl Fn(&'static str) -> H) -> By<L, H> {
        By {
            handles: L::ALL.iter().map(|label| make(label.as_str())).collect(),
            label: std::marker::PhantomData,
        }
    }

    pub(crate) fn get(&self, label: L) -> &H {
        &self.handles[label.index()]
    }
}

impl<L: Label> By<L, Counter> {
    pub(crate) fn add(&self, label: L, count: u64) {
        self.get(label).increment(count);
    }
}

impl<L: Label> By<L, Histogram> {
    pub(crate) fn record(&self, label: L, value: std::time::Duration) {
        self.get(label).record(value);
    }
}

/// Counters by the names of reasons, which come from enums of many kinds.
#[derive(Debug)]
pub(crate) struct ByReason(Vec<(&'static str, Counter)>);

impl ByReason {
    pub(crate) fn new(
        reasons: impl IntoIterator<Item = &'static str>,
        make: impl Fn(&'static str) -> Counter,
    ) -> ByReason {
        let mut counters: Vec<(&'static str, Counter)> = Vec::new();
        for reason in reasons {
            if counters.iter().all(|(known, _)| *known != reason) {
                counters.push((reason, make(reason)));
            }
        }
        ByReason(counters)
    }

    /// A reason outside of the set would be a new series at run time: it is not counted, and a
    /// test would notice.
    pub(crate) fn add(&self, reason: &str, count: u64) {
        let counter = self.0.iter().find(|(known, _)| *known == reason);
        debug_assert!(counter.is_some(), "no counter is registered for {reason}");
        if let Some((_, counter)) = counter {
            counter.increment(count);
        }
    }
}

/// One actor's part of a gauge: what it has put in goes out again when it is dropped, also by a
/// panic.
#[derive(Debug)]
pub(crate) struct Share {
    gauge: Gauge,
    held: f64,
}

impl Share {
    pub(crate) fn new(gauge: &Gauge) -> Share {
        Share {
            gauge: gauge.clone(),
            held: 0.0,
        }
    }

    /// A part of 1.
    pub(crate) fn one(gauge: &Gauge) -> Share {
        let mut share = Share::new(gauge);
        share.set(1.0);
        share
    }

    pub(crate) fn set(&mut self, value: f64) {
        if value != self.held {
            self.gauge.increment(value - self.held);
            self.held = value;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0.0);
    }
}
