use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::super::super::{
    ChannelError, ChannelId, ChannelOptions, ChannelState, Config, Event, Message, OpenError,
    Priority, SendError,
};
use crate::sctp::testing::{Conditions, Pair, pattern};
use crate::sctp::wire::packet::{Chunks, kind};

const SECOND: Duration = Duration::from_secs(1);

fn close(pair: &mut Pair, side: usize, id: ChannelId) {
    let now = pair.now;
    pair.sides[side].association.close_channel(now, id);
    pair.drain();
}

fn is_closed(pair: &Pair, side: usize, id: ChannelId) -> bool {
    pair.has(side, Event::ChannelClosed(id, None))
}

fn the_peer_sees_what_the_channel_was_opened_with() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 1);
    let options = ChannelOptions {
        ordered: false,
        max_retransmits: Some(7),
        protocol: "p".repeat(65_535),
        priority: Priority::High,
        ..Default::default()
    };
    let label = "l".repeat(65_535);
    let id = pair.open(1, &label, options);
    pair.run_for(5 * SECOND);
    let theirs = pair.incoming(0)[0];
    let info = pair.sides[0].association.channel(theirs).unwrap();
    assert_eq!((info.label.len(), info.protocol.len()), (65_535, 65_535));
    assert!(!info.ordered && info.incoming && !info.negotiated);
    assert_eq!(info.max_retransmits, Some(7));
    assert_eq!(info.priority, Priority::High);
    assert_eq!(info.stream_id, Some(1));
    let events = &pair.sides[0].events;
    assert!(events.ends_with(&[Event::ChannelIncoming(theirs), Event::ChannelOpen(theirs)]));
    assert_eq!(
        pair.sides[1].association.channel(id).unwrap().state,
        ChannelState::Open
    );
}

fn closing_a_channel_drains_it_and_closes_it_on_both_sides() {
    for loss in [0.0, 0.2] {
        let conditions = Conditions {
            loss,
            ..Default::default()
        };
        let mut pair = Pair::connected(Config::default(), conditions, 2);
        let id = pair.open(0, "x", ChannelOptions::default());
        for index in 0..20 {
            pair.send(0, id, pattern(2_000, index)).unwrap();
        }
        close(&mut pair, 0, id);
        assert_eq!(pair.send(0, id, "too late"), Err(SendError::Closed));
        assert!(
            pair.run_until(60 * SECOND, |pair| is_closed(pair, 0, id)),
            "loss {loss}"
        );
        let theirs = pair.incoming(1)[0];
        assert!(pair.run_until(60 * SECOND, |pair| is_closed(pair, 1, theirs)));
        assert_eq!(pair.sides[1].received.len(), 20);
        assert!(pair.has(1, Event::ChannelClosing(theirs)));
        for side in 0..2 {
            assert_eq!(pair.sides[side].association.stats().channels, 0);
        }
    }
}

fn both_sides_close_at_once() {
    for seed in 0..20 {
        let conditions = Conditions {
            loss: 0.2,
            ..Default::default()
        };
        let mut pair = Pair::connected(Config::default(), conditions, seed);
        let id = pair.open(0, "x", ChannelOptions::default());
        assert!(pair.run_until(20 * SECOND, |pair| pair.has(0, Event::ChannelOpen(id))));
        let theirs = pair.incoming(1)[0];
        close(&mut pair, 0, id);
        close(&mut pair, 1, theirs);
        assert!(pair.run_until(60 * SECOND, |pair| {
            is_closed(pair, 0, id) && is_closed(pair, 1, theirs)
        }));
    }
}

fn a_negotiated_channel_that_was_never_used_is_closed_too() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 3);
    let options = ChannelOptions {
        negotiated: Some(7),
        ..Default::default()
    };
    let ours = pair.open(0, "n", options.clone());
    let theirs = pair.open(1, "n", options);
    pair.run_for(SECOND);
    close(&mut pair, 0, ours);
    pair.run_for(3 * SECOND);
    assert!(is_closed(&pair, 0, ours) && is_closed(&pair, 1, theirs));
}

fn an_identifier_is_used_again_after_both_directions_are_reset() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 4);
    let options = ChannelOptions {
        negotiated: Some(8),
        ..Default::default()
    };
    for round in 0..5 {
        let ours = pair.open(0, "n", options.clone());
        let theirs = pair.open(1, "n", options.clone());
        pair.send(0, ours, format!("a{round}").as_str()).unwrap();
        pair.send(1, theirs, format!("b{round}").as_str()).unwrap();
        pair.run_for(SECOND);
        assert_eq!(
            pair.sides[1].received.last(),
            Some(&(theirs, Message::text(format!("a{round}"))))
        );
        assert_eq!(
            pair.sides[0].received.last(),
            Some(&(ours, Message::text(format!("b{round}"))))
        );
        close(
            &mut pair,
            round % 2,
            if round % 2 == 0 { ours } else { theirs },
        );
        pair.run_for(SECOND);
        assert!(is_closed(&pair, 0, ours) && is_closed(&pair, 1, theirs));
    }
}

/// RFC 8831 §6.7, RFC 8832 §6: one direction is not enough.
fn an_identifier_is_taken_until_both_directions_are_reset() {
    for closed_by in 0..2 {
        let mut pair = Pair::new(Config::default(), Conditions::default(), 4);
        pair.mend = Some(Box::new(|packet| {
            // Two streams of each side.
            let init = matches!(packet.get(12), Some(&(kind::INIT | kind::INIT_ACK)));
            let field = packet.get_mut(26..28).filter(|_| init)?;
            field.copy_from_slice(&[0, 4]);
            Some(())
        }));
        pair.connect();
        let options = ChannelOptions {
            negotiated: Some(0),
            ..Default::default()
        };
        let plain = ChannelOptions::default;
        let ours = pair.open(0, "n", options.clone());
        let theirs = pair.open(1, "n", options.clone());
        pair.open(0, "two", plain());
        pair.run_for(SECOND);
        // The other side answers, but its own request to reset does not arrive.
        pair.filter = Some(Box::new(move |from, packet| {
            let request = Chunks::of(packet)
                .any(|chunk| chunk.kind == kind::RECONFIG && chunk.value[1] == 13);
            from == closed_by || !request
        }));
        close(
            &mut pair,
            closed_by,
            if closed_by == 0 { ours } else { theirs },
        );
        for _ in 0..5 {
            pair.run_for(SECOND);
            let now = pair.now;
            let side = &mut pair.sides[closed_by].association;
            let taken = side.open(now, String::new(), options.clone());
            assert_eq!(taken, Err(OpenError::IdTaken(0)));
            // Of our two, the other one is in use.
            if closed_by == 0 {
                let exhausted = side.open(now, String::new(), plain());
                assert_eq!(exhausted, Err(OpenError::IdsExhausted));
            }
        }
        assert!(!is_closed(&pair, 0, ours) || !is_closed(&pair, 1, theirs));
        pair.filter = None;
        pair.run_for(10 * SECOND);
        let closed = [is_closed(&pair, 0, ours), is_closed(&pair, 1, theirs)];
        assert_eq!(closed, [true; 2], "closed by {closed_by}");
        let ours = pair.open(0, "n", options.clone());
        pair.open(1, "n", options);
        pair.send(0, ours, "again").unwrap();
        pair.run_for(SECOND);
        let last = pair.sides[1].received.last().map(|(_, message)| message);
        assert_eq!(last, Some(&Message::text("again")));
    }
}

fn an_identifier_whose_reset_the_peer_denies_is_never_used_again() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 4);
    let id = pair.open(0, "x", ChannelOptions::default());
    pair.run_for(SECOND);
    let request: Rc<RefCell<Option<Bytes>>> = Rc::default();
    let seen = request.clone();
    pair.filter = Some(Box::new(move |_, packet| {
        let reset = packet[12] == kind::RECONFIG;
        if reset {
            *seen.borrow_mut() = Some(packet.clone());
        }
        !reset
    }));
    close(&mut pair, 0, id);
    pair.run_for(SECOND);
    let number = request.borrow().as_ref().unwrap()[20..24].to_vec();
    // RFC 6525 §4.4: 2 is "denied".
    let value = [&[0, 16, 0, 12], &number[..], &[0, 0, 0, 2]].concat();
    let denied = pair.forge(1, kind::RECONFIG, &value);
    let now = pair.now;
    pair.sides[0].association.handle_packet(now, denied);
    pair.drain();
    let failed = Some(ChannelError::ResetFailed);
    assert!(pair.has(0, Event::ChannelClosed(id, failed)));
    let negotiated = ChannelOptions {
        negotiated: Some(0),
        ..Default::default()
    };
    let taken = pair.sides[0]
        .association
        .open(now, String::new(), negotiated);
    assert_eq!(taken, Err(OpenError::IdTaken(0)));
    pair.filter = None;
    // 32,767 identifiers are left, one after the other.
    for _ in 0..32_767 {
        let side = &mut pair.sides[0].association;
        let id = side
            .open(now, String::new(), ChannelOptions::default())
            .unwrap();
        assert_ne!(side.channel(id).unwrap().stream_id, Some(0));
        side.channels.remove(id);
    }
    let next = pair.open(0, "next", ChannelOptions::default());
    let info = pair.sides[0].association.channel(next).unwrap();
    assert_eq!(info.stream_id, Some(2));
}

fn messages_before_the_negotiated_channel_exists_wait_for_it() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 5);
    let options = ChannelOptions {
        negotiated: Some(9),
        ..Default::default()
    };
    let ours = pair.open(0, "n", options.clone());
    for index in 0..100u8 {
        pair.send(0, ours, vec![index]).unwrap();
    }
    pair.run_for(SECOND);
    let theirs = pair.open(1, "n", options);
    pair.run_for(SECOND);
    // As many as may wait; the others were dropped and counted.
    let received: Vec<_> = pair.sides[1]
        .received
        .iter()
        .map(|(_, m)| m.as_bytes()[0])
        .collect();
    assert_eq!(received, (0..64).collect::<Vec<u8>>());
    assert_eq!(
        pair.sides[1].association.stats().counters.orphaned_messages,
        36
    );
    assert_eq!(pair.sides[1].association.stats().unread, 0);
    pair.send(0, ours, "now").unwrap();
    pair.run_for(SECOND);
    assert_eq!(
        pair.sides[1].received.last(),
        Some(&(theirs, Message::text("now")))
    );
}

fn channels_beyond_the_limit_are_refused_by_a_reset() {
    let configs = [
        Config::default(),
        Config {
            max_channels: 2,
            ..Default::default()
        },
    ];
    let mut pair = Pair::with(configs, Conditions::default(), 6);
    pair.connect();
    let ids: Vec<_> = (0..4)
        .map(|_| pair.open(0, "x", ChannelOptions::default()))
        .collect();
    pair.run_for(3 * SECOND);
    assert_eq!(pair.incoming(1).len(), 2);
    assert!(ids[2..].iter().all(|&id| is_closed(&pair, 0, id)));
    assert_eq!(
        pair.sides[1].association.stats().counters.channels_refused,
        2
    );
    pair.send(0, ids[1], "fine").unwrap();
    pair.run_for(SECOND);
    assert_eq!(pair.sides[1].received.len(), 1);
}

fn closing_while_the_peer_floods_keeps_the_association() {
    let conditions = Conditions {
        rate: 50e6,
        ..Default::default()
    };
    let mut pair = Pair::connected(Config::default(), conditions, 7);
    let flood = pair.open(0, "flood", ChannelOptions::default());
    let other = pair.open(0, "other", ChannelOptions::default());
    pair.run_for(SECOND);
    pair.sides[1].reads = false;
    let chunk = pattern(60_000, 0);
    pair.run_until(2 * SECOND, |pair| {
        while pair.sides[0]
            .association
            .send(pair.now, flood, chunk.clone().into())
            .is_ok()
        {}
        false
    });
    // The window is closed by what nobody reads.
    assert!(pair.sides[1].association.stats().unread > 1_000_000);
    let theirs = pair.incoming(1)[0];
    close(&mut pair, 1, theirs);
    assert!(pair.run_until(20 * SECOND, |pair| {
        is_closed(pair, 1, theirs) && is_closed(pair, 0, flood)
    }));
    pair.sides[1].reads = true;
    pair.send(0, other, "still here").unwrap();
    pair.run_for(SECOND);
    assert_eq!(pair.sides[1].received.len(), 1);
}

fn closing_a_channel_that_nobody_reads_lets_in_what_waits_on_the_others() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 7);
    let unread = pair.open(0, "unread", ChannelOptions::default());
    let read = pair.open(0, "read", ChannelOptions::default());
    pair.run_for(SECOND);
    pair.sides[1].reads = false;
    let chunk = pattern(2_000, 0);
    let small = Message::from(vec![1; 10]);
    let (mut sent, window) = (0, Config::default().window() as usize);
    for _ in 0..3_000 {
        pair.run_for(Duration::from_millis(1));
        // What is under way then arrives when there is no room.
        let full = pair.sides[1].association.stats().unread >= window;
        let association = &mut pair.sides[0].association;
        while association
            .send(pair.now, unread, chunk.clone().into())
            .is_ok()
        {}
        if !full && association.buffered_amount(read) == 0 {
            association.send(pair.now, read, small.clone()).unwrap();
            sent += 1;
        }
    }
    assert_eq!(pair.sides[0].association.buffered_amount(read), 0);
    // And one that there is no window for, if none was under way.
    pair.send(0, read, small.clone()).unwrap();
    sent += 1;
    pair.run_for(SECOND);
    let [theirs_unread, theirs_read] = pair.incoming(1)[..] else {
        panic!("two channels")
    };
    let receive = |pair: &mut Pair| {
        let association = &mut pair.sides[1].association;
        std::iter::from_fn(|| association.recv(pair.now, theirs_read)).count()
    };
    let arrived = |pair: &Pair| {
        let channel = pair.sides[1].association.channel(theirs_read);
        channel.map_or(0, |channel| channel.messages_received)
    };
    assert!(arrived(&pair) < sent, "the window was not closed");
    close(&mut pair, 1, theirs_unread);
    pair.run_for(5 * SECOND);
    assert_eq!(receive(&mut pair) as u64, sent);
    // The peer goes on, too.
    assert!(is_closed(&pair, 0, unread));
}

fn a_channel_that_is_read_goes_on_beside_one_that_holds_most_of_the_window() {
    let mut pair = Pair::connected(Config::default(), Conditions::default(), 7);
    let unread = pair.open(0, "unread", ChannelOptions::default());
    let read = pair.open(0, "read", ChannelOptions::default());
    pair.run_for(SECOND);
    pair.sides[1].reads = false;
    let (size, window) = (16_000, Config::default().window() as usize);
    let count = window * 3 / 4 / size;
    for id in [unread, read] {
        let mut left = count;
        pair.run_until(5 * SECOND, |pair| {
            let association = &mut pair.sides[0].association;
            while left > 0 && association.send(pair.now, id, vec![0; size].into()).is_ok() {
                left -= 1;
            }
            left == 0 && association.buffered_amount(id) == 0
        });
    }
    let theirs = pair.incoming(1)[1];
    let mut received = 0;
    pair.run_until(5 * SECOND, |pair| {
        let association = &mut pair.sides[1].association;
        received += std::iter::from_fn(|| association.recv(pair.now, theirs)).count();
        received == count
    });
    assert_eq!(received, count);
}

crate::sctp::testing::on_both_engines! {
    the_peer_sees_what_the_channel_was_opened_with,
    closing_a_channel_drains_it_and_closes_it_on_both_sides,
    both_sides_close_at_once,
    a_negotiated_channel_that_was_never_used_is_closed_too,
    an_identifier_is_used_again_after_both_directions_are_reset,
    an_identifier_is_taken_until_both_directions_are_reset,
    an_identifier_whose_reset_the_peer_denies_is_never_used_again,
    messages_before_the_negotiated_channel_exists_wait_for_it,
    channels_beyond_the_limit_are_refused_by_a_reset,
    closing_while_the_peer_floods_keeps_the_association,
    closing_a_channel_that_nobody_reads_lets_in_what_waits_on_the_others,
    a_channel_that_is_read_goes_on_beside_one_that_holds_most_of_the_window,
}
