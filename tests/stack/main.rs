//! Two whole stacks of machines on virtual time, over a seeded lossy network.

mod peer;
mod wire;

use std::time::{Duration, Instant};

use actix_rtc_proto::sctp::{ChannelId, ChannelOptions, Event, Message};
use wire::{Quality, Wire};

const LOSSY: Quality = Quality {
    delay: Duration::from_millis(25),
    jitter: Duration::from_millis(10),
    loss: 0.1,
    duplicate: 0.05,
};

/// How many seeds a run takes: `RTC_SEEDS` for more.
fn seeds() -> u64 {
    std::env::var("RTC_SEEDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(20)
}

fn incoming(events: &[Event]) -> Option<ChannelId> {
    events.iter().find_map(|event| match event {
        Event::ChannelIncoming(id) => Some(*id),
        _ => None,
    })
}

/// Opens a channel from the first to the second side.
fn connect(wire: &mut Wire, options: ChannelOptions) -> (ChannelId, ChannelId) {
    let now = wire.now;
    let ours = wire.peers[0]
        .sctp
        .open(now, "stack".into(), options)
        .unwrap();
    let mut theirs = None;
    let connected = wire.run(Duration::from_secs(60), |wire| {
        theirs = theirs.or(incoming(&wire.peers[1].events));
        theirs.is_some() && wire.peers[0].events.contains(&Event::ChannelOpen(ours))
    });
    assert!(
        connected,
        "not connected after 60 s; {:?}",
        wire.peers[0].ice.stats()
    );
    (ours, theirs.unwrap())
}

#[test]
fn a_reliable_channel_loses_nothing_over_a_lossy_network() {
    let epoch = Instant::now();
    for seed in 0..seeds() {
        println!("seed {seed}");
        let mut wire = Wire::new(epoch, LOSSY, seed);
        let (ours, theirs) = connect(&mut wire, ChannelOptions::default());
        let messages: Vec<Message> = (0..40u32)
            .map(|i| Message::binary(vec![i as u8; (i as usize * 997) % 30_000]))
            .collect();
        for message in &messages {
            let now = wire.now;
            wire.peers[0].sctp.send(now, ours, message.clone()).unwrap();
        }
        let mut arrived = Vec::new();
        let complete = wire.run(Duration::from_secs(120), |wire| {
            let now = wire.now;
            while let Some(message) = wire.peers[1].sctp.recv(now, theirs) {
                arrived.push(message);
            }
            arrived.len() == messages.len()
        });
        assert!(
            complete,
            "seed {seed}: {} of {} arrived",
            arrived.len(),
            messages.len()
        );
        assert_eq!(arrived, messages, "seed {seed}");
    }
}

#[test]
fn an_unreliable_channel_delivers_what_arrives_and_nothing_twice() {
    let epoch = Instant::now();
    let (mut sent, mut got) = (0, 0);
    for seed in 0..seeds() {
        let mut wire = Wire::new(epoch, LOSSY, seed);
        let options = ChannelOptions {
            ordered: false,
            max_retransmits: Some(0),
            ..ChannelOptions::default()
        };
        let (ours, theirs) = connect(&mut wire, options);
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..100u32 {
            let now = wire.now;
            let message = Message::binary(number.to_be_bytes().to_vec());
            wire.peers[0].sctp.send(now, ours, message).unwrap();
            wire.run(Duration::from_millis(20), |_| false);
            let now = wire.now;
            while let Some(message) = wire.peers[1].sctp.recv(now, theirs) {
                assert!(
                    seen.insert(message.as_bytes().to_vec()),
                    "seed {seed}: twice"
                );
            }
        }
        sent += 100;
        got += seen.len();
    }
    println!("{got} of {sent} messages arrived without retransmission");
    assert!(
        got * 100 > sent * 60,
        "{got} of {sent}: more is lost than the network loses"
    );
    assert!(
        got < sent,
        "the network loses some, and nothing is sent again"
    );
}
