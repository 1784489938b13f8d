//! Two whole stacks in the simulated network, and the time that passes.

use std::time::{Duration, Instant};

use actix_rtc_proto::random::Random;
use actix_rtc_proto::timer::earlier;

use crate::harness::link::Link;
use crate::harness::nat::Nat;
use crate::harness::network::{Datagram, HostId, INTERNET, LanId, Network};
use crate::peer::Peer;

pub(crate) struct Wire {
    pub(crate) now: Instant,
    pub(crate) peers: [Peer; 2],
    pub(crate) net: Network,
    hosts: [HostId; 2],
}

impl Wire {
    /// Both on the Internet, each behind such a link.
    pub(crate) fn new(now: Instant, link: Link, seed: u64) -> Wire {
        Wire::in_network(now, link, seed, |_| INTERNET)
    }

    /// The first side behind a translator.
    pub(crate) fn translated(now: Instant, link: Link, seed: u64, nat: Nat) -> (Wire, LanId) {
        let mut lan = INTERNET;
        let wire = Wire::in_network(now, link, seed, |net| {
            lan = net.add_lan(nat);
            lan
        });
        (wire, lan)
    }

    fn in_network(
        now: Instant,
        link: Link,
        seed: u64,
        first: impl FnOnce(&mut Network) -> LanId,
    ) -> Wire {
        let mut net = Network::new(Random::from_number(seed ^ 0x77));
        let lans = [first(&mut net), INTERNET];
        let peers = Peer::pair(now, seed);
        let hosts = [0, 1].map(|side: usize| {
            let host = net.add_host();
            net.add_interface(host, lans[side], peers[side].base().ip(), link);
            host
        });
        Wire {
            now,
            peers,
            net,
            hosts,
        }
    }

    /// Runs until `done`, at most `limit` of virtual time; whether it was done.
    pub(crate) fn run(&mut self, limit: Duration, mut done: impl FnMut(&mut Wire) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            self.drain();
            if done(self) {
                // What was done may have something to send.
                self.drain();
                return true;
            }
            let timeouts = self.peers.iter_mut().map(Peer::timeout);
            let next = timeouts.fold(self.net.next_event(), earlier);
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return false;
            };
            self.now = self.now.max(next);
            while let Some((host, Datagram { from, payload, .. })) = self.net.receive(self.now) {
                let side = usize::from(host == self.hosts[1]);
                self.peers[side].receive(self.now, from, payload);
            }
            for peer in &mut self.peers {
                if peer.timeout().is_some_and(|t| t <= self.now) {
                    peer.handle_timeout(self.now);
                }
            }
        }
    }

    fn drain(&mut self) {
        for (peer, host) in self.peers.iter_mut().zip(self.hosts) {
            let (now, net) = (self.now, &mut self.net);
            peer.drain(now, &mut |path, payload| {
                let (from, to) = (path.local, path.remote);
                let sent = net.send(now, host, Datagram { from, to, payload });
                sent.expect("the interface is up");
            });
        }
    }
}
