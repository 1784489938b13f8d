//! What the program can be told on the command line, in the environment and in a file, and what it
//! says to what it cannot use.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use actix_rtc::{Config, DataChannelOptions, Runtime, Session, SessionOptions};

use crate::program::{Program, serve};
use crate::time_limit::{LIMIT, within};

#[test]
fn limits_on_sessions_hold_from_the_command_line_and_the_environment() {
    let program = Program::start(&["--max-sessions", "2"]);
    let first = program.opens();
    program.opens();
    assert!(program.refuses(503).contains("2 sessions"));
    assert_eq!(program.client.delete(&first).status, 200);

    let program = Program::start(&["--max-half-open", "1"]);
    program.opens();
    assert!(program.refuses(503).contains("1 sessions are connecting"));

    let mut with_environment = serve(&["--session-rate", "0.001,2"]);
    let program = Program::run({
        with_environment.env("RTC_MAX_HALF_OPEN", "3");
        with_environment
    });
    program.opens();
    program.opens();
    program.refuses(429);
}

#[test]
fn a_session_that_does_not_connect_in_time_is_closed() {
    let program = Program::start(&["--connect-timeout", "300ms", "--node", "here"]);
    let location = program.opens();
    assert!(location.starts_with("/rtc/sessions/here-"), "{location}");
    program.is_empty();
}

#[test]
fn a_session_that_is_idle_is_closed() {
    let program = Program::start(&["--idle-timeout", "6s"]);
    let rtc = Runtime::builder().config(Config::default().workers(1).loopback(true));
    let rtc = rtc.start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(within(async {
        let session: Session = rtc.session(SessionOptions::default()).unwrap();
        let created = program.client.post(&session.offer().await.unwrap());
        session.set_answer(created.text()).await.unwrap();
        let options = DataChannelOptions::default();
        let channel = session.create_data_channel("echo", options).await.unwrap();
        channel.send("there and back").await.unwrap();
        assert!(channel.recv().await.is_some());
        // And then nothing more: the server says goodbye.
        session.closed().await;
    }));
    program.is_empty();
}

/// A file in the system's directory for such.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let path = std::env::temp_dir().join(format!("rtc-{}-{name}.toml", std::process::id()));
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        File(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_file_says_the_same_and_the_command_line_goes_before_it() {
    let file = File::new(
        "all",
        r#"
            max_sessions = 100
            max_half_open = 1
            session_rate = { per_second = 5.0, burst = 50 }
            connect_timeout = 20
            idle_timeout = "5m"
            ice_grace = 10.5
            close_timeout = "2s"
            worker_timeout = "20s"
            busy_poll = "50us"
            drain_timeout = "1s"
            channel_send_limit = 100000
            channel_receive_limit = 100000
            node = "node-7"
            tcp = true

            [addresses]
            not_interfaces = ["docker*"]
        "#,
    );
    let program = Program::start(&["--config", file.path()]);
    assert!(program.opens().starts_with("/rtc/sessions/node-7-"));
    program.refuses(503);
    let program = Program::start(&["--config", file.path(), "--max-half-open", "2"]);
    program.opens();
    program.opens();
    program.refuses(503);
}

#[test]
fn bad_input_is_refused_with_what_is_wrong_and_what_would_be_right() {
    let unknown = File::new("unknown", "max_session = 5\n");
    let wrong = File::new("wrong", "idle_timeout = true\n");
    let turn = File::new(
        "turn",
        "ice_servers = [{ urls = \"turn:a.example.org\" }]\n",
    );
    let rate = File::new("rate", "session_rate = { per_second = 0.0, burst = 1 }\n");
    for (arguments, words) in [
        (
            &["--session-rate", "fast"][..],
            &["\"fast\" is no rate", "PER_SECOND[,BURST]"][..],
        ),
        (&["--session-rate", "0"], &["above 0"]),
        (&["--session-rate", "1,0"], &["at least 1"]),
        (&["--session-rate", "inf"], &["PER_SECOND[,BURST]"]),
        (
            &["--idle-timeout", "soon"],
            &["\"soon\" is no time", "us, ms, s, m or h"],
        ),
        (&["--idle-timeout", "5d"], &["ms, s, m or h"]),
        (
            &["--idle-timeout", "99999h"],
            &["more than a year", "no limit"],
        ),
        (
            &["--idle-timeout", "0"],
            &["idle_timeout is 0", "leave it out"],
        ),
        (
            &["--connect-timeout", "0s"],
            &["connect_timeout is 0", "some seconds"],
        ),
        (
            &["--max-sessions", "0"],
            &["max_sessions is 0", "at least 1"],
        ),
        (
            &["--max-half-open", "0"],
            &["max_half_open is 0", "at least 1"],
        ),
        (
            &["--busy-poll", "1s"],
            &["busy_poll is 1s", "at most 10 ms"],
        ),
        (&["--tcp", "perhaps"], &["--tcp", "perhaps"]),
        (&["--max-half-open", "-1"], &["--max-half-open"]),
        (&["--max-half-open", "many"], &["many", "--max-half-open"]),
        (&["--channel-send-limit", "0"], &["channel_send_limit is 0"]),
        (
            &["--worker-timeout", "10ms"],
            &["worker_timeout", "at least one second"],
        ),
        (&["--node", "a/b"], &["a/b", "only letters, digits"]),
        (
            &["--ice-server", "turn:turn.example.org"],
            &["username and a credential"],
        ),
        (
            &["--config", unknown.path()],
            &["max_session", "expected one of"],
        ),
        (
            &["--config", wrong.path()],
            &["idle_timeout", "a number of seconds"],
        ),
        (&["--config", turn.path()], &["username and a credential"]),
        (&["--config", rate.path()], &["per_second > 0"]),
        (&["--config", "/nowhere.toml"], &["/nowhere.toml"]),
    ] {
        // clap lets an option begin with a minus sign only where it can be no option.
        let joined = arguments.join("=");
        let output = ends(serve(&[&joined]), &joined);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{joined} is taken");
        for word in words {
            assert!(said.contains(word), "{joined}: {word:?} is not in {said:?}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
}

/// What a program says that ends by itself; one that serves is ended here.
fn ends(mut command: Command, what: &str) -> std::process::Output {
    let mut process = command.stdout(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + LIMIT;
    while process.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            let _ = process.kill();
            let _ = process.wait();
            panic!("{what} is taken");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    process.wait_with_output().unwrap()
}

/// The README's table of options leaves none out, and names none that is not there.
#[test]
fn every_option_is_in_the_readme() {
    let output = serve(&["--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let options = |text: &str, of: fn(&str) -> Option<&str>| {
        let mut found: Vec<String> = text
            .lines()
            .filter_map(|line| {
                let name = of(line.trim())?.split(|c: char| !c.is_ascii_lowercase() && c != '-');
                Some(name.into_iter().next()?.to_owned())
            })
            .collect();
        found.sort();
        found
    };
    let mut known = options(&help, |line| line.split("--").nth(1));
    known.retain(|name| name != "help");
    let readme = include_str!("../../../README.md");
    let told = options(readme, |line| line.strip_prefix("| `--"));
    assert_eq!(told, known);
}
