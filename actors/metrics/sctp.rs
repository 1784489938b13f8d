//! What the SCTP actors count.

use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use proto::sctp::{Association, Counters};

use crate::base::channel::DataChannelState;
use crate::base::kind::ActorKind;
use crate::metrics::actor::dropped;
use crate::metrics::labels::{By, ByReason, Direction, Share, labels};
use crate::metrics::names;

labels! {
    /// State of a channel that still lives.
    Live {
        Connecting = "connecting",
        Open = "open",
        Closing = "closing",
    }
}

impl Live {
    /// `None` for a closed one, which is not counted.
    pub(crate) fn of(state: DataChannelState) -> Option<Live> {
        match state {
            DataChannelState::Connecting => Some(Live::Connecting),
            DataChannelState::Open => Some(Live::Open),
            DataChannelState::Closing => Some(Live::Closing),
            DataChannelState::Closed => None,
        }
    }
}

/// What the SCTP actors count.
#[derive(Debug)]
pub(crate) struct SctpMetrics {
    rtt_seconds: Histogram,
    retransmits: Counter,
    pub(crate) buffered: Gauge,
    pub(crate) channels: By<Live, Gauge>,
    messages: By<Direction, Counter>,
    message_bytes: By<Direction, Counter>,
    pub(crate) backpressure: Counter,
    dropped: ByReason,
}

impl SctpMetrics {
    pub(crate) fn new() -> SctpMetrics {
        SctpMetrics {
            rtt_seconds: histogram!(names::SCTP_RTT),
            retransmits: counter!(names::SCTP_RETRANSMITS),
            buffered: gauge!(names::SCTP_BUFFERED),
            channels: By::new(|state| gauge!(names::SCTP_CHANNELS, "state" => state)),
            messages: By::new(|d| counter!(names::SCTP_MESSAGES, "direction" => d)),
            message_bytes: By::new(|d| counter!(names::SCTP_MESSAGE_BYTES, "direction" => d)),
            backpressure: counter!(names::SCTP_BACKPRESSURE),
            dropped: ByReason::new(
                drops(&Counters::default()).map(|(reason, _)| reason),
                |reason| dropped(ActorKind::Sctp, reason),
            ),
        }
    }

    /// Messages went from the application to the association, or the other way.
    pub(crate) fn messages(&self, direction: Direction, count: u64, bytes: u64) {
        self.messages.add(direction, count);
        self.message_bytes.add(direction, bytes);
    }

    /// A channel is counted in this state, for as long as the share lives.
    pub(crate) fn channel(&self, state: DataChannelState) -> Option<Share> {
        Live::of(state).map(|state| Share::one(self.channels.get(state)))
    }
}

/// What an association dropped, by reason.
pub(crate) fn drops(counters: &Counters) -> [(&'static str, u64); 8] {
    [
        ("malformed", counters.malformed),
        ("wrong_port", counters.wrong_port),
        ("wrong_tag", counters.wrong_tag),
        ("unexpected", counters.unexpected),
        ("beyond_window", counters.data_dropped),
        ("dcep", counters.dcep_errors),
        ("unknown_ppid", counters.unknown_ppid),
        ("orphaned", counters.orphaned_messages),
    ]
}

/// An association is looked at this often: nothing of it is urgent.
const PERIOD: Duration = Duration::from_secs(1);

/// What of an association's counts is exported already.
#[derive(Debug)]
pub(crate) struct Exported {
    counters: Counters,
    retransmits: u64,
    packets: u64,
    due: Option<Instant>,
}

impl Exported {
    pub(crate) fn new() -> Exported {
        Exported {
            counters: Counters::default(),
            retransmits: 0,
            packets: 0,
            due: None,
        }
    }

    /// Exports what has been counted since the last call, where that is long enough ago.
    pub(crate) fn sync(&mut self, metrics: &SctpMetrics, now: Instant, association: &Association) {
        if self.due.is_none_or(|due| due <= now) {
            self.due = Some(now + PERIOD);
            self.flush(metrics, association);
        }
    }

    /// Exports what has been counted since the last call.
    pub(crate) fn flush(&mut self, metrics: &SctpMetrics, association: &Association) {
        let stats = association.stats();
        // The association forgets them at its end.
        if stats.retransmitted_chunks > self.retransmits {
            let more = stats.retransmitted_chunks - self.retransmits;
            metrics.retransmits.increment(more);
            self.retransmits = stats.retransmitted_chunks;
        }
        if stats.packets_sent > self.packets
            && let Some(rtt) = stats.rtt
        {
            metrics.rtt_seconds.record(rtt);
        }
        self.packets = stats.packets_sent;
        let last = std::mem::replace(&mut self.counters, stats.counters);
        for ((reason, now), (_, last)) in drops(&stats.counters).into_iter().zip(drops(&last)) {
            if now > last {
                metrics.dropped.add(reason, now - last);
            }
        }
    }
}
