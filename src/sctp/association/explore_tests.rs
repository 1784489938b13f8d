use std::time::Duration;
use crate::sctp::testing::{Conditions, Pair, pattern};
use crate::sctp::{ChannelOptions, Config};
#[test]
fn explore() {
    let env = |name: &str, default: f64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let conditions = Conditions {
        rate: env("RATE", 100.0) * 1e6,
        loss: env("LOSS", 0.0),
        delay: Duration::from_secs_f64(env("RTT", 50.0) / 2e3),
        queue: Duration::from_secs_f64(env("QUEUE", 50.0) / 1e3),
        jitter: Duration::from_secs_f64(env("JITTER", 0.0) / 1e3),
        ..Default::default()
    };
    let seconds = env("DUR", 12.0);
    let mut pair = Pair::new(Config::default(), conditions, env("SEED", 4.0) as u64);
    pair.sides[0].association.start(pair.now, true, Config::default().capabilities(), 5000);
    pair.sides[1].association.start(pair.now, false, Config::default().capabilities(), 5000);
    let id = pair.open(0, "bulk", ChannelOptions::default());
    let size = env("SIZE", 65536.0) as usize;
    let message = pattern(size, 0);
    let start = pair.now;
    let step = env("STEP", 100.0);
    let mut last = 0;
    let mut total = 0u64;
    while (pair.now - start).as_secs_f64() < seconds {
        let t = pair.now;
        let e = (pair.now - start).as_secs_f64();
        if let Ok(change) = std::env::var("CHANGE") {
            for part in change.split(',') {
                let (at, rate) = part.split_once(':').unwrap();
                if e >= at.parse::<f64>().unwrap() { pair.conditions.rate = rate.parse::<f64>().unwrap() * 1e6; }
            }
        }
        let idle = std::env::var("IDLE").is_ok_and(|idle| { let (a, b) = idle.split_once(':').unwrap(); e >= a.parse::<f64>().unwrap() && e < b.parse::<f64>().unwrap() });
        pair.run_until(Duration::from_secs_f64(step / 1e3), |pair| {
            let mut first = true;
            while !idle && pair.sides[0].association.send(pair.now, id, message.clone().into()).is_ok() { first = false; }
            if !first { pair.drain(); }
            false
        });
        let got = pair.sides[1].received.len();
        pair.sides[1].received.clear();
        total += (got * size) as u64;
        let s = pair.sides[0].association.stats();
        println!("{:>6.2} {:>6.1} Mbit/s rtt {:?} min {:?} rate {:.1} limit {} flight {}/{} retr {} t3 {} fr {}",
            (pair.now - start).as_secs_f64(), got as f64 * size as f64 * 8.0 / (pair.now - t).as_secs_f64() / 1e6,
            s.rtt, s.min_rtt, s.delivery_rate * 8.0 / 1e6, s.send_limit, s.in_flight_bytes, s.in_flight_chunks, s.retransmitted_chunks - last, s.timeouts, s.fast_retransmits);
        last = s.retransmitted_chunks;
    }
    println!("TOTAL {:.1} Mbit/s", total as f64 * 8.0 / seconds / 1e6);
}
