//! A session's allocations on TURN servers: each with its TURN client, and a socket or connection
//! of its own.
//!
//! The machine in [`gather`](crate::proto::gather) says which to make; what comes of each is a
//! [`RelayEvent`]. An allocation is the base of its candidate: paths from its relayed address lead
//! through it, and the ICE actor notices no difference.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use proto::Machine;
use proto::gather::{Allocation, AllocationId, Host, ServerUrl, Transport};
use proto::net::{Path, Segments};
use proto::timer::{due, earlier};
use proto::turn::{Client, Event, Failure, Framing, SendError};

use crate::kit::alarm::now;
use crate::metrics::Share;
use crate::net::stream::{Destination, Stream};
use crate::net::udp::{Sent, Udp};
use crate::session::scope::Scope;

/// What became of an allocation.
#[derive(Debug)]
pub(super) enum RelayEvent {
    /// It is there.
    Allocated {
        id: AllocationId,
        relayed: SocketAddr,
        mapped: Option<SocketAddr>,
    },
    /// It could not be refreshed. It still lives, and that is tried again.
    RefreshFailed { url: ServerUrl, failure: Failure },
    /// It was not made, or is no more; then `relayed` is what it was.
    Failed {
        id: AllocationId,
        relayed: Option<SocketAddr>,
        failure: Failure,
    },
}

/// All allocations of a session.
pub(super) struct Relays {
    scope: Arc<Scope>,
    list: Vec<Relay>,
    /// As long as one wake brings.
    received: Vec<(Path, Segments)>,
    /// At most a few for each allocation and drain.
    events: VecDeque<RelayEvent>,
    /// Wakes the actor, which then polls: something is to be connected or written.
    waker: Option<Waker>,
}

/// One allocation.
struct Relay {
    id: AllocationId,
    url: ServerUrl,
    wire: Wire,
    client: Client,
    transport: Transport,
    relayed: Option<SocketAddr>,
    /// In the gauge of allocations, while it lives.
    counted: Option<Share>,
    /// How many were counted.
    stale_nonces: u64,
}

/// What leads to the server.
enum Wire {
    Connecting(Pin<Box<dyn Future<Output = Result<Stream, Failure>>>>),
    Stream(Stream),
    Udp(Udp),
}

impl Relays {
    pub(super) fn new(scope: Arc<Scope>) -> Relays {
        Relays {
            scope,
            list: Vec::new(),
            received: Vec::new(),
            events: VecDeque::new(),
            waker: None,
        }
    }

    /// Whether there is none, nor one that is still being given back.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether nothing is to be said or timed.
    pub(super) fn is_quiet(&self) -> bool {
        self.list.is_empty() && self.events.is_empty()
    }

    /// Whether this is a relayed address of ours.
    pub(super) fn has(&self, relayed: SocketAddr) -> bool {
        self.list.iter().any(|relay| relay.relayed == Some(relayed))
    }

    /// Makes an allocation.
    pub(super) fn open(&mut self, allocation: Allocation) {
        let id = allocation.id;
        match Relay::open(&self.scope, allocation) {
            Ok(relay) => {
                self.list.push(relay);
                self.drain(self.list.len() - 1);
                // To connect, and to be woken by what comes.
                self.wake();
            }
            Err(failure) => self.events.push_back(RelayEvent::Failed {
                id,
                relayed: None,
                failure,
            }),
        }
    }

    /// What became of allocations.
    pub(super) fn poll_event(&mut self) -> Option<RelayEvent> {
        self.events.pop_front()
    }

    /// Takes note of whom to wake for the next allocation.
    pub(super) fn watch(&mut self, cx: &Context<'_>) {
        let known = |waker: &Waker| waker.will_wake(cx.waker());
        if !self.waker.as_ref().is_some_and(known) {
            self.waker = Some(cx.waker().clone());
        }
    }

    /// Connects, writes and, if `may_read`, reads what peers have sent into `received`.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        may_read: bool,
        received: &mut Vec<(Path, Segments)>,
    ) {
        self.watch(cx);
        for index in (0..self.list.len()).rev() {
            if let Err(failure) = self.list[index].poll_connect(cx) {
                self.fail(index, failure);
                continue;
            }
            if may_read {
                self.list[index].poll_recv(cx);
            }
            // What that led to is written in the same wake; an error of it is said, too.
            if self.drain(index) {
                self.list[index].poll_flush(cx);
                self.drain(index);
            }
        }
        received.append(&mut self.received);
    }

    /// Sends datagrams along a path from a relayed address; `None` when that is none of ours.
    /// [`flush`](Self::flush) follows after the last of a batch.
    pub(super) fn send(&mut self, path: Path, segments: &Segments) -> Option<Sent> {
        let is_its = |relay: &&mut Relay| relay.relayed == Some(path.local);
        let relay = self.list.iter_mut().find(is_its)?;
        if matches!(&relay.wire, Wire::Stream(stream) if !stream.has_room()) {
            return Some(Sent::Dropped);
        }
        let sent = relay.client.send_segments(now(), path.remote, segments);
        Some(match sent {
            Ok(()) => Sent::Accepted,
            Err(SendError::WouldBlock | SendError::TooLarge) => Sent::Dropped,
            Err(_) => Sent::Refused,
        })
    }

    /// Lets what was sent go out.
    pub(super) fn flush(&mut self) {
        for index in (0..self.list.len()).rev() {
            self.drain(index);
        }
        self.wake_to_write();
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for index in (0..self.list.len()).rev() {
            let client = &mut self.list[index].client;
            if due(client.poll_timeout(), now) {
                client.handle_timeout(now);
                self.drain(index);
            }
        }
        self.wake_to_write();
    }

    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        let timeouts = self
            .list
            .iter_mut()
            .map(|relay| relay.client.poll_timeout());
        timeouts.fold(None, earlier)
    }

    /// Gives all of them back. [`is_empty`](Self::is_empty) says when that is done.
    pub(super) fn close(&mut self, now: Instant) {
        for index in (0..self.list.len()).rev() {
            self.list[index].client.close(now);
            self.drain(index);
        }
        self.wake_to_write();
    }

    /// Takes out of one client what it has to send and to say; `false` when that was its end.
    fn drain(&mut self, index: usize) -> bool {
        let relay = &mut self.list[index];
        relay.transmit();
        // No failure, but an operator may want to see it.
        let stale = relay.client.counters().stale_nonces;
        if stale != relay.stale_nonces {
            let metrics = &self.scope.metrics.gatherer;
            metrics.stale_nonces(stale - relay.stale_nonces);
            relay.stale_nonces = stale;
        }
        while let Some(event) = relay.client.poll_event() {
            match event {
                Event::Received { peer, data } => {
                    if let Some(relayed) = relay.relayed {
                        self.received.push((Path::udp(relayed, peer), data.into()));
                    }
                }
                Event::Allocated {
                    relayed, mapped, ..
                } => {
                    relay.relayed = Some(relayed);
                    let gauges = &self.scope.metrics.gatherer.turn_allocations;
                    relay.counted = Some(Share::one(gauges.get(relay.transport.into())));
                    let id = relay.id;
                    self.events.push_back(RelayEvent::Allocated {
                        id,
                        relayed,
                        mapped,
                    });
                }
                Event::RefreshFailed(failure) => {
                    self.scope.metrics.gatherer.turn_failed(&failure);
                    let url = relay.url.clone();
                    self.events
                        .push_back(RelayEvent::RefreshFailed { url, failure });
                }
                Event::PeerRefused { peer, failure } => {
                    self.scope.metrics.gatherer.turn_failed(&failure);
                    tracing::debug!(
                        url = %relay.url, %peer, %failure,
                        "a relay does not lead there"
                    );
                }
                Event::Permitted { .. } | Event::ChannelBound { .. } => {}
                Event::Failed(failure) => {
                    self.fail(index, failure);
                    return false;
                }
                Event::Closed => {
                    self.list.remove(index);
                    return false;
                }
            }
        }
        true
    }

    fn fail(&mut self, index: usize, failure: Failure) {
        self.scope.metrics.gatherer.turn_failed(&failure);
        let Relay { id, relayed, .. } = self.list.remove(index);
        self.events.push_back(RelayEvent::Failed {
            id,
            relayed,
            failure,
        });
    }

    /// Connections are written to when the actor is polled.
    fn wake_to_write(&self) {
        let waits = |relay: &Relay| matches!(&relay.wire, Wire::Stream(s) if !s.is_flushed());
        if self.list.iter().any(waits) {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

impl Relay {
    fn open(scope: &Scope, allocation: Allocation) -> Result<Relay, Failure> {
        let Allocation {
            id,
            url,
            transport,
            server,
            domain,
            local,
            credentials,
        } = allocation;
        let config = &scope.config;
        let connect = |tls| {
            let destination = Destination { local, server, tls };
            Wire::Connecting(Box::pin(Stream::connect(destination)))
        };
        let (wire, framing) = match transport {
            Transport::Udp => {
                let failure = |error: std::io::Error| Failure::Connect {
                    detail: error.to_string(),
                };
                let mut udp =
                    Udp::bind(SocketAddr::new(local, 0), config.socket_buffer).map_err(failure)?;
                udp.hide_destination();
                udp.connect(server).map_err(failure)?;
                (Wire::Udp(udp), Framing::Datagrams)
            }
            Transport::Tcp => (connect(None), Framing::Stream),
            Transport::Tls => {
                let name = domain.unwrap_or_else(|| match url.host() {
                    Host::Name(name) => name.to_string(),
                    Host::Ip(ip) => ip.to_string(),
                });
                let tls = Some((name, config.tls_roots.clone()));
                (connect(tls), Framing::Stream)
            }
            Transport::Dtls => {
                let detail = "TURN over DTLS is not spoken here".into();
                return Err(Failure::Connect { detail });
            }
        };
        let turn = config.turn.clone();
        let mut client = Client::new(turn, server, framing, credentials, scope.random());
        if framing == Framing::Datagrams {
            begin(&mut client);
        }
        Ok(Relay {
            id,
            url,
            wire,
            client,
            transport,
            relayed: None,
            counted: None,
            stale_nonces: 0,
        })
    }

    /// Goes on connecting; an error is final.
    fn poll_connect(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        if let Wire::Connecting(connecting) = &mut self.wire
            && let Poll::Ready(stream) = connecting.as_mut().poll(cx)
        {
            self.wire = Wire::Stream(stream?);
            begin(&mut self.client);
        }
        Ok(())
    }

    /// Reads what the server has sent.
    fn poll_recv(&mut self, cx: &mut Context<'_>) {
        let client = &mut self.client;
        match &mut self.wire {
            Wire::Connecting(_) => {}
            Wire::Stream(stream) => {
                let read = stream.poll_recv(cx, |bytes| client.handle_stream(now(), bytes));
                if let Poll::Ready(Err(error)) = read {
                    tracing::debug!(url = %self.url, %error, "TURN connection");
                    client.handle_disconnected(now());
                }
            }
            Wire::Udp(udp) => {
                let mut received = Vec::new();
                let read = udp.poll_recv(cx, &mut received);
                for (path, segments) in &received {
                    client.handle_segments(now(), path.remote, segments);
                }
                if let Poll::Ready(Err(error)) = read {
                    tracing::debug!(url = %self.url, %error, "TURN socket");
                    client.handle_unreachable(now());
                    // There may be more behind the error.
                    cx.waker().wake_by_ref();
                }
            }
        }
    }

    /// Writes what waits.
    fn poll_flush(&mut self, cx: &mut Context<'_>) {
        match &mut self.wire {
            Wire::Connecting(_) => {}
            Wire::Stream(stream) => {
                if let Poll::Ready(Err(error)) = stream.poll_flush(cx) {
                    tracing::debug!(url = %self.url, %error, "TURN connection");
                    self.client.handle_disconnected(now());
                }
            }
            Wire::Udp(udp) => {
                let _ = udp.poll_flush(cx);
            }
        }
    }

    /// Moves what the client has for the server to the wire; on a connection, `poll_flush` writes.
    fn transmit(&mut self) {
        while let Some(segments) = self.client.poll_transmit(now()) {
            match &mut self.wire {
                // Nothing is asked before the connection is there.
                Wire::Connecting(_) => {}
                Wire::Stream(stream) => stream.send(segments.contents().clone()),
                Wire::Udp(udp) => {
                    let path = Path::udp(udp.bound(), self.client.server());
                    if udp.send(path, &segments) == Sent::Refused {
                        self.client.handle_unreachable(now());
                    }
                }
            }
        }
    }
}

/// Asks for the allocation.
fn begin(client: &mut Client) {
    let begun = client.allocate(now());
    debug_assert!(begun.is_ok(), "each client is begun once");
}
