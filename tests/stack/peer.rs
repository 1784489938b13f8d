//! ICE, DTLS and SCTP on top of one another, as the actors stack them, but in one value and
//! without a clock.

use std::net::SocketAddr;
use std::time::Instant;

use actix_rtc_proto::Machine;
use actix_rtc_proto::demux::{Kind, classify};
use actix_rtc_proto::net::{Path, Protocol};
use actix_rtc_proto::random::Random;
use actix_rtc_proto::timer::earlier;
use actix_rtc_proto::{dtls, ice, sctp};
use bytes::Bytes;

/// One side of a session.
pub(crate) struct Peer {
    pub(crate) ice: ice::Agent,
    pub(crate) dtls: dtls::Endpoint,
    pub(crate) sctp: sctp::Association,
    base: SocketAddr,
    role: dtls::Role,
    fingerprints: Vec<dtls::Fingerprint>,
    started: bool,
    pub(crate) events: Vec<sctp::Event>,
}

impl Peer {
    fn new(role: ice::Role, base: &str, certificate: &dtls::Certificate, seed: u64) -> Peer {
        let mut random = Random::from_number(seed);
        let dtls_role = match role {
            ice::Role::Controlling => dtls::Role::Server,
            ice::Role::Controlled => dtls::Role::Client,
        };
        Peer {
            ice: ice::Agent::new(ice::Config::default(), role, random.fork()),
            dtls: dtls::Endpoint::new(dtls::Config::default(), certificate.clone()),
            sctp: sctp::Association::new(sctp::Config::default(), random.fork()),
            base: base.parse().unwrap(),
            role: dtls_role,
            fingerprints: Vec::new(),
            started: false,
            events: Vec::new(),
        }
    }

    /// Two sides that know each other's parameters; nothing has been sent yet.
    pub(crate) fn pair(now: Instant, seed: u64) -> [Peer; 2] {
        let certificate = |seed| {
            let validity = dtls::Certificate::DEFAULT_VALIDITY;
            let time = std::time::SystemTime::UNIX_EPOCH + validity;
            dtls::Certificate::generate(&mut Random::from_number(seed), time, validity).unwrap()
        };
        let (ours, theirs) = (certificate(seed), certificate(!seed));
        let mut a = Peer::new(ice::Role::Controlling, "10.0.0.1:1000", &ours, seed);
        let mut b = Peer::new(ice::Role::Controlled, "10.0.0.2:2000", &theirs, !seed);
        a.fingerprints = theirs.fingerprints();
        b.fingerprints = ours.fingerprints();
        let (pa, pb) = (
            a.ice.local_parameters().clone(),
            b.ice.local_parameters().clone(),
        );
        let (ca, cb) = (
            ice::Candidate::host(a.base, Protocol::Udp),
            ice::Candidate::host(b.base, Protocol::Udp),
        );
        for (peer, own, other, parameters) in
            [(&mut a, ca.clone(), cb.clone(), pb), (&mut b, cb, ca, pa)]
        {
            let base = peer.base;
            peer.ice.add_local_candidate(now, own, base);
            peer.ice.add_remote_candidate(now, other).unwrap();
            peer.ice.end_of_remote_candidates(now);
            peer.ice.start(now, parameters).unwrap();
        }
        [a, b]
    }

    /// Takes a datagram from the network.
    pub(crate) fn receive(&mut self, now: Instant, from: SocketAddr, datagram: Bytes) {
        let path = Path::udp(self.base, from);
        match classify(&datagram) {
            Some(Kind::Stun) => self.ice.handle_datagram(now, path, &datagram),
            Some(Kind::Dtls) if self.ice.handle_data(now, &path, 1) => {
                self.dtls.handle_datagram(now, &datagram);
            }
            _ => {}
        }
    }

    /// When the first of the machines wants to run.
    pub(crate) fn timeout(&mut self) -> Option<Instant> {
        let above = earlier(self.dtls.poll_timeout(), self.sctp.poll_timeout());
        earlier(self.ice.poll_timeout(), above)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.ice.handle_timeout(now);
        self.dtls.handle_timeout(now);
        self.sctp.handle_timeout(now);
    }

    /// Carries outputs from machine to machine until none has any; `send` gets what leaves.
    pub(crate) fn drain(&mut self, now: Instant, send: &mut impl FnMut(Path, Bytes)) {
        loop {
            let mut quiet = true;
            while let Some(packet) = self.sctp.poll_transmit(now) {
                quiet = false;
                // What is not sealed now, SCTP sends again.
                let _ = self.dtls.send(now, &packet);
            }
            while let Some(segments) = self.dtls.poll_transmit(now) {
                quiet = false;
                if let Some(path) = self.ice.send_path() {
                    self.ice.note_sent(now, segments.count(), segments.len());
                    segments.iter().for_each(|datagram| send(path, datagram));
                }
            }
            while let Some(transmit) = self.ice.poll_transmit(now) {
                quiet = false;
                send(transmit.path, transmit.datagram);
            }
            while self.ice.poll_event().is_some() {}
            if !self.started && self.ice.send_path().is_some() {
                self.started = true;
                quiet = false;
                self.dtls.start(now, self.role, &self.fingerprints).unwrap();
            }
            while let Some(event) = self.dtls.poll_event() {
                quiet = false;
                match event {
                    dtls::Event::Connected => {
                        let client = self.role == dtls::Role::Client;
                        let remote = sctp::Config::default().capabilities();
                        self.sctp.start(now, client, remote, 5000);
                    }
                    dtls::Event::ApplicationData(packet) => self.sctp.handle_packet(now, packet),
                    dtls::Event::Failed(reason) => panic!("DTLS failed: {reason}"),
                    dtls::Event::Closed => {}
                }
            }
            while let Some(event) = self.sctp.poll_event() {
                quiet = false;
                self.events.push(event);
            }
            if quiet {
                return;
            }
        }
    }

    pub(crate) fn base(&self) -> SocketAddr {
        self.base
    }
}
