//! An endpoint between its start and its end: dimpl, and what we do not leave to it.

mod admission;
mod ending;
mod pace;

use std::time::{Duration, Instant};

use bytes::Bytes;
use dimpl::Output;

use self::pace::Pace;
use super::early::EarlyBuffer;
use super::engine::{self, Verdict};
use super::inbox::Inbox;
use super::record::{MAX_RECORD_OVERHEAD, Summary, shift_plaintext_sequence};
use super::{
    AlertDescription, Certificate, Config, Counters, Event, FailureReason, FingerprintSet, Role,
    SrtpKeyingMaterial, StartError, Version,
};
use crate::net::Coalescer;

/// Space for an output of dimpl beyond what the peer's messages need.
const OUTPUT_SPACE: usize = 2_048;

/// Space for what dimpl says of its own accord once it is connected; it asks for more.
const SHORT_OUTPUT: usize = 128;

/// How exactly dimpl knows the time once it is connected: it only compares it with timers that are
/// far off, and to be told costs it as much as half a record.
const CLOCK_STEP: Duration = Duration::from_millis(1);

/// Why an endpoint is over.
#[derive(Debug)]
pub(super) enum End {
    /// By close_notify of the peer.
    Closed,
    /// With what the peer is to be told, if it can be told anything.
    Failed(FailureReason, Option<Bytes>),
}

/// Where outputs go.
pub(super) struct Out<'a> {
    pub(super) inbox: &'a mut Inbox,
    pub(super) packets: &'a mut Coalescer,
    pub(super) counters: &'a mut Counters,
}

/// A handshake, or an established connection.
pub(super) struct Live {
    dtls: dimpl::Dtls,
    role: Role,
    remote: FingerprintSet,
    config: Config,
    certificate: Certificate,
    /// The time that dimpl was told last.
    now: Instant,
    /// The handshake's, and then that of the peer's acceptance.
    deadline: Instant,
    pace: Pace,
    /// Datagrams of a server's flight that came before its ServerHello.
    ahead: EarlyBuffer,
    handshake_bytes: usize,
    facts: Facts,
    /// Connected was taken from dimpl, and is announced at the end of the drain.
    announce: bool,
    connected: bool,
    /// The peer has shown that it believes us: DTLS 1.3 completes a client's handshake before the
    /// server has seen its certificate.
    accepted: bool,
    data_received: bool,
    /// Something was sent.
    answered: bool,
    plaintext_sequence: u64,
    /// Hellos sent before the version was known, and what their repetition adds to the numbers of
    /// later records.
    hellos: u32,
    shift: u64,
    alert: Option<AlertDescription>,
}

/// What the handshake has brought to light.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) version: Option<Version>,
    pub(super) cipher_suite: Option<u16>,
    pub(super) peer_certificate: Option<Bytes>,
    pub(super) srtp: Option<SrtpKeyingMaterial>,
}

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
    pub(super) fn start(
        config: Config,
        certificate: Certificate,
        role: Role,
        remote: FingerprintSet,
        now: Instant,
    ) -> Result<Live, StartError> {
        let dtls = engine::start(&config, &certificate, role, now)?;
        Ok(Live {
            dtls,
            role,
            remote,
            now,
            deadline: now + config.handshake_timeout.min(engine::NEVER),
            pace: Pace::new(config.handshake_timeout),
            ahead: EarlyBuffer::new(config.early_buffer),
            handshake_bytes: 0,
            facts: Facts::default(),
            announce: false,
            connected: false,
            accepted: false,
            data_received: false,
            answered: false,
            plaintext_sequence: 0,
            hellos: 0,
            shift: 0,
            alert: None,
            config,
            certificate,
        })
    }

    pub(super) fn connected(&self) -> bool {
        self.connected
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn remote(&self) -> &FingerprintSet {
        &self.remote
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn into_facts(self) -> Facts {
        self.facts
    }

    /// The next deadline of ours or of dimpl.
    pub(super) fn timeout(&self) -> Option<Instant> {
        let ours = (!self.connected || self.awaits_acceptance()).then_some(self.deadline);
        crate::timer::earlier(ours, self.pace.timeout())
    }

    /// Tells dimpl the time, and sends what is due.
    pub(super) fn advance(&mut self, now: Instant, out: &mut Out<'_>) -> Result<(), End> {
        if now >= self.deadline && !self.connected {
            let reason = self
                .alert
                .map_or(FailureReason::HandshakeTimeout, FailureReason::from_alert);
            return Err(self.fail(reason));
        }
        if now >= self.deadline && self.awaits_acceptance() {
            return Err(self.fail(FailureReason::PeerRejected));
        }
        let resend = crate::timer::due(self.pace.timeout(), now);
        self.pace.advance(now);
        if let Err(error) = self.tell_time(now) {
            return Err(self.timed_out(&error));
        }
        let sent = out.counters.datagrams_sent;
        self.drain_sent(self.space_for_output(), out)?;
        if resend && out.counters.datagrams_sent > sent {
            out.counters.retransmissions += 1;
        }
        Ok(())
    }

    /// One datagram of the peer, or of somebody who poses as the peer.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        datagram: &[u8],
        out: &mut Out<'_>,
    ) -> Result<(), End> {
        let step = match self.connected {
            true => CLOCK_STEP,
            false => Duration::ZERO,
        };
        if now > self.now + step
            && let Err(error) = self.tell_time(now)
        {
            return Err(self.timed_out(&error));
        }
        if !self.admit(datagram, out.counters) {
            return Ok(());
        }
        self.feed(datagram, out)?;
        if self.facts.cipher_suite.is_some() {
            for datagram in self.ahead.take() {
                self.feed(&datagram, out)?;
            }
        }
        Ok(())
    }

    pub(super) fn send(&mut self, payload: &[u8], out: &mut Out<'_>) -> Result<bool, End> {
        match self.dtls.send_application_data(payload) {
            Ok(accepted) if accepted == payload.len() => {}
            Ok(_) | Err(dimpl::Error::TransmitQueueFull) => {
                self.drain_sent(self.space_for_output(), out)?;
                return Ok(false);
            }
            Err(error) => return Err(self.refuse(&error)),
        }
        out.counters.records_sent += 1;
        self.drain_sent(payload.len() + MAX_RECORD_OVERHEAD, out)?;
        Ok(true)
    }

    fn tell_time(&mut self, now: Instant) -> Result<(), dimpl::Error> {
        self.now = now;
        self.dtls.handle_timeout(self.pace.shown(now))
    }

    fn feed(&mut self, datagram: &[u8], out: &mut Out<'_>) -> Result<(), End> {
        let before = (out.counters.records_received, out.counters.datagrams_sent);
        let was_connected = self.connected;
        let mut counted = false;
        if !was_connected {
            self.handshake_bytes += datagram.len();
        } else if self.role == Role::Server
            && !self.accepted
            && self.pace.repeat(self.now)
            && let Err(error) = self.tell_time(self.now)
        {
            return Err(self.timed_out(&error));
        }
        if let Err(error) = self.dtls.handle_packet(datagram) {
            match engine::judge(&error) {
                Verdict::Fatal(_)
                    if self.facts.cipher_suite.is_none() && !engine::of_proven_client(&error) =>
                {
                    self.start_over(out.counters);
                }
                Verdict::Fatal(reason) => return Err(self.refuse_with(reason, out)),
                Verdict::Ignore => out.counters.unexpected += 1,
                Verdict::Renegotiation => out.counters.renegotiations += 1,
            }
            counted = true;
        }
        self.drain_received(datagram.len(), out)?;
        let after = (out.counters.records_received, out.counters.datagrams_sent);
        if self.awaits_acceptance() && self.pace.timeout().is_none() {
            // RFC 9147 §7: nothing is left to be resent, so our last flight was acknowledged.
            self.accepted = true;
        } else if was_connected && !counted && before == after {
            out.counters.rejected += 1;
        }
        Ok(())
    }

    /// Takes all outputs after a datagram: plaintext goes straight to where it stays.
    fn drain_received(&mut self, datagram: usize, out: &mut Out<'_>) -> Result<(), End> {
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
    fn drain_sent(&mut self, mut capacity: usize, out: &mut Out<'_>) -> Result<(), End> {
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
    fn space_for_output(&self) -> usize {
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

    /// Takes note of a datagram of the handshake, and numbers its records.
    fn note_sent(&mut self, packet: &mut [u8]) {
        if self.connected {
            return;
        }
        // dimpl repeats the first hello of a client of both versions under the number of the first
        // one. Peers take that for a replay (RFC 6347 §4.1.2.6), and some then wait for ever.
        if self.role == Role::Client && engine::version(&self.dtls).is_none() {
            self.shift = u64::from(self.hellos);
            self.hellos += 1;
        }
        shift_plaintext_sequence(packet, self.shift);
        self.answered = true;
        let summary = Summary::of(packet);
        if let Some(sequence) = summary.plaintext_sequence {
            self.plaintext_sequence = self.plaintext_sequence.max(sequence);
        }
        self.facts.cipher_suite = summary.server_hello.or(self.facts.cipher_suite);
    }

    fn announce(&mut self, inbox: &mut Inbox) {
        if std::mem::take(&mut self.announce) {
            inbox.push(Event::Connected);
        }
    }

    fn awaits_acceptance(&self) -> bool {
        self.connected
            && !self.accepted
            && self.role == Role::Client
            && self.facts.version == Some(Version::Dtls13)
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("role", &self.role)
            .field("connected", &self.connected)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
