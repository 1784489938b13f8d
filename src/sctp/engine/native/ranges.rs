//! A set of numbers that is mostly consecutive: what arrived beyond a gap.

use std::collections::VecDeque;

/// Ranges with both ends inside, ascending, that neither touch nor overlap.
#[derive(Debug, Default)]
pub(super) struct Ranges(VecDeque<(u64, u64)>);

impl Ranges {
    /// How many ranges there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let after = self.0.partition_point(|range| range.0 <= number);
        after > 0 && self.0[after - 1].1 >= number
    }

    /// Adds a number; `false` if it was there.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let after = self.0.partition_point(|range| range.0 <= number);
        let joins_next = self.0.get(after).is_some_and(|range| range.0 == number + 1);
        let previous = after.checked_sub(1).map(|index| self.0[index].1);
        match previous {
            Some(end) if end >= number => return false,
            Some(end) if end + 1 == number => {
                self.0[after - 1].1 = number;
                if joins_next && let Some(next) = self.0.remove(after) {
                    self.0[after - 1].1 = next.1;
                }
            }
            _ if joins_next => self.0[after].0 = number,
            _ => self.0.insert(after, (number, number)),
        }
        true
    }

    /// Adds a range, and tells of each number that was not there. The work is in the ranges that it
    /// meets and in what is new, not in its length.
    pub(super) fn insert_range(&mut self, start: u64, end: u64, mut new: impl FnMut(u64)) {
        let first = self.0.partition_point(|range| range.1 + 1 < start);
        let (mut low, mut high, mut at, mut last) = (start, end, start, first);
        while let Some(&(a, b)) = self.0.get(last)
            && a <= end + 1
        {
            (at..a.min(end + 1)).for_each(&mut new);
            at = at.max(b + 1);
            low = low.min(a);
            high = high.max(b);
            last += 1;
        }
        (at..=end).for_each(new);
        if last == first {
            self.0.insert(first, (low, high));
        } else {
            self.0[first] = (low, high);
            self.0.drain(first + 1..last);
        }
    }

    /// Forgets everything up to and with this number, and what follows it without a gap. Returns
    /// the last number that was forgotten, or `number`.
    pub(super) fn advance(&mut self, number: u64) -> u64 {
        let mut reached = number;
        while let Some(&(start, end)) = self.0.front()
            && start <= reached + 1
        {
            reached = reached.max(end);
            self.0.pop_front();
        }
        reached
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
#[path = "ranges_tests.rs"]
mod tests;
