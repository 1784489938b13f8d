//! Addresses before actors: a handle can be made, and messages sent, while the actor is still
//! being started on its worker.

use actix::dev::channel::{AddressReceiver, channel};
use actix::prelude::*;

/// How many messages `try_send` accepts. Nobody here uses it: what is unbounded by nature
/// (commands) is rare, and what is frequent (batches) carries a [permit](crate::session::permits::Permit).
const CAPACITY: usize = 16;

/// The receiving end of an [`Addr`] whose actor has not been started yet.
pub(crate) struct Mailbox<A: Actor>(AddressReceiver<A>);

impl<A: Actor<Context = Context<A>>> Mailbox<A> {
    /// An address and its mailbox. Where the mailbox is dropped, senders get `Closed`.
    pub(crate) fn new() -> (Addr<A>, Mailbox<A>) {
        let (sender, receiver) = channel(CAPACITY);
        (Addr::new(sender), Mailbox(receiver))
    }

    pub(crate) fn into_context(self) -> Context<A> {
        Context::with_receiver(self.0)
    }
}
