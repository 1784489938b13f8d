//! Faults of a shared port, for tests.

use std::io;
use std::net::UdpSocket;

use super::{Mux, State};

/// What happens to the port at its reader's next wake, which is at once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PortFault {
    /// Its socket is of no use any more.
    Error,
    /// The reader panics.
    Panic,
}

impl PortFault {
    pub(super) fn strike(self) -> io::Result<()> {
        match self {
            PortFault::Error => Err(io::Error::other("injected")),
            PortFault::Panic => panic!("injected"),
        }
    }
}

impl Mux {
    pub(crate) fn strike(&self, fault: PortFault) {
        let state = &mut *self.0.borrow_mut();
        state.fault = Some(fault);
        state.wake();
    }

    /// The socket is gone, and something else has its port, for as long as the returned socket
    /// lives.
    pub(crate) fn take_away(&self) -> io::Result<UdpSocket> {
        let state = &mut *self.0.borrow_mut();
        state.udp = None;
        state.wake();
        UdpSocket::bind(state.binding.address)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
