//! Which packet indexes were seen (RFC 3711 §3.3.2), in the manner of RFC 6479.

/// Indexes that lie less than `(WORDS - 1) * 64` below the highest are remembered one by one.
#[derive(Debug, Clone)]
pub(super) struct Window<const WORDS: usize> {
    highest: u64,
    /// A ring of 64 indexes a word. The word of the highest is in use in part, hence one more.
    seen: [u64; WORDS],
}

/// Why an index is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stale {
    /// It was seen.
    Seen,
    /// It lies below the window.
    Below,
}

impl<const WORDS: usize> Window<WORDS> {
    /// How many indexes are remembered.
    pub(super) const SIZE: u64 = (WORDS as u64 - 1) * 64;

    /// With one index that was seen.
    pub(super) fn new(first: u64) -> Window<WORDS> {
        let mut window = Window {
            highest: first,
            seen: [0; WORDS],
        };
        window.mark(first);
        window
    }

    /// The highest index that was seen.
    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether `index` is new. Changes nothing.
    pub(super) fn check(&self, index: u64) -> Result<(), Stale> {
        if index > self.highest {
            Ok(())
        } else if self.highest - index >= Self::SIZE {
            Err(Stale::Below)
        } else if self.seen[Self::word(index)] & Self::bit(index) != 0 {
            Err(Stale::Seen)
        } else {
            Ok(())
        }
    }

    /// Remembers an index that [`check`](Self::check) let pass.
    pub(super) fn accept(&mut self, index: u64) {
        if index > self.highest {
            let words = (index / 64 - self.highest / 64).min(WORDS as u64);
            for word in 0..words {
                self.seen[Self::word(index - word * 64)] = 0;
            }
            self.highest = index;
        }
        self.mark(index);
    }

    fn mark(&mut self, index: u64) {
        self.seen[Self::word(index)] |= Self::bit(index);
    }

    fn word(index: u64) -> usize {
        (index / 64 % WORDS as u64) as usize
    }

    fn bit(index: u64) -> u64 {
        1 << (index % 64)
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
