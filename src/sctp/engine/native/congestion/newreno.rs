//! NewReno as RFC 9260 §7.2 has it, for comparison.

use std::time::Instant;

use super::{Acked, Controller, Lost, initial_window, pace};
use crate::sctp::engine::path::Path;

#[derive(Debug)]
pub(super) struct NewReno {
    packet: usize,
    window: usize,
    threshold: usize,
    /// Bytes acknowledged since the window grew (RFC 9260 §7.2.2: partial_bytes_acked).
    partial: usize,
    before: Option<(usize, usize)>,
}

impl NewReno {
    pub(super) fn new(packet: usize) -> NewReno {
        NewReno {
            packet,
            window: initial_window(packet),
            threshold: usize::MAX,
            partial: 0,
            before: None,
        }
    }

    fn reduce(&mut self, window: usize) {
        self.before = Some((self.window, self.threshold));
        self.threshold = (self.window / 2).max(4 * self.packet);
        self.window = window;
        self.partial = 0;
    }
}

impl Controller for NewReno {
    fn on_acked(&mut self, acked: Acked, _: &Path) {
        // RFC 9260 §7.2.1: only while the window is used.
        if acked.recovering || acked.in_flight + self.packet < self.window {
            return;
        }
        if self.window <= self.threshold {
            self.window += acked.bytes;
            return;
        }
        self.partial += acked.bytes;
        if self.partial >= self.window {
            self.partial -= self.window;
            self.window += self.packet;
        }
    }

    fn on_loss(&mut self, _: Lost, _: &Path) -> bool {
        self.reduce(0);
        self.window = self.threshold;
        true
    }

    fn on_timeout(&mut self, _: Instant, _: &Path) {
        self.reduce(self.packet);
    }

    fn on_spurious_loss(&mut self) {
        if let Some((window, threshold)) = self.before.take() {
            self.window = self.window.max(window);
            self.threshold = threshold;
        }
    }

    fn window(&self, _: &Path) -> usize {
        self.window
    }

    fn target(&self) -> Option<usize> {
        Some(self.threshold)
    }

    fn pace(&self, path: &Path) -> Option<f64> {
        pace(path, self.window, self.window < self.threshold)
    }
}
