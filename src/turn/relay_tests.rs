use super::test_server::*;
use super::*;
use crate::turn::attribute::*;
use crate::turn::{MAX_HELD, MAX_PEERS};

const OTHER: &str = "203.0.113.6:7000";

fn received(peer: &str, data: &'static [u8]) -> Event {
    Event::Received {
        peer: at(peer),
        data: Bytes::from_static(data),
    }
}

/// What went to peers: to whom, what, and whether on a channel.
fn relayed(rig: &mut Rig) -> Vec<(SocketAddr, Vec<u8>, bool)> {
    std::mem::take(&mut rig.server.relayed)
}

/// Peers do not answer here, and that is no reason to ask the server.
fn untroubled_by_silence() -> Rig {
    let config = Config {
        silence: Duration::ZERO,
        ..Config::default()
    };
    Rig::allocated_over(Framing::Datagrams, config)
}

#[test]
fn scenario_16_a_silence_makes_us_ask_whether_we_are_known() {
    let mut rig = Rig::allocated();
    // The answers to what this brings about show that the server knows us.
    rig.send(PEER, b"\x16data").unwrap();
    rig.server.requests.clear();
    rig.send(PEER, b"\x16data").unwrap();
    rig.pass(Duration::from_millis(4_999));
    assert_eq!(rig.server.requests, [0; 0]);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.server.requests, [REFRESH]);
    // Once: nothing was sent since.
    rig.pass(secs(60));
    assert_eq!(rig.server.requests, [REFRESH]);
    // A peer that is heard is no reason.
    rig.send(PEER, b"\x16data").unwrap();
    rig.pass(secs(3));
    rig.inject(channel_data(0x4000, b"here"));
    rig.pass(secs(60));
    assert_eq!(rig.server.requests, [REFRESH]);
    // A server that was restarted says so.
    rig.server.allocated = false;
    rig.send(PEER, b"\x16data").unwrap();
    rig.pass(secs(5));
    assert_eq!(rig.failure().unwrap().code(), 437);
}

#[test]
fn scenario_16_the_first_datagram_asks_for_permission_and_waits_for_it() {
    let mut rig = Rig::allocated();
    // A STUN message: no reason for a channel.
    rig.send(PEER, b"\x00check").unwrap();
    assert_eq!(rig.server.requests, [CREATE_PERMISSION]);
    assert_eq!(
        rig.events,
        [Event::Permitted {
            peer: at(PEER).ip()
        }]
    );
    assert_eq!(
        relayed(&mut rig),
        [(at(PEER), b"\x00check".to_vec(), false)]
    );
    // The same host on another port needs none.
    rig.send("203.0.113.5:7001", b"\x01").unwrap();
    assert_eq!(rig.server.requests.len(), 1);
    rig.inject(data_indication("203.0.113.5:9", b"hello"));
    assert_eq!(rig.events[1], received("203.0.113.5:9", b"hello"));
}

#[test]
fn scenario_16_the_first_data_binds_a_channel_for_both_ways() {
    for framing in [Framing::Datagrams, Framing::Stream] {
        let mut rig = Rig::allocated_over(framing, Config::default());
        for data in [
            &b"\x16one"[..],
            b"\x16two",
            b"\x80",
            b"",
            b"\x00check",
            &[0x17; 1200],
        ] {
            rig.send(PEER, data).unwrap();
        }
        assert_eq!(rig.server.requests, [CREATE_PERMISSION, CHANNEL_BIND]);
        let sent = relayed(&mut rig);
        let channels: Vec<_> = sent.iter().map(|(_, _, channel)| *channel).collect();
        assert_eq!(channels, [false, true, true, true, true, true]);
        let lengths: Vec<_> = sent.iter().map(|(_, data, _)| data.len()).collect();
        assert_eq!(lengths, [4, 4, 1, 0, 6, 1200], "padding is not data");
        assert!(rig.events.contains(&Event::ChannelBound { peer: at(PEER) }));
        rig.events.clear();
        rig.inject(channel_data(0x4000, b"hello"));
        // A server may go on using indications.
        rig.inject(data_indication(PEER, b"again"));
        assert_eq!(
            rig.events,
            [received(PEER, b"hello"), received(PEER, b"again")]
        );
        let counters = rig.client.counters();
        assert_eq!(
            (counters.indications_sent, counters.channel_data_sent),
            (1, 5)
        );
        assert_eq!((counters.bytes_sent, counters.bytes_received), (1215, 10));
    }
}

#[test]
fn a_batch_on_a_channel_leaves_as_one_segmented_send() {
    let mut rig = Rig::allocated();
    rig.client.bind(rig.now, at(PEER)).unwrap();
    rig.exchange();
    let batch = Segments::new(vec![0x17; 10 * 1200 + 100].into(), 1200);
    rig.client.send_segments(rig.now, at(PEER), &batch).unwrap();
    let sent = rig.client.poll_transmit(rig.now).unwrap();
    assert_eq!((sent.count(), sent.segment_size()), (11, 1204));
    assert_eq!(rig.client.poll_transmit(rig.now), None);
    // And GRO's batches come in as they are.
    let back = Segments::new(sent.contents().clone(), 1204);
    rig.client.handle_segments(rig.now, at(SERVER), &back);
    rig.exchange();
    let data = |event: &Event| matches!(event, Event::Received { data, .. } if data.len() == 1200);
    assert_eq!(rig.events.iter().filter(|e| data(e)).count(), 10);
}

#[test]
fn channels_can_be_turned_off_and_can_be_refused() {
    let config = Config {
        channels: false,
        ..Config::default()
    };
    let mut rig = Rig::allocated_over(Framing::Datagrams, config);
    rig.send(PEER, b"\x16data").unwrap();
    assert_eq!(rig.server.requests, [CREATE_PERMISSION]);

    let mut rig = Rig::allocated();
    rig.server.fault(CHANNEL_BIND, Fault::Error(508));
    for _ in 0..3 {
        rig.send(PEER, b"\x16data").unwrap();
    }
    assert_eq!(rig.server.requests, [CREATE_PERMISSION, CHANNEL_BIND]);
    assert_eq!(rig.server.relayed.len(), 3);
    assert_eq!(rig.client.counters().channels_refused, 1);
    // Later it is tried again.
    rig.pass(secs(61));
    rig.send(PEER, b"\x16data").unwrap();
    rig.send(PEER, b"\x16data").unwrap();
    assert!(rig.server.relayed.last().unwrap().2);
}

#[test]
fn scenario_16_a_peer_that_is_refused_is_an_event_and_no_other_peers_concern() {
    let mut rig = Rig::allocated();
    rig.server.fault(CREATE_PERMISSION, Fault::Error(403));
    rig.send(PEER, b"\x00a").unwrap();
    let refused = |event: &Event| match event {
        Event::PeerRefused { peer, failure } => Some((*peer, failure.code())),
        _ => None,
    };
    assert_eq!(
        rig.events.iter().find_map(refused),
        Some((at(PEER).ip(), 403))
    );
    assert_eq!(rig.client.counters().held_dropped, 1);
    assert_eq!(rig.send(PEER, b"\x00a"), Err(SendError::Refused));
    rig.send(OTHER, b"\x00b").unwrap();
    assert_eq!(relayed(&mut rig), [(at(OTHER), b"\x00b".to_vec(), false)]);
    // After a while it may be asked for again.
    rig.pass(secs(61));
    rig.send(PEER, b"\x00a").unwrap();
    assert_eq!(relayed(&mut rig).len(), 1);
}

#[test]
fn what_waits_for_a_permission_is_bounded() {
    let mut rig = Rig::allocated();
    rig.cut = true;
    for _ in 0..MAX_HELD {
        rig.send(PEER, b"\x00").unwrap();
    }
    assert_eq!(rig.send(PEER, b"\x00"), Err(SendError::WouldBlock));
    rig.cut = false;
    rig.pass(secs(1));
    assert_eq!(relayed(&mut rig).len(), MAX_HELD);
    rig.cut = true;
    rig.send(OTHER, b"\x00").unwrap();
    rig.pass(secs(11));
    assert_eq!(rig.client.counters().held_dropped, 1);
    let timeout = Event::PeerRefused {
        peer: at(OTHER).ip(),
        failure: Failure::Timeout,
    };
    assert!(rig.events.contains(&timeout));
}

#[test]
fn scenario_16_permissions_and_channels_in_use_are_renewed() {
    let mut rig = untroubled_by_silence();
    rig.send(PEER, b"\x16data").unwrap();
    rig.send(OTHER, b"\x00check").unwrap();
    rig.server.requests.clear();
    for _ in 0..130 {
        rig.pass(secs(5));
        rig.send(PEER, b"\x17data").unwrap();
    }
    let count = |method| rig.server.requests.iter().filter(|m| **m == method).count();
    // In 650 s: the permission of PEER at 240 and 480 s, its channel (and with it the permission)
    // at 540 s; that of OTHER at 240 s, and not again, for nobody used it.
    assert_eq!(
        (
            count(CREATE_PERMISSION),
            count(CHANNEL_BIND),
            count(REFRESH)
        ),
        (3, 1, 1)
    );
    assert_eq!(rig.client.counters().indications_sent, 2);
    rig.inject(data_indication(OTHER, b"late"));
    assert_eq!(rig.client.counters().not_permitted, 1);
}

#[test]
fn a_renewal_that_fails_is_tried_again_before_it_expires() {
    let mut rig = Rig::allocated();
    rig.send(PEER, b"\x16data").unwrap();
    rig.events.clear();
    rig.server.fault(CREATE_PERMISSION, Fault::Error(500));
    rig.server.fault(CHANNEL_BIND, Fault::Error(500));
    for _ in 0..120 {
        rig.pass(secs(5));
        rig.send(PEER, b"\x17data").unwrap();
    }
    let refused = |event: &&Event| matches!(event, Event::PeerRefused { .. });
    assert_eq!(rig.events.iter().filter(refused).count(), 0);
    assert_eq!(
        rig.client.counters().indications_sent,
        1,
        "the channel was never lost"
    );
}

#[test]
fn an_idle_channel_expires_and_is_bound_again_with_its_number() {
    let mut rig = Rig::allocated();
    rig.send(PEER, b"\x16data").unwrap();
    rig.pass(secs(700));
    rig.inject(channel_data(0x4000, b"late"));
    assert_eq!(rig.client.counters().not_permitted, 1);
    rig.server.channels.clear();
    rig.send(PEER, b"\x16data").unwrap();
    rig.send(PEER, b"\x16data").unwrap();
    assert_eq!(
        rig.server.channels.keys().copied().collect::<Vec<_>>(),
        [0x4000]
    );
    assert!(relayed(&mut rig).last().unwrap().2);
}

#[test]
fn a_permission_that_is_used_late_is_renewed_late() {
    let mut rig = untroubled_by_silence();
    rig.send(PEER, b"\x16data").unwrap();
    rig.pass(secs(250));
    rig.send(PEER, b"\x16data").unwrap();
    rig.server.requests.clear();
    rig.pass(secs(20));
    assert_eq!(rig.server.requests, [CREATE_PERMISSION]);
    // And one that is used too late is asked for again, with its channel.
    rig.pass(secs(700));
    rig.server.requests.clear();
    rig.send(PEER, b"\x16data").unwrap();
    assert_eq!(rig.server.requests, [CREATE_PERMISSION, CHANNEL_BIND]);
}

#[test]
fn data_that_overtakes_the_answer_is_let_in() {
    let mut rig = Rig::allocated();
    rig.cut = true;
    rig.client.permit(rig.now, at(PEER).ip()).unwrap();
    rig.client.bind(rig.now, at(PEER)).unwrap();
    rig.inject(data_indication(PEER, b"one"));
    rig.inject(channel_data(0x4000, b"two"));
    assert_eq!(rig.events, [received(PEER, b"one"), received(PEER, b"two")]);
}

#[test]
fn many_peers_are_bounded() {
    let mut rig = Rig::allocated();
    for i in 0..MAX_PEERS {
        let peer = SocketAddr::new(std::net::Ipv4Addr::from(0x0a00_0000 + i as u32).into(), 9);
        rig.client.bind(rig.now, peer).unwrap();
        rig.exchange();
    }
    assert_eq!(
        rig.client.bind(rig.now, at(PEER)),
        Err(SendError::TooManyPeers)
    );
    assert_eq!(rig.send(PEER, b"\x16"), Err(SendError::TooManyPeers));
    assert_eq!(
        rig.client.permit(rig.now, at(PEER).ip()),
        Err(SendError::TooManyPeers)
    );
    // Permissions that nobody uses make room.
    rig.pass(secs(301));
    rig.send(PEER, b"\x16").unwrap();
    // It has no channel, for those keep their numbers, but it has its data.
    assert_eq!(relayed(&mut rig), [(at(PEER), b"\x16".to_vec(), false)]);
}

#[test]
fn mistakes_of_the_caller_are_errors() {
    let mut new = Rig::new(Framing::Datagrams, Config::default(), Server::default());
    assert_eq!(new.send(PEER, b"x"), Err(SendError::NotAllocated));
    let mut rig = Rig::allocated();
    assert_eq!(
        rig.send("[2001:db8::1]:9", b"x"),
        Err(SendError::WrongFamily)
    );
    assert_eq!(rig.send(PEER, &[0x17; 65_457]), Err(SendError::TooLarge));
    rig.client.close(rig.now);
    assert_eq!(rig.send(PEER, b"x"), Err(SendError::NotAllocated));
}

#[test]
fn scenario_16_the_stream_comes_in_pieces_of_any_size() {
    for size in 1..20 {
        let mut rig = Rig::allocated_over(Framing::Stream, Config::default());
        rig.client.bind(rig.now, at(PEER)).unwrap();
        rig.exchange();
        rig.events.clear();
        let stream = [
            channel_data(0x4000, b"a"),
            data_indication(PEER, b"bc"),
            channel_data(0x4000, b"defgh"),
        ]
        .concat();
        for piece in stream.chunks(size) {
            rig.inject(Bytes::copy_from_slice(piece));
        }
        let all = [
            received(PEER, b"a"),
            received(PEER, b"bc"),
            received(PEER, b"defgh"),
        ];
        assert_eq!(rig.events, all);
    }
}
