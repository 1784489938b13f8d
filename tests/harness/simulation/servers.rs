//! The STUN and TURN servers of the simulated Internet, at fixed addresses.

use std::net::SocketAddr;
use std::time::Instant;

use actix_rtc_proto::stun::{self, Builder, Class, Header, attribute};
use bytes::Bytes;

use super::network::Datagram;
use super::turn_server::TurnServer;

#[derive(Debug, Default)]
pub(crate) struct Servers {
    pub(crate) stun: Option<SocketAddr>,
    pub(crate) turn: Option<TurnServer>,
    /// They receive and never answer.
    pub(crate) silent: bool,
}

impl Servers {
    /// Whether a datagram to this address is for a server, or for an address on one.
    pub(crate) fn owns(&self, to: SocketAddr) -> bool {
        let turn = self.turn.as_ref().map(|turn| turn.address.ip());
        self.stun == Some(to) || turn == Some(to.ip())
    }

    /// What a server sends when it receives this.
    pub(crate) fn receive(&mut self, now: Instant, datagram: Datagram) -> Option<Datagram> {
        if self.silent {
            return None;
        }
        if self.stun == Some(datagram.to) {
            return answer_binding(datagram);
        }
        self.turn.as_mut()?.receive(now, datagram)
    }
}

fn answer_binding(request: Datagram) -> Option<Datagram> {
    let header = stun::peek(&request.payload)?;
    let payload: Bytes = Builder::new(Header {
        class: Class::SuccessResponse,
        ..header
    })
    .xor_address(attribute::XOR_MAPPED_ADDRESS, request.from)
    .fingerprint()
    .build();
    Some(Datagram {
        from: request.to,
        to: request.from,
        payload,
    })
}
