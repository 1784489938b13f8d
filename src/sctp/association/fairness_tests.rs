//! How channels share an association, and what an application sees of its queues.

use std::time::Duration;

use crate::sctp::association::life::Phase;
use crate::sctp::testing::{Conditions, Pair, pattern};
use crate::sctp::{ChannelId, ChannelOptions, Config, Event};

const SECOND: Duration = Duration::from_secs(1);

/// 20 Mbit/s, a round trip of 50 ms, a queue of 50 ms.
fn link() -> Conditions {
    Conditions {
        rate: 20e6,
        ..Default::default()
    }
}

/// The 99th percentile of the delays of a message of 100 bytes every 20 ms, in milliseconds, beside
/// a channel that always has messages of `bulk` bytes to send; 0 for none.
fn delay_beside(bulk: usize, options: ChannelOptions) -> f64 {
    let mut pair = Pair::connected(Config::default(), link(), 1);
    let flood = pair.open(0, "bulk", ChannelOptions::default());
    let small = pair.open(0, "small", options);
    pair.run_for(SECOND);
    let message = pattern(bulk, 0);
    let start = pair.now;
    let mut delays = Vec::new();
    for tick in 1..=300u32 {
        let end = start + tick * Duration::from_millis(20);
        loop {
            while bulk > 0
                && pair.sides[0]
                    .association
                    .send(pair.now, flood, message.clone().into())
                    .is_ok()
            {}
            let more = pair.step(end);
            let now = (pair.now - start).as_micros() as u64;
            for (_, message) in pair.sides[1].received.drain(..) {
                if let (100, Some(sent)) = (message.len(), message.as_bytes().first_chunk()) {
                    delays.push(now - u64::from_be_bytes(*sent));
                }
            }
            if !more {
                break;
            }
        }
        let mut stamped = vec![0; 100];
        let now = (pair.now - start).as_micros() as u64;
        stamped[..8].copy_from_slice(&now.to_be_bytes());
        pair.send(0, small, stamped).unwrap();
    }
    // The first second is the slow start of congestion control.
    delays.drain(..50);
    assert!(delays.len() > 220, "{} of 250 arrived", delays.len());
    delays.sort_unstable();
    delays[delays.len() * 99 / 100] as f64 / 1e3
}

fn a_flooding_channel_does_not_starve_a_small_one() {
    let unreliable = ChannelOptions {
        ordered: false,
        max_retransmits: Some(0),
        ..Default::default()
    };
    for options in [ChannelOptions::default(), unreliable] {
        let alone = delay_beside(0, options.clone());
        println!("alone: {alone:.1} ms");
        for kib in [16, 64, 256] {
            let beside = delay_beside(kib << 10, options.clone());
            println!("beside messages of {kib} KiB: {beside:.1} ms");
            // One message of the other channel, with its headers, is on the wire (there is no
            // interleaving), and a quarter of the round trip is in the link's queue of 50 ms.
            let message = (kib << 10) as f64 * 8.0 / 20e6 * 1e3 * 1.08;
            assert!(beside <= alone + message + 15.0, "{beside:.1} ms");
            if kib == 16 {
                assert!(beside <= 2.0 * alone, "{beside:.1} ms");
            }
        }
    }
}

fn the_buffered_amount_and_its_low_threshold_are_exact() {
    let mut pair = Pair::new(Config::default(), link(), 2);
    let id = pair.open(0, "exact", ChannelOptions::default());
    let buffered = |pair: &Pair| pair.sides[0].association.buffered_amount(id);
    pair.sides[0]
        .association
        .set_buffered_amount_low_threshold(id, 400_000);
    for round in 0..2 {
        let before = buffered(&pair);
        for count in 1..=60 {
            pair.send(0, id, pattern(10_000, count as u8)).unwrap();
            if round == 0 {
                // Nothing leaves before the association stands.
                assert_eq!(buffered(&pair), before + count * 10_000);
                assert_eq!(pair.sides[0].association.queued_messages(id), count);
            }
        }
        if round == 0 {
            pair.connect();
        }
        pair.sides[0]
            .events
            .retain(|event| *event != Event::BufferedAmountLow(id));
        assert!(buffered(&pair) > 400_000 || round == 0);
        let mut last = usize::MAX;
        let low = pair.run_until(60 * SECOND, |pair| {
            let now = buffered(pair);
            let told = pair.has(0, Event::BufferedAmountLow(id));
            // It falls by whole messages, and the event comes with the fall to the threshold.
            assert_eq!(now % 10_000, 0);
            assert_eq!(told, now <= 400_000 || last <= 400_000, "{now}");
            last = now;
            now == 0
        });
        assert!(low);
        let told = pair.sides[0].events.iter();
        let told = told.filter(|event| **event == Event::BufferedAmountLow(id));
        assert_eq!(told.count(), 1, "once for each fall");
    }
}

/// What the association remembers of channels and streams.
fn remembered(pair: &Pair, side: usize) -> (usize, usize, usize) {
    let association = &pair.sides[side].association;
    let Phase::Connected { engine, .. } = &association.phase else {
        panic!("not connected");
    };
    let (dead, quarantined) = (engine.dead().len(), association.quarantined.len());
    (association.stats().channels, dead, quarantined)
}

fn ten_thousand_channels_are_opened_and_closed_without_growth() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 3);
    for _ in 0..50 {
        let ids: Vec<ChannelId> = (0..200)
            .map(|_| pair.open(0, "one of many", ChannelOptions::default()))
            .collect();
        pair.run_for(SECOND);
        assert_eq!(pair.incoming(1).len(), 200);
        for &id in &ids {
            assert!(pair.has(0, Event::ChannelOpen(id)));
            pair.send(0, id, "one message").unwrap();
            let now = pair.now;
            pair.sides[0].association.close_channel(now, id);
        }
        let closed = pair.run_until(60 * SECOND, |pair| {
            (0..2).all(|side| pair.sides[side].association.stats().channels == 0)
        });
        assert!(closed, "{:?} left", remembered(&pair, 0));
        assert_eq!(pair.sides[1].received.len(), 200);
        pair.run_for(SECOND);
        for side in 0..2 {
            assert_eq!(remembered(&pair, side), (0, 0, 0), "side {side}");
            pair.sides[side].events.clear();
            pair.sides[side].received.clear();
        }
    }
}

crate::sctp::testing::on_both_engines! {
    a_flooding_channel_does_not_starve_a_small_one,
    the_buffered_amount_and_its_low_threshold_are_exact,
    ten_thousand_channels_are_opened_and_closed_without_growth,
}
