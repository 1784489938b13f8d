//! The demo server.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use actix_rtc::{DataChannel, Runtime};
use actix_web::{App, HttpServer};

use crate::Outcome;
use crate::settings::Settings;

/// How long sessions may go on after SIGTERM or SIGINT unless it is told otherwise, and how long the
/// threads may take to end.
const DRAIN: Duration = Duration::from_secs(10);

/// Where the server listens unless it is told otherwise.
const DEFAULT_BIND: &str = "127.0.0.1:8080";

pub(crate) fn run(settings: Settings) -> Outcome {
    let settings = settings.with_file()?;
    let bind = match settings.bind {
        Some(bind) => bind,
        None => DEFAULT_BIND.parse()?,
    };
    let drain = settings.drain_timeout.map_or(DRAIN, |span| span.0);
    let config = settings.into_config();
    // A setting that cannot work is found before anything is opened.
    config.check()?;
    // Before the runtime: its actors hold their counters.
    let metrics = actix_rtc::metrics::install_prometheus()?;
    let rtc = Runtime::builder()
        .config(config)
        .on_data_channel(echo)
        .start()?;
    actix_web::rt::System::new().block_on(serve(rtc, metrics, bind, drain))
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
    drain: Duration,
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
        // HTTP goes on meanwhile: /readyz says 503, and clients can close their sessions. It is
        // said when it is so.
        tokio::join!(biased; stopping.drain(drain), async { println!("draining") });
        handle.stop(true).await;
    });
    server.await?;
    let ended = rtc.shutdown(DRAIN).await;
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
