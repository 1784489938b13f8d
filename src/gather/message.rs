//! The answers of STUN servers to Binding requests.
//!
//! No key vouches for them: what stands for their authenticity is the random number of the
//! transaction, which only the server (and who listens on the way) knows.

use std::net::SocketAddr;

use crate::net::canonical;
use crate::stun::{BINDING, Class, Header, attribute, attributes};

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Mapped(SocketAddr),
    Redirected(SocketAddr),
    Refused { code: u16, text: String },
}

/// Reads a response that belongs to one of our transactions.
pub(super) fn parse(header: &Header, datagram: &[u8]) -> Option<Answer> {
    if header.method != BINDING {
        return None;
    }
    match header.class {
        Class::SuccessResponse => mapped(header, datagram).map(Answer::Mapped),
        Class::ErrorResponse => {
            let find = |kind| attributes(datagram).find(|attribute| attribute.kind == kind);
            let (code, text) = find(attribute::ERROR_CODE)?.error_code()?;
            // RFC 8489 §10: without ALTERNATE-SERVER it is an error like any other.
            let alternate = find(attribute::ALTERNATE_SERVER).filter(|_| code == 300);
            match alternate
                .and_then(|a| a.address())
                .map(canonical)
                .filter(is_usable)
            {
                Some(address) => Some(Answer::Redirected(address)),
                None => Some(Answer::Refused { code, text }),
            }
        }
        Class::Request | Class::Indication => None,
    }
}

/// XOR-MAPPED-ADDRESS; from servers that know only what was before it, that (RFC 8489 §14.1).
fn mapped(header: &Header, datagram: &[u8]) -> Option<SocketAddr> {
    let find = |kind| attributes(datagram).find(|attribute| attribute.kind == kind);
    let xor = |kind| find(kind)?.xor_address(header.transaction_id);
    xor(attribute::XOR_MAPPED_ADDRESS)
        .or_else(|| xor(attribute::OLD_XOR_MAPPED_ADDRESS))
        .or_else(|| find(attribute::MAPPED_ADDRESS)?.address())
        .map(canonical)
        .filter(is_usable)
}

/// Whether anything can be sent there at all.
fn is_usable(address: &SocketAddr) -> bool {
    address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
}
