//! A connection to a TURN server, over TCP or TLS.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use proto::turn::Failure;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

use crate::base::config::tls_roots::TlsRoots;
use crate::net::{tls, udp};

/// A server that takes longer to take the connection, TLS included, is tried elsewhere.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// How many reads one wake makes before other tasks have their turn.
const READS_PER_WAKE: usize = 4;

/// How much may wait for the connection before data is dropped, as a network would.
const MAX_WAITING: usize = 1 << 20;

/// Where a connection leads.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) local: IpAddr,
    pub(crate) server: SocketAddr,
    /// For TLS: the name that the server's certificate must have.
    pub(crate) tls: Option<(String, TlsRoots)>,
}

/// A connection, and what waits to be written to it.
#[derive(Debug)]
pub(crate) struct Stream {
    io: Io,
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
}

#[derive(Debug)]
enum Io {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects, and speaks TLS where that is wanted.
    pub(crate) async fn connect(to: Destination) -> Result<Stream, Failure> {
        let late = |_| Failure::Connect {
            detail: "it took too long".into(),
        };
        tokio::time::timeout(CONNECT_TIMEOUT, Stream::open(to))
            .await
            .map_err(late)?
    }

    async fn open(to: Destination) -> Result<Stream, Failure> {
        let failure = |error: io::Error| Failure::Connect {
            detail: error.to_string(),
        };
        let socket = match to.server {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        };
        let socket = socket.map_err(failure)?;
        socket.bind(SocketAddr::new(to.local, 0)).map_err(failure)?;
        let connection = socket.connect(to.server).await.map_err(failure)?;
        // Datagrams must not wait for each other.
        connection.set_nodelay(true).map_err(failure)?;
        let io = match to.tls {
            None => Io::Tcp(connection),
            Some((name, roots)) => {
                Io::Tls(Box::new(tls::handshake(roots, name, connection).await?))
            }
        };
        Ok(Stream {
            io,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        })
    }

    /// Reads what there is; an error, the end of the stream among them, is final.
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        mut received: impl FnMut(Bytes),
    ) -> Poll<io::Result<()>> {
        udp::with_space(|space| {
            for round in 0..READS_PER_WAKE {
                let mut buffer = ReadBuf::new(space);
                match self.io.get().poll_read(cx, &mut buffer) {
                    Poll::Ready(read) => read?,
                    Poll::Pending if round == 0 => return Poll::Pending,
                    Poll::Pending => return Poll::Ready(Ok(())),
                }
                if buffer.filled().is_empty() {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                received(Bytes::copy_from_slice(buffer.filled()));
            }
            // There may be more: come back after the others.
            cx.waker().wake_by_ref();
            Poll::Ready(Ok(()))
        })
    }

    /// Whether data may be sent. What TURN itself has to say is sent in any case: on a stream it is
    /// not repeated.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting_bytes < MAX_WAITING
    }

    /// Whether nothing waits.
    pub(crate) fn is_flushed(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Puts whole messages behind what waits; [`poll_flush`](Self::poll_flush) writes them.
    pub(crate) fn send(&mut self, messages: Bytes) {
        self.waiting_bytes += messages.len();
        self.waiting.push_back(messages);
    }

    /// Writes what waits, as far as the connection takes it; an error is final.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(front) = self.waiting.front_mut() {
            let written = ready!(self.io.get().poll_write(cx, front))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            front.advance(written);
            self.waiting_bytes -= written;
            if front.is_empty() {
                self.waiting.pop_front();
            }
        }
        // TLS holds back what its own socket did not take.
        self.io.get().poll_flush(cx)
    }
}

trait ReadWrite: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> ReadWrite for T {}

impl Io {
    fn get(&mut self) -> Pin<&mut dyn ReadWrite> {
        match self {
            Io::Tcp(stream) => Pin::new(stream),
            Io::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}
