//! The SCTP actor: runs the association, and carries messages between it and the data channels.

mod channels;
mod handle;
pub(crate) mod messages;
pub(crate) mod metrics;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use actix::prelude::*;
use bytes::Bytes;
use tokio::sync::mpsc;

pub(crate) use handle::SctpParts;
pub use handle::SctpTransport;

use crate::alarm::{Alarm, OnAlarm, now};
use crate::channel::{DataChannelState, Offered, Port, Shared};
use crate::connection::Connection;
use crate::error::{ActorKind, Reason, SctpError, TransportError};
use crate::guard::Exit;
use crate::link::{DtlsToSctp, SctpToDtls, Shutdown};
use crate::mailbox::{Address, Neighbour, metered};
use crate::metrics::{Direction, Share};
use crate::proto::Machine;
use crate::proto::sctp::{Association, Capabilities, ChannelId, Event};
use crate::scope::{Scope, WeakLease};
use crate::sctp::channels::Attached;
use crate::sctp::messages::{GetChannels, GetStats, Open, Start, Wake};
use crate::state::SctpTransportState;
use crate::supervisor::StateChanged;
use crate::turn::{OnTurn, Turn};

/// All inboxes of a session hold this many times as much as one may.
const INBOXES: usize = 8;

/// See the [module](self).
pub(crate) struct SctpActor {
    pub(crate) scope: Arc<Scope>,
    pub(crate) exit: Exit,
    connection: Arc<Connection>,
    dtls: Neighbour<SctpToDtls>,
    supervisor: Recipient<StateChanged>,
    application: Application,
    association: Association,
    alarm: Alarm,
    turn: Turn,
    port: Arc<Port>,
    /// What `start` was given.
    remote: Option<(Capabilities, u16)>,
    /// Our side of DTLS, once it is connected.
    dtls_client: Option<bool>,
    begun: bool,
    channels: HashMap<ChannelId, Attached>,
    /// Channels with messages that wait in the association: only those are looked at.
    sending: Vec<ChannelId>,
    /// The sum of what all channels hold.
    held: usize,
    closing: bool,
    /// What all channels hold, in the process's gauge.
    buffered: Share,
    exported: metrics::Exported,
}

/// How data channels reach the application.
pub(crate) struct Application {
    pub(crate) lease: WeakLease,
    /// As many as there may be at once; those that the application lets wait longer are closed.
    pub(crate) incoming: mpsc::Sender<Offered>,
}

impl SctpActor {
    pub(crate) fn new(
        ctx: &mut Context<Self>,
        scope: Arc<Scope>,
        connection: Arc<Connection>,
        dtls: Neighbour<SctpToDtls>,
        supervisor: Recipient<StateChanged>,
        application: Application,
        exit: Exit,
    ) -> SctpActor {
        let mut config = scope.config.sctp.clone();
        // The handles hold back what is too much: what reaches the association, it takes.
        config.send_queue_limit = usize::MAX;
        SctpActor {
            association: Association::new(config, scope.random()),
            alarm: Alarm::start(ctx),
            turn: Turn::start(ctx),
            port: Arc::new(Port::new(
                Address::of(ctx, &scope),
                scope.metrics.sctp.backpressure.clone(),
                scope.config.channel_receive_limit.saturating_mul(INBOXES),
            )),
            buffered: Share::new(&scope.metrics.sctp.buffered),
            scope,
            exit,
            connection,
            dtls,
            supervisor,
            application,
            remote: None,
            dtls_client: None,
            begun: false,
            channels: HashMap::new(),
            sending: Vec::new(),
            held: 0,
            closing: false,
            exported: metrics::Exported::new(),
        }
    }

    fn start(&mut self, remote: Capabilities, port: u16) -> Result<(), SctpError> {
        if port == 0 {
            return Err(SctpError::BadPort);
        }
        if let Some(known) = &self.remote {
            let same = known.0 == remote && known.1 == port;
            return if same {
                Ok(())
            } else {
                Err(SctpError::AlreadyStarted)
            };
        }
        // The smaller of both sides' limits; 0 is none (RFC 8841 §6.1).
        let ours = self.scope.config.sctp.max_message_size;
        let limit = match remote.max_message_size {
            0 => ours,
            theirs => theirs.min(ours),
        };
        self.port.max_message_size.store(limit, Ordering::Release);
        self.connection
            .sctp
            .max_message_size
            .store(Some(Arc::new(limit)));
        self.remote = Some((remote, port));
        self.connection
            .sctp
            .state
            .set(SctpTransportState::Connecting);
        self.supervisor.do_send(StateChanged);
        self.begin();
        Ok(())
    }

    /// The association is set up when both the application and DTLS are ready.
    fn begin(&mut self) {
        if let (Some((remote, port)), Some(client), false) =
            (&self.remote, self.dtls_client, self.begun)
        {
            self.begun = true;
            self.association.start(now(), client, *remote, *port);
        }
    }

    /// Takes out of the association what it has to send and to say.
    fn drain(&mut self, ctx: &mut Context<Self>, now: Instant) {
        let mut packets = Vec::new();
        loop {
            while let Some(packet) = self.association.poll_transmit(now) {
                packets.push(packet);
            }
            if !self.drain_events(ctx, now) {
                break;
            }
        }
        if !packets.is_empty() {
            let bytes = packets.iter().map(Bytes::len).sum();
            let metrics = self.scope.metrics.actor(ActorKind::Sctp);
            metrics.traffic(Direction::Out, packets.len(), bytes);
            self.dtls.do_send(SctpToDtls(packets));
        }
        self.release();
        let metrics = &self.scope.metrics.sctp;
        self.exported.sync(metrics, now, &self.association);
        self.alarm.set(self.association.poll_timeout());
    }

    /// Returns whether there were any.
    fn drain_events(&mut self, ctx: &mut Context<Self>, now: Instant) -> bool {
        let mut some = false;
        while let Some(event) = self.association.poll_event() {
            some = true;
            self.handle_event(ctx, now, event);
        }
        some
    }

    fn handle_event(&mut self, ctx: &mut Context<Self>, now: Instant, event: Event) {
        match event {
            Event::Connected => {
                self.connection
                    .sctp
                    .state
                    .set(SctpTransportState::Connected);
                self.supervisor.do_send(StateChanged);
            }
            Event::ChannelIncoming(id) => self.accept(now, id),
            Event::ChannelOpen(id) => self.channel_state(id, DataChannelState::Open, None),
            Event::Readable(id) => self.deliver(now, id, Shared::fill),
            Event::ChannelClosing(id) => self.channel_state(id, DataChannelState::Closing, None),
            Event::ChannelClosed(id, error) => self.closed(now, id, error),
            // The handles keep their own accounts.
            Event::BufferedAmountLow(_) | Event::Writable(_) => {}
            Event::Failed(reason) => {
                self.deliver_all(now);
                let error = TransportError::new(ActorKind::Sctp, Reason::Sctp(reason));
                self.scope.fail_on(&self.connection, error);
                self.supervisor.do_send(StateChanged);
                if self.closing {
                    ctx.stop();
                }
            }
            Event::Closed => {
                self.deliver_all(now);
                self.connection.sctp.close();
                self.supervisor.do_send(StateChanged);
                if self.closing {
                    ctx.stop();
                }
            }
        }
    }
}

impl Actor for SctpActor {
    type Context = Context<Self>;
}

metered!(
    SctpActor,
    ActorKind::Sctp,
    [
        Start,
        Open,
        GetStats,
        GetChannels,
        Wake,
        DtlsToSctp,
        Shutdown
    ]
);

impl Supervised for SctpActor {}

impl OnTurn for SctpActor {
    fn on_turn(&mut self, ctx: &mut Context<Self>) {
        let now = now();
        self.run_commands(now);
        self.drain(ctx, now);
    }
}

impl OnAlarm for SctpActor {
    fn on_alarm(&mut self, ctx: &mut Context<Self>) {
        let now = now();
        self.association.handle_timeout(now);
        self.drain(ctx, now);
    }
}

impl Handler<DtlsToSctp> for SctpActor {
    type Result = ();

    fn handle(&mut self, message: DtlsToSctp, ctx: &mut Context<Self>) {
        #[cfg(feature = "chaos")]
        if crate::chaos::Victim::is_struck(self, ctx) {
            return;
        }
        let now = now();
        match message {
            DtlsToSctp::Packets { packets, permit } => {
                let bytes = packets.iter().map(Bytes::len).sum();
                let metrics = self.scope.metrics.actor(ActorKind::Sctp);
                metrics.traffic(Direction::In, packets.len(), bytes);
                self.association.handle_packets(now, packets);
                drop(permit);
                // The application may answer what it is given, and the acknowledgement travels
                // with its answer then.
                self.turn.ask();
                self.port.expect();
                self.drain_events(ctx, now);
                return;
            }
            DtlsToSctp::Connected { client } => {
                self.dtls_client = Some(client);
                self.connection
                    .sctp
                    .is_server
                    .store(!client, Ordering::Release);
                self.begin();
            }
            DtlsToSctp::PathRestored => self.association.path_restored(now),
            // There is nobody left to say goodbye to.
            DtlsToSctp::Closed => self.association.abort(now),
        }
        self.drain(ctx, now);
    }
}

impl Handler<Start> for SctpActor {
    type Result = ();

    fn handle(&mut self, message: Start, ctx: &mut Context<Self>) {
        let Start {
            remote,
            remote_port,
            taken,
        } = message;
        let _ = taken.send(self.start(remote, remote_port));
        self.drain(ctx, now());
    }
}

impl Handler<GetStats> for SctpActor {
    type Result = ();

    fn handle(&mut self, GetStats(reply): GetStats, _: &mut Context<Self>) {
        let _ = reply.send(self.association.stats());
    }
}

impl Handler<Shutdown> for SctpActor {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        self.exit.asked();
        self.closing = true;
        let metrics = &self.scope.metrics.sctp;
        self.exported.flush(metrics, &self.association);
        if self.connection.sctp.state.get() == SctpTransportState::Failed {
            // It stays failed until the session is over.
            ctx.stop();
            return;
        }
        // What the application has sent before is part of the goodbye.
        let now = now();
        self.run_commands(now);
        self.association.close(now);
        self.drain(ctx, now);
        let state = self.connection.sctp.state.get();
        if matches!(state, SctpTransportState::New | SctpTransportState::Closed) {
            self.connection.sctp.close();
            ctx.stop();
        }
    }
}
