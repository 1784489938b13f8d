//! The one method of ICE: Binding requests as checks, and their responses.

use std::net::SocketAddr;

use bytes::Bytes;
use stun_rs::StunAttribute;

use super::{BINDING, Builder, Class, Header, Key, Rejected, TransactionId, Verified, attribute};
use crate::net::canonical;

/// The role that a check claims, with the tie-breaker (RFC 8445 §7.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoleClaim {
    /// ICE-CONTROLLING.
    Controlling(u64),
    /// ICE-CONTROLLED.
    Controlled(u64),
}

/// A check as it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// New for every check.
    pub transaction_id: TransactionId,
    /// "remote:local", from the side of the sender (RFC 8445 §7.2.2).
    pub username: &'a str,
    /// The priority of the peer-reflexive candidate that may come of it (RFC 8445 §7.1.1).
    pub priority: u32,
    /// The sender's role.
    pub role: RoleClaim,
    /// Whether the pair is nominated by this check (RFC 8445 §7.1.2).
    pub use_candidate: bool,
}

impl Check<'_> {
    /// Writes the request, under the peer's password.
    pub fn encode(&self, key: &Key) -> Bytes {
        let mut message = start(Class::Request, self.transaction_id)
            .attribute(attribute::USERNAME, self.username.as_bytes())
            .attribute(attribute::PRIORITY, &self.priority.to_be_bytes());
        message = match self.role {
            RoleClaim::Controlling(tie) => {
                message.attribute(attribute::ICE_CONTROLLING, &tie.to_be_bytes())
            }
            RoleClaim::Controlled(tie) => {
                message.attribute(attribute::ICE_CONTROLLED, &tie.to_be_bytes())
            }
        };
        if self.use_candidate {
            message = message.attribute(attribute::USE_CANDIDATE, &[]);
        }
        message.integrity(key).fingerprint().build()
    }
}

/// How large a check is, with USE-CANDIDATE, whose USERNAME has so many bytes.
pub fn check_len(username: usize) -> usize {
    const FRAME: usize = 4;
    // The header, USERNAME, PRIORITY, the role, USE-CANDIDATE, MESSAGE-INTEGRITY, FINGERPRINT.
    20 + FRAME + username.next_multiple_of(4) + 8 + 12 + FRAME + 24 + 8
}

/// The success response to a check: says from where it came.
pub fn success(transaction_id: TransactionId, from: SocketAddr, key: &Key) -> Bytes {
    start(Class::SuccessResponse, transaction_id)
        .xor_address(attribute::XOR_MAPPED_ADDRESS, from)
        .integrity(key)
        .fingerprint()
        .build()
}

/// An error response to a check.
pub fn error(transaction_id: TransactionId, code: u16, reason: &str, key: &Key) -> Bytes {
    start(Class::ErrorResponse, transaction_id)
        .error(code, reason)
        .integrity(key)
        .fingerprint()
        .build()
}

/// The error response 420 to a check with attributes that had to be understood and were not
/// (RFC 8489 §6.3.1).
pub fn unknown_attributes(transaction_id: TransactionId, unknown: &[u16], key: &Key) -> Bytes {
    let list: Vec<u8> = unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
    start(Class::ErrorResponse, transaction_id)
        .error(420, "Unknown Attribute")
        .attribute(attribute::UNKNOWN_ATTRIBUTES, &list)
        .integrity(key)
        .fingerprint()
        .build()
}

/// A Binding request without credentials, as a STUN server gets it (RFC 8445 §5.1.1.2).
pub fn discovery(transaction_id: TransactionId) -> Bytes {
    start(Class::Request, transaction_id).fingerprint().build()
}

fn start(class: Class, transaction_id: TransactionId) -> Builder {
    Builder::new(Header {
        class,
        method: BINDING,
        transaction_id,
    })
}

/// A message of the Binding method as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A check.
    Request(Request),
    /// The check was answered; the address is the sender's as the answerer saw it.
    Success {
        /// XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS where there is no other.
        mapped: SocketAddr,
    },
    /// The check was refused.
    Error {
        /// From 300 to 699.
        code: u16,
    },
}

/// A check as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// PRIORITY; consent checks of some peers have none.
    pub priority: Option<u32>,
    /// The role of the sender, when it claims one.
    pub role: Option<RoleClaim>,
    /// Whether USE-CANDIDATE is there.
    pub use_candidate: bool,
    /// Attributes that have to be understood and are not.
    pub unknown: Vec<u16>,
}

/// Decodes a verified Binding request or response; an indication and another method are
/// [`Rejected::Malformed`].
pub fn decode(verified: &Verified<'_>) -> Result<Message, Rejected> {
    let header = verified.header();
    if header.method != BINDING {
        return Err(Rejected::Malformed);
    }
    let message = verified.decode()?;
    match header.class {
        Class::Request => Ok(Message::Request(request(message.attributes()))),
        Class::SuccessResponse => mapped(message.attributes())
            .map(|mapped| Message::Success { mapped })
            .ok_or(Rejected::Undecodable),
        Class::ErrorResponse => message
            .attributes()
            .iter()
            .find_map(|attribute| match attribute {
                StunAttribute::ErrorCode(e) => Some(e.error_code().error_code()),
                _ => None,
            })
            .map(|code| Message::Error { code })
            .ok_or(Rejected::Undecodable),
        Class::Indication => Err(Rejected::Malformed),
    }
}

/// XOR-MAPPED-ADDRESS, or what was before it (RFC 8489 §14.1).
fn mapped(attributes: &[StunAttribute]) -> Option<SocketAddr> {
    let xor = attributes.iter().find_map(|attribute| match attribute {
        StunAttribute::XorMappedAddress(a) => Some(canonical(*a.socket_address())),
        _ => None,
    });
    let plain = attributes.iter().find_map(|attribute| match attribute {
        StunAttribute::MappedAddress(a) => Some(canonical(*a.socket_address())),
        _ => None,
    });
    xor.or(plain)
}

fn request(attributes: &[StunAttribute]) -> Request {
    let mut request = Request::default();
    for attribute in attributes {
        match attribute {
            StunAttribute::Priority(p) => request.priority = Some(*p.as_ref()),
            StunAttribute::UseCandidate(_) => request.use_candidate = true,
            StunAttribute::IceControlling(c) => {
                request.role = Some(RoleClaim::Controlling(*c.as_ref()));
            }
            StunAttribute::IceControlled(c) => {
                request.role = Some(RoleClaim::Controlled(*c.as_ref()));
            }
            StunAttribute::Unknown(u) if u.attribute_type().is_comprehension_required() => {
                request.unknown.push(u.attribute_type().as_u16());
            }
            _ => {}
        }
    }
    request
}

#[cfg(test)]
#[path = "binding_tests.rs"]
mod tests;
