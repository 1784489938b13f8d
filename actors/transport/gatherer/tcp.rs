//! A session's TCP connections (RFC 6544): those it has opened from its active candidates, and
//! those that the worker's port has accepted for it.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as Cx, Poll};
use std::time::Duration;

use actix::prelude::*;
use bytes::{Buf, Bytes, BytesMut};
use proto::framing::{Deframer, frame};
use proto::gather::{ACTIVE_PORT, Base};
use proto::net::{Path, Protocol, Segments};
use tokio::io::AsyncWrite;
use tokio::net::{TcpSocket, TcpStream};

use super::GathererActor;
use crate::net::udp::{Sent, with_space};
use crate::ports::Ports;
use crate::ports::tcp::{Accepted, Callee, TcpPort};

/// How many connections a session may have. One more takes the place of one on which nobody has
/// proven to be the peer; if there is none, it is closed.
const CONNECTIONS: usize = 16;

/// How many connections a session may be opening. The checks of others are refused.
const DIALING: usize = 8;

/// How long a connection may take to open.
const DIAL: Duration = Duration::from_secs(10);

/// How many bytes may wait for a connection to take them. Datagrams beyond are dropped, as a
/// network would: DTLS and SCTP send them again.
const WAITING: usize = 1 << 20;

/// How often a connection is read in one wake, before the others have their turn.
const READS: usize = 4;

type Dial = Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;

/// See the [module](self).
pub(super) struct Connections {
    port: Option<TcpPort>,
    callee: Option<Callee>,
    open: HashMap<Path, Connection>,
    dialing: HashMap<Path, (Dial, BytesMut)>,
}

struct Connection {
    stream: TcpStream,
    /// What came before the session was known.
    first: Option<Bytes>,
    deframer: Deframer,
    out: BytesMut,
    /// Whether the peer has proven that it is there.
    authenticated: bool,
}

impl Connections {
    /// With the worker's port, where there is one; what it accepts for the session goes to
    /// `session`.
    pub(super) fn new(ports: &Ports, session: Recipient<Accepted>) -> Connections {
        let callee = |_| Callee::new(ports.callees.clone(), session);
        Connections {
            callee: ports.tcp.as_ref().map(callee),
            port: ports.tcp.clone(),
            open: HashMap::new(),
            dialing: HashMap::new(),
        }
    }

    /// The bases of TCP candidates: passive ones on the worker's port, and an active one for each
    /// address of the host.
    pub(super) fn bases(&self, hosts: &[SocketAddr]) -> Vec<Base> {
        let Some(port) = &self.port else {
            return Vec::new();
        };
        let passive = port.bases(hosts);
        let active = passive.iter().map(Base::active);
        active.chain(passive.iter().cloned()).collect()
    }

    /// Connections that begin with this fragment are the session's.
    pub(super) fn set_ufrag(&mut self, ufrag: &str) {
        if let Some(callee) = &mut self.callee {
            callee.set_ufrag(ufrag);
        }
    }

    /// Sends datagrams on the connection of a path; opens it if it is ours to open. `None` when
    /// the path is not of TCP.
    pub(super) fn send(&mut self, path: Path, segments: &Segments) -> Option<Sent> {
        if path.protocol != Protocol::Tcp {
            return None;
        }
        if let Some(connection) = self.open.get_mut(&path) {
            return Some(connection.send(segments));
        }
        if let Some((_, waiting)) = self.dialing.get_mut(&path) {
            return Some(enqueue(segments, waiting));
        }
        if path.local.port() != ACTIVE_PORT || self.dialing.len() >= DIALING {
            return Some(Sent::Refused);
        }
        let mut waiting = BytesMut::new();
        let sent = enqueue(segments, &mut waiting);
        self.dialing
            .insert(path, (Box::pin(dial(path.local, path.remote)), waiting));
        Some(sent)
    }

    /// Takes a connection that began with a request for this session.
    pub(super) fn accept(&mut self, accepted: Accepted) -> io::Result<()> {
        let stream = TcpStream::from_std(accepted.stream)?;
        stream.set_nodelay(true)?;
        if self.open.len() >= CONNECTIONS && !self.make_room() {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let path = Path::tcp(accepted.local, accepted.remote);
        let connection = Connection {
            stream,
            first: Some(accepted.first),
            deframer: accepted.deframer,
            out: BytesMut::new(),
            authenticated: false,
        };
        self.open.insert(path, connection);
        Ok(())
    }

    fn make_room(&mut self) -> bool {
        let unproven = self.open.iter().find(|(_, c)| !c.authenticated);
        let unproven = unproven.map(|(path, _)| *path);
        unproven.is_some_and(|path| self.open.remove(&path).is_some())
    }

    /// The peer has proven to be at the other end.
    pub(super) fn authenticated(&mut self, path: &Path) {
        if let Some(connection) = self.open.get_mut(path) {
            connection.authenticated = true;
        }
    }

    /// An address of ours is gone.
    pub(super) fn remove_base(&mut self, base: SocketAddr) {
        self.open.retain(|path, _| path.local != base);
        self.dialing.retain(|path, _| path.local != base);
    }

    /// Closes everything, and is not called any more.
    pub(super) fn close(&mut self) {
        self.callee = None;
        self.open.clear();
        self.dialing.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.dialing.is_empty()
    }

    /// Reads, if it may, and writes what waits. Returns the paths whose connections have ended.
    pub(super) fn poll(
        &mut self,
        cx: &mut Cx<'_>,
        may_read: bool,
        batch: &mut Vec<(Path, Segments)>,
    ) -> Vec<Path> {
        let mut lost = Vec::new();
        self.poll_dialing(cx, &mut lost);
        for (path, connection) in &mut self.open {
            let flushed = connection.poll_flush(cx);
            let read = match may_read {
                true => connection.poll_read(cx, *path, batch),
                false => Ok(()),
            };
            if let Err(error) = flushed.and(read) {
                tracing::debug!(%path, %error, "connection ended");
                lost.push(*path);
            }
        }
        for path in &lost {
            self.open.remove(path);
        }
        lost
    }

    fn poll_dialing(&mut self, cx: &mut Cx<'_>, lost: &mut Vec<Path>) {
        let mut opened = Vec::new();
        self.dialing.retain(|path, (dial, waiting)| {
            let Poll::Ready(outcome) = dial.as_mut().poll(cx) else {
                return true;
            };
            match outcome {
                Ok(stream) => opened.push((*path, stream, std::mem::take(waiting))),
                Err(error) => {
                    tracing::debug!(%path, %error, "cannot connect");
                    lost.push(*path);
                }
            }
            false
        });
        for (path, stream, out) in opened {
            let connection = Connection {
                stream,
                first: None,
                deframer: Deframer::new(usize::from(u16::MAX)),
                out,
                // Whom we call is who we want to talk to; the limit is that of the candidates.
                authenticated: true,
            };
            self.open.insert(path, connection);
        }
    }
}

impl Handler<Accepted> for GathererActor {
    type Result = ();

    fn handle(&mut self, accepted: Accepted, _: &mut Context<Self>) {
        let remote = accepted.remote;
        // What it has brought is read right after this message.
        if let Err(error) = self.connections.accept(accepted) {
            tracing::debug!(session = %self.scope.id, %remote, %error, "connection not taken");
        }
    }
}

/// Opens a connection from one of our addresses.
async fn dial(local: SocketAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = match remote {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    let mut from = local;
    from.set_port(0);
    socket.bind(from)?;
    let connecting = tokio::time::timeout(DIAL, socket.connect(remote));
    let stream = connecting.await.map_err(|_| io::ErrorKind::TimedOut)??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn enqueue(segments: &Segments, out: &mut BytesMut) -> Sent {
    if out.len() + segments.len() > WAITING {
        return Sent::Dropped;
    }
    frame(segments, out);
    Sent::Accepted
}

impl Connection {
    fn send(&mut self, segments: &Segments) -> Sent {
        let sent = enqueue(segments, &mut self.out);
        // An error shows when the connection is polled next.
        while !self.out.is_empty() {
            match self.stream.try_write(&self.out) {
                Ok(written) => self.out.advance(written),
                Err(_) => break,
            }
        }
        sent
    }

    fn poll_flush(&mut self, cx: &mut Cx<'_>) -> io::Result<()> {
        while !self.out.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.out) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => self.out.advance(written),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    fn poll_read(
        &mut self,
        cx: &mut Cx<'_>,
        path: Path,
        batch: &mut Vec<(Path, Segments)>,
    ) -> io::Result<()> {
        if let Some(first) = self.first.take() {
            batch.push((path, first.into()));
            self.deframed(path, batch)?;
        }
        for _ in 0..READS {
            match self.stream.poll_read_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Ok(()),
            }
            let read = with_space(|space| -> io::Result<usize> {
                let length = self.stream.try_read(space)?;
                self.deframer.push(&space[..length]);
                Ok(length)
            });
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => self.deframed(path, batch)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        // There may be more: come back after the others.
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Takes out the datagrams that are complete.
    fn deframed(&mut self, path: Path, batch: &mut Vec<(Path, Segments)>) -> io::Result<()> {
        while let Some(datagram) = self.deframer.next_datagram().map_err(io::Error::other)? {
            batch.push((path, datagram.into()));
        }
        Ok(())
    }
}
