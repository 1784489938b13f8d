//! The program: a demo server, a loop-back benchmark, and a gathering check for operators.

mod gather;
mod loopback;
mod options;
mod serve;
mod settings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// WebRTC transports for Rust servers. Without a command it serves the demo.
#[derive(Parser, Debug)]
#[command(
    name = "actix-rtc",
    version,
    about,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: settings::Settings,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve the demo page, signalling, and metrics (the default).
    Serve(Box<settings::Settings>),
    /// Connect pairs of sessions in this process over real UDP and move data between them.
    Loopback(loopback::Options),
    /// Print the candidates that this host gathers, and each server's error.
    Gather(gather::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let default = "warn,actix_rtc=info,webrtc_dtls=error".into();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("RTC_LOG").unwrap_or(default))
        .with_writer(std::io::stderr)
        .init();
    let outcome = match arguments
        .command
        .unwrap_or(Command::Serve(Box::new(arguments.serve)))
    {
        Command::Serve(settings) => serve::run(*settings),
        Command::Loopback(options) => loopback::run(options),
        Command::Gather(options) => gather::run(options),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("actix-rtc: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// How a command ends.
type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;
