//! What this host gathers: the tool for "why can a client not connect?".

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use actix_rtc::{
    Config, IceCandidateError, IceGathererEvent, IceServer, IceTransportPolicy, Runtime,
    SessionOptions, TlsRoots,
};
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
    /// Only relayed candidates, as a client with `iceTransportPolicy: "relay"`.
    #[arg(long)]
    relay_only: bool,
    /// Certificates (PEM) of who vouches for `turns:` servers, instead of whom the platform trusts.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: Options) -> Outcome {
    let tls_roots = match &options.ca {
        Some(file) => std::fs::read(file)
            .map_err(|error| error.to_string())
            .and_then(|pem| TlsRoots::from_pem(&pem).map_err(|error| error.to_string()))
            .map_err(|error| format!("{}: {error}", file.display()))?,
        None => TlsRoots::platform(),
    };
    let config = Config::default()
        .workers(1)
        .loopback(true)
        .tls_roots(tls_roots);
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
    let session = match options.relay_only {
        true => SessionOptions::default().policy(IceTransportPolicy::Relay),
        false => SessionOptions::default(),
    };
    let gatherer = rtc.gatherer(session)?;
    let mut events = gatherer.events();
    let mut report = Report {
        json: options.json,
        kinds: BTreeMap::new(),
        errors: Vec::new(),
    };
    let outcome = {
        let gathering = gatherer.gather(Some(servers));
        tokio::pin!(gathering);
        loop {
            tokio::select! {
                biased;
                Some(event) = events.next() => report.event(&event),
                outcome = &mut gathering => break outcome,
            }
        }
    };
    // What was said before the end is still to be printed.
    while let Ok(Some(event)) = tokio::time::timeout(std::time::Duration::ZERO, events.next()).await
    {
        report.event(&event);
    }
    report.summary();
    outcome?;
    // Servers get their allocations back.
    drop(gatherer);
    rtc.drain(rtc.config().close_timeout).await;
    Ok(if report.errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Report {
    json: bool,
    kinds: BTreeMap<&'static str, usize>,
    /// Each with how often it came: once for each of our addresses that the server was asked from.
    errors: Vec<(IceCandidateError, usize)>,
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
            IceGathererEvent::CandidateError(error) => self.error(error),
            IceGathererEvent::Error(error) => eprintln!("{error}"),
            _ => {}
        }
    }

    fn error(&mut self, error: &IceCandidateError) {
        if let Some((_, count)) = self.errors.iter_mut().find(|(known, _)| known == error) {
            *count += 1;
            return;
        }
        self.errors.push((error.clone(), 1));
        if self.json {
            println!("{}", json!({ "error": as_json(error) }));
        } else {
            println!("error: {}", as_text(error));
        }
    }

    fn summary(&self) {
        if self.json {
            let errors: Vec<_> = self
                .errors
                .iter()
                .map(|(error, _)| as_json(error))
                .collect();
            println!("{}", json!({ "summary": self.kinds, "errors": errors }));
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
        println!("\ncandidates: {kinds}");
        for (error, count) in &self.errors {
            let times = if *count > 1 {
                format!(" ({count} times)")
            } else {
                String::new()
            };
            println!("failed: {}{times}", as_text(error));
        }
    }
}

fn as_json(error: &IceCandidateError) -> serde_json::Value {
    json!({ "url": error.url, "code": error.code, "text": error.text })
}

/// An error that a server sent begins with its code; others have one that stands for "not reached".
fn as_text(error: &IceCandidateError) -> String {
    let code = error.code.to_string();
    let said = error.text.strip_prefix(&code).unwrap_or(&error.text).trim();
    format!("{}: {code} {said}", error.url)
}
