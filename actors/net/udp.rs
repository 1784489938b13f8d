//! A UDP socket with segmentation offload at both ends.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use proto::net::{Path, Segments, canonical};
use proto::random::Random;
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, SockRef, Socket, Type};

use crate::net::readiness::{self, Left};

/// How many receive calls one wake makes before other tasks have their turn. Each call may bring
/// 64 datagrams.
const RECEIVES_PER_WAKE: usize = 4;

/// How much may wait for a full socket buffer before datagrams are dropped, as a network would.
const MAX_WAITING: usize = 1 << 20;

/// A datagram of UDP is at most this long, and so is what GRO joins.
const RECEIVE_SIZE: usize = 65_535;

/// How many buffers one receive call fills.
const RECEIVE_BUFFERS: usize = 4;

thread_local! {
    /// All sockets of a thread receive into the same space, so a thousand idle sessions hold no
    /// buffers.
    static SPACE: RefCell<Vec<u8>> = RefCell::new(vec![0; RECEIVE_SIZE * RECEIVE_BUFFERS]);
}

/// Room to receive into, for anything of this thread: what is received is copied out of it.
pub(crate) fn with_space<T>(f: impl FnOnce(&mut [u8]) -> T) -> T {
    SPACE.with_borrow_mut(|space| f(space))
}

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Udp {
    socket: readiness::Socket,
    state: UdpSocketState,
    bound: SocketAddr,
    /// Whether a path names the address of ours that it uses; only on a wildcard socket.
    tells_destination: bool,
    waiting: VecDeque<(Path, Segments)>,
    waiting_bytes: usize,
}

/// What came of a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is on its way, or waits for room in the socket.
    Accepted,
    /// There was no room; it is lost, as if by the network.
    Dropped,
    /// The system refuses this destination.
    Refused,
}

impl Udp {
    /// Binds a socket on a port of a range, or on any port when there is none. The search begins
    /// somewhere in the range, so that it is short as long as few ports of it are taken.
    pub(crate) fn bind_in(
        mut address: SocketAddr,
        range: Option<RangeInclusive<u16>>,
        random: &mut Random,
        buffer: usize,
    ) -> io::Result<Udp> {
        let Some((first, last)) = range.map(RangeInclusive::into_inner) else {
            return Udp::bind(address, buffer);
        };
        let count = u32::from(last.saturating_sub(first)) + 1;
        let begin = random.u32() % count;
        for i in 0..count {
            address.set_port(first + ((begin + i) % count) as u16);
            match Udp::bind(address, buffer) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                bound => return bound,
            }
        }
        let why = format!("every port from {first} to {last} is in use");
        Err(io::Error::new(io::ErrorKind::AddrInUse, why))
    }

    /// Binds a socket and asks for `buffer` bytes of room each way.
    pub(crate) fn bind(address: SocketAddr, buffer: usize) -> io::Result<Udp> {
        Udp::open(std::net::UdpSocket::bind(address)?, buffer)
    }

    /// The same on a port that other sockets of this process have bound, or will: the kernel deals
    /// datagrams out among them.
    pub(crate) fn bind_shared(address: SocketAddr, buffer: usize) -> io::Result<Udp> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::DGRAM, Some(socket2::Protocol::UDP))?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        Udp::open(socket.into(), buffer)
    }

    fn open(socket: std::net::UdpSocket, buffer: usize) -> io::Result<Udp> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // What the system grants may be less; the socket works all the same.
        let reference = UdpSockRef::from(&socket);
        let _ = state.set_recv_buffer_size(reference, buffer);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), buffer);
        warn_of_small_buffer(state.recv_buffer_size(UdpSockRef::from(&socket)), buffer);
        let bound = canonical(socket.local_addr()?);
        let tells_destination = bound.ip().is_unspecified();
        spare_control_messages(&socket, tells_destination);
        let socket = readiness::Socket::new(socket)?;
        let waiting = VecDeque::new();
        Ok(Udp {
            socket,
            state,
            bound,
            tells_destination,
            waiting,
            waiting_bytes: 0,
        })
    }

    /// On a wildcard socket whose addresses are not told to peers: the bound address stands for
    /// all of them.
    pub(crate) fn hide_destination(&mut self) {
        self.tells_destination = false;
    }

    /// Takes datagrams from nobody but this address. Then an ICMP error that it sends is an error
    /// of this socket, too.
    pub(crate) fn connect(&self, remote: SocketAddr) -> io::Result<()> {
        // Elsewhere a connected socket takes no destination, and each datagram is sent with one.
        if cfg!(any(target_os = "linux", target_os = "android", windows)) {
            SockRef::from(self.socket.get()).connect(&remote.into())?;
        }
        Ok(())
    }

    /// The address it is bound to; its IP may be a wildcard.
    pub(crate) fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// Receives what there is, at most a few hundred datagrams; `Pending` when nothing came.
    pub(crate) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        out: &mut Vec<(Path, Segments)>,
    ) -> Poll<io::Result<()>> {
        let begin = out.len();
        for _ in 0..RECEIVES_PER_WAKE {
            match self
                .socket
                .poll_recv(cx, |socket| self.receive(socket, out))
            {
                Poll::Ready(received) => received?,
                Poll::Pending if out.len() == begin => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(())),
            }
        }
        // There may be more: come back after the others.
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    fn receive<S>(&self, socket: &S, out: &mut Vec<(Path, Segments)>) -> io::Result<Left>
    where
        for<'a> UdpSockRef<'a>: From<&'a S>,
    {
        with_space(|space| {
            let mut metas = [RecvMeta::default(); RECEIVE_BUFFERS];
            let mut buffers = space.chunks_mut(RECEIVE_SIZE).map(IoSliceMut::new);
            let mut buffers: [IoSliceMut<'_>; RECEIVE_BUFFERS] =
                std::array::from_fn(|_| buffers.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
            let socket = UdpSockRef::from(socket);
            let received = self.state.recv(socket, &mut buffers, &mut metas)?;
            for (meta, buffer) in metas[..received].iter().zip(&buffers) {
                if meta.len == 0 {
                    continue;
                }
                let path = Path::udp(self.local(meta.dst_ip), meta.addr);
                let contents = Bytes::copy_from_slice(&buffer[..meta.len]);
                out.push((path, Segments::new(contents, meta.stride)));
            }
            // Where a call can fill them all, buffers that are left mean that nothing is.
            let all = RECEIVE_BUFFERS.min(quinn_udp::BATCH_SIZE);
            Ok(if received < all {
                Left::Nothing
            } else {
                Left::Perhaps
            })
        })
    }

    /// On a wildcard socket, the address that the peer has sent to.
    fn local(&self, destination: Option<IpAddr>) -> SocketAddr {
        match destination {
            Some(ip) if self.tells_destination => canonical(SocketAddr::new(ip, self.bound.port())),
            _ => self.bound,
        }
    }

    /// Sends datagrams along a path, in order.
    pub(crate) fn send(&mut self, path: Path, segments: &Segments) -> Sent {
        if self.waiting.is_empty() {
            match self.try_send(path, segments) {
                Ok(()) => return Sent::Accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Sent::Refused,
            }
        }
        if self.waiting_bytes + segments.len() > MAX_WAITING {
            return Sent::Dropped;
        }
        self.waiting_bytes += segments.len();
        self.waiting.push_back((path, segments.clone()));
        Sent::Accepted
    }

    /// Whether something waits for room in the socket.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends what waits, once there is room.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some((path, segments)) = self.waiting.front().cloned() {
            let sender = Sender {
                state: &self.state,
                source: self.tells_destination.then_some(path.local.ip()),
            };
            let sent = self
                .socket
                .poll_send(cx, |socket| sender.send(socket, path, &segments));
            // Refused now: it is a datagram, it may be lost.
            let _ = ready!(sent);
            self.waiting.pop_front();
            self.waiting_bytes -= segments.len();
        }
        self.socket.flushed();
        Poll::Ready(())
    }

    fn try_send(&self, path: Path, segments: &Segments) -> io::Result<()> {
        let sender = Sender {
            state: &self.state,
            source: self.tells_destination.then_some(path.local.ip()),
        };
        sender.send(self.socket.get(), path, segments)
    }
}

/// What a send call needs besides a socket.
struct Sender<'a> {
    state: &'a UdpSocketState,
    source: Option<IpAddr>,
}

impl Sender<'_> {
    fn send<S>(&self, socket: &S, path: Path, segments: &Segments) -> io::Result<()>
    where
        for<'a> UdpSockRef<'a>: From<&'a S>,
        for<'a> SockRef<'a>: From<&'a S>,
    {
        let at_once = self.state.max_gso_segments().max(1);
        let size = segments.segment_size();
        if segments.len() <= size && self.source.is_none() {
            // The plainest call, for what needs no more.
            loop {
                match SockRef::from(socket).send_to(segments.contents(), &path.remote.into()) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    sent => return sent.map(drop),
                }
            }
        }
        // Nothing but the last piece is sent twice if the system has no room for it: datagrams
        // may be duplicated.
        for piece in segments
            .contents()
            .chunks(size.saturating_mul(at_once).max(1))
        {
            let transmit = Transmit {
                destination: path.remote,
                ecn: None,
                contents: piece,
                segment_size: (piece.len() > size).then_some(size),
                src_ip: self.source,
            };
            self.state.try_send(UdpSockRef::from(socket), &transmit)?;
        }
        Ok(())
    }
}

/// quinn-udp asks for more about each datagram than is used here: when it came, its ECN bits, and,
/// on a socket that has only one, the address that it was sent to. The system works for each.
fn spare_control_messages(socket: &std::net::UdpSocket, tells_destination: bool) {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{setsockopt, sockopt};
        // Where it cannot be switched off, it only costs.
        let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &false);
        let _ = setsockopt(socket, sockopt::IpRecvTos, &false);
        if !tells_destination {
            let _ = setsockopt(socket, sockopt::Ipv4PacketInfo, &false);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (socket, tells_destination);
}

/// Errors that a UDP socket reports for a datagram and gets over.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::Interrupted
    )
}

/// Bursts of more than a few dozen datagrams do not fit a small buffer; said once a process.
fn warn_of_small_buffer(granted: io::Result<usize>, wanted: usize) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if let Ok(granted) = granted
        && granted < wanted
        && !SAID.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(
            granted,
            wanted,
            "the system grants smaller UDP buffers than asked for (raise net.core.rmem_max and \
             wmem_max): bursts may be lost"
        );
    }
}
