use super::*;

const MS: Duration = Duration::from_millis(1);

#[test]
fn the_timeout_follows_the_round_trip_within_its_bounds_and_backs_off() {
    let mut rto = Rto::new(500 * MS, 200 * MS, 3_000 * MS);
    assert_eq!(rto.current(), 500 * MS);
    rto.on_sample(100 * MS);
    // RFC 9260 §6.3.1 C2: R + 4 * R / 2.
    assert_eq!(rto.current(), 300 * MS);
    for _ in 0..100 {
        rto.on_sample(100 * MS);
    }
    assert_eq!(rto.current(), 200 * MS);
    for expected in [400, 800, 1_600, 3_000, 3_000] {
        rto.back_off();
        assert_eq!(rto.current(), expected * MS);
    }
    rto.reset();
    assert_eq!(rto.current(), 200 * MS);
    rto.on_sample(2_000 * MS);
    assert_eq!(rto.smoothed(), Some(Duration::from_micros(337_500)));
    assert!(rto.current() > 2_000 * MS);
}
