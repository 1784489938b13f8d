//! The demo server.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use actix_rtc::{AddressFilter, Config, DataChannel, IceServer, Runtime, UdpMode};
use actix_web::{App, HttpServer};
use clap::Args;
use serde::Deserialize;

use crate::Outcome;
use crate::options::Engine;

/// How long sessions may go on after SIGTERM or SIGINT.
const DRAIN: Duration = Duration::from_secs(10);

/// Where the server listens unless it is told otherwise.
const DEFAULT_BIND: &str = "127.0.0.1:8080";

/// What is not given on the command line or in the environment comes from the configuration file.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct Options {
    /// Address of the HTTP server [default: 127.0.0.1:8080].
    #[arg(long, env = "RTC_BIND")]
    bind: Option<SocketAddr>,
    /// First UDP port; worker n uses the n-th after it [default: chosen by the system].
    #[arg(long, env = "RTC_UDP_PORT")]
    udp_port: Option<u16>,
    /// All workers share that one UDP port, instead of one port each: for firewalls that open one.
    #[arg(long, env = "RTC_SINGLE_PORT")]
    single_port: bool,
    /// TCP candidates (RFC 6544) as well, on TCP ports of the same numbers.
    #[arg(long, env = "RTC_TCP")]
    tcp: bool,
    /// Public address to announce in candidates, where this host is behind a 1:1 NAT (repeatable).
    #[arg(long, env = "RTC_ANNOUNCE", value_delimiter = ',')]
    announce: Vec<IpAddr>,
    /// DTLS engine [default: dimpl].
    #[arg(long, env = "RTC_ENGINE", value_enum)]
    engine: Option<Engine>,
    /// Configuration file (TOML) with the same names: bind, udp_port, single_port, tcp, announce,
    /// addresses, engine, workers, max_sessions, ice_servers.
    #[arg(long, env = "RTC_CONFIG")]
    config: Option<PathBuf>,
}

/// The configuration file.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
struct File {
    bind: Option<SocketAddr>,
    udp_port: Option<u16>,
    #[serde(default)]
    single_port: bool,
    #[serde(default)]
    tcp: bool,
    #[serde(default)]
    addresses: AddressFilter,
    #[serde(default)]
    announce: Vec<IpAddr>,
    engine: Option<Engine>,
    workers: Option<usize>,
    max_sessions: Option<usize>,
    #[serde(default)]
    ice_servers: Vec<IceServer>,
}

pub(crate) fn run(options: Options) -> Outcome {
    let file = match &options.config {
        Some(path) => read(path)?,
        None => File::default(),
    };
    let defaults = Config::default();
    let announce = if options.announce.is_empty() {
        file.announce
    } else {
        options.announce
    };
    let any = match announce.first() {
        Some(IpAddr::V6(_)) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
        _ => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
    };
    let port = options.udp_port.or(file.udp_port).unwrap_or(0);
    let udp = match options.single_port || file.single_port {
        true => UdpMode::SinglePort { ip: any, port },
        false => UdpMode::Mux { ip: any, port },
    };
    let config = Config {
        udp,
        announce,
        tcp: options.tcp || file.tcp,
        addresses: file.addresses,
        workers: file.workers.unwrap_or(defaults.workers),
        max_sessions: file.max_sessions.unwrap_or(defaults.max_sessions),
        ice_servers: file.ice_servers,
        dtls_engine: options
            .engine
            .or(file.engine)
            .map_or(defaults.dtls_engine, Into::into),
        ..defaults
    };
    let bind = match options.bind.or(file.bind) {
        Some(bind) => bind,
        None => DEFAULT_BIND.parse()?,
    };
    // Before the runtime: its actors hold their counters.
    let metrics = actix_rtc::metrics::install_prometheus()?;
    let rtc = Runtime::builder()
        .config(config)
        .on_data_channel(echo)
        .start()?;
    actix_web::rt::System::new().block_on(serve(rtc, metrics, bind))
}

fn read(path: &PathBuf) -> Result<File, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?)
}

/// Every message comes back, text as text and binary as binary.
async fn echo(channel: DataChannel) {
    while let Some(message) = channel.recv().await {
        if let Err(error) = channel.send(message).await {
            tracing::debug!(%error, "echo");
            break;
        }
    }
}

async fn serve(
    rtc: Runtime,
    metrics: actix_rtc::metrics::PrometheusHandle,
    bind: SocketAddr,
) -> Outcome {
    let app = rtc.clone();
    let server = HttpServer::new(move || {
        App::new()
            .configure(app.configure())
            .configure(actix_rtc::web::page::configure)
            .configure(actix_rtc::web::health(&app))
            .configure(actix_rtc::web::metrics(&metrics))
    })
    .workers(1)
    .disable_signals()
    .bind(bind)
    .map_err(|error| format!("cannot listen on {bind}: {error}"))?;
    for address in server.addrs() {
        println!("open http://{address}/");
    }
    for address in rtc.udp_addresses() {
        println!("sessions on UDP {address}");
    }
    let server = server.run();
    let handle = server.handle();
    let stopping = rtc.clone();
    actix_web::rt::spawn(async move {
        if let Err(error) = signalled().await {
            tracing::error!(%error, "cannot listen for signals");
            return;
        }
        println!("draining");
        // HTTP goes on meanwhile: /readyz says 503, and clients can close their sessions.
        stopping.drain(DRAIN).await;
        handle.stop(true).await;
    });
    server.await?;
    let ended = tokio::task::spawn_blocking(move || rtc.shutdown(DRAIN)).await?;
    Ok(if ended {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// SIGTERM or SIGINT.
async fn signalled() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
