//! One side of sessions, commanded over stdin and stdout, so that a driver can run this stack
//! beside others and against them. `A` offers and has the data to send, `B` answers and echoes.
//!
//! ```text
//! both  > {"ev":"ready","ver":…,"rt":…}
//! A     < {"cmd":"connect","n":N,"conc":C}       > {"ev":"offer","id":I,"sdp":…} for each session
//!       < {"cmd":"answer","id":I,"sdp":…}        > {"ev":"connected","n":N,"wall_us":…,"open_us":[…],"rt_us":[…]}
//! B     < {"cmd":"offer","id":I,"sdp":…}         > {"ev":"answer","id":I,"sdp":…}
//! A     < {"cmd":"bulk","bytes":…,"size":…,"hi":…}  > {"ev":"bulk","wall_us":…,"bytes":…,"msgs":…}
//! A     < {"cmd":"ping","n":…,"warm":…,"size":…}    > {"ev":"ping","us":[…]}
//! both  < {"cmd":"cpu"}                          > {"ev":"cpu","us":user and system time}
//! both  < {"cmd":"quit"}
//! ```
//!
//! On a channel, `B` takes `01 <u64, little-endian>` as the begin of so many bytes to be counted,
//! and says `02` when they are there; everything else it sends back.

mod answerer;
mod offerer;

use std::io::{BufRead, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use actix_rtc::{Config, Runtime, UdpMode};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::Deserialize;
use serde_json::json;

use crate::answerer::Answerer;
use crate::offerer::Offerer;

/// What the driver asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "cmd", rename_all = "lowercase")]
enum Command {
    Connect { n: usize, conc: usize },
    Offer { id: u64, sdp: String },
    Answer { id: u64, sdp: String },
    Bulk(offerer::Bulk),
    Ping(offerer::Ping),
    Cpu,
    Quit,
}

enum Side {
    Offers(Offerer),
    Answers(Answerer),
}

fn main() -> ExitCode {
    let side = match std::env::args().nth(1).as_deref() {
        Some("A") => start(UdpMode::PerSession).map(|rtc| Side::Offers(Offerer::new(rtc))),
        // Any number of sessions on one port.
        Some("B") => start(UdpMode::Mux {
            ip: Ipv4Addr::LOCALHOST.into(),
            port: 0,
        })
        .map(|rtc| Side::Answers(Answerer::new(rtc))),
        _ => {
            eprintln!("usage: actix-rtc-peer A|B");
            return ExitCode::FAILURE;
        }
    };
    let side = match side {
        Ok(side) => side,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let version = concat!(
        "actix-rtc ",
        env!("CARGO_PKG_VERSION_MAJOR"),
        ".",
        env!("CARGO_PKG_VERSION_MINOR")
    );
    say(&json!({"ev": "ready", "ver": version, "rt": "actix, one worker"}));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Command::Quit) => break,
            Ok(Command::Cpu) => say(&json!({"ev": "cpu", "us": cpu_us()})),
            Ok(command) => obey(&side, command),
            Err(error) => complain(&format!("{error} in {line}")),
        }
    }
    ExitCode::SUCCESS
}

fn start(udp: UdpMode) -> Result<Runtime, actix_rtc::StartError> {
    let config = Config::default()
        .workers(1)
        // The others have one thread with nothing between it and its sockets.
        .busy_poll(Duration::from_micros(100))
        .loopback(true)
        .udp(udp)
        // The driver has its own high-water mark, and this is not to be below it.
        .channel_send_limit(4 << 20)
        .connect_timeout(Duration::from_secs(120));
    Runtime::builder().config(config).start()
}

fn obey(side: &Side, command: Command) {
    match (side, command) {
        (Side::Offers(offerer), Command::Connect { n, conc }) => offerer.connect(n, conc),
        (Side::Offers(offerer), Command::Answer { id, sdp }) => offerer.answer(id, sdp),
        (Side::Offers(offerer), Command::Bulk(bulk)) => offerer.job(bulk.into()),
        (Side::Offers(offerer), Command::Ping(ping)) => offerer.job(ping.into()),
        (Side::Answers(answerer), Command::Offer { id, sdp }) => answerer.offer(id, sdp),
        (_, command) => complain(&format!("not for this side: {command:?}")),
    }
}

/// One line to the driver.
fn say(line: &serde_json::Value) {
    let mut out = std::io::stdout().lock();
    // Without a driver there is nobody to tell.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn complain(message: &str) {
    say(&json!({"ev": "error", "msg": message}));
}

fn cpu_us() -> i64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| {
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds()
    })
}
