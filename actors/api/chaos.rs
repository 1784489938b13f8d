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
use std::time::Duration;

use actix::AsyncContext;
use tokio::sync::oneshot;

use crate::api::dtls::DtlsTransport;
use crate::api::runtime::Runtime;
use crate::api::session::Session;
use crate::base::kind::ActorKind;
use crate::kit::control::Control;
use crate::kit::faults::Strike;
use crate::kit::faults::armed::PortFault;
pub use crate::kit::faults::armed::{Fault, Moment};
use crate::kit::guard::GUARDED;
use crate::ports::Ports;
use crate::ports::mux::Mux;
use crate::runtime::visit::Visit;
use crate::supervisor::StrikeChild;

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
    /// Injects a fault into an actor of this session. Each actor of a session has one armed fault
    /// at a time; another takes its place.
    pub fn inject(&self, actor: ActorKind, fault: Fault, moment: Moment) {
        self.supervisor().do_send(StrikeChild {
            actor,
            strike: Strike { fault, moment },
        });
    }
}

impl DtlsTransport {
    /// Injects a fault into the actor of this transport.
    pub fn inject(&self, fault: Fault, moment: Moment) {
        self.actor
            .do_send(Control::Strike(Strike { fault, moment }));
    }
}

impl Runtime {
    /// Injects a fault into a worker; `false` when there is none of this number at the moment.
    pub fn inject(&self, worker: usize, fault: WorkerFault) -> bool {
        let mut workers = self.0.pool.workers();
        let Some(worker) = workers.find(|found| found.life.id().index == worker) else {
            return false;
        };
        let visit = |visit| worker.address.try_send(visit).is_ok();
        let strike = |fault| {
            Visit::new(move |ports: &Ports, _| {
                if let Some(mux) = &ports.mux {
                    mux.strike(fault);
                }
            })
        };
        match fault {
            WorkerFault::LosePort => visit(strike(PortFault::Error)),
            WorkerFault::PanicAtPort => visit(strike(PortFault::Panic)),
            WorkerFault::TakePort(time) => visit(Visit::new(move |ports, ctx| {
                match ports.mux.as_ref().map(Mux::take_away) {
                    Some(Ok(thief)) => {
                        ctx.run_later(time, |_, _| drop(thief));
                    }
                    Some(Err(error)) => tracing::error!(%error, "the port could not be taken"),
                    None => {}
                }
            })),
            WorkerFault::Stop => worker.arbiter.stop(),
            WorkerFault::Panic => visit(Visit::new(|_, _| panic!("chaos"))),
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
        for worker in self.0.pool.workers() {
            let (reply, answer) = oneshot::channel();
            worker.address.do_send(Visit::new(|ports, _| {
                let _ = reply.send(ports.mux.as_ref().map_or(0, Mux::entries));
            }));
            // A worker that is gone has none.
            routes += answer.await.unwrap_or_default();
        }
        Census {
            actors: GUARDED.load(Ordering::Acquire),
            routes,
        }
    }
}
