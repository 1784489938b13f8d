use super::super::testkit::*;
use super::super::{State, Versions};
use super::*;
use crate::Machine;

/// Once connected, dimpl is given little space for what it says of its own accord: a flight that
/// falls due while a short datagram comes in needs more.
#[test]
fn a_flight_that_is_sent_again_in_answer_to_a_short_datagram_leaves_whole() {
    let protected = |datagram: &[u8]| datagram[0] >> 5 == 1;
    // RFC 9147: the client is connected before the server has heard its last flight.
    let link: Link = Box::new(
        move |from, datagram| match from == CLIENT && protected(datagram) {
            true => vec![],
            false => vec![DELAY],
        },
    );
    let mut pair = Pair::of(Versions::Only13, Versions::Only13, link);
    pair.start();
    pair.run(Duration::from_secs(1), |p| {
        p.ends[CLIENT].state() == State::Connected
    });
    let lengths = |datagrams: &[Vec<u8>]| -> Vec<usize> {
        let flight = datagrams.iter().filter(|datagram| protected(datagram));
        flight.map(Vec::len).collect()
    };
    let flight = lengths(&pair.sent[CLIENT]);
    let before = pair.sent[CLIENT].len();
    // Nothing is heard of the server, but something of its form.
    let short = [&[0b0010_1111, 0, 9, 0, 40][..], &[9; 40]].concat();
    let space = SHORT_OUTPUT.max(short.len());
    assert!(flight.iter().any(|len| *len > space), "{flight:?}");
    pair.link = perfect();
    pair.now = pair.ends[CLIENT].poll_timeout().unwrap();
    pair.inject(CLIENT, &short);
    assert_eq!(lengths(&pair.sent[CLIENT][before..]), flight);
    pair.run(DELAY, |p| p.both(State::Connected));
    assert!(pair.both(State::Connected), "the server understands it");
    pair.assert_alive();
}
