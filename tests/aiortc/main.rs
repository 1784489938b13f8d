//! aiortc answers our offers (`tests/aiortc/answerer.py`). That it offers and we answer is tested
//! against the program, by `tests/aiortc/offerer.py`.
//!
//! `RTC_AIORTC_PYTHON` names a Python that has aiortc; `tests/run.sh` makes one. Without it the
//! tests say that they are skipped, and fail with `CI=true`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use actix_rtc::{
    Config, DataChannel, DataChannelOptions, DtlsEngine, GatherOptions, Message, Runtime,
    SendError, Session, SessionState,
};
use serde_json::{Value, json};

/// How long anything may take that should take milliseconds: the interpreter starts, too.
const WITHIN: Duration = Duration::from_secs(30);

const LARGE: usize = 200 * 1024;

/// The peer, driven by lines of JSON.
struct Answerer {
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Value>,
    seen: Vec<Value>,
}

impl Answerer {
    /// `None` where there is no aiortc.
    fn start() -> Option<Answerer> {
        let Some(python) = std::env::var_os("RTC_AIORTC_PYTHON") else {
            let why = "RTC_AIORTC_PYTHON is not set: aiortc did not answer our offers";
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}");
            // Not captured as a test's output is: whoever runs the tests shall see it.
            let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
            return None;
        };
        let mut process = Command::new(python)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/aiortc/answerer.py"
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (line, lines) = channel();
        std::thread::spawn(move || {
            for text in output.lines().map_while(Result::ok) {
                if line
                    .send(serde_json::from_str(&text).unwrap_or(Value::String(text)))
                    .is_err()
                {
                    break;
                }
            }
        });
        let input = process.stdin.take();
        Some(Answerer {
            process,
            input,
            lines,
            seen: Vec::new(),
        })
    }

    fn say(&mut self, line: &Value) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// The first line for which `check` is true, of those that came and those that come.
    #[track_caller]
    fn until(&mut self, what: &str, check: impl Fn(&Value) -> bool) -> Value {
        if let Some(line) = self.seen.iter().find(|line| check(line)) {
            return line.clone();
        }
        let end = Instant::now() + WITHIN;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    assert!(line.get("error").is_none(), "aiortc failed: {line}");
                    self.seen.push(line.clone());
                    if check(&line) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {what}; it said {:?}", self.seen),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended before {what}; it said {:?}", self.seen)
                }
            }
        }
    }

    #[track_caller]
    fn until_state(&mut self, of: &str, state: &str) {
        self.until(&format!("{of} {state}"), |line| {
            line["of"] == of && line["state"] == state
        });
    }

    /// Waits until it ends by itself.
    fn end(mut self) {
        drop(self.input.take());
        let end = Instant::now() + WITHIN;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                assert!(status.success(), "aiortc ended with {status}");
                return;
            }
            assert!(Instant::now() < end, "aiortc did not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn runtime(engine: DtlsEngine) -> Runtime {
    let config = Config {
        workers: 1,
        loopback: true,
        dtls_engine: engine,
        ..Config::default()
    };
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
    let session = rtc.session(GatherOptions::default()).unwrap();
    let offer = wait(session.offer()).unwrap();
    peer.say(&json!({ "offer": offer }));
    let answer = peer.until("answer", |line| line["answer"].is_string());
    wait(session.set_answer(answer["answer"].as_str().unwrap())).unwrap();
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
    assert!(rtc.shutdown(WITHIN));
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
    assert!(rtc.shutdown(WITHIN));
}

/// What a channel may be, and what aiortc is to see of it.
fn reliabilities() -> Vec<(&'static str, DataChannelOptions)> {
    let plain = DataChannelOptions::default;
    let with = |ordered, max_retransmits, max_packet_lifetime| DataChannelOptions {
        ordered,
        max_retransmits,
        max_packet_lifetime,
        ..plain()
    };
    vec![
        ("reliable", plain()),
        ("unordered", with(false, None, None)),
        ("no retransmissions", with(true, Some(0), None)),
        (
            "unordered, three retransmissions",
            with(false, Some(3), None),
        ),
        ("half a second", with(true, None, Some(500))),
        ("unordered, half a second", with(false, None, Some(500))),
    ]
}

#[test]
fn every_reliability_256_kib_and_the_reset_of_streams_with_aiortc() {
    let Some(mut peer) = Answerer::start() else {
        return;
    };
    let rtc = runtime(DtlsEngine::Dimpl);
    let (session, _channel) = connect(&mut peer, &rtc);
    let largest: Vec<u8> = (0..262_144).map(|at| (at * 31 % 251) as u8).collect();
    assert_eq!(session.sctp().max_message_size(), Some(262_144));
    for (by_us, (label, options)) in [true, false]
        .into_iter()
        .flat_map(|by_us| reliabilities().into_iter().map(move |mode| (by_us, mode)))
    {
        let label = format!("{label}, closed by {}", if by_us { "us" } else { "aiortc" });
        let channel = wait(session.create_data_channel(label.as_str(), options.clone())).unwrap();
        wait(channel.opened()).unwrap();
        let seen = peer.until("the channel", |line| line["channel"] == label.as_str());
        assert_eq!(seen["ordered"], options.ordered, "{label}");
        assert_eq!(
            seen["maxRetransmits"],
            json!(options.max_retransmits),
            "{label}"
        );
        assert_eq!(
            seen["maxPacketLifeTime"],
            json!(options.max_packet_lifetime),
            "{label}"
        );
        assert_eq!(seen["id"], json!(channel.id()), "{label}");
        // One after another: what is sent without retransmissions is not to meet a full buffer.
        for number in 0..10 {
            let message = Message::text(format!("{label} {number}"));
            wait(channel.send(message.clone())).unwrap();
            assert_eq!(wait(channel.recv()), Some(message), "{label}");
        }
        if options.max_retransmits.is_none() && options.max_packet_lifetime.is_none() {
            let message = Message::binary(largest.clone());
            wait(channel.send(message.clone())).unwrap();
            assert_eq!(wait(channel.recv()), Some(message), "{label}");
            let more = wait(channel.send(vec![0; 262_145]));
            assert!(matches!(more, Err(SendError::TooLarge { .. })), "{more:?}");
        }
        if by_us {
            channel.close();
        } else {
            peer.say(&json!({ "closeChannel": label }));
        }
        assert_eq!(wait(channel.closed()), None, "{label}");
        peer.until("the close of the channel", |line| {
            line["closed"] == label.as_str()
        });
    }
    wait(session.close());
    peer.end();
    assert!(rtc.shutdown(WITHIN));
}

#[test]
fn a_channel_that_both_sides_open_by_themselves_with_aiortc() {
    let Some(mut peer) = Answerer::start() else {
        return;
    };
    let rtc = runtime(DtlsEngine::Dimpl);
    let (session, _channel) = connect(&mut peer, &rtc);
    peer.say(&json!({ "negotiate": 100, "label": "negotiated" }));
    let options = DataChannelOptions {
        negotiated: Some(100),
        ..DataChannelOptions::default()
    };
    let channel = wait(session.create_data_channel("negotiated", options)).unwrap();
    peer.until("its channel", |line| line["channel"] == "negotiated");
    assert_eq!((channel.id(), channel.negotiated()), (Some(100), true));
    for number in 0..10 {
        let message = Message::text(format!("negotiated {number}"));
        wait(channel.send(message.clone())).unwrap();
        assert_eq!(wait(channel.recv()), Some(message));
    }
    wait(session.close());
    peer.end();
    assert!(rtc.shutdown(WITHIN));
}
