//! Faults of a shared port: what a test has injected strikes at its reader's next wake, which is at
//! once. Elsewhere there are none.

#[cfg(not(any(test, feature = "chaos")))]
pub(crate) use self::none::Faults;
#[cfg(any(test, feature = "chaos"))]
pub(crate) use self::some::Faults;
#[cfg(any(test, feature = "chaos"))]
pub(crate) use self::some::PortFault;

#[cfg(not(any(test, feature = "chaos")))]
mod none {
    #[derive(Debug, Default)]
    pub(crate) struct Faults;

    impl Faults {
        #[inline]
        pub(crate) fn strike(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(any(test, feature = "chaos"))]
mod some {
    use std::io;
    use std::net::UdpSocket;

    use super::super::{Mux, State};

    /// What happens to the port.
    #[derive(Debug, Clone, Copy)]
    pub(crate) enum PortFault {
        /// Its socket is of no use any more.
        Error,
        /// The reader panics.
        Panic,
    }

    #[derive(Debug, Default)]
    pub(crate) struct Faults(Option<PortFault>);

    impl Faults {
        #[cfg(test)]
        pub(crate) fn are_over(&self) -> bool {
            self.0.is_none()
        }

        pub(crate) fn strike(&mut self) -> io::Result<()> {
            match self.0.take() {
                None => Ok(()),
                Some(PortFault::Error) => Err(io::Error::other("injected")),
                Some(PortFault::Panic) => panic!("injected"),
            }
        }
    }

    impl Mux {
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

    #[cfg(feature = "chaos")]
    impl Mux {
        /// How much is in the tables.
        pub(crate) fn entries(&self) -> usize {
            let sizes = self.0.borrow().routes.sizes();
            sizes.sessions + sizes.ufrags + sizes.addresses + sizes.transactions
        }
    }

    impl State {
        fn wake(&mut self) {
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }
}
