//! Fragments that belong together.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Fragments of one message without a gap between them.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) stream: u16,
    pub(super) unordered: bool,
    pub(super) message: u32,
    pub(super) ppid: u32,
    pub(super) begins: bool,
    pub(super) ends: bool,
    pub(super) fragments: VecDeque<Bytes>,
    pub(super) size: usize,
}

impl Run {
    pub(super) fn is_whole(&self) -> bool {
        self.begins && self.ends
    }

    /// Whether this can come behind `before`.
    pub(super) fn follows(&self, before: &Run) -> bool {
        let same = |run: &Run| (run.stream, run.unordered, run.message);
        // RFC 9260 §6.9: all fragments of a message have the same number; of unordered ones it
        // says nothing.
        !before.ends
            && !self.begins
            && (same(self) == same(before)
                || (self.unordered && before.unordered && self.stream == before.stream))
    }

    /// The smaller part moves, so that no order of arrival makes this quadratic.
    pub(super) fn append(&mut self, mut after: Run) {
        self.size += after.size;
        self.ends = after.ends;
        if self.fragments.len() >= after.fragments.len() {
            self.fragments.append(&mut after.fragments);
        } else {
            while let Some(fragment) = self.fragments.pop_back() {
                after.fragments.push_front(fragment);
            }
            self.fragments = after.fragments;
        }
    }

    /// One buffer of all fragments: the only copy on the way in.
    pub(super) fn concat(&self) -> Bytes {
        let mut contents = BytesMut::with_capacity(self.size);
        for fragment in &self.fragments {
            contents.extend_from_slice(fragment);
        }
        contents.freeze()
    }
}
