//! Faults that wait for their moment, and how each strikes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;

use super::Victim;
use crate::base::error::{Reason, TransportError};
use crate::base::kind::ActorKind;

/// What happens to an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A panic in a message handler.
    Panic,
    /// A panic in a future that the actor runs.
    PanicInFuture,
    /// A panic in a timer.
    PanicInTimer,
    /// The actor gives up, for this reason.
    Error(Reason),
    /// The actor stops, and nobody had asked it to.
    Stop,
    /// The actor handles nothing for so long; its thread goes on.
    Stall(Duration),
    /// The actor blocks its whole thread for so long.
    Block(Duration),
    /// The next so many messages of its neighbours are lost.
    Lose(usize),
}

/// When it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// As soon as the actor comes to it.
    Now,
    /// When the actor has handled so many more messages of its neighbours: batches of traffic,
    /// connectivity checks, and what they tell each other of their states.
    AfterMessages(usize),
}

/// A fault for an actor.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Strike {
    pub(crate) fault: Fault,
    pub(crate) moment: Moment,
}

/// Those of a session that wait for their moment, by actor.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<[Option<Waiting>; ActorKind::ALL.len() + 1]>);

#[derive(Debug, Clone, Copy)]
struct Waiting {
    fault: Fault,
    messages: usize,
}

impl Faults {
    fn arm(&self, actor: ActorKind, waiting: Waiting) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[actor as usize] = Some(waiting);
    }

    /// One more message: the fault whose moment has come.
    fn message(&self, actor: ActorKind) -> Option<Fault> {
        let armed = &mut self.0.lock().unwrap_or_else(PoisonError::into_inner)[actor as usize];
        let waiting = armed.as_mut()?;
        if waiting.messages > 0 {
            waiting.messages -= 1;
            return None;
        }
        let fault = waiting.fault;
        match &mut waiting.fault {
            Fault::Lose(left) if *left > 1 => *left -= 1,
            _ => *armed = None,
        }
        Some(fault)
    }
}

/// Called for each message of a neighbour; `true` when it is lost.
pub(crate) fn is_lost<V: Victim>(victim: &V, ctx: &mut Context<V>) -> bool {
    match victim.faults().message(V::KIND) {
        None => false,
        Some(Fault::Lose(count)) => count > 0,
        Some(fault) => {
            happen(victim, ctx, fault);
            false
        }
    }
}

/// The fault strikes now, or waits for its moment.
pub(crate) fn strike<V: Victim>(victim: &V, ctx: &mut Context<V>, strike: Strike) {
    match strike.moment {
        Moment::Now => happen(victim, ctx, strike.fault),
        Moment::AfterMessages(messages) => arm(victim, strike.fault, messages),
    }
}

fn arm<V: Victim>(victim: &V, fault: Fault, messages: usize) {
    victim.faults().arm(V::KIND, Waiting { fault, messages });
}

fn happen<V: Victim>(victim: &V, ctx: &mut Context<V>, fault: Fault) {
    match fault {
        Fault::Panic => panic!("chaos"),
        Fault::PanicInFuture => {
            ctx.spawn(actix::fut::wrap_future(async { panic!("chaos") }));
        }
        Fault::PanicInTimer => {
            ctx.run_later(Duration::from_millis(1), |_, _| panic!("chaos"));
        }
        Fault::Error(reason) => {
            let error = TransportError::with_details(V::KIND, reason, "chaos");
            victim.exit().clone().fail(ctx, error);
        }
        Fault::Stop => ctx.stop(),
        Fault::Stall(time) => {
            ctx.wait(actix::fut::wrap_future(tokio::time::sleep(time)));
        }
        Fault::Block(time) => std::thread::sleep(time),
        Fault::Lose(_) => arm(victim, fault, 0),
    }
}

/// What happens to a shared port.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PortFault {
    /// Its socket is of no use any more.
    Error,
    /// The reader panics.
    Panic,
}

/// What happens to a shared port at its reader's next wake.
#[derive(Debug, Default)]
pub(crate) struct PortFaults(pub(crate) Option<PortFault>);

impl PortFaults {
    pub(crate) fn strike(&mut self) -> std::io::Result<()> {
        match self.0.take() {
            None => Ok(()),
            Some(PortFault::Error) => Err(std::io::Error::other("injected")),
            Some(PortFault::Panic) => panic!("injected"),
        }
    }
}
