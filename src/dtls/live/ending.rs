//! How a connection ends, and what the peer is told.

use bytes::Bytes;
use dimpl::Output;

use super::super::engine::{self, Verdict};
use super::super::{FailureReason, Role, Version};
use super::{End, Live, OUTPUT_SPACE, Out};

/// How many outputs are discarded after a mismatch, or flushed at a close.
const MAX_OUTPUTS: usize = 64;

impl Live {
    /// Sends close_notify, if there are keys for it.
    pub(in super::super) fn close(&mut self, out: &mut Out<'_>) {
        if self.dtls.close().is_ok() {
            self.flush_packets(out);
        }
    }

    /// Finishes a drain that came upon the end.
    pub(super) fn finish(&mut self, end: End, out: &mut Out<'_>) -> End {
        match end {
            End::Closed => {
                self.announce(out.inbox);
                self.close(out);
                let refused = self.role == Role::Client
                    && self.facts.version == Some(Version::Dtls13)
                    && !self.data_received
                    && self.now < self.deadline;
                if refused {
                    self.fail(FailureReason::PeerRejected)
                } else {
                    End::Closed
                }
            }
            End::Failed(reason, _) => self.refuse_with(reason, out),
        }
    }

    pub(super) fn refuse(&mut self, error: &dimpl::Error) -> End {
        match engine::judge(error) {
            Verdict::Fatal(reason) => self.fail(reason),
            Verdict::Ignore | Verdict::Renegotiation => self.fail(FailureReason::Engine),
        }
    }

    pub(super) fn timed_out(&mut self, error: &dimpl::Error) -> End {
        match engine::judge(error) {
            Verdict::Fatal(FailureReason::HandshakeTimeout) if self.awaits_acceptance() => {
                self.fail(FailureReason::PeerRejected)
            }
            Verdict::Fatal(FailureReason::HandshakeTimeout) if self.connected => {
                self.fail(FailureReason::PeerTimeout)
            }
            _ => self.refuse(error),
        }
    }

    pub(super) fn fail(&mut self, reason: FailureReason) -> End {
        self.announce = false;
        End::Failed(reason, None)
    }

    /// Ends the connection because of what the peer is or did, and finds the words to tell it.
    pub(super) fn refuse_with(&mut self, reason: FailureReason, out: &mut Out<'_>) -> End {
        self.announce = false;
        let Some(alert) = reason.to_alert() else {
            return End::Failed(reason, None);
        };
        let last_word = match engine::version(&self.dtls) {
            // The peer's records are not protected for the handshake until its end, and it
            // believes a plaintext alert until then (RFC 5246 §7.2.2).
            Some(Version::Dtls12) if !self.connected => {
                let record = alert.to_plaintext_record(self.plaintext_sequence + 1);
                Some(Bytes::copy_from_slice(&record))
            }
            // A client of DTLS 1.3 takes itself for connected when the server comes to see its
            // certificate; what it understands is a close (RFC 8446 §6.1).
            Some(Version::Dtls13) if self.role == Role::Server && !self.connected => {
                self.close_unbelieved(reason)
            }
            _ => None,
        };
        if let Some(datagram) = &last_word {
            out.counters.datagrams_sent += 1;
            out.counters.bytes_sent += datagram.len() as u64;
            out.packets.push(datagram);
        }
        End::Failed(reason, last_word)
    }

    /// dimpl's own alert to a peer without certificate. For one with a wrong certificate a
    /// close_notify, for which dimpl has keys if the peer's flight was complete; whatever else it
    /// has to say is discarded unseen.
    fn close_unbelieved(&mut self, reason: FailureReason) -> Option<Bytes> {
        let mut space = vec![0; OUTPUT_SPACE + self.handshake_bytes];
        if reason != FailureReason::NoPeerCertificate {
            for _ in 0..MAX_OUTPUTS {
                if matches!(self.dtls.poll_output(&mut space), Output::Timeout(_)) {
                    break;
                }
            }
            self.dtls.close().ok()?;
        }
        match self.dtls.poll_output(&mut space) {
            Output::Packet(packet) => Some(Bytes::copy_from_slice(packet)),
            _ => None,
        }
    }

    /// Sends what packets dimpl has, and nothing else.
    fn flush_packets(&mut self, out: &mut Out<'_>) {
        let capacity = self.space_for_output();
        for _ in 0..MAX_OUTPUTS {
            let mut sent = false;
            out.packets
                .push_with(capacity, |space| match self.dtls.poll_output(space) {
                    Output::Packet(packet) => {
                        sent = true;
                        out.counters.datagrams_sent += 1;
                        out.counters.bytes_sent += packet.len() as u64;
                        Some(packet.len())
                    }
                    _ => None,
                });
            if !sent {
                return;
            }
        }
    }
}
