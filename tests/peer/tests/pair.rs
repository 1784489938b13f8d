//! Two of these programs against each other, as a driver runs them: one offers and has the data,
//! the other answers and echoes.
//!
//! `cargo test --release -p actix-rtc-peer -- --ignored --nocapture` prints what README quotes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// How long an answer may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    A,
    B,
}

struct Peer {
    process: Child,
    commands: ChildStdin,
}

impl Peer {
    fn start(side: Side, lines: Sender<(Side, Value)>) -> Peer {
        let mut process = Command::new(env!("CARGO_BIN_EXE_actix-rtc-peer"))
            .arg(format!("{side:?}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines() {
                let line = serde_json::from_str(&line.unwrap()).unwrap();
                if lines.send((side, line)).is_err() {
                    break;
                }
            }
        });
        Peer {
            commands: process.stdin.take().unwrap(),
            process,
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Pair {
    a: Peer,
    b: Peer,
    lines: Receiver<(Side, Value)>,
}

/// What a command took.
#[derive(Debug)]
struct Took {
    answer: Value,
    /// CPU time of either side, in microseconds.
    cpu: [f64; 2],
}

impl Pair {
    fn connected(sessions: usize) -> Pair {
        let (sender, lines) = channel();
        let (a, b) = (
            Peer::start(Side::A, sender.clone()),
            Peer::start(Side::B, sender),
        );
        let mut pair = Pair { a, b, lines };
        pair.until(Side::A, "ready");
        pair.tell(
            Side::A,
            &json!({"cmd": "connect", "n": sessions, "conc": sessions}),
        );
        let connected = pair.until(Side::A, "connected");
        for times in ["open_us", "rt_us"] {
            assert_eq!(connected[times].as_array().unwrap().len(), sessions);
        }
        pair
    }

    fn tell(&mut self, side: Side, command: &Value) {
        let peer = match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        };
        writeln!(peer.commands, "{command}").unwrap();
    }

    /// Carries offers and answers over until a side says this.
    fn until(&mut self, side: Side, event: &str) -> Value {
        loop {
            let (from, line) = self.lines.recv_timeout(PATIENCE).expect(event);
            let said = line["ev"].as_str().unwrap();
            let carried = |cmd| json!({"cmd": cmd, "id": line["id"], "sdp": line["sdp"]});
            match said {
                "offer" => self.tell(Side::B, &carried("offer")),
                "answer" => self.tell(Side::A, &carried("answer")),
                "error" => panic!("{from:?}: {line}"),
                _ if from == side && said == event => return line,
                _ => {}
            }
        }
    }

    fn cpu(&mut self) -> [f64; 2] {
        [Side::A, Side::B].map(|side| {
            self.tell(side, &json!({"cmd": "cpu"}));
            self.until(side, "cpu")["us"].as_f64().unwrap()
        })
    }

    fn run(&mut self, command: &Value) -> Took {
        let before = self.cpu();
        self.tell(Side::A, command);
        let answer = self.until(Side::A, command["cmd"].as_str().unwrap());
        let after = self.cpu();
        let cpu = [after[0] - before[0], after[1] - before[1]];
        Took { answer, cpu }
    }

    /// So many messages of one size; all of them were counted at the other side.
    fn bulk(&mut self, count: u64, size: u64, high_water: u64) -> Took {
        let bytes = count * size;
        let took =
            self.run(&json!({"cmd": "bulk", "bytes": bytes, "size": size, "hi": high_water}));
        assert_eq!(took.answer["msgs"], count);
        assert_eq!(took.answer["bytes"], bytes);
        took
    }

    /// Round trips, and their times in order.
    fn ping(&mut self, count: usize, warm: usize) -> (Took, Vec<f64>) {
        let took = self.run(&json!({"cmd": "ping", "n": count, "warm": warm, "size": 100}));
        let times = took.answer["us"].as_array().unwrap();
        let mut times: Vec<f64> = times.iter().map(|time| time.as_f64().unwrap()).collect();
        assert_eq!(times.len(), count);
        times.sort_by(f64::total_cmp);
        (took, times)
    }

    fn quit(mut self) {
        for side in [Side::A, Side::B] {
            self.tell(side, &json!({"cmd": "quit"}));
        }
        for peer in [&mut self.a, &mut self.b] {
            assert!(peer.process.wait().unwrap().success());
        }
    }
}

#[test]
fn every_message_arrives_and_every_ping_is_answered() {
    let mut pair = Pair::connected(3);
    pair.bulk(40, 65_535, 1 << 20);
    pair.bulk(3_000, 100, 1 << 16);
    pair.ping(100, 10);
    pair.quit();
}

#[test]
#[ignore = "prints figures, which are worth something in a release build on an idle machine"]
fn figures() {
    for (name, count, size, high_water) in [
        ("m1", 4_000, 65_535, 1 << 20),
        ("m1s", 2_000, 65_535, 1 << 16),
        ("m1k", 8_000, 16_384, 1 << 20),
        ("m2", 200_000, 100, 1 << 16),
    ] {
        let mut pair = Pair::connected(1);
        pair.bulk(count / 16, size, high_water);
        let took = pair.bulk(count, size, high_water);
        let wall = took.answer["wall_us"].as_f64().unwrap();
        let (count, bytes) = (count as f64, (count * size) as f64);
        println!(
            "{name:<4}{:7.1} MB/s {:9.0} messages/s {:6.2} + {:.2} CPU s/GB",
            bytes / wall,
            count / wall * 1e6,
            took.cpu[0] * 1e3 / bytes,
            took.cpu[1] * 1e3 / bytes,
        );
        pair.quit();
    }
    let (count, warm) = (2_000, 200);
    let mut pair = Pair::connected(1);
    let (took, times) = pair.ping(count, warm);
    let rounds = (count + warm) as f64;
    println!(
        "m3  round trip {} us (p50), {} us (p99); {:.1} + {:.1} us of CPU",
        times[count / 2],
        times[count * 99 / 100],
        took.cpu[0] / rounds,
        took.cpu[1] / rounds,
    );
    pair.quit();
}
