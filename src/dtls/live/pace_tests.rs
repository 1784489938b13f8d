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

#[test]
fn while_it_stands_still_nothing_is_due_and_then_it_goes_on_from_there() {
    let now = beginning();
    let mut pace = Pace::new(16 * SECOND);
    // Put forward before, so that both count.
    pace.set(now + 5 * SECOND, now, true);
    pace.advance(now + SECOND);
    let now = now + SECOND;
    let shown = pace.shown(now);
    pace.set(shown + SECOND, now, true);
    pace.stop(now + SECOND / 2);
    pace.stop(now + SECOND);
    assert_eq!(pace.timeout(), None);
    for later in [1, 60] {
        assert_eq!(pace.shown(now + later * SECOND), shown + SECOND / 2);
    }
    let back = now + 60 * SECOND;
    pace.go_on(back);
    pace.go_on(back + SECOND);
    assert_eq!(pace.shown(back), shown + SECOND / 2);
    assert_eq!(pace.timeout(), Some(back + SECOND / 2));
    pace.advance(back + SECOND / 2);
    assert_eq!(pace.shown(back + SECOND / 2), shown + SECOND);
}
