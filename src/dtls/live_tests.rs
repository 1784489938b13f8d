use super::super::testkit::*;
use super::super::{State, Versions};
use super::*;
use crate::machine::Machine;

const SECOND: Duration = Duration::from_secs(1);

/// Once connected, dimpl is given little space for what it says of its own accord. A flight that
/// falls due when a short record comes in needs more.
#[test]
fn a_flight_that_is_sent_again_after_a_short_record_leaves_whole() {
    let nothing = || -> Link { Box::new(|_, _| vec![]) };
    let mut pair = Pair::of(Versions::Only13, Versions::Only13, perfect());
    pair.start();
    pair.run(SECOND, |p| p.ends[CLIENT].state() == State::Connected);
    let flight = pair.sent[CLIENT].last().unwrap().len();
    // RFC 9147 §7: the acknowledgement of the client's last flight is lost.
    pair.link = nothing();
    pair.run(SECOND, |p| p.both(State::Connected));
    // Data is none. Where it was taken, no space of the handshake is left.
    pair.link = perfect();
    pair.send(SERVER, b"heard you");
    pair.run(SECOND, |p| !p.data(CLIENT).is_empty());
    pair.link = nothing();
    pair.now = pair.ends[CLIENT].poll_timeout().unwrap();
    pair.send(SERVER, b"short");
    let record = pair.sent[SERVER].last().unwrap().clone();
    assert!(flight > SHORT_OUTPUT.max(record.len()), "{flight}");
    let before = pair.sent[CLIENT].len();
    pair.inject(CLIENT, &record);
    assert_eq!(pair.data(CLIENT), [&b"heard you"[..], b"short"]);
    let again = pair.sent[CLIENT][before..].iter().map(Vec::len);
    assert_eq!(again.collect::<Vec<_>>(), [flight]);
    pair.link = perfect();
    pair.assert_alive();
}
