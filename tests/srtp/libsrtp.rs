//! libsrtp as a process: `peer.py`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use actix_rtc_proto::demux::Media;
use actix_rtc_proto::srtp::SrtpProfile;
use serde_json::{Value, json};

/// The peer, driven by lines of JSON. It ends when its input does.
pub(super) struct Libsrtp {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Libsrtp {
    /// `None` where there is no pylibsrtp, which aiortc brings.
    pub(super) fn start() -> Option<Libsrtp> {
        let Some(python) = std::env::var_os("RTC_AIORTC_PYTHON") else {
            let why = "RTC_AIORTC_PYTHON is not set: SRTP was not tried against libsrtp";
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}");
            // Not captured as a test's output is: whoever runs the tests shall see it.
            let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
            return None;
        };
        let mut process = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/srtp/peer.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Some(Libsrtp {
            input: process.stdin.take().unwrap(),
            output: BufReader::new(process.stdout.take().unwrap()),
            process,
        })
    }

    fn ask(&mut self, line: &Value) -> Value {
        writeln!(self.input, "{line}").unwrap();
        self.input.flush().unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer:?} to {line}"))
    }

    /// Makes a context of one direction.
    pub(super) fn context(&mut self, name: &str, send: bool, profile: SrtpProfile, key: &[u8]) {
        let profile = profile.as_str();
        let line = json!({"session": name, "send": send, "profile": profile, "key": hex(key)});
        assert_eq!(self.ask(&line), Value::Bool(true));
    }

    /// What becomes of each packet; `None` where it is refused.
    pub(super) fn call(
        &mut self,
        of: &str,
        call: &str,
        kind: Media,
        packets: &[Vec<u8>],
    ) -> Vec<Option<Vec<u8>>> {
        let packets: Vec<_> = packets.iter().map(|packet| hex(packet)).collect();
        let kind = kind.as_str();
        let line = json!({"of": of, "call": call, "kind": kind, "packets": packets});
        let answer = self.ask(&line);
        let answer = answer.as_array().unwrap().iter();
        answer.map(|packet| packet.as_str().map(bytes)).collect()
    }
}

impl Drop for Libsrtp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}
