//! A TURN server as it is on the wire (RFC 8656), on virtual time: long-term authentication with
//! nonces that expire, allocations by 5-tuple, permissions, channels, and their lifetimes.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use actix_rtc_proto::demux::{Kind, classify};
use actix_rtc_proto::stun::{
    self, Builder, Class, Header, Integrity, Key, PasswordAlgorithm, TransactionId, attribute,
};
use bytes::{BufMut, Bytes, BytesMut};

use super::network::Datagram;

pub(crate) const USERNAME: &str = "user";
pub(crate) const PASSWORD: &str = "secret";
const REALM: &str = "example.org";

/// RFC 8656 §7.2, §9 and §12.
const ALLOCATION_LIFETIME: Duration = Duration::from_secs(600);
const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// Short, so that every session of some length sees 438 (RFC 8489 §9.2.5 leaves it to the server).
const NONCE_LIFETIME: Duration = Duration::from_secs(60);

/// Methods and attributes (RFC 8656 §17, §18; RFC 8489 §18.3).
const ALLOCATE: u16 = 0x003;
const REFRESH: u16 = 0x004;
const SEND: u16 = 0x006;
const DATA_INDICATION: u16 = 0x007;
const CREATE_PERMISSION: u16 = 0x008;
const CHANNEL_BIND: u16 = 0x009;
const CHANNEL_NUMBER: u16 = 0x000C;
const LIFETIME: u16 = 0x000D;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const DATA: u16 = 0x0013;
const REALM_ATTRIBUTE: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const XOR_RELAYED_ADDRESS: u16 = 0x0016;

#[derive(Debug)]
pub(crate) struct TurnServer {
    pub(crate) address: SocketAddr,
    key: Key,
    allocations: Vec<Allocation>,
    next_port: u16,
    nonce: u64,
    nonce_since: Option<Instant>,
    pub(crate) traffic: TurnTraffic,
}

/// What a server saw.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct TurnTraffic {
    pub(crate) allocations: u64,
    /// Requests that were asked again, with the nonce of the day (401 and 438).
    pub(crate) challenges: u64,
    /// Refused for another reason.
    pub(crate) refused: u64,
    /// Datagrams to peers and from them, in indications and on channels.
    pub(crate) indications: u64,
    pub(crate) channel_data: u64,
    /// From peers without a permission.
    pub(crate) not_permitted: u64,
}

#[derive(Debug)]
struct Allocation {
    relayed: SocketAddr,
    /// The client as the server sees it.
    client: SocketAddr,
    /// The request that made it: repeated, it gets the same answer.
    transaction_id: TransactionId,
    expires: Instant,
    permissions: Vec<(IpAddr, Instant)>,
    channels: Vec<(u16, SocketAddr, Instant)>,
}

impl Allocation {
    fn permit(&mut self, now: Instant, peer: IpAddr) {
        self.permissions.retain(|(ip, _)| *ip != peer);
        self.permissions.push((peer, now + PERMISSION_LIFETIME));
    }

    fn permits(&self, peer: SocketAddr) -> bool {
        self.permissions.iter().any(|(ip, _)| *ip == peer.ip())
    }
}

impl TurnServer {
    pub(crate) fn new(address: SocketAddr) -> TurnServer {
        let algorithm = PasswordAlgorithm::Md5;
        let key = Key::long_term(Integrity::Sha1, USERNAME, REALM, PASSWORD, algorithm);
        TurnServer {
            address,
            key: key.expect("good credentials"),
            allocations: Vec::new(),
            next_port: 0,
            nonce: 0,
            nonce_since: None,
            traffic: TurnTraffic::default(),
        }
    }

    /// Forgets every allocation, as when the server restarts.
    pub(crate) fn lose_allocations(&mut self) {
        self.allocations.clear();
    }

    /// What the server sends when it receives this.
    pub(crate) fn receive(&mut self, now: Instant, datagram: Datagram) -> Option<Datagram> {
        self.expire(now);
        if datagram.to != self.address {
            return self.relay_from_peer(datagram);
        }
        let Datagram { from, payload, .. } = datagram;
        match classify(&payload)? {
            Kind::TurnChannel => self.on_channel(from, &payload),
            Kind::Stun => {
                let header = stun::peek(&payload)?;
                match (header.class, header.method) {
                    (Class::Indication, SEND) => self.send_indication(from, header, &payload),
                    (Class::Request, _) => Some(Datagram {
                        from: self.address,
                        to: from,
                        payload: self.answer(now, from, header, &payload),
                    }),
                    _ => None,
                }
            }
            Kind::Dtls | Kind::Rtp => None,
        }
    }

    fn expire(&mut self, now: Instant) {
        self.allocations.retain(|a| now < a.expires);
        for allocation in &mut self.allocations {
            allocation.permissions.retain(|(_, until)| now < *until);
            allocation.channels.retain(|(_, _, until)| now < *until);
        }
        let fresh = |since: Instant| now < since + NONCE_LIFETIME;
        if !self.nonce_since.is_some_and(fresh) {
            self.nonce += 1;
            self.nonce_since = Some(now);
        }
    }

    fn of(&mut self, client: SocketAddr) -> Option<&mut Allocation> {
        self.allocations.iter_mut().find(|a| a.client == client)
    }

    fn answer(
        &mut self,
        now: Instant,
        client: SocketAddr,
        header: Header,
        message: &[u8],
    ) -> Bytes {
        let find = |kind| stun::attributes(message).find(|a| a.kind == kind);
        let respond = |class| Builder::new(Header { class, ..header });
        let nonce = format!("nonce-{}", self.nonce);
        let code = match find(NONCE) {
            _ if stun::verify(message, &self.key, true).is_err() => Some(401),
            Some(sent) if sent.value == nonce.as_bytes() => None,
            _ => Some(438),
        };
        if let Some(code) = code {
            self.traffic.challenges += 1;
            return respond(Class::ErrorResponse)
                .error(code, "Credentials")
                .attribute(REALM_ATTRIBUTE, REALM.as_bytes())
                .attribute(NONCE, nonce.as_bytes())
                .build();
        }
        let peer = find(XOR_PEER_ADDRESS).and_then(|a| a.xor_address(header.transaction_id));
        let lifetime =
            find(LIFETIME).and_then(|a| Some(u32::from_be_bytes(*a.value.first_chunk()?)));
        let channel = find(CHANNEL_NUMBER).and_then(|a| a.value.first_chunk().copied());
        let success = respond(Class::SuccessResponse);
        let granted = match header.method {
            ALLOCATE => self.allocate(now, client, header.transaction_id, success),
            REFRESH => self.refresh(now, client, lifetime, success),
            CREATE_PERMISSION => self.permit(now, client, peer, success),
            CHANNEL_BIND => self.bind(now, client, channel, peer, success),
            _ => Err(400),
        };
        let answer = granted.unwrap_or_else(|code| {
            self.traffic.refused += 1;
            respond(Class::ErrorResponse).error(code, "Refused")
        });
        answer.integrity(&self.key).fingerprint().build()
    }

    fn allocate(
        &mut self,
        now: Instant,
        client: SocketAddr,
        transaction_id: TransactionId,
        success: Builder,
    ) -> Result<Builder, u16> {
        let relayed = match self.of(client) {
            Some(known) if known.transaction_id == transaction_id => known.relayed,
            // RFC 8656 §7.2: Allocation Mismatch.
            Some(_) => return Err(437),
            None => {
                self.next_port += 1;
                let relayed = SocketAddr::new(self.address.ip(), 49_151 + self.next_port);
                self.traffic.allocations += 1;
                self.allocations.push(Allocation {
                    relayed,
                    client,
                    transaction_id,
                    expires: now + ALLOCATION_LIFETIME,
                    permissions: Vec::new(),
                    channels: Vec::new(),
                });
                relayed
            }
        };
        Ok(success
            .xor_address(XOR_RELAYED_ADDRESS, relayed)
            .xor_address(attribute::XOR_MAPPED_ADDRESS, client)
            .attribute(LIFETIME, &seconds(ALLOCATION_LIFETIME)))
    }

    fn refresh(
        &mut self,
        now: Instant,
        client: SocketAddr,
        lifetime: Option<u32>,
        success: Builder,
    ) -> Result<Builder, u16> {
        let allocation = self.of(client).ok_or(437u16)?;
        if lifetime == Some(0) {
            self.allocations.retain(|a| a.client != client);
            return Ok(success.attribute(LIFETIME, &[0; 4]));
        }
        allocation.expires = now + ALLOCATION_LIFETIME;
        Ok(success.attribute(LIFETIME, &seconds(ALLOCATION_LIFETIME)))
    }

    fn permit(
        &mut self,
        now: Instant,
        client: SocketAddr,
        peer: Option<SocketAddr>,
        success: Builder,
    ) -> Result<Builder, u16> {
        let peer = peer.ok_or(400u16)?;
        self.of(client).ok_or(437u16)?.permit(now, peer.ip());
        Ok(success)
    }

    fn bind(
        &mut self,
        now: Instant,
        client: SocketAddr,
        number: Option<[u8; 2]>,
        peer: Option<SocketAddr>,
        success: Builder,
    ) -> Result<Builder, u16> {
        let number = u16::from_be_bytes(number.ok_or(400u16)?);
        let peer = peer.ok_or(400u16)?;
        let allocation = self.of(client).ok_or(437u16)?;
        // RFC 8656 §12.2: neither is bound to another one.
        let mut bound = allocation.channels.iter();
        if bound.any(|(n, p, _)| (*n == number) != (*p == peer)) {
            return Err(400);
        }
        allocation.channels.retain(|(n, _, _)| *n != number);
        allocation
            .channels
            .push((number, peer, now + CHANNEL_LIFETIME));
        allocation.permit(now, peer.ip());
        Ok(success)
    }

    fn send_indication(
        &mut self,
        client: SocketAddr,
        header: Header,
        message: &Bytes,
    ) -> Option<Datagram> {
        let find = |kind| stun::attributes(message).find(|a| a.kind == kind);
        let to = find(XOR_PEER_ADDRESS)?.xor_address(header.transaction_id)?;
        let payload = message.slice_ref(find(DATA)?.value);
        let allocation = self.of(client)?;
        let from = allocation.relayed;
        if !allocation.permits(to) {
            return None;
        }
        self.traffic.indications += 1;
        Some(Datagram { from, to, payload })
    }

    fn on_channel(&mut self, client: SocketAddr, message: &Bytes) -> Option<Datagram> {
        let [a, b, c, d] = *message.first_chunk()?;
        let number = u16::from_be_bytes([a, b]);
        let end = 4 + usize::from(u16::from_be_bytes([c, d]));
        let allocation = self.of(client)?;
        let from = allocation.relayed;
        let mut channels = allocation.channels.iter();
        let (_, to, _) = *channels.find(|(n, _, _)| *n == number)?;
        if end > message.len() {
            return None;
        }
        let payload = message.slice(4..end);
        self.traffic.channel_data += 1;
        Some(Datagram { from, to, payload })
    }

    fn relay_from_peer(&mut self, datagram: Datagram) -> Option<Datagram> {
        let Datagram { from, to, payload } = datagram;
        let allocation = self.allocations.iter().find(|a| a.relayed == to)?;
        let (client, permitted) = (allocation.client, allocation.permits(from));
        let mut channels = allocation.channels.iter();
        let channel = channels.find(|(_, peer, _)| *peer == from).map(|c| c.0);
        if !permitted {
            self.traffic.not_permitted += 1;
            return None;
        }
        let payload = match channel {
            Some(number) => {
                self.traffic.channel_data += 1;
                let mut message = BytesMut::with_capacity(4 + payload.len());
                message.put_u16(number);
                message.put_u16(u16::try_from(payload.len()).ok()?);
                message.put_slice(&payload);
                message.freeze()
            }
            None => {
                self.traffic.indications += 1;
                let mut id = [0; 12];
                id[..8].copy_from_slice(&self.traffic.indications.to_be_bytes());
                let header = Header {
                    class: Class::Indication,
                    method: DATA_INDICATION,
                    transaction_id: TransactionId(id),
                };
                Builder::new(header)
                    .xor_address(XOR_PEER_ADDRESS, from)
                    .attribute(DATA, &payload)
                    .build()
            }
        };
        Some(Datagram {
            from: self.address,
            to: client,
            payload,
        })
    }
}

fn seconds(duration: Duration) -> [u8; 4] {
    (duration.as_secs() as u32).to_be_bytes()
}
