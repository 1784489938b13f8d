//! Congestion control: how much may be on its way.
//!
//! A [`Controller`] is told what was acknowledged and what was lost, and answers with a window in
//! bytes. It has nothing to do with which chunk is sent again: that is found by `recovery.rs`.

mod cubic;
mod hystart;
mod model;
mod newreno;

use std::fmt;
use std::time::{Duration, Instant};

use self::cubic::Cubic;
use self::model::Model;
use self::newreno::NewReno;
use crate::sctp::config::CongestionControl;
use crate::sctp::engine::path::Path;

/// What a SACK acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acked {
    pub(super) now: Instant,
    pub(super) bytes: usize,
    /// How much was in flight before.
    pub(super) in_flight: usize,
    /// The round trip of the latest chunk, if it was sent once.
    pub(super) rtt: Option<Duration>,
    /// The TSN counter of the latest chunk that was acknowledged, and of the next to be sent.
    pub(super) newest: u64,
    pub(super) next: u64,
    /// Losses are being repaired: the window does not grow.
    pub(super) recovering: bool,
}

/// What was found to be lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost {
    /// In this round trip so far, in bytes, ...
    pub(super) lost: usize,
    /// ... and how much was acknowledged in it.
    pub(super) acked: usize,
}

/// A window in bytes, and what changes it.
pub(super) trait Controller: fmt::Debug + Send {
    /// Something was acknowledged.
    fn on_acked(&mut self, acked: Acked, path: &Path);
    /// A loss, the first since the last ones were repaired. Returns whether it was taken for
    /// congestion.
    fn on_loss(&mut self, lost: Lost, path: &Path) -> bool;
    /// Nothing was acknowledged for so long that all that is in flight is taken for lost
    /// (RFC 9260 §7.2.3).
    fn on_timeout(&mut self, now: Instant, path: &Path);
    /// What was taken for a loss was none.
    fn on_spurious_loss(&mut self);
    /// How much may be in flight.
    fn window(&self, path: &Path) -> usize;
    /// What to reduce to while losses are repaired, gently (RFC 6937); `None` to leave it to the
    /// window.
    fn target(&self) -> Option<usize>;
    /// At how many bytes per second it leaves at most; `None` without limit.
    fn pace(&self, path: &Path) -> Option<f64>;
}

pub(super) fn controller(kind: CongestionControl, packet: usize) -> Box<dyn Controller> {
    match kind {
        CongestionControl::Model => Box::new(Model::new(packet)),
        CongestionControl::Cubic => Box::new(Cubic::new(packet)),
        CongestionControl::NewReno => Box::new(NewReno::new(packet)),
    }
}

/// RFC 9260 §7.2.1 allows min(4 * PMDCS, max(2 * PMDCS, 4404)); RFC 6928, which everybody follows
/// since, ten packets.
fn initial_window(packet: usize) -> usize {
    10 * packet
}

/// The round trip, if it is one to pace by: below this more depends on when threads run than on the
/// path.
fn paced_by(path: &Path) -> Option<f64> {
    const SHORT: Duration = Duration::from_millis(4);
    let rtt = path.smoothed_rtt()?.max(path.min_rtt()?);
    (rtt >= SHORT).then_some(rtt.as_secs_f64())
}

/// The pace of a window: twice its rate in slow start, a quarter more than its rate after
/// (RFC 9002 §7.7).
fn pace(path: &Path, window: usize, slow_start: bool) -> Option<f64> {
    let gain = if slow_start { 2.0 } else { 1.25 };
    Some(gain * window as f64 / paced_by(path)?)
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
