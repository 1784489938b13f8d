//! Messages made by hand, by someone who knows a session's password or does not.

use std::net::SocketAddr;

use actix_rtc_proto::ice::Parameters;
use actix_rtc_proto::net::Path;
use actix_rtc_proto::stun::binding::{Check, RoleClaim};
use actix_rtc_proto::stun::{Key, TransactionId};
use bytes::Bytes;

use crate::harness::sim::Sim;

/// Someone who claims to be the peer of a session.
pub(crate) struct Forger {
    victim: Parameters,
    ufrag: String,
}

impl Forger {
    /// With the credentials of a side, under a username fragment of one's own.
    pub(crate) fn of(sim: &Sim, side: usize, ufrag: &str) -> Forger {
        let victim = sim.peers[side].agent.local_parameters().clone();
        Forger {
            victim,
            ufrag: ufrag.to_owned(),
        }
    }

    /// What the forger would signal.
    pub(crate) fn parameters(&self) -> Parameters {
        Parameters {
            username_fragment: self.ufrag.clone(),
            password: "0123456789012345678901".into(),
            ice_lite: false,
        }
    }

    pub(crate) fn username(&self) -> String {
        format!("{}:{}", self.victim.username_fragment, self.ufrag)
    }

    pub(crate) fn key(&self) -> Key {
        Key::short_term(&self.victim.password)
    }

    /// A check as the real peer could send it.
    pub(crate) fn check(&self, transaction: u64, role: RoleClaim, use_candidate: bool) -> Bytes {
        let mut id = [0; 12];
        id[..8].copy_from_slice(&transaction.to_be_bytes());
        Check {
            transaction_id: TransactionId(id),
            username: &self.username(),
            priority: 7,
            role,
            use_candidate,
        }
        .encode(&self.key())
    }

    /// Hands such a check to a side, as if it came from `source`.
    pub(crate) fn check_from(&self, sim: &mut Sim, side: usize, source: SocketAddr) {
        let role = match sim.peers[side].agent.role() {
            actix_rtc_proto::ice::Role::Controlling => RoleClaim::Controlled(1),
            actix_rtc_proto::ice::Role::Controlled => RoleClaim::Controlling(1),
        };
        let check = self.check(u64::from(source.port()), role, false);
        hand(sim, side, source, &check);
    }
}

/// Hands a datagram to the first socket of a side.
pub(crate) fn hand(sim: &mut Sim, side: usize, source: SocketAddr, datagram: &[u8]) {
    let base = sim.peers[side].sockets()[0];
    let now = sim.now;
    sim.agent(side)
        .handle_datagram(now, Path::udp(base, source), datagram);
}
