//! The SCTP actor: runs the association, and carries messages between it and the data channels.

mod channels;
pub(crate) mod messages;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use actix::prelude::*;
use bytes::Bytes;
use proto::Machine;
use proto::sctp::{Association, Capabilities, ChannelId, Event};
use tokio::sync::mpsc;

use self::channels::Attached;
use self::messages::{GetChannels, GetStats, OpenChannel, StartSctp};
use crate::base::channel::DataChannelState;
use crate::base::error::{Reason, SctpError, TransportError};
use crate::base::kind::ActorKind;
use crate::base::transport::sctp::SctpTransportState;
use crate::channel::offered::Offered;
use crate::channel::queue::{CommandQueue, CommandsWait};
use crate::channel::shared::Shared;
use crate::kit::address::{Neighbour, metered};
use crate::kit::alarm::{Alarm, OnAlarm, now};
use crate::kit::control::OnShutdown;
use crate::kit::defer::{Deferred, OnDeferred};
use crate::kit::guard::Exit;
use crate::metrics::sctp::Exported;
use crate::metrics::{Direction, Share};
use crate::session::connection::Connection;
use crate::session::control::StateChanged;
use crate::session::lease::WeakLease;
use crate::session::link::{Above, DtlsToSctp, SctpToDtls};
use crate::session::scope::Scope;

/// All inboxes of a session hold this many times as much as one may.
const INBOXES: usize = 8;

/// See the [module](self).
pub(crate) struct SctpActor {
    pub(crate) scope: Arc<Scope>,
    pub(crate) exit: Exit,
    connection: Arc<Connection>,
    dtls: Below,
    supervisor: Recipient<StateChanged>,
    application: Application,
    association: Association,
    alarm: Alarm,
    /// Draining, until the application had its turn.
    later: Deferred,
    queue: Arc<CommandQueue>,
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
    exported: Exported,
}

/// How data channels reach the application.
pub(crate) struct Application {
    pub(crate) lease: WeakLease,
    /// As many as there may be at once; those that the application lets wait longer are closed.
    pub(crate) incoming: mpsc::Sender<Offered>,
}

/// The DTLS actor as the SCTP actor knows it.
pub(crate) struct Below {
    pub(crate) dtls: Neighbour<SctpToDtls>,
    pub(crate) attach: Neighbour<Above<DtlsToSctp>>,
}

impl SctpActor {
    pub(crate) fn new(
        ctx: &mut Context<Self>,
        scope: Arc<Scope>,
        connection: Arc<Connection>,
        dtls: Below,
        supervisor: Recipient<StateChanged>,
        application: Application,
        exit: Exit,
    ) -> SctpActor {
        let this = scope.address_of(ctx);
        dtls.attach.do_send(Above::<DtlsToSctp>(this.neighbour()));
        let mut config = scope.config.sctp.clone();
        // The handles hold back what is too much: what reaches the association, it takes.
        config.send_queue_limit = usize::MAX;
        SctpActor {
            association: Association::new(config, scope.random()),
            alarm: Alarm::start(ctx),
            later: Deferred::start(ctx),
            queue: Arc::new(CommandQueue::new(
                this.neighbour(),
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
            exported: Exported::new(),
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
        self.queue.max_message_size.store(limit, Ordering::Release);
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
            self.dtls.dtls.do_send(SctpToDtls(packets));
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
                let shown = &self.connection.sctp;
                let channels = self.association.max_channels().unwrap_or_default();
                shown.max_channels.store(channels, Ordering::Release);
                shown.state.set(SctpTransportState::Connected);
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
        StartSctp,
        OpenChannel,
        GetStats,
        GetChannels,
        CommandsWait,
        DtlsToSctp,
    ]
);

impl Supervised for SctpActor {}

impl OnDeferred for SctpActor {
    fn on_deferred(&mut self, ctx: &mut Context<Self>) {
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
                self.later.ask();
                self.queue.expect();
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

impl Handler<StartSctp> for SctpActor {
    type Result = ();

    fn handle(&mut self, message: StartSctp, ctx: &mut Context<Self>) {
        let StartSctp {
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

impl OnShutdown for SctpActor {
    fn on_shutdown(&mut self, ctx: &mut Context<Self>) {
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
