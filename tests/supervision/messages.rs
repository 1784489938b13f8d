//! For applications made of actors: all that handles do, as messages; events as messages; and what
//! is logged says which session it is about.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::commands::{
    Accept, AcceptDataChannel, AddRemoteCandidate, CloseSession, CloseTransport, CreateDataChannel,
    ExportKeyingMaterial, Gather, GetDtls, GetDtlsParameters, GetFailure, GetGeneration, GetIce,
    GetIceParameters, GetIceStats, GetLocalCandidates, GetSctp, GetSctpStats, GetStates, GetStats,
    NewIceParameters, Offer, RestartIce, SetAnswer, SetIceRole, Spawn, StartDtls, StartIce,
    StartSctp, Subscribe, SubscribeTo, Trickle, WaitClosed, WaitConnected,
};
use actix_rtc::{
    ActorKind, DtlsTransportState, Event, IceError, IceRole, IceTransportEvent, IceTransportState,
    Message as ChannelMessage, Reason, SctpTransport, SctpTransportEvent, SctpTransportState,
    Session, SessionEvent, SessionOptions, SessionState, SessionSupervisor, TransportEvent,
    Trickled,
};

use crate::pair::{config, dialling, start};
use crate::time_limit::within;

/// Hears of sessions, as any actor can.
struct Listener {
    heard: tokio::sync::mpsc::UnboundedSender<TransportEvent>,
}

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<TransportEvent> for Listener {
    type Result = ();

    fn handle(&mut self, event: TransportEvent, _: &mut Context<Self>) {
        let _ = self.heard.send(event);
    }
}

type Heard = tokio::sync::mpsc::UnboundedReceiver<TransportEvent>;

fn listener() -> (Addr<Listener>, Heard) {
    let (heard, events) = tokio::sync::mpsc::unbounded_channel();
    (Listener { heard }.start(), events)
}

#[actix::test]
async fn a_session_can_be_run_by_messages_alone() {
    let rtc = start(config(2));
    let (a, b) = (
        rtc.session(dialling()).unwrap(),
        rtc.session(SessionOptions::default()).unwrap(),
    );
    let (offerer, answerer) = (a.supervisor(), b.supervisor());
    let (listener, mut heard) = listener();
    within(answerer.send(Subscribe(listener.recipient())))
        .await
        .unwrap();
    within(async {
        let offer = offerer.send(Offer).await.unwrap().unwrap();
        let answer = answerer.send(Accept(offer)).await.unwrap().unwrap();
        offerer.send(SetAnswer(answer)).await.unwrap().unwrap();
        offerer.send(WaitConnected).await.unwrap().unwrap();
        answerer.send(WaitConnected).await.unwrap().unwrap();
        let ours = offerer.send(CreateDataChannel::new("chat")).await.unwrap();
        let theirs = answerer.send(AcceptDataChannel).await.unwrap().unwrap();
        let ours = ours.unwrap();
        ours.send("by message").await.unwrap();
        assert_eq!(
            theirs.recv().await,
            Some(ChannelMessage::text("by message"))
        );

        let fragment = offerer.send(RestartIce).await.unwrap().unwrap();
        let restarted = answerer.send(Trickle(fragment)).await.unwrap().unwrap();
        let Trickled::Restarted(answer) = restarted else {
            panic!("no restart");
        };
        offerer.send(Trickle(answer)).await.unwrap().unwrap();
        theirs.send("after a restart").await.unwrap();
        assert!(ours.recv().await.is_some());

        let stats = answerer.send(GetStats).await.unwrap().unwrap();
        assert_eq!(stats.state, "connected");
        assert!(!offerer.send(GetLocalCandidates).await.unwrap().is_empty());
        let pairs = offerer.send(GetIceStats).await.unwrap().unwrap().pairs;
        assert!(!pairs.is_empty());
        offerer.send(GetSctpStats).await.unwrap().unwrap();
        // This engine has no exporter, and says so.
        let export = ExportKeyingMaterial {
            label: "test".into(),
            context: bytes::Bytes::new(),
            length: 16,
        };
        assert!(offerer.send(export).await.unwrap().is_err());

        what_the_handles_show(&offerer, &a).await;
        let (ran, runs) = tokio::sync::oneshot::channel();
        let spawn = Spawn::new(async move |session: Session| {
            let _ = ran.send(session.id().clone());
        });
        offerer.send(spawn).await.unwrap().unwrap();
        assert_eq!(&runs.await.unwrap(), a.id());

        let states = offerer.send(GetStates).await.unwrap().unwrap();
        assert_eq!(states.sctp, SctpTransportState::Connected);
        let waiting = offerer.clone();
        let closed = tokio::spawn(async move { waiting.send(WaitClosed).await });
        offerer.send(CloseTransport(ActorKind::Sctp)).await.unwrap();
        // What it was all for is gone: the rest follows, here and at the peer.
        closed.await.unwrap().unwrap();
        assert_eq!(a.state(), SessionState::Closed);
        assert_eq!(a.sctp().state(), SctpTransportState::Closed);
        // It may have come to its end already.
        let _ = answerer.send(CloseSession).await;
        b.closed().await;
    })
    .await;
    assert_eq!(b.state(), SessionState::Closed);
    let mut states = Vec::new();
    // A listener hears in its own time.
    while states.last() != Some(&SessionState::Closed) {
        let event = within(heard.recv()).await.unwrap();
        assert_eq!(&event.session, b.id());
        if let Event::Session(SessionEvent::StateChange(state)) = event.event {
            states.push(state);
        }
    }
    assert_eq!(states.first(), Some(&SessionState::Connecting));
    assert!(states.contains(&SessionState::Connected));
    assert_eq!(states.last(), Some(&SessionState::Closed));
    within(a.close()).await;
    // An ended session answers as a closed one does, or not at all.
    if let Ok(answer) = answerer.send(NewIceParameters).await {
        assert_eq!(answer, Err(IceError::Closed));
    }
}

/// The answers to messages are what the properties of the handles say.
async fn what_the_handles_show(supervisor: &Addr<SessionSupervisor>, session: &Session) {
    let ice = supervisor.send(GetIce).await.unwrap().unwrap();
    assert_eq!(ice.role, session.ice().role());
    assert_eq!(ice.remote_parameters, session.ice().remote_parameters());
    assert_eq!(ice.remote_candidates, session.ice().remote_candidates());
    assert!(ice.selected_pair.is_some() && !ice.restart_needed);
    let dtls = supervisor.send(GetDtls).await.unwrap().unwrap();
    assert_eq!(dtls.local_certificate, session.dtls().local_certificate());
    assert_eq!(dtls.remote_certificates.len(), 1);
    assert_eq!(dtls.cipher, session.dtls().selected_cipher());
    assert_eq!(dtls.version, session.dtls().version());
    assert!(dtls.counters.unwrap().records_sent > 0);
    let sctp = supervisor.send(GetSctp).await.unwrap().unwrap();
    assert_eq!(sctp.is_server, session.sctp().is_server());
    assert_eq!(sctp.max_channels, session.sctp().max_channels());
    assert_eq!((sctp.port, sctp.max_message_size), (5000, Some(262_144)));
    assert_eq!(sctp.local_capabilities, session.sctp().local_capabilities());
    let generation = supervisor.send(GetGeneration).await.unwrap();
    assert_eq!(generation, Some(session.generation()));
    for kind in ActorKind::ALL.into_iter().chain([ActorKind::Supervisor]) {
        assert_eq!(supervisor.send(GetFailure(kind)).await.unwrap(), None);
    }
}

/// Of one transport alone; and why it failed.
#[actix::test]
async fn the_events_of_one_transport_and_its_failure_come_by_message() {
    let rtc = start(config(1));
    let session = rtc.session(SessionOptions::default()).unwrap();
    let supervisor = session.supervisor();
    let (listener, mut heard) = listener();
    let subscribe = SubscribeTo {
        actor: ActorKind::Sctp,
        recipient: listener.recipient(),
    };
    within(supervisor.send(subscribe)).await.unwrap();
    session.inject(ActorKind::Dtls, Fault::Panic, Moment::Now);
    let first = within(heard.recv()).await.unwrap().event;
    let Event::Sctp(SctpTransportEvent::Error(error)) = first else {
        panic!("{first:?}");
    };
    let of = async |kind| within(supervisor.send(GetFailure(kind))).await.unwrap();
    assert_eq!(of(ActorKind::Sctp).await, Some(error));
    let dtls = of(ActorKind::Dtls).await.unwrap();
    assert_eq!(dtls.reason, Reason::Panic);
    assert_eq!(of(ActorKind::Supervisor).await, Some(dtls));
    assert_eq!(of(ActorKind::Ice).await, None);
    within(session.close()).await;
}

#[actix::test]
async fn the_four_transports_can_be_started_by_messages() {
    let rtc = start(config(1));
    let sessions = [
        rtc.session(dialling()).unwrap(),
        rtc.session(SessionOptions::default()).unwrap(),
    ];
    let [a, b] = sessions.each_ref().map(Session::supervisor);
    within(async {
        b.send(SetIceRole(IceRole::Controlled)).await.unwrap();
        for side in [&a, &b] {
            side.send(Gather(Some(vec![]))).await.unwrap().unwrap();
        }
        for (near, far) in [(&a, &b), (&b, &a)] {
            for candidate in far.send(GetLocalCandidates).await.unwrap() {
                near.send(AddRemoteCandidate(Some(candidate)))
                    .await
                    .unwrap();
            }
            near.send(AddRemoteCandidate(None)).await.unwrap();
        }
        let start = async |near: &Addr<_>, far: &Addr<SessionSupervisor>| {
            let near: &Addr<SessionSupervisor> = near;
            let ice = far.send(GetIceParameters).await.unwrap().unwrap();
            let dtls = far.send(GetDtlsParameters).await.unwrap().unwrap();
            near.send(StartIce(ice)).await.unwrap().unwrap();
            near.send(StartDtls(dtls)).await.unwrap().unwrap();
            let sctp = StartSctp {
                capabilities: SctpTransport::capabilities(),
                port: None,
            };
            near.send(sctp).await.unwrap().unwrap();
        };
        tokio::join!(start(&a, &b), start(&b, &a));
        let states = a.send(GetStates).await.unwrap().unwrap();
        assert_eq!(states.dtls, DtlsTransportState::Connected);
        assert_eq!(states.sctp, SctpTransportState::Connected);
    })
    .await;
}

/// An error event comes before the state change that it causes, and both before any call returns
/// that waits.
#[actix::test]
async fn an_actor_hears_the_error_before_the_state_and_before_a_waiting_call_returns() {
    let rtc = start(config(1));
    let session = rtc.session(SessionOptions::default()).unwrap();
    let (only_ice, mut ice) = listener();
    session.ice().subscribe(only_ice.recipient());
    session.gatherer().gather(Some(vec![])).await.unwrap();
    let transport = session.ice().clone();
    // Nobody answers there.
    let remote = actix_rtc::IceParameters {
        username_fragment: "nobody".into(),
        password: "0123456789abcdefghijkl".into(),
        ice_lite: false,
    };
    let waiting = tokio::spawn(async move {
        let result = transport.start(remote).await;
        (result, transport.state())
    });
    within(async {
        while session.ice().remote_parameters().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // No remote candidate will ever come: ICE fails at once.
    session.ice().add_remote_candidate(None);
    let (result, state) = within(waiting).await.unwrap();
    let Err(IceError::Failed(failure)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(state, IceTransportState::Failed);
    let mut heard = Vec::new();
    within(async {
        loop {
            // An event of another transport would not match.
            let Event::Ice(event) = ice.recv().await.unwrap().event else {
                panic!("not of ICE");
            };
            let last = event == IceTransportEvent::StateChange(IceTransportState::Failed);
            heard.push(event);
            if last {
                break;
            }
        }
    })
    .await;
    let error = IceTransportEvent::Error(failure);
    assert_eq!(heard[heard.len() - 2], error, "{heard:?}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[actix::test]
async fn what_is_logged_of_a_failure_says_whose_it_is() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(move || writer.clone())
        .finish();
    // The other tests of this program log into it, too.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let rtc = start(config(1));
    let session = rtc.session(SessionOptions::default()).unwrap();
    for (actor, word) in [(ActorKind::Ice, "restarting"), (ActorKind::Sctp, "panic")] {
        session.inject(actor, Fault::Panic, Moment::Now);
        within(async {
            loop {
                let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
                let of_it = |line: &&str| line.contains(session.id().as_str());
                let said = text.lines().filter(of_it);
                if said.into_iter().any(|line| line.contains(word)) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}
