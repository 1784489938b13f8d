use super::*;
use crate::sctp::wire::packet::{Header, checksum_is_valid};

const SIZE: usize = 1160;

fn builder() -> Builder {
    Builder::new(Header {
        source_port: 1,
        destination_port: 2,
        verification_tag: 3,
    })
}

/// A request: its number, the number of the peer's that it acknowledges, and its streams.
fn request(number: u32, acknowledged: u32, streams: Range<u16>) -> Bytes {
    let mut value = BytesMut::new();
    value.put_u16(parameter::OUTGOING_RESET);
    value.put_u16(16 + 2 * streams.len() as u16);
    value.put_u32(number);
    value.put_u32(acknowledged);
    value.put_u32(77);
    streams.for_each(|stream| value.put_u16(stream));
    builder().chunk(kind::RECONFIG, 0, &value).finish()
}

fn response(number: u32, result: u32) -> Bytes {
    let mut value = BytesMut::new();
    value.put_u16(parameter::RECONFIG_RESPONSE);
    value.put_u16(12);
    value.put_u32(number);
    value.put_u32(result);
    builder().chunk(kind::RECONFIG, 0, &value).finish()
}

fn requests(streams: Range<u16>) -> Requests {
    let mut requests = Requests::new(SIZE);
    streams.for_each(|stream| requests.begin(stream));
    requests
}

/// What is sent next, if something is.
fn part(requests: &Requests) -> Bytes {
    requests.part(builder()).unwrap()
}

#[test]
fn what_fits_into_a_packet_leaves_and_is_answered_as_it_is() {
    let mut requests = requests(0..564);
    let packet = request(9, 4, 0..564);
    assert_eq!(packet.len(), SIZE);
    assert_eq!(requests.on_leaving(packet.clone()), packet);
    // An answer to the peer is none of its business.
    let answer = response(5, result::PERFORMED);
    assert_eq!(requests.on_leaving(answer.clone()), answer);
    assert_eq!(requests.resetting().len(), 564);
    let answer = response(9, result::IN_PROGRESS);
    assert_eq!(requests.on_arriving(&answer), (answer, false));
    assert_eq!(requests.resetting().len(), 564);
    let answer = response(9, result::PERFORMED);
    assert_eq!(requests.on_arriving(&answer), (answer, false));
    assert!(requests.resetting().is_empty());
}

#[test]
fn a_large_request_leaves_in_parts_each_after_the_answer_to_the_last() {
    let n = u32::MAX;
    let mut requests = requests(0..1200);
    let packet = request(n, 4, 0..1200);
    let first = request(n, 4, 0..564);
    assert_eq!(requests.on_leaving(packet.clone()), first);
    assert!(checksum_is_valid(&first) && first.len() <= SIZE);
    // sctp-proto sends it again.
    assert_eq!(requests.on_leaving(packet.clone()), first);
    let in_progress = response(n, result::IN_PROGRESS);
    let performed = |number| response(number, result::PERFORMED);
    assert_eq!(
        requests.on_arriving(&in_progress),
        (in_progress.clone(), false)
    );
    assert_eq!(part(&requests), first);

    assert_eq!(
        requests.on_arriving(&performed(n)),
        (in_progress.clone(), true)
    );
    assert_eq!(part(&requests), request(0, 4, 564..1128));
    assert_eq!(requests.on_leaving(packet), part(&requests));
    // The first answer once more: not one to the second part.
    let (late, next) = requests.on_arriving(&performed(n));
    assert_eq!((late, next), (performed(n - 1), false));
    assert_eq!(requests.resetting().len(), 1200);

    let nothing = response(0, result::NOTHING_TO_DO);
    assert_eq!(requests.on_arriving(&nothing), (in_progress, true));
    assert_eq!(part(&requests), request(1, 4, 1128..1200));
    assert_eq!(requests.on_arriving(&performed(1)), (performed(n), false));
    assert!(requests.resetting().is_empty());

    // The numbers on the wire go on without a gap.
    assert_eq!(
        requests.on_leaving(request(0, 5, 7..8)),
        request(2, 5, 7..8)
    );
    assert_eq!(requests.on_arriving(&performed(2)), (performed(0), false));
}

#[test]
fn a_part_that_is_refused_ends_the_request() {
    let mut requests = requests(0..1200);
    requests.on_leaving(request(9, 4, 0..1200));
    requests.on_arriving(&response(9, result::PERFORMED));
    let denied = |number| response(number, 2);
    assert_eq!(requests.on_arriving(&denied(10)), (denied(9), false));
    assert!(requests.resetting().is_empty() && requests.part(builder()).is_none());
    assert_eq!(
        requests.on_leaving(request(10, 4, 0..1)),
        request(11, 4, 0..1)
    );
}

#[test]
fn a_request_of_the_peer_acknowledges_the_last_part_only() {
    let mut requests = requests(0..600);
    requests.on_leaving(request(9, 4, 0..600));
    let theirs = |acknowledged| request(5, acknowledged, 3..6);
    assert_eq!(requests.on_arriving(&theirs(9)), (theirs(8), false));
    requests.on_arriving(&response(9, result::PERFORMED));
    assert_eq!(requests.on_arriving(&theirs(10)), (theirs(9), false));
    assert!(requests.resetting().is_empty());
}

#[test]
fn a_request_for_all_streams_is_one_for_each() {
    let mut requests = requests(0..10);
    let all = request(9, 4, 0..0);
    assert_eq!(requests.on_leaving(all.clone()), all);
    requests.on_arriving(&response(9, result::PERFORMED));
    assert!(requests.resetting().is_empty());
}
