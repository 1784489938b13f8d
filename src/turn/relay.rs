//! Data to and from peers.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;

use super::attribute::DATA_METHOD;
use super::client::Client;
use super::event::{Event, SendError};
use super::frame;
use super::message::{self, Request, SEND_OVERHEAD};
use super::peers::{Full, Route};
use crate::demux::{self, Kind};
use crate::net::{Segments, canonical};
use crate::stun::{self, Class, TransactionId};

/// What UDP over IPv4 carries, less what TURN adds to it on its way to the server.
const MAX_DATA: usize = 65_507 - SEND_OVERHEAD;

impl Client {
    /// Sends a datagram to a peer through the relay.
    ///
    /// The first one to a peer asks for a permission, and waits for it (up to
    /// [`MAX_HELD`](super::MAX_HELD) of them). The first that is not STUN binds a channel.
    ///
    /// # Errors
    ///
    /// Nothing was sent, and nothing waits.
    pub fn send(&mut self, now: Instant, peer: SocketAddr, data: &[u8]) -> Result<(), SendError> {
        let now = self.now(now);
        let peer = canonical(peer);
        self.check(peer.ip())?;
        if data.len() > MAX_DATA {
            return Err(SendError::TooLarge);
        }
        match self.peers.route(peer) {
            Route::Channel(number) => {
                self.output
                    .channel_data(number, data)
                    .ok_or(SendError::TooLarge)?;
                self.counters.channel_data_sent += 1;
            }
            Route::Indication { may_bind } => {
                let id = TransactionId::random(&mut self.random);
                self.output
                    .send_indication(id, peer, data)
                    .ok_or(SendError::TooLarge)?;
                self.counters.indications_sent += 1;
                let is_stun = demux::classify(data) == Some(Kind::Stun);
                if may_bind && self.config.channels && !is_stun {
                    self.bind(now, peer)?;
                }
            }
            Route::Unknown => {
                self.permit(now, peer.ip())?;
                return self.hold(peer, data);
            }
            Route::Asked => return self.hold(peer, data),
            Route::Refused => return Err(SendError::Refused),
        }
        self.counters.bytes_sent += data.len() as u64;
        if self.silence.is_none() && !self.config.silence.is_zero() {
            self.silence = Some(now + self.config.silence);
        }
        Ok(())
    }

    /// Sends several datagrams to one peer.
    ///
    /// # Errors
    ///
    /// The first datagram for which there is one; those after it are not sent.
    pub fn send_segments(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        segments: &Segments,
    ) -> Result<(), SendError> {
        segments
            .iter()
            .try_for_each(|datagram| self.send(now, peer, &datagram))
    }

    /// Asks the server to relay to and from a peer, without anything to send:
    /// [`Event::Permitted`] or [`Event::PeerRefused`] follows, unless it is permitted already.
    ///
    /// # Errors
    ///
    /// It cannot be asked for.
    pub fn permit(&mut self, now: Instant, peer: IpAddr) -> Result<(), SendError> {
        let now = self.now(now);
        let peer = peer.to_canonical();
        self.check(peer)?;
        match self.peers.ask(peer) {
            Ok(true) => self.request(now, Request::Permit { peer }),
            Ok(false) => {}
            Err(Full) => return Err(SendError::TooManyPeers),
        }
        Ok(())
    }

    /// Binds a channel, without waiting for data to do so: [`Event::ChannelBound`] follows, unless
    /// it is bound already or the server does not want to.
    ///
    /// # Errors
    ///
    /// It cannot be asked for.
    pub fn bind(&mut self, now: Instant, peer: SocketAddr) -> Result<(), SendError> {
        let now = self.now(now);
        let peer = canonical(peer);
        self.check(peer.ip())?;
        match self.peers.bind(peer) {
            Ok(Some(number)) => self.request(now, Request::Bind { number, peer }),
            Ok(None) => {}
            Err(Full) => return Err(SendError::TooManyPeers),
        }
        Ok(())
    }

    /// A whole message from the server.
    pub(super) fn handle_message(&mut self, now: Instant, message: Bytes) {
        self.silence = None;
        match demux::classify(&message) {
            Some(Kind::TurnChannel) => self.handle_channel_data(&message),
            Some(Kind::Stun) => match stun::peek(&message) {
                Some(header) => match header.class {
                    Class::SuccessResponse | Class::ErrorResponse => {
                        self.handle_response(now, header, &message);
                    }
                    Class::Indication if header.method == DATA_METHOD => {
                        match message::parse_data(&header, &message) {
                            Some((peer, data)) => self.handle_data(peer, data),
                            None => self.counters.malformed += 1,
                        }
                    }
                    // Nothing else is for a client.
                    Class::Indication | Class::Request => self.counters.malformed += 1,
                },
                None => self.counters.malformed += 1,
            },
            Some(Kind::Dtls | Kind::Rtp) | None => self.counters.malformed += 1,
        }
    }

    fn handle_data(&mut self, peer: SocketAddr, data: Bytes) {
        // RFC 8656 §11.4
        if !self.peers.permits(peer.ip()) {
            self.counters.not_permitted += 1;
            return;
        }
        self.counters.indications_received += 1;
        self.received(peer, data);
    }

    fn handle_channel_data(&mut self, message: &Bytes) {
        let Some((number, data)) = frame::parse_channel_data(message) else {
            self.counters.malformed += 1;
            return;
        };
        // RFC 8656 §12.6
        let Some(peer) = self.peers.peer_of(number) else {
            self.counters.not_permitted += 1;
            return;
        };
        self.counters.channel_data_received += 1;
        self.received(peer, data);
    }

    fn received(&mut self, peer: SocketAddr, data: Bytes) {
        self.counters.bytes_received += data.len() as u64;
        self.events.push_back(Event::Received { peer, data });
    }

    fn hold(&mut self, peer: SocketAddr, data: &[u8]) -> Result<(), SendError> {
        if self.peers.hold(peer, data) {
            Ok(())
        } else {
            Err(SendError::WouldBlock)
        }
    }

    fn check(&self, peer: IpAddr) -> Result<(), SendError> {
        let allocation = self.allocation().ok_or(SendError::NotAllocated)?;
        // RFC 8656 §10.2: the server would answer 443.
        if allocation.relayed.is_ipv4() == peer.is_ipv4() {
            Ok(())
        } else {
            Err(SendError::WrongFamily)
        }
    }
}
