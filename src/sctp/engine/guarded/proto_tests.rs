use super::*;
use crate::random::Random;

#[test]
fn sctp_proto_reads_our_init() {
    // Its way in for an INIT by other means parses and checks both.
    let config = Config::default();
    let ports = Ports {
        local: 1,
        remote: 2,
    };
    let [local, peer] =
        [1, 2].map(|seed| Parameters::generate(&mut Random::from_number(seed), 2000));
    assert!(Engine::new(&config, ports, &local, &peer).is_some());
}
