//! Pairs of sessions in one process, over real UDP: a self-test, and a figure to compare with.

use std::io::{IsTerminal, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_rtc::{
    Config, DataChannel, DataChannelOptions, Message, Runtime, Session, SessionOptions, UdpMode,
};
use bytes::Bytes;
use clap::Args;
use serde_json::json;

use crate::Outcome;
use crate::options::Engine;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// How many pairs of sessions.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5000))]
    sessions: u32,
    /// How many megabytes (10^6 bytes) in all.
    #[arg(long, default_value_t = 64)]
    megabytes: u64,
    /// Bytes in a message.
    #[arg(long, default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(16..=262_144))]
    message_size: u32,
    /// DTLS engine.
    #[arg(long, value_enum, default_value = "dimpl")]
    engine: Engine,
    /// Count into a Prometheus recorder, as a server does.
    #[arg(long)]
    metrics: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// A pair that does not connect within this time has failed.
const CONNECT_LIMIT: Duration = Duration::from_secs(60);

/// Data that does not move for so long is lost.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// What the receiving ends have seen.
#[derive(Default)]
struct Received {
    bytes: AtomicU64,
    messages: AtomicU64,
    out_of_order: AtomicU64,
}

pub(crate) fn run(options: Options) -> Outcome {
    let config = Config::default()
        .udp(UdpMode::Mux {
            ip: Ipv4Addr::LOCALHOST.into(),
            port: 0,
        })
        .loopback(true)
        .dtls_engine(options.engine.into())
        .max_sessions(options.sessions as usize * 2);
    let received = Arc::new(Received::default());
    let sink = received.clone();
    let builder = Runtime::builder()
        .config(config)
        .on_data_channel(move |channel| receive(channel, sink.clone()));
    let rtc = if options.metrics {
        actix_rtc::metrics::install_prometheus()?;
        builder.start()?
    } else {
        builder.without_metrics().start()?
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(measure(&rtc, &options, &received))?;
    runtime.block_on(rtc.shutdown(Duration::from_secs(5)));
    Ok(code)
}

/// Counts what arrives; each message carries its number.
async fn receive(channel: DataChannel, received: Arc<Received>) {
    let mut next = 0u64;
    while let Some(message) = channel.recv().await {
        let number = message
            .as_bytes()
            .first_chunk::<8>()
            .map(|n| u64::from_be_bytes(*n));
        if number != Some(next) {
            received.out_of_order.fetch_add(1, Ordering::Relaxed);
        }
        next += 1;
        received.messages.fetch_add(1, Ordering::Relaxed);
        received
            .bytes
            .fetch_add(message.len() as u64, Ordering::Relaxed);
    }
}

async fn measure(rtc: &Runtime, options: &Options, received: &Received) -> Outcome {
    let pairs = connect_all(rtc, options).await;
    let failed = options.sessions as usize - pairs.len();
    let mut connect_ms: Vec<f64> = pairs.iter().map(|p| p.took.as_secs_f64() * 1e3).collect();
    connect_ms.sort_by(f64::total_cmp);
    let median = connect_ms
        .get(connect_ms.len() / 2)
        .copied()
        .unwrap_or_default();
    say(
        options,
        &format!(
            "{} connected, {failed} failed, median {median:.1} ms",
            pairs.len()
        ),
    );

    let total = options.megabytes * 1_000_000;
    let share = total / u64::from(options.sessions);
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let sends = pairs
        .iter()
        .map(|pair| send(&pair.channel, share, options.message_size));
    let sent = watch(
        options,
        received,
        total,
        futures_util::future::join_all(sends),
    )
    .await;
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);

    let bytes = received.bytes.load(Ordering::Relaxed);
    let messages = received.messages.load(Ordering::Relaxed);
    let out_of_order = received.out_of_order.load(Ordering::Relaxed);
    let lost = sent.saturating_sub(messages) + out_of_order;
    let megabytes = bytes as f64 / 1e6;
    let per_gb = if bytes == 0 {
        0.0
    } else {
        cpu / (bytes as f64 / 1e9)
    };
    let connected = pairs.len();
    for pair in &pairs {
        pair.offerer.begin_close();
        pair.answerer.begin_close();
    }
    for pair in &pairs {
        pair.offerer.closed().await;
        pair.answerer.closed().await;
    }
    let complete = failed == 0 && lost == 0 && bytes >= share * u64::from(options.sessions);
    if options.json {
        let result = json!({
            "sessions": options.sessions,
            "connected": connected,
            "failed": failed,
            "connect_ms_p50": round(median),
            "mb": megabytes,
            "mb_per_s": round(megabytes / wall),
            "cpu_s_per_gb": round(per_gb),
            "messages": messages,
            "lost": lost,
        });
        println!("{result}");
    } else {
        println!(
            "{megabytes} MB in {messages} messages, {:.1} MB/s, {per_gb:.2} CPU s/GB, {lost} lost",
            megabytes / wall
        );
    }
    Ok(if complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Pair {
    offerer: Session,
    answerer: Session,
    channel: DataChannel,
    took: Duration,
}

async fn connect_all(rtc: &Runtime, options: &Options) -> Vec<Pair> {
    let connects = (0..options.sessions).map(|_| async {
        match tokio::time::timeout(CONNECT_LIMIT, connect(rtc)).await {
            Ok(Ok(pair)) => Some(pair),
            Ok(Err(error)) => {
                eprintln!("a pair failed: {error}");
                None
            }
            Err(_) => {
                eprintln!("a pair did not connect in {} s", CONNECT_LIMIT.as_secs());
                None
            }
        }
    });
    futures_util::future::join_all(connects)
        .await
        .into_iter()
        .flatten()
        .collect()
}

async fn connect(rtc: &Runtime) -> Result<Pair, Box<dyn std::error::Error>> {
    let began = Instant::now();
    let answerer = rtc.session(SessionOptions::default())?;
    // Two shared ports have one pair of addresses: the dialling side brings its own.
    let offerer = rtc.session(SessionOptions::default().own_sockets(true))?;
    let answer = answerer.accept(&offerer.offer().await?).await?;
    offerer.set_answer(&answer).await?;
    let channel = offerer
        .create_data_channel("loopback", DataChannelOptions::default())
        .await?;
    channel
        .opened()
        .await
        .map_err(|closed| match offerer.failure() {
            Some(failure) => failure.to_string(),
            None => closed.to_string(),
        })?;
    Ok(Pair {
        offerer,
        answerer,
        channel,
        took: began.elapsed(),
    })
}

/// Sends so many bytes; returns how many messages that were.
async fn send(channel: &DataChannel, bytes: u64, message_size: u32) -> u64 {
    let filler = vec![0x5a; message_size as usize];
    let mut sent = 0u64;
    let mut left = bytes;
    while left > 0 {
        // The number in front must fit, even into the last message.
        let size = left.clamp(8, u64::from(message_size)) as usize;
        let mut message = filler[..size].to_vec();
        message[..8].copy_from_slice(&sent.to_be_bytes());
        if let Err(error) = channel.send(Message::Binary(Bytes::from(message))).await {
            eprintln!("sending ended: {error}");
            // Counted as sent, so that what did not arrive is counted as lost.
            return sent + left.div_ceil(u64::from(message_size));
        }
        left = left.saturating_sub(size as u64);
        sent += 1;
    }
    sent
}

/// Waits until all is sent and has arrived, or nothing moves any more.
async fn watch(
    options: &Options,
    received: &Received,
    total: u64,
    sends: impl Future<Output = Vec<u64>>,
) -> u64 {
    tokio::pin!(sends);
    let mut sent = None;
    let mut last = (0, Instant::now());
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    loop {
        tokio::select! {
            counts = &mut sends, if sent.is_none() => sent = Some(counts.iter().sum()),
            _ = tick.tick() => {}
        }
        let bytes = received.bytes.load(Ordering::Relaxed);
        if bytes != last.0 {
            last = (bytes, Instant::now());
            progress(options, bytes, total);
        }
        let arrived = sent.is_some_and(|sent| received.messages.load(Ordering::Relaxed) >= sent);
        if arrived || last.1.elapsed() > STALL_LIMIT {
            progress(options, bytes, 0);
            return sent.unwrap_or(u64::MAX);
        }
    }
}

/// A bar on a terminal; `total` 0 ends it.
fn progress(options: &Options, bytes: u64, total: u64) {
    let mut out = std::io::stderr();
    if options.json || !out.is_terminal() {
        return;
    }
    let _ = match (bytes * 40).checked_div(total) {
        Some(filled) => {
            let filled = filled.min(40) as usize;
            write!(
                out,
                "\r[{:40}] {} MB",
                "#".repeat(filled),
                bytes / 1_000_000
            )
        }
        None => writeln!(out),
    };
}

fn say(options: &Options, line: &str) {
    if !options.json {
        println!("{line}");
    }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// CPU time of this process, user and system, in seconds; 0 where it cannot be told.
fn cpu_seconds() -> f64 {
    #[cfg(unix)]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike;
        getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |usage| {
            let micros =
                usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
            micros as f64 / 1e6
        })
    }
    #[cfg(not(unix))]
    0.0
}
