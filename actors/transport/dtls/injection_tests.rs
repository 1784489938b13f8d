//! Ten thousand spoofed records of each kind at a connection that goes on moving data.

use std::time::Duration;

use proto::dtls::{Config, State, Versions};

use super::engine_testkit::*;
use crate::base::config::DtlsEngine;

/// How many of each kind, and how many at once: less than waits for an engine with tasks.
const EACH: u64 = 10_000;
const BATCH: u64 = 100;

/// What may remain: nothing does, but buffers are kept at the size that they once had.
const FLAT: i64 = 16 * 1_024;

/// The engines alone, and what they speak.
const PAIRS: [(DtlsEngine, Versions); 3] = [
    (DtlsEngine::Dimpl, Versions::Only12),
    (DtlsEngine::Dimpl, Versions::Only13),
    (DtlsEngine::WebrtcDtls, Versions::Only12),
];

impl Pair {
    /// Injects so many, and moves data both ways all the while.
    async fn flood(&mut self, end: usize, count: u64, datagram: impl Fn(u64) -> Vec<u8>) {
        for number in 0..count {
            self.inject(end, &datagram(number));
            if number % BATCH == BATCH - 1 {
                let payload = number.to_be_bytes();
                self.send(CLIENT, &payload);
                self.send(SERVER, &payload);
                self.run(Duration::from_secs(1), |p| {
                    [CLIENT, SERVER].iter().all(|end| p.data(*end).len() == 1)
                })
                .await;
                assert_eq!([self.data(CLIENT), self.data(SERVER)], [[payload]; 2]);
                self.forget();
            }
        }
    }

    /// Forgets what a test may look at, so that it is not taken for a leak.
    fn forget(&mut self) {
        self.events = Default::default();
        self.sent = Default::default();
    }
}

#[test]
fn ten_thousand_spoofed_records_of_each_kind_are_dropped_while_data_flows_and_memory_stays_flat() {
    for (kind, versions) in PAIRS {
        for end in [CLIENT, SERVER] {
            let runtime = virtual_runtime();
            let config = Config::default().versions(versions);
            let pair = Pair::with([kind; 2], config, perfect());
            let mut pair = runtime.block_on(pair.connected());
            for (what, datagram) in spoofed() {
                // Different ones, too, wherever a number stands in the header.
                let numbered = |number: u64| {
                    let mut datagram = datagram.clone();
                    if let Some(low) = datagram.get_mut(7..11) {
                        low.copy_from_slice(&(number as u32).to_be_bytes());
                    }
                    datagram
                };
                runtime.block_on(pair.flood(end, BATCH, numbered));
                let before = *pair.engines[end].counters();
                let memory = allocation_counter::measure(|| {
                    runtime.block_on(pair.flood(end, EACH, numbered));
                });
                let after = *pair.engines[end].counters();
                let dropped = after.dropped() - before.dropped();
                assert_eq!(dropped, EACH, "{kind:?} {versions:?} {what}: {after:?}");
                println!(
                    "{} {versions:?} end {end}: {EACH} times {what}: {} bytes more than before",
                    kind.as_str(),
                    memory.bytes_current
                );
                assert!(memory.bytes_current < FLAT, "{kind:?} {what}: {memory:?}");
                assert!(pair.both(State::Connected));
            }
        }
    }
}

#[test]
fn ten_thousand_replays_and_altered_records_are_dropped_while_data_flows_and_memory_stays_flat() {
    for (kind, versions) in PAIRS {
        for end in [CLIENT, SERVER] {
            let runtime = virtual_runtime();
            let config = Config::default().versions(versions);
            let pair = Pair::with([kind; 2], config, perfect());
            let mut pair = runtime.block_on(pair.connected());
            runtime.block_on(pair.assert_alive());
            let genuine = pair.sent[1 - end].last().unwrap().clone();
            let altered = |number: u64| {
                let mut altered = genuine.clone();
                let at = altered.len() - 1 - number as usize % 16;
                altered[at] ^= 1 << (number % 8);
                altered
            };
            for (what, replay) in [("replay", true), ("altered record", false)] {
                let datagram = |number| {
                    if replay {
                        genuine.clone()
                    } else {
                        altered(number)
                    }
                };
                pair.forget();
                runtime.block_on(pair.flood(end, BATCH, datagram));
                let before = *pair.engines[end].counters();
                let memory = allocation_counter::measure(|| {
                    runtime.block_on(pair.flood(end, EACH, datagram));
                });
                let after = *pair.engines[end].counters();
                let rejected = after.rejected - before.rejected;
                assert_eq!(rejected, EACH, "{kind:?} {versions:?} {what}: {after:?}");
                println!(
                    "{} {versions:?} end {end}: {EACH} times {what}: {} bytes more than before",
                    kind.as_str(),
                    memory.bytes_current
                );
                assert!(memory.bytes_current < FLAT, "{kind:?} {what}: {memory:?}");
            }
        }
    }
}
