//! A small TURN server on virtual time, with faults on request, and a client wired to it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::*;
use crate::stun::{
    self, Attribute, Builder, Class, Header, Integrity, Key, PasswordAlgorithm, attribute,
    attributes,
};
use crate::turn::attribute::*;

pub(super) const SERVER: &str = "192.0.2.1:3478";
pub(super) const RELAYED: &str = "192.0.2.1:50000";
pub(super) const MAPPED: &str = "198.51.100.7:61000";
pub(super) const PEER: &str = "203.0.113.5:7000";

#[expect(
    clippy::disallowed_methods,
    reason = "tests need an instant to count from"
)]
fn epoch() -> Instant {
    Instant::now()
}

pub(super) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What the server does with the next requests of a method.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fault {
    /// No answer.
    Silence,
    /// This error, signed.
    Error(u16),
    /// This error, not signed.
    Unsigned(u16),
    /// 438 with a new nonce.
    Stale,
    /// 401 with a new nonce, where 438 is meant.
    StaleUnauthorized,
    /// The right answer, with a signature of another key.
    Forged,
    /// Success without what was granted.
    Empty,
    /// 300 to this server.
    Redirect(SocketAddr),
}

pub(super) struct Server {
    pub(super) sha256: bool,
    pub(super) needs_auth: bool,
    pub(super) password: &'static str,
    pub(super) realm: String,
    pub(super) nonce: u32,
    pub(super) lifetime: u32,
    pub(super) allocated: bool,
    pub(super) permissions: Vec<IpAddr>,
    pub(super) channels: BTreeMap<u16, SocketAddr>,
    pub(super) faults: BTreeMap<u16, VecDeque<Fault>>,
    /// Methods of the requests that came.
    pub(super) requests: Vec<u16>,
    /// What came for peers, and on a channel or not.
    pub(super) relayed: Vec<(SocketAddr, Vec<u8>, bool)>,
    pub(super) keepalives: usize,
}

use std::net::IpAddr;

impl Default for Server {
    fn default() -> Self {
        Server {
            sha256: false,
            needs_auth: true,
            password: "secret",
            realm: "example.org".into(),
            nonce: 1,
            lifetime: 600,
            allocated: false,
            permissions: Vec::new(),
            channels: BTreeMap::new(),
            faults: BTreeMap::new(),
            requests: Vec::new(),
            relayed: Vec::new(),
            keepalives: 0,
        }
    }
}

impl Server {
    fn key(&self, password: &str) -> Key {
        let (integrity, algorithm) = if self.sha256 {
            (Integrity::Sha256, PasswordAlgorithm::Sha256)
        } else {
            (Integrity::Sha1, PasswordAlgorithm::Md5)
        };
        Key::long_term(integrity, "user", &self.realm, password, algorithm).unwrap()
    }

    fn nonce(&self) -> String {
        let cookie = if self.sha256 { "obMatJos2gAAA" } else { "" };
        format!("{cookie}nonce-{}", self.nonce)
    }

    pub(super) fn fault(&mut self, method: u16, fault: Fault) {
        self.faults.entry(method).or_default().push_back(fault);
    }

    fn challenge(&self, builder: Builder, code: u16) -> Bytes {
        let mut builder = builder
            .error(code, "Credentials")
            .attribute(REALM, self.realm.as_bytes())
            .attribute(NONCE, self.nonce().as_bytes());
        if self.sha256 {
            builder = builder.attribute(PASSWORD_ALGORITHMS, &[0, 2, 0, 0, 0, 1, 0, 0]);
        }
        builder.build()
    }

    fn handle(&mut self, message: &Bytes) -> Option<Bytes> {
        if message[0] & 0xC0 == 0x40 {
            let (number, data) = frame::parse_channel_data(message).unwrap();
            let peer = self.channels[&number];
            self.relayed.push((peer, data.to_vec(), true));
            return None;
        }
        let header = stun::peek(message).unwrap();
        let find = |kind| {
            attributes(message)
                .find(|a: &Attribute<'_>| a.kind == kind)
                .map(|a| a.value)
        };
        let address = || {
            let found = attributes(message)
                .find(|a| a.kind == XOR_PEER_ADDRESS)
                .unwrap();
            found.xor_address(header.transaction_id).unwrap()
        };
        if header.class == Class::Indication {
            if header.method == SEND {
                assert!(
                    self.permissions.contains(&address().ip()),
                    "sent without permission"
                );
                self.relayed
                    .push((address(), find(DATA).unwrap().to_vec(), false));
            } else {
                self.keepalives += 1;
            }
            return None;
        }
        self.requests.push(header.method);
        let response = |class| Builder::new(Header { class, ..header });
        let fault = self
            .faults
            .get_mut(&header.method)
            .and_then(VecDeque::pop_front);
        match &fault {
            Some(Fault::Silence) => return None,
            Some(Fault::Stale) => {
                self.nonce += 1;
                return Some(self.challenge(response(Class::ErrorResponse), 438));
            }
            Some(Fault::StaleUnauthorized) => {
                self.nonce += 1;
                return Some(self.challenge(response(Class::ErrorResponse), 401));
            }
            Some(Fault::Unsigned(code)) => {
                return Some(
                    response(Class::ErrorResponse)
                        .error(*code, "Refused")
                        .build(),
                );
            }
            Some(Fault::Redirect(to)) => {
                let mut value = vec![0, 1];
                value.extend(to.port().to_be_bytes());
                let IpAddr::V4(ip) = to.ip() else {
                    panic!("IPv4 only")
                };
                value.extend(ip.octets());
                let redirect = response(Class::ErrorResponse)
                    .error(300, "Try Alternate")
                    .attribute(attribute::ALTERNATE_SERVER, &value)
                    .attribute(ALTERNATE_DOMAIN, b"b.example");
                return Some(redirect.build());
            }
            _ => {}
        }
        let key = self.key(self.password);
        if self.needs_auth {
            if find(NONCE).is_none() || stun::verify(message, &key, true).is_err() {
                return Some(self.challenge(response(Class::ErrorResponse), 401));
            }
            if find(NONCE) != Some(self.nonce().as_bytes()) {
                return Some(self.challenge(response(Class::ErrorResponse), 438));
            }
        }
        let (forged, needs_auth) = (self.key("other"), self.needs_auth);
        let sign = |builder: Builder| match &fault {
            Some(Fault::Forged) => builder.integrity(&forged).fingerprint().build(),
            _ if needs_auth => builder.integrity(&key).fingerprint().build(),
            _ => builder.build(),
        };
        let refuse = |code| Some(sign(response(Class::ErrorResponse).error(code, "Refused")));
        if let Some(Fault::Error(code)) = fault {
            return refuse(code);
        }
        let success = response(Class::SuccessResponse);
        if fault == Some(Fault::Empty) {
            return Some(sign(success));
        }
        let lifetime = self.lifetime.to_be_bytes();
        if header.method != ALLOCATE && !self.allocated {
            return refuse(437);
        }
        let answer = match header.method {
            ALLOCATE => {
                assert_eq!(find(REQUESTED_TRANSPORT), Some(&[17, 0, 0, 0][..]));
                self.allocated = true;
                success
                    .xor_address(0x0016, at(RELAYED))
                    .xor_address(attribute::XOR_MAPPED_ADDRESS, at(MAPPED))
                    .attribute(LIFETIME, &lifetime)
            }
            REFRESH if find(LIFETIME) == Some(&[0; 4]) => {
                self.allocated = false;
                success.attribute(LIFETIME, &[0; 4])
            }
            REFRESH => success.attribute(LIFETIME, &lifetime),
            CREATE_PERMISSION => {
                self.permissions.push(address().ip());
                success
            }
            CHANNEL_BIND => {
                let number = find(CHANNEL_NUMBER).unwrap();
                let number = u16::from_be_bytes([number[0], number[1]]);
                self.channels.insert(number, address());
                self.permissions.push(address().ip());
                success
            }
            method => panic!("method {method}"),
        };
        Some(sign(answer))
    }
}

/// Client and server with nothing between them. What peers send is injected.
pub(super) struct Rig {
    pub(super) client: Client,
    pub(super) server: Server,
    pub(super) now: Instant,
    pub(super) events: Vec<Event>,
    /// When the server is not reached any more.
    pub(super) cut: bool,
    start: Instant,
    framing: Framing,
    deframer: Deframer,
}

impl Rig {
    pub(super) fn new(framing: Framing, config: Config, server: Server) -> Rig {
        let credentials = Credentials::new("user", "secret");
        let random = Random::from_number(7);
        let client = Client::new(config, at(SERVER), framing, credentials, random);
        let now = epoch();
        Rig {
            client,
            server,
            now,
            events: Vec::new(),
            cut: false,
            start: now,
            framing,
            deframer: Deframer::default(),
        }
    }

    /// With an allocation, over UDP.
    pub(super) fn allocated() -> Rig {
        Rig::allocated_over(Framing::Datagrams, Config::default())
    }

    pub(super) fn allocated_over(framing: Framing, config: Config) -> Rig {
        let mut rig = Rig::new(framing, config, Server::default());
        rig.allocate();
        assert_eq!(rig.client.state(), State::Allocated, "{:?}", rig.events);
        rig.events.clear();
        rig.server.requests.clear();
        rig
    }

    pub(super) fn allocate(&mut self) {
        self.client.allocate(self.now).unwrap();
        self.exchange();
    }

    /// Carries messages to and fro until there are none.
    pub(super) fn exchange(&mut self) {
        while let Some(segments) = self.client.poll_transmit(self.now) {
            if self.cut {
                continue;
            }
            let messages: Vec<Bytes> = match self.framing {
                Framing::Datagrams => segments.iter().collect(),
                Framing::Stream => {
                    self.deframer.push(segments.contents().clone());
                    std::iter::from_fn(|| self.deframer.next().unwrap()).collect()
                }
            };
            for message in messages {
                if let Some(answer) = self.server.handle(&message) {
                    self.deliver(answer);
                }
            }
        }
        self.events
            .extend(std::iter::from_fn(|| self.client.poll_event()));
    }

    pub(super) fn deliver(&mut self, message: Bytes) {
        match self.framing {
            Framing::Datagrams => self.client.handle_datagram(self.now, at(SERVER), message),
            Framing::Stream => self.client.handle_stream(self.now, message),
        }
    }

    /// Something comes from the server unasked.
    pub(super) fn inject(&mut self, message: Bytes) {
        self.deliver(message);
        self.exchange();
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.exchange();
        while let Some(next) = self.client.poll_timeout().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.client.handle_timeout(self.now);
            self.exchange();
        }
        self.now = end;
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub(super) fn send(&mut self, peer: &str, data: &[u8]) -> Result<(), SendError> {
        let result = self.client.send(self.now, at(peer), data);
        self.exchange();
        result
    }

    pub(super) fn failure(&self) -> Option<&Failure> {
        match self.events.last() {
            Some(Event::Failed(failure)) => Some(failure),
            _ => None,
        }
    }
}

pub(super) use super::super::{Framing, SendError};

/// A Data indication.
pub(super) fn data_indication(peer: &str, data: &[u8]) -> Bytes {
    let transaction_id = TransactionId([5; 12]);
    let header = Header {
        class: Class::Indication,
        method: DATA_METHOD,
        transaction_id,
    };
    Builder::new(header)
        .xor_address(XOR_PEER_ADDRESS, at(peer))
        .attribute(DATA, data)
        .build()
}

/// ChannelData, padded.
pub(super) fn channel_data(number: u16, data: &[u8]) -> Bytes {
    let mut message = frame::channel_header(number, data.len()).unwrap().to_vec();
    message.extend(data);
    message.resize(message.len().next_multiple_of(4), 0);
    message.into()
}

use super::super::frame;
