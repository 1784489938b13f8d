//! Asks the links of this host for the address behind a `.local` name: multicast sockets for the
//! [query](crate::proto::mdns).

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use proto::mdns::{GROUP_V4, GROUP_V6, MAX_MESSAGE, Name, Progress, Query};
use socket2::{Domain, Socket, Type};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use crate::kit::alarm::now;

/// How many names a process looks for at a time. Those beyond wait, and their time runs.
static LOOKING: Semaphore = Semaphore::const_new(64);

/// On more links than these nobody asks.
const MAX_LINKS: usize = 8;

/// The address of a name, `None` when nobody says it within `patience`. `hosts` are the addresses
/// of this host on whose links it is asked.
pub(crate) async fn resolve(
    name: Name,
    hosts: &[SocketAddr],
    patience: Duration,
) -> Option<std::net::IpAddr> {
    let mut query = Query::new(now(), name, patience);
    let deadline = tokio::time::Instant::now() + patience;
    let _turn = timeout_at(deadline, LOOKING.acquire()).await.ok()?.ok()?;
    let links: Vec<Link> = hosts
        .iter()
        .take(MAX_LINKS)
        .filter_map(Link::open)
        .collect();
    if links.is_empty() {
        return None;
    }
    let mut buffer = vec![0; MAX_MESSAGE];
    loop {
        if let Some(question) = query.poll_transmit(now()) {
            for link in &links {
                if let Err(error) = link.socket.try_send_to(&question, link.group) {
                    tracing::debug!(group = %link.group, %error, "asking by mDNS");
                }
            }
        }
        match query.progress(now()) {
            Progress::Found(ip) => return Some(ip),
            Progress::Unresolved => return None,
            Progress::Pending => {}
        }
        let next = tokio::time::Instant::from_std(query.poll_timeout());
        let heard = poll_fn(|cx| poll_any(&links, &mut buffer, cx));
        if let Ok(length) = timeout_at(next, heard).await {
            query.handle_datagram(&buffer[..length]);
        }
    }
}

/// The first datagram that any link has.
fn poll_any(links: &[Link], buffer: &mut [u8], cx: &mut Context<'_>) -> Poll<usize> {
    for link in links {
        let mut space = ReadBuf::new(buffer);
        // An error is of one datagram; while there are others they come first.
        if let Poll::Ready(Ok(_)) = link.socket.poll_recv_from(cx, &mut space) {
            return Poll::Ready(space.filled().len());
        }
    }
    Poll::Pending
}

/// A socket that speaks mDNS on one link.
struct Link {
    socket: UdpSocket,
    group: SocketAddr,
}

impl Link {
    fn open(host: &SocketAddr) -> Option<Link> {
        let group = if host.is_ipv4() { GROUP_V4 } else { GROUP_V6 };
        match join(host, group) {
            Ok(socket) => Some(Link { socket, group }),
            Err(error) => {
                tracing::debug!(%host, %error, "no mDNS on this link");
                None
            }
        }
    }
}

/// On the port of mDNS itself, which all who speak it on this host share: answers are multicast
/// to it (RFC 6762 §6).
fn join(host: &SocketAddr, group: SocketAddr) -> io::Result<UdpSocket> {
    let domain = Domain::for_address(group);
    let socket = Socket::new(domain, Type::DGRAM, Some(socket2::Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    match (host, group) {
        (SocketAddr::V4(host), SocketAddr::V4(group)) => {
            socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, group.port())).into())?;
            socket.join_multicast_v4(group.ip(), host.ip())?;
            socket.set_multicast_if_v4(host.ip())?;
            // RFC 6762 §11
            socket.set_multicast_ttl_v4(255)?;
        }
        (SocketAddr::V6(host), SocketAddr::V6(group)) => {
            socket.set_only_v6(true)?;
            socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, group.port())).into())?;
            socket.join_multicast_v6(group.ip(), host.scope_id())?;
            socket.set_multicast_if_v6(host.scope_id())?;
            socket.set_multicast_hops_v6(255)?;
        }
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    }
    UdpSocket::from_std(socket.into())
}
