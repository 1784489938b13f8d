use super::*;
use crate::sctp::channels::{Channel, Channels};
use crate::sctp::config::ChannelOptions;

/// Serves channels that always have a message of their size, and counts bytes.
fn serve(channels: &[(usize, Priority)], rounds: usize) -> Vec<usize> {
    let mut table = Channels::default();
    let ids: Vec<_> = channels
        .iter()
        .map(|_| {
            table
                .insert(Channel::new(String::new(), ChannelOptions::default(), None))
                .unwrap()
        })
        .collect();
    let mut turns = vec![Turn::default(); channels.len()];
    let mut sent = vec![0; channels.len()];
    let mut scheduler = Scheduler::default();
    for (index, &id) in ids.iter().enumerate() {
        scheduler.add(id, &mut turns[index]);
        scheduler.add(id, &mut turns[index]);
    }
    for _ in 0..rounds {
        let id = scheduler.next().unwrap();
        let index = ids.iter().position(|&other| other == id).unwrap();
        let (size, priority) = channels[index];
        sent[index] += size;
        scheduler.taken(&mut turns[index], Some(size), priority);
        scheduler.add(id, &mut turns[index]);
    }
    sent
}

#[test]
fn channels_share_by_bytes_whatever_their_messages() {
    let sent = serve(&[(1_000, Priority::Low), (50_000, Priority::Low)], 10_000);
    let ratio = sent[0] as f64 / sent[1] as f64;
    assert!((0.95..1.05).contains(&ratio), "{sent:?}");
}

#[test]
fn each_priority_gets_twice_the_bytes_of_the_one_below() {
    use Priority::{High, Low, Medium, VeryLow};
    let sent = serve(
        &[
            (5_000, VeryLow),
            (5_000, Low),
            (5_000, Medium),
            (5_000, High),
        ],
        15_000,
    );
    for pair in sent.windows(2) {
        let ratio = pair[1] as f64 / pair[0] as f64;
        assert!((1.9..2.1).contains(&ratio), "{sent:?}");
    }
}

#[test]
fn one_that_was_idle_goes_first_but_saves_up_nothing() {
    let mut table = Channels::default();
    let mut id = || {
        table
            .insert(Channel::new(String::new(), ChannelOptions::default(), None))
            .unwrap()
    };
    let (bulk, idle) = (id(), id());
    let (mut bulk_turn, mut idle_turn) = (Turn::default(), Turn::default());
    let mut scheduler = Scheduler::default();
    scheduler.add(bulk, &mut bulk_turn);
    for _ in 0..100 {
        assert_eq!(scheduler.next(), Some(bulk));
        scheduler.taken(&mut bulk_turn, Some(10_000), Priority::Low);
        scheduler.add(bulk, &mut bulk_turn);
    }
    scheduler.add(idle, &mut idle_turn);
    assert_eq!(scheduler.next(), Some(idle));
    scheduler.taken(&mut idle_turn, Some(20_000), Priority::Low);
    scheduler.add(idle, &mut idle_turn);
    assert_eq!(scheduler.next(), Some(bulk));
}
