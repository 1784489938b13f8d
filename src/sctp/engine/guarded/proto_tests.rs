use std::time::Duration;

use super::*;
use crate::random::Random;
use crate::sctp::testing::{epoch, offer};

#[test]
fn sctp_proto_reads_our_init() {
    // Its way in for an INIT by other means parses and checks both.
    let config = Config::default();
    let ports = Ports {
        local: 1,
        remote: 2,
    };
    let [local, peer] =
        [1, 2].map(|seed| Parameters::generate(&mut Random::from_number(seed), offer(2000)));
    assert!(Proto::new(&config, ports, &local, &peer).is_some());
}

/// It never sends what has 0 milliseconds left.
#[test]
fn a_message_that_may_still_be_sent_has_a_millisecond_left() {
    let now = epoch();
    for micros in [0, 1, 999, 1000] {
        let until = Reliability::Until(now + Duration::from_micros(micros));
        assert_eq!(limits(now, until), (ReliabilityType::Timed, 1));
    }
    let until = Reliability::Until(now + Duration::from_micros(60_001));
    assert_eq!(limits(now, until), (ReliabilityType::Timed, 61));
}
