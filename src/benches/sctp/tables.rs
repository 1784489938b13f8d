//! Figures that are not a time per iteration, printed as lines.

use std::time::Duration;

use actix_rtc_proto::Machine;
use actix_rtc_proto::sctp::{ChannelOptions, Config, CongestionControl, Event, SctpEngine};
use bytes::Bytes;
use criterion::Criterion;
use nix::time::{ClockId, clock_gettime};

use crate::link::{Conditions, Link};
use crate::pair::Pair;
use crate::shared::share;

const QUEUE: Duration = Duration::from_millis(50);

/// CPU time of this process.
fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Goodput, and CPU time of both sides and the simulator together.
pub(crate) fn links(_: &mut Criterion) {
    let message = Bytes::from(vec![7; 65_536]);
    for rtt in [50, 100] {
        for megabits in [20, 100] {
            for loss in [0.0, 0.01, 0.05] {
                let mut link = Link::new(Conditions {
                    rate: f64::from(megabits) * 1e6,
                    delay: Duration::from_millis(rtt / 2),
                    queue: QUEUE,
                    loss,
                    gap: Duration::ZERO,
                });
                // For ten seconds at full speed; with loss there is less to be had.
                let count = if loss > 0.0 {
                    40
                } else {
                    20 * megabits as usize
                };
                let before = cpu();
                let took = link.transfer(&message, count);
                let bytes = (count * message.len()) as f64;
                println!(
                    "{megabits:>3} Mbit/s, RTT {rtt:>3} ms, loss {:>1.0} %: goodput {:>5.1} Mbit/s, CPU {:.2} ms/MB",
                    loss * 100.0,
                    bytes * 8.0 / took.as_secs_f64() / 1e6,
                    (cpu() - before).as_secs_f64() * 1e3 / (bytes / 1e6),
                );
            }
        }
    }
}

/// What carries the data, and how it avoids congestion.
fn engines() -> [(&'static str, Config); 4] {
    let native = |congestion_control| {
        Config::default()
            .sctp_engine(SctpEngine::Native)
            .congestion_control(congestion_control)
    };
    [
        ("sctp-proto", Config::default()),
        ("model", native(CongestionControl::Model)),
        ("cubic", native(CongestionControl::Cubic)),
        ("new-reno", native(CongestionControl::NewReno)),
    ]
}

/// Goodput of 60 MB in messages of 16 KiB, set-up included, on links as they are in the world, with
/// each engine and each controller: the least of three seeds. What takes more than two minutes is
/// not waited for.
pub(crate) fn real_links(_: &mut Criterion) {
    let message = Bytes::from(vec![7; 16 << 10]);
    let millis = Duration::from_millis;
    let links = [
        ("20 Mbit/s,  50 ms, clean", 20e6, 50, 0.0, 0),
        ("20 Mbit/s,  50 ms, 1 % loss", 20e6, 50, 0.01, 0),
        ("20 Mbit/s,  50 ms, gaps of 20 ms", 20e6, 50, 0.0, 20),
        ("20 Mbit/s, 200 ms, 0.1 % loss", 20e6, 200, 0.001, 0),
        ("100 Mbit/s, 50 ms, 0.01 % loss", 100e6, 50, 0.0001, 0),
        ("50 Mbit/s,  20 ms, 0.1 % loss", 50e6, 20, 0.001, 0),
        ("20 Mbit/s,  50 ms, 5 % loss", 20e6, 50, 0.05, 0),
    ];
    for (name, rate, rtt, loss, gap) in links {
        let mut line = format!("{name:<33}");
        for (engine, config) in engines() {
            let mut goodput = f64::INFINITY;
            let before = cpu();
            let mut bytes = 0.0;
            for seed in 1..=3 {
                let conditions = Conditions {
                    rate,
                    delay: millis(rtt) / 2,
                    queue: QUEUE,
                    loss,
                    gap: millis(gap),
                };
                let mut link = Link::with(&config, conditions, seed);
                let (count, took) = link.transfer_within(&message, 3_662, Duration::from_secs(120));
                let arrived = (count * message.len()) as f64;
                bytes += arrived;
                goodput = goodput.min(arrived * 8.0 / took.as_secs_f64() / 1e6);
            }
            let cost = (cpu() - before).as_secs_f64() * 1e3 / (bytes / 1e6);
            line += &format!(" {engine} {goodput:>5.1} ({cost:>4.1} ms/MB)");
        }
        println!("{line}");
    }
}

/// Two associations through one bottleneck: what each gets, how fair that is, and the queue.
pub(crate) fn sharing(_: &mut Criterion) {
    let engines = engines();
    for (first, second) in [(1, 1), (2, 2), (1, 2), (1, 3), (2, 3), (1, 0), (2, 0)] {
        let [(one, a), (other, b)] = [&engines[first], &engines[second]];
        let mut line = format!("{one:>8} and {other:<10}");
        for queue in [20, 50, 200] {
            let delay = Duration::from_millis(25);
            let shares = share([a, b], 20e6, delay, Duration::from_millis(queue));
            line += &format!(
                " queue {queue:>3} ms: {:>4.1} + {:>4.1} Mbit/s, Jain {:.2}, {:>5.1} ms;",
                shares.rates[0] / 1e6,
                shares.rates[1] / 1e6,
                shares.fairness(),
                shares.queue.as_secs_f64() * 1e3,
            );
        }
        println!("{line}");
    }
}

/// The delay of a message of 100 bytes every 20 ms, beside a channel that sends all it can.
pub(crate) fn fairness(_: &mut Criterion) {
    let native = |interleaving| {
        Config::default()
            .sctp_engine(SctpEngine::Native)
            .interleaving(interleaving)
    };
    delays("sctp-proto", &Config::default());
    delays("native", &native(false));
    delays("interleaved", &native(true));
}

fn delays(name: &str, config: &Config) {
    for bulk in [0, 16 << 10, 64 << 10, 256 << 10] {
        let conditions = Conditions {
            rate: 20e6,
            delay: Duration::from_millis(25),
            queue: QUEUE,
            loss: 0.0,
            gap: Duration::ZERO,
        };
        let mut link = Link::with(config, conditions, 1);
        let message = Bytes::from(vec![7; bulk]);
        let now = link.pair.now;
        let small = link.pair.sides[0]
            .open(now, "small".to_owned(), ChannelOptions::default())
            .expect("it is the second");
        let mut delays = Vec::new();
        let start = link.pair.now;
        for tick in 1..=500u32 {
            let due = start + tick * Duration::from_millis(20);
            while link.pair.now < due {
                link.pair
                    .send(&message, &mut if bulk > 0 { usize::MAX } else { 0 });
                link.step(Some(due), |now, _, message| {
                    if message.len() == 100 {
                        let sent = message
                            .as_bytes()
                            .first_chunk()
                            .map_or(0, |n| u64::from_be_bytes(*n));
                        delays.push((now - start).saturating_sub(Duration::from_micros(sent)));
                    }
                });
            }
            let mut stamped = vec![0; 100];
            let sent = (link.pair.now - start).as_micros() as u64;
            stamped[..8].copy_from_slice(&sent.to_be_bytes());
            let now = link.pair.now;
            link.pair.sides[0]
                .send(now, small, stamped.into())
                .expect("one message every 20 ms");
        }
        // The first second is the slow start of congestion control.
        delays.drain(..delays.len().min(50));
        delays.sort();
        let at =
            |part: f64| delays[((delays.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
        println!(
            "{name}: 100 bytes every 20 ms beside messages of {:>3} KiB: median {:.1} ms, 99th percentile {:.1} ms",
            bulk >> 10,
            at(0.5),
            at(0.99),
        );
    }
}

/// Many of everything on one association.
pub(crate) fn volume(_: &mut Criterion) {
    for (name, config) in engines().iter().take(2) {
        println!("{name}:");
        volume_of(config);
    }
}

fn volume_of(config: &Config) {
    let (mut pair, before) = (Pair::with(config, 1), cpu());
    let count = 10_000;
    let mut closed = 0;
    let mut open = Vec::new();
    let mut opened = 0;
    while closed < count {
        while opened < count && open.len() < 100 {
            let now = pair.now;
            let id = pair.sides[0].open(now, "one of many".to_owned(), ChannelOptions::default());
            open.push(id.expect("there are not that many at once"));
            opened += 1;
        }
        pair.exchange_with(|sides, now, side, event| match event {
            Event::ChannelOpen(id) if side == 0 => sides[0].close_channel(now, id),
            Event::ChannelClosed(id, None) if side == 0 => {
                open.retain(|&other| other != id);
                closed += 1;
            }
            _ => {}
        });
    }
    println!(
        "{count} channels opened and closed: CPU {:.1} us each, {} channels left",
        (cpu() - before).as_secs_f64() * 1e6 / count as f64,
        pair.sides[0].stats().channels,
    );

    let count = 1_000_000;
    let message = Bytes::from(vec![7; 100]);
    let (mut pair, before) = (Pair::with(config, 1), cpu());
    pair.transfer(&message, count);
    let took = cpu() - before;
    println!(
        "{count} messages of 100 bytes: CPU {:.2} us each, {:.2} ms/MB, {} packets",
        took.as_secs_f64() * 1e6 / count as f64,
        took.as_secs_f64() * 1e3 / (count as f64 * 100.0 / 1e6),
        pair.sides[0].stats().packets_sent,
    );
    assert!(pair.sides[0].poll_transmit(pair.now).is_none());
}
