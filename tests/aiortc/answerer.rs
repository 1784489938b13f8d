//! aiortc as a process: `answerer.py`, which says what it reads and writes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::WITHIN;

/// The peer, driven by lines of JSON.
pub(super) struct Answerer {
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Value>,
    seen: Vec<Value>,
}

impl Answerer {
    /// `None` where there is no aiortc.
    pub(super) fn start() -> Option<Answerer> {
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

    pub(super) fn say(&mut self, line: &Value) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// The first line for which `check` is true, of those that came and those that come.
    #[track_caller]
    pub(super) fn until(&mut self, what: &str, check: impl Fn(&Value) -> bool) -> Value {
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

    /// What it has said so far, as far as it was read.
    pub(super) fn seen(&self) -> &[Value] {
        &self.seen
    }

    #[track_caller]
    pub(super) fn until_state(&mut self, of: &str, state: &str) {
        self.until(&format!("{of} {state}"), |line| {
            line["of"] == of && line["state"] == state
        });
    }

    /// Waits until it ends by itself.
    pub(super) fn end(mut self) {
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
