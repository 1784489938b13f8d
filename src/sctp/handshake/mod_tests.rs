use super::*;
use crate::sctp::testing::{epoch, offer};
use crate::sctp::wire::packet::Chunks;

fn start(seed: u64, now: Instant) -> (Handshake, Vec<Bytes>) {
    let mut out = Vec::new();
    let ports = Ports {
        local: 5000,
        remote: 5000,
    };
    let rto = Rto {
        initial: Duration::from_millis(500),
        max: Duration::from_secs(3),
    };
    (
        Handshake::start(
            now,
            Random::from_number(seed),
            offer(100_000),
            1160,
            ports,
            rto,
            &mut out,
        ),
        out,
    )
}

#[test]
fn a_cookie_that_could_not_be_sent_back_is_not_taken() {
    let now = epoch();
    for (size, taken) in [(1144, true), (1145, false)] {
        let (mut ours, mut out) = start(1, now);
        let (theirs, _) = start(2, now);
        out.clear();
        let value = theirs.local().encode(Some(&vec![7; size]));
        let packet = theirs.packet(ours.local().initiate_tag);
        let packet = packet.chunk(kind::INIT_ACK, 0, &value).finish();
        give(&mut ours, now, &packet, &mut out);
        let sizes: Vec<_> = out.iter().map(Bytes::len).collect();
        assert_eq!(sizes, if taken { vec![1160] } else { vec![] });
    }
}

/// Gives a packet of one chunk to a handshake.
fn give(handshake: &mut Handshake, now: Instant, packet: &Bytes, out: &mut Vec<Bytes>) -> Progress {
    let header = Header::read(packet).unwrap();
    let chunk = Chunks::of(packet).next().unwrap();
    match chunk.kind {
        kind::INIT => handshake.handle_init(now, chunk.value, out),
        kind::INIT_ACK => handshake.handle_init_ack(now, header, chunk.value, out),
        kind::COOKIE_ECHO => handshake.handle_cookie_echo(now, header, chunk.value, out),
        kind::COOKIE_ACK => handshake.handle_cookie_ack(header),
        kind::ERROR => handshake.handle_error(now, header, chunk.value, out),
        other => panic!("chunk {other}"),
    }
}

#[test]
fn retransmissions_back_off_to_the_maximum() {
    let now = epoch();
    let (mut handshake, _) = start(1, now);
    let mut gaps = Vec::new();
    let mut last = now;
    for _ in 0..6 {
        let due = handshake.poll_timeout().unwrap();
        gaps.push((due - last).as_millis());
        last = due;
        let mut out = Vec::new();
        handshake.handle_timeout(due, &mut out);
        assert_eq!(Chunks::of(&out[0]).next().unwrap().kind, kind::INIT);
    }
    assert_eq!(gaps, [500, 1000, 2000, 3000, 3000, 3000]);
}

#[test]
fn a_handshake_by_one_side_gives_both_the_same_picture() {
    let now = epoch();
    let (mut a, init) = start(1, now);
    let (mut b, _) = start(2, now);
    let (mut to_a, mut to_b) = (Vec::new(), Vec::new());
    assert_eq!(give(&mut b, now, &init[0], &mut to_a), Progress::None);
    assert_eq!(give(&mut a, now, &to_a[0], &mut to_b), Progress::None);
    assert_eq!(
        give(&mut b, now, &to_b[0], &mut to_a),
        Progress::Established(*a.local())
    );
    assert_eq!(
        give(&mut a, now, &to_a[1], &mut to_b),
        Progress::Established(*b.local())
    );
    assert_eq!((a.poll_timeout(), b.poll_timeout()), (None, None));
    // The COOKIE ECHO again, because its answer was lost: answered again, even when it is old.
    let later = now + Duration::from_secs(3600);
    assert_eq!(give(&mut b, later, &to_b[0], &mut to_a), Progress::None);
    assert_eq!(Chunks::of(&to_a[2]).next().unwrap().kind, kind::COOKIE_ACK);
    // A COOKIE ACK and an INIT ACK that nobody waits for.
    assert_eq!(give(&mut a, now, &to_a[1], &mut to_b), Progress::Ignored);
    assert_eq!(give(&mut a, now, &to_a[0], &mut to_b), Progress::Ignored);
}

#[test]
fn an_altered_cookie_and_a_wrong_tag_are_ignored() {
    let now = epoch();
    let (mut a, init) = start(1, now);
    let (mut b, _) = start(2, now);
    let (mut to_a, mut to_b) = (Vec::new(), Vec::new());
    give(&mut b, now, &init[0], &mut to_a);
    let mut wrong_tag = to_a[0].to_vec();
    wrong_tag[4] ^= 1;
    assert_eq!(
        give(&mut a, now, &wrong_tag.into(), &mut to_b),
        Progress::Ignored
    );
    give(&mut a, now, &to_a[0], &mut to_b);
    let mut altered = to_b[0].to_vec();
    altered[20] ^= 1;
    assert_eq!(
        give(&mut b, now, &altered.into(), &mut to_a),
        Progress::Ignored
    );
    assert_eq!(
        give(&mut b, now, &to_b[0], &mut to_a),
        Progress::Established(*a.local())
    );
}
