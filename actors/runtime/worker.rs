//! A worker: one thread, one arbiter, and the sessions that live on it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::base::config::Config;
use crate::base::error::Reason;
use crate::base::error::open::MuxError;
use crate::base::id::SessionId;
use crate::kit::guard::{ChildFailed, End, Guard};
use crate::kit::mailbox::Mailbox;
use crate::metrics::Metrics;
use crate::ports::{Ports, SharedPorts};
use crate::runtime::life::{Life, TICK};
use crate::session::lease::WeakLease;
use crate::session::scope::Scope;
use crate::supervisor::{SessionSupervisor, Start};

/// Opens a session on this worker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct OpenSession {
    pub(crate) scope: Opening,
    pub(crate) lease: WeakLease,
    pub(crate) supervisor: Mailbox<SessionSupervisor>,
    /// With what it begins.
    pub(crate) first: Start,
}

/// A session that has no supervisor yet. When the worker is lost before it starts one, the session
/// fails.
pub(crate) struct Opening(Option<Arc<Scope>>);

impl Opening {
    pub(crate) fn new(scope: Arc<Scope>) -> Opening {
        Opening(Some(scope))
    }

    /// Its supervisor ends the session now.
    fn started(mut self) {
        self.0 = None;
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(scope) = self.0.take() {
            scope.lose(Reason::WorkerLost);
        }
    }
}

/// A worker that runs, and its shared port where it has one.
pub(crate) type Started = Result<(Addr<Worker>, Option<SocketAddr>), MuxError>;

/// The actor of a worker thread. It owns the worker's shared sockets and starts the supervisors of
/// its sessions.
pub(crate) struct Worker {
    pub(crate) ports: Ports,
    life: Life,
}

/// Binds what is to be bound and starts the actor; runs on the worker's own arbiter.
pub(crate) fn start_on_arbiter(
    life: Life,
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    shared: &SharedPorts,
    started: oneshot::Sender<Started>,
) {
    let ports = Ports::open(life.id().index, &config, &metrics, shared);
    let _ = started.send(ports.map(|ports| {
        let bound = ports.udp();
        actix_rt::spawn(show_life(life.clone(), metrics));
        (Worker { ports, life }.start(), bound)
    }));
}

/// What a timer of tokio is late by itself: it counts whole milliseconds.
const TIMER_GRANULARITY: Duration = Duration::from_millis(1);

/// Ticks, and measures how late each tick comes: an application callback that blocks the thread
/// shows there.
async fn show_life(life: Life, metrics: Arc<Metrics>) {
    let lag = metrics.process.lag(life.id().index);
    loop {
        let due = tokio::time::Instant::now() + TICK;
        tokio::time::sleep_until(due).await;
        lag.record(due.elapsed().saturating_sub(TIMER_GRANULARITY));
        metrics.show();
        life.tick();
    }
}

impl Actor for Worker {
    type Context = Context<Self>;
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.life.end();
    }
}

impl Handler<OpenSession> for Worker {
    type Result = ();

    fn handle(&mut self, open: OpenSession, ctx: &mut Context<Self>) {
        let OpenSession {
            scope,
            lease,
            supervisor,
            first,
        } = open;
        let Some(shared) = scope.0.clone() else {
            return;
        };
        let ports = match shared.options.own_sockets {
            true => self.ports.clone().without_mux(),
            false => self.ports.clone(),
        };
        let parent = ctx.address().recipient();
        let guard = Guard {
            child: shared.id.clone(),
            parent,
            policy: None,
            span: shared.span("supervisor"),
            metrics: shared.metrics.clone(),
        };
        guard.start(supervisor, move |ctx, exit| {
            let supervisor = SessionSupervisor::new(ctx, shared, lease, ports, first, exit);
            // From here on its drop ends the session.
            scope.started();
            supervisor
        });
    }
}

impl Handler<ChildFailed<SessionId>> for Worker {
    type Result = ();

    fn handle(&mut self, message: ChildFailed<SessionId>, _: &mut Context<Self>) {
        // The supervisor's own drop has closed the session; this is for the operator.
        match message.end {
            End::Stopped => tracing::debug!(session = %message.child, "session over"),
            end => tracing::error!(session = %message.child, ?end, "session supervisor lost"),
        }
    }
}
