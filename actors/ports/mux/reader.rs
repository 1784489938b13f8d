//! Reads a shared port, sends what had to wait, and binds the port again when its socket is lost.

use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{Mux, State};
use crate::base::error::Reason;
use crate::base::kind::ActorKind;
use crate::kit::guard::panic_message;
use crate::net::udp::is_passing;
use crate::ports::mux::messages::MuxToGatherer;

/// After an error that passes, and before the second attempt to bind, the socket rests for this
/// long: what goes wrong all the time must not spin.
const REST: Duration = Duration::from_millis(10);

/// The pause between attempts to bind doubles up to here.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// After so many failed attempts, 0.6 s, the sessions are told that they have no socket.
const PATIENCE: u32 = 6;

/// Lives as long as the mux.
pub(super) struct Reader {
    mux: Weak<RefCell<State>>,
    resting: Option<Pin<Box<tokio::time::Sleep>>>,
    /// Attempts to bind that have failed since the socket was lost.
    failed: u32,
}

impl Reader {
    pub(super) fn new(mux: &Mux) -> Reader {
        Reader {
            mux: Rc::downgrade(&mux.0),
            resting: None,
            failed: 0,
        }
    }

    /// One wake.
    fn run(&mut self, state: &mut State, cx: &mut Context<'_>) -> Poll<()> {
        state.take_handed_over(cx);
        if let Some(udp) = &mut state.udp {
            let _ = udp.poll_flush(cx);
        }
        if let Some(resting) = &mut self.resting {
            ready!(resting.as_mut().poll(cx));
            self.resting = None;
        }
        if state.udp.is_none() && !self.bind(state) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match state.receive(cx) {
            Poll::Ready(Err(error)) if is_passing(&error) => {
                tracing::debug!(%error, "receiving on a shared UDP port");
                self.resting = Some(Box::pin(tokio::time::sleep(REST)));
                cx.waker().wake_by_ref();
            }
            Poll::Ready(Err(error)) => {
                lose(state, Reason::SocketLost, &error);
                cx.waker().wake_by_ref();
            }
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        Poll::Pending
    }

    /// Binds the port again; `false` when that has to be tried later.
    fn bind(&mut self, state: &mut State) -> bool {
        match state.binding.bind() {
            Ok(udp) => {
                state.udp = Some(udp);
                state.metrics.actor(ActorKind::Gatherer).restarted();
                tracing::info!(address = %state.binding.address, "shared UDP port bound again");
                if self.failed >= PATIENCE {
                    state.tell_all(|| MuxToGatherer::Restored);
                }
                self.failed = 0;
                true
            }
            Err(error) => {
                self.failed = self.failed.saturating_add(1);
                if self.failed == PATIENCE {
                    let address = state.binding.address;
                    tracing::error!(%address, %error, "a shared UDP port is lost, its sessions are told");
                    state.tell_all(|| MuxToGatherer::Lost);
                }
                let rest = REST * (1 << (self.failed - 1).min(10));
                self.resting = Some(Box::pin(tokio::time::sleep(rest.min(LONGEST_REST))));
                false
            }
        }
    }
}

/// The socket, or who reads it, is of no use any more.
fn lose(state: &mut State, reason: Reason, why: &dyn std::fmt::Display) {
    let address = state.binding.address;
    tracing::warn!(%address, %why, "a shared UDP port is lost and bound again");
    state.udp = None;
    state.metrics.failed(ActorKind::Gatherer, reason);
}

impl State {
    fn receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.faults.strike()?;
        let Some(udp) = &self.udp else {
            return Poll::Pending;
        };
        let read = udp.poll_recv(cx, &mut self.received);
        if !self.received.is_empty() {
            self.dispatch();
        }
        read
    }
}

impl Future for Reader {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mux) = self.mux.upgrade() else {
            return Poll::Ready(());
        };
        let state = &mut *mux.borrow_mut();
        state.waker.get_or_insert_with(|| cx.waker().clone());
        let run = catch_unwind(AssertUnwindSafe(|| self.run(state, cx)));
        run.unwrap_or_else(|payload| {
            // A datagram that does this costs its own wake, not the worker's port.
            state.received.clear();
            state.batches.clear();
            state.others.clear();
            lose(state, Reason::Panic, &panic_message(payload));
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }
}
