//! The program as a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use crate::http::{Client, OFFER, Response, refused};
use crate::time_limit::LIMIT;

pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_actix-rtc"))
}

/// What starts a server on a free port.
pub(crate) fn serve(arguments: &[&str]) -> Command {
    let mut command = program();
    command.args(["serve", "--bind", "127.0.0.1:0", "--workers", "1"]);
    command.args(arguments).stderr(Stdio::piped());
    command
}

/// The program, serving.
pub(crate) struct Program {
    process: Child,
    /// The lines that it prints after the first.
    said: Receiver<String>,
    pub(crate) client: Client,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Program {
        Program::run(serve(arguments))
    }

    pub(crate) fn run(mut command: Command) -> Program {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.strip_prefix("open http://");
        let address = address.and_then(|rest| rest.strip_suffix('/'));
        let address = address.unwrap_or_else(|| panic!("it says {first:?}"));
        let (sender, said) = channel();
        // Nobody may read them, and it must not be stopped by that.
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .map_while(|line| sender.send(line).ok())
                .count()
        });
        Program {
            process,
            said,
            client: Client {
                address: address.parse().unwrap(),
            },
        }
    }

    #[track_caller]
    pub(crate) fn opens(&self) -> String {
        let created = self.client.post(OFFER);
        assert_eq!(created.status, 201, "{}", created.text());
        created.header("location").unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn refuses(&self, status: u16) -> String {
        let response: Response = self.client.post(OFFER);
        assert!(response.header("retry-after").is_some(), "{response:?}");
        refused(&response, status)
    }

    /// Waits until no session is left.
    #[track_caller]
    pub(crate) fn is_empty(&self) {
        let sessions = || self.client.get("/rtc/sessions").json();
        let end = Instant::now() + LIMIT;
        while !sessions().as_array().unwrap().is_empty() {
            assert!(Instant::now() < end, "one is still there");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Sends it a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it prints this line.
    #[track_caller]
    pub(crate) fn says(&self, line: &str) {
        while self.said.recv_timeout(LIMIT).expect(line) != line {}
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
