//! aiortc answers our offers (`answerer.py`). That it offers and we answer is tested
//! against the program, by `offerer.py`.
//!
//! `RTC_AIORTC_PYTHON` names a Python that has aiortc; `tests/run.sh` makes one. Without it the
//! tests say that they are skipped, and fail with `CI=true`.

mod answerer;
mod channels;
mod loss;

use std::time::Duration;

use actix_rtc::{
    Config, DataChannel, DataChannelOptions, DtlsEngine, Message, Runtime, Session, SessionOptions,
    SessionState,
};
use answerer::Answerer;
use serde_json::json;

/// How long anything may take that should take milliseconds: the interpreter starts, too.
const WITHIN: Duration = Duration::from_secs(30);

const LARGE: usize = 200 * 1024;

fn runtime(engine: DtlsEngine) -> Runtime {
    let config = Config::default()
        .workers(1)
        .loopback(true)
        .dtls_engine(engine);
    Runtime::builder().config(config).start().unwrap()
}

/// Runs a future here, which must not take for ever.
#[track_caller]
fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let outcome = runtime.block_on(async { tokio::time::timeout(WITHIN, future).await });
    outcome.expect("within the time limit")
}

/// Offers, is answered, and connects.
#[track_caller]
fn connect(peer: &mut Answerer, rtc: &Runtime) -> (Session, DataChannel) {
    connect_through(peer, rtc, |description| description)
}

/// The same; first the offer and then the answer pass through `path`.
#[track_caller]
fn connect_through(
    peer: &mut Answerer,
    rtc: &Runtime,
    mut path: impl FnMut(String) -> String,
) -> (Session, DataChannel) {
    let session = rtc.session(SessionOptions::default()).unwrap();
    let offer = path(wait(session.offer()).unwrap());
    peer.say(&json!({ "offer": offer }));
    let answer = peer.until("answer", |line| line["answer"].is_string());
    let answer = path(answer["answer"].as_str().unwrap().to_owned());
    wait(session.set_answer(&answer)).unwrap();
    let channel = wait(session.create_data_channel("ours", DataChannelOptions::default())).unwrap();
    wait(channel.opened()).unwrap_or_else(|error| panic!("{error}: {:?}", session.failure()));
    wait(session.connected()).unwrap();
    peer.until("our channel", |line| line["channel"] == "ours");
    for of in ["dtls", "sctp"] {
        peer.until_state(of, "connected");
    }
    (session, channel)
}

fn messages() -> Vec<Message> {
    vec![
        Message::text("Grüße, aiortc"),
        Message::binary(vec![0, 1, 0xfe, 0xff]),
        Message::text(""),
        Message::binary(vec![]),
        // Two bytes a character.
        Message::text("é".repeat(LARGE / 2)),
        Message::binary(
            (0..LARGE)
                .map(|at| (at * 31 % 251) as u8)
                .collect::<Vec<u8>>(),
        ),
        Message::text("and after it"),
    ]
}

fn every_kind_of_message_comes_back_and_close_closes_both_sides(engine: DtlsEngine) {
    let Some(mut peer) = Answerer::start() else {
        return;
    };
    let rtc = runtime(engine);
    let (session, channel) = connect(&mut peer, &rtc);
    for message in messages() {
        wait(channel.send(message.clone())).unwrap();
        let kind = if message.is_text() { "text" } else { "binary" };
        peer.until("the message", |line| {
            line["message"] == kind && line["bytes"] == message.len()
        });
        assert_eq!(wait(channel.recv()), Some(message));
    }
    // All at once: nothing is lost, and the order stays.
    for message in messages() {
        wait(channel.send(message)).unwrap();
    }
    for message in messages() {
        assert_eq!(wait(channel.recv()), Some(message));
    }
    wait(session.close());
    assert_eq!(session.state(), SessionState::Closed);
    assert_eq!(wait(channel.recv()), None);
    for of in ["dtls", "sctp"] {
        peer.until_state(of, "closed");
    }
    peer.end();
    assert!(wait(rtc.shutdown(WITHIN)));
}

#[test]
fn aiortc_answers_echoes_and_is_closed_by_us() {
    every_kind_of_message_comes_back_and_close_closes_both_sides(DtlsEngine::Dimpl);
}

#[cfg(feature = "dtls-webrtc")]
#[test]
fn aiortc_answers_echoes_and_is_closed_by_us_on_the_second_engine() {
    every_kind_of_message_comes_back_and_close_closes_both_sides(DtlsEngine::WebrtcDtls);
}

#[test]
fn aiortc_closes_and_so_do_we() {
    let Some(mut peer) = Answerer::start() else {
        return;
    };
    let rtc = runtime(DtlsEngine::Dimpl);
    let (session, channel) = connect(&mut peer, &rtc);
    wait(channel.send("one")).unwrap();
    assert_eq!(wait(channel.recv()), Some(Message::text("one")));
    peer.say(&json!({ "close": true }));
    wait(channel.closed());
    assert_eq!(wait(channel.recv()), None);
    wait(session.closed());
    assert_eq!(session.state(), SessionState::Closed);
    assert_eq!(session.failure(), None, "a goodbye is no failure");
    peer.end();
    assert!(wait(rtc.shutdown(WITHIN)));
}
