//! What comes out of dimpl.

use bytes::Bytes;
use dimpl::Output;

use super::super::{Counters, FailureReason, Role, Version, engine};
use super::{End, Live, OUTPUT_SPACE, Out, SHORT_OUTPUT};

/// One output of dimpl, as far as its bytes go.
enum Step {
    Packet(usize),
    Data(usize),
    Grow(usize),
    More,
    Idle,
    End(End),
}

impl Live {
    /// Takes all outputs after a datagram: plaintext goes straight to where it stays.
    pub(super) fn drain_received(&mut self, datagram: usize, out: &mut Out<'_>) -> Result<(), End> {
        // Once connected it is the plaintext of the datagram, or something short.
        let mut capacity = match self.connected {
            true => datagram.max(SHORT_OUTPUT),
            false => self.space_for_output().max(datagram),
        };
        loop {
            let output = self.dtls.poll_output(out.inbox.space(capacity));
            match self.step(output, out.counters) {
                Step::Packet(len) => {
                    let packet = &mut out.inbox.space(capacity)[..len];
                    self.note_sent(packet);
                    out.packets.push(packet);
                }
                Step::Data(len) => {
                    self.announce(out.inbox);
                    out.inbox.commit(len);
                }
                Step::Grow(needed) => capacity = capacity.max(needed),
                Step::More => {}
                Step::Idle => break,
                Step::End(end) => return Err(self.finish(end, out)),
            }
        }
        self.announce(out.inbox);
        Ok(())
    }

    /// Takes all outputs after something of ours, of about `capacity` bytes: records go straight
    /// to the batch that is sent.
    pub(super) fn drain_sent(&mut self, mut capacity: usize, out: &mut Out<'_>) -> Result<(), End> {
        loop {
            let mut step = Step::Idle;
            out.packets.push_with(capacity, |space| {
                let output = self.dtls.poll_output(&mut *space);
                step = self.step(output, out.counters);
                match step {
                    Step::Packet(len) => {
                        self.note_sent(&mut space[..len]);
                        Some(len)
                    }
                    Step::Data(len) => {
                        out.inbox.push_data(&space[..len]);
                        None
                    }
                    _ => None,
                }
            });
            match step {
                Step::Packet(_) | Step::Data(_) | Step::More => {}
                Step::Grow(needed) => capacity = capacity.max(needed),
                Step::Idle => break,
                Step::End(end) => return Err(self.finish(end, out)),
            }
        }
        self.announce(out.inbox);
        Ok(())
    }

    /// dimpl panics when the peer's certificate does not fit; it is smaller than all that came.
    pub(super) fn space_for_output(&self) -> usize {
        let handshake = if self.connected {
            0
        } else {
            self.handshake_bytes
        };
        self.config
            .effective_mtu()
            .max(if self.connected { 0 } else { OUTPUT_SPACE })
            + handshake
    }

    /// Takes note of one output.
    fn step(&mut self, output: Output<'_>, counters: &mut Counters) -> Step {
        match output {
            Output::Packet(packet) => {
                counters.datagrams_sent += 1;
                counters.bytes_sent += packet.len() as u64;
                Step::Packet(packet.len())
            }
            Output::ApplicationData(_) if !self.connected => {
                // Not before Connected, and never without a certificate that we believe.
                Step::End(End::Failed(FailureReason::Engine, None))
            }
            Output::ApplicationData(data) => {
                counters.records_received += 1;
                self.data_received = true;
                self.accepted = true;
                Step::Data(data.len())
            }
            Output::PeerCert(der) => {
                if self.remote.matches(der) {
                    self.facts.peer_certificate = Some(Bytes::copy_from_slice(der));
                    Step::More
                } else {
                    Step::End(End::Failed(FailureReason::FingerprintMismatch, None))
                }
            }
            Output::Connected if self.facts.peer_certificate.is_none() => {
                Step::End(End::Failed(FailureReason::NoPeerCertificate, None))
            }
            Output::Connected => {
                self.connected = true;
                self.announce = true;
                self.facts.version = engine::version(&self.dtls);
                // All but a client of DTLS 1.3 have already seen the peer accept them.
                self.accepted =
                    self.role == Role::Client && self.facts.version == Some(Version::Dtls12);
                Step::More
            }
            Output::KeyingMaterial(material, profile) => {
                self.facts.srtp = engine::srtp(&material, profile)
                    .filter(|srtp| self.config.srtp_profiles.contains(&srtp.profile()));
                Step::More
            }
            Output::CloseNotify => Step::End(End::Closed),
            Output::BufferTooSmall { needed } => Step::Grow(needed),
            Output::Timeout(at) => {
                let handshake = !self.connected || self.awaits_acceptance();
                self.pace.set(at, self.now, handshake);
                Step::Idle
            }
            _ => Step::More,
        }
    }
}
