//! What the tasks of webrtc-dtls have produced, and how a connection ends.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::super::link::Output;
use super::{Over, Phase, WebRtcEndpoint};
use crate::proto::dtls::record::Summary;
use crate::proto::dtls::{Event, FailureReason, Rejection, State};

impl WebRtcEndpoint {
    /// Takes what the tasks have produced.
    pub(super) fn pull(&mut self) {
        loop {
            let driver = match &mut self.phase {
                Phase::Live(live) => &mut live.driver,
                Phase::Over(Over {
                    closing: Some(driver),
                    ..
                }) => driver,
                Phase::New(_) | Phase::Over(_) => return,
            };
            match driver.outputs.next() {
                Ok(Some(output)) => self.take(output),
                Ok(None) => break,
                // The task ended without a word: it has panicked.
                Err(()) => self.take(Output::Failed(FailureReason::Engine)),
            }
        }
        self.collect_counters();
    }

    fn take(&mut self, output: Output) {
        let live = match &mut self.phase {
            Phase::Live(live) => live,
            Phase::Over(over) => {
                match output {
                    Output::Packet(packet) => self.push_packet(&packet),
                    Output::Flushed | Output::Failed(_) => over.closing = None,
                    Output::Connected(_) | Output::Data(_) | Output::Closed => {}
                }
                return;
            }
            Phase::New(_) => return,
        };
        match output {
            Output::Packet(packet) => {
                if live.established.is_none() && Summary::of(&packet).fatal_alert.is_some() {
                    self.last_alert = Some(Bytes::copy_from_slice(&packet));
                }
                self.push_packet(&packet);
            }
            Output::Connected(established) => {
                live.established = Some(established);
                self.events.push_back(Event::Connected);
            }
            Output::Data(data) => {
                self.counters.records_received += 1;
                self.events.push_back(Event::ApplicationData(data));
            }
            Output::Closed => {
                self.end(State::Closed, None);
                self.events.push_back(Event::Closed);
            }
            Output::Failed(reason) => self.fail(reason),
            Output::Flushed => self.fail(FailureReason::Engine),
        }
    }

    pub(super) fn push_packet(&mut self, packet: &[u8]) {
        self.counters.datagrams_sent += 1;
        self.counters.bytes_sent += packet.len() as u64;
        self.packets.push(packet);
    }

    pub(super) fn fail(&mut self, reason: FailureReason) {
        let rejection = self.last_alert.take().map(Rejection::new);
        self.end(State::Failed, rejection);
        self.events.push_back(Event::Failed(reason));
    }

    pub(super) fn end(&mut self, state: State, rejection: Option<Rejection>) {
        self.collect_counters();
        let over = Over {
            state,
            role: None,
            established: None,
            rejection,
            closing: None,
        };
        match std::mem::replace(&mut self.phase, Phase::Over(over)) {
            Phase::New(_) => {}
            over @ Phase::Over(_) => self.phase = over,
            Phase::Live(mut live) => {
                let Phase::Over(over) = &mut self.phase else {
                    return;
                };
                over.role = Some(live.role);
                if state == State::Closed && live.established.is_some() {
                    over.established = live.established;
                    // Without more payloads to come the task sends its close_notify and ends.
                    live.driver.payloads = None;
                    over.closing = Some(live.driver);
                }
            }
        }
    }

    /// Adds what the guard has counted.
    fn collect_counters(&mut self) {
        let driver = match &self.phase {
            Phase::Live(live) => &live.driver,
            Phase::Over(Over {
                closing: Some(driver),
                ..
            }) => driver,
            Phase::New(_) | Phase::Over(_) => return,
        };
        let shared = &driver.shared;
        let taken = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        self.counters.malformed += taken(&shared.malformed);
        self.counters.unexpected += taken(&shared.unexpected);
        self.counters.plaintext += taken(&shared.plaintext);
        self.counters.wrong_epoch += taken(&shared.wrong_epoch);
        self.counters.retransmissions += taken(&shared.retransmissions);
        if driver.inbound.capacity() == driver.inbound.max_capacity() {
            // All that passed was opened by now, or is none of the peer's.
            let passed = shared.passed.load(Ordering::Relaxed);
            let rejected = passed.saturating_sub(self.counters.records_received);
            self.counters.rejected = self.counters.rejected.max(rejected);
        }
    }
}
