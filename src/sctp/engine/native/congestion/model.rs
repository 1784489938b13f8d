//! A model of the path instead of its losses, as BBR has one: what it delivers and how long it
//! takes without a queue say how much belongs on it.

use std::time::Instant;

use super::{Acked, Controller, Lost, initial_window, paced_by};
use crate::sctp::engine::path::Path;

/// The pace, in what the path delivers when it is known, and in windows a round trip before.
const FILLED: f64 = 1.25;
const FILLING: f64 = 1.6;

/// The model itself is measured whatever the controller is; here is how it begins.
#[derive(Debug)]
pub(super) struct Model {
    packet: usize,
    /// At the beginning, and after a timeout, when the path may be another one, it is tried as in
    /// slow start, up to the model.
    restart: Option<usize>,
    before: Option<usize>,
}

impl Model {
    pub(super) fn new(packet: usize) -> Model {
        Model {
            packet,
            restart: Some(initial_window(packet)),
            before: None,
        }
    }
}

impl Controller for Model {
    fn on_acked(&mut self, acked: Acked, path: &Path) {
        if let Some(window) = &mut self.restart {
            *window += acked.bytes;
            if *window >= path.limit().bytes as usize {
                self.restart = None;
            }
        }
    }

    fn on_loss(&mut self, _: Lost, _: &Path) -> bool {
        false
    }

    fn on_timeout(&mut self, _: Instant, _: &Path) {
        self.before = self.restart;
        self.restart = Some(2 * self.packet);
    }

    fn on_spurious_loss(&mut self) {
        self.restart = self.before;
    }

    fn window(&self, path: &Path) -> usize {
        let model = path.limit().bytes as usize;
        self.restart.map_or(model, |window| window.min(model))
    }

    fn target(&self) -> Option<usize> {
        None
    }

    fn pace(&self, path: &Path) -> Option<f64> {
        if path.is_filled() && self.restart.is_none() {
            // What is measured, and a little more, so that it is seen when there is more.
            return paced_by(path).map(|_| FILLED * path.delivery_rate());
        }
        Some(FILLING * self.window(path) as f64 / paced_by(path)?)
    }
}
