//! Data channels as an application holds them, over real sockets: the stream of messages, the two
//! halves, the low threshold, busy polling, and messages of many mebibytes.

#[path = "harness/pair.rs"]
mod pair;
#[path = "harness/time_limit.rs"]
mod time_limit;

use std::time::Duration;

use actix_rtc::{
    Config, DataChannel, DataChannelOptions, DataChannelState, Message, Runtime, SendError,
};
use pair::{Pair, config, signal, start};
use time_limit::within;
use tokio_stream::StreamExt;

/// Two sessions in one process, with a channel from the offerer to the answerer.
struct Connected {
    _rtc: Runtime,
    pair: Pair,
    ours: DataChannel,
    theirs: DataChannel,
}

impl Connected {
    async fn new(change: impl FnOnce(&mut Config)) -> Connected {
        let mut config = config(2);
        change(&mut config);
        let rtc = start(config);
        let pair = Pair::new(&rtc);
        // Not connected yet: the channel waits for that.
        signal(&pair.offerer, &pair.answerer).await;
        let (ours, theirs) = pair.channel().await;
        Connected {
            _rtc: rtc,
            pair,
            ours,
            theirs,
        }
    }
}

#[tokio::test]
async fn messages_come_as_a_stream_that_ends_with_the_channel() {
    let both = Connected::new(|_| {}).await;
    let mut stream = both.theirs.messages();
    let sender = tokio::spawn(async move {
        for number in 0..500u32 {
            both.ours.send(number.to_string()).await.unwrap();
        }
        // What was sent is still delivered.
        both.ours.close();
        both.ours.closed().await
    });
    let mut expected = 0u32;
    while let Some(message) = within(stream.next()).await {
        assert_eq!(message, Message::text(expected.to_string()));
        expected += 1;
    }
    assert_eq!(expected, 500);
    assert_eq!(within(sender).await.unwrap(), None);
    assert_eq!(within(both.theirs.closed()).await, None);
    assert_eq!(
        within(stream.next()).await,
        None,
        "an ended stream stays so"
    );
}

#[tokio::test]
async fn messages_go_to_and_fro_while_workers_look_for_them_and_when_they_have_slept() {
    let both = Connected::new(|config| config.busy_poll = Some(Duration::from_micros(100))).await;
    let Connected { ours, theirs, .. } = &both;
    for pause in [Duration::ZERO, Duration::from_millis(20)] {
        for round in 0..50_u8 {
            tokio::time::sleep(pause).await;
            within(ours.send(vec![round])).await.unwrap();
            let there = within(theirs.recv()).await.unwrap();
            within(theirs.send(there)).await.unwrap();
            let back = within(ours.recv()).await.unwrap();
            assert_eq!(back.as_bytes(), [round]);
        }
    }
}

#[tokio::test]
async fn the_halves_of_a_channel_send_and_receive_on_two_threads() {
    let Connected {
        _rtc,
        pair: _pair,
        ours,
        theirs,
    } = Connected::new(|_| {}).await;
    let echo = tokio::spawn(async move {
        while let Some(message) = theirs.recv().await {
            theirs.send(message).await.unwrap();
        }
        theirs
    });
    let (sender, receiver) = ours.split();
    let message = |number: u32| Message::binary(vec![number as u8; 10_000 + number as usize]);
    // A thread without a runtime of its own.
    let sending = std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.build().unwrap();
        runtime.block_on(async {
            for number in 0..1000 {
                sender.send(message(number)).await.unwrap();
            }
        });
    });
    for number in 0..1000 {
        assert_eq!(within(receiver.recv()).await, Some(message(number)));
    }
    sending.join().unwrap();
    // One half is gone, and the channel is whole; with the other it closes.
    assert_eq!(receiver.state(), DataChannelState::Open);
    receiver.send("still here").await.unwrap();
    assert_eq!(
        within(receiver.recv()).await,
        Some(Message::text("still here"))
    );
    drop(receiver);
    let theirs = within(echo).await.unwrap();
    assert_eq!(within(theirs.closed()).await, None);
}

#[tokio::test]
async fn the_fall_of_the_buffered_amount_to_its_threshold_is_waited_for() {
    const THRESHOLD: usize = 100_000;
    let both = Connected::new(|_| {}).await;
    let ours = &both.ours;
    assert_eq!(ours.buffered_amount_low_threshold(), 0);
    // Nothing waits: it is low already.
    within(ours.buffered_amount_low()).await;
    ours.set_buffered_amount_low_threshold(THRESHOLD);
    assert_eq!(ours.buffered_amount_low_threshold(), THRESHOLD);
    let message = Message::binary(vec![7; 65_536]);
    for _ in 0..3 {
        // The peer does not read, so that all queues on the way are full in the end.
        let mut sent = 0;
        while tokio::time::timeout(Duration::from_millis(300), ours.send(message.clone()))
            .await
            .is_ok()
        {
            sent += 1;
            assert!(sent < 1000, "nothing holds the sender back");
        }
        let refused = ours.try_send(message.clone());
        assert!(
            matches!(refused, Err(SendError::WouldBlock { buffered }) if buffered > THRESHOLD),
            "{refused:?}"
        );
        let low = tokio::time::timeout(Duration::from_millis(50), ours.buffered_amount_low());
        assert!(low.await.is_err(), "it is high as long as nobody reads");
        let reading = async {
            for _ in 0..sent {
                assert_eq!(both.theirs.recv().await, Some(message.clone()));
            }
        };
        let waiting = async {
            ours.buffered_amount_low().await;
            assert!(ours.buffered_amount() <= THRESHOLD);
        };
        within(async { tokio::join!(reading, waiting) }).await;
    }
    // The end of the channel ends the wait, although nothing left.
    while tokio::time::timeout(Duration::from_millis(300), ours.send(message.clone()))
        .await
        .is_ok()
    {}
    let (_, ()) =
        within(async { tokio::join!(both.pair.offerer.close(), ours.buffered_amount_low()) }).await;
    assert_eq!(ours.state(), DataChannelState::Closed);
}

#[tokio::test]
async fn messages_of_many_mebibytes_cross_where_both_sides_allow_them() {
    const MAX: usize = 8 << 20;
    let both = Connected::new(|config| config.sctp.max_message_size = MAX as u32).await;
    assert_eq!(
        both.pair.offerer.sctp().max_message_size(),
        Some(MAX as u32)
    );
    let large: Vec<u8> = (0..MAX).map(|at| (at ^ (at >> 9)) as u8).collect();
    let large = Message::binary(large);
    let sending = async {
        for message in [large.clone(), Message::text("between"), large.clone()] {
            both.ours.send(message).await.unwrap();
        }
    };
    let receiving = async {
        assert!(both.theirs.recv().await.as_ref() == Some(&large));
        assert_eq!(both.theirs.recv().await, Some(Message::text("between")));
        assert!(both.theirs.recv().await.as_ref() == Some(&large));
    };
    within(async { tokio::join!(sending, receiving) }).await;
    let refused = within(both.ours.send(Message::binary(vec![0; MAX + 1]))).await;
    assert_eq!(
        refused,
        Err(SendError::TooLarge {
            size: MAX + 1,
            limit: MAX
        })
    );
}

#[tokio::test]
async fn closed_channels_that_nobody_reads_hold_the_window_and_can_be_read_later() {
    const MESSAGE: usize = 16_384;
    let limit = 65_536;
    let both = Connected::new(|config| config.channel_receive_limit = limit).await;
    let mut sent = Vec::new();
    // Until the window is closed; without one that would be 200 MB.
    'open: for number in 0..100 {
        let label = number.to_string();
        let channel = both
            .pair
            .offerer
            .create_data_channel(&label, DataChannelOptions::default());
        let Ok(channel) = tokio::time::timeout(Duration::from_secs(1), channel).await else {
            break;
        };
        let channel = channel.unwrap();
        let mut count = 0;
        for _ in 0..128 {
            let message = channel.send(vec![number; MESSAGE]);
            if tokio::time::timeout(Duration::from_secs(1), message)
                .await
                .is_err()
            {
                sent.push(count);
                break 'open;
            }
            count += 1;
        }
        sent.push(count);
        channel.close();
    }
    let held: usize = sent.iter().sum::<usize>() * MESSAGE;
    // The inboxes, the window, and what waits at the sender.
    assert!(
        held < 16 << 20,
        "{held} bytes are held for an application that reads nothing"
    );
    // One whose first message found no room may not have been opened.
    let sent = sent.into_iter().enumerate().filter(|(_, count)| *count > 0);
    let mut readers = Vec::new();
    for (number, count) in sent {
        let theirs = within(both.pair.answerer.accept_data_channel())
            .await
            .unwrap();
        assert_eq!(theirs.label(), number.to_string());
        readers.push(tokio::spawn(async move {
            for _ in 0..count {
                let message = within(theirs.recv()).await.expect("not all has arrived");
                assert_eq!(message.as_bytes(), [number as u8; MESSAGE]);
            }
        }));
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn what_waits_for_room_arrives_when_an_unread_channel_is_dropped() {
    let Connected {
        _rtc,
        pair,
        ours,
        theirs,
    } = Connected::new(|config| config.channel_receive_limit = 65_536).await;
    let read = within(
        pair.offerer
            .create_data_channel("read", DataChannelOptions::default()),
    );
    let read = read.await.unwrap();
    let their_read = within(pair.answerer.accept_data_channel()).await.unwrap();
    within(read.opened()).await.unwrap();
    while tokio::time::timeout(Duration::from_secs(1), ours.send(vec![7; 16_384]))
        .await
        .is_ok()
    {}
    for number in 0..20 {
        read.try_send(vec![number]).unwrap();
    }
    drop(theirs);
    for number in 0..20 {
        let message = within(their_read.recv()).await.unwrap();
        assert_eq!(message.as_bytes(), [number]);
    }
}
