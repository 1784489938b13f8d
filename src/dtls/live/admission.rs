//! Which datagrams dimpl is to see.

use std::time::Duration;

use super::super::record::{ClientHello, Summary};
use super::super::{AlertDescription, Counters, Role, engine};
use super::Live;

/// All that a handshake may feed to dimpl: many times what any handshake needs, resends included.
/// It also bounds the size of a certificate, which dimpl hands out in one piece.
const MAX_HANDSHAKE_BYTES: usize = 256 * 1_024;

/// How long a handshake goes on after a fatal alert that nobody vouches for: longer than a round
/// trip and a retransmission, and short enough for people.
const ALERT_PATIENCE: Duration = Duration::from_millis(500);

impl Live {
    /// Whether dimpl is to see a datagram. After establishment that is only what can be authentic,
    /// and before the peer's hello only what can be one.
    pub(super) fn admit(&mut self, datagram: &[u8], counters: &mut Counters) -> bool {
        let summary = Summary::of(datagram);
        if summary.malformed {
            counters.malformed += 1;
            return false;
        }
        if self.connected {
            return self.admit_connected(&summary, counters);
        }
        self.note_heard(&summary);
        if self.handshake_bytes + datagram.len() > MAX_HANDSHAKE_BYTES {
            counters.unexpected += 1;
            return false;
        }
        let admitted = if self.facts.cipher_suite.is_some() {
            if self.role == Role::Client {
                self.facts.cipher_suite = summary.server_hello.or(self.facts.cipher_suite);
            }
            true
        } else if self.role == Role::Server {
            if summary.client_hello == Some(ClientHello::Complete) && !self.answered {
                // What came before it may be spoofed, and would stand in dimpl's way for ever.
                self.refresh();
            }
            summary.client_hello.is_some()
        } else if summary.server_hello.is_some() || summary.hello_verify_request {
            self.facts.cipher_suite = summary.server_hello;
            true
        } else if summary.handshake || summary.protected {
            // The flight is out of order; dimpl would forget what precedes the ServerHello.
            if self.ahead.hold(datagram) {
                counters.early_held += 1;
            } else {
                counters.early_dropped += 1;
            }
            return false;
        } else {
            false
        };
        if !admitted {
            counters.unexpected += 1;
        }
        admitted
    }

    /// The peer is there, or wants no more: a fatal alert is believed when nothing else follows
    /// it, since anybody can send one. A peer that did not send it goes on with the handshake.
    fn note_heard(&mut self, summary: &Summary) {
        let goes_on = summary.handshake || summary.protected;
        if !self.heard && (goes_on || summary.fatal_alert.is_some()) {
            self.heard = true;
            self.end_hello();
            self.deadline = self.now + self.config.handshake_timeout.min(engine::NEVER);
        }
        if goes_on {
            self.alert = None;
        } else if let (Some(alert), None) = (summary.fatal_alert, self.alert) {
            self.alert = Some((AlertDescription(alert), self.now + ALERT_PATIENCE));
        }
    }

    fn admit_connected(&self, summary: &Summary, counters: &mut Counters) -> bool {
        // RFC 6347 §4.2.4: the peer resends its last flight until it has seen ours.
        if summary.protected || (summary.handshake && !self.accepted) {
            return true;
        }
        if summary.wrong_epoch {
            counters.wrong_epoch += 1;
        } else {
            counters.plaintext += 1;
        }
        false
    }

    /// Nobody has been believed yet, so nothing is lost; what confused the engine may be spoofed.
    pub(super) fn start_over(&mut self, counters: &mut Counters) {
        counters.unexpected += 1;
        if self.role == Role::Server && !self.answered {
            self.refresh();
        }
    }

    /// A server as it was when nobody had said anything.
    fn refresh(&mut self) {
        let now = self.pace.shown(self.now);
        if self.handshake_bytes > 0
            && let Ok(mut fresh) = engine::start(&self.config, &self.certificate, self.role, now)
            && fresh.handle_timeout(now).is_ok()
        {
            self.dtls = fresh;
        }
    }
}
