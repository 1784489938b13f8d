//! A worker's TCP port (RFC 6544): takes connections for all sessions, and gives each to the
//! session whose username fragment is in the first STUN request on it.

use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use dashmap::DashMap;
use proto::framing::Deframer;
use proto::gather::Base;
use proto::net::{Protocol, canonical};
use proto::route::Miss;
use proto::stun;
use proto::stun::{Class, MAX_STUN_SIZE};
use socket2::{Domain, Socket, Type};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::base::config::{Config, UdpMode};
use crate::base::error::open::MuxError;
use crate::metrics::Metrics;

/// How long a connection may take until its first request is there.
const FIRST_REQUEST: Duration = Duration::from_secs(5);

/// How many connections of one worker may be without a session. Those beyond are closed at once.
const HALF_OPEN: usize = 256;

/// After an error the port rests for this long: one that stays (no more file descriptors, say)
/// must not spin.
const REST: Duration = Duration::from_millis(50);

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A connection whose first request is for a session.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Accepted {
    /// Not bound to a thread: the session may live on another worker.
    pub(crate) stream: std::net::TcpStream,
    /// The base of ours that it came to.
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// The first request.
    pub(crate) first: Bytes,
    /// What came behind it.
    pub(crate) deframer: Deframer,
}

/// Which session has which username fragment, of all workers: behind one port there may be any.
#[derive(Debug, Default)]
pub(crate) struct Callees(DashMap<Box<[u8]>, Recipient<Accepted>>);

impl Callees {
    fn of(&self, ufrag: &[u8]) -> Option<Recipient<Accepted>> {
        self.0.get(ufrag).map(|callee| callee.clone())
    }
}

/// A session's username fragments. They are forgotten when it is dropped.
#[derive(Debug)]
pub(crate) struct Callee {
    callees: Arc<Callees>,
    ufrags: Vec<Box<[u8]>>,
    session: Recipient<Accepted>,
}

impl Callee {
    pub(crate) fn new(callees: Arc<Callees>, session: Recipient<Accepted>) -> Callee {
        Callee {
            callees,
            ufrags: Vec::new(),
            session,
        }
    }

    /// Connections that begin with this fragment are for the session; only the latest is, since a
    /// new generation makes connections of its own.
    pub(crate) fn set_ufrag(&mut self, ufrag: &str) {
        let ufrag: Box<[u8]> = ufrag.as_bytes().into();
        if self.ufrags.contains(&ufrag) {
            return;
        }
        self.forget();
        self.callees.0.insert(ufrag.clone(), self.session.clone());
        self.ufrags.push(ufrag);
    }

    fn forget(&mut self) {
        for ufrag in self.ufrags.drain(..) {
            self.callees.0.remove(&ufrag);
        }
    }
}

impl Drop for Callee {
    fn drop(&mut self) {
        self.forget();
    }
}

/// The port. Closed when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct TcpPort(Rc<Open>);

struct Open {
    bound: SocketAddr,
    announced: Vec<SocketAddr>,
    task: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What accepting needs.
#[derive(Clone)]
struct Acceptor {
    callees: Arc<Callees>,
    metrics: Arc<Metrics>,
    half_open: Arc<Semaphore>,
    /// Where addresses are announced, the bound address stands for all.
    hidden_behind: Option<SocketAddr>,
}

impl TcpPort {
    /// Opens the port beside the worker's UDP port.
    pub(crate) fn open(
        udp: Option<SocketAddr>,
        config: &Config,
        callees: Arc<Callees>,
        metrics: Arc<Metrics>,
    ) -> Result<Option<TcpPort>, MuxError> {
        if !config.tcp {
            return Ok(None);
        }
        let wildcard = SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, 0));
        let address = udp.unwrap_or(wildcard);
        let shared = matches!(config.udp, UdpMode::SinglePort { .. });
        let system_chooses = match config.udp {
            UdpMode::Mux { port, .. } | UdpMode::SinglePort { port, .. } => port == 0,
            UdpMode::PerSession | UdpMode::Off => true,
        };
        let listener = listen(address, shared).or_else(|error| match error.kind() {
            // The number is of no matter then, and may be free for UDP only.
            std::io::ErrorKind::AddrInUse if system_chooses => {
                listen(SocketAddr::new(address.ip(), 0), shared)
            }
            _ => Err(error),
        });
        let listener = listener.map_err(|source| MuxError::Listen { address, source })?;
        let bound = listener.local_addr().map_or(address, canonical);
        let announced = config.announce.iter();
        let announced: Vec<_> = announced
            .map(|ip| SocketAddr::new(*ip, bound.port()))
            .collect();
        let acceptor = Acceptor {
            callees,
            metrics,
            half_open: Arc::new(Semaphore::new(HALF_OPEN)),
            hidden_behind: (!announced.is_empty()).then_some(bound),
        };
        let task = actix_rt::spawn(acceptor.run(listener, bound, shared));
        Ok(Some(TcpPort(Rc::new(Open {
            bound,
            announced,
            task,
        }))))
    }

    /// The bases of passive candidates on this port, where the host has these addresses.
    pub(crate) fn bases(&self, hosts: &[SocketAddr]) -> Vec<Base> {
        let Open {
            bound, announced, ..
        } = &*self.0;
        Base::of_port(Protocol::Tcp, *bound, announced, hosts)
    }
}

fn listen(address: SocketAddr, shared: bool) -> std::io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(socket2::Protocol::TCP))?;
    // Connections of a server that has just ended do not keep the port.
    #[cfg(unix)]
    {
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(shared)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

impl Acceptor {
    async fn run(self, mut listener: TcpListener, bound: SocketAddr, shared: bool) {
        loop {
            match listener.accept().await {
                Ok((stream, remote)) => self.take(stream, canonical(remote)),
                Err(error) => {
                    tracing::warn!(address = %bound, %error, "accepting TCP connections");
                    tokio::time::sleep(REST).await;
                    // Most errors are of one connection, or pass; a listener that is broken is
                    // made anew.
                    if !is_passing(&error)
                        && let Ok(again) = listen(bound, shared)
                    {
                        listener = again;
                    }
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, remote: SocketAddr) {
        let Ok(turn) = self.half_open.clone().try_acquire_owned() else {
            self.metrics.gatherer.half_open.increment(1);
            return;
        };
        let acceptor = self.clone();
        actix_rt::spawn(async move {
            let first = pin!(acceptor.first_request(stream, remote));
            // Too late, or no request at all: the connection is closed.
            if !matches!(timeout(FIRST_REQUEST, first).await, Ok(Some(()))) {
                acceptor.metrics.gatherer.half_open.increment(1);
            }
            drop(turn);
        });
    }

    async fn first_request(&self, mut stream: TcpStream, remote: SocketAddr) -> Option<()> {
        let local = match self.hidden_behind {
            Some(bound) => bound,
            None => canonical(stream.local_addr().ok()?),
        };
        // Nothing that is larger is held before it is known whose it is.
        let mut deframer = Deframer::new(MAX_STUN_SIZE);
        let mut buffer = [0; MAX_STUN_SIZE];
        let first = loop {
            match stream.read(&mut buffer).await.ok()? {
                0 => return None,
                length => deframer.push(&buffer[..length]),
            }
            if let Some(first) = deframer.next_datagram().ok()? {
                break first;
            }
        };
        let is_request = stun::peek(&first).is_some_and(|h| h.class == Class::Request);
        let ufrag = stun::local_ufrag(&first).filter(|_| is_request);
        let Some(callee) = ufrag.and_then(|ufrag| self.callees.of(ufrag)) else {
            let miss = match is_request {
                true => Miss::UnknownUfrag,
                false => Miss::Garbage,
            };
            self.metrics.gatherer.misses[miss as usize].increment(1);
            return None;
        };
        deframer.set_limit(usize::from(u16::MAX));
        callee.do_send(Accepted {
            stream: stream.into_std().ok()?,
            local,
            remote,
            first,
            deframer,
        });
        Some(())
    }
}

/// Errors that `accept` gets over.
fn is_passing(error: &std::io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS and ENOMEM have no kinds of their own on all systems.
    let of_resources = matches!(error.raw_os_error(), Some(12 | 23 | 24 | 105));
    of_resources
        || matches!(
            error.kind(),
            std::io::ErrorKind::ConnectionAborted
                | std::io::ErrorKind::ConnectionReset
                | std::io::ErrorKind::Interrupted
                | std::io::ErrorKind::OutOfMemory
        )
}
