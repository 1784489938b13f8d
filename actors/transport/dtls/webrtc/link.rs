//! The way from the tasks of webrtc-dtls to their owner.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use proto::dtls::FailureReason;
use tokio::sync::mpsc;

use super::established::Established;
use crate::transport::dtls::wake::Wake;

/// How many outputs wait for the owner; the tasks wait when there are more.
const CAPACITY: usize = 2_048;

/// What the tasks produce.
#[derive(Debug)]
pub(super) enum Output {
    /// A datagram to send.
    Packet(Vec<u8>),
    /// The handshake is complete.
    Connected(Box<Established>),
    /// The payload of a record.
    Data(Bytes),
    /// The peer closed the connection; nothing follows.
    Closed,
    /// The handshake or the engine failed; nothing follows.
    Failed(FailureReason),
}

/// The sending end: bounded, and it wakes the owner once per drain.
#[derive(Clone)]
pub(super) struct Link {
    outputs: mpsc::Sender<Output>,
    woken: Arc<AtomicBool>,
    wake: Wake,
}

/// The receiving end.
#[derive(Debug)]
pub(super) struct Outputs {
    outputs: mpsc::Receiver<Output>,
    woken: Arc<AtomicBool>,
}

/// Both ends.
pub(super) fn link(wake: Wake) -> (Link, Outputs) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let woken = Arc::new(AtomicBool::new(false));
    (
        Link {
            outputs: sender,
            woken: woken.clone(),
            wake,
        },
        Outputs {
            outputs: receiver,
            woken,
        },
    )
}

impl Link {
    /// Hands an output over; it is dropped when the owner is gone.
    pub(super) async fn send(&self, output: Output) {
        if self.outputs.send(output).await.is_ok() && !self.woken.swap(true, Ordering::AcqRel) {
            (self.wake)();
        }
    }
}

impl Outputs {
    /// The next output, `Err` when the tasks are gone.
    pub(super) fn next(&mut self) -> Result<Option<Output>, ()> {
        self.woken.store(false, Ordering::Release);
        match self.outputs.try_recv() {
            Ok(output) => Ok(Some(output)),
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => Err(()),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}
