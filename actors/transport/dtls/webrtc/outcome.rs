//! What the tasks of webrtc-dtls have produced, and how a connection ends.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use proto::dtls::record::Summary;
use proto::dtls::{Event, FailureReason, Rejection, State};

use super::link::Output;
use super::records::ALERT;
use super::sealer::Sealer;
use super::{Live, Over, Phase, WebRtcEndpoint};

impl WebRtcEndpoint {
    /// Takes what the tasks have produced.
    pub(super) fn pull(&mut self) {
        loop {
            let Phase::Live(live) = &mut self.phase else {
                return;
            };
            match live.driver.outputs.next() {
                Ok(Some(output)) => self.take(output),
                Ok(None) => break,
                // The task ended without a word: it has panicked.
                Err(()) => self.take(Output::Failed(FailureReason::Engine)),
            }
        }
        self.collect_counters();
    }

    fn take(&mut self, output: Output) {
        let Phase::Live(live) = &mut self.phase else {
            return;
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
                // RFC 5246 §7.2.1: a close_notify is answered.
                self.close_and_end();
                self.events.push_back(Event::Closed);
            }
            Output::Failed(reason) => self.fail(reason),
        }
    }

    /// Seals one record into the batch that is sent.
    pub(super) fn seal(&mut self, content_type: u8, payload: &[u8]) -> bool {
        let Phase::Live(Live {
            established: Some(established),
            ..
        }) = &mut self.phase
        else {
            return false;
        };
        let mut sealed = None;
        self.packets
            .push_with(Sealer::space(payload.len()), |space| {
                sealed = established.sealer.seal(content_type, payload, space);
                sealed
            });
        if let Some(len) = sealed {
            self.counters.datagrams_sent += 1;
            self.counters.bytes_sent += len as u64;
        }
        sealed.is_some()
    }

    /// Says close_notify, if there are keys for it.
    pub(super) fn close_and_end(&mut self) {
        const CLOSE_NOTIFY: [u8; 2] = [1, 0];
        self.seal(ALERT, &CLOSE_NOTIFY);
        self.end(State::Closed, None);
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
        };
        match std::mem::replace(&mut self.phase, Phase::Over(over)) {
            Phase::New(_) => {}
            over @ Phase::Over(_) => self.phase = over,
            Phase::Live(live) => {
                let Phase::Over(over) = &mut self.phase else {
                    return;
                };
                over.role = Some(live.role);
                if state == State::Closed {
                    over.established = live.established;
                }
            }
        }
    }

    /// Adds what the guard has counted.
    fn collect_counters(&mut self) {
        let Phase::Live(Live { driver, .. }) = &self.phase else {
            return;
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
