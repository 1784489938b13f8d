//! An endpoint between its start and its end: dimpl, and what we do not leave to it.

mod admission;
mod ending;
mod hello;
mod outputs;
mod pace;

use std::time::{Duration, Instant};

use bytes::Bytes;

use self::hello::Hello;
use self::pace::Pace;
use super::early::EarlyBuffer;
use super::engine::{self, Verdict};
use super::inbox::Inbox;
use super::reassembly::Reassembly;
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
    /// That of the peer's first datagram, then the handshake's, and then that of the peer's
    /// acceptance.
    deadline: Instant,
    /// Something of a handshake has come.
    heard: bool,
    pace: Pace,
    /// Datagrams of a server's flight that came before its ServerHello.
    ahead: EarlyBuffer,
    reassembly: Reassembly,
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
    /// What the hellos have used up that dimpl knows nothing of.
    shift_by_repeats: u64,
    hello: Hello,
    /// A fatal alert that anybody could have sent, and when it is believed.
    alert: Option<(AlertDescription, Instant)>,
}

/// What the handshake has brought to light.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) version: Option<Version>,
    pub(super) cipher_suite: Option<u16>,
    pub(super) peer_certificate: Option<Bytes>,
    pub(super) srtp: Option<SrtpKeyingMaterial>,
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
            deadline: now + config.silence_timeout.min(engine::NEVER),
            heard: false,
            pace: Pace::new(config.handshake_timeout),
            ahead: EarlyBuffer::new(config.early_buffer),
            reassembly: Reassembly::default(),
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
            shift_by_repeats: 0,
            hello: Hello::default(),
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
        let ours = crate::timer::earlier(
            ours,
            self.alert.filter(|_| !self.connected).map(|(_, at)| at),
        );
        let ours = crate::timer::earlier(ours, self.hello.timeout());
        crate::timer::earlier(ours, self.pace.timeout())
    }

    /// Tells dimpl the time, and sends what is due.
    pub(super) fn advance(&mut self, now: Instant, out: &mut Out<'_>) -> Result<(), End> {
        if let Some((alert, at)) = self.alert
            && at <= now
            && !self.connected
        {
            return Err(self.fail(FailureReason::from_alert(alert)));
        }
        if now >= self.deadline && !self.connected {
            return Err(self.fail(FailureReason::HandshakeTimeout));
        }
        if now >= self.deadline && self.awaits_acceptance() {
            return Err(self.fail(FailureReason::PeerRejected));
        }
        let pause = self.pace.longest();
        if self.repeat_hello(now, pause, out) {
            return Ok(());
        }
        let resend = crate::timer::due(self.pace.timeout(), now);
        self.pace.advance(now);
        if let Err(error) = self.tell_time(now) {
            return Err(self.timed_out(&error));
        }
        let sent = out.counters.datagrams_sent;
        self.hello_begins();
        self.drain_sent(self.space_for_output(), out)?;
        self.take_over_hello(now, pause);
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
        self.reassemble(datagram, out)?;
        if self.facts.cipher_suite.is_some() {
            for datagram in self.ahead.take() {
                self.reassemble(&datagram, out)?;
            }
        }
        Ok(())
    }

    /// Feeds messages instead of fragments once the hellos are through: those stand alone, and
    /// nobody has been believed when they come.
    fn reassemble(&mut self, datagram: &[u8], out: &mut Out<'_>) -> Result<(), End> {
        if self.connected {
            return self.feed(datagram, out);
        }
        self.handshake_bytes += datagram.len();
        if self.facts.cipher_suite.is_none() {
            return self.feed(datagram, out);
        }
        for datagram in self.reassembly.take(datagram) {
            self.feed(&datagram, out)?;
        }
        if self.connected {
            self.reassembly = Reassembly::default();
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
        if was_connected
            && self.role == Role::Server
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

    /// Takes note of a datagram of the handshake, and numbers its records.
    fn note_sent(&mut self, packet: &mut [u8]) {
        if self.connected {
            return;
        }
        // dimpl repeats the first hello of a client of both versions under the number of the first
        // one. Peers take that for a replay (RFC 6347 §4.1.2.6), and some then wait for ever.
        if self.role == Role::Client && engine::version(&self.dtls).is_none() {
            self.shift = self.shift_by_repeats + u64::from(self.hellos);
            self.hellos += 1;
        }
        shift_plaintext_sequence(packet, self.shift);
        self.answered = true;
        let summary = Summary::of(packet);
        if let Some(sequence) = summary.plaintext_sequence {
            self.plaintext_sequence = self.plaintext_sequence.max(sequence);
        }
        self.facts.cipher_suite = summary.server_hello.or(self.facts.cipher_suite);
        self.keep_hello(packet);
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
