use super::super::super::testkit::beginning;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_long_wait_is_cut_short_and_dimpl_sees_its_timer_due() {
    let now = beginning();
    let mut pace = Pace::new(16 * SECOND);
    pace.set(now + SECOND / 2, now, true);
    assert_eq!(pace.timeout(), Some(now + SECOND / 2));
    pace.set(now + 20 * SECOND, now, true);
    assert_eq!(pace.timeout(), Some(now + SECOND));
    // What happens in between does not put it off.
    pace.set(now + 20 * SECOND, now + SECOND / 2, true);
    assert_eq!(pace.timeout(), Some(now + SECOND));
    assert_eq!(pace.shown(now), now);
    pace.advance(now + SECOND / 2);
    assert_eq!(pace.shown(now), now);
    pace.advance(now + SECOND);
    assert_eq!(pace.shown(now + SECOND), now + 20 * SECOND);
    // The next wait counts from there.
    let now = now + SECOND;
    pace.set(pace.shown(now) + SECOND / 4, now, true);
    assert_eq!(pace.timeout(), Some(now + SECOND / 4));
}

#[test]
fn after_the_handshake_dimpl_waits_as_long_as_it_wants() {
    let now = beginning();
    let mut pace = Pace::new(16 * SECOND);
    pace.set(now + 20 * SECOND, now, false);
    assert_eq!(pace.timeout(), Some(now + 20 * SECOND));
    pace.set(now + engine::NEVER, now, false);
    assert_eq!(pace.timeout(), None);
}
