use super::*;
use crate::dtls::testkit::record;

/// A plaintext record with a part of a message.
fn part(sequence: u16, message: &[u8], from: usize, to: usize) -> Vec<u8> {
    let mut body = vec![11];
    body.extend(u24(message.len()));
    body.extend(sequence.to_be_bytes());
    body.extend(u24(from));
    body.extend(u24(to - from));
    body.extend(&message[from..to]);
    record(HANDSHAKE, 0, from as u64, &body)
}

fn whole(sequence: u16, message: &[u8], number: u64) -> Vec<u8> {
    let mut whole = part(sequence, message, 0, message.len());
    whole[3..11].copy_from_slice(&number.to_be_bytes());
    whole
}

fn message(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
}

#[test]
fn fragments_in_any_order_and_of_any_size_become_the_message() {
    let text = message(1_000);
    // In order, backwards, overlapping, some twice, and a flight resent in other pieces.
    let orders: [Vec<(usize, usize)>; 4] = [
        (0..100).map(|i| (i * 10, i * 10 + 10)).collect(),
        (0..100).rev().map(|i| (i * 10, i * 10 + 10)).collect(),
        vec![(0, 400), (0, 400), (300, 700), (900, 1_000), (650, 950)],
        vec![
            (0, 300),
            (600, 900),
            (0, 199),
            (199, 398),
            (398, 597),
            (597, 796),
            (796, 1_000),
        ],
    ];
    for order in orders {
        let mut reassembly = Reassembly::default();
        let last = order.len() - 1;
        for (i, (from, to)) in order.into_iter().enumerate() {
            let out = reassembly.take(&part(3, &text, from, to));
            match i == last {
                false => assert!(out.is_empty()),
                true => assert_eq!(out, [whole(3, &text, from as u64)]),
            }
        }
        assert!(reassembly.messages.is_empty());
    }
}

#[test]
fn what_is_no_fragment_is_passed_on_and_keeps_its_place() {
    let (a, b, c) = (message(50), message(90), message(20));
    let mut reassembly = Reassembly::default();
    let other = record(20, 0, 9, &[1]);
    let sealed = record(HANDSHAKE, 1, 0, &[0xAA; 40]);
    assert_eq!(reassembly.take(&whole(0, &a, 5)), [whole(0, &a, 5)]);
    assert_eq!(reassembly.take(&[]), Vec::<Vec<u8>>::new());
    assert_eq!(reassembly.take(&[0x2F, 1, 2]), [[0x2F, 1, 2]], "DTLS 1.3");
    // A message, the first part of the next.
    let first = [whole(0, &a, 0), part(1, &b, 0, 40)].concat();
    assert_eq!(reassembly.take(&first), [whole(0, &a, 0)]);
    // Its last part, another message, a change of ciphers, a sealed record.
    let after = [whole(2, &c, 0), other, sealed].concat();
    let second = [part(1, &b, 40, 90), after.clone()].concat();
    assert_eq!(reassembly.take(&second), [whole(1, &b, 40), after]);
    // Two parts in one record.
    let mut both = part(1, &b, 0, 40);
    both.extend(&part(2, &c, 0, 10)[13..]);
    let len = (both.len() - 13) as u16;
    both[11..13].copy_from_slice(&len.to_be_bytes());
    assert!(reassembly.take(&both).is_empty());
    assert_eq!(reassembly.take(&part(2, &c, 10, 20)), [whole(2, &c, 10)]);
}

#[test]
fn a_message_larger_than_a_record_goes_on_in_parts_that_follow_each_other() {
    let text = message(40_000);
    let mut reassembly = Reassembly::default();
    let mut out = Vec::new();
    for from in (0..40_000).step_by(1_000) {
        out.extend(reassembly.take(&part(1, &text, from, from + 1_000)));
    }
    let sizes: Vec<_> = out
        .iter()
        .map(|d| d.len() - RECORD_HEADER - MESSAGE_HEADER)
        .collect();
    assert_eq!(sizes, [MAX_PART, MAX_PART, 40_000 - 2 * MAX_PART]);
    let bodies = out
        .iter()
        .flat_map(|d| &d[RECORD_HEADER + MESSAGE_HEADER..]);
    assert!(bodies.eq(&text));
}

#[test]
fn what_is_held_is_bounded_in_bytes_messages_and_pieces() {
    let mut reassembly = Reassembly::default();
    let huge = message(MAX_HELD + 1);
    assert!(reassembly.take(&part(0, &huge, 0, 100)).is_empty());
    assert!(reassembly.messages.is_empty());
    // Far more messages than there are in a flight: the first ones stay.
    let text = message(10_000);
    for sequence in (0..100).rev() {
        reassembly.take(&part(sequence, &text, 0, 9_000));
    }
    let mut kept: Vec<_> = reassembly.messages.iter().map(|m| m.sequence).collect();
    kept.sort();
    assert_eq!(kept, [0, 1, 2, 3, 4, 5]);
    reassembly.take(&part(7, &text, 0, 9_000));
    assert_eq!(reassembly.messages.len(), 6);
    // Crumbs that do not touch.
    let mut reassembly = Reassembly::default();
    for from in (0..10_000).step_by(2).rev() {
        reassembly.take(&part(0, &text, from, from + 1));
    }
    assert_eq!(reassembly.messages[0].parts.len(), MAX_PARTS);
    // What is larger takes their place.
    for from in (0..10_000).step_by(100) {
        let out = reassembly.take(&part(0, &text, from, from + 100));
        assert_eq!(out.len(), usize::from(from == 9_900));
    }
}

#[test]
fn fragments_that_contradict_each_other_or_themselves_are_dropped() {
    let text = message(100);
    let mut reassembly = Reassembly::default();
    reassembly.take(&part(0, &text, 0, 50));
    let mut other_kind = part(0, &text, 50, 100);
    other_kind[13] = 12;
    assert!(reassembly.take(&other_kind).is_empty());
    assert!(reassembly.take(&part(0, &message(101), 50, 100)).is_empty());
    // Beyond its own length: dimpl's to judge.
    let mut beyond = part(0, &text, 50, 100);
    beyond[14..17].copy_from_slice(&u24(99));
    assert_eq!(reassembly.take(&beyond), [beyond]);
    let out = reassembly.take(&part(0, &text, 50, 100));
    assert_eq!(out, [whole(0, &text, 50)]);
}
