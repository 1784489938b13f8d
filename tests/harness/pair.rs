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
