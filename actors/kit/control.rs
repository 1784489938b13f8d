//! What every actor of a session can be told, whatever it does.

use actix::prelude::*;

use crate::kit::faults::Strike;
use crate::kit::letter::Letter;

/// See the [module](self).
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum Control {
    /// End in good order: say goodbye to the peer if that can be, then stop.
    Shutdown,
    /// Fail, in a test.
    Strike(Strike),
}

impl Letter for Control {}

/// An actor that ends in good order.
pub(crate) trait OnShutdown: Actor<Context = Context<Self>> {
    /// It is asked to end.
    fn on_shutdown(&mut self, ctx: &mut Context<Self>);
}
