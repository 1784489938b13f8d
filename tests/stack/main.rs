//! Two whole stacks of machines on virtual time, over a seeded lossy network.

#[path = "../harness/simulation/mod.rs"]
mod harness;
mod peer;
mod wire;

use std::time::Instant;

use harness::link::Link;
use harness::nat::{Nat, NatKind};
use harness::{ms, secs};

use actix_rtc_proto::sctp::{ChannelId, ChannelOptions, Event, Message};
use wire::Wire;

/// Of each side; a datagram crosses two of them.
fn lossy() -> Link {
    Link {
        jitter: ms(5),
        duplicate: 0.025,
        ..Link::with_delay(ms(12)).with_loss(0.05)
    }
}

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
    let connected = wire.run(secs(60), |wire| {
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
        let mut wire = Wire::new(epoch, lossy(), seed);
        let (ours, theirs) = connect(&mut wire, ChannelOptions::default());
        let messages: Vec<Message> = (0..40u32)
            .map(|i| Message::binary(vec![i as u8; (i as usize * 997) % 30_000]))
            .collect();
        for message in &messages {
            let now = wire.now;
            wire.peers[0].sctp.send(now, ours, message.clone()).unwrap();
        }
        let mut arrived = Vec::new();
        let complete = wire.run(secs(120), |wire| {
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
        let mut wire = Wire::new(epoch, lossy(), seed);
        let options = ChannelOptions::default().ordered(false).max_retransmits(0);
        let (ours, theirs) = connect(&mut wire, options);
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..100u32 {
            let now = wire.now;
            let message = Message::binary(number.to_be_bytes().to_vec());
            wire.peers[0].sctp.send(now, ours, message).unwrap();
            wire.run(ms(20), |_| false);
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

#[test]
fn a_channel_survives_a_translator_that_forgets_its_mappings() {
    for kind in [NatKind::PortRestricted, NatKind::Symmetric] {
        let nat = Nat::new(harness::addr("203.0.113.1:0").ip(), kind);
        let (mut wire, lan) = Wire::translated(Instant::now(), lossy(), 7, nat);
        let (ours, theirs) = connect(&mut wire, ChannelOptions::default());
        let mut arrived = 0;
        for number in 0..100u32 {
            let now = wire.now;
            let message = Message::binary(number.to_be_bytes().to_vec());
            wire.peers[0].sctp.send(now, ours, message).unwrap();
            if number % 40 == 20 {
                wire.net.nat(lan).rebind();
            }
            wire.run(ms(100), |wire| {
                let now = wire.now;
                while let Some(message) = wire.peers[1].sctp.recv(now, theirs) {
                    assert_eq!(message.as_bytes(), &u32::to_be_bytes(arrived)[..]);
                    arrived += 1;
                }
                false
            });
        }
        assert!(arrived >= 95, "{kind:?}: {arrived} of 100 within 10 s");
    }
}
