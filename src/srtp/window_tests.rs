use std::collections::BTreeSet;

use super::*;
use crate::random::Random;

type Small = Window<3>;

#[test]
fn an_index_is_accepted_once_while_it_is_in_the_window() {
    let mut window = Small::new(1_000);
    assert_eq!(Small::SIZE, 128);
    assert_eq!(window.check(1_000), Err(Stale::Seen));
    assert_eq!(window.check(1_000 - 127), Ok(()));
    assert_eq!(window.check(1_000 - 128), Err(Stale::Below));
    window.accept(1_000 - 127);
    assert_eq!(window.check(1_000 - 127), Err(Stale::Seen));
    window.accept(1_001);
    assert_eq!(window.check(1_000 - 127), Err(Stale::Below));
    assert_eq!(window.highest(), 1_001);
}

#[test]
fn jumps_forget_what_lies_between() {
    for jump in [1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 1 << 40] {
        let mut window = Small::new(500);
        for index in 501..600 {
            window.accept(index);
        }
        let new = 599 + jump;
        window.accept(new);
        for index in (new - 127)..new {
            let want = if !(500..600).contains(&index) {
                Ok(())
            } else {
                Err(Stale::Seen)
            };
            assert_eq!(window.check(index), want, "{index} after {new}");
        }
    }
}

/// The window against a set that forgets nothing.
#[test]
fn it_agrees_with_a_set() {
    for seed in 0..50 {
        let mut random = Random::from_number(seed);
        let first = u64::from(random.u32() % 3_000);
        let (mut window, mut set) = (Window::<17>::new(first), BTreeSet::from([first]));
        for _ in 0..4_000 {
            let reach = if random.u32().is_multiple_of(50) {
                3_000
            } else {
                40
            };
            let around = window.highest() + u64::from(random.u32() % reach);
            let index = around.saturating_sub(u64::from(random.u32() % 1_500));
            let want = if index + 1_024 <= window.highest() {
                Err(Stale::Below)
            } else if set.contains(&index) {
                Err(Stale::Seen)
            } else {
                Ok(())
            };
            assert_eq!(window.check(index), want, "seed {seed}, {index}");
            if want.is_ok() {
                window.accept(index);
                set.insert(index);
            }
        }
    }
}
