//! TURN's messages: what we send, and what we read of the answers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use stun_rs::{StunAttribute, StunMessage};

use super::attribute::*;
use crate::net::canonical;
use crate::stun::{
    self, Builder, Class, Header, TransactionId, attribute, attributes, xor_address,
};

/// The protocol number of UDP: what runs between relay and peers (RFC 8656 §18.8).
const UDP: u8 = 17;

/// Which relayed address is asked for (RFC 8656 §18.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
}

/// What is asked of the server, in a form that can be signed again with a new nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Allocate {
        lifetime: Duration,
        family: Option<Family>,
    },
    Refresh {
        lifetime: Duration,
    },
    /// A Refresh with the lifetime 0.
    Deallocate,
    Permit {
        peer: IpAddr,
    },
    Bind {
        number: u16,
        peer: SocketAddr,
    },
}

impl Request {
    pub(super) fn method(self) -> u16 {
        match self {
            Request::Allocate { .. } => ALLOCATE,
            Request::Refresh { .. } | Request::Deallocate => REFRESH,
            Request::Permit { .. } => CREATE_PERMISSION,
            Request::Bind { .. } => CHANNEL_BIND,
        }
    }

    /// The request without a signature.
    pub(super) fn builder(self, transaction_id: TransactionId) -> Builder {
        let message = start(Class::Request, self.method(), transaction_id);
        match self {
            Request::Allocate { lifetime, family } => {
                // RFC 8656 §7.1
                let message = message
                    .attribute(REQUESTED_TRANSPORT, &[UDP, 0, 0, 0])
                    .attribute(LIFETIME, &seconds(lifetime));
                match family {
                    Some(Family::Ipv4) => {
                        message.attribute(REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0])
                    }
                    Some(Family::Ipv6) => {
                        message.attribute(REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0])
                    }
                    None => message,
                }
            }
            Request::Refresh { lifetime } => message.attribute(LIFETIME, &seconds(lifetime)),
            Request::Deallocate => message.attribute(LIFETIME, &[0; 4]),
            // RFC 8656 §10.1: the port does not matter.
            Request::Permit { peer } => {
                message.xor_address(XOR_PEER_ADDRESS, SocketAddr::new(peer, 0))
            }
            Request::Bind { number, peer } => {
                let [high, low] = number.to_be_bytes();
                message
                    .attribute(CHANNEL_NUMBER, &[high, low, 0, 0])
                    .xor_address(XOR_PEER_ADDRESS, peer)
            }
        }
    }
}

/// A Binding indication, which does nothing but keep NATs in mind of us (RFC 8489 §6).
pub(super) fn keepalive(transaction_id: TransactionId) -> Bytes {
    start(Class::Indication, stun::BINDING, transaction_id)
        .fingerprint()
        .build()
}

/// More than a Send indication adds to its data: header, XOR-PEER-ADDRESS, and DATA with padding.
pub(super) const SEND_OVERHEAD: usize = 20 + 24 + 4 + 3;

/// Writes a Send indication (RFC 8656 §11.1) and returns its size; `None` when `buffer` is less
/// than `SEND_OVERHEAD` larger than the data.
///
/// By hand, because it is the way of data until a channel is bound.
pub(super) fn write_send(
    buffer: &mut [u8],
    transaction_id: TransactionId,
    peer: SocketAddr,
    data: &[u8],
) -> Option<usize> {
    let mut address = [0; 20];
    let address_len = xor_address(peer, transaction_id, &mut address);
    let padding = data.len().next_multiple_of(4) - data.len();
    let body = 4 + address_len + 4 + data.len() + padding;
    let header = Header {
        class: Class::Indication,
        method: SEND,
        transaction_id,
    };
    let [type_high, type_low] = header.message_type().to_be_bytes();
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        buffer.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
        at += bytes.len();
        Some(at)
    };
    put(&[type_high, type_low])?;
    put(&u16::try_from(body).ok()?.to_be_bytes())?;
    put(&stun::MAGIC_COOKIE.to_be_bytes())?;
    put(&transaction_id.0)?;
    put(&XOR_PEER_ADDRESS.to_be_bytes())?;
    put(&(address_len as u16).to_be_bytes())?;
    put(&address[..address_len])?;
    put(&DATA.to_be_bytes())?;
    put(&u16::try_from(data.len()).ok()?.to_be_bytes())?;
    put(data)?;
    put(&[0; 3][..padding])
}

/// The peer and the data of a Data indication (RFC 8656 §11.4). The data is a slice of `datagram`.
pub(super) fn parse_data(header: &Header, datagram: &Bytes) -> Option<(SocketAddr, Bytes)> {
    let (mut peer, mut data) = (None, None);
    for found in attributes(datagram) {
        match found.kind {
            XOR_PEER_ADDRESS if peer.is_none() => peer = found.xor_address(header.transaction_id),
            DATA if data.is_none() => data = Some(datagram.slice_ref(found.value)),
            _ => {}
        }
    }
    Some((canonical(peer?), data?))
}

/// What a success response grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Granted {
    pub(super) relayed: Option<SocketAddr>,
    pub(super) mapped: Option<SocketAddr>,
    pub(super) lifetime: Option<Duration>,
}

/// Reads a success response, decoded.
pub(super) fn granted(message: &StunMessage) -> Granted {
    let mut granted = Granted::default();
    for found in message.attributes() {
        match found {
            StunAttribute::XorRelayedAddress(a) => {
                granted
                    .relayed
                    .get_or_insert(canonical(*a.socket_address()));
            }
            StunAttribute::XorMappedAddress(a) => {
                granted.mapped = Some(canonical(*a.socket_address()));
            }
            // RFC 8489 §14.1: from servers that know no better.
            StunAttribute::MappedAddress(a) => {
                granted.mapped.get_or_insert(canonical(*a.socket_address()));
            }
            StunAttribute::LifeTime(l) => {
                granted
                    .lifetime
                    .get_or_insert(Duration::from_secs(l.as_u32().into()));
            }
            _ => {}
        }
    }
    granted
}

/// What an error response says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) text: String,
    /// ALTERNATE-SERVER and ALTERNATE-DOMAIN.
    pub(super) alternate: Option<(SocketAddr, Option<String>)>,
}

/// Reads an error response, by hand because nobody may vouch for it.
pub(super) fn parse_error(datagram: &[u8]) -> Option<Refusal> {
    let find = |kind| attributes(datagram).find(|attribute| attribute.kind == kind);
    let (code, text) = find(attribute::ERROR_CODE)?.error_code()?;
    let address = find(attribute::ALTERNATE_SERVER).and_then(|found| found.address());
    let domain =
        find(ALTERNATE_DOMAIN).and_then(|found| String::from_utf8(found.value.into()).ok());
    let alternate = address.map(|address| (canonical(address), domain));
    Some(Refusal {
        code,
        text,
        alternate,
    })
}

fn start(class: Class, method: u16, transaction_id: TransactionId) -> Builder {
    Builder::new(Header {
        class,
        method,
        transaction_id,
    })
}

fn seconds(duration: Duration) -> [u8; 4] {
    u32::try_from(duration.as_secs())
        .unwrap_or(u32::MAX)
        .to_be_bytes()
}
