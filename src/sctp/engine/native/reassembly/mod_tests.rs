use super::*;

fn data(stream: u16, flags: u8, message: u32, fragment: u32, payload: &str) -> Data {
    Data {
        tsn: 0,
        stream,
        flags,
        message,
        fragment,
        ppid: 51,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn read(reassembly: &mut Reassembly, stream: u16) -> Vec<String> {
    let mut events = VecDeque::new();
    let mut texts = Vec::new();
    while let Some((ppid, contents)) = reassembly.read(stream, &mut events) {
        assert_eq!(ppid, Ppid::String);
        texts.push(String::from_utf8(contents.to_vec()).unwrap());
    }
    texts
}

const WHOLE: u8 = flag::BEGIN | flag::END;

#[test]
fn fragments_join_in_any_order_of_arrival() {
    // All orders of five fragments.
    let mut orders = vec![vec![]];
    for n in 0..5u64 {
        let longer = |order: &Vec<u64>| {
            let order = order.clone();
            (0..=order.len()).map(move |at| [&order[..at], &[n], &order[at..]].concat())
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    assert_eq!(orders.len(), 120);
    for interleaved in [false, true] {
        for unordered in [0, flag::UNORDERED] {
            for order in &orders {
                let mut reassembly = Reassembly::new(interleaved);
                for (at, &n) in order.iter().enumerate() {
                    let flags = match n {
                        0 => flag::BEGIN,
                        4 => flag::END,
                        _ => 0,
                    };
                    let text = ["a", "b", "c", "d", "e"][n as usize];
                    let chunk = data(7, flags | unordered, 0, n as u32, text);
                    assert_eq!(reassembly.add(100 + n, chunk, 0), at == 4);
                }
                assert_eq!(read(&mut reassembly, 7), ["abcde"]);
                assert_eq!(reassembly.cost(), 0);
                assert!(reassembly.runs.is_empty());
            }
        }
    }
}

#[test]
fn ordered_messages_wait_for_those_before_them_and_their_numbers_wrap() {
    let mut reassembly = Reassembly::new(false);
    for n in 0..65_535u32 {
        assert!(reassembly.add(n.into(), data(1, WHOLE, n, 0, "x"), 0));
        assert_eq!(read(&mut reassembly, 1).len(), 1);
    }
    assert!(!reassembly.add(1 << 20, data(1, WHOLE, 0, 0, "second"), 0));
    assert!(reassembly.add(1 << 21, data(1, WHOLE | flag::UNORDERED, 9, 0, "free"), 0));
    assert!(!reassembly.add((1 << 20) - 1, data(1, WHOLE, 65_535, 0, "first"), 0));
    assert_eq!(read(&mut reassembly, 1), ["free", "first", "second"]);
    // One that came already.
    assert!(!reassembly.add(1 << 22, data(1, WHOLE, 0, 0, "late"), 0));
    assert_eq!((reassembly.cost(), read(&mut reassembly, 1).len()), (0, 0));
}

#[test]
fn what_was_given_up_holds_nothing_back() {
    for interleaved in [false, true] {
        let mut reassembly = Reassembly::new(interleaved);
        let mut events = VecDeque::new();
        // Half of message 0, all of 1; half of an unordered one; 2 is missing, 3 is there.
        reassembly.add(10, data(1, flag::BEGIN, 0, 0, "half"), 0);
        reassembly.add(12, data(1, WHOLE, 1, 0, "one"), 0);
        reassembly.add(13, data(2, flag::BEGIN | flag::UNORDERED, 0, 0, "half"), 0);
        reassembly.add(16, data(1, WHOLE, 3, 0, "three"), 0);
        let skipped = |stream, unordered, message| Skipped {
            stream,
            unordered,
            message,
        };
        let all = [skipped(1, false, 0), skipped(2, true, 0)];
        let some = if interleaved { 2 } else { 1 };
        reassembly.skip(14, all.into_iter().take(some), &mut events);
        assert_eq!(events.pop_front(), Some(EngineEvent::Readable(1)));
        assert_eq!(read(&mut reassembly, 1), ["one"]);
        reassembly.skip(15, [skipped(1, false, 2)].into_iter(), &mut events);
        assert_eq!(read(&mut reassembly, 1), ["three"]);
        assert_eq!(reassembly.cost(), 0);
        assert!(reassembly.runs.is_empty());
    }
}

#[test]
fn a_reset_is_told_when_everything_before_it_was_read() {
    let mut reassembly = Reassembly::new(false);
    let mut events = VecDeque::new();
    reassembly.add(1, data(3, WHOLE, 0, 0, "old"), 0);
    reassembly.reset(3, &mut events);
    assert!(!reassembly.is_used(3));
    reassembly.add(2, data(3, WHOLE, 0, 0, "new"), 0);
    assert_eq!(events.pop_front(), None);
    let (_, old) = reassembly.read(3, &mut events).unwrap();
    assert_eq!(old, "old");
    assert_eq!(
        events,
        [EngineEvent::ResetByPeer(3), EngineEvent::Readable(3)]
    );
    assert_eq!(read(&mut reassembly, 3), ["new"]);
}

#[test]
fn what_nobody_reads_is_not_held() {
    let mut reassembly = Reassembly::new(true);
    let mut events = VecDeque::new();
    reassembly.add(1, data(3, WHOLE, 0, 0, "ready"), 0);
    reassembly.add(2, data(3, WHOLE, 2, 0, "early"), 0);
    reassembly.add(3, data(3, flag::BEGIN, 3, 0, "part"), 0);
    assert!(reassembly.cost() > 3 * OVERHEAD);
    reassembly.kill(3, &mut events);
    assert_eq!(reassembly.cost(), 0);
    assert!(!reassembly.add(4, data(3, WHOLE, 1, 0, "more"), 0));
    assert_eq!(reassembly.cost(), 0);
    reassembly.reset(3, &mut events);
    assert_eq!(events, [EngineEvent::ResetByPeer(3)]);
}

#[test]
fn small_parts_do_not_keep_large_buffers() {
    let buffer = Bytes::from(vec![1; 1000]);
    let mut reassembly = Reassembly::new(false);
    let chunk = Data {
        payload: buffer.slice(..100),
        ..data(1, flag::BEGIN, 0, 0, "")
    };
    reassembly.add(1, chunk, buffer.len());
    assert!(buffer.try_into_mut().is_ok(), "nobody else has it");
}
