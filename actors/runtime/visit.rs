//! For tests: something to be done on a worker's thread, with what it owns.

use actix::prelude::*;

use crate::ports::Ports;
use crate::runtime::worker::Worker;

/// See the [module](self).
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Visit(Box<Call>);

type Call = dyn FnOnce(&Ports, &mut Context<Worker>) + Send;

impl Visit {
    pub(crate) fn new(what: impl FnOnce(&Ports, &mut Context<Worker>) + Send + 'static) -> Visit {
        Visit(Box::new(what))
    }
}

impl Handler<Visit> for Worker {
    type Result = ();

    fn handle(&mut self, Visit(what): Visit, ctx: &mut Context<Self>) {
        what(&self.ports, ctx);
    }
}
