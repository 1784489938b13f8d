//! When a socket can be read, and when it can be written to.
//!
//! A UDP socket becomes "writable" each time that the peer takes a datagram from its own, and a
//! thread that watches for it is woken for nothing, once a datagram. So on Unix that is watched only
//! while something waits to be sent.

#[cfg(unix)]
pub(crate) use unix::Socket;

#[cfg(not(unix))]
pub(crate) use other::Socket;

/// What is left in a socket after it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Perhaps,
    Nothing,
}

#[cfg(unix)]
mod unix {
    use std::io;
    use std::net::UdpSocket;
    use std::task::{Context, Poll, ready};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::Left;

    #[derive(Debug)]
    pub(crate) struct Socket {
        read: AsyncFd<UdpSocket>,
        /// A second descriptor of the same socket, while something waits to be sent.
        write: Option<AsyncFd<UdpSocket>>,
    }

    #[expect(
        deprecated,
        reason = "its successor is unsafe, for types that close a descriptor under it: a UdpSocket does not"
    )]
    fn watch(socket: UdpSocket, interest: Interest) -> io::Result<AsyncFd<UdpSocket>> {
        AsyncFd::with_interest(socket, interest)
    }

    impl Socket {
        /// The socket must not block.
        pub(crate) fn new(socket: UdpSocket) -> io::Result<Socket> {
            let read = watch(socket, Interest::READABLE)?;
            Ok(Socket { read, write: None })
        }

        pub(crate) fn get(&self) -> &UdpSocket {
            self.read.get_ref()
        }

        /// Calls `receive` if there may be something.
        pub(crate) fn poll_recv(
            &self,
            cx: &mut Context<'_>,
            mut receive: impl FnMut(&UdpSocket) -> io::Result<Left>,
        ) -> Poll<io::Result<()>> {
            loop {
                let mut guard = ready!(self.read.poll_read_ready(cx))?;
                match receive(self.get()) {
                    Ok(Left::Perhaps) => return Poll::Ready(Ok(())),
                    // To say so saves the system call that would find out. The next datagram makes
                    // the socket readable again.
                    Ok(Left::Nothing) => {
                        guard.clear_ready();
                        return Poll::Ready(Ok(()));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        }

        /// Calls `send` when there is room.
        pub(crate) fn poll_send(
            &mut self,
            cx: &mut Context<'_>,
            mut send: impl FnMut(&UdpSocket) -> io::Result<()>,
        ) -> Poll<io::Result<()>> {
            let write = match &self.write {
                Some(write) => write,
                None => {
                    let socket = self.get().try_clone()?;
                    let write = watch(socket, Interest::WRITABLE)?;
                    self.write.insert(write)
                }
            };
            loop {
                let mut guard = ready!(write.poll_write_ready(cx))?;
                match send(write.get_ref()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                    sent => return Poll::Ready(sent),
                }
            }
        }

        /// Nothing waits to be sent.
        pub(crate) fn flushed(&mut self) {
            self.write = None;
        }
    }
}

#[cfg(not(unix))]
mod other {
    use std::io;
    use std::task::{Context, Poll, ready};

    use tokio::io::Interest;
    use tokio::net::UdpSocket;

    use super::Left;

    #[derive(Debug)]
    pub(crate) struct Socket(UdpSocket);

    impl Socket {
        pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Socket> {
            UdpSocket::from_std(socket).map(Socket)
        }

        pub(crate) fn get(&self) -> &UdpSocket {
            &self.0
        }

        pub(crate) fn poll_recv(
            &self,
            cx: &mut Context<'_>,
            mut receive: impl FnMut(&UdpSocket) -> io::Result<Left>,
        ) -> Poll<io::Result<()>> {
            loop {
                ready!(self.0.poll_recv_ready(cx))?;
                let received = self.0.try_io(Interest::READABLE, || receive(&self.0));
                match received {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    received => return Poll::Ready(received.map(drop)),
                }
            }
        }

        pub(crate) fn poll_send(
            &mut self,
            cx: &mut Context<'_>,
            mut send: impl FnMut(&UdpSocket) -> io::Result<()>,
        ) -> Poll<io::Result<()>> {
            loop {
                ready!(self.0.poll_send_ready(cx))?;
                match self.0.try_io(Interest::WRITABLE, || send(&self.0)) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    sent => return Poll::Ready(sent),
                }
            }
        }

        pub(crate) fn flushed(&mut self) {}
    }
}
