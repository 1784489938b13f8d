//! The path is gone for a while, as when ICE is restarted, and data goes on when it is back.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::super::super::{ChannelId, ChannelOptions, Config};
use crate::sctp::testing::{Conditions, Pair, pattern};

/// Sends as much as the channel takes for so long.
fn fill(pair: &mut Pair, id: ChannelId, message: &Bytes, time: Duration) {
    let end = pair.now + time;
    pair.run_until(time, |pair| {
        let association = &mut pair.sides[0].association;
        let message = || message.clone().into();
        while association.send(pair.now, id, message()).is_ok() {}
        pair.drain();
        pair.now >= end
    });
}

/// For how long nothing arrives once the path is back, whether or not that is said.
fn recovery(round_trip: Duration, outage: Duration, says: bool) -> Duration {
    let conditions = Conditions {
        delay: round_trip / 2,
        rate: 200e6,
        ..Default::default()
    };
    let mut pair = Pair::connected(Config::default(), conditions, 1);
    let id = pair.open(0, "bulk", ChannelOptions::default());
    let message = pattern(16_000, 0);
    let down = Rc::new(Cell::new(false));
    let is_down = down.clone();
    pair.filter = Some(Box::new(move |_, _| !is_down.get()));
    fill(&mut pair, id, &message, Duration::from_millis(500));
    down.set(true);
    fill(&mut pair, id, &message, outage);
    down.set(false);
    let (back, before) = (pair.now, pair.sides[1].received.len());
    if says {
        pair.sides[0].association.path_restored(back);
        pair.sides[1].association.path_restored(back);
    }
    while pair.sides[1].received.len() == before {
        fill(&mut pair, id, &message, round_trip / 4);
        assert!(pair.now < back + Duration::from_secs(10), "it stands still");
    }
    pair.now - back
}

fn data_goes_on_as_soon_as_the_path_is_back() {
    for round_trip in [1, 10, 50].map(Duration::from_millis) {
        for outage in [300, 1_000, 2_500, 6_000].map(Duration::from_millis) {
            let [slow, fast] = [false, true].map(|says| recovery(round_trip, outage, says));
            println!("{round_trip:?} {outage:?}: {slow:?} by the timer, {fast:?}");
            assert!(
                fast <= round_trip * 8,
                "{round_trip:?} {outage:?}: {fast:?}"
            );
            assert!(
                slow <= Config::default().rto_max + round_trip * 8,
                "{slow:?}"
            );
        }
    }
}

fn a_path_that_is_back_when_the_repair_is_under_way_changes_nothing() {
    let conditions = Conditions {
        delay: Duration::from_millis(25),
        rate: 200e6,
        ..Default::default()
    };
    let ends = [false, true].map(|says| {
        let mut pair = Pair::connected(Config::default(), conditions.clone(), 2);
        let id = pair.open(0, "bulk", ChannelOptions::default());
        let message = pattern(16_000, 0);
        fill(&mut pair, id, &message, Duration::from_millis(500));
        pair.conditions.loss = 1.0;
        fill(&mut pair, id, &message, Duration::from_secs(2));
        pair.conditions.loss = 0.0;
        let before = pair.sides[0].association.stats();
        assert!(before.timeouts > 0, "{before:?}");
        // The timer rings, and the first of what was lost is acknowledged.
        assert!(pair.run_until(Duration::from_secs(4), |pair| {
            let stats = pair.sides[0].association.stats();
            stats.in_flight_chunks < before.in_flight_chunks
        }));
        if says {
            let now = pair.now;
            pair.sides[0].association.path_restored(now);
        }
        pair.run_for(Duration::from_secs(4));
        let stats = pair.sides[0].association.stats();
        assert_eq!(stats.in_flight_bytes, 0);
        (stats.timeouts, stats.retransmitted_chunks, pair.sent)
    });
    assert_eq!(ends[0], ends[1]);
}

crate::sctp::testing::on_both_engines! {
    data_goes_on_as_soon_as_the_path_is_back,
    a_path_that_is_back_when_the_repair_is_under_way_changes_nothing,
}
