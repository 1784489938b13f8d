//! How the association is set up: INIT, INIT ACK, COOKIE ECHO, COOKIE ACK (RFC 9260 §5).
//!
//! Both sides may send INIT at once, and in WebRTC usually do; the collision is resolved as in
//! RFC 9260 §5.2. sctp-proto has a handshake of its own, but it reads the clock, draws its tags
//! from a generator of its own, and its endpoint has no way to give the other side's INIT to an
//! association that it started itself. So the handshake is done here, and sctp-proto begins with
//! the association established.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::random::Random;
use crate::sctp::wire::init::{COOKIE_LIFETIME, Cookie, CookieKey, Offer, Parameters};
use crate::sctp::wire::packet::{
    self, Builder, CHUNK_HEADER_SIZE, HEADER_SIZE, Header, cause, kind,
};

/// A handshake, and after it the answers to packets of a handshake that come late.
#[derive(Debug)]
pub(in crate::sctp) struct Handshake {
    local: Parameters,
    ports: Ports,
    key: CookieKey,
    random: Random,
    rto: Rto,
    packet_size: usize,
    /// The zero of the times in cookies.
    epoch: Instant,
    state: State,
}

/// The SCTP ports of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) struct Ports {
    pub(in crate::sctp) local: u16,
    pub(in crate::sctp) remote: u16,
}

/// How long to wait for an answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::sctp) struct Rto {
    pub(in crate::sctp) initial: Duration,
    pub(in crate::sctp) max: Duration,
}

#[derive(Debug)]
enum State {
    /// INIT sent (RFC 9260: COOKIE-WAIT).
    CookieWait {
        timer: Timer,
    },
    /// COOKIE ECHO sent.
    CookieEchoed {
        peer: Parameters,
        cookie: Bytes,
        timer: Timer,
    },
    Established {
        peer: Parameters,
    },
}

/// T1-init or T1-cookie.
#[derive(Debug, Clone, Copy)]
struct Timer {
    due: Instant,
    rto: Duration,
}

/// What a packet of the handshake led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sctp) enum Progress {
    /// Nothing, or an answer was sent.
    None,
    /// The packet made no sense and was dropped.
    Ignored,
    /// The association is established with this peer.
    Established(Parameters),
    /// The peer began anew while the association was established (RFC 9260 §5.2.4, action A).
    Restarted,
}

impl Handshake {
    /// Sends INIT.
    pub(in crate::sctp) fn start(
        now: Instant,
        mut random: Random,
        offer: Offer,
        packet_size: usize,
        ports: Ports,
        rto: Rto,
        out: &mut impl Extend<Bytes>,
    ) -> Handshake {
        let handshake = Handshake {
            local: Parameters::generate(&mut random, offer),
            ports,
            key: CookieKey::generate(&mut random),
            random,
            rto,
            packet_size,
            epoch: now,
            state: State::CookieWait {
                timer: Timer::start(now, rto),
            },
        };
        handshake.send_init_or_cookie_echo(out);
        handshake
    }

    /// Our half of the association.
    pub(in crate::sctp) fn local(&self) -> &Parameters {
        &self.local
    }

    /// The peer's half, as soon as it is known.
    pub(in crate::sctp) fn peer(&self) -> Option<&Parameters> {
        match &self.state {
            State::CookieWait { .. } => None,
            State::CookieEchoed { peer, .. } | State::Established { peer } => Some(peer),
        }
    }

    /// Whether an ABORT or SHUTDOWN COMPLETE with these flags is the peer's (RFC 9260 §8.5.1 B, C):
    /// with the T bit it has the tag that we send, as a peer has to reflect it that knows of no
    /// association.
    pub(in crate::sctp) fn may_end(&self, header: Header, flags: u8) -> bool {
        let local = Some(self.local.initiate_tag);
        let peer = self.peer().map(|peer| peer.initiate_tag);
        let expected = if flags & 1 == 0 { local } else { peer };
        expected == Some(header.verification_tag)
    }

    pub(in crate::sctp) fn ports(&self) -> Ports {
        self.ports
    }

    pub(in crate::sctp) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::CookieWait { timer } | State::CookieEchoed { timer, .. } => Some(timer.due),
            State::Established { .. } => None,
        }
    }

    /// RFC 9260 §6.3.3, and §5.1 without its limit: the association's own deadline ends it.
    pub(in crate::sctp) fn handle_timeout(&mut self, now: Instant, out: &mut impl Extend<Bytes>) {
        let (State::CookieWait { timer } | State::CookieEchoed { timer, .. }) = &mut self.state
        else {
            return;
        };
        if timer.expire(now, self.rto.max) {
            self.send_init_or_cookie_echo(out);
        }
    }

    /// An INIT chunk, at any time: RFC 9260 §5.1, §5.2.1, §5.2.2.
    pub(in crate::sctp) fn handle_init(
        &mut self,
        now: Instant,
        value: &[u8],
        out: &mut impl Extend<Bytes>,
    ) -> Progress {
        let Some((peer, _)) = Parameters::decode(value) else {
            return Progress::Ignored;
        };
        let (local, tie_tags) = match &self.state {
            // §5.2.1: the same parameters as in our own INIT, the tag unchanged.
            State::CookieWait { .. } | State::CookieEchoed { .. } => (self.local, (0, 0)),
            // A copy of the INIT that the association began with: its answer did arrive.
            State::Established { peer: known } if known.initiate_tag == peer.initiate_tag => {
                return Progress::Ignored;
            }
            // §5.2.2: a new tag and the tie tags; the association itself is not touched.
            State::Established { peer: known } => {
                let fresh = self.local.renewed(&mut self.random);
                (fresh, (self.local.initiate_tag, known.initiate_tag))
            }
        };
        if local.initiate_tag == peer.initiate_tag {
            // sctp-proto tells packets apart by the tag; the peer draws another after a while.
            return Progress::Ignored;
        }
        let issued = now.saturating_duration_since(self.epoch);
        let cookie = self.key.seal(&Cookie {
            local,
            peer,
            tie_tags,
            issued,
        });
        let packet = self.packet(peer.initiate_tag);
        out.extend([packet
            .chunk(kind::INIT_ACK, 0, &local.encode(Some(&cookie)))
            .finish()]);
        Progress::None
    }

    /// An INIT ACK chunk (RFC 9260 §5.1 C, §5.2.3).
    pub(in crate::sctp) fn handle_init_ack(
        &mut self,
        now: Instant,
        header: Header,
        value: &[u8],
        out: &mut impl Extend<Bytes>,
    ) -> Progress {
        // §8.5.1, §5.2.3: only when it is awaited.
        if header.verification_tag != self.local.initiate_tag
            || !matches!(self.state, State::CookieWait { .. })
        {
            return Progress::Ignored;
        }
        let Some((peer, Some(cookie))) = Parameters::decode(value) else {
            return Progress::Ignored;
        };
        // It could not be sent back.
        if HEADER_SIZE + CHUNK_HEADER_SIZE + cookie.len() > self.packet_size {
            return Progress::Ignored;
        }
        let cookie = Bytes::copy_from_slice(cookie);
        self.state = State::CookieEchoed {
            peer,
            cookie,
            timer: Timer::start(now, self.rto),
        };
        self.send_init_or_cookie_echo(out);
        Progress::None
    }

    /// A COOKIE ECHO chunk (RFC 9260 §5.1.5, §5.2.4).
    pub(in crate::sctp) fn handle_cookie_echo(
        &mut self,
        now: Instant,
        header: Header,
        value: &[u8],
        out: &mut impl Extend<Bytes>,
    ) -> Progress {
        let Some(cookie) = self.key.open(value) else {
            return Progress::Ignored;
        };
        if header.verification_tag != cookie.local.initiate_tag {
            return Progress::Ignored;
        }
        let ours = cookie.local.initiate_tag == self.local.initiate_tag;
        let age = now
            .saturating_duration_since(self.epoch)
            .saturating_sub(cookie.issued);
        match &self.state {
            // §5.2.4 D: our COOKIE ACK was lost. However old the cookie is.
            State::Established { peer }
                if ours && peer.initiate_tag == cookie.peer.initiate_tag =>
            {
                self.send_cookie_ack(peer.initiate_tag, out);
                Progress::None
            }
            // §5.2.6: the measure of staleness is in microseconds.
            _ if age > COOKIE_LIFETIME => {
                let excess = (age - COOKIE_LIFETIME).as_micros();
                let staleness = u32::try_from(excess).unwrap_or(u32::MAX).to_be_bytes();
                let error = packet::error_cause(cause::STALE_COOKIE, &staleness);
                let packet = self.packet(cookie.peer.initiate_tag);
                out.extend([packet.chunk(kind::ERROR, 0, &error).finish()]);
                Progress::None
            }
            State::CookieWait { .. } | State::CookieEchoed { .. } if ours => {
                self.state = State::Established { peer: cookie.peer };
                self.send_cookie_ack(cookie.peer.initiate_tag, out);
                Progress::Established(cookie.peer)
            }
            // §5.2.4 A: the tie tags prove that this INIT came while the association stood.
            State::Established { peer }
                if cookie.tie_tags == (self.local.initiate_tag, peer.initiate_tag) =>
            {
                Progress::Restarted
            }
            _ => Progress::Ignored,
        }
    }

    /// A COOKIE ACK chunk (RFC 9260 §5.1 E, §5.2.5).
    pub(in crate::sctp) fn handle_cookie_ack(&mut self, header: Header) -> Progress {
        match &self.state {
            State::CookieEchoed { peer, .. }
                if header.verification_tag == self.local.initiate_tag =>
            {
                let peer = *peer;
                self.state = State::Established { peer };
                Progress::Established(peer)
            }
            _ => Progress::Ignored,
        }
    }

    /// An ERROR chunk: a stale cookie makes us begin again (RFC 9260 §5.2.6), all else is noise.
    pub(in crate::sctp) fn handle_error(
        &mut self,
        now: Instant,
        header: Header,
        value: &[u8],
        out: &mut impl Extend<Bytes>,
    ) -> Progress {
        if packet::first_cause(value) != Some(cause::STALE_COOKIE)
            || header.verification_tag != self.local.initiate_tag
            || !matches!(self.state, State::CookieEchoed { .. })
        {
            return Progress::Ignored;
        }
        self.state = State::CookieWait {
            timer: Timer::start(now, self.rto),
        };
        self.send_init_or_cookie_echo(out);
        Progress::None
    }

    fn send_init_or_cookie_echo(&self, out: &mut impl Extend<Bytes>) {
        let packet = match &self.state {
            // RFC 9260 §8.5.1 A: a packet with INIT has a verification tag of 0.
            State::CookieWait { .. } => {
                self.packet(0)
                    .chunk(kind::INIT, 0, &self.local.encode(None))
            }
            State::CookieEchoed { peer, cookie, .. } => {
                self.packet(peer.initiate_tag)
                    .chunk(kind::COOKIE_ECHO, 0, cookie)
            }
            State::Established { .. } => return,
        };
        out.extend([packet.finish()]);
    }

    fn send_cookie_ack(&self, tag: u32, out: &mut impl Extend<Bytes>) {
        out.extend([self.packet(tag).chunk(kind::COOKIE_ACK, 0, &[]).finish()]);
    }

    /// An empty packet to the peer.
    pub(in crate::sctp) fn packet(&self, verification_tag: u32) -> Builder {
        Builder::new(Header {
            source_port: self.ports.local,
            destination_port: self.ports.remote,
            verification_tag,
        })
    }
}

impl Timer {
    fn start(now: Instant, rto: Rto) -> Timer {
        Timer {
            due: now + rto.initial,
            rto: rto.initial,
        }
    }

    /// Whether it has expired; if so it is started again with twice the time.
    fn expire(&mut self, now: Instant, max: Duration) -> bool {
        if now < self.due {
            return false;
        }
        self.rto = (self.rto * 2).min(max);
        self.due = now + self.rto;
        true
    }
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
