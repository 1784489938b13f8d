use std::collections::BTreeSet;

use super::*;
use crate::random::Random;

fn numbers(ranges: &Ranges) -> BTreeSet<u64> {
    ranges.iter().flat_map(|(start, end)| start..=end).collect()
}

#[test]
fn ranges_are_a_set() {
    let mut random = Random::from_number(1);
    for _ in 0..200 {
        let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
        for _ in 0..60 {
            let start = 10 + u64::from(random.u32() % 64);
            match random.u32() % 8 {
                0 => {
                    let end = start + u64::from(random.u32() % 9);
                    let mut new = Vec::new();
                    ranges.insert_range(start, end, |number| new.push(number));
                    let expected: Vec<_> = (start..=end).filter(|&n| set.insert(n)).collect();
                    assert_eq!(new, expected);
                }
                1 if random.u32().is_multiple_of(4) => {
                    let reached = ranges.advance(start);
                    let mut expected = start;
                    set.retain(|&n| n > start);
                    while set.remove(&(expected + 1)) {
                        expected += 1;
                    }
                    assert_eq!(reached, expected);
                }
                _ => assert_eq!(ranges.insert(start), set.insert(start)),
            }
            assert_eq!(numbers(&ranges), set);
            assert!((0..100).all(|n| ranges.contains(n) == set.contains(&n)));
            let mut apart = ranges.iter().zip(ranges.iter().skip(1));
            assert!(apart.all(|(a, b)| a.1 + 1 < b.0), "{ranges:?}");
        }
    }
}
