//! A worker: one thread, one arbiter, and the sessions that live on it.

use std::net::SocketAddr;
use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::config::{Config, UdpMode};
use crate::gatherer::GathererActor;
use crate::guard::{ChildFailed, Guarded};
use crate::mailbox::Mailbox;
use crate::metrics::Metrics;
use crate::mux::{Mux, MuxError};
use crate::registry::SessionSlot;
use crate::scope::Scope;
use crate::session::SessionId;
use crate::supervisor::SessionSupervisor;

/// Opens a session on this worker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct OpenSession {
    pub(crate) scope: Arc<Scope>,
    pub(crate) supervisor: Mailbox<SessionSupervisor>,
    pub(crate) gatherer: Mailbox<GathererActor>,
    pub(crate) slot: SessionSlot,
}

/// A worker that runs, and its shared port where it has one.
pub(crate) type Started = Result<(Addr<Worker>, Option<SocketAddr>), MuxError>;

/// The actor of a worker thread. It owns the worker's shared sockets and starts the supervisors of
/// its sessions.
pub(crate) struct Worker {
    mux: Option<Mux>,
}

impl Worker {
    /// Binds what is to be bound and starts the actor; runs on the worker's own arbiter.
    pub(crate) fn start_on_arbiter(
        index: usize,
        config: Arc<Config>,
        metrics: Arc<Metrics>,
        started: oneshot::Sender<Started>,
    ) {
        let mux = match config.udp {
            UdpMode::PerSession => Ok(None),
            UdpMode::Mux { ip, port } => {
                let port = if port == 0 { 0 } else { port + index as u16 };
                Mux::bind(SocketAddr::new(ip, port), &config, metrics).map(Some)
            }
        };
        let _ = started.send(mux.map(|mux| {
            let bound = mux.as_ref().map(Mux::local_addr);
            (Worker { mux }.start(), bound)
        }));
    }
}

impl Actor for Worker {
    type Context = Context<Self>;
}

impl Handler<OpenSession> for Worker {
    type Result = ();

    fn handle(&mut self, open: OpenSession, ctx: &mut Context<Self>) {
        let OpenSession {
            scope,
            supervisor,
            gatherer,
            slot,
        } = open;
        let mux = self.mux.clone().filter(|_| !scope.options.own_sockets);
        let parent = ctx.address().recipient();
        Guarded::start(
            scope.id.clone(),
            parent,
            None,
            supervisor,
            move |ctx, _exit| SessionSupervisor::new(ctx, scope, mux, gatherer, slot),
        );
    }
}

impl Handler<ChildFailed<SessionId>> for Worker {
    type Result = ();

    fn handle(&mut self, message: ChildFailed<SessionId>, _: &mut Context<Self>) {
        // The supervisor's own drop has closed the session; this is for the operator.
        match message.end {
            crate::guard::End::Stopped => tracing::debug!(session = %message.child, "session over"),
            end => tracing::error!(session = %message.child, ?end, "session supervisor lost"),
        }
    }
}
