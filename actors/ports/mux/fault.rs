//! Faults of a shared port, for tests: they strike at its reader's next wake, which is at once.

use std::io;
use std::net::UdpSocket;

use super::{Mux, State};
use crate::kit::faults::armed::PortFault;

impl Mux {
    /// How much is in the tables.
    #[allow(dead_code, reason = "asked for by the feature `chaos` only")]
    pub(crate) fn entries(&self) -> usize {
        let sizes = self.0.borrow().routes.sizes();
        sizes.sessions + sizes.ufrags + sizes.addresses + sizes.transactions
    }

    pub(crate) fn strike(&self, fault: PortFault) {
        let state = &mut *self.0.borrow_mut();
        state.faults.0 = Some(fault);
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
