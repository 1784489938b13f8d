use std::time::Duration;

use super::*;

fn limiter(per_second: f64, burst: u32) -> RateLimiter {
    RateLimiter::new(RateLimit { per_second, burst })
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_burst_is_allowed_and_then_a_rate() {
    let limiter = limiter(2.0, 3);
    let (now, source) = (Instant::now(), ip("192.0.2.1"));
    let at = |ms| limiter.admits_at(source, now + Duration::from_millis(ms));
    assert_eq!([at(0), at(0), at(0), at(0)], [true, true, true, false]);
    assert_eq!([at(499), at(501), at(502)], [false, true, false]);
    // A long pause fills it up to a burst and no further.
    assert_eq!(
        [at(60_000), at(60_000), at(60_000), at(60_000)],
        [true, true, true, false]
    );
}

#[test]
fn each_source_has_its_own_bucket_and_a_subscriber_is_one_source() {
    let limiter = limiter(1.0, 1);
    let now = Instant::now();
    let admits = |text| limiter.admits_at(ip(text), now);
    assert!(admits("192.0.2.1"));
    assert!(!admits("192.0.2.1"));
    assert!(!admits("::ffff:192.0.2.1"), "the same address, mapped");
    assert!(admits("192.0.2.2"));
    assert!(admits("2001:db8::1"));
    assert!(!admits("2001:db8::2"), "of the same /64");
    assert!(admits("2001:db8:0:1::1"));
}

#[test]
fn the_memory_for_sources_is_bounded() {
    let limiter = limiter(1.0, 1);
    let now = Instant::now();
    for number in 0..MAX_SOURCES as u32 {
        assert!(limiter.admits_at(std::net::Ipv4Addr::from_bits(number).into(), now));
    }
    assert!(!limiter.admits_at(ip("203.0.113.1"), now), "no room");
    let later = now + Duration::from_secs(2);
    assert!(limiter.admits_at(ip("203.0.113.1"), later));
    assert_eq!(limiter.buckets.lock().unwrap().len(), 1);
}
