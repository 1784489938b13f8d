//! Two sessions of this process over real sockets: how they connect, and what they say to each
//! other.

#![allow(dead_code, reason = "each test uses its part of it")]

use actix_rtc::{
    Config, DataChannel, DataChannelOptions, Message, Runtime, Session, SessionOptions, UdpMode,
};

use super::time_limit::within;

/// One shared port a worker, on loopback.
pub(crate) fn config(workers: usize) -> Config {
    Config::default()
        .workers(workers)
        .loopback(true)
        .udp(UdpMode::Mux {
            ip: std::net::Ipv4Addr::LOCALHOST.into(),
            port: 0,
        })
}

pub(crate) fn start(config: Config) -> Runtime {
    Runtime::builder().config(config).start().unwrap()
}

/// Two mux ports share one pair of addresses: who dials has sockets of its own.
pub(crate) fn dialling() -> SessionOptions {
    SessionOptions::default().own_sockets(true)
}

/// Two sessions: who offers dials on sockets of its own, who answers is on its runtime's port.
pub(crate) struct Pair {
    pub(crate) offerer: Session,
    pub(crate) answerer: Session,
}

impl Pair {
    /// Of one runtime.
    pub(crate) fn new(rtc: &Runtime) -> Pair {
        Pair::between(rtc, rtc)
    }

    pub(crate) fn between(offering: &Runtime, answering: &Runtime) -> Pair {
        Pair {
            offerer: offering.session(dialling()).unwrap(),
            answerer: answering.session(SessionOptions::default()).unwrap(),
        }
    }

    pub(crate) fn sessions(&self) -> [&Session; 2] {
        [&self.offerer, &self.answerer]
    }

    /// Exchanges descriptions, each changed on its way.
    pub(crate) async fn signal(
        &self,
        offer: impl FnOnce(String) -> String,
        answer: impl FnOnce(String) -> String,
    ) {
        within(async {
            let made = offer(self.offerer.offer().await.unwrap());
            let made = answer(self.answerer.accept(&made).await.unwrap());
            self.offerer.set_answer(&made).await.unwrap();
        })
        .await;
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> impl Future<Output = ()> {
        connect(&self.offerer, &self.answerer)
    }

    pub(crate) async fn connected(&self) {
        within(async {
            self.offerer.connected().await.unwrap();
            self.answerer.connected().await.unwrap();
        })
        .await;
    }

    /// A channel, as the offerer and as the answerer have it.
    #[track_caller]
    pub(crate) fn channel(&self) -> impl Future<Output = (DataChannel, DataChannel)> {
        channel(&self.offerer, &self.answerer)
    }

    pub(crate) async fn close(&self) {
        within(async {
            self.offerer.begin_close();
            self.answerer.begin_close();
            self.offerer.closed().await;
            self.answerer.closed().await;
        })
        .await;
    }
}

/// Exchanges descriptions.
#[track_caller]
pub(crate) fn signal(offerer: &Session, answerer: &Session) -> impl Future<Output = ()> {
    within(async {
        let offer = offerer.offer().await.unwrap();
        let answer = answerer.accept(&offer).await.unwrap();
        offerer.set_answer(&answer).await.unwrap();
    })
}

/// The same, and waits until both are connected.
#[track_caller]
pub(crate) fn connect(offerer: &Session, answerer: &Session) -> impl Future<Output = ()> {
    within(async {
        signal(offerer, answerer).await;
        offerer.connected().await.unwrap();
        answerer.connected().await.unwrap();
    })
}

/// A channel, as each side has it.
#[track_caller]
pub(crate) fn channel(
    from: &Session,
    to: &Session,
) -> impl Future<Output = (DataChannel, DataChannel)> {
    within(async {
        let ours = from.create_data_channel("test", DataChannelOptions::default());
        let ours = ours.await.unwrap();
        let theirs = to.accept_data_channel().await.unwrap();
        ours.opened().await.unwrap();
        (ours, theirs)
    })
}

/// A message makes its way there and back.
#[track_caller]
pub(crate) fn echo(
    ours: &DataChannel,
    theirs: &DataChannel,
    message: impl Into<Message>,
) -> impl Future<Output = ()> {
    let message = message.into();
    within(async move {
        ours.send(message.clone()).await.unwrap();
        assert_eq!(theirs.recv().await, Some(message.clone()));
        theirs.send(message.clone()).await.unwrap();
        assert_eq!(ours.recv().await, Some(message));
    })
}
