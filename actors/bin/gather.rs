//! What this host gathers: the tool for "why can a client not connect?".

use std::collections::BTreeMap;
use std::process::ExitCode;

use actix_rtc::{Config, GatherOptions, IceGathererEvent, IceServer, Runtime};
use clap::Args;
use serde_json::json;

use crate::Outcome;
use crate::options::Server;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// STUN or TURN server as URL[,user,credential] (repeatable; without any, only the host's own
    /// addresses are gathered).
    #[arg(long = "ice-server", value_name = "URL[,user,credential]")]
    servers: Vec<Server>,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: Options) -> Outcome {
    let config = Config {
        workers: 1,
        loopback: true,
        ..Config::default()
    };
    let rtc = Runtime::builder()
        .config(config)
        .without_metrics()
        .start()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(gather(&rtc, options))
}

async fn gather(rtc: &Runtime, options: Options) -> Outcome {
    let servers: Vec<IceServer> = options.servers.into_iter().map(|server| server.0).collect();
    let gatherer = rtc.gatherer(GatherOptions::default())?;
    let mut events = gatherer.events();
    let mut report = Report {
        json: options.json,
        kinds: BTreeMap::new(),
        errors: 0,
    };
    let gathering = gatherer.gather(Some(servers));
    tokio::pin!(gathering);
    let outcome = loop {
        tokio::select! {
            biased;
            Some(event) = events.next() => report.event(&event),
            outcome = &mut gathering => break outcome,
        }
    };
    // What was said before the end is still to be printed.
    while let Ok(Some(event)) = tokio::time::timeout(std::time::Duration::ZERO, events.next()).await
    {
        report.event(&event);
    }
    report.summary();
    outcome?;
    Ok(if report.errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Report {
    json: bool,
    kinds: BTreeMap<&'static str, usize>,
    errors: usize,
}

impl Report {
    fn event(&mut self, event: &IceGathererEvent) {
        match event {
            IceGathererEvent::Candidate(candidate) => {
                *self.kinds.entry(candidate.kind.as_str()).or_default() += 1;
                if self.json {
                    println!("{}", json!({ "candidate": candidate.to_string() }));
                } else {
                    println!("{candidate}");
                }
            }
            IceGathererEvent::CandidateError(error) => {
                self.errors += 1;
                if self.json {
                    let (url, code, text) = (&error.url, error.code, &error.text);
                    println!(
                        "{}",
                        json!({ "error": { "url": url, "code": code, "text": text } })
                    );
                } else {
                    println!("error: {} {} {}", error.url, error.code, error.text);
                }
            }
            IceGathererEvent::Error(error) => eprintln!("{error}"),
            _ => {}
        }
    }

    fn summary(&self) {
        if self.json {
            println!(
                "{}",
                json!({ "summary": self.kinds, "errors": self.errors })
            );
            return;
        }
        let kinds: Vec<String> = self
            .kinds
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let kinds = if kinds.is_empty() {
            "none".into()
        } else {
            kinds.join(", ")
        };
        println!("candidates: {kinds}; servers with errors: {}", self.errors);
    }
}
