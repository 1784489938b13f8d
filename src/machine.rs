//! What all machines have in common.

use std::time::Instant;

/// What every protocol machine has in common: the second half of the [drive loop](crate).
pub trait Machine {
    /// What the machine sends.
    type Transmit;
    /// What the machine tells its owner.
    type Event;

    /// Tells the machine the time. Early and spurious calls do no harm.
    fn handle_timeout(&mut self, now: Instant);

    /// The next thing to send, `None` when there is nothing at the moment.
    fn poll_transmit(&mut self, now: Instant) -> Option<Self::Transmit>;

    /// The next thing to tell the owner, in the order in which it happened.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// When [`handle_timeout`](Self::handle_timeout) is due, `None` for never. May change with
    /// each call of any other method.
    fn poll_timeout(&mut self) -> Option<Instant>;
}
