//! The DTLS actor: runs the handshake over the pair that ICE found, opens the peer's records for
//! SCTP, and seals ours.

mod bench;
pub(crate) mod engine;
#[cfg(all(test, feature = "dtls-webrtc"))]
mod engine_testkit;
#[cfg(all(test, feature = "dtls-webrtc"))]
mod injection_tests;
pub(crate) mod messages;
#[cfg(all(test, feature = "dtls-webrtc"))]
mod openssl_testkit;
#[cfg(all(test, feature = "dtls-webrtc"))]
mod openssl_tests;
mod wake;
#[cfg(feature = "dtls-webrtc")]
mod webrtc;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use actix::prelude::*;
use bytes::Bytes;
use proto::Machine;
use proto::demux::Kind;
use proto::dtls::{
    AlertDescription, Event, FailureReason, FingerprintSet, Parameters, Role, StartError, WallClock,
};
use proto::net::Segments;

pub use self::bench::DtlsLoop;
use self::engine::Engine;
use self::messages::{EngineWoke, Export, GetCounters, StartDtls};
use crate::base::error::{DtlsError, Reason, TransportError};
use crate::base::kind::ActorKind;
use crate::base::transport::dtls::DtlsTransportState;
use crate::kit::address::{Neighbour, metered};
use crate::kit::alarm::{Alarm, OnAlarm, now};
use crate::kit::control::OnShutdown;
use crate::kit::guard::Exit;
use crate::metrics::Direction;
use crate::metrics::dtls::Exported;
use crate::session::connection::{Connection, Established};
use crate::session::control::StateChanged;
use crate::session::link::{Above, AboveToIce, DtlsToSctp, IceToAbove, SctpToDtls, StandsOnIce};
use crate::session::permits::Permit;
use crate::session::scope::Scope;

/// See the [module](self).
pub(crate) struct DtlsActor {
    pub(crate) scope: Arc<Scope>,
    pub(crate) exit: Exit,
    connection: Arc<Connection>,
    ice: Below,
    supervisor: Recipient<StateChanged>,
    above: Option<Neighbour<DtlsToSctp>>,
    engine: Engine,
    alarm: Alarm,
    /// What `start` was given.
    remote: Option<Parameters>,
    /// Whether ICE has a pair; its role decides ours where both sides leave it open.
    writable: Option<IceSide>,
    started_at: Option<Instant>,
    opened: Vec<Bytes>,
    /// It is this side that closes.
    goodbye: bool,
    exported: Exported,
}

#[derive(Debug, Clone, Copy)]
struct IceSide {
    controlling: bool,
}

/// The ICE actor as the DTLS actor knows it.
pub(crate) struct Below {
    pub(crate) ice: Neighbour<AboveToIce>,
    pub(crate) attach: Neighbour<StandsOnIce>,
}

impl DtlsActor {
    pub(crate) fn new(
        ctx: &mut Context<Self>,
        scope: Arc<Scope>,
        connection: Arc<Connection>,
        ice: Below,
        supervisor: Recipient<StateChanged>,
        exit: Exit,
    ) -> DtlsActor {
        let kind = scope.dtls_engine();
        let certificate = connection.dtls.certificate.load().as_ref().clone();
        let this = scope.address_of(ctx);
        ice.attach.do_send(StandsOnIce {
            kind: Kind::Dtls,
            above: this.neighbour(),
        });
        let wake = Arc::new(move || this.do_send(EngineWoke));
        let mut config = scope.config.dtls.clone();
        config.wall_clock.get_or_insert_with(|| WallClock {
            instant: now(),
            time: SystemTime::now(),
        });
        DtlsActor {
            engine: Engine::new(kind, config, certificate, wake),
            alarm: Alarm::start(ctx),
            scope,
            exit,
            connection,
            ice,
            supervisor,
            above: None,
            remote: None,
            writable: None,
            started_at: None,
            opened: Vec::new(),
            goodbye: false,
            exported: Exported::default(),
        }
    }

    fn start(&mut self, remote: Parameters) -> Result<(), DtlsError> {
        if let Some(known) = &self.remote {
            return if *known == remote {
                Ok(())
            } else {
                Err(DtlsError::AlreadyStarted)
            };
        }
        // Before a packet is sent: fingerprints that cannot match anything, and a certificate that
        // is not valid, are the caller's error.
        FingerprintSet::new(&remote.fingerprints)
            .map_err(|error| DtlsError::Start(StartError::Fingerprints(error)))?;
        if !self
            .connection
            .dtls
            .certificate
            .load()
            .is_valid_at(SystemTime::now())
        {
            return Err(DtlsError::Start(StartError::CertificateExpired));
        }
        self.remote = Some(remote);
        self.connection
            .dtls
            .state
            .set(DtlsTransportState::Connecting);
        self.supervisor.do_send(StateChanged);
        Ok(())
    }

    /// The handshake begins when both the application and ICE are ready; the deadline of the
    /// handshake runs from then.
    fn begin_handshake(&mut self, ctx: &mut Context<Self>) {
        let (Some(remote), Some(side), None) = (&self.remote, self.writable, self.started_at)
        else {
            return;
        };
        let local = **self.connection.dtls.role.load();
        // Two sides that insist on one role: ours gives way, so that at least one is right.
        let role = Role::resolve(local, remote.role, side.controlling)
            .unwrap_or_else(|conflict| conflict.role.opposite());
        self.connection.dtls.role.store(Arc::new(role.into()));
        self.started_at = Some(now());
        if let Err(error) = self.engine.start(now(), role, &remote.fingerprints) {
            let reason = Reason::DtlsStart(error);
            self.exit
                .clone()
                .fail(ctx, TransportError::new(ActorKind::Dtls, reason));
        }
    }

    /// Takes out of the engine what it has to send and to say.
    fn drain(&mut self, now: Instant, permit: Option<Permit>) {
        let mut records = Vec::new();
        while let Some(segments) = self.engine.poll_transmit(now) {
            records.push(segments);
        }
        if !records.is_empty() {
            let (count, bytes) = Segments::total(&records);
            let metrics = self.scope.metrics.actor(ActorKind::Dtls);
            metrics.traffic(Direction::Out, count, bytes);
            self.ice.ice.do_send(AboveToIce(records));
        }
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::ApplicationData(packet) => self.opened.push(packet),
                event => self.handle_event(event),
            }
        }
        if !self.opened.is_empty()
            && let Some(above) = &self.above
        {
            let packets = std::mem::take(&mut self.opened);
            above.do_send(DtlsToSctp::Packets { packets, permit });
        }
        self.exported
            .sync(&self.scope.metrics.dtls, self.engine.counters());
        self.alarm.set(self.engine.poll_timeout());
    }

    fn handle_event(&mut self, event: Event) {
        tracing::debug!(state = self.engine.state().as_str(), ?event);
        match event {
            // Collected by `drain`.
            Event::ApplicationData(_) => {}
            Event::Connected => {
                let role = self.engine.role().unwrap_or(Role::Client);
                if let Some(started_at) = self.started_at {
                    let took = now().duration_since(started_at);
                    self.scope.metrics.dtls.connected(role, took);
                }
                let established = established(&self.engine);
                self.connection
                    .dtls
                    .established
                    .store(Some(Arc::new(established)));
                self.connection
                    .dtls
                    .state
                    .set(DtlsTransportState::Connected);
                self.tell_above();
            }
            Event::Failed(reason) => {
                self.opened.clear();
                self.count_failure(reason);
                let error = TransportError::new(ActorKind::Dtls, Reason::Dtls(reason));
                self.scope.fail_on(&self.connection, error);
            }
            Event::Closed => {
                let direction = match self.goodbye {
                    true => Direction::Out,
                    false => Direction::In,
                };
                let metrics = &self.scope.metrics.dtls;
                metrics.alert(direction, AlertDescription::CLOSE_NOTIFY);
                if let Some(above) = &self.above {
                    above.do_send(DtlsToSctp::Closed);
                }
                self.connection.dtls.state.set(DtlsTransportState::Closed);
            }
        }
        self.supervisor.do_send(StateChanged);
    }

    fn count_failure(&self, reason: FailureReason) {
        let metrics = &self.scope.metrics.dtls;
        if self.connection.dtls.established.load().is_none()
            && let Some(role) = self.engine.role()
        {
            metrics.failed(role, reason);
        }
        if let FailureReason::PeerAlert(alert) = reason {
            metrics.alert(Direction::In, alert);
        }
        if let Some(alert) = self.engine.alert_sent() {
            metrics.alert(Direction::Out, alert);
        }
    }

    fn tell_above(&self) {
        if let Some(above) = &self.above
            && self.connection.dtls.state.get() == DtlsTransportState::Connected
        {
            let client = self.engine.role() == Some(Role::Client);
            above.do_send(DtlsToSctp::Connected { client });
        }
    }
}

impl Actor for DtlsActor {
    type Context = Context<Self>;
}

metered!(
    DtlsActor,
    ActorKind::Dtls,
    [
        StartDtls,
        Export,
        GetCounters,
        EngineWoke,
        IceToAbove,
        SctpToDtls,
        Above<DtlsToSctp>,
    ]
);

/// What a handshake has brought to light.
fn established(engine: &Engine) -> Established {
    Established {
        peer_certificate: engine.peer_certificate().cloned(),
        version: engine.version(),
        cipher: engine.cipher_suite(),
        srtp: engine.srtp_keying_material().cloned(),
    }
}

impl Supervised for DtlsActor {}

impl OnAlarm for DtlsActor {
    fn on_alarm(&mut self, _: &mut Context<Self>) {
        let now = now();
        self.engine.handle_timeout(now);
        self.drain(now, None);
    }
}

impl Handler<IceToAbove> for DtlsActor {
    type Result = ();

    fn handle(&mut self, message: IceToAbove, ctx: &mut Context<Self>) {
        match message {
            IceToAbove::Datagrams { batch, permit } => {
                let now = now();
                let (count, bytes) = Segments::total(&batch);
                let metrics = self.scope.metrics.actor(ActorKind::Dtls);
                metrics.traffic(Direction::In, count, bytes);
                for datagram in batch.iter().flat_map(Segments::iter) {
                    self.engine.handle_datagram(now, &datagram);
                }
                self.drain(now, permit);
            }
            IceToAbove::Writable { controlling } => {
                if self.writable.replace(IceSide { controlling }).is_some()
                    && let Some(above) = &self.above
                {
                    above.do_send(DtlsToSctp::PathRestored);
                }
                self.begin_handshake(ctx);
                self.drain(now(), None);
            }
        }
    }
}

impl Handler<SctpToDtls> for DtlsActor {
    type Result = ();

    fn handle(&mut self, SctpToDtls(packets): SctpToDtls, _: &mut Context<Self>) {
        let now = now();
        for packet in &packets {
            if let Err(error) = self.engine.send(now, packet) {
                // SCTP sends it again; nothing it makes is too large for a record.
                self.scope.metrics.dtls.not_sealed.increment(1);
                tracing::trace!(%error, "packet not sealed");
            }
        }
        self.drain(now, None);
    }
}

impl Handler<Above<DtlsToSctp>> for DtlsActor {
    type Result = ();

    fn handle(&mut self, Above(sctp): Above<DtlsToSctp>, _: &mut Context<Self>) {
        self.above = Some(sctp);
        self.tell_above();
        self.drain(now(), None);
    }
}

impl Handler<StartDtls> for DtlsActor {
    type Result = ();

    fn handle(&mut self, message: StartDtls, ctx: &mut Context<Self>) {
        let taken = self.start(message.remote);
        if taken.is_ok() {
            self.begin_handshake(ctx);
        }
        let _ = message.taken.send(taken);
        self.drain(now(), None);
    }
}

impl Handler<Export> for DtlsActor {
    type Result = ();

    fn handle(&mut self, message: Export, _: &mut Context<Self>) {
        let Export {
            label,
            context,
            length,
            reply,
        } = message;
        let _ = reply.send(self.engine.export_keying_material(&label, &context, length));
    }
}

impl Handler<GetCounters> for DtlsActor {
    type Result = ();

    fn handle(&mut self, GetCounters(reply): GetCounters, _: &mut Context<Self>) {
        let _ = reply.send(*self.engine.counters());
    }
}

impl Handler<EngineWoke> for DtlsActor {
    type Result = ();

    fn handle(&mut self, _: EngineWoke, _: &mut Context<Self>) {
        self.drain(now(), None);
    }
}

impl OnShutdown for DtlsActor {
    fn on_shutdown(&mut self, ctx: &mut Context<Self>) {
        self.exit.asked();
        self.goodbye = true;
        self.engine.close(now());
        self.drain(now(), None);
        self.connection.dtls.state.set(DtlsTransportState::Closed);
        ctx.stop();
    }
}
