//! Faults on demand, **for tests only**: the cargo feature `chaos`, which no default build has.
//!
//! A fault is injected into a chosen actor of a session, at once or in the middle of its traffic:
//!
//! ```no_run
//! # use actix_rtc::{ActorKind, Session};
//! # use actix_rtc::chaos::{Fault, Moment};
//! # fn test(session: &Session) {
//! session.inject(ActorKind::Ice, Fault::Panic, Moment::Now);
//! session.inject(ActorKind::Gatherer, Fault::Panic, Moment::AfterMessages(1_000));
//! # }
//! ```

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::dtls::{DtlsActor, DtlsTransport};
use crate::error::{ActorKind, Reason, TransportError};
use crate::gatherer::GathererActor;
use crate::guard::{Child, Exit, GUARDED};
use crate::ice::IceActor;
use crate::mux::PortFault;
use crate::runtime::Runtime;
use crate::scope::Scope;
use crate::sctp::SctpActor;
use crate::session::Session;
use crate::supervisor::SessionSupervisor;

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
pub enum Moment {
    /// As soon as the actor comes to it.
    Now,
    /// When the actor has handled so many more messages of its neighbours: batches of traffic,
    /// connectivity checks, and what they tell each other of their states.
    AfterMessages(usize),
}

/// What happens to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerFault {
    /// Its arbiter stops.
    Stop,
    /// Its actor panics.
    Panic,
    /// Its thread blocks for so long.
    Block(Duration),
    /// The socket of its shared port fails.
    LosePort,
    /// Whoever reads its shared port panics.
    PanicAtPort,
    /// The socket of its shared port is gone, and another program has the port for so long. Not in
    /// single-port mode.
    TakePort(Duration),
}

impl Session {
    /// Injects a fault into an actor of this session. Actors of one session have one armed fault
    /// at a time; another takes its place.
    pub fn inject(&self, actor: ActorKind, fault: Fault, moment: Moment) {
        let inject = Inject { fault, moment };
        match actor {
            ActorKind::Gatherer => self.gatherer().actor.plain().do_send(inject),
            ActorKind::Ice => self.ice().actor.plain().do_send(inject),
            ActorKind::Dtls => self.dtls().inject(fault, moment),
            ActorKind::Sctp => self.sctp().parts().actor.plain().do_send(inject),
            ActorKind::Supervisor => self.scope().supervisor.do_send(inject),
        }
    }
}

impl DtlsTransport {
    /// Injects a fault into the actor of this transport.
    pub fn inject(&self, fault: Fault, moment: Moment) {
        self.actor.plain().do_send(Inject { fault, moment });
    }
}

impl Runtime {
    /// Injects a fault into a worker; `false` when there is none of this number at the moment.
    pub fn inject(&self, worker: usize, fault: WorkerFault) -> bool {
        let Some(worker) = self.worker(worker) else {
            return false;
        };
        let strike = |strike| worker.address.try_send(strike).is_ok();
        match fault {
            WorkerFault::LosePort => strike(StrikePort::Fault(PortFault::Error)),
            WorkerFault::PanicAtPort => strike(StrikePort::Fault(PortFault::Panic)),
            WorkerFault::TakePort(time) => strike(StrikePort::Take(time)),
            WorkerFault::Stop => worker.arbiter.stop(),
            WorkerFault::Panic => worker.address.try_send(PanicNow).is_ok(),
            WorkerFault::Block(time) => worker.arbiter.spawn_fn(move || std::thread::sleep(time)),
        }
    }
}

/// What is held at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    /// Supervisors and the actors that they supervise, of all runtimes of this process: each is a
    /// task.
    pub actors: usize,
    /// Sessions, names, addresses and transactions in the tables of the runtime's shared ports.
    pub routes: usize,
}

impl Runtime {
    /// Counts what is there.
    pub async fn census(&self) -> Census {
        let mut routes = 0;
        for worker in self.workers() {
            let (reply, answer) = oneshot::channel();
            worker.address.do_send(CountRoutes(reply));
            // A worker that is gone has none.
            routes += answer.await.unwrap_or_default();
        }
        Census {
            actors: GUARDED.load(Ordering::Acquire),
            routes,
        }
    }
}

/// Asks a worker how much is in the tables of its shared port.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct CountRoutes(pub(crate) oneshot::Sender<usize>);

/// Strikes the shared port of a worker.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum StrikePort {
    Fault(PortFault),
    Take(Duration),
}

/// Makes a worker's actor panic.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct PanicNow;

#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) struct Inject {
    fault: Fault,
    moment: Moment,
}

/// The faults that wait for their moment, by actor.
#[derive(Debug, Default)]
pub(crate) struct Armed(Mutex<[Option<Waiting>; 5]>);

#[derive(Debug, Clone, Copy)]
struct Waiting {
    fault: Fault,
    messages: usize,
}

impl Armed {
    fn arm(&self, actor: ActorKind, waiting: Option<Waiting>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[actor as usize] = waiting;
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

/// An actor into which faults can be injected.
pub(crate) trait Victim: Child {
    const KIND: ActorKind;
    fn scope(&self) -> &Arc<Scope>;
    fn exit(&self) -> &Exit;

    /// Called for each message of a neighbour; `true` when it is lost.
    fn is_struck(&self, ctx: &mut Context<Self>) -> bool {
        match self.scope().chaos.message(Self::KIND) {
            None => false,
            Some(Fault::Lose(count)) => count > 0,
            Some(fault) => {
                self.strike(ctx, fault);
                false
            }
        }
    }

    fn strike(&self, ctx: &mut Context<Self>, fault: Fault) {
        match fault {
            Fault::Panic => panic!("chaos"),
            Fault::PanicInFuture => {
                ctx.spawn(actix::fut::wrap_future(async { panic!("chaos") }));
            }
            Fault::PanicInTimer => {
                ctx.run_later(Duration::from_millis(1), |_, _| panic!("chaos"));
            }
            Fault::Error(reason) => {
                let error = TransportError::with_details(Self::KIND, reason, "chaos");
                self.exit().clone().fail(ctx, error);
            }
            Fault::Stop => ctx.stop(),
            Fault::Stall(time) => {
                ctx.wait(actix::fut::wrap_future(tokio::time::sleep(time)));
            }
            Fault::Block(time) => std::thread::sleep(time),
            Fault::Lose(_) => self.arm(fault, 0),
        }
    }

    fn arm(&self, fault: Fault, messages: usize) {
        let waiting = Waiting { fault, messages };
        self.scope().chaos.arm(Self::KIND, Some(waiting));
    }
}

macro_rules! victims {
    ($($actor:ty: $kind:ident),+) => {
        $(
            impl Victim for $actor {
                const KIND: ActorKind = ActorKind::$kind;
                fn scope(&self) -> &Arc<Scope> {
                    &self.scope
                }
                fn exit(&self) -> &Exit {
                    &self.exit
                }
            }

            impl Handler<Inject> for $actor {
                type Result = ();

                fn handle(&mut self, inject: Inject, ctx: &mut Context<Self>) {
                    match inject.moment {
                        Moment::Now => self.strike(ctx, inject.fault),
                        Moment::AfterMessages(messages) => self.arm(inject.fault, messages),
                    }
                }
            }
        )+
    };
}

victims!(
    GathererActor: Gatherer,
    IceActor: Ice,
    DtlsActor: Dtls,
    SctpActor: Sctp,
    SessionSupervisor: Supervisor
);
