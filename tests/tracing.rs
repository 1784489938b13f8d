//! What an operator reads in the log.

#[path = "harness/pair.rs"]
mod pair;
#[path = "harness/time_limit.rs"]
mod time_limit;

use std::io;
use std::sync::{Arc, Mutex};

use actix_rtc::SessionOptions;
use pair::{config, dialling, start};
use time_limit::within;
use tracing_subscriber::fmt::MakeWriter;

/// The log of this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Its lines that have this in them.
    fn lines(&self, part: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter(|line| line.contains(part));
        lines.map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[tokio::test]
async fn a_failure_reads_as_one_story() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_env_filter("actix_rtc=trace")
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let rtc = start(config(1));
    assert_eq!(log.lines("no metrics recorder is installed").len(), 1);

    let answerer = rtc.session(SessionOptions::default()).unwrap();
    let offerer = rtc.session(dialling()).unwrap();
    let offer = offerer.offer().await.unwrap();
    let fingerprint = offer.lines().find(|l| l.starts_with("a=fingerprint:"));
    let wrong = format!("a=fingerprint:sha-256 {}", ["00"; 32].join(":"));
    let forged = offer.replace(fingerprint.unwrap(), &wrong);
    let answer = answerer.accept(&forged).await.unwrap();
    offerer.set_answer(&answer).await.unwrap();
    within(answerer.connected()).await.unwrap_err();
    answerer.close().await;

    // One span a session, with a child an actor, and all of the story in them.
    let session = format!("session{{id={}}}", answerer.id());
    let story = log.lines(&session);
    for actor in ["gatherer", "ice", "dtls", "sctp", "supervisor"] {
        let of_it = format!("{session}:actor{{kind={actor}}}");
        assert!(
            story.iter().any(|l| l.contains(&of_it)),
            "{actor}: {story:#?}"
        );
    }
    let place = |parts: &[&str]| {
        let has_all = |line: &String| parts.iter().all(|part| line.contains(part));
        let place = story.iter().position(has_all);
        place.unwrap_or_else(|| panic!("no line with {parts:?} in {story:#?}"))
    };
    let connected = place(&["DEBUG", "kind=ice", "to=\"connected\""]);
    let handshake = place(&["TRACE", "kind=dtls", "traffic"]);
    let why = place(&["WARN", "kind=dtls", "reason=\"fingerprint_mismatch\""]);
    let after = place(&["DEBUG", "actor=\"sctp\"", "to=\"failed\""]);
    assert!(
        connected < handshake && handshake < why && why < after,
        "{story:#?}"
    );
    // What an operator must act on is said once.
    let warnings = story
        .iter()
        .filter(|l| l.contains("WARN") || l.contains("ERROR"));
    assert_eq!(warnings.count(), 1, "{story:#?}");
}
